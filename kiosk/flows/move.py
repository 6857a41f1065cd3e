"""A technician moves a package to another slot: both doors open, then both are shut."""

from __future__ import annotations

from kiosk.flows.doors import Ending, ask, shut_wrong_door, until_shut
from kiosk.flows.kiosk import Kiosk, Opened
from kiosk.flows.views import Choice, DoorOpen, Purpose, Question
from kiosk.store import packages
from kiosk.store.packages import Move


async def move_package(kiosk: Kiosk, actor: str, package: str) -> str:
    """Open a free slot and the package's own, and write down where it lies then.

    Returns what came of it in a word for the door's page: the new slot, or what did not work.
    """
    intents = (kiosk.new_id(), kiosk.new_id())
    move = await kiosk.store.run(
        packages.begin_move, package, intents, kiosk.location, kiosk.strategy, actor
    )
    if move is None:
        return "NO_SLOT"
    opened = await kiosk.open_door(move.to_slot, move.to_intent, Purpose.PUT_IN)
    if not opened.stands_open:
        return await _did_not_open(kiosk, move, opened, move.to_slot, touched=False)
    opened = await kiosk.open_door(move.from_slot, move.from_intent, Purpose.TAKE)
    if not opened.stands_open:
        return await _did_not_open(kiosk, move, opened, move.from_slot, touched=True)
    for slot, purpose in ((move.from_slot, Purpose.TAKE), (move.to_slot, Purpose.PUT_IN)):
        ending = await until_shut(kiosk, DoorOpen(slot=slot, purpose=purpose))
        if ending is Ending.LEFT_OPEN:
            await kiosk.store.run(packages.give_up_move, move, "left open", True)
            return "LEFT_OPEN"
    answer = await ask(kiosk, Question.IS_IT_PUT_IN, move.to_slot, (Choice.YES, Choice.NO))
    if answer is Choice.YES:
        await kiosk.store.run(packages.finish_move, move, actor)
        return move.to_slot
    await kiosk.store.run(packages.give_up_move, move, "not said to be moved", True)
    return "NOT_MOVED"


async def _did_not_open(kiosk: Kiosk, move: Move, opened: Opened, slot: str, touched: bool) -> str:
    is_touched = touched or opened.unlocked.pulsed
    await kiosk.store.run(
        packages.give_up_move, move, f"door {slot}: {opened.unlocked.outcome}", is_touched
    )
    if opened.unlocked.wrong_slot is not None:
        await shut_wrong_door(kiosk, opened, slot, Purpose.LOOK)
    if touched:
        await until_shut(kiosk, DoorOpen(slot=move.to_slot, purpose=Purpose.LOOK, remind=True))
    return opened.unlocked.outcome.value
