"""The words of the driver layer: what a door can be, what came of an unlock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DoorState(StrEnum):
    """What the sensor says of a door, after polarity and debouncing."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    UNKNOWN = "UNKNOWN"
    """Not read yet, the board is silent, or the board has no sensors."""


class ItemState(StrEnum):
    """What the sensor inside a compartment says of the thing that lies there."""

    PRESENT = "PRESENT"
    ABSENT = "ABSENT"
    UNKNOWN = "UNKNOWN"
    """Not read yet, the board is silent, or there is no such sensor."""


class Outcome(StrEnum):
    """What came of one unlock. Only `OPENED` and `ALREADY_OPEN` are an open door."""

    OPENED = "OPENED"
    """The door's sensor went from closed to open after the pulse."""
    ALREADY_OPEN = "ALREADY_OPEN"
    """The door stood open before any pulse; see `Unlocked.pulsed` for one that left all the same
    because it opened in that very moment."""
    JAMMED = "JAMMED"
    """The pulse was sent and no edge came within the window."""
    WRONG_DOOR = "WRONG_DOOR"
    """Another door's edge came instead: a wiring fault."""
    SENT = "SENT"
    """The pulse was sent and no sensor can tell what came of it: this board has none, or the door
    was said to be shut although it reads open. A person must say what happened."""
    UNREACHABLE = "UNREACHABLE"
    """The board does not answer; `Unlocked.pulsed` says whether a pulse left."""


class OpeningCause(StrEnum):
    """Why a shut door was seen to open."""

    PULSED = "PULSED"
    """Its lock was pulsed, and the opening was being watched for."""
    LATE = "LATE"
    """Its last pulse was given up as a jam, not long ago: it did its work after all."""
    UNASKED = "UNASKED"
    """Nothing explains it: tamper, a worn latch, or a wiring fault."""


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The result of one `Bank.open_slot`."""

    outcome: Outcome
    pulsed: bool
    """True when an unlock frame may have left the machine."""
    elapsed_s: float | None = None
    """From the pulse to the edge; None without an edge."""
    wrong_slot: str | None = None
    """For `WRONG_DOOR`: the slot whose door moved."""


@dataclass(frozen=True, slots=True)
class DoorChange:
    """A door was seen to move, or was seen for the first time."""

    slot: str
    before: DoorState
    now: DoorState
    at_s: float
    """Monotonic seconds of the reading that settled it."""
    baseline: bool = False
    """The first stable reading after a (re)connect: an observation, never an edge."""
    pulsed_before_s: float | None = None
    """Seconds since the last pulse on this door; None when nothing was pulsed since it last shut.
    An opening with None is a tamper event."""
    opening: OpeningCause | None = None
    """Why it opened; None unless a shut door was seen to open."""


@dataclass(frozen=True, slots=True)
class BoardChange:
    """A board became reachable or unreachable."""

    board: str
    reachable: bool
    reason: str = ""
    """What happened and what to do, in a sentence for a technician."""
    device: str = ""
    """Where the board's port is plugged in, as far as the system tells; another place than before
    may be another cable."""


@dataclass(frozen=True, slots=True)
class BoardReport:
    """How a board is doing now, for the maintenance screen."""

    board: str
    family: str
    port: str
    address: int
    reachable: bool
    reason: str = ""
    frames_sent: int = 0
    frames_received: int = 0
    timeouts: int = 0
    checksum_errors: int = 0
    reconnects: int = 0
    last_request: bytes = b""
    """The frame that was last sent to it to read its doors."""
    last_heard: bytes = b""
    """What came then; empty when nothing did."""
    answer_s: float | None = None
    """How long that answer took; None when it was none."""


class DriverError(Exception):
    """Something the driver layer cannot do; the message says what it is and what to do."""
