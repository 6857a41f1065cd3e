"""What the store knows of packages: announced, put in, taken out, expired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from kiosk.model.allocation import AllocationStrategy
from kiosk.model.clock import hold_until_ms
from kiosk.model.events import EventKind
from kiosk.model.location import Location, SlotStatus, SuspectReason
from kiosk.model.package import LEGAL_CHANGES, Package, PackageStatus, require_legal
from kiosk.model.person import Recipient
from kiosk.store import holds
from kiosk.store.codes import draw_locator
from kiosk.store.errors import InPlayError, RefusedError
from kiosk.store.slots import FreeSlotQuery, mark_suspect, record_of
from kiosk.store.writer import Row, RowChange, Writer, insert, update

LIVE = "(status IN ('PENDING', 'STORED', 'EXPIRED') OR slot IS NOT NULL)"


class IntentPurpose(StrEnum):
    """Why a door is to be opened."""

    DEPOSIT = "DEPOSIT"
    PICKUP = "PICKUP"
    REOPEN = "REOPEN"
    RETURN = "RETURN"
    COLLECTION = "COLLECTION"
    UNDO = "UNDO"
    MOVE = "MOVE"
    MAINTENANCE = "MAINTENANCE"
    LOOK = "LOOK"


ENDS_IN = {
    IntentPurpose.PICKUP: PackageStatus.RETRIEVED,
    IntentPurpose.UNDO: PackageStatus.PENDING,
}
"""What becomes of the package when such an opening goes well: it must be able to become that."""


class IntentState(StrEnum):
    """How far an opening has come."""

    INTENDED = "INTENDED"
    OPENED = "OPENED"
    DONE = "DONE"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Announcement:
    """A package that is expected here."""

    id: str
    barcode: str
    size: str | None
    recipient: Recipient | None
    owner: str | None = None
    """The centre's id of the person; packages of one owner open with one code."""
    is_alone: bool = False
    """Never opened by the code of another package."""
    needs_low: bool = False


@dataclass(frozen=True, slots=True)
class Deposit:
    """A deposit that has begun: the slot is held and the intent is written."""

    package: str
    slot: str
    intent: str


def package_of(row: Row) -> Package:
    return Package(
        id=row["id"],
        barcode=row["barcode"],
        status=PackageStatus(row["status"]),
        size=row["size"],
        slot=row["slot"],
        recipient=row["recipient"],
        locator=row["locator"],
        code_counter=row["code_counter"],
        stored_ms=row["stored_ms"],
        hold_until_ms=row["hold_until_ms"],
        finished_ms=row["finished_ms"],
    )


def package(writer: Writer, package_id: str) -> Package:
    """One package by its id."""
    row = writer.one("SELECT * FROM package WHERE id = ?", (package_id,))
    if row is None:
        raise RefusedError(f"there is no package {package_id}")
    return package_of(row)


def live_by_barcode(writer: Writer, barcode: str) -> Package | None:
    """The live package with this barcode; there is at most one."""
    row = writer.one(f"SELECT * FROM package WHERE barcode = ? AND {LIVE}", (barcode,))
    return None if row is None else package_of(row)


def recipient_of(writer: Writer, package_id: str) -> Recipient | None:
    """Who a package is for, as far as known."""
    row = writer.one(
        "SELECT recipient.* FROM package JOIN recipient ON recipient.id = package.recipient"
        " WHERE package.id = ?",
        (package_id,),
    )
    if row is None:
        return None
    return Recipient(row["id"], writer.sealer.open(row["name"]), writer.sealer.open(row["phone"]))


def announce(writer: Writer, announcement: Announcement) -> bool:
    """Expect a package; False when a live package has this barcode already."""
    if live_by_barcode(writer, announcement.barcode) is not None:
        return False
    recipient = announcement.recipient
    if recipient is not None:
        writer.db.execute(
            "INSERT INTO recipient (id, name, phone) VALUES (?, ?, ?)",
            (recipient.id, writer.sealer.seal(recipient.name), writer.sealer.seal(recipient.phone)),
        )
    writer.record(
        EventKind.PACKAGE_ANNOUNCED,
        insert(
            "package",
            id=announcement.id,
            barcode=announcement.barcode,
            status=PackageStatus.PENDING,
            size=announcement.size,
            recipient=None if recipient is None else recipient.id,
            owner=announcement.owner,
            is_alone=int(announcement.is_alone),
            needs_low=int(announcement.needs_low),
            is_announced=1,
            announced_ms=writer.now.wall_ms,
        ),
    )
    return True


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


def begin_deposit(
    writer: Writer, request: DepositRequest, location: Location, strategy: AllocationStrategy
) -> Deposit | None:
    """Hold a slot for a package and write the intent to open it, in one; None when none is free.

    An announcement of the same barcode that came meanwhile is joined: the deposit is of that one.
    """
    known = writer.one("SELECT * FROM package WHERE id = ?", (request.package,))
    known = known or writer.one(
        f"SELECT * FROM package WHERE barcode = ? AND {LIVE}", (request.barcode,)
    )
    needs_low = request.needs_low or bool(known and known["needs_low"])
    slot = strategy.choose(location.sizes, request.size, needs_low, FreeSlotQuery(writer))
    if slot is None:
        return None
    package_id = known["id"] if known is not None else request.package
    changes: list[RowChange] = [update("slot", label=slot, status=SlotStatus.RESERVED)]
    if known is None:
        changes.append(
            insert(
                "package",
                id=package_id,
                barcode=request.barcode,
                status=PackageStatus.PENDING,
                size=request.size,
                announced_ms=writer.now.wall_ms,
            )
        )
    elif known["status"] != PackageStatus.PENDING or known["slot"] is not None:
        raise RefusedError(f"package {package_id} is {known['status']}, not expected")
    changes.append(update("package", id=package_id, slot=slot))
    changes.append(_intent(request.intent, slot, package_id, IntentPurpose.DEPOSIT, request.actor))
    writer.record(EventKind.SLOT_RESERVED, *changes, actor=request.actor)
    return Deposit(package_id, slot, request.intent)


def _intent(
    intent: str, slot: str, package_id: str | None, purpose: IntentPurpose, actor: str
) -> RowChange:
    return insert(
        "intent",
        id=intent,
        slot=slot,
        package=package_id,
        purpose=purpose,
        actor=actor,
        state=IntentState.INTENDED,
    )


def intend(
    writer: Writer,
    intent: str,
    slot: str,
    purpose: IntentPurpose,
    actor: str,
    package_id: str | None = None,
) -> int:
    """Write, before anything is pulsed, that this door is to be opened; return the event's number.

    Refuses a pickup whose package does not lie in that slot: a code never opens a slot whose live
    package is another's; and one of a package that was recalled since. To open an empty slot again
    puts it in doubt until it is shut.
    """
    held = record_of(writer, slot)
    if purpose is IntentPurpose.PICKUP and (package_id is None or held.package != package_id):
        raise RefusedError(f"slot {slot} does not hold package {package_id}")
    if package_id is not None and purpose in ENDS_IN:
        _require_may_become(writer, package_id, ENDS_IN[purpose])
    is_again = purpose in (IntentPurpose.REOPEN, IntentPurpose.RETURN)
    if is_again and held.status is not SlotStatus.EMPTY:
        raise RefusedError(f"slot {slot} was given to someone else")
    return writer.record(
        EventKind.DOOR_INTENDED, _intent(intent, slot, package_id, purpose, actor), actor=actor
    )


def intend_again(writer: Writer, before: str, intent: str) -> int:
    """Write, before anything is pulsed, that a door is to be opened once more for the same reason.

    The intent before, of an opening at which the door was said to be still shut, ends so.
    """
    row = writer.one("SELECT * FROM intent WHERE id = ?", (before,))
    if row is None or row["state"] not in (IntentState.INTENDED, IntentState.OPENED):
        raise RefusedError(f"the opening {before} is over")
    return writer.record(
        EventKind.DOOR_INTENDED,
        _done(before),
        _intent(intent, row["slot"], row["package"], IntentPurpose(row["purpose"]), row["actor"]),
        actor=row["actor"],
        why="the door reads open and was said to be shut",
    )


def _require_may_become(writer: Writer, package_id: str, after: PackageStatus) -> None:
    before = package(writer, package_id).status
    if (before, after) not in LEGAL_CHANGES:
        raise RefusedError(f"package {package_id} is {before}: it cannot become {after}")


def door_outcome(
    writer: Writer,
    intent: str,
    state: IntentState,
    outcome: str,
    elapsed_ms: int | None = None,
    doubts: Mapping[str, SuspectReason] | None = None,
) -> int:
    """What came of an opening; return the event's number, which is the person's reference.

    `doubts` are the slots of which it leaves nobody sure: written in the same transaction, so that
    no power cut falls between the outcome and what follows from it.
    """
    row = writer.one("SELECT slot FROM intent WHERE id = ?", (intent,))
    reference = writer.record(
        EventKind.DOOR_OUTCOME,
        update("intent", id=intent, state=state, outcome=outcome),
        elapsed_ms=elapsed_ms,
        slot=None if row is None else row["slot"],
    )
    for slot, reason in (doubts or {}).items():
        mark_suspect(writer, slot, reason, f"an opening ended as {outcome}")
    return reference


def _done(intent: str) -> RowChange:
    return update("intent", id=intent, state=IntentState.DONE)


def store_package(
    writer: Writer, deposit: Deposit, location: Location, hold_days: int, chance: Random
) -> Package:
    """The package is in and the door is shut: `STORED`, and its pickup code exists."""
    before = package(writer, deposit.package)
    require_legal(before.status, PackageStatus.STORED)
    if not _is_held_for(writer, deposit):
        raise RefusedError(f"slot {deposit.slot} is not held for package {deposit.package}")
    row = writer.one("SELECT actor FROM intent WHERE id = ?", (deposit.intent,))
    actor = row["actor"] if row else ""
    return _into_slot(
        writer, before, deposit.slot, deposit.intent, location, hold_days, chance, actor
    )


def _into_slot(
    writer: Writer,
    before: Package,
    slot: str,
    intent: str,
    location: Location,
    hold_days: int,
    chance: Random,
    actor: str,
    found: bool = False,
) -> Package:
    now = holds.moment(writer)
    writer.record(
        EventKind.PACKAGE_STORED,
        update("slot", label=slot, status=SlotStatus.OCCUPIED, suspect=None),
        update(
            "package",
            id=before.id,
            status=PackageStatus.STORED,
            slot=slot,
            last_slot=slot,
            locator=draw_locator(writer, len(location.slots), chance),
            code_counter=before.code_counter + 1,
            stored_ms=now.wall_ms,
            hold_until_ms=hold_until_ms(now, hold_days, location.time_zone),
            paused_ms=0,
        ),
        _done(intent),
        actor=actor,
        found=found,
    )
    return package(writer, before.id)


def _is_held_for(writer: Writer, deposit: Deposit) -> bool:
    """Whether this deposit is still going on: its package is expected, its slot held for it."""
    found = package(writer, deposit.package)
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
    if not _is_held_for(writer, deposit):
        raise RefusedError(f"slot {deposit.slot} is not held for package {deposit.package}")
    suspect = suspect or record_of(writer, deposit.slot).suspect
    row = writer.one("SELECT is_announced FROM package WHERE id = ?", (deposit.package,))
    was_announced = bool(row and row["is_announced"])
    values: dict[str, object] = {"id": deposit.package, "slot": None}
    if not was_announced:
        values |= {"status": PackageStatus.CANCELLED, "finished_ms": writer.now.wall_ms}
    if suspect is None:
        slot = update("slot", label=deposit.slot, status=SlotStatus.EMPTY)
    else:
        slot = update("slot", label=deposit.slot, status=SlotStatus.SUSPECT, suspect=suspect)
    changes = [RowChange("package", values), slot]
    intent = writer.one("SELECT state FROM intent WHERE id = ?", (deposit.intent,))
    if intent and intent["state"] in (IntentState.INTENDED, IntentState.OPENED):
        changes.append(update("intent", id=deposit.intent, state=intent_state))
    return writer.record(EventKind.RESERVATION_RELEASED, *changes, why=why)


def is_forgotten(writer: Writer, package_id: str) -> bool:
    """Whether a package that nobody announced was given up; to try again is a new stay."""
    return package(writer, package_id).status is PackageStatus.CANCELLED


def retrieve(
    writer: Writer, package_id: str, intent: str, suspect: SuspectReason | None = None
) -> int:
    """The customer has the package; the slot is free, or in doubt when the door is not shut."""
    before = package(writer, package_id)
    require_legal(before.status, PackageStatus.RETRIEVED)
    return _leave(
        writer, before, PackageStatus.RETRIEVED, EventKind.PACKAGE_RETRIEVED, suspect, intent
    )


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
        EventKind.PACKAGE_COLLECTED,
        suspect,
        intent,
        actor,
        reason,
    )


def due(writer: Writer) -> list[Package]:
    """What a courier is to take back, in the order of the slots: expired and recalled."""
    rows = writer.all(
        "SELECT package.* FROM package JOIN slot ON slot.label = package.slot"
        " WHERE package.status IN ('EXPIRED', 'CANCELLED')"
        " AND slot.service <> 'DO_NOT_OPEN' AND slot.is_reachable = 1 ORDER BY slot.position"
    )
    return [package_of(row) for row in rows]


def turned_up(writer: Writer, package_id: str, actor: str) -> int:
    """A package that was missing is in a courier's hands."""
    before = package(writer, package_id)
    require_legal(before.status, PackageStatus.COLLECTED)
    return writer.record(
        EventKind.PACKAGE_COLLECTED,
        update("package", id=package_id, status=PackageStatus.COLLECTED),
        actor=actor,
        reason="turned up",
    )


def undo_deposit(writer: Writer, package_id: str, intent: str, actor: str) -> int:
    """The courier took his last package out again: it is expected as before, or forgotten."""
    before = package(writer, package_id)
    require_legal(before.status, PackageStatus.PENDING)
    if before.slot is None:
        raise RefusedError(f"package {package_id} lies in no slot")
    seq = writer.record(
        EventKind.DEPOSIT_UNDONE,
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
        _done(intent),
        actor=actor,
    )
    row = writer.one("SELECT is_announced FROM package WHERE id = ?", (package_id,))
    if row and not row["is_announced"]:
        cancel(writer, package_id, "nobody announced it, and it was taken out again")
    return seq


def cancel(writer: Writer, package_id: str, why: str) -> int:
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
        EventKind.PACKAGE_CANCELLED,
        update(
            "package",
            id=package_id,
            status=PackageStatus.CANCELLED,
            finished_ms=None if before.slot else writer.now.wall_ms,
        ),
        why=why,
    )


def leave_here(writer: Writer, old_package: str, slot: str, new_package: str, intent: str) -> int:
    """A customer put a package back: it is a new one that names the old, for a courier to take.

    Nothing leaves RETRIEVED, and nobody knows whether what was put back is what was taken out.
    """
    old = package(writer, old_package)
    held = record_of(writer, slot)
    if held.package is not None:
        raise RefusedError(f"slot {slot} was given to someone else")
    return writer.record(
        EventKind.PACKAGE_RETURNED,
        update(
            "slot", label=slot, status=SlotStatus.SUSPECT, suspect=SuspectReason.MAY_HOLD_SOMETHING
        ),
        insert(
            "package",
            id=new_package,
            barcode=old.barcode,
            status=PackageStatus.PENDING,
            size=old.size,
            replaces=old.id,
            announced_ms=writer.now.wall_ms,
        ),
        update(
            "package",
            id=new_package,
            status=PackageStatus.CANCELLED,
            slot=slot,
            last_slot=slot,
        ),
        _done(intent),
        actor="customer",
    )


def complain(writer: Writer, package_id: str, slot: str, what: str) -> int:
    """A customer says that something is wrong; the event's number is the reference."""
    return writer.record(EventKind.COMPLAINT, package=package_id, slot=slot, what=what)


def found_inside(
    writer: Writer,
    package_id: str,
    slot: str,
    intent: str,
    location: Location,
    hold_days: int,
    chance: Random,
    actor: str,
) -> Package:
    """An expected package was found lying in a slot in doubt: its deposit is completed."""
    held = record_of(writer, slot)
    before = package(writer, package_id)
    require_legal(before.status, PackageStatus.STORED)
    if held.package is not None or before.slot is not None:
        raise RefusedError(f"slot {slot} or package {package_id} is not free for the other")
    return _into_slot(writer, before, slot, intent, location, hold_days, chance, actor, found=True)


@dataclass(frozen=True, slots=True)
class Move:
    """A package on its way from one slot to another, both held."""

    package: str
    from_slot: str
    to_slot: str
    from_intent: str
    to_intent: str


def begin_move(
    writer: Writer,
    package_id: str,
    intents: tuple[str, str],
    location: Location,
    strategy: AllocationStrategy,
    actor: str,
) -> Move | None:
    """Hold another slot for a package and write the intents for both doors; None when none fits."""
    before = package(writer, package_id)
    if before.slot is None:
        raise RefusedError(f"package {package_id} lies in no slot")
    size = before.size or location.slot(before.slot).size
    target = strategy.choose(location.sizes, size, False, FreeSlotQuery(writer))
    if target is None:
        return None
    from_intent, to_intent = intents
    writer.record(
        EventKind.SLOT_RESERVED,
        update("slot", label=target, status=SlotStatus.RESERVED),
        _intent(from_intent, before.slot, package_id, IntentPurpose.MOVE, actor),
        _intent(to_intent, target, package_id, IntentPurpose.MOVE, actor),
        actor=actor,
    )
    return Move(package_id, before.slot, target, from_intent, to_intent)


def finish_move(writer: Writer, move: Move, actor: str) -> int:
    """The package lies in its new slot and both doors are shut."""
    return writer.record(
        EventKind.PACKAGE_MOVED,
        update("slot", label=move.to_slot, status=SlotStatus.OCCUPIED),
        update("package", id=move.package, slot=move.to_slot, last_slot=move.to_slot),
        update(
            "slot",
            label=move.from_slot,
            status=SlotStatus.EMPTY,
            suspect=None,
            freed_seq=writer.head.seq + 1,
        ),
        _done(move.from_intent),
        _done(move.to_intent),
        actor=actor,
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
    return writer.record(EventKind.SLOT_SUSPECT, *changes, why=why, actor="kiosk")


def missing(
    writer: Writer, package_id: str, intent: str, suspect: SuspectReason | None, actor: str
) -> int:
    """A person looked and the package is not there."""
    before = package(writer, package_id)
    require_legal(before.status, PackageStatus.MISSING)
    return _leave(
        writer, before, PackageStatus.MISSING, EventKind.PACKAGE_MISSING, suspect, intent, actor
    )


def _leave(
    writer: Writer,
    before: Package,
    status: PackageStatus,
    kind: EventKind,
    suspect: SuspectReason | None,
    intent: str,
    actor: str = "customer",
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
        kind,
        update(
            "package",
            id=before.id,
            status=status,
            slot=None,
            finished_ms=writer.now.wall_ms,
        ),
        slot,
        _done(intent),
        actor=actor,
        reason=reason,
    )


def end_opening(
    writer: Writer, intent: str, slot: str, found: SlotStatus, actor: str, why: str = ""
) -> int:
    """An opening that moved no package is over: a look, a test, a door opened again.

    `found` is what the person who looked said: `EMPTY`, `OCCUPIED` (the slot's package is there),
    or `SUSPECT` when nobody said.
    """
    held = record_of(writer, slot)
    values: dict[str, object] = {"label": slot, "status": found, "suspect": None}
    if found is SlotStatus.SUSPECT:
        values["suspect"] = held.suspect or SuspectReason.MAY_HOLD_SOMETHING
    kind = EventKind.SLOT_SUSPECT if found is SlotStatus.SUSPECT else EventKind.SLOT_CLEARED
    if found is SlotStatus.EMPTY and held.package is not None:
        raise RefusedError(f"slot {slot} holds a package: it is missing, or it is still there")
    if found is SlotStatus.OCCUPIED and held.package is None:
        raise RefusedError(f"slot {slot} holds no package that is known")
    changes = [_done(intent)]
    if found is not held.status or values["suspect"] != held.suspect:
        changes.insert(0, RowChange("slot", values))
    return writer.record(kind, *changes, actor=actor, why=why)


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A door that was in play when the program ended."""

    id: str
    slot: str
    package: str | None
    purpose: IntentPurpose
    state: IntentState


def open_intents(writer: Writer) -> list[OpenIntent]:
    """The doors in play, as the store knows them."""
    rows = writer.all("SELECT * FROM intent WHERE state IN ('INTENDED', 'OPENED')")
    return [
        OpenIntent(
            row["id"],
            row["slot"],
            row["package"],
            IntentPurpose(row["purpose"]),
            IntentState(row["state"]),
        )
        for row in rows
    ]


def release_stranded(writer: Writer) -> int:
    """End reservations that no opening stands behind any more; return how many there were.

    A crash fell between an opening that failed and the end of its deposit or move. The door was
    perhaps pulsed, so a person looks into the slot before it is given out.
    """
    stranded = writer.all(
        "SELECT slot.label, package.id AS package FROM slot"
        " LEFT JOIN package ON package.slot = slot.label"
        " WHERE slot.status = 'RESERVED' AND NOT EXISTS ("
        "SELECT 1 FROM intent WHERE intent.slot = slot.label AND state IN ('INTENDED', 'OPENED'))"
    )
    why = "the kiosk stopped after an opening that failed"
    for row in stranded:
        if row["package"] is None:
            mark_suspect(writer, row["label"], SuspectReason.MAY_BE_EMPTY, why)
        else:
            deposit = Deposit(row["package"], row["label"], intent="")
            end_deposit(writer, deposit, SuspectReason.MAY_BE_EMPTY, why)
    return len(stranded)


def recover(writer: Writer, intent: OpenIntent, door: str) -> int:
    """Close an intent that a crash left open, without pulsing: the slot is in doubt.

    `door` is what the sensor says now.
    """
    why = f"the kiosk stopped during {intent.purpose}; the door is {door}"
    if intent.purpose is IntentPurpose.DEPOSIT and intent.package is not None:
        deposit = Deposit(intent.package, intent.slot, intent.id)
        if _is_held_for(writer, deposit):
            doubt = SuspectReason.MAY_HOLD_SOMETHING
            return end_deposit(writer, deposit, doubt, why, IntentState.UNKNOWN)
    held = record_of(writer, intent.slot)
    doubt = SuspectReason.MAY_BE_EMPTY if held.package else SuspectReason.MAY_HOLD_SOMETHING
    return writer.record(
        EventKind.SLOT_SUSPECT,
        update(
            "slot",
            label=intent.slot,
            status=SlotStatus.SUSPECT,
            suspect=held.suspect or doubt,
        ),
        update("intent", id=intent.id, state=IntentState.UNKNOWN),
        why=why,
        actor="kiosk",
    )
