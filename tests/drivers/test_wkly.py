"""What only the family wkly has: answers that say how many locks there are, and unknown states."""

from __future__ import annotations

from drivers.boards.wkly import WKLY
from drivers.door import DoorState
from drivers.simulator.boards.wkly import encode_read_all_reply


def test_a_state_that_is_neither_open_nor_shut_is_unknown() -> None:
    for invert, of_one in ((False, DoorState.CLOSED), (True, DoorState.OPEN)):
        board = WKLY(2, 3, invert=invert)
        answer = board.find_answer(board.questions()[0], encode_read_all_reply(2, [1, 0xFF, 7]))
        assert answer is not None
        assert answer.doors == {1: of_one, 2: DoorState.UNKNOWN, 3: DoorState.UNKNOWN}


def test_a_board_may_have_more_locks_than_the_config_and_not_fewer() -> None:
    board = WKLY(2, 3)
    question = board.questions()[0]
    for count in range(1, 25):
        answer = board.find_answer(question, encode_read_all_reply(2, [0] * count))
        assert (answer is not None) == (count >= 3)
        if answer is not None:
            assert tuple(answer.doors) == question.channels


def test_a_length_that_does_not_fit_the_count_is_no_answer() -> None:
    board = WKLY(2, 3)
    frame = encode_read_all_reply(2, [0, 1, 0])
    for place in (4, 8):
        # The checksum is made right again: only the two numbers contradict each other.
        wrong = frame[:place] + bytes([frame[place] ^ 1]) + frame[place + 1 : -1]
        wrong += bytes([frame[-1] ^ 1])
        assert board.find_answer(board.questions()[0], wrong) is None
        assert not board.has_wrong_sum(board.questions()[0], wrong)
