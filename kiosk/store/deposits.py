"""A package goes into a slot: begun, completed, given up, undone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from kiosk.model.actor import KIOSK
from kiosk.model.addressee import Addressee
from kiosk.model.allocation import AllocationStrategy, has_low_slot
from kiosk.model.barcode import require_barcode
from kiosk.model.carriers import OPERATORS, CarrierScope
from kiosk.model.clock import hold_until_ms
from kiosk.model.event_bodies import DepositUndone, PackageStored, ReservationReleased, SlotReserved
from kiosk.model.location import Location, SlotStatus, SuspectReason
from kiosk.model.package import Package, PackageStatus, require_legal
from kiosk.store import addressees, holds
from kiosk.store.codes import draw_locator
from kiosk.store.departures import cancel
from kiosk.store.errors import ContestedError, RefusedError
from kiosk.store.intents import IntentPurpose, IntentState, done, intended
from kiosk.store.packages import live_rows, meant_among, package
from kiosk.store.slots import FreeSlotQuery, record_of
from kiosk.store.writer import RowChange, Writer, insert, update


@dataclass(frozen=True, slots=True)
class Deposit:
    """A deposit that has begun: the slot is held and the intent is written."""

    package: str
    slot: str
    intent: str


@dataclass(frozen=True, slots=True)
class DepositRequest:
    """What a courier wants to put in."""

    package: str
    """The id of an announced package, or a new one for a package nobody announced."""
    barcode: str
    size: str
    intent: str
    actor: str
    needs_low: bool = False
    scope: CarrierScope = OPERATORS
    """Whose packages whoever brings it may touch."""
    sender: str | None = None
    """The mark of who sends it where that is nobody who announces, see `guests.SENDER`."""


def begin_deposit(
    writer: Writer, request: DepositRequest, location: Location, strategy: AllocationStrategy
) -> Deposit | None:
    """Hold a slot for a package and write the intent to open it, in one; None when none is free.

    An announcement of the same barcode that came meanwhile is joined: the deposit is of that one.
    Where several senders announced it, it is none of theirs: it lies there unannounced until an
    operator has said whose it is. Raises `NotABarcodeError` for a package that nobody announced,
    and `ContestedError` where that became so: then `request` is to name a new package.

    Who needs a slot within reach gets one, or waits for one, where any there takes the package.
    """
    claims = live_rows(writer, request.barcode, request.scope)
    known = writer.one("SELECT * FROM package WHERE id = ?", (request.package,))
    if known is not None and not request.scope.may_touch(known["carrier"]):
        raise RefusedError(f"package {known['id']} is another carrier's")
    if known is None:
        known = meant_among(claims)
    elif known["status"] == PackageStatus.PENDING and len(claims) > 1:
        raise ContestedError(f"package {known['id']} is announced by another sender, too")
    if known is None:
        require_barcode(request.barcode)
    expected = claims if known is None else [known]
    wants_low = request.needs_low or any(row["needs_low"] for row in expected)
    # Where the large doors of a bank stand on the floor, it is brought all the same.
    needs_low = wants_low and has_low_slot(location, request.size)
    if known is None:
        free = FreeSlotQuery(writer, request.package, request.scope.own)
    else:
        free = FreeSlotQuery(writer, known["id"])
    slot = strategy.choose(location.sizes, request.size, needs_low, free)
    if slot is None:
        return None
    package_id = known["id"] if known is not None else request.package
    carrier = request.scope.own if known is None else known["carrier"]
    changes: list[RowChange] = [
        update("slot", label=slot, status=SlotStatus.RESERVED, last_carrier=carrier)
    ]
    if known is None:
        changes.append(
            insert(
                "package",
                id=package_id,
                barcode=request.barcode,
                status=PackageStatus.PENDING,
                size=request.size,
                slot=slot,
                carrier=carrier,
                announced_ms=writer.now.wall_ms,
                **({} if request.sender is None else {"sender": request.sender}),
            )
        )
    elif known["status"] != PackageStatus.PENDING or known["slot"] is not None:
        raise RefusedError(f"package {package_id} is {known['status']}, not expected")
    else:
        changes.append(update("package", id=package_id, slot=slot))
    changes.append(intended(request.intent, slot, package_id, IntentPurpose.DEPOSIT, request.actor))
    writer.record(SlotReserved(actor=request.actor), *changes)
    return Deposit(package_id, slot, request.intent)


def store_package(
    writer: Writer,
    deposit: Deposit,
    location: Location,
    hold_days: int,
    rng: Random,
    addressee: Addressee | None = None,
) -> Package:
    """The package is in and the door is shut: `STORED`, and its pickup code exists.

    `addressee`: whom it is for by what was said at the machine; what its sender says of an
    announced one goes before.
    """
    before = package(writer, deposit.package)
    require_legal(before.status, PackageStatus.STORED)
    if not _is_of(before, deposit):
        raise RefusedError(f"slot {deposit.slot} is not held for package {deposit.package}")
    row = writer.one("SELECT actor FROM intent WHERE id = ?", (deposit.intent,))
    actor = row["actor"] if row else ""
    recipient = None
    if addressee is not None and not _is_announced(writer, before.id):
        recipient = addressees.keep(writer, location.id, before.id, addressee, rng)
    return _into_slot(
        writer,
        before,
        deposit.slot,
        deposit.intent,
        location,
        hold_days,
        rng,
        actor,
        recipient=recipient,
    )


def _is_announced(writer: Writer, package_id: str) -> bool:
    row = writer.one("SELECT is_announced FROM package WHERE id = ?", (package_id,))
    return bool(row and row["is_announced"])


def _into_slot(
    writer: Writer,
    before: Package,
    slot: str,
    intent: str,
    location: Location,
    hold_days: int,
    rng: Random,
    actor: str,
    found: bool = False,
    recipient: str | None = None,
) -> Package:
    now = holds.moment(writer)
    named = {} if recipient is None else {"recipient": recipient}
    stored = replace(
        before,
        status=PackageStatus.STORED,
        slot=slot,
        locator=draw_locator(writer, len(location.slots), rng),
        code_counter=before.code_counter + 1,
        stored_ms=now.wall_ms,
        hold_until_ms=hold_until_ms(now, hold_days, location.time_zone),
        recipient=recipient or before.recipient,
    )
    writer.record(
        PackageStored(actor=actor, found=found),
        update("slot", label=slot, status=SlotStatus.OCCUPIED, suspect=None),
        update(
            "package",
            id=stored.id,
            status=stored.status,
            slot=slot,
            last_slot=slot,
            locator=stored.locator,
            code_counter=stored.code_counter,
            stored_ms=stored.stored_ms,
            hold_until_ms=stored.hold_until_ms,
            paused_ms=0,
            **named,
        ),
        done(intent),
    )
    return stored


def is_held_for(writer: Writer, deposit: Deposit) -> bool:
    """Whether this deposit is still going on: its package is expected, its slot held for it."""
    return _is_of(package(writer, deposit.package), deposit)


def _is_of(found: Package, deposit: Deposit) -> bool:
    return found.status is PackageStatus.PENDING and found.slot == deposit.slot


def end_deposit(
    writer: Writer,
    deposit: Deposit,
    suspect: SuspectReason | None,
    why: str,
    intent_state: IntentState = IntentState.DONE,
) -> int:
    """A deposit ends without its package: the slot is free again, or in doubt.

    An announced package is expected as before; one that nobody announced is forgotten. A doubt
    that came up meanwhile stays.
    """
    if not is_held_for(writer, deposit):
        raise RefusedError(f"slot {deposit.slot} is not held for package {deposit.package}")
    suspect = suspect or record_of(writer, deposit.slot).suspect
    was_announced = _is_announced(writer, deposit.package)
    values: dict[str, object] = {"id": deposit.package, "slot": None}
    if not was_announced:
        values |= {"status": PackageStatus.CANCELLED, "finished_ms": writer.now.wall_ms}
    if suspect is None:
        slot = update("slot", label=deposit.slot, status=SlotStatus.EMPTY)
    else:
        slot = update("slot", label=deposit.slot, status=SlotStatus.SUSPECT, suspect=suspect)
    changes = [RowChange("package", values), slot]
    intent = writer.one("SELECT state, actor FROM intent WHERE id = ?", (deposit.intent,))
    if intent and intent["state"] in (IntentState.INTENDED, IntentState.OPENED):
        changes.append(update("intent", id=deposit.intent, state=intent_state))
    is_known = intent is not None and intent_state is not IntentState.UNKNOWN
    actor = intent["actor"] if intent and is_known else KIOSK
    return writer.record(ReservationReleased(actor=actor, why=why), *changes)


def is_forgotten(writer: Writer, package_id: str) -> bool:
    """Whether a package that nobody announced was given up; to try again is a new stay."""
    return package(writer, package_id).status is PackageStatus.CANCELLED


def undo_deposit(writer: Writer, package_id: str, intent: str, actor: str) -> int:
    """The courier took his last package out again: it is expected as before, or forgotten."""
    before = package(writer, package_id)
    require_legal(before.status, PackageStatus.PENDING)
    if before.slot is None:
        raise RefusedError(f"package {package_id} lies in no slot")
    seq = writer.record(
        DepositUndone(actor=actor),
        update(
            "package",
            id=package_id,
            status=PackageStatus.PENDING,
            slot=None,
            locator=None,
            stored_ms=None,
            hold_until_ms=None,
        ),
        update(
            "slot",
            label=before.slot,
            status=SlotStatus.EMPTY,
            suspect=None,
            freed_seq=writer.head.seq + 1,
        ),
        done(intent),
    )
    addressees.forget(writer, package_id)
    if not _is_announced(writer, package_id):
        cancel(writer, package_id, "nobody announced it, and it was taken out again", actor)
    return seq


def found_inside(
    writer: Writer,
    package_id: str,
    slot: str,
    intent: str,
    location: Location,
    hold_days: int,
    rng: Random,
    actor: str,
) -> Package:
    """An expected package was found lying in a slot in doubt: its deposit is completed."""
    held = record_of(writer, slot)
    before = package(writer, package_id)
    require_legal(before.status, PackageStatus.STORED)
    if held.package is not None or before.slot is not None:
        raise RefusedError(f"slot {slot} or package {package_id} is not free for the other")
    return _into_slot(writer, before, slot, intent, location, hold_days, rng, actor, found=True)
