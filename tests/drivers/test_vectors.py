"""Every collected frame: the codec makes it, understands it, and the simulated board speaks it."""

from __future__ import annotations

import pytest

from drivers.boards import FAMILIES
from drivers.door import DoorState, ItemState
from drivers.frames import FrameError
from tests.support.vectors import (
    FILES,
    OF_FAMILY,
    Bench,
    as_fields,
    case_id,
    cases,
    codec_of,
    decoders,
    plain,
    taken,
)


def each(key: str, *, family_only: bool = False):
    found = cases(key, family_only=family_only)
    assert found
    return pytest.mark.parametrize(("name", "vector"), found, ids=map(case_id, found))


FRAMES = cases("frames")
REQUESTS = [case for case in FRAMES if not case[1]["kind"].endswith(("_reply", "_report"))]
ANSWERS = [case for case in FRAMES if case not in REQUESTS]


def test_every_family_has_its_vectors():
    assert set(OF_FAMILY) == set(FAMILIES)
    for name, vectors in FILES.items():
        assert codec_of(name).__doc__
        if vectors["family"]:
            assert name.replace("_", "-") == vectors["family"]


@each("frames")
def test_a_frame_names_its_sources_and_how_sure_they_are(name, vector):
    vectors = FILES[name]
    assert vector["sources"]
    assert set(vector["sources"]) <= set(vectors["sources"])
    assert vector["confidence"] in vectors["confidence"]
    assert (vector["sources"] == ["own"]) <= (vector["confidence"] == "calculated")


@pytest.mark.parametrize(("name", "vector"), REQUESTS, ids=map(case_id, REQUESTS))
def test_a_request_both_ways(name, vector):
    codec = codec_of(name)
    context = vector.get("context", {})
    encode = getattr(codec, f"encode_{vector['kind']}")
    fields = plain(vector["fields"])
    locks = fields.get("locks", ())
    arguments = {
        **fields,
        "channels": [place for place, is_set in enumerate(locks, start=1) if is_set],
        **dict.fromkeys(vector.get("meant", []), True),
        **context,
    }
    frame = bytes.fromhex(vector["hex"])
    assert encode(**taken(encode, arguments)) == frame
    request = codec.decode_request(frame, **taken(codec.decode_request, context))
    usual = {"class": camel(vector["kind"]) + "Request", "fields": vector["fields"]}
    meaning = vector.get("decoded", usual)
    assert type(request).__name__ == meaning["class"]
    assert as_fields(request) == plain(meaning["fields"])


@pytest.mark.parametrize(("name", "vector"), ANSWERS, ids=map(case_id, ANSWERS))
def test_an_answer_both_ways(name, vector):
    codec, kind = codec_of(name), vector["kind"]
    context = vector.get("context", {})
    reply = getattr(codec, camel(kind))(**plain(vector["fields"]))
    encode, decode = getattr(codec, f"encode_{kind}"), getattr(codec, f"decode_{kind}")
    frame = bytes.fromhex(vector["hex"])
    assert encode(reply, **taken(encode, context)) == frame
    assert decode(frame, **taken(decode, context)) == reply


def camel(kind: str) -> str:
    return "".join(word.capitalize() for word in kind.split("_"))


@each("refused")
def test_what_is_no_frame_of_the_family_is_refused(name, vector):
    refuse_everywhere(name, bytes.fromhex(vector["hex"]))


@each("wrong_checksums")
def test_a_wrong_checksum_is_refused(name, vector):
    complaints = refuse_everywhere(name, bytes.fromhex(vector["hex"]))
    right = bytes.fromhex(vector["right"]).hex(" ").upper()
    assert any(complaint.endswith(f"expected {right}") for complaint in complaints)


def refuse_everywhere(name: str, frame: bytes) -> list[str]:
    """What each decoder complains of."""
    codec = codec_of(name)
    complaints = []
    for decode in decoders(codec):
        with pytest.raises(FrameError) as refusal:
            decode(frame, **taken(decode, {"channels": 8}))
        complaints.append(str(refusal.value))
    if FILES[name]["family"]:
        family = FAMILIES[FILES[name]["family"]]
        board = family(family.addresses[1], family.channel_counts[-1])
        assert board.find_answer(board.questions()[0], frame) is None
    return complaints


@each("streams")
def test_exactly_one_answer_is_found_in_a_stream(name, vector):
    data = bytes.fromhex(vector["hex"])
    board = FAMILIES[FILES[name]["family"]](vector["address"], vector["channels"])
    question = board.questions()[0]
    found = [end for end in range(len(data) + 1) if board.find_answer(question, data[:end])]
    assert found == [len(data)]
    answer = board.find_answer(question, data)
    assert answer is not None
    closed = [channel for channel, state in answer.doors.items() if state is DoorState.CLOSED]
    present = [channel for channel, item in answer.items.items() if item is ItemState.PRESENT]
    assert closed == vector["closed"]
    assert present == vector.get("present", [])


@each("exchanges", family_only=True)
def test_the_simulated_board_answers_as_the_vectors_say(name, vector):
    bench = Bench(FILES[name]["family"], vector)
    answers = bench.ask(bytes.fromhex(vector["request"]))
    assert answers == [bytes.fromhex(reply) for reply in vector["replies"]]
    if "moves" in vector:
        bench.steel.advance(1.0)
        jammed = vector.get("jammed", [])
        assert bench.pulsed() == sorted([*vector["moves"], *jammed])


@each("exchanges", family_only=True)
def test_the_simulated_board_hears_byte_by_byte_and_behind_noise(name, vector):
    bench = Bench(FILES[name]["family"], vector)
    request = b"\xff\x00" + bytes.fromhex(vector["request"])
    replies = [reply for byte in request for reply in bench.simulated.hear(bytes([byte]), 0.0)]
    assert len(replies) == len(vector["replies"])
