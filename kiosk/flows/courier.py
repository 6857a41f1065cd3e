"""A courier's run: package after package, rounds in between, and the receipt at its end."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.flows.collection import collection
from kiosk.flows.context import Kiosk
from kiosk.flows.deposit import Scans, put_in, reissue, stored_note, undo
from kiosk.flows.doors import pressed
from kiosk.flows.events import Entered, Pressed, Scanned, TimedOut
from kiosk.flows.move import move_package
from kiosk.flows.person import Event
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.courier import (
    Receipt,
    ReceiptLine,
    ScanPackage,
    SilentDoors,
    StoredNote,
)
from kiosk.model.carriers import EVERY_CARRIER, CarrierScope
from kiosk.model.person import Role, Staff, is_badge
from kiosk.model.receipt_link import receipt_link
from kiosk.store import boards, departures, journal, moves, packages
from kiosk.store import staff as staff_store
from kiosk.store.staff import Moved, Visit

LONGEST_RUN_S = 86_400
"""Longer than anybody stands there: what ends a run that nobody goes on with is its lock, which
warns first."""


@dataclass
class Run:
    """A courier's run, and what its next screen says of the package before."""

    staff: Staff
    scans: Scans = field(default_factory=Scans)
    stored: StoredNote | None = None
    stored_count: int = 0
    is_expecting: bool = False
    """Whether something was announced in this run that had not come yet."""
    last_package: str | None = None
    """The last deposit, which may still be undone."""
    refused: Refused | None = None
    refused_package: str | None = None
    """A package that lies here already; its code may be made again."""
    typing: bool = False
    undone: bool = False

    @property
    def actor(self) -> str:
        return self.staff.actor

    @property
    def scope(self) -> CarrierScope:
        return self.staff.scope_as(Role.COURIER)


async def courier_run(kiosk: Kiosk, staff: Staff, visit: Visit) -> bool:
    """Package after package, until the courier is done or has gone; whether the receipt was seen.

    With a badge the scanner alone drives a whole run: it begins it and ends it.
    A receipt of the last visit that was not seen comes first.
    """
    run = Run(staff)
    await _earlier_receipt(kiosk, run)
    while True:
        event = await _next_event(kiosk, run)
        if isinstance(event, TimedOut):
            return False
        if event == Pressed(Choice.DONE) or _is_badge(event):
            return await _show_receipt(kiosk, run, visit)
        if event == Pressed(Choice.LET_SOMEONE_IN):
            if not await kiosk.person.step_aside():
                return False
        else:
            await _act(kiosk, run, event)


async def _next_event(kiosk: Kiosk, run: Run) -> Event:
    """What was scanned while a door was open, or else what comes next."""
    ahead = run.scans.take(kiosk.person)
    if ahead is not None:
        return ahead
    kiosk.person.show(await _scan_view(kiosk, run))
    return await kiosk.person.next(LONGEST_RUN_S)


def _is_badge(event: Event) -> bool:
    """Whether a badge was scanned: during a run it says that the run is over."""
    return isinstance(event, Scanned) and is_badge(event.text)


async def _act(kiosk: Kiosk, run: Run, event: Event) -> None:
    match event:
        case Pressed(Choice.TYPE_BARCODE):
            run.typing = True
        case Pressed(Choice.BACK):
            run.typing = False
        case Pressed(Choice.UNDO_LAST) if run.last_package is not None:
            await _undo(kiosk, run, run.last_package)
        case Pressed(Choice.COLLECT):
            await collection(kiosk, run.actor, run.scope)
        case Pressed(Choice.MOVE_LOWER):
            await _move_lower(kiosk, run)
        case Pressed(Choice.REISSUE_CODE) if run.refused_package is not None:
            await _reissue(kiosk, run, run.refused_package)
        case Scanned() | Entered():
            await _put_in(kiosk, run, event)
        case _:
            pass


async def _put_in(kiosk: Kiosk, run: Run, read: Scanned | Entered) -> None:
    run.refused, run.refused_package, run.typing, run.undone = None, None, False, False
    put = await put_in(kiosk, run.actor, run.scope, run.scans, read)
    run.refused, run.refused_package = put.refused, put.here
    if put.stored is not None:
        run.stored, run.last_package = (await stored_note(kiosk, put.stored)), put.stored.id
        run.stored_count += 1


async def _reissue(kiosk: Kiosk, run: Run, package_id: str) -> None:
    package = await reissue(kiosk, run.actor, package_id)
    run.refused, run.refused_package = None, None
    if package is None:
        run.refused = Refused(Refusal.RECALLED)
    else:
        run.stored = await stored_note(kiosk, package)


async def _undo(kiosk: Kiosk, run: Run, package_id: str) -> None:
    run.last_package = None
    undone = await undo(kiosk, run.actor, package_id)
    if isinstance(undone, Refused):
        run.refused = undone
    elif undone:
        run.stored, run.undone = None, True
        run.stored_count = max(0, run.stored_count - 1)


async def _scan_view(kiosk: Kiosk, run: Run) -> ScanPackage:
    due = len(await kiosk.store.run(departures.due, run.scope))
    choices = [Choice.DONE, Choice.TYPE_BARCODE, Choice.LET_SOMEONE_IN]
    if run.last_package is not None:
        choices.append(Choice.UNDO_LAST)
    if due:
        choices.append(Choice.COLLECT)
    out_of_reach = len(await _out_of_reach(kiosk, run))
    if out_of_reach:
        choices.append(Choice.MOVE_LOWER)
    if run.refused_package is not None:
        choices.append(Choice.REISSUE_CODE)
    expected = await kiosk.store.run(packages.expected, run.scope)
    run.is_expecting = run.is_expecting or expected > 0
    return ScanPackage(
        name=run.staff.name,
        sizes=await kiosk.size_offers(),
        stored=run.stored,
        stored_count=run.stored_count,
        expected=expected if run.is_expecting else None,
        silent=await _silent_doors(kiosk, run),
        refused=run.refused,
        typing=run.typing,
        due=due,
        undone=run.undone,
        out_of_reach=out_of_reach,
        choices=(Choice.BACK,) if run.typing else tuple(choices),
    )


async def _silent_doors(kiosk: Kiosk, run: Run) -> SilentDoors | None:
    """The doors that this courier would use, and cannot."""
    labels = {slot.label: slot.board for slot in kiosk.location.slots}
    silent = await kiosk.store.run(boards.silent_doors, labels, run.scope)
    return SilentDoors(silent.count, silent.since_ms, silent.due) if silent.count else None


async def _out_of_reach(kiosk: Kiosk, run: Run) -> list[str]:
    return await kiosk.store.run(moves.wanted_lower, kiosk.location, kiosk.strategy, run.scope)


async def _move_lower(kiosk: Kiosk, run: Run) -> None:
    """One package goes to a door that its owner reaches; where it does not, that is shown."""
    for package in (await _out_of_reach(kiosk, run))[:1]:
        before = await kiosk.store.run(packages.package, package)
        came_of_it = await move_package(kiosk, run.actor, package)
        if came_of_it in kiosk.location.slot_by_label:
            run.stored, run.last_package = StoredNote(came_of_it, before.barcode), None
            run.refused = None
        else:
            run.stored, run.refused = None, Refused(Refusal.NOT_MOVED, before.slot or "")


# --- receipts ------------------------------------------------------------------------------------


async def _earlier_receipt(kiosk: Kiosk, run: Run) -> None:
    """The receipt of the last visit, when that ended before it was seen."""
    earlier = await kiosk.store.run(staff_store.unseen_receipt, run.staff.number, run.scope)
    if earlier is not None and await _show_receipt(kiosk, run, earlier):
        await kiosk.store.run(staff_store.receipt_shown, earlier)


async def _show_receipt(kiosk: Kiosk, run: Run, visit: Visit) -> bool:
    return await show_receipt(kiosk, run.staff.name, visit, run.scope)


async def show_receipt(kiosk: Kiosk, name: str, visit: Visit, scope: CarrierScope) -> bool:
    """The hand-over receipt of a visit; True when it was seen, or there is none to show."""
    moved = await kiosk.store.run(staff_store.moved_in, visit, scope)
    if not moved:
        return True
    server = kiosk.public_server()
    kiosk.person.show(
        Receipt(
            name=name,
            number=str(visit.began_seq),
            lines=tuple(_receipt_line(each) for each in moved),
            link=await _link(kiosk, server.url, visit, len(moved)),
            is_reached=server.is_reached,
            choices=(Choice.DONE,),
        )
    )
    return await pressed(kiosk, (Choice.DONE,), LONGEST_RUN_S) is Choice.DONE


async def _link(kiosk: Kiosk, url: str, visit: Visit, shown: int) -> str:
    """Where the server shows the receipt; nowhere where there is more on it than is shown here."""
    whole = await kiosk.store.run(staff_store.moved_in, visit, EVERY_CARRIER)
    epoch = await kiosk.store.run(journal.epoch_of, visit.began_seq)
    if not url or epoch is None or len(whole) != shown:
        return ""
    here = kiosk.location.id
    return receipt_link(url, kiosk.location_key, here, epoch, visit.began_seq)


def _receipt_line(moved: Moved) -> ReceiptLine:
    at = moved.event.at
    at_ms = at.wall_ms if at.is_trusted else None
    return ReceiptLine(moved.event.kind, moved.barcode, moved.slot, at_ms)
