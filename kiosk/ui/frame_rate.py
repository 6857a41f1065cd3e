"""How often the window looks at its input and its clock: seldom while nobody is there.

Each look costs processor time, whether or not anything is drawn.
"""

from __future__ import annotations

from kivy.clock import Clock

REST_AFTER_S = 10.0
"""So long after the last touch or key the window rests."""
_RESTING_PER_S = 25.0
"""At most 40 ms of delay for the first touch, and a person who begins to type is still known from a
scanner (`kiosk/ui/wedge.py`); every movement here is calm enough."""


class FrameRate:
    """The clock's rate; on the main thread."""

    def __init__(self) -> None:
        # Kivy reads its setting once, when the clock is made, and has no other public way.
        self._awake_per_s: float = Clock._max_fps
        self._rest = Clock.create_trigger(self._fall_asleep, REST_AFTER_S)
        self._slow_down = Clock.create_trigger(lambda _: self.wake())
        self.wake()

    @property
    def is_resting(self) -> bool:
        """Whether nobody has done anything for a while."""
        return bool(Clock._max_fps == _RESTING_PER_S)

    def hurry(self) -> None:
        """The window has heard something, which the widgets will hear in the next round: that one
        comes at once. Kivy would sleep before it, and would draw what comes of it only then."""
        Clock._max_fps = 0
        self._slow_down()

    def wake(self) -> None:
        """Somebody is there."""
        Clock._max_fps = self._awake_per_s
        self._rest.cancel()
        self._rest()

    def stop(self) -> None:
        """As it was."""
        self._rest.cancel()
        self._slow_down.cancel()
        Clock._max_fps = self._awake_per_s

    def _fall_asleep(self, _: float) -> None:
        if self._awake_per_s > _RESTING_PER_S:
            Clock._max_fps = _RESTING_PER_S
