"""Where the packages lie: the location, its lockers and their slots, as they stand in the steel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from kiosk.model.invariants import require


class SlotStatus(StrEnum):
    """What is known of a slot's inside."""

    EMPTY = "EMPTY"
    RESERVED = "RESERVED"
    OCCUPIED = "OCCUPIED"
    SUSPECT = "SUSPECT"


class SuspectReason(StrEnum):
    """Why nobody knows what is inside a slot."""

    MAY_BE_EMPTY = "MAY_BE_EMPTY"
    MAY_HOLD_SOMETHING = "MAY_HOLD_SOMETHING"
    MAY_HOLD_ANOTHERS = "MAY_HOLD_ANOTHERS"
    WIRING = "WIRING"


class Service(StrEnum):
    """Whether a slot takes part, beside what is inside it. Never comes back by itself."""

    IN_SERVICE = "IN_SERVICE"
    NO_DEPOSITS = "NO_DEPOSITS"
    DO_NOT_OPEN = "DO_NOT_OPEN"


class ServiceReason(StrEnum):
    """Why a slot is out of service; the words are what staff reads."""

    DOOR_JAMS = "door jams"
    LOCK_BROKEN = "lock broken"
    SENSOR_BROKEN = "sensor broken"
    DAMAGED_INSIDE = "damaged inside"
    DIRTY = "dirty"
    OTHER = "other"
    DOES_NOT_LATCH = "does not latch"
    SEEN_OPEN = "seen open, not sensed"
    COURIER = "fault told by a courier"


GIVEN_BY_STAFF = (
    ServiceReason.DOOR_JAMS,
    ServiceReason.LOCK_BROKEN,
    ServiceReason.SENSOR_BROKEN,
    ServiceReason.DAMAGED_INSIDE,
    ServiceReason.DIRTY,
    ServiceReason.OTHER,
)
"""The reasons a technician chooses from; the others are the machine's own."""
SHUTS_PEOPLE_OUT = (ServiceReason.DOOR_JAMS, ServiceReason.LOCK_BROKEN)
"""The reasons with which nobody gets at the package: its hold stands still."""


@dataclass(frozen=True, slots=True)
class Size:
    """A size of slot: its name, inner dimensions and what it may carry."""

    name: str
    width_mm: int
    height_mm: int
    depth_mm: int
    max_weight_kg: float

    @property
    def volume_mm3(self) -> int:
        return self.width_mm * self.height_mm * self.depth_mm


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A place in the drawing of the bank, in millimetres from its left and from the floor."""

    left_mm: int
    bottom_mm: int
    width_mm: int
    height_mm: int


@dataclass(frozen=True, slots=True)
class Reach:
    """The heights above the floor between which a person in a wheelchair reaches everything."""

    lowest_mm: int
    highest_mm: int

    def __str__(self) -> str:
        return f"{self.lowest_mm} to {self.highest_mm} mm"

    def holds(self, part: Rectangle) -> bool:
        """Whether all of it is reached. Of a door all counts: it is pushed and pulled anywhere, and
        what lies behind it lies at the height of its bottom edge."""
        return not self.is_under(part) and not self.is_over(part)

    def is_under(self, part: Rectangle) -> bool:
        """Whether some of it is too near to the floor."""
        return part.bottom_mm < self.lowest_mm

    def is_over(self, part: Rectangle) -> bool:
        """Whether some of it is too high."""
        return part.bottom_mm + part.height_mm > self.highest_mm


EVERYBODYS: Final = Reach(380, 1220)
"""EN 301 549 8.3 and ADA 308, where nothing stands in the way. A site may ask for less, as for the
800 to 1100 mm that other rules recommend."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One compartment with one door."""

    label: str
    locker: str
    size: str
    board: str
    channel: int
    door: Rectangle
    """The door's face in the drawing; its bottom edge is the height above the floor."""

    reach: Reach = EVERYBODYS
    """Between which heights everybody reaches there."""

    @property
    def is_low(self) -> bool:
        """Whether a person in a wheelchair reaches the whole door: it is not too high for that,
        and not too near to the floor."""
        return self.reach.holds(self.door)


@dataclass(frozen=True, slots=True)
class Locker:
    """One cabinet of slots."""

    label: str
    outline: Rectangle


@dataclass(frozen=True)
class Location:
    """One site: one kiosk and its lockers."""

    id: str
    name: str
    address: str
    time_zone: str
    languages: tuple[str, ...]
    help_phone: str
    sizes: tuple[Size, ...]
    """From the smallest to the largest."""
    lockers: tuple[Locker, ...]
    slots: tuple[Slot, ...]
    screen: Rectangle
    """Where the screen is in the drawing ("you are here")."""
    reach: Reach = EVERYBODYS
    """Between which heights everybody reaches."""
    scanner: Rectangle | None = None
    """Where codes are held to be scanned, in the drawing; None where nobody said."""
    privacy_contact: str = ""
    """Whom people ask what is kept of them; "" where nobody said."""
    country: str = ""
    """Where numbers without a country code belong to, ISO 3166 alpha-2; "" where nobody said."""

    @cached_property
    def slot_by_label(self) -> Mapping[str, Slot]:
        return {slot.label: slot for slot in self.slots}

    def slot(self, label: str) -> Slot:
        require(label in self.slot_by_label, f"no slot {label!r} at location {self.id!r}")
        return self.slot_by_label[label]
