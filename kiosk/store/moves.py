"""A package goes from one slot to another."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.model.actor import KIOSK
from kiosk.model.allocation import AllocationStrategy, has_low_slot
from kiosk.model.carriers import CarrierScope
from kiosk.model.event_bodies import PackageMoved, SlotReserved, SlotSuspect
from kiosk.model.location import Location, SlotStatus, SuspectReason
from kiosk.store.errors import RefusedError
from kiosk.store.intents import IntentPurpose, IntentState, done, intended
from kiosk.store.packages import package
from kiosk.store.slots import FreeSlotQuery, record_of
from kiosk.store.writer import RowChange, Writer, update


@dataclass(frozen=True, slots=True)
class Move:
    """A package on its way from one slot to another, both held."""

    package: str
    from_slot: str
    to_slot: str
    from_intent: str
    to_intent: str


def fits_within_reach(writer: Writer, package_id: str, location: Location) -> bool:
    """Whether any door within everybody's reach there takes a package, free or not."""
    sql = (
        "SELECT package.size, slot.size AS slot_size FROM package"
        " JOIN slot ON slot.label = package.slot WHERE package.id = ?"
    )
    row = writer.one(sql, (package_id,))
    return row is not None and has_low_slot(location, row["size"] or row["slot_size"])


def wanted_lower(
    writer: Writer, location: Location, strategy: AllocationStrategy, scope: CarrierScope
) -> list[str]:
    """The packages that somebody may touch, whose owners do not reach their doors and for which a
    slot within reach is free, the oldest first."""
    rows = writer.all(
        "SELECT package.id, package.carrier, package.size, slot.size AS slot_size FROM package"
        " JOIN slot ON slot.label = package.slot"
        " WHERE package.status = 'STORED' AND package.needs_low = 1 AND slot.is_low = 0"
        " AND slot.service <> 'DO_NOT_OPEN' AND slot.is_reachable = 1 AND slot.status = 'OCCUPIED'"
        " ORDER BY package.stored_ms"
    )
    free = FreeSlotQuery(writer)
    return [
        row["id"]
        for row in rows
        if scope.may_touch(row["carrier"])
        and strategy.choose(location.sizes, row["size"] or row["slot_size"], True, free) is not None
    ]


def begin_move(
    writer: Writer,
    package_id: str,
    intents: tuple[str, str],
    location: Location,
    strategy: AllocationStrategy,
    actor: str,
) -> Move | None:
    """Hold another slot for a package and write the intents for both doors; None when none fits.

    One whose owner does not reach every door gets one within reach.
    """
    before = package(writer, package_id)
    if before.slot is None:
        raise RefusedError(f"package {package_id} lies in no slot")
    size = before.size or location.slot(before.slot).size
    row = writer.one("SELECT needs_low FROM package WHERE id = ?", (package_id,))
    needs_low = row is not None and bool(row["needs_low"])
    target = strategy.choose(location.sizes, size, needs_low, FreeSlotQuery(writer))
    if target is None:
        return None
    from_intent, to_intent = intents
    writer.record(
        SlotReserved(actor=actor),
        update("slot", label=target, status=SlotStatus.RESERVED, last_carrier=before.carrier),
        intended(from_intent, before.slot, package_id, IntentPurpose.MOVE, actor),
        intended(to_intent, target, package_id, IntentPurpose.MOVE, actor),
    )
    return Move(package_id, before.slot, target, from_intent, to_intent)


def finish_move(writer: Writer, move: Move, actor: str) -> int:
    """The package lies in its new slot and both doors are shut."""
    return writer.record(
        PackageMoved(actor=actor),
        update("slot", label=move.to_slot, status=SlotStatus.OCCUPIED),
        update("package", id=move.package, slot=move.to_slot, last_slot=move.to_slot),
        update(
            "slot",
            label=move.from_slot,
            status=SlotStatus.EMPTY,
            suspect=None,
            freed_seq=writer.head.seq + 1,
        ),
        done(move.from_intent),
        done(move.to_intent),
    )


def give_up_move(writer: Writer, move: Move, why: str, touched: bool) -> int:
    """The package was not moved; slots whose doors were opened are in doubt."""
    end = IntentState.UNKNOWN if touched else IntentState.FAILED
    changes: list[RowChange] = []
    for intent in (move.from_intent, move.to_intent):
        row = writer.one("SELECT state FROM intent WHERE id = ?", (intent,))
        if row and row["state"] in (IntentState.INTENDED, IntentState.OPENED):
            changes.append(update("intent", id=intent, state=end))
    if touched:
        doubt = SuspectReason.MAY_HOLD_SOMETHING
        known = record_of(writer, move.to_slot).suspect
        changes.append(
            update("slot", label=move.to_slot, status=SlotStatus.SUSPECT, suspect=known or doubt)
        )
        held = record_of(writer, move.from_slot).suspect
        changes.append(
            update(
                "slot",
                label=move.from_slot,
                status=SlotStatus.SUSPECT,
                suspect=held or SuspectReason.MAY_BE_EMPTY,
            )
        )
    else:
        changes.append(update("slot", label=move.to_slot, status=SlotStatus.EMPTY))
    return writer.record(SlotSuspect(actor=KIOSK, why=why), *changes)
