"""What only the family lockboard-8a has: wiring that looks like an echo, byte orders, a KS1062."""

from __future__ import annotations

import pytest

from drivers.boards import lockboard_8a as codec
from drivers.boards.lockboard_8a import LockBoard8A
from drivers.door import DoorState
from drivers.frames import FrameError


@pytest.mark.parametrize("low_byte_first", [False, True])
@pytest.mark.parametrize("invert", [False, True])
def test_doors_are_read_either_way_round(invert: bool, low_byte_first: bool) -> None:
    options = {"low_byte_first": low_byte_first}
    board = LockBoard8A(1, 50, invert=invert, options=options)
    states = [0x02, 0, 0, 0, 0, 0, 0x01]
    frame = codec.with_checksum(0x80, 1, *states, 0x33)
    answer = board.find_answer(board.questions()[0], frame)
    assert answer is not None
    when_shorted = DoorState.OPEN if invert else DoorState.CLOSED
    shorted = [channel for channel, state in answer.doors.items() if state is when_shorted]
    assert shorted == ([2, 49] if low_byte_first else [1, 50])


def test_an_echoed_request_is_never_an_answer() -> None:
    board = LockBoard8A(1, 24)
    question = board.questions()[0]
    echoes = question.request + board.unlock_request(1)
    assert board.find_answer(question, echoes) is None
    assert not board.has_wrong_sum(question, echoes)


def test_a_ks1062_is_unlocked_by_its_own_function() -> None:
    board = LockBoard8A(1, 12, options={"unlock_function": 0x33})
    assert board.unlock_request(1) == bytes.fromhex("8A 01 01 33 B9")
    with pytest.raises(FrameError, match="function 22 is neither 11 nor 33"):
        codec.encode_unlock(1, 1, function=0x22)


def test_the_answer_for_all_locks_is_as_long_as_the_board_is_big() -> None:
    lengths = {channels: codec.read_all_reply_length(channels) for channels in (8, 24, 32, 50)}
    assert lengths == {8: 7, 24: 7, 32: 8, 50: 11}
