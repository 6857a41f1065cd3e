"""No door here takes a package: where else in the network there is room, and a door kept there."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from kiosk.flows.context import Kiosk
from kiosk.flows.doors import pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.shared import Checking
from kiosk.flows.views.unannounced import RoomElsewhere

WAIT_S = 4.0
"""Nobody waits longer for a server: what was heard last is shown then, with its age."""
T = TypeVar("T")
_going_on: set[asyncio.Task[Any]] = set()
"""What the server was asked and nobody waits for any more; its answer is kept for the next time."""


async def _in_time(asked: Coroutine[Any, Any, T], otherwise: T) -> T:
    """What the server answers, as long as somebody at the machine waits for it."""
    task = asyncio.ensure_future(asked)
    _going_on.add(task)
    task.add_done_callback(_going_on.discard)
    done, _ = await asyncio.wait([task], timeout=WAIT_S)
    return task.result() if done else otherwise


async def show_elsewhere(kiosk: Kiosk, carrier: str, size: str) -> None:
    """Show a courier the nearest lockers with room for this size; nothing without a server.

    While it is reached, room can be kept at the nearest one; else, and where it takes too long to
    answer, what was heard last is shown with its age.
    """
    elsewhere = kiosk.elsewhere
    if elsewhere is None:
        return
    kiosk.person.show(Checking())
    is_reached = await _in_time(elsewhere.look(carrier), otherwise=False)
    kept_until_ms, is_gone = None, False
    while True:
        rows = elsewhere.rows(carrier, size)
        may_keep = is_reached and bool(rows) and kept_until_ms is None
        kiosk.person.show(
            RoomElsewhere(
                rows=rows or (),
                is_known=rows is not None,
                is_reached=is_reached,
                age_s=elsewhere.age_s(carrier),
                kept_until_ms=kept_until_ms,
                is_gone=is_gone,
                choices=(Choice.RESERVE, Choice.BACK) if may_keep else (Choice.DONE,),
            )
        )
        choices = (Choice.RESERVE, Choice.BACK, Choice.DONE)
        answer = await pressed(kiosk, choices, kiosk.policy.courier_session_s)
        if answer is not Choice.RESERVE or not rows or not may_keep:
            return
        kiosk.person.show(Checking())
        asked = elsewhere.reserve(rows[0].id, size, carrier)
        kept_until_ms = await _in_time(asked, otherwise=None)
        if kept_until_ms is None:
            is_reached = await _in_time(elsewhere.look(carrier), otherwise=False)
            is_gone = True
