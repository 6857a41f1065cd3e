"""The simulated steel: doors with latches and sensors, and a person who closes them.

Fault model: a jammed lock ignores its pulse; a dead sensor always says the same, a bouncing one
says now this, now that for a moment after each move; two swapped doors open at each other's pulse;
without power nothing is pulsed and no board hears. A pulse on a sound lock lets the door spring
open within 50 to 150 ms. Time is handed in and only moves forward; nothing happens between two
calls but what was due.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from drivers.door import DriverError

SPRING_S: Final = (0.05, 0.15)
"""The shortest and longest time from a pulse to an open door."""
BOUNCES: Final = 6
"""How often a bouncing sensor changes its mind after a move."""
BOUNCE_S: Final = (0.01, 0.08)
"""The shortest and longest time between two of these changes."""


@dataclass(frozen=True, slots=True)
class DoorMoved:
    """A door sprang open or was closed."""

    slot: str
    is_open: bool
    at_s: float


@dataclass(slots=True)
class SimulatedDoor:
    """One door and what is wrong with it."""

    slot: str
    is_open: bool = False
    is_jammed: bool = False
    stuck_sensor: bool | None = None
    """What a dead sensor says for ever: True for open, False for closed. None: it works."""
    has_bouncing_sensor: bool = False
    bounced_to: bool | None = None
    """What a bouncing sensor says just now; None once it has come to rest."""
    pulses: int = 0
    """How often its board pulsed this lock."""
    has_item: bool = False
    """Whether something lies behind it, for boards that have a sensor for that."""

    @property
    def reads_open(self) -> bool:
        """What the sensor says."""
        if self.stuck_sensor is not None:
            return self.stuck_sensor
        return self.is_open if self.bounced_to is None else self.bounced_to


class SimulatedBank:
    """All doors of a simulated site. Doors are named by their slots."""

    def __init__(self, slots: Iterable[str], rng: Random, clock: Callable[[], float]) -> None:
        self.doors = {slot: SimulatedDoor(slot) for slot in slots}
        self.close_after_s: float | None = None
        """When set, a person closes every door so long after it opened."""
        self.rng = rng
        """Decides all that is not certain here."""
        self.has_power = True
        """Whether the 12 V of locks and boards are there."""
        self._power_cuts = 0
        self._springs_instead: dict[str, str] = {}
        self._clock = clock
        self._now_s = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._listeners: list[Callable[[DoorMoved], None]] = []

    def listen(self, listener: Callable[[DoorMoved], None]) -> None:
        """Call `listener` whenever a door moves."""
        self._listeners.append(listener)

    def door(self, slot: str) -> SimulatedDoor:
        """The door of a slot; a `DriverError` names the slots that there are."""
        if slot not in self.doors:
            raise DriverError(f"there is no slot {slot!r}; there are {', '.join(self.doors)}")
        return self.doors[slot]

    # --- what a person or a fault does ---------------------------------------------------------

    def close(self, slot: str) -> None:
        """A person pushes the door shut."""
        self.advance(self._clock())
        self._move(self.door(slot), is_open=False)

    def open_by_force(self, slot: str) -> None:
        """The door opens with no pulse: pried, or a latch that gave way."""
        self.advance(self._clock())
        self._move(self.door(slot), is_open=True)

    def jam(self, slot: str) -> None:
        self.door(slot).is_jammed = True

    def unjam(self, slot: str) -> None:
        self.door(slot).is_jammed = False

    def swap(self, one: str, other: str) -> None:
        """From now on each of the two locks gets the other's pulse."""
        self._springs_instead[self.door(one).slot] = self.door(other).slot
        self._springs_instead[other] = one

    def unswap(self) -> None:
        """Every lock gets its own pulse again."""
        self._springs_instead.clear()

    def cut_power(self, for_s: float | None = None) -> None:
        """Take the 12 V away, for ever or for so long. The computer has its own supply."""
        self.advance(self._clock())
        self.has_power = False
        self._power_cuts += 1
        if for_s is not None:
            cut = self._power_cuts
            self._at(self._now_s + for_s, lambda: self._end_power_cut(cut))

    def restore_power(self) -> None:
        self.has_power = True

    def _end_power_cut(self, cut: int) -> None:
        # A later cut has its own end.
        if cut == self._power_cuts:
            self.has_power = True

    # --- what a board does ---------------------------------------------------------------------

    def pulse(self, slot: str, at_s: float) -> None:
        """The board's output for this slot is pulsed."""
        self.door(slot).pulses += 1
        door = self.doors[self._springs_instead.get(slot, slot)]
        if not door.is_jammed and not door.is_open:
            springs_at_s = at_s + self.rng.uniform(*SPRING_S)
            self._at(springs_at_s, lambda: self._move(door, is_open=True))

    # --- time ----------------------------------------------------------------------------------

    def advance(self, to_s: float) -> None:
        """Let everything happen that is due by then."""
        while self._due and self._due[0][0] <= to_s:
            at_s, _, act = heapq.heappop(self._due)
            self._now_s = max(self._now_s, at_s)
            act()
        self._now_s = max(self._now_s, to_s)

    def next_due_s(self) -> float | None:
        """When the next thing happens by itself; None when nothing will."""
        return self._due[0][0] if self._due else None

    def _at(self, at_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (at_s, next(self._order), act))

    def _move(self, door: SimulatedDoor, *, is_open: bool) -> None:
        if door.is_open is is_open:
            return
        door.is_open = is_open
        if door.has_bouncing_sensor:
            self._bounce(door)
        if is_open and self.close_after_s is not None:
            self._at(self._now_s + self.close_after_s, lambda: self._move(door, is_open=False))
        for listener in self._listeners:
            listener(DoorMoved(door.slot, is_open, self._now_s))

    def _bounce(self, door: SimulatedDoor) -> None:
        """Let the sensor say the one and the other until it comes to rest."""
        at_s = self._now_s
        for bounce in range(BOUNCES):
            reading = None if bounce == BOUNCES - 1 else bool(bounce % 2)
            self._at(at_s, partial(setattr, door, "bounced_to", reading))
            at_s += self.rng.uniform(*BOUNCE_S)
