"""No door here takes a package: where else in the network there is room, and a door kept there."""

from __future__ import annotations

from kiosk.flows.context import Kiosk
from kiosk.flows.doors import pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.shared import Checking
from kiosk.flows.views.unannounced import RoomElsewhere


async def show_elsewhere(kiosk: Kiosk, carrier: str, size: str) -> None:
    """Show a courier the nearest lockers with room for this size; nothing without a server.

    While it is reached, room can be kept at the nearest one; else what was heard last is shown with
    its age.
    """
    elsewhere = kiosk.elsewhere
    if elsewhere is None:
        return
    kiosk.person.show(Checking())
    is_reached = await elsewhere.look(carrier)
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
        kept_until_ms = await elsewhere.reserve(rows[0].id, size, carrier)
        if kept_until_ms is None:
            is_gone, is_reached = True, await elsewhere.look(carrier)
