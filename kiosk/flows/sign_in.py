"""Who somebody is: a badge names, a PIN proves.

A courier's badge is enough to work as a courier: one of somebody who is listed, or one that their
carrier's key signed. A technician needs a PIN, with a badge or without: a badge is soon
photographed. What is dangerous asks for the PIN once more, and no scan answers. In the place of a
PIN a courier may type the site's code of the day, where their carrier uses it.
"""

from __future__ import annotations

from collections.abc import Mapping

from kiosk.flows.context import Kiosk
from kiosk.flows.events import Entered, Scanned
from kiosk.flows.keypad import ask_digits
from kiosk.flows.pickup import show_answer
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.shared import Checking, EnterPin
from kiosk.model import signed_badge, site_code
from kiosk.model.person import Pin, Role, Staff, parse_badge, parse_pin
from kiosk.model.signed_badge import BadgeError, Why, is_signed_badge
from kiosk.store import badges, staff, tries
from kiosk.store.tries import Proof

WRONG = Refused(Refusal.WRONG_PIN)
_NOW, _HERE = Refusal.BADGE_NOT_VALID_NOW, Refusal.BADGE_NOT_VALID_HERE
_REFUSALS: Mapping[Why, Refusal] = {
    Why.UNREADABLE: Refusal.UNREADABLE,
    Why.UNKNOWN_KEY: Refusal.BADGE_NOT_KNOWN,
    Why.FORGED: Refusal.BADGE_NOT_KNOWN,
    Why.REVOKED: Refusal.BADGE_NOT_KNOWN,
    Why.NOT_YET: _NOW,
    Why.ENDED: _NOW,
    Why.TOO_LONG: _NOW,
    Why.ELSEWHERE: _HERE,
    Why.CLOCK: Refusal.BADGES_NOT_CHECKED,
    Why.KEYS_OLD: Refusal.BADGES_NOT_CHECKED,
}
"""What whoever scanned a badge is shown: enough to know what to do, and nothing that helps to make
one."""


async def sign_in(kiosk: Kiosk, role: Role | None, badge: Staff | None = None) -> Staff | None:
    """Ask for a PIN or a badge until it is right; None when the person goes back or away.

    `role`: as what somebody signs in, None for any of the staff. `badge`: whose was read already.
    """
    refused, wait_ms = None, await _first_wait_ms(kiosk, badge)
    while True:
        digits = await kiosk.store.run(staff.number_digits)
        code_carriers = await _code_carriers(kiosk, role)
        view = EnterPin(
            code_digits=site_code.CODE_DIGITS if code_carriers else 0,
            for_service=role is Role.TECHNICIAN,
            for_anyone=role is None,
            after_badge=badge is not None,
            number_digits=digits,
            refused=refused,
            wait_s=-(-wait_ms // 1000),
            choices=(Choice.BACK,),
        )
        entry = await ask_digits(kiosk, view, (Entered,), at_any_time=(Scanned,))
        if isinstance(entry, Scanned):
            found = await scanned_badge(kiosk, entry.text)
            if isinstance(found, Refused):
                refused = found
            elif not _may_act(found, role):
                refused = WRONG
            elif found.role is Role.COURIER:
                return found
            else:
                badge, refused = found, None
            wait_ms = await _first_wait_ms(kiosk, badge)
        elif isinstance(entry, Entered):
            code = site_code.parse_site_code(entry.text, digits)
            if code is not None and code_carriers:
                person, wait_ms = await _typed_code(kiosk, code, code_carriers, role)
            else:
                pin = parse_pin(entry.text, digits)
                person, wait_ms = await _typed(kiosk, pin, role, badge)
            if person is not None:
                return person
            refused = WRONG
        else:
            return None


async def sign_in_by_badge(kiosk: Kiosk, text: str) -> Staff | None:
    """A badge was scanned where nobody was asked for one: who signs in by it, with a PIN too if
    need be; None when nobody does, which was shown."""
    person = await scanned_badge(kiosk, text)
    if isinstance(person, Refused):
        is_listed = person == WRONG
        await show_answer(kiosk, Refused(Refusal.NOT_ALLOWED) if is_listed else person)
        return None
    if person.role is Role.TECHNICIAN:
        return await sign_in(kiosk, person.role, person)
    return person


async def scanned_badge(kiosk: Kiosk, text: str) -> Staff | Refused:
    """Whose badge was scanned, if they may work now. A badge is always looked at, whatever was
    scanned or typed before: its secret is too long to be guessed."""
    kiosk.person.show(Checking())
    if is_signed_badge(text):
        return await _signed(kiosk, text)
    badge = parse_badge(text)
    named = await kiosk.store.run(staff.member, badge.number) if badge else None
    if badge is not None and named is not None and named.badge_hash:
        is_right = await kiosk.verify_pin(named.badge_hash, badge.secret)
        if is_right and named.may_work(kiosk.clock.now()):
            return named
    await kiosk.store.run(tries.refuse_badge, named.number if named else tries.NOBODY)
    return WRONG


async def _signed(kiosk: Kiosk, text: str) -> Staff | Refused:
    """The courier whom a carrier's badge names, where it is good here and now."""
    try:
        scanned = signed_badge.read(text)
        return await kiosk.store.run(badges.admitted, scanned, kiosk.location.id)
    except BadgeError as error:
        await kiosk.store.run(tries.refuse_signed_badge, error.why, error.carrier)
        return Refused(_REFUSALS[error.why])


async def prove(kiosk: Kiosk, person: Staff) -> bool:
    """Whether somebody who is signed in types their PIN, before something dangerous is done; no
    badge is looked at, and nobody else's PIN."""
    refused, wait_ms = None, await _first_wait_ms(kiosk, person)
    while True:
        digits = await kiosk.store.run(staff.number_digits)
        view = EnterPin(
            for_service=person.role is Role.TECHNICIAN,
            again=True,
            number_digits=digits,
            refused=refused,
            wait_s=-(-wait_ms // 1000),
            choices=(Choice.BACK,),
        )
        entry = await ask_digits(kiosk, view, (Entered,))
        if not isinstance(entry, Entered):
            return False
        pin, refused = parse_pin(entry.text, digits), WRONG
        if pin is not None and pin.number == person.number:
            # Who guessed at the keypad before makes nobody wait who is let in already.
            found, wait_ms = await _checked(kiosk, pin, person.role, Proof.KNOWN)
            if found is not None:
                return True


async def _first_wait_ms(kiosk: Kiosk, known: Staff | None) -> int:
    """How long nobody may type, whoever they are; or whose badge was read, or who is signed in."""
    if known is None:
        return await kiosk.store.run(tries.kiosk_wait_ms)
    longest_ms = kiosk.policy.pin_wait_max_s * 1000
    return await kiosk.store.run(tries.sign_in_wait_ms, known.number, Proof.KNOWN, longest_ms)


async def _typed(
    kiosk: Kiosk, pin: Pin | None, role: Role | None, badge: Staff | None
) -> tuple[Staff | None, int]:
    """Who has this PIN and may act in this role, or else how long until the next is tried."""
    if pin is None:
        return None, 0  # it cannot be one: nothing is checked, and nothing counted
    is_badges = badge is not None and badge.number == pin.number
    return await _checked(kiosk, pin, role, Proof.KNOWN if is_badges else Proof.PIN)


async def _checked(
    kiosk: Kiosk, pin: Pin, role: Role | None, proof: Proof
) -> tuple[Staff | None, int]:
    """As `_typed`. While this person's PIN waits, it is neither checked nor counted."""
    longest_ms = kiosk.policy.pin_wait_max_s * 1000
    wait_ms = await kiosk.store.run(tries.sign_in_wait_ms, pin.number, proof, longest_ms)
    if wait_ms > 0:
        return None, wait_ms
    kiosk.person.show(Checking())
    person = await _owner(kiosk, pin)
    if person is not None and _may_act(person, role):
        await kiosk.store.run(tries.forgive, pin.number)
        return person, 0
    await kiosk.store.run(tries.refuse_pin, pin.number, proof, role)
    return None, await kiosk.store.run(tries.sign_in_wait_ms, pin.number, proof, longest_ms)


async def _owner(kiosk: Kiosk, pin: Pin) -> Staff | None:
    """The member of staff with this PIN, if they may work now.

    Somebody's hash is checked even when the number is nobody's, so that the time reveals nothing.
    """
    person = await kiosk.store.run(staff.member, pin.number)
    checked = person or await kiosk.store.run(staff.anybody)
    if checked is None:
        return None
    is_right = await kiosk.verify_pin(checked.pin_hash, pin.secret)
    may_work = person is not None and person.may_work(kiosk.clock.now())
    return person if is_right and may_work else None


async def _code_carriers(kiosk: Kiosk, role: Role | None) -> list[str]:
    """Whose couriers may type the site's code of the day where somebody signs in as this."""
    if role is Role.TECHNICIAN:
        return []
    return await kiosk.store.run(badges.site_code_carriers)


async def _typed_code(
    kiosk: Kiosk, digits: str, carriers: list[str], role: Role | None
) -> tuple[Staff | None, int]:
    """The courier who typed the site's code of today, or else how long until the next is tried: all
    of them together wait as one person does who mistypes a PIN."""
    longest_ms = kiosk.policy.pin_wait_max_s * 1000
    known = (site_code.NUMBER, Proof.PIN, longest_ms)
    wait_ms = await kiosk.store.run(tries.sign_in_wait_ms, *known)
    if wait_ms > 0:
        return None, wait_ms
    here = kiosk.location
    where = (kiosk.location_key, here.id, here.time_zone, kiosk.clock.now())
    code = site_code.find(digits, carriers, *where)
    if code is not None:
        await kiosk.store.run(tries.forgive, site_code.NUMBER)
        return await kiosk.store.run(badges.admitted_by_code, code), 0
    await kiosk.store.run(tries.refuse_pin, site_code.NUMBER, Proof.PIN, role)
    return None, await kiosk.store.run(tries.sign_in_wait_ms, *known)


def _may_act(person: Staff, role: Role | None) -> bool:
    return role is None or person.role in (role, Role.TECHNICIAN)
