"""How often the window looks at its input and its clock: half as often while nobody is there.

Each look costs processor time, whether or not anything is drawn.
"""

from __future__ import annotations

from kivy.clock import Clock

REST_AFTER_S = 10.0
"""So long after the last touch or key the window rests."""
_RESTING_PER_S = 25.0
"""At most 40 ms of delay for the first touch; every movement here is calm enough."""


class FrameRate:
    """The clock's rate; on the main thread."""

    def __init__(self) -> None:
        # Kivy reads its setting once, when the clock is made, and has no other public way.
        self._awake_per_s: float = Clock._max_fps
        self._rest = Clock.create_trigger(self._fall_asleep, REST_AFTER_S)
        self.wake()

    @property
    def is_resting(self) -> bool:
        """Whether nobody has done anything for a while."""
        return bool(Clock._max_fps != self._awake_per_s)

    def wake(self) -> None:
        """Somebody is there."""
        Clock._max_fps = self._awake_per_s
        self._rest.cancel()
        self._rest()

    def stop(self) -> None:
        """As it was."""
        self._rest.cancel()
        Clock._max_fps = self._awake_per_s

    def _fall_asleep(self, _: float) -> None:
        if self._awake_per_s > _RESTING_PER_S:
            Clock._max_fps = _RESTING_PER_S
