"""A technician looks after the doors: live states, open one, out of service and back."""

from __future__ import annotations

from drivers.door import DoorChange, Outcome
from kiosk.flows.doors import Ending, ask, by_word, shut_wrong_door, until_shut
from kiosk.flows.kiosk import Kiosk
from kiosk.flows.views import (
    Choice,
    ChooseReason,
    Chosen,
    DoorOpen,
    DoorPage,
    DoorRow,
    Doors,
    Pressed,
    Purpose,
    Question,
    TimedOut,
)
from kiosk.model.clock import local_text
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.person import Staff
from kiosk.store import packages, slots
from kiosk.store.packages import IntentPurpose
from kiosk.store.slots import SlotRecord

SESSION_S = 600
"""A technician's session ends after this long without a touch; doors need time."""
REASONS = (
    "door jams",
    "lock broken",
    "sensor broken",
    "damaged inside",
    "dirty",
    "other",
)


async def maintenance(kiosk: Kiosk, staff: Staff) -> None:
    """The bank, live, until the technician is done or has gone."""
    while True:
        records = await kiosk.store.run(slots.records)
        rows = tuple(_row(kiosk, record) for record in records)
        kiosk.person.show(
            Doors(
                doors=rows,
                boards=kiosk.bank.reports(),
                name=staff.name,
                choices=(Choice.DONE,),
            )
        )
        event = await kiosk.person.next(SESSION_S)
        if isinstance(event, TimedOut) or event == Pressed(Choice.DONE):
            return
        if isinstance(event, Chosen) and event.value in kiosk.location.slot_by_label:
            await _door_page(kiosk, staff, event.value)


def _row(kiosk: Kiosk, record: SlotRecord) -> DoorRow:
    wiring = kiosk.location.slot_by_label.get(record.label)
    reason = ""
    if record.service is not Service.IN_SERVICE and record.service_since_ms is not None:
        since = local_text(record.service_since_ms, kiosk.location.time_zone)
        reason = f"{record.service_reason} · {since} · {_who(kiosk, record.service_by)}"
    return DoorRow(
        slot=record.label,
        size=record.size,
        door=kiosk.bank.door(record.label),
        status=record.status,
        service=record.service,
        board=wiring.board if wiring else "",
        channel=wiring.channel if wiring else 0,
        reachable=kiosk.bank.reachable(record.label),
        suspect=record.suspect,
        reason=reason,
        barcode=record.barcode or "",
    )


def _who(kiosk: Kiosk, actor: str) -> str:
    """The name behind an actor as it stands in the journal."""
    staff = kiosk.staff.get(actor.removeprefix("staff:"))
    return staff.name if staff else actor


async def _door_page(kiosk: Kiosk, staff: Staff, slot: str) -> None:
    """One door, until the technician goes back."""
    outcome = ""
    actor = f"staff:{staff.number}"
    while True:
        record = await kiosk.store.run(slots.record_of, slot)
        kiosk.person.show(
            DoorPage(row=_row(kiosk, record), last_outcome=outcome, choices=_choices(record))
        )
        event = await kiosk.person.next(SESSION_S)
        match event:
            case Pressed(Choice.OPEN_DOOR | Choice.LOOK_INSIDE):
                outcome = await _open(kiosk, actor, record)
            case Pressed(Choice.OUT_OF_SERVICE):
                await _out_of_service(kiosk, actor, slot)
            case Pressed(Choice.BACK_IN_SERVICE):
                await kiosk.store.run(slots.set_service, slot, Service.IN_SERVICE, "", actor)
            case Pressed(Choice.BACK) | TimedOut():
                return
            case DoorChange() | _:
                pass


def _choices(record: SlotRecord) -> tuple[Choice, ...]:
    opening = Choice.LOOK_INSIDE if record.status is SlotStatus.SUSPECT else Choice.OPEN_DOOR
    is_in = record.service is Service.IN_SERVICE
    service = Choice.OUT_OF_SERVICE if is_in else Choice.BACK_IN_SERVICE
    return opening, service, Choice.BACK


async def _out_of_service(kiosk: Kiosk, actor: str, slot: str) -> None:
    """Ask for the reason and take the slot out of service; nothing happens without one."""
    kiosk.person.show(ChooseReason(slot=slot, reasons=REASONS, choices=(Choice.BACK,)))
    while True:
        event = await kiosk.person.next(SESSION_S)
        if isinstance(event, Chosen) and event.value in REASONS:
            await kiosk.store.run(slots.set_service, slot, Service.NO_DEPOSITS, event.value, actor)
            return
        if isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
            return


async def _open(kiosk: Kiosk, actor: str, record: SlotRecord) -> str:
    """Open a door for the technician, and ask what was inside before anything is believed."""
    intent = kiosk.new_id()
    slot = record.label
    purpose = IntentPurpose.LOOK if record.suspect else IntentPurpose.MAINTENANCE
    await kiosk.store.run(packages.intend, intent, slot, purpose, actor, record.package)
    opened = await kiosk.open_door(slot, intent, Purpose.LOOK)
    if opened.unlocked.outcome is Outcome.WRONG_DOOR:
        await shut_wrong_door(kiosk, opened, slot, Purpose.LOOK)
    if not opened.stands_open:
        return opened.unlocked.outcome.value
    choices = (Choice.DONE,) if by_word(opened, kiosk, slot) else ()
    view = DoorOpen(slot=slot, purpose=Purpose.LOOK, choices=choices)
    ending = await until_shut(kiosk, view)
    if ending is Ending.LEFT_OPEN:
        answer = None
    else:
        answer = await _what_is_inside(kiosk, record)
    await _believe(kiosk, actor, record, intent, answer)
    return opened.unlocked.outcome.value


async def _what_is_inside(kiosk: Kiosk, record: SlotRecord) -> Choice | None:
    if record.package is not None:
        choices = (Choice.STILL_THERE, Choice.IT_IS_EMPTY)
        return await ask(kiosk, Question.WAS_IT_THERE, record.label, choices)
    choices = (Choice.IT_IS_EMPTY, Choice.SOMETHING_INSIDE)
    return await ask(kiosk, Question.IS_IT_EMPTY, record.label, choices)


async def _believe(
    kiosk: Kiosk, actor: str, record: SlotRecord, intent: str, answer: Choice | None
) -> None:
    """Write down what the technician saw; silence leaves the slot in doubt."""
    if answer is Choice.IT_IS_EMPTY and record.package is not None:
        suspect: SuspectReason | None = None
        await kiosk.store.run(packages.missing, record.package, intent, suspect, actor)
        return
    found = {
        Choice.IT_IS_EMPTY: SlotStatus.EMPTY,
        Choice.STILL_THERE: SlotStatus.OCCUPIED,
    }.get(answer or Choice.CANCEL, SlotStatus.SUSPECT)
    await kiosk.store.run(packages.end_opening, intent, record.label, found, actor, "looked inside")
