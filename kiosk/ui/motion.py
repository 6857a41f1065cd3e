"""What moves on a screen: few things, calmly, a few times a second, and nothing where nobody is.

The whole window is drawn again for each step, which by software is a good part of a core. So a
movement that goes on takes few steps, and one that is short may take more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from kivy.clock import Clock

ROUND_S: Final = 1.4
"""How long a movement that comes back to where it began takes: 0.7 Hz."""
STEP_S: Final = 0.2
"""The time between two steps."""
SHAKE_S: Final = 0.5
"""How long one shake takes: there and back once, 2 Hz."""
SHAKE_STEP_S: Final = 0.05
COUNT_STEP_S: Final = 0.25
"""The time between two steps of what runs down."""


class Motion:
    """Calls `draw` with 0 at rest, up to 1, and back to 0, round after round; a `shake` goes from 0
    to 1, to -1 and back to 0, once.

    With `rounds` it rests after so many; else it goes on until `stop`. At rest it costs nothing: no
    event of the clock is left.
    """

    def __init__(
        self, draw: Callable[[float], None], rounds: int | None = None, *, shake: bool = False
    ) -> None:
        self._draw = draw
        self._rounds = 1 if shake else rounds
        self._is_shake = shake
        self._begun_s = 0.0
        step_s = SHAKE_STEP_S if shake else STEP_S
        self._clock = Clock.create_trigger(self._step, step_s, interval=True)

    @property
    def is_moving(self) -> bool:
        return bool(self._clock.is_triggered)

    def start(self) -> None:
        """Begin, or begin again."""
        self._begun_s = Clock.get_boottime()
        self._clock()

    def stop(self) -> None:
        """Come to rest at once."""
        if self.is_moving:
            self._clock.cancel()
            self._draw(0.0)

    def _step(self, _: float) -> None:
        rounds = (Clock.get_boottime() - self._begun_s) / (SHAKE_S if self._is_shake else ROUND_S)
        if self._rounds is not None and rounds >= self._rounds:
            self.stop()
        elif self._is_shake:
            self._draw(math.sin(2 * math.pi * rounds))
        else:
            self._draw((1 - math.cos(2 * math.pi * rounds)) / 2)


class Countdown:
    """Calls `draw` with the seconds that are left, a few times a second, until none is. Then, and
    before it is started, it costs nothing: no event of the clock is left."""

    def __init__(self, draw: Callable[[float], None]) -> None:
        self._draw = draw
        self._end_s = 0.0
        self._clock = Clock.create_trigger(self._step, COUNT_STEP_S, interval=True)

    @property
    def is_running(self) -> bool:
        return bool(self._clock.is_triggered)

    @property
    def left_s(self) -> float:
        """How many seconds are left."""
        return float(max(0.0, self._end_s - Clock.get_boottime()))

    def start(self, seconds: float) -> None:
        """Run down from so many seconds, also when it ran from others before."""
        self._end_s = Clock.get_boottime() + seconds
        self._clock()
        self._draw(seconds)

    def stop(self) -> None:
        """Stop where it is."""
        self._clock.cancel()

    def _step(self, _: float) -> None:
        left_s = self.left_s
        self._draw(left_s)
        if not left_s:
            self.stop()
