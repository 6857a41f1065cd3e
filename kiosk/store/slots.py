"""What the store knows of slots: which are free, which serve, what is in doubt."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kiosk.model.actor import KIOSK
from kiosk.model.allocation import AllocationStrategy, sizes_from
from kiosk.model.carriers import CarrierScope
from kiosk.model.event_bodies import (
    SlotConfigured,
    SlotReachabilityChanged,
    SlotServiceChanged,
    SlotSuspect,
)
from kiosk.model.location import Location, Service, SlotStatus, SuspectReason
from kiosk.model.shares import Shares
from kiosk.store import reservations, shares
from kiosk.store.compatibility import known_word
from kiosk.store.errors import RefusedError
from kiosk.store.writer import Row, Writer, insert, update


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """A slot as the store has it, with the package it holds."""

    label: str
    size: str
    status: SlotStatus
    suspect: SuspectReason | None
    service: Service
    service_reason: str
    service_by: str
    service_since_ms: int | None
    service_until_ms: int | None
    """Until when it is thought to be out of service; it never comes back by itself."""
    is_reachable: bool
    package: str | None
    barcode: str | None
    last_carrier: str
    """Whose package was last meant to lie in it."""


class FreeSlotQuery:
    """The free slots, asked by index: a `FreeSlots` for the allocation strategies. Those that are
    kept by reservations are none, but for the package that uses one; and for what a carrier brings
    unannounced those are none that are beyond its share."""

    def __init__(
        self, writer: Writer, package: str | None = None, carrier: str | None = None
    ) -> None:
        """`carrier`: whose package it is that nobody announced."""
        self._writer, self._carrier = writer, carrier
        self._kept = reservations.kept(writer, package)
        self._shares = None if carrier is None else shares.of_location(writer)

    def first(self, size: str, *, low: bool | None = None, skip: int = 0) -> str | None:
        if not self._is_left(size):
            return None
        if low is not None:
            found = self._first(size, low, skip)
            return None if found is None else str(found["label"])
        kinds = [row for row in (self._first(size, True, 0), self._first(size, False, 0)) if row]
        if skip or not kinds:
            return self._nth_of_both(size, skip)
        return str(min(kinds, key=lambda row: (row["freed_seq"], row["position"]))["label"])

    def _is_left(self, size: str) -> bool:
        kept = self._kept.get(size, 0)
        if not kept and self._shares is None:
            return True
        free = reservations.free(self._writer, size) - kept
        return left_of(self._shares, size, self._carrier, free) > 0

    def _first(self, size: str, low: bool, skip: int) -> Row | None:
        return self._writer.one(
            "SELECT label, freed_seq, position FROM slot INDEXED BY slot_free"
            " WHERE size = ? AND is_low = ?"
            " AND status = 'EMPTY' AND service = 'IN_SERVICE' AND is_reachable = 1"
            " ORDER BY freed_seq, position LIMIT 1 OFFSET ?",
            (size, int(low), skip),
        )

    def _nth_of_both(self, size: str, skip: int) -> str | None:
        row = self._writer.one(
            "SELECT label FROM slot WHERE size = ?"
            " AND status = 'EMPTY' AND service = 'IN_SERVICE' AND is_reachable = 1"
            " ORDER BY freed_seq, position LIMIT 1 OFFSET ?",
            (size, skip),
        )
        return None if row is None else str(row["label"])


def left_of(shares: Shares | None, size: str, carrier: str | None, free: int) -> int:
    """How many of so many free doors there are for what a carrier brings unannounced."""
    if shares is None or carrier is None:
        return max(0, free)
    return shares.left_at_the_machine(size, carrier, max(0, free))


def configure(writer: Writer, location: Location) -> int:
    """Bring the slots in line with the site's config; return how many were new or changed.

    A slot that the config no longer has is kept, unreachable, so that what lies in it is not
    forgotten.
    """
    known = {row["label"]: row for row in writer.all("SELECT * FROM slot")}
    changed = 0
    for position, slot in enumerate(location.slots):
        wanted = {"position": position, "size": slot.size, "is_low": int(slot.is_low)}
        row = known.pop(slot.label, None)
        if row is None:
            change = insert("slot", label=slot.label, **wanted)
        elif any(row[name] != value for name, value in wanted.items()):
            change = update("slot", label=slot.label, **wanted)
        else:
            continue
        writer.record(SlotConfigured(actor=KIOSK), change)
        changed += 1
    for label, row in known.items():
        if row["is_reachable"]:
            writer.record(
                SlotReachabilityChanged(actor=KIOSK), update("slot", label=label, is_reachable=0)
            )
            changed += 1
    return changed


def records(writer: Writer) -> list[SlotRecord]:
    """Every slot, in the order of the config."""
    rows = writer.all(
        "SELECT slot.*, package.id AS package, package.barcode FROM slot"
        " LEFT JOIN package ON package.slot = slot.label ORDER BY slot.position"
    )
    return [_record(row) for row in rows]


def record_of(writer: Writer, label: str) -> SlotRecord:
    """One slot."""
    row = writer.one(
        "SELECT slot.*, package.id AS package, package.barcode FROM slot"
        " LEFT JOIN package ON package.slot = slot.label WHERE slot.label = ?",
        (label,),
    )
    if row is None:
        raise RefusedError(f"there is no slot {label!r} in the database")
    return _record(row)


def inside(status: str, suspect: str | None) -> tuple[SlotStatus, SuspectReason | None]:
    """What is known of a slot's inside. Where a newer program wrote what is not known here, staff
    has to look, and the slot opens for no customer until then."""
    known = known_word(status, SlotStatus.SUSPECT)
    if known is not SlotStatus.SUSPECT:
        return known, None
    return known, known_word(suspect or "", SuspectReason.MAY_HOLD_ANOTHERS)


def service_of(word: str) -> Service:
    """Whether a slot takes part; one of which a newer program wrote something else does not."""
    return known_word(word, Service.DO_NOT_OPEN)


def _record(row: Row) -> SlotRecord:
    status, suspect = inside(row["status"], row["suspect"])
    return SlotRecord(
        label=row["label"],
        size=row["size"],
        status=status,
        suspect=suspect,
        service=service_of(row["service"]),
        service_reason=row["service_reason"],
        service_by=row["service_by"],
        service_since_ms=row["service_since_ms"],
        service_until_ms=row["service_until_ms"],
        is_reachable=bool(row["is_reachable"]),
        package=row["package"],
        barcode=row["barcode"],
        last_carrier=row["last_carrier"],
    )


def free_by_size(
    writer: Writer, location: Location, strategy: AllocationStrategy, carrier: str | None = None
) -> dict[str, int]:
    """How many free slots there are for a package of each size; for one that a carrier brings
    unannounced, of its share.

    Counted are the slots of that very size, or the larger ones once those are taken; 0 where the
    strategy would give none, so that the courier knows before unloading.
    """
    rows = writer.all(
        "SELECT size, count(*) AS free FROM slot"
        " WHERE status = 'EMPTY' AND service = 'IN_SERVICE' AND is_reachable = 1 GROUP BY size"
    )
    kept = reservations.kept(writer)
    of_carriers = None if carrier is None else shares.of_location(writer)
    counts = {
        row["size"]: left_of(
            of_carriers, row["size"], carrier, row["free"] - kept.get(row["size"], 0)
        )
        for row in rows
    }
    free = FreeSlotQuery(writer, carrier=carrier)
    result = {}
    for size in location.sizes:
        fitting = sizes_from(location.sizes, size.name)
        own = counts.get(size.name, 0)
        number = own or sum(counts.get(name, 0) for name in fitting)
        refused = strategy.choose(location.sizes, size.name, False, free) is None
        result[size.name] = 0 if refused else number
    return result


def is_any_free(
    writer: Writer, size: str, location: Location, strategy: AllocationStrategy
) -> bool:
    """Whether a package of this size would be given a door, whoever brings it."""
    return strategy.choose(location.sizes, size, False, FreeSlotQuery(writer)) is not None


def set_service(writer: Writer, label: str, service: Service, reason: str, actor: str) -> int:
    """Take a slot out of service, with a reason, or put it back in; whatever is inside it."""
    if service is not Service.IN_SERVICE and not reason:
        raise RefusedError("a slot goes out of service with a reason")
    is_back = service is Service.IN_SERVICE
    return writer.record(
        SlotServiceChanged(actor=actor),
        update(
            "slot",
            label=label,
            service=service,
            service_reason="" if is_back else reason,
            service_by="" if is_back else actor,
            service_since_ms=None if is_back else writer.now.wall_ms,
            service_until_ms=None,
        ),
    )


def set_service_until(writer: Writer, label: str, until_ms: int | None, actor: str) -> int:
    """Say until when a slot that is out of service will be so; None: nobody knows."""
    if record_of(writer, label).service is Service.IN_SERVICE:
        raise RefusedError(f"slot {label} is in service")
    return writer.record(
        SlotServiceChanged(actor=actor), update("slot", label=label, service_until_ms=until_ms)
    )


def suspects(writer: Writer) -> list[SlotRecord]:
    """The slots of which nobody knows what is inside, in the order of the config."""
    return [record for record in records(writer) if record.status is SlotStatus.SUSPECT]


def suspect_that_fits(writer: Writer, sizes: Collection[str], scope: CarrierScope) -> str | None:
    """A slot in doubt that would take a package once a person looked inside who may touch what was
    last meant to lie there; None if none."""
    for record in suspects(writer):
        is_usable = record.service is Service.IN_SERVICE and record.is_reachable
        may_look = record.suspect in (
            SuspectReason.MAY_BE_EMPTY,
            SuspectReason.MAY_HOLD_SOMETHING,
        )
        is_free = record.package is None and scope.may_touch(record.last_carrier)
        if record.size in sizes and is_usable and may_look and is_free:
            return record.label
    return None


def mark_suspect(
    writer: Writer, label: str, reason: SuspectReason, why: str, actor: str = "kiosk"
) -> int:
    """Nobody knows what is inside this slot any more; `why` is for whoever will look.

    Of two reasons the graver stays: a wiring fault, then another's package, then the rest.
    """
    before = record_of(writer, label)
    kept = reason
    if before.suspect is not None and _GRAVITY[before.suspect] > _GRAVITY[reason]:
        kept = before.suspect
    return writer.record(
        SlotSuspect(actor=actor, why=why),
        update("slot", label=label, status=SlotStatus.SUSPECT, suspect=kept),
    )


_GRAVITY = {
    SuspectReason.MAY_BE_EMPTY: 0,
    SuspectReason.MAY_HOLD_SOMETHING: 1,
    SuspectReason.MAY_HOLD_ANOTHERS: 2,
    SuspectReason.WIRING: 3,
}
