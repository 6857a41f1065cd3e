"""A courier takes back what nobody fetched: expired and recalled packages, one by one."""

from __future__ import annotations

from drivers.door import Outcome
from kiosk.flows.context import Kiosk
from kiosk.flows.doors import (
    YES_OR_NO,
    Ending,
    FreeDoors,
    Opened,
    ask,
    free_doors,
    holds_item,
    open_door,
    shut_wrong_door,
    until_shut,
    until_taken,
)
from kiosk.flows.events import Pressed, TimedOut
from kiosk.flows.views.choices import Choice, Problem, Purpose, Question
from kiosk.flows.views.courier import Collection, DueRow
from kiosk.flows.views.shared import DoorOpen
from kiosk.model.carriers import CarrierScope
from kiosk.model.location import Service, ServiceReason, SlotStatus, SuspectReason
from kiosk.store import departures, intents, slots
from kiosk.store.intents import IntentPurpose

CHOICES = (Choice.OPEN_NEXT, Choice.SKIP, Choice.DONE)


async def collection(kiosk: Kiosk, actor: str, scope: CarrierScope) -> None:
    """The round of what is to be taken back, until all is seen or the courier is done."""
    skipped: set[str] = set()
    collected = 0
    problem: Problem | None = None
    while True:
        every = await kiosk.store.run(departures.due, scope)
        due = [each for each in every if each.id not in skipped]
        if not due and problem is None:
            return
        rows = tuple(DueRow(each.slot or "", each.barcode, each.status) for each in due)
        kiosk.person.show(
            Collection(
                due=rows,
                collected=collected,
                problem=problem,
                choices=CHOICES if rows else (Choice.DONE,),
            )
        )
        event = await kiosk.person.next(kiosk.policy.courier_session_s)
        if isinstance(event, TimedOut) or event == Pressed(Choice.DONE):
            return
        if event == Pressed(Choice.SKIP) and due:
            skipped.add(due[0].id)
        elif event == Pressed(Choice.OPEN_NEXT) and due and due[0].slot is not None:
            free = await free_doors(kiosk)
            problem = await take_out(kiosk, actor, due[0].id, due[0].slot, free=free)
            skipped.add(due[0].id)
            collected += problem is None


async def take_out(
    kiosk: Kiosk, actor: str, package: str, slot: str, reason: str = "", free: FreeDoors = ()
) -> Problem | None:
    """Open one slot for staff to take its package; what was wrong with the door, if anything.
    `free` is what a courier reads meanwhile."""
    intent = kiosk.new_id()
    await kiosk.store.run(intents.intend, intent, slot, IntentPurpose.COLLECTION, actor, package)
    opened = await open_door(kiosk, slot, intent, Purpose.TAKE)
    ending = await until_taken(kiosk, slot, opened, free)
    if ending is Ending.STAYED_SHUT:
        return await _stayed_shut(kiosk, slot, opened)
    if ending is Choice.NOTHING_INSIDE:
        await _not_there(kiosk, actor, package, slot, opened)
        return None
    seems_left = ending is not Ending.LEFT_OPEN and holds_item(kiosk, slot) is True
    if seems_left or ending is Ending.SHUT_QUICKLY:
        answer = await ask(kiosk, Question.DID_YOU_TAKE_IT, slot, YES_OR_NO)
        ending = Ending.SHUT if answer is Choice.YES else Ending.LEFT_OPEN
    if ending is Ending.LEFT_OPEN:
        await kiosk.store.run(
            intents.end_opening,
            opened.intent,
            slot,
            SlotStatus.SUSPECT,
            actor,
            "not said to be taken",
        )
    else:
        doubt = SuspectReason.MAY_HOLD_SOMETHING if seems_left else None
        await kiosk.store.run(departures.collect, package, opened.intent, actor, reason, doubt)
    return None


async def _stayed_shut(kiosk: Kiosk, slot: str, opened: Opened) -> Problem:
    """The door did not open, or another one did."""
    if opened.unlocked.outcome is Outcome.WRONG_DOOR:
        await shut_wrong_door(kiosk, opened, slot, Purpose.TAKE)
    if opened.is_jam:
        await kiosk.store.run(
            slots.set_service, slot, Service.NO_DEPOSITS, ServiceReason.DOOR_JAMS, "kiosk"
        )
    return opened.problem


async def _not_there(kiosk: Kiosk, actor: str, package: str, slot: str, opened: Opened) -> None:
    """Staff looked and it is not there: the package is missing, the slot free once it is shut."""
    view = DoorOpen(slot=slot, purpose=Purpose.LOOK, remind=True)
    if await until_shut(kiosk, view, opened) is Ending.LEFT_OPEN:
        await kiosk.store.run(
            intents.end_opening, opened.intent, slot, SlotStatus.SUSPECT, actor, "left open"
        )
    else:
        await kiosk.store.run(departures.missing, package, opened.intent, None, actor)
