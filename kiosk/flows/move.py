"""A technician moves a package to another slot: both doors open, then both are shut."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flows.context import Kiosk
from kiosk.flows.doors import (
    YES_OR_NO,
    Ending,
    Opened,
    ask,
    open_door,
    shut_wrong_door,
    until_shut,
)
from kiosk.flows.views.choices import Choice, Purpose, Question
from kiosk.flows.views.shared import DoorOpen
from kiosk.store import moves
from kiosk.store.moves import Move


async def move_package(kiosk: Kiosk, actor: str, package: str) -> str:
    """Open a free slot and the package's own, and write down where it lies then.

    Returns what came of it in a word for the door's page: the new slot, or what did not work.
    """
    intents = (kiosk.new_id(), kiosk.new_id())
    move = await kiosk.store.run(
        moves.begin_move, package, intents, kiosk.location, kiosk.strategy, actor
    )
    if move is None:
        return "NO_SLOT"
    target = await open_door(kiosk, move.to_slot, move.to_intent, Purpose.PUT_IN)
    if not target.stands_open:
        return await _did_not_open(kiosk, move, target, target, move.to_slot)
    source = await open_door(kiosk, move.from_slot, move.from_intent, Purpose.TAKE)
    if not source.stands_open:
        return await _did_not_open(kiosk, move, target, source, move.from_slot)
    for opened, slot, purpose in (
        (source, move.from_slot, Purpose.TAKE),
        (target, move.to_slot, Purpose.PUT_IN),
    ):
        ending = await until_shut(kiosk, DoorOpen(slot=slot, purpose=purpose), opened)
        move = replace(move, from_intent=source.intent, to_intent=target.intent)
        if ending is Ending.STAYED_SHUT:
            return await _did_not_open(kiosk, move, target, opened, slot)
        if ending is Ending.LEFT_OPEN:
            await kiosk.store.run(moves.give_up_move, move, "left open", True)
            return "LEFT_OPEN"
    answer = await ask(kiosk, Question.IS_IT_PUT_IN, move.to_slot, YES_OR_NO)
    if answer is Choice.YES:
        await kiosk.store.run(moves.finish_move, move, actor)
        return move.to_slot
    await kiosk.store.run(moves.give_up_move, move, "not said to be moved", True)
    return "NOT_MOVED"


async def _did_not_open(kiosk: Kiosk, move: Move, target: Opened, opened: Opened, slot: str) -> str:
    """One of the two doors did not open; the target's, if it did, is to be shut again."""
    is_touched = target.stands_open or opened.unlocked.pulsed
    await kiosk.store.run(
        moves.give_up_move, move, f"door {slot}: {opened.unlocked.outcome}", is_touched
    )
    if opened.unlocked.wrong_slot is not None:
        await shut_wrong_door(kiosk, opened, slot, Purpose.LOOK)
    view = DoorOpen(slot=move.to_slot, purpose=Purpose.LOOK, remind=True)
    await until_shut(kiosk, view, target)
    return opened.unlocked.outcome.value
