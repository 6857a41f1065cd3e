"""What a label is recognised as: published numbers, and the same with a digit misread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.barcodes import Check, Kind, recognise
from drivers.scanner import ScanAssembler, ScannerRead

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "labels" / "barcodes.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["text"])
def test_published_numbers(vector: dict[str, str]) -> None:
    (read,) = ScanAssembler().feed(vector["text"].encode() + b"\r", 1.0)
    assert (read.kind, read.check) == (vector["kind"], vector["check"]), vector["source"]


def neighbour(text: str) -> str:
    """The text with its check digit one too high."""
    place = max(place for place, sign in enumerate(text) if sign.isdigit())
    return text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]


@pytest.mark.parametrize(
    "vector", [each for each in VECTORS if each["check"] == "ok"], ids=lambda each: each["text"]
)
def test_a_wrong_check_digit_warns_and_leaves_the_text_as_it_was(vector: dict[str, str]) -> None:
    text = neighbour(vector["text"])
    (read,) = ScanAssembler().feed(text.encode() + b"\r", 1.0)
    assert read.check != Check.OK
    assert not read.refused
    assert text.endswith(read.text)
    if read.text.isdigit() and not read.aim_id and not read.text.startswith(("00", "420")):
        assert (read.kind, read.check, read.warning) == (Kind.TEXT, Check.NONE, "")
    else:
        assert (read.kind, read.check) == (vector["kind"], Check.FAILED)
        assert "check digit is wrong" in read.warning


@pytest.mark.parametrize("text", ["PK1:demo:123456789", "hello", "12345", "1Z", "A" * 160, "(00)"])
def test_what_nobody_knows_is_text_without_a_warning(text: str) -> None:
    read = ScannerRead(text)
    assert (read.kind, read.check, read.warning) == (Kind.TEXT, Check.NONE, "")


@given(st.from_regex(r"[1-9][0-9]{5,39}", fullmatch=True).filter(lambda it: it[:3] != "420"))
def test_digits_alone_never_warn(text: str) -> None:
    assert ScannerRead(text).warning == ""


@given(
    st.text(st.characters(max_codepoint=0x17F), max_size=170),
    st.sampled_from(["", "]C1", "]d2", "]Q3", "]E0", "]I1", "]C0", "]"]),
)
def test_nothing_that_is_scanned_can_break_it(text: str, aim_id: str) -> None:
    assert recognise(text, aim_id).kind in Kind


@given(st.text(alphabet="0123456789\x1d()", max_size=60), st.sampled_from(["]C1", "]d2", "]Q3"]))
def test_no_digits_can_break_it(text: str, aim_id: str) -> None:
    assert recognise(text, aim_id).check in Check


def test_a_refused_read_is_of_no_kind() -> None:
    (read,) = ScanAssembler().feed(b"1Z\x03\r", 1.0)
    assert (read.kind, read.check) == (Kind.TEXT, Check.NONE)
