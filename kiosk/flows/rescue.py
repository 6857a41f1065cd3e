"""A dead machine's locker is emptied, door by door: every package that may lie inside is taken out
by somebody who signed in, and stands on their receipt."""

from __future__ import annotations

from kiosk.flows.collection import take_out
from kiosk.flows.context import Kiosk
from kiosk.flows.courier import show_receipt
from kiosk.flows.door_events import seen
from kiosk.flows.events import Pressed, TimedOut
from kiosk.flows.reconciliation import look_inside
from kiosk.flows.sign_in import sign_in
from kiosk.flows.views.choices import Choice, Problem
from kiosk.flows.views.service import Rescue
from kiosk.model.carriers import EVERY_CARRIER
from kiosk.model.location import SlotStatus
from kiosk.model.person import Role, Staff
from kiosk.store import slots, staff
from kiosk.store.slots import SlotRecord

REASON = "rescued"
"""Why the packages are taken out, in the journal."""
PATIENCE_S = 86_400.0
CHOICES = (Choice.OPEN_NEXT, Choice.SKIP, Choice.DONE)


async def rescue(kiosk: Kiosk) -> bool:
    """A technician signs in and empties the locker; whether somebody signed in."""
    await seen(kiosk)
    person = await sign_in(kiosk, Role.TECHNICIAN)
    if person is None:
        return False
    visit = await kiosk.store.run(staff.begin_visit, kiosk.new_id(), person.number, person.role)
    is_seen = False
    try:
        await _round(kiosk, person)
        is_seen = await show_receipt(kiosk, person.name, visit, EVERY_CARRIER)
    finally:
        await kiosk.store.run(staff.end_visit, visit, is_seen)
    return True


async def _round(kiosk: Kiosk, person: Staff) -> None:
    """Each door behind which something may lie, until all were opened or the technician is done."""
    skipped: set[str] = set()
    problem: Problem | None = None
    while left := await _left(kiosk, skipped):
        record = left[0]
        kiosk.person.show(
            Rescue(
                slot=record.label,
                barcode=record.barcode or "",
                left=len(left),
                problem=problem,
                choices=CHOICES,
            )
        )
        event = await kiosk.person.next(PATIENCE_S)
        if isinstance(event, TimedOut) or event == Pressed(Choice.DONE):
            return
        if event == Pressed(Choice.SKIP):
            skipped.add(record.label)
            problem = None
        elif event == Pressed(Choice.OPEN_NEXT):
            problem = await _empty(kiosk, person, record)


async def _left(kiosk: Kiosk, skipped: set[str]) -> list[SlotRecord]:
    """The doors that nobody has opened yet, those with packages first."""
    records = [
        record
        for record in await kiosk.store.run(slots.records)
        if record.label not in skipped
        and record.label in kiosk.location.slot_by_label
        and (record.package is not None or record.status is not SlotStatus.EMPTY)
    ]
    return sorted(records, key=lambda record: record.package is None)


async def _empty(kiosk: Kiosk, person: Staff, record: SlotRecord) -> Problem | None:
    """Open a door and have its slot emptied; what was wrong with the door, if anything."""
    if record.package is not None:
        return await take_out(kiosk, person.actor, record.package, record.label, REASON)
    outcome = await look_inside(kiosk, person.actor, record.label)
    return Problem(outcome) if outcome in set(Problem) else None
