"""Scanners that type as a keyboard does: tells their codes from what people type.

A code comes much faster than anybody types and ends with the enter or the tab key. Keys are
therefore held for a moment before they count as typed; those of the number pad too, for some
scanners type their digits with it. Needs Kivy's clock; the window is not known here. The rules for
what a code may hold and when it ends are those of every scanner (`drivers/scanner.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from kivy.clock import Clock

from drivers.scanner import LONGEST_CODE, SILENCE_S, ScanAssembler, ScannerRead

KEY_GAP_S: Final = 0.08
"""Keys of one code follow each other faster than this, those of slow scanners too."""
SHORTEST_CODE: Final = 8
"""Fewer keys before an enter are a person's, however fast: a PIN, a house number."""
CUT_S: Final = 3.0
"""Keys so soon after those of a code, or before them, may be a piece of that code."""
GROUP_SEPARATOR: Final = "\x1d"

FRENCH_DIGITS: Final = str.maketrans("&é\"'(-è_çà", "1234567890")
"""The main row of a French keyboard without shift."""
WRONG_LAYOUT: Final = "was typed for another keyboard layout, or with caps lock on"


class WedgeKeys:
    """Takes the keys of the window; calls `typed`, `padded` and `scanned` with what they were.

    `has_caps_lock` tells whether that lock is on: letters then cannot be trusted.
    """

    def __init__(
        self,
        typed: Callable[[str], None],
        scanned: Callable[[ScannerRead], None],
        padded: Callable[[str], None],
        has_caps_lock: Callable[[], bool] = lambda: False,
    ) -> None:
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
        # A slow frame delivers its keys late and all at once: those of the frame after the pause
        # are taken before the pause counts.
        self._pause = Clock.create_trigger(lambda _: self._pause_after_frame(), KEY_GAP_S)
        self._pause_after_frame = Clock.create_trigger(lambda _: self.release(), 0)
        self._silence = Clock.create_trigger(lambda _: self._silence_after_frame(), SILENCE_S)
        self._silence_after_frame = Clock.create_trigger(lambda _: self._is_silent(), 0)

    def text(self, text: str) -> None:
        """Characters came."""
        self._take([(sign, "") for sign in text])

    def pad(self, sign: str, name: str) -> None:
        """A key of the number pad came: its character, and its name for people."""
        if not sign.isdigit() and not self._is_in_code():
            # A scanner uses the pad for digits; its other keys are how a person erases and moves.
            self.release()
            self._padded(name)
        else:
            self._take([(sign, name)])

    def end(self) -> bool:
        """The enter or the tab key came: whether it ended a code, and so is no key of a person."""
        if not self._is_in_code():
            self.release()
            return False
        self._stop_waiting()
        self._feed("\r")
        return True

    def release(self) -> None:
        """What is held was typed."""
        self._stop_waiting()
        held, self._held = self._held, []
        if held:
            self._typed_s = Clock.get_boottime()
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
        self._held += keys
        if len(self._held) < SHORTEST_CODE:
            self._pause()
            return
        if Clock.get_boottime() - self._typed_s < CUT_S:
            self._assembler.cut()  # its beginning may have been taken for typing
        held, self._held = self._held, []
        self._feed("".join(sign for sign, _ in held))

    def _is_in_code(self) -> bool:
        """Whether a key of now belongs to a code that has begun, or to the tail of one."""
        is_recent = Clock.get_boottime() - self._code_s < CUT_S
        return bool(self._code) or (self._assembler.is_cut and is_recent)

    def _feed(self, text: str) -> None:
        """Keys that are sure to be a scanner's."""
        self._silence.cancel()
        self._silence_after_frame.cancel()
        # The pause has its own trigger: a slow frame must not count as one.
        self._code_s = Clock.get_boottime()
        self._code = (self._code + text.strip("\r"))[: LONGEST_CODE + 1]
        if text != "\r":
            self._silence()
            return
        code, self._code = self._code, ""
        reads = self._assembler.feed(_as_meant(code).encode() + b"\r", self._code_s)
        self._hand_on(reads)

    def _is_silent(self) -> None:
        code, self._code = self._code, ""
        reads = self._assembler.feed(_as_meant(code).encode(), self._code_s)
        self._hand_on((*reads, *self._assembler.silence(self._code_s + SILENCE_S)))

    def _hand_on(self, reads: tuple[ScannerRead, ...]) -> None:
        for read in reads:
            has_letters = any(sign.isalpha() for sign in read.text)
            is_wrong = (has_letters and self._has_caps_lock()) or _is_french(read.text)
            self._scanned(replace(read, text="", refused=WRONG_LAYOUT) if is_wrong else read)

    def _stop_waiting(self) -> None:
        self._pause.cancel()
        self._pause_after_frame.cancel()


def _as_meant(code: str) -> str:
    """The digits of a code of nothing but a French keyboard's signs; any other is left alone."""
    meant = code.translate(FRENCH_DIGITS)
    return meant if meant.isascii() and meant.isdigit() else code


def _is_french(text: str) -> bool:
    """Whether signs stand where a label of letters has its digits."""
    return not any(sign.isdigit() for sign in text) and any(sign in "&\"'(_" for sign in text)
