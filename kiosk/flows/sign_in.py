"""Who somebody is: a PIN typed or a badge scanned, checked and slowed when it is wrong."""

from __future__ import annotations

from kiosk.flows.context import Kiosk
from kiosk.flows.events import Entered, Scanned
from kiosk.flows.keypad import ask_digits
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.shared import Checking, EnterPin
from kiosk.model.person import STAFF_NUMBER_DIGITS, Role, Staff, parse_badge
from kiosk.store import codes, staff


async def scanned_badge(kiosk: Kiosk, text: str) -> Staff | None:
    """Whose badge was scanned, if they may work now; None is counted as a wrong try."""
    kiosk.person.show(Checking())
    person = None
    if await kiosk.store.run(codes.sign_in_wait_ms) == 0:
        person = await _check_badge(kiosk, text)
    if person is None:
        await kiosk.store.run(codes.refuse_sign_in, "badge")
    return person


async def sign_in(kiosk: Kiosk, role: Role) -> Staff | None:
    """Ask for a PIN or a badge until it is right; None when the person goes back or away."""
    refused: Refused | None = None
    while True:
        view = EnterPin(
            for_service=role is Role.TECHNICIAN,
            refused=refused,
            wait_s=await _wait_s(kiosk),
            choices=(Choice.BACK,),
        )
        entry = await ask_digits(kiosk, view, (Entered, Scanned))
        if not isinstance(entry, Entered | Scanned):
            return None
        if await _wait_s(kiosk):
            continue
        kiosk.person.show(Checking())
        if isinstance(entry, Scanned):
            person = await _check_badge(kiosk, entry.text)
        else:
            person = await _check_pin(kiosk, entry.text)
        if person is not None and person.role in (role, Role.TECHNICIAN):
            return person
        await kiosk.store.run(codes.refuse_sign_in, role.value)
        refused = Refused(Refusal.WRONG_PIN)


async def _wait_s(kiosk: Kiosk) -> int:
    """How long nobody may try to sign in, after wrong tries."""
    return -(-await kiosk.store.run(codes.sign_in_wait_ms) // 1000)


async def _check_pin(kiosk: Kiosk, pin: str) -> Staff | None:
    """The member of staff with this PIN, if they may work now.

    Somebody's hash is checked even when the number is nobody's, so that the time reveals nothing.
    """
    person = await kiosk.store.run(staff.member, pin[:STAFF_NUMBER_DIGITS])
    checked = person or await kiosk.store.run(staff.anybody)
    if checked is None:
        return None
    is_right = await kiosk.verify_pin(checked.pin_hash, pin[STAFF_NUMBER_DIGITS:])
    may_work = person is not None and person.may_work(kiosk.clock.now())
    return person if is_right and may_work else None


async def _check_badge(kiosk: Kiosk, text: str) -> Staff | None:
    """The member of staff whose badge this is, if they may work now."""
    badge = parse_badge(text)
    person = await kiosk.store.run(staff.member, badge.number) if badge else None
    if badge is None or person is None or not person.badge_hash:
        return None
    is_right = await kiosk.verify_pin(person.badge_hash, badge.secret)
    return person if is_right and person.may_work(kiosk.clock.now()) else None
