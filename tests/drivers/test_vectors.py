"""Every collected frame: who sends it builds it, who hears it understands it, byte by byte."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.boards import FAMILIES
from drivers.door import DoorState, ItemState
from drivers.frames import FrameError
from tests.support.vectors import (
    FILES,
    OF_FAMILY,
    Bench,
    as_fields,
    board_codec_of,
    case_id,
    cases,
    decoders,
    encoders,
    host_codec_of,
    plain,
    taken,
)


def each(key: str, *, family_only: bool = False) -> pytest.MarkDecorator:
    found = cases(key, family_only=family_only)
    assert found
    return pytest.mark.parametrize(("name", "vector"), found, ids=map(case_id, found))


FRAMES = cases("frames")
REQUESTS = [case for case in FRAMES if not case[1]["kind"].endswith(("_reply", "_report"))]
ANSWERS = [case for case in FRAMES if case not in REQUESTS]
BUILT = [
    (name, vector)
    for name, vector in REQUESTS
    if hasattr(host_codec_of(name), f"encode_{vector['kind']}")
]
SENT_UNASKED = {"state_report"}
"""What some boards send by themselves; no simulated board does."""


def test_every_family_has_its_vectors() -> None:
    assert set(OF_FAMILY) == set(FAMILIES)
    for name, vectors in FILES.items():
        assert host_codec_of(name).__doc__
        assert board_codec_of(name).__doc__
        if vectors["family"]:
            assert name.replace("_", "-") == vectors["family"]


@each("frames")
def test_a_frame_names_its_sources_and_how_sure_they_are(name: str, vector: dict[str, Any]) -> None:
    vectors = FILES[name]
    assert vector["sources"]
    assert set(vector["sources"]) <= set(vectors["sources"])
    assert vector["confidence"] in vectors["confidence"]
    assert (vector["sources"] == ["own"]) <= (vector["confidence"] == "calculated")


@pytest.mark.parametrize(("name", "vector"), REQUESTS, ids=map(case_id, REQUESTS))
def test_a_board_understands_a_request(name: str, vector: dict[str, Any]) -> None:
    codec = board_codec_of(name)
    frame = bytes.fromhex(vector["hex"])
    request = codec.decode_request(frame, **taken(codec.decode_request, vector.get("context", {})))
    usual = {"class": camel(vector["kind"]) + "Request", "fields": vector["fields"]}
    meaning = vector.get("decoded", usual)
    assert type(request).__name__ == meaning["class"]
    assert as_fields(request) == plain(meaning["fields"])


@pytest.mark.parametrize(("name", "vector"), BUILT, ids=map(case_id, BUILT))
def test_the_product_builds_a_request(name: str, vector: dict[str, Any]) -> None:
    encode = getattr(host_codec_of(name), f"encode_{vector['kind']}")
    arguments = {
        **plain(vector["fields"]),
        **dict.fromkeys(vector.get("meant", []), True),
        **vector.get("context", {}),
    }
    assert encode(**taken(encode, arguments)) == bytes.fromhex(vector["hex"])


def test_the_product_builds_what_it_has_vectors_for_and_nothing_that_must_be_meant() -> None:
    for name in FILES:
        vectors = {vector["kind"] for each, vector in BUILT if each == name}
        assert {encode.__name__ for encode in encoders(name)} == {f"encode_{k}" for k in vectors}
    meant = {(name, vector["kind"]): vector["meant"] for name, vector in BUILT if "meant" in vector}
    assert meant == {("modbus_waveshare", "switch_on"): ["is_no_solenoid"]}


@pytest.mark.parametrize(("name", "vector"), ANSWERS, ids=map(case_id, ANSWERS))
def test_an_answer_is_built_by_the_board_and_read_by_the_product(
    name: str, vector: dict[str, Any]
) -> None:
    host, kind = host_codec_of(name), vector["kind"]
    context, fields = vector.get("context", {}), plain(vector["fields"])
    frame = bytes.fromhex(vector["hex"])
    encode = getattr(board_codec_of(name), f"encode_{kind}", None)
    assert encode is not None or kind in SENT_UNASKED
    if encode is not None:
        assert encode(**fields, **taken(encode, context)) == frame
    decode = getattr(host, f"decode_{kind}", None)
    if decode is not None:
        assert decode(frame, **taken(decode, context)) == getattr(host, camel(kind))(**fields)
    elif FILES[name]["family"]:
        family = FAMILIES[FILES[name]["family"]]
        address = max(fields["address"], family.addresses[0])
        board = family(address, family.channel_counts[-1])
        assert board.find_answer(board.questions()[0], frame) is None


def camel(kind: str) -> str:
    return "".join(word.capitalize() for word in kind.split("_"))


@each("refused")
def test_what_is_no_frame_of_the_family_is_refused(name: str, vector: dict[str, Any]) -> None:
    refuse_everywhere(name, bytes.fromhex(vector["hex"]))


@each("wrong_checksums")
def test_a_wrong_checksum_is_refused(name: str, vector: dict[str, Any]) -> None:
    complaints = refuse_everywhere(name, bytes.fromhex(vector["hex"]))
    right = bytes.fromhex(vector["right"]).hex(" ").upper()
    assert any(complaint.endswith(f"expected {right}") for complaint in complaints)


def refuse_everywhere(name: str, frame: bytes) -> list[str]:
    """What each decoder complains of."""
    complaints = []
    for decode in decoders(name):
        with pytest.raises(FrameError) as refusal:
            decode(frame, **taken(decode, {"channels": 8}))
        complaints.append(str(refusal.value))
    if FILES[name]["family"]:
        family = FAMILIES[FILES[name]["family"]]
        board = family(family.addresses[1], family.channel_counts[-1])
        assert board.find_answer(board.questions()[0], frame) is None
    return complaints


@each("streams")
def test_exactly_one_answer_is_found_in_a_stream(name: str, vector: dict[str, Any]) -> None:
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
def test_the_simulated_board_answers_as_the_vectors_say(name: str, vector: dict[str, Any]) -> None:
    bench = Bench(FILES[name]["family"], vector)
    answers = bench.ask(bytes.fromhex(vector["request"]))
    assert answers == [bytes.fromhex(reply) for reply in vector["replies"]]
    if "moves" in vector:
        bench.steel.advance(1.0)
        jammed = vector.get("jammed", [])
        assert bench.pulsed() == sorted([*vector["moves"], *jammed])


@each("exchanges", family_only=True)
def test_the_simulated_board_hears_byte_by_byte_and_behind_noise(
    name: str, vector: dict[str, Any]
) -> None:
    bench = Bench(FILES[name]["family"], vector)
    request = b"\xff\x00" + bytes.fromhex(vector["request"])
    replies = [reply for byte in request for reply in bench.simulated.hear(bytes([byte]), 0.0)]
    assert len(replies) == len(vector["replies"])
