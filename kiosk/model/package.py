"""A package: one stay of a thing in a locker, and the only changes its status may make."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kiosk.model.carriers import OPERATOR
from kiosk.model.invariants import require


class PackageStatus(StrEnum):
    """Where a package is in its life."""

    PENDING = "PENDING"
    STORED = "STORED"
    RETRIEVED = "RETRIEVED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    COLLECTED = "COLLECTED"
    MISSING = "MISSING"


LEGAL_CHANGES: frozenset[tuple[PackageStatus, PackageStatus]] = frozenset(
    (PackageStatus(before), PackageStatus(after))
    for before, after in (
        ("PENDING", "STORED"),
        ("PENDING", "CANCELLED"),
        ("STORED", "RETRIEVED"),
        ("STORED", "EXPIRED"),
        ("STORED", "CANCELLED"),
        ("STORED", "PENDING"),
        ("STORED", "COLLECTED"),
        ("STORED", "MISSING"),
        ("EXPIRED", "STORED"),
        ("EXPIRED", "RETRIEVED"),
        ("EXPIRED", "CANCELLED"),
        ("EXPIRED", "COLLECTED"),
        ("EXPIRED", "MISSING"),
        ("CANCELLED", "COLLECTED"),
        ("CANCELLED", "MISSING"),
        ("MISSING", "COLLECTED"),
    )
)


@dataclass(frozen=True, slots=True)
class Package:
    """What the kiosk knows of a package; the recipient's name and contact are kept elsewhere."""

    id: str
    """A UUID, made by whoever heard of the package first."""
    barcode: str
    status: PackageStatus
    size: str | None = None
    slot: str | None = None
    """Where it lies, or where a deposit in progress wants to put it."""
    recipient: str | None = None
    locator: str | None = None
    """The first digits of its pickup code, from the deposit on."""
    code_counter: int = 0
    """How often a code was issued; 0 before the first."""
    stored_ms: int | None = None
    hold_until_ms: int | None = None
    finished_ms: int | None = None
    carrier: str = OPERATOR
    """Whose couriers may touch it."""

    @property
    def may_be_picked_up(self) -> bool:
        return self.status is PackageStatus.STORED and self.slot is not None


def require_legal(before: PackageStatus, after: PackageStatus) -> None:
    """Refuse a change of status that no package may make."""
    require(
        (before, after) in LEGAL_CHANGES,
        f"a package cannot go from {before} to {after}",
    )
