"""Whom to call, for whoever asks for help."""

from __future__ import annotations

from kiosk.flows.context import Kiosk
from kiosk.flows.doors import pressed
from kiosk.flows.extension import extend_hold
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.shared import Answer


async def offer_help(kiosk: Kiosk) -> None:
    """Whom to call, and what else a customer may want."""
    choices: tuple[Choice, ...] = (Choice.DONE,)
    if kiosk.policy.may_extend:
        choices = (Choice.DONE, Choice.EXTEND_HOLD)
    kiosk.person.show(Answer(help=True, choices=choices))
    if await pressed(kiosk, choices, kiosk.policy.idle_s) is Choice.EXTEND_HOLD:
        await extend_hold(kiosk)
