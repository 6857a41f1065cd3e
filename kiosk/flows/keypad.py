"""Ask for digits: a code, the phone's last four, a PIN; with the countdown after wrong tries."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flows.context import Kiosk
from kiosk.flows.events import Entered, Pressed, Scanned, TimedOut
from kiosk.flows.privacy import show_privacy
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import EnterCode, EnterPhoneDigits
from kiosk.flows.views.shared import EnterPin

LONG_WAIT_S = 86_400

Entry = Entered | Scanned | Pressed


async def ask_digits(
    kiosk: Kiosk,
    view: EnterCode | EnterPhoneDigits | EnterPin,
    taken: tuple[type[Entry], ...],
    at_any_time: tuple[type[Entry], ...] = (),
) -> Entry | None:
    """What the person enters; None when they go back or away.

    While the view counts down (`wait_s`), nothing is taken but `at_any_time`; when the countdown
    ends, the keypad is on again. Nobody stands before a long one: whoever is silent is away then.
    Of presses only the view's own choices are taken, and the privacy notice is shown to who asks
    for it.
    """
    while True:
        kiosk.person.show(view)
        event = await kiosk.person.next(min(view.wait_s or LONG_WAIT_S, kiosk.policy.idle_s))
        if isinstance(event, TimedOut) and 0 < view.wait_s <= kiosk.policy.idle_s:
            view = replace(view, wait_s=0)
        elif isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
            return None
        elif isinstance(event, Pressed) and event.choice not in view.choices:
            continue
        elif event == Pressed(Choice.PRIVACY):
            await show_privacy(kiosk)
        elif isinstance(event, at_any_time) or (isinstance(event, taken) and not view.wait_s):
            return event
