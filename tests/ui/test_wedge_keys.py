"""Scans told from typing on Kivy's real clock, whose time is the test's own."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kivy.clock import ClockBase

from drivers.scanner import ScannerRead
from kiosk.ui import wedge

ENTER = "\r"
Stroke = tuple[float, str]
"""A pause in seconds, and the key that comes after it."""


class VirtualClock(ClockBase):
    """Frames come when the test says so."""

    now_s = 1000.0

    def time(self) -> float:
        return self.now_s

    def idle(self) -> float:
        self._dt = self.now_s - self._last_tick
        self._last_tick = self.now_s
        return self.now_s


@dataclass
class Desk:
    """Keys at exact times, heard frame by frame as a window hears them."""

    frame_s: float = 0.016
    is_pad: bool = False
    has_caps_lock: bool = False
    scans: list[ScannerRead] = field(default_factory=list)
    digits: str = ""
    """What stands in the field of the screen."""
    typed: str = ""
    tries: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.keys = wedge.WedgeKeys(
            self._typed, self._scanned, self._typed, lambda: self.has_caps_lock, self.clock
        )
        self.at_s = self.clock.now_s + 1.0

    def _typed(self, text: str) -> None:
        self.digits += text
        self.typed += text

    def _scanned(self, read: ScannerRead) -> None:
        self.scans.append(read)
        if read.refused:
            self.digits = ""

    def _frame(self, strokes: list[Stroke]) -> None:
        """One frame: the clock's tick, and then the keys that came since the last one."""
        self.clock.now_s += self.frame_s
        self.clock.tick()
        while strokes and strokes[0][0] <= self.clock.now_s:
            _, key = strokes.pop(0)
            if key == ENTER:
                if not self.keys.end() and self.digits:
                    self.tries.append(self.digits)
                    self.digits = ""
            elif self.is_pad and key.isdigit():
                self.keys.pad(key, key)
            else:
                self.keys.text(key)

    def press(self, *strokes: Stroke, rest_s: float = 2.0) -> None:
        """Press all keys, and wait until nothing more can come of them."""
        timed = []
        for pause_s, key in strokes:
            self.at_s += pause_s
            timed.append((self.at_s, key))
        self.at_s += rest_s
        while self.clock.now_s < self.at_s:
            self._frame(timed)


def strokes(text: str, gap_s: float) -> list[Stroke]:
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
    code: str,
    data: st.DataObject,
    pause_s: float,
    speed: tuple[float, float],
    was_used: bool,
    is_pad: bool,
) -> None:
    gap_s, frame_s = speed
    cut_at = data.draw(st.integers(1, len(code) - 1))
    desk = Desk(frame_s=frame_s, is_pad=is_pad)
    if was_used:
        desk.press(*strokes("FIRST OF ALL\r", gap_s), rest_s=5.0)
    keys = strokes(code + ENTER, gap_s)
    keys[cut_at] = (gap_s + pause_s, code[cut_at])
    desk.press(*keys, rest_s=5.0)
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
    digits: str, gap_s: float, frame_s: float, is_pad: bool, was_used: bool
) -> None:
    desk = Desk(frame_s=frame_s)
    if was_used:
        desk.press(*strokes("A CODE WITHOUT SUFFIX", 0.002), rest_s=5.0)
    desk.is_pad = is_pad
    desk.press(*strokes(digits + ENTER, gap_s))
    assert desk.tries == [digits]
    assert {read.text for read in desk.scans} <= {""}
    assert len(desk.scans) == was_used


@pytest.mark.parametrize("is_pad", [False, True])
@pytest.mark.parametrize("text", ["1234", "123456", "1234567"])
def test_a_short_burst_is_no_persons(text: str, is_pad: bool) -> None:
    desk = Desk(is_pad=is_pad)
    desk.press(*strokes(text + ENTER, 0.005))
    assert [read.text for read in desk.scans] == [text]
    assert (desk.typed, desk.tries) == ("", [])


def test_a_slow_frame_makes_no_scanner_of_a_person() -> None:
    desk = Desk(frame_s=0.4)
    desk.press(*strokes("4711" + ENTER, 0.1))
    assert (desk.tries, desk.scans) == (["4711"], [])


def test_a_scanner_without_suffix_is_told_and_then_believed() -> None:
    desk = Desk()
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


def test_french_digits_are_read_and_french_letters_refused() -> None:
    desk = Desk()
    digits = "".join(FRENCH[each] for each in "340434161094042557")
    desk.press(*strokes(digits + ENTER, 0.005))
    assert desk.scans == [ScannerRead("340434161094042557")]
    desk.press(*strokes("&WçççqqqA(&" + ENTER, 0.005))
    assert (desk.scans[-1].text, desk.scans[-1].refused != "") == ("", True)
    assert desk.tries == []


@pytest.mark.parametrize("code", ["123-456-789", "-----------", "0000000-"])
def test_a_minus_in_a_code_of_digits_is_no_french_six(code: str) -> None:
    desk = Desk()
    desk.press(*strokes(code + ENTER, 0.005))
    assert desk.scans == [ScannerRead(code)]


def test_caps_lock_refuses_letters_and_leaves_digits() -> None:
    desk = Desk(has_caps_lock=True)
    desk.press(*strokes("1z5r89390357567127" + ENTER, 0.005))
    assert desk.scans == [ScannerRead("", refused=wedge.WRONG_LAYOUT)]
    desk.press(*strokes("340434161094042557" + ENTER, 0.005))
    assert desk.scans[-1].text == "340434161094042557"
