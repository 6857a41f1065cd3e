"""A package leaves its slot, or is recalled: fetched, collected, put back, missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kiosk.model.actor import CUSTOMER, SERVER
from kiosk.model.carriers import CarrierScope
from kiosk.model.event_bodies import (
    Complaint,
    PackageCancelled,
    PackageCollected,
    PackageMissing,
    PackageRetrieved,
    PackageReturned,
)
from kiosk.model.location import SlotStatus, SuspectReason
from kiosk.model.package import Package, PackageStatus, require_legal
from kiosk.store.errors import InPlayError, RefusedError
from kiosk.store.intents import done, open_intents
from kiosk.store.packages import live_by_barcode, package, package_of
from kiosk.store.slots import record_of
from kiosk.store.writer import RowChange, Writer, insert, update


def retrieve(
    writer: Writer, package_id: str, intent: str, suspect: SuspectReason | None = None
) -> int:
    """The customer has the package; the slot is free, or in doubt when the door is not shut."""
    before = package(writer, package_id)
    require_legal(before.status, PackageStatus.RETRIEVED)
    row = writer.one("SELECT delegate FROM intent WHERE id = ?", (intent,))
    said = partial(PackageRetrieved, delegate=row["delegate"] if row is not None else None)
    return _leave(writer, before, PackageStatus.RETRIEVED, said, suspect, intent)


def collect(
    writer: Writer,
    package_id: str,
    intent: str,
    actor: str,
    reason: str = "",
    suspect: SuspectReason | None = None,
) -> int:
    """A courier took the package back: expired, recalled, or stored and for a reason.

    `suspect` is why somebody should look into the slot all the same.
    """
    before = package(writer, package_id)
    require_legal(before.status, PackageStatus.COLLECTED)
    if before.status is PackageStatus.STORED and not reason:
        raise RefusedError(f"package {package_id} is still to be fetched: say why it is taken")
    return _leave(
        writer,
        before,
        PackageStatus.COLLECTED,
        PackageCollected,
        suspect,
        intent,
        actor,
        reason,
    )


def due(writer: Writer, scope: CarrierScope) -> list[Package]:
    """What a courier who may touch this is to take back, in the order of the slots: expired and
    recalled."""
    rows = writer.all(
        "SELECT package.* FROM package JOIN slot ON slot.label = package.slot"
        " WHERE package.status IN ('EXPIRED', 'CANCELLED')"
        " AND slot.service <> 'DO_NOT_OPEN' AND slot.is_reachable = 1 ORDER BY slot.position"
    )
    return [package_of(row) for row in rows if scope.may_touch(row["carrier"])]


def cancel(writer: Writer, package_id: str, why: str, actor: str = SERVER) -> int:
    """Recall a package: one that is expected no longer comes, one that lies here is to be taken
    back.

    Refused while its door is in play: what is in somebody's hands cannot be recalled any more, and
    whether it is, is known in a moment.
    """
    before = package(writer, package_id)
    require_legal(before.status, PackageStatus.CANCELLED)
    if any(before.slot == intent.slot for intent in open_intents(writer)):
        raise InPlayError(f"the door of package {package_id} is in play: recall it again later")
    return writer.record(
        PackageCancelled(actor=actor, why=why),
        update(
            "package",
            id=package_id,
            status=PackageStatus.CANCELLED,
            finished_ms=None if before.slot else writer.now.wall_ms,
        ),
    )


def leave_here(writer: Writer, old_package: str, slot: str, new_package: str, intent: str) -> int:
    """A customer put a package back: it is a new one that names the old, for a courier to take.

    Nothing leaves RETRIEVED, and nobody knows whether what was put back is what was taken out.
    Where its barcode is that of another live package by now, announced again or even stored, it
    lies beside that one: in a slot in doubt, until whoever looks inside scans it or sets it aside.
    """
    old = package(writer, old_package)
    held = record_of(writer, slot)
    if held.package is not None:
        raise RefusedError(f"slot {slot} was given to someone else")
    doubt = update(
        "slot", label=slot, status=SlotStatus.SUSPECT, suspect=SuspectReason.MAY_HOLD_SOMETHING
    )
    other = live_by_barcode(writer, old.barcode, CarrierScope((old.carrier,)))
    changes = () if other is not None else _put_back(writer, old, slot, new_package)
    return writer.record(
        PackageReturned(
            actor=CUSTOMER, replaces=old.id, slot=slot, beside=None if other is None else other.id
        ),
        doubt,
        *changes,
        done(intent),
    )


def _put_back(
    writer: Writer, old: Package, slot: str, new_package: str
) -> tuple[RowChange, RowChange]:
    """The rows of a package that was put back: recalled, and lying in its slot."""
    begun = insert(
        "package",
        id=new_package,
        barcode=old.barcode,
        status=PackageStatus.PENDING,
        size=old.size,
        carrier=old.carrier,
        replaces=old.id,
        announced_ms=writer.now.wall_ms,
    )
    lies = update(
        "package", id=new_package, status=PackageStatus.CANCELLED, slot=slot, last_slot=slot
    )
    return begun, lies


def complain(writer: Writer, package_id: str, slot: str, what: str) -> int:
    """A customer says that something is wrong; the event's number is the reference."""
    return writer.record(Complaint(actor=CUSTOMER, package=package_id, slot=slot, what=what))


def missing(
    writer: Writer, package_id: str, intent: str, suspect: SuspectReason | None, actor: str
) -> int:
    """A person looked and the package is not there."""
    before = package(writer, package_id)
    require_legal(before.status, PackageStatus.MISSING)
    return _leave(writer, before, PackageStatus.MISSING, PackageMissing, suspect, intent, actor)


def _leave(
    writer: Writer,
    before: Package,
    status: PackageStatus,
    said: Callable[..., PackageRetrieved | PackageCollected | PackageMissing],
    suspect: SuspectReason | None,
    intent: str,
    actor: str = CUSTOMER,
    reason: str = "",
) -> int:
    if before.slot is None:
        raise RefusedError(f"package {before.id} lies in no slot")
    if suspect is None:
        slot = update(
            "slot",
            label=before.slot,
            status=SlotStatus.EMPTY,
            suspect=None,
            freed_seq=writer.head.seq + 1,
        )
    else:
        slot = update("slot", label=before.slot, status=SlotStatus.SUSPECT, suspect=suspect)
    return writer.record(
        said(actor=actor, reason=reason),
        update(
            "package",
            id=before.id,
            status=status,
            slot=None,
            finished_ms=writer.now.wall_ms,
        ),
        slot,
        done(intent),
    )
