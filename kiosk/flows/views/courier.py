"""What a courier is shown: scanning, sizes, what is to be taken back, the receipt."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.flows.views.choices import Problem, Refused
from kiosk.flows.views.shared import View
from kiosk.model.package import PackageStatus


@dataclass(frozen=True, slots=True)
class SizeOffer:
    """A size as offered to the courier, with how many slots are free now."""

    name: str
    width_mm: int
    height_mm: int
    depth_mm: int
    max_weight_kg: float
    free: int


@dataclass(frozen=True, slots=True)
class StoredNote:
    """The last package of a run, said on the next screen."""

    slot: str
    barcode: str
    code: str = ""
    """Only where the site shows it to the courier: nine digits."""


@dataclass(frozen=True, slots=True)
class SilentDoors:
    """Doors that would be free, or behind which something is to be taken back, and whose boards do
    not answer."""

    count: int
    since_ms: int | None
    """Since when, in milliseconds since 1970 UTC; None where that is not known for sure."""
    due: int = 0
    """How many packages behind them are to be taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPackage(View):
    """The courier's screen between two packages: scan the next, or be done. A barcode comes as
    `Scanned`, or typed by hand as `Entered` after `TYPE_BARCODE`."""

    name: str
    sizes: tuple[SizeOffer, ...]
    stored: StoredNote | None = None
    stored_count: int = 0
    """How many were stored in this run."""
    expected: int | None = None
    """How many more are announced for whom this courier serves; None where nothing was announced
    in this run."""
    silent: SilentDoors | None = None
    refused: Refused | None = None
    typing: bool = False
    """Show the on-screen keyboard for the barcode."""
    due: int = 0
    """How many packages wait to be taken back."""
    undone: bool = False
    """The last deposit was undone."""
    out_of_reach: int = 0
    """How many packages are to be moved to doors that their owners reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseSize(View):
    """The size of a package is not known; comes back as `Chosen(size name)`."""

    barcode: str
    sizes: tuple[SizeOffer, ...]
    full_leads_on: bool = False
    """A size of which no door is free can be chosen, too: what would make room is asked then, or
    shown where else there is some."""


@dataclass(frozen=True, slots=True)
class DueRow:
    """A package that a courier is to take back."""

    slot: str
    barcode: str
    status: PackageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection(View):
    """What is to be taken back, one by one; the first of `due` is opened next."""

    due: tuple[DueRow, ...]
    collected: int = 0
    problem: Problem | None = None
    """The door before did not open; its package stays."""


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One package that changed hands."""

    kind: str
    barcode: str
    slot: str
    at_ms: int | None
    """When, in milliseconds since 1970 UTC; None if the clock could not be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(View):
    """What a courier brought and took, for the record."""

    name: str
    number: str
    """The number of the visit, for staff to look up."""
    lines: tuple[ReceiptLine, ...]
    link: str = ""
    """Where the server shows it; "" where it does not."""
    is_reached: bool = False
    """Whether what the link leads to is there at once, and not only when the line is back."""
