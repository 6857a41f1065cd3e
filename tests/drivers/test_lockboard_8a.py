"""The codec and the simulated board of the family lockboard-8a, held to the collected vectors."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from random import Random

import pytest

from drivers.boards import FAMILIES
from drivers.boards import lockboard_8a as codec
from drivers.boards.family import BoardSettingError
from drivers.boards.lockboard_8a import FrameError, LockBoard8A
from drivers.door import DoorState
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.lockboard_8a import SimulatedBoard8A

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "lockboard_8a.json").read_text(encoding="utf-8")
)
FRAMES = VECTORS["frames"]


def of_kind(*kinds: str):
    frames = [frame for frame in FRAMES if frame["kind"] in kinds]
    assert frames
    return pytest.mark.parametrize("frame", frames, ids=lambda frame: frame["hex"])


def contacts(frame) -> tuple[bool, ...]:
    return tuple(lock in frame["shorted_locks"] for lock in range(1, frame["channels"] + 1))


def test_every_frame_names_known_sources_and_confidence():
    for frame in FRAMES:
        assert set(frame["sources"]) <= set(VECTORS["sources"])
        assert frame["confidence"] in VECTORS["confidence"]
        body = bytes.fromhex(frame["hex"])
        assert codec.checksum(body[:-1]) == body[-1]


@of_kind("unlock")
def test_unlock(frame):
    encoded = codec.encode_unlock(frame["address"], frame["channel"])
    assert encoded == bytes.fromhex(frame["hex"])
    assert codec.decode_request(encoded) == codec.UnlockRequest(frame["address"], frame["channel"])


@of_kind("unlock_all")
def test_unlock_all(frame):
    encoded = codec.encode_unlock_all(frame["address"], every_door_of_the_board=True)
    assert encoded == bytes.fromhex(frame["hex"])
    assert codec.decode_request(encoded) == codec.UnlockAllRequest(frame["address"])


@of_kind("read_one")
def test_read_one(frame):
    encoded = codec.encode_read_one(frame["address"], frame["channel"])
    assert encoded == bytes.fromhex(frame["hex"])
    assert codec.decode_request(encoded) == codec.ReadOneRequest(frame["address"], frame["channel"])


@of_kind("read_all")
def test_read_all(frame):
    encoded = codec.encode_read_all(frame["address"])
    assert encoded == bytes.fromhex(frame["hex"])
    assert codec.decode_request(encoded) == codec.ReadAllRequest(frame["address"])


@of_kind("unlock_reply")
def test_unlock_reply(frame):
    reply = codec.UnlockReply(frame["address"], frame["channel"], frame["shorted"])
    assert codec.encode_unlock_reply(reply) == bytes.fromhex(frame["hex"])
    assert codec.decode_unlock_reply(bytes.fromhex(frame["hex"])) == reply


@of_kind("read_one_reply")
def test_read_one_reply(frame):
    reply = codec.ReadOneReply(frame["address"], frame["channel"], frame["shorted"])
    assert codec.encode_read_one_reply(reply) == bytes.fromhex(frame["hex"])
    assert codec.decode_read_one_reply(bytes.fromhex(frame["hex"])) == reply


@of_kind("read_all_reply")
def test_read_all_reply(frame):
    low_byte_first = frame.get("low_byte_first", False)
    reply = codec.ReadAllReply(frame["address"], contacts(frame))
    encoded = codec.encode_read_all_reply(reply, low_byte_first=low_byte_first)
    assert encoded == bytes.fromhex(frame["hex"])
    decoded = codec.decode_read_all_reply(encoded, frame["channels"], low_byte_first=low_byte_first)
    assert decoded == reply


@of_kind("read_all_reply")
@pytest.mark.parametrize("invert", [False, True])
def test_board_reads_doors_either_way_round(frame, invert):
    options = {"low_byte_first": frame.get("low_byte_first", False)}
    board = LockBoard8A(frame["address"], frame["channels"], invert=invert, options=options)
    doors = board.find_answer(board.questions()[0], bytes.fromhex(frame["hex"]))
    when_shorted = DoorState.OPEN if invert else DoorState.CLOSED
    assert doors is not None
    shorted = [channel for channel, state in doors.items() if state is when_shorted]
    assert shorted == frame["shorted_locks"]
    assert list(doors) == list(range(1, frame["channels"] + 1))


@of_kind("not_offered")
def test_what_is_not_offered_is_neither_obeyed_nor_an_answer(frame):
    data = bytes.fromhex(frame["hex"])
    with pytest.raises(FrameError):
        codec.decode_request(data)
    board = LockBoard8A(1, 8)
    assert board.find_answer(board.questions()[0], data) is None
    steel = SimulatedBank(["1"], Random(1), lambda: 0.0)
    assert SimulatedBoard8A(board, steel, {1: "1"}).hear(data, 0.0) == []
    assert steel.doors["1"].pulses == 0


@pytest.mark.parametrize("vector", VECTORS["wrong_checksums"], ids=lambda vector: vector["hex"])
def test_wrong_checksums_are_refused(vector):
    data = bytes.fromhex(vector["hex"])
    assert codec.checksum(data[:-1]) == int(vector["right"], 16)
    for decode in (
        codec.decode_request,
        codec.decode_unlock_reply,
        codec.decode_read_one_reply,
        lambda frame: codec.decode_read_all_reply(frame, 8),
    ):
        with pytest.raises(FrameError):
            decode(data)


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=lambda vector: vector["hex"])
def test_exactly_one_answer_is_found_behind_garbage(vector):
    data = bytes.fromhex(vector["hex"])
    board = LockBoard8A(vector["address"], vector["channels"])
    question = board.questions()[0]
    found = [end for end in range(len(data) + 1) if board.find_answer(question, data[:end])]
    assert found == [len(data)]
    doors = board.find_answer(question, data)
    assert doors is not None
    closed = [channel for channel, state in doors.items() if state is DoorState.CLOSED]
    assert closed == vector["shorted_locks"]


@pytest.mark.parametrize("vector", VECTORS["exchanges"], ids=str)
def test_simulated_board_answers_as_the_vectors_say(vector):
    channels = range(1, vector["channels"] + 1)
    steel = SimulatedBank([str(channel) for channel in channels], Random(1), lambda: 0.0)
    for channel in vector.get("open", []):
        steel.open_by_force(str(channel))
    for channel in vector.get("jammed", []):
        steel.jam(str(channel))
    board = LockBoard8A(vector["address"], vector["channels"], invert=vector["invert"])
    simulated = SimulatedBoard8A(board, steel, {channel: str(channel) for channel in channels})
    (reply,) = simulated.hear(bytes.fromhex(vector["request"]), 0.0)
    steel.advance(reply.at_s)
    assert reply.make_frame() == bytes.fromhex(vector["reply"])


def test_no_channel_number_opens_all_doors():
    """Exhaustive over addresses and channels, on every size of board and in the bare codec."""
    for address, channel in product(range(-2, 300), range(-300, 600)):
        try:
            frame = codec.encode_unlock(address, channel)
        except FrameError:
            assert address not in range(1, 32) or channel not in range(1, 51)
        else:
            assert codec.decode_request(frame) == codec.UnlockRequest(address, channel)
    for channels in codec.CHANNEL_COUNTS:
        board = LockBoard8A(7, channels)
        for channel in range(-300, 600):
            if channel in range(1, channels + 1):
                assert board.unlock_request(channel)[2] == channel
            else:
                with pytest.raises(FrameError, match="is not on this board"):
                    board.unlock_request(channel)


@pytest.mark.parametrize("meant", [False, 1, "yes", None])
def test_open_all_must_be_meant(meant):
    with pytest.raises(FrameError, match="every door"):
        codec.encode_unlock_all(1, every_door_of_the_board=meant)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"address": 0, "channels": 12}, "address 0: .* 1..31"),
        ({"address": 32, "channels": 12}, "address 32: .* 1..31"),
        ({"address": 1, "channels": 1}, "channels 1: .* 2..50"),
        ({"address": 1, "channels": 51}, "channels 51: .* 2..50"),
        ({"address": 1, "channels": 8, "options": {"speed": 1}}, "option 'speed'"),
        ({"address": 1, "channels": 8, "options": {"low_byte_first": "no"}}, "true or false"),
    ],
)
def test_a_board_that_cannot_be_is_refused(settings, message):
    with pytest.raises(BoardSettingError, match=message):
        FAMILIES["lockboard-8a"](**settings)


def test_an_echoed_request_is_never_an_answer():
    board = LockBoard8A(1, 24)
    question = board.questions()[0]
    echoes = question.request + board.unlock_request(1)
    assert board.find_answer(question, echoes) is None
    assert not board.has_wrong_sum(question, echoes)
