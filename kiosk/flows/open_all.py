"""Every door is opened on purpose: for who moves the locker, or has to see into all of it."""

from __future__ import annotations

from kiosk.flows.context import Kiosk
from kiosk.flows.doors import ask, leave_in_doubt, open_for_service, pressed
from kiosk.flows.sign_in import prove
from kiosk.flows.views.choices import Choice, Purpose, Question
from kiosk.flows.views.service import DoorsTested
from kiosk.model.location import Service
from kiosk.model.person import Staff
from kiosk.store import slots
from kiosk.store.slots import SlotRecord

READ_S = 600


async def open_all(kiosk: Kiosk, staff: Staff) -> None:
    """Ask, and ask for the PIN once more; then open one door after another.

    Nobody watches each door: every slot is in doubt until somebody has looked into it. Doors that
    must never be opened stay shut.
    """
    if await ask(kiosk, Question.OPEN_ALL, "", (Choice.NO, Choice.YES)) is not Choice.YES:
        return
    if not await prove(kiosk, staff):
        return
    records = [
        record
        for record in await kiosk.store.run(slots.records)
        if record.service is not Service.DO_NOT_OPEN
    ]
    actor = staff.actor
    failed = [each.label for each in records if not await _open(kiosk, each, actor)]
    opened = len(records) - len(failed)
    choices = (Choice.DONE,)
    kiosk.person.show(DoorsTested(opened=opened, failed=tuple(failed), left=0, choices=choices))
    await pressed(kiosk, choices, READ_S)


async def _open(kiosk: Kiosk, record: SlotRecord, actor: str) -> bool:
    opened = await open_for_service(kiosk, record, actor, Purpose.LOOK)
    if opened.stands_open:
        await leave_in_doubt(kiosk, opened, record.label, actor, "all doors were opened")
    return opened.stands_open
