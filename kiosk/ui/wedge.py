"""Scanners that type as a keyboard does: tells their codes from what people type.

A code comes much faster than anybody types and ends with the enter or the tab key. Keys are
therefore held for a moment before they count as typed. Needs Kivy's clock; the window is not known
here. The rules for what a code may hold are those of every scanner (`drivers/scanner.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kivy.clock import Clock

from drivers.scanner import LONGEST_CODE, ScanAssembler, ScannerRead

KEY_GAP_S: Final = 0.03
"""Keys of one code follow each other faster than this."""
SHORTEST_CODE: Final = 8
"""Fewer keys before an enter are a person's, however fast: a PIN, a house number."""


class WedgeKeys:
    """Takes the keys of the window; calls `typed` and `scanned` with what they were."""

    def __init__(
        self, typed: Callable[[str], None], scanned: Callable[[ScannerRead], None]
    ) -> None:
        self._typed = typed
        self._scanned = scanned
        self._held = ""
        self._assembler = ScanAssembler()
        # A slow frame delivers its keys late and all at once: those of the frame after the pause
        # are taken before the pause counts.
        self._pause = Clock.create_trigger(lambda _: self._pause_after_frame(), KEY_GAP_S)
        self._pause_after_frame = Clock.create_trigger(lambda _: self.release(), 0)

    def text(self, text: str) -> None:
        """Characters came."""
        self._stop_waiting()
        if len(self._held) <= LONGEST_CODE:
            self._held += text
        self._pause()

    def end(self) -> bool:
        """The enter or the tab key came: whether it ended a code, and so is no key of a person."""
        if len(self._held) < SHORTEST_CODE:
            self.release()
            return False
        self._stop_waiting()
        held, self._held = self._held, ""
        for read in self._assembler.feed(held.encode() + b"\r", Clock.get_boottime()):
            self._scanned(read)
        return True

    def release(self) -> None:
        """What is held was typed."""
        self._stop_waiting()
        held, self._held = self._held, ""
        for sign in held:
            self._typed(sign)

    def _stop_waiting(self) -> None:
        self._pause.cancel()
        self._pause_after_frame.cancel()
