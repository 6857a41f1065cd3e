"""Scans distinguished from typing on Kivy's real clock, whose time is the test's own."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.scanner import ScannerRead

ENTER = "\r"


@pytest.fixture(scope="module")
def keys(kivy: SimpleNamespace) -> ModuleType:
    """`wedge_desk`, which may be imported only once Kivy has its settings."""
    from tests.support import wedge_desk

    return wedge_desk


def strokes(text: str, gap_s: float) -> list[tuple[float, str]]:
    return [(gap_s, key) for key in text]


@settings(max_examples=300, deadline=None)
@given(
    code=st.text("0123456789AZ-", min_size=8, max_size=30),
    data=st.data(),
    pause_s=st.one_of(st.floats(0.0, 1.0), st.floats(1.0, 12.0)),
    speed=st.sampled_from([(0.002, 0.033), (0.02, 0.033), (0.04, 0.016), (0.002, 0.016)]),
    was_used=st.booleans(),
    is_pad=st.booleans(),
)
def test_a_code_cut_anywhere_is_whole_or_refused_and_nobodys_try(
    keys: ModuleType,
    code: str,
    data: st.DataObject,
    pause_s: float,
    speed: tuple[float, float],
    was_used: bool,
    is_pad: bool,
) -> None:
    gap_s, frame_s = speed
    cut_at = data.draw(st.integers(1, len(code) - 1))
    desk = keys.Desk(frame_s=frame_s, is_pad=is_pad)
    if was_used:
        desk.press(*strokes("FIRST OF ALL\r", gap_s), rest_s=5.0)
    typed = strokes(code + ENTER, gap_s)
    typed[cut_at] = (gap_s + pause_s, code[cut_at])
    desk.press(*typed, rest_s=5.0)
    assert {read.text for read in desk.scans} <= {code, "", "FIRST OF ALL"}
    assert desk.tries == []
    assert desk.digits == ""
    desk.press(*strokes("MARKER-12345\r", gap_s))
    assert desk.scans[-1].text == "MARKER-12345"


@settings(max_examples=300, deadline=None)
@given(
    digits=st.text("0123456789", min_size=1, max_size=12),
    gap_s=st.floats(0.09, 0.6),
    frame_s=st.floats(0.005, 0.033),
    is_pad=st.booleans(),
    was_used=st.booleans(),
)
def test_a_person_typing_quickly_is_no_scanner(
    keys: ModuleType, digits: str, gap_s: float, frame_s: float, is_pad: bool, was_used: bool
) -> None:
    desk = keys.Desk(frame_s=frame_s)
    if was_used:
        desk.press(*strokes("A CODE WITHOUT SUFFIX", 0.002), rest_s=5.0)
    desk.is_pad = is_pad
    desk.press(*strokes(digits + ENTER, gap_s))
    assert desk.tries == [digits]
    assert {read.text for read in desk.scans} <= {""}
    assert len(desk.scans) == was_used


@pytest.mark.parametrize("is_pad", [False, True])
@pytest.mark.parametrize("text", ["1234", "123456", "1234567"])
def test_a_short_burst_is_no_persons(keys: ModuleType, text: str, is_pad: bool) -> None:
    desk = keys.Desk(is_pad=is_pad)
    desk.press(*strokes(text + ENTER, 0.005))
    assert [read.text for read in desk.scans] == [text]
    assert (desk.typed, desk.tries) == ("", [])


def test_a_slow_frame_makes_no_scanner_of_a_person(keys: ModuleType) -> None:
    desk = keys.Desk(frame_s=0.4)
    desk.press(*strokes("4711" + ENTER, 0.1))
    assert (desk.tries, desk.scans) == (["4711"], [])


def test_a_scanner_without_suffix_is_named_and_then_believed(keys: ModuleType) -> None:
    desk = keys.Desk()
    desk.press(*strokes("JD0146000062", 0.005))
    assert [(read.text, bool(read.refused)) for read in desk.scans] == [("", True)]
    # A person's enter key, or digits, so soon after it teach nothing about the scanner.
    desk.press(*strokes("12" + ENTER, 0.3), rest_s=5.0)
    for _ in range(2):
        desk.press(*strokes("JD0146000062", 0.005), rest_s=5.0)
    assert desk.scans[-1] == ScannerRead("JD0146000062")
    desk.press(*strokes("RR473129084DE", 0.005), rest_s=5.0)
    assert desk.scans[-1] == ScannerRead("RR473129084DE")
    desk.press(*strokes("4711" + ENTER, 0.1))
    assert desk.tries == ["4711"]


FRENCH = dict(zip("1234567890", "&é\"'(-è_çà", strict=True))


def test_french_digits_are_read_and_french_letters_refused(keys: ModuleType) -> None:
    desk = keys.Desk()
    digits = "".join(FRENCH[each] for each in "340434161094042557")
    desk.press(*strokes(digits + ENTER, 0.005))
    assert desk.scans == [ScannerRead("340434161094042557")]
    desk.press(*strokes("&WçççqqqA(&" + ENTER, 0.005))
    assert (desk.scans[-1].text, desk.scans[-1].refused != "") == ("", True)
    assert desk.tries == []


@pytest.mark.parametrize("code", ["123-456-789", "-----------", "0000000-"])
def test_a_minus_in_a_code_of_digits_is_no_french_six(keys: ModuleType, code: str) -> None:
    desk = keys.Desk()
    desk.press(*strokes(code + ENTER, 0.005))
    assert desk.scans == [ScannerRead(code)]


def test_caps_lock_refuses_letters_and_leaves_digits(keys: ModuleType) -> None:
    desk = keys.Desk(has_caps_lock=True)
    desk.press(*strokes("1z5r89390357567127" + ENTER, 0.005))
    assert desk.scans == [ScannerRead("", refused=keys.WRONG_LAYOUT)]
    desk.press(*strokes("340434161094042557" + ENTER, 0.005))
    assert desk.scans[-1].text == "340434161094042557"
