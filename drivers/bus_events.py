"""What can be asked of a bus, and what it reports of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.door import DoorState, ItemState


@dataclass(slots=True, eq=False)
class UnlockJob:
    """Pulse one lock, once."""

    board: str
    channel: int
    withdrawn: bool = False
    """Set by who asked for it and gave up; a pulse that has not left yet then never leaves."""


@dataclass(slots=True, eq=False)
class ReadJob:
    """Read every door of a board."""

    board: str


@dataclass(slots=True, eq=False)
class OutputJob:
    """Switch a spare output of a board; unlike an unlock it may be sent again."""

    board: str
    channel: int
    is_on: bool


@dataclass(frozen=True, slots=True)
class OutputSet:
    """The end of an output's job; a board that gave no echo perhaps obeyed all the same."""

    job: OutputJob
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class Pulsed:
    """An unlock frame left the machine at this moment."""

    job: UnlockJob
    at_s: float


@dataclass(frozen=True, slots=True)
class NotPulsed:
    """An unlock did not go out, or the port failed while it did."""

    job: UnlockJob
    may_have_left: bool
    at_s: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a board answered of its doors."""

    board: str
    doors: Mapping[int, DoorState]
    at_s: float
    job: ReadJob | None
    items: Mapping[int, ItemState] = field(default_factory=dict)
    """Empty when the board has no sensors inside its compartments."""
    may_be_old: bool = False
    """The question before was not answered in time: this may be its answer, come late."""


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """A board did not answer, nor when asked again."""

    board: str
    job: ReadJob | None


@dataclass(frozen=True, slots=True)
class BoardFound:
    """A board gave its first answer since the start or since it was lost."""

    board: str
    device: str
    """Where the port was found when it was opened, see `drivers/port.py`."""


@dataclass(frozen=True, slots=True)
class BoardLost:
    """A board's doors are not known any more; it may be back in a moment."""

    board: str


@dataclass(frozen=True, slots=True)
class BoardUnreachable:
    """A board stays away; the reason says what to do. Reported once per outage."""

    board: str
    reason: str


BusEvent = (
    Pulsed
    | NotPulsed
    | OutputSet
    | Reading
    | ReadFailed
    | BoardFound
    | BoardLost
    | BoardUnreachable
)
Job = UnlockJob | OutputJob | ReadJob
