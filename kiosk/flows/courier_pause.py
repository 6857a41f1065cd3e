"""A courier steps aside for a customer: the run is locked, and goes on when its courier is back."""

from __future__ import annotations

from kiosk.flows.context import Kiosk
from kiosk.flows.events import Entered, Pressed, Scanned, TimedOut
from kiosk.flows.help import offer_help
from kiosk.flows.pickup import pickup, scanned_pickup, show_answer
from kiosk.flows.sign_in import sign_in, sign_in_by_badge
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.customer import First
from kiosk.model.person import Role, Staff, parse_badge

CHOICES = (Choice.PICK_UP, Choice.RESUME, Choice.HELP)


async def let_someone_in(kiosk: Kiosk, courier: Staff) -> bool:
    """Serve customers until the courier signs in again; False when the courier never does.

    Nothing of the run can be seen or done meanwhile, and nobody else can take it over.
    """
    while True:
        kiosk.person.forget()
        kiosk.person.show(First(choices=CHOICES))
        event = await kiosk.person.next(kiosk.policy.courier_session_s)
        match event:
            case TimedOut():
                return False
            case Entered(digits):
                await pickup(kiosk, digits)
            case Pressed(Choice.PICK_UP):
                await pickup(kiosk)
            case Scanned(text) if parse_badge(text) is not None:
                person = await sign_in_by_badge(kiosk, text)
                if person is not None and await _is_back(kiosk, courier, person):
                    return True
            case Scanned(text):
                await scanned_pickup(kiosk, text)
            case Pressed(Choice.RESUME):
                person = await sign_in(kiosk, Role.COURIER)
                if person is not None and await _is_back(kiosk, courier, person):
                    return True
            case Pressed(Choice.HELP):
                await offer_help(kiosk)
            case _:
                pass


async def _is_back(kiosk: Kiosk, courier: Staff, person: Staff | None) -> bool:
    if person is not None and person.number == courier.number:
        return True
    await show_answer(kiosk, Refused(Refusal.NOT_ALLOWED))
    return False
