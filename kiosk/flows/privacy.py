"""What is kept of whoever's number or name is typed or looked up here, for who asks before."""

from __future__ import annotations

from kiosk.flows.context import Kiosk
from kiosk.flows.doors import pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.unannounced import PrivacyNotice

READ_WITHIN_S = 180
"""A notice is read in peace; whoever has gone by then is not there to go on."""


async def show_privacy(kiosk: Kiosk) -> None:
    """Show the notice until it was read; what was shown before is shown again by who calls."""
    days = kiosk.policy.erase_after_days
    kiosk.person.show(PrivacyNotice(days=days, choices=(Choice.BACK,)))
    await pressed(kiosk, (Choice.BACK,), READ_WITHIN_S)
