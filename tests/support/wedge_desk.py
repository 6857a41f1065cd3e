"""Keys that come at exact times, heard by the kiosk's own rules on a Kivy clock of the test's.

Imports Kivy: only after `kiosk.ui.environment.prepare` (the fixture `kivy`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kivy.clock import ClockBase

from drivers.scanner import ScannerRead
from kiosk.ui import wedge

WRONG_LAYOUT = wedge.WRONG_LAYOUT
ENTER = "\r"
Stroke = tuple[float, str]
"""A pause in seconds, and the key that comes after it."""


class VirtualClock(ClockBase):
    """Frames come when the test says so."""

    now_s = 1000.0
    _last_tick: float

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
