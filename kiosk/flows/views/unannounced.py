"""What is shown where somebody says whom a package is for that nobody announced."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kiosk.flows.views.choices import Refused
from kiosk.flows.views.shared import View


class Whose(StrEnum):
    """Whose telephone number is asked for."""

    RECIPIENT = "RECIPIENT"
    """Asked of a courier."""
    GUESTS_RECIPIENT = "GUESTS_RECIPIENT"
    """Whom a guest sends something to."""
    GUEST = "GUEST"
    """The guest's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhomFor(View):
    """Nobody announced this package: how its recipient is named, if at all."""

    barcode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterPhone(View):
    """The keypad for a whole telephone number. Comes back as `Entered`."""

    whose: Whose
    needs_country: bool = False
    """The site says no country: numbers begin with their own code."""
    refused: Refused | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmPhone(View):
    """The number is read back before anything opens."""

    whose: Whose
    phone: str
    """In E.164."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindResident(View):
    """The keyboard for a flat, or for how a name begins. Comes back as `Entered`."""

    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class ResidentRow:
    """A household that may be meant: as little of it as a courier with a label needs."""

    household: str
    flat: str
    names: tuple[str, ...]
    """First names are initials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PickResident(View):
    """The households that a search found, a page of them; comes back as `Chosen(household)`."""

    rows: tuple[ResidentRow, ...]
    page: int
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyNotice(View):
    """What is kept of whoever's number or name is typed or looked up: how long, by whom, and whom
    to ask."""

    days: int
    """After so many, from when a package has left, it is erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestStored(View):
    """The guest's receipt: where the package lies, and under which number."""

    slot: str
    reference: str
    is_reached: bool
    """Whether what sends the messages can be reached now."""


@dataclass(frozen=True, slots=True)
class NearbyRow:
    """Another location with room."""

    id: str
    name: str
    address: str
    distance_m: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomElsewhere(View):
    """No door here takes the package: where else there is room for its size, the nearest first."""

    rows: tuple[NearbyRow, ...]
    is_known: bool
    """Whether anything was ever heard of it."""
    is_reached: bool
    """Whether the server answers now; else it is as old as `age_s` says, and nothing is kept."""
    age_s: int = 0
    kept_until_ms: int | None = None
    """Until when room is kept at the first; None: it is not."""
    is_gone: bool = False
    """Room was to be kept there, and there is none any more."""
