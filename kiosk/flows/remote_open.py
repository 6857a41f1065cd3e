"""An operator at the server opens a door for somebody who stands before it."""

from __future__ import annotations

from drivers.door import Outcome
from kiosk.flows.context import Kiosk
from kiosk.flows.doors import leave_in_doubt, open_for_service, shut_wrong_door, until_shut
from kiosk.flows.views.choices import Purpose
from kiosk.flows.views.shared import DoorOpen
from kiosk.model.commands import OpeningOutcome
from kiosk.store import openings, slots


async def open_remotely(kiosk: Kiosk, slot: str, command: str) -> None:
    """Open it, tell what came of it, and wait until it is shut. Nobody here proved what they took
    or saw: the slot is in doubt until staff has looked."""
    record = await kiosk.store.run(slots.record_of, slot)
    purpose = Purpose.LOOK if record.package is None else Purpose.TAKE
    opened = await open_for_service(kiosk, record, openings.ACTOR, purpose, command)
    outcome = Outcome.JAMMED if opened.is_jam else opened.unlocked.outcome
    await kiosk.store.run(openings.end, command, OpeningOutcome(outcome.value))
    if opened.unlocked.outcome is Outcome.WRONG_DOOR:
        await shut_wrong_door(kiosk, opened, slot, purpose)
    if opened.stands_open:
        await until_shut(kiosk, DoorOpen(slot=slot, purpose=purpose), opened)
        await leave_in_doubt(kiosk, opened, slot, openings.ACTOR, "opened remotely")
