"""A door is opened from afar, by an operator of the centre, for somebody who stands before it."""

from __future__ import annotations

from drivers.door import Outcome
from kiosk.flows.doors import open_door, shut_wrong_door, until_shut
from kiosk.flows.kiosk import Kiosk
from kiosk.flows.views import DoorOpen, Purpose
from kiosk.model.location import SlotStatus
from kiosk.store import intents, slots
from kiosk.store.intents import IntentPurpose

ACTOR = "centre"


async def open_from_afar(kiosk: Kiosk, slot: str) -> None:
    """Open it and wait until it is shut. Nobody here proved what they took or saw: the slot is in
    doubt until staff has looked."""
    record, intent = await kiosk.store.run(slots.record_of, slot), kiosk.new_id()
    await kiosk.store.run(
        intents.intend, intent, slot, IntentPurpose.MAINTENANCE, ACTOR, record.package
    )
    purpose = Purpose.LOOK if record.package is None else Purpose.TAKE
    opened = await open_door(kiosk, slot, intent, purpose)
    if opened.unlocked.outcome is Outcome.WRONG_DOOR:
        await shut_wrong_door(kiosk, opened, slot, purpose)
    if not opened.stands_open:
        return
    await until_shut(kiosk, DoorOpen(slot=slot, purpose=purpose), opened)
    await kiosk.store.run(
        intents.end_opening,
        opened.intent,
        slot,
        SlotStatus.SUSPECT,
        ACTOR,
        "opened from afar",
    )
