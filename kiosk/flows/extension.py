"""A customer has a package kept longer, where the site allows it: a code, a new last day."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flows.context import Kiosk
from kiosk.flows.doors import pressed
from kiosk.flows.events import Entered, Scanned
from kiosk.flows.keypad import ask_digits
from kiosk.flows.pickup import ANSWER_S, ask_for_phone, seconds, show_answer
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.customer import EnterCode, HoldExtended
from kiosk.flows.views.shared import Checking
from kiosk.model.pickup_code import SECRET_DIGITS, locator_digits, parse_qr
from kiosk.store import codes, holds
from kiosk.store.codes import CodeAnswer, Granted, NeedsPhone, NotKnown, Wait
from kiosk.store.errors import RefusedError

EXTEND_DAYS = 1
"""By how much a hold grows each time; never beyond seven days in all."""


async def extend_hold(kiosk: Kiosk) -> None:
    """Ask for the code and keep its package longer; the door stays shut."""
    length = locator_digits(len(kiosk.location.slots)) + SECRET_DIGITS
    view = EnterCode(length=length, choices=(Choice.BACK,))
    while True:
        entry = await ask_digits(kiosk, view, (Entered, Scanned))
        if not isinstance(entry, Entered | Scanned):
            return
        typed = entry.text if isinstance(entry, Entered) else ""
        answer = await _check(kiosk, entry)
        if isinstance(answer, Wait):
            view = replace(view, wait_s=seconds(answer), digits=typed)
        elif isinstance(answer, NotKnown):
            view = replace(view, wait_s=0, refused=Refused(Refusal.NOT_KNOWN), digits=typed)
        else:
            await _extend(kiosk, answer)
            return


async def _check(kiosk: Kiosk, event: Entered | Scanned) -> CodeAnswer | None:
    """What the code is for; None when the person went back from the phone's digits."""
    kiosk.person.show(Checking())
    policy = kiosk.code_policy
    if isinstance(event, Scanned):
        code = parse_qr(event.text)
        if code is None or code.location != kiosk.location.id:
            return NotKnown()
        digits, scanned = code.code, True
    else:
        digits, scanned = event.text, False
    answer = await kiosk.store.run(codes.check_code, policy, digits, scanned=scanned)
    if isinstance(answer, NeedsPhone):
        return await ask_for_phone(kiosk, digits, scanned=scanned)
    return answer


async def _extend(kiosk: Kiosk, answer: CodeAnswer | None) -> None:
    if answer is None:
        return
    if not isinstance(answer, Granted):
        await show_answer(kiosk, Refused(Refusal.CANNOT_EXTEND))
        return
    zone = kiosk.location.time_zone
    try:
        until_ms = await kiosk.store.run(
            holds.extend_hold, answer.package, EXTEND_DAYS, zone, "customer"
        )
    except RefusedError:
        await show_answer(kiosk, Refused(Refusal.CANNOT_EXTEND))
        return
    shown_ms = until_ms if kiosk.clock.now().is_trusted else None
    kiosk.person.show(HoldExtended(until_ms=shown_ms, choices=(Choice.DONE,)))
    await pressed(kiosk, (Choice.DONE,), ANSWER_S)
