"""Scanners that type as a keyboard does: tells their codes from what people type.

A code comes much faster than anybody types and ends with the enter or the tab key. Keys are
therefore held for a moment before they count as typed; those of the number pad too, for some
scanners type their digits with it. Needs Kivy's clock; the window is not known here. The rules for
what a code may hold and when it ends are those of every scanner (`drivers/scanner.py`).

With frames of 33 ms or less, a person who leaves 90 ms or more between keys is never taken for a
scanner, and a code of 8 or more keys that come at most 20 ms apart (40 ms with 60 or more frames a
second), cut once anywhere for any time, is whole or refused, and none of it makes a person's entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from kivy.clock import Clock, ClockBase

from drivers.scanner import SCAN_LENGTH_MAX, SILENCE_S, ScanAssembler, ScannerRead

KEY_GAP_S: Final = 0.08
"""Keys of one code follow each other faster than this, those of slow scanners too."""
SHORTEST_CODE: Final = 8
"""So many held keys are a code even where a slow frame hides how fast they came."""
SURE_KEYS: Final = 4
SURE_GAP_S: Final = 0.06
"""So few keys are a scanner's only when they surely came closer together than this."""
PERSON_GAP_S: Final = 0.09
"""Nobody types with less between two keys, the enter key among them, again and again."""
CUT_S: Final = 3.0
"""Keys so soon after those of a code, or before them, may be a piece of that code."""
GROUP_SEPARATOR: Final = "\x1d"

_FRENCH_SIGNS: Final = "&é\"'(-è_çà"
FRENCH_DIGITS: Final = str.maketrans(_FRENCH_SIGNS, "1234567890")
"""The main row of a French keyboard without shift."""
WRONG_LAYOUT: Final = "was typed for another keyboard layout, or with caps lock on"


class WedgeKeys:
    """Takes the keys of the window; calls `typed`, `padded` and `scanned` with what they were.

    `has_caps_lock` tells whether that lock is on: letters then cannot be trusted. `clock` is the
    window's own.
    """

    def __init__(
        self,
        typed: Callable[[str], None],
        scanned: Callable[[ScannerRead], None],
        padded: Callable[[str], None],
        has_caps_lock: Callable[[], bool] = lambda: False,
        clock: ClockBase = Clock,
    ) -> None:
        self._clock = clock
        self._typed = typed
        self._scanned = scanned
        self._padded = padded
        self._has_caps_lock = has_caps_lock
        self._held: list[tuple[str, str]] = []
        """Characters, each with the name of its key on the number pad, or ""."""
        self._assembler = ScanAssembler()
        self._code = ""
        """What a code holds so far, as it was typed."""
        self._code_s = float("-inf")
        self._typed_s = float("-inf")
        self._is_head = False
        """Whether what was typed last may be the first keys of a code that was cut."""
        self._first_s = 0.0
        """The tick before the first of the held keys was heard."""
        self._earliest_s = 0.0
        """The earliest moment at which that key can have been pressed."""
        # A slow frame delivers its keys late and all at once: those of the frame after the pause
        # are taken before the pause counts.
        self._pause_after_frame = self._clock.create_trigger(lambda _: self.release(), 0)
        self._pause = self._clock.create_trigger(lambda _: self._pause_after_frame(), KEY_GAP_S)
        self._silence_after_frame = self._clock.create_trigger(lambda _: self._is_silent(), 0)
        self._silence = self._clock.create_trigger(lambda _: self._silence_after_frame(), SILENCE_S)

    def text(self, text: str) -> None:
        """Characters came."""
        self._take([(sign, "") for sign in text])

    def pad(self, sign: str, name: str) -> None:
        """A key of the number pad came: its character, and its name for people."""
        if not sign.isdigit() and not self._is_in_code():
            # A scanner uses the pad for digits; its other keys are how a person erases and moves.
            self.person_acts()
            self._padded(name)
        else:
            self._take([(sign, name)])

    def end(self) -> bool:
        """The enter or the tab key came: whether it ended a code, and so is no key of a person."""
        if not self._is_in_code():
            if not self._held or not self._is_code(len(self._held) + 1):
                self.release()
                self._is_head, self._typed_s = False, float("-inf")
                return False
            self._begin()
        self._stop_waiting()
        self._feed("\r")
        return True

    def person_acts(self) -> None:
        """Something came that only a person does: what is held was typed before it."""
        self.release()
        self._is_head = False

    def release(self) -> None:
        """What is held was typed."""
        self._stop_waiting()
        held, self._held = self._held, []
        if held:
            now_s = self._clock.get_boottime()
            # One press after the other is a person; few keys alone may be all that came of a code.
            self._is_head = now_s - self._typed_s >= CUT_S and len(held) <= SURE_KEYS
            self._typed_s = now_s
        for sign, name in held:
            if name:
                self._padded(name)
            elif sign != GROUP_SEPARATOR:
                self._typed(sign)

    def _take(self, keys: list[tuple[str, str]]) -> None:
        self._stop_waiting()
        if self._is_in_code():
            self._feed("".join(sign for sign, _ in keys))
            return
        if not self._held:
            self._first_s = self._clock.get_time()
            self._earliest_s = self._first_s - self._clock.frametime
        self._held += keys
        if self._is_code(len(self._held)):
            self._begin()
        else:
            self._pause()

    def _is_code(self, count: int) -> bool:
        """Whether so many keys, the held ones and the one that comes now, are a scanner's."""
        gaps = count - 1
        at_most_s: float = self._clock.time() - self._earliest_s
        if count >= SHORTEST_CODE:
            at_least_s: float = self._clock.get_time() - self._first_s
            return at_least_s < KEY_GAP_S * gaps
        if count > len(self._held) and self._assembler.is_cut:
            return at_most_s < PERSON_GAP_S * gaps  # the end of a code whose beginning was refused
        return count >= SURE_KEYS and at_most_s < SURE_GAP_S * gaps

    def _begin(self) -> None:
        """What is held is a code, or a piece of one."""
        if self._is_head or self._clock.get_boottime() - self._typed_s < CUT_S:
            self._assembler.cut()  # its beginning may have been taken for typing
        self._is_head = False
        held, self._held = self._held, []
        self._feed("".join(sign for sign, _ in held))

    def _is_in_code(self) -> bool:
        """Whether a key of now belongs to a code that has begun, or to the tail of one."""
        is_recent = self._clock.get_boottime() - self._code_s < CUT_S
        return bool(self._code) or (self._assembler.is_cut and is_recent)

    def _feed(self, text: str) -> None:
        """Keys that are sure to be a scanner's."""
        self._silence.cancel()
        self._silence_after_frame.cancel()
        # The pause has its own trigger: a slow frame must not count as one.
        self._code_s = self._clock.get_boottime()
        self._code = (self._code + text.strip("\r"))[: SCAN_LENGTH_MAX + 1]
        if text != "\r":
            self._silence()
            return
        code, self._code = self._code, ""
        reads = self._assembler.feed(_as_meant(code).encode() + b"\r", self._code_s)
        self._hand_on(reads, code)

    def _is_silent(self) -> None:
        code, self._code = self._code, ""
        reads = self._assembler.feed(_as_meant(code).encode(), self._code_s)
        self._hand_on((*reads, *self._assembler.silence(self._code_s + SILENCE_S)), code)

    def _hand_on(self, reads: tuple[ScannerRead, ...], code: str) -> None:
        for read in reads:
            has_letters = any(sign.isalpha() for sign in read.text)
            is_wrong = (has_letters and self._has_caps_lock()) or _is_french(read.text)
            heard = replace(read, text="", refused=WRONG_LAYOUT) if is_wrong else read
            self._scanned(replace(heard, received=code))

    def _stop_waiting(self) -> None:
        self._pause.cancel()
        self._pause_after_frame.cancel()


def _as_meant(code: str) -> str:
    """The digits of a code of nothing but a French keyboard's signs; any other is left alone."""
    has_others = any(sign not in _FRENCH_SIGNS for sign in code)
    return code if has_others or not code.strip("-") else code.translate(FRENCH_DIGITS)


def _is_french(text: str) -> bool:
    """Whether signs stand where a label of letters has its digits."""
    return not any(sign.isdigit() for sign in text) and any(sign in "&\"'(_" for sign in text)
