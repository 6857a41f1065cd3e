"""A customer fetches a package: code, door, package, door shut, thanks."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from drivers.door import Outcome, Unlocked
from kiosk.flows.context import Kiosk
from kiosk.flows.doors import (
    YES_OR_NO,
    Ending,
    Opened,
    ask,
    holds_item,
    open_door,
    pressed,
    pressed_or_late,
    shut_wrong_door,
    until_shut,
    until_taken,
)
from kiosk.flows.events import Entered, Pressed, Scanned, TimedOut
from kiosk.flows.keypad import ask_digits
from kiosk.flows.views.choices import Choice, Problem, Purpose, Question, Refusal, Refused
from kiosk.flows.views.customer import (
    CodeAsked,
    EnterCode,
    EnterPhoneDigits,
    EnterTracking,
    LowerAsked,
    MorePackages,
    Thanks,
)
from kiosk.flows.views.shared import Answer, Checking, DoorOpen, Trouble
from kiosk.model.barcode import is_barcode
from kiosk.model.location import Service, ServiceReason, SlotStatus, SuspectReason
from kiosk.model.package import PackageStatus
from kiosk.model.pickup_code import SECRET_DIGITS, locator_digits, parse_qr
from kiosk.store import codes, departures, holds, intents, moves, slots
from kiosk.store.codes import (
    CannotOpen,
    CodeAnswer,
    Granted,
    MayReopen,
    NeedsPhone,
    NotKnown,
    Story,
    Wait,
)
from kiosk.store.errors import RefusedError
from kiosk.store.intents import IntentPurpose

TRIES = 3
"""How often a person may ask for a jammed door to be tried again."""
LOWER_DAYS = 1
"""By how much a hold grows while a courier is awaited who moves the package within reach."""
PHONE_CHOICES = (Choice.PRIVACY, Choice.BACK)
ANSWER_S = 12
"""How long an answer that ends something stays."""

STORY = {
    PackageStatus.RETRIEVED: Refusal.ALREADY_PICKED_UP,
    PackageStatus.CANCELLED: Refusal.RECALLED,
    PackageStatus.EXPIRED: Refusal.HOLD_OVER,
    PackageStatus.COLLECTED: Refusal.COLLECTED,
    PackageStatus.MISSING: Refusal.COLLECTED,
}


async def pickup(kiosk: Kiosk, digits: str = "") -> None:
    """From the first digit, or none, to thanks. Returns when the person is done or gone."""
    length = locator_digits(len(kiosk.location.slots)) + SECRET_DIGITS
    choices = (Choice.BACK, Choice.NO_CODE)
    view = EnterCode(length=length, digits=digits, choices=choices)
    while True:
        event = await ask_digits(kiosk, view, (Entered,), at_any_time=(Scanned, Pressed))
        match event:
            case Entered(text):
                refused = await try_code(kiosk, text)
                if refused is None:
                    return None
                view = replace(refused, length=length, digits=text, choices=choices)
            case Scanned(text):
                return await scanned_pickup(kiosk, text)
            case Pressed():
                return await no_code(kiosk)
            case None:
                return None


async def no_code(kiosk: Kiosk) -> None:
    """Whoever has no code has it sent again to the contact on file, and learns nothing here."""
    barcode = await _tracking_number(kiosk)
    if barcode is None:
        return
    asked: int | Wait | None = None
    while asked is None or isinstance(asked, Wait):
        view = EnterPhoneDigits(wait_s=seconds(asked) if asked else 0, choices=PHONE_CHOICES)
        typed = await ask_digits(kiosk, view, (Entered,))
        if not isinstance(typed, Entered):
            return
        asked = await kiosk.store.run(codes.ask_again, kiosk.code_policy, barcode, typed.text)
    server = kiosk.vitals().server
    is_reached = server is None or server.is_reached
    answer = CodeAsked(reference=str(asked), is_reached=is_reached, choices=(Choice.DONE,))
    kiosk.person.show(answer)
    await pressed(kiosk, answer.choices, ANSWER_S)


async def _tracking_number(kiosk: Kiosk) -> str | None:
    """What is typed or scanned as a package's number; None when the person goes back or away."""
    while True:
        kiosk.person.show(EnterTracking(choices=(Choice.BACK,)))
        event = await kiosk.person.next(kiosk.policy.idle_s)
        if isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
            return None
        if not isinstance(event, Entered | Scanned):
            continue
        if is_barcode(event.text):
            return event.text
        await show_answer(kiosk, Refused(Refusal.UNREADABLE))


async def scanned_pickup(kiosk: Kiosk, text: str) -> None:
    """A QR code was scanned on the first screen or at the keypad; "" stands for a refused scan."""
    code = parse_qr(text)
    if not text:
        await show_answer(kiosk, Refused(Refusal.UNREADABLE))
    elif code is None:
        await show_answer(kiosk, Refused(Refusal.NOT_KNOWN))
    elif code.location != kiosk.location.id:
        await show_answer(kiosk, Refused(Refusal.OTHER_LOCATION))
    else:
        kiosk.person.show_if_it_lasts(Checking())
        answer: CodeAnswer | None = await kiosk.store.run(
            codes.check_code, kiosk.code_policy, code.code, scanned=True
        )
        if isinstance(answer, NeedsPhone):
            answer = await ask_for_phone(kiosk, code.code, scanned=True)
        if isinstance(answer, Wait):
            await show_answer(kiosk, Refused(Refusal.WAIT, str(seconds(answer))))
            return
        refused = None if answer is None else await _act(kiosk, answer)
        if refused is not None:
            await show_answer(kiosk, refused.refused or Refused(Refusal.NOT_KNOWN))


async def try_code(kiosk: Kiosk, digits: str) -> EnterCode | None:
    """Check a typed code and do what it allows; the view to show again when it is refused."""
    kiosk.person.show_if_it_lasts(Checking())
    answer = await kiosk.store.run(codes.check_code, kiosk.code_policy, digits)
    if isinstance(answer, NeedsPhone):
        asked = await ask_for_phone(kiosk, digits)
        if asked is None:
            return None
        answer = asked
    return await _act(kiosk, answer)


async def ask_for_phone(kiosk: Kiosk, digits: str, *, scanned: bool = False) -> CodeAnswer | None:
    """The last digits of the phone; None when the person goes back or away."""
    view = EnterPhoneDigits(choices=PHONE_CHOICES)
    while True:
        typed = await ask_digits(kiosk, view, (Entered,))
        if not isinstance(typed, Entered):
            return None
        answer = await kiosk.store.run(
            codes.check_code,
            kiosk.code_policy,
            digits,
            scanned=scanned,
            phone_digits=typed.text,
        )
        if isinstance(answer, NotKnown) and answer.phone_digits_wrong:
            view = EnterPhoneDigits(
                refused=Refused(Refusal.WRONG_PHONE_DIGITS), choices=PHONE_CHOICES
            )
        elif isinstance(answer, Wait):
            view = EnterPhoneDigits(wait_s=seconds(answer), choices=PHONE_CHOICES)
        else:
            return answer


def seconds(wait: Wait) -> int:
    return -(-wait.wait_ms // 1000)


async def _act(kiosk: Kiosk, answer: CodeAnswer) -> EnterCode | None:
    match answer:
        case Granted():
            await _fetch_all(kiosk, answer)
        case MayReopen():
            await reopen(kiosk, answer.package, answer.slot)
        case Story():
            when_ms = answer.at_ms if kiosk.clock.now().is_trusted else None
            await show_answer(kiosk, Refused(STORY[answer.status], at_ms=when_ms))
        case CannotOpen():
            kiosk.person.show(
                Trouble(problem=Problem.DO_NOT_OPEN, slot=answer.slot, choices=(Choice.DONE,))
            )
            await pressed(kiosk, (Choice.DONE,), kiosk.policy.idle_s)
        case Wait():
            return EnterCode(wait_s=seconds(answer))
        case _:
            return EnterCode(refused=Refused(Refusal.NOT_KNOWN))
    return None


async def show_answer(kiosk: Kiosk, refused: Refused) -> None:
    """Say something that ends the matter, until it is pressed away or was read."""
    kiosk.person.show(Answer(refused=refused, choices=(Choice.DONE,)))
    await pressed(kiosk, (Choice.DONE,), ANSWER_S)


async def _fetch_all(kiosk: Kiosk, granted: Granted) -> None:
    """The package of the code, then the same person's others, each opened when asked for."""
    waiting = granted.others
    await fetch(kiosk, granted, has_more=bool(waiting))
    while waiting:
        slots_left = tuple(other.slot for other in waiting)
        choices = (Choice.OPEN_NEXT, Choice.DONE)
        kiosk.person.show(MorePackages(slots=slots_left, choices=choices))
        if await pressed(kiosk, choices, kiosk.policy.idle_s) is not Choice.OPEN_NEXT:
            return
        following, waiting = waiting[0], waiting[1:]
        await fetch(kiosk, following, has_more=bool(waiting))


async def fetch(kiosk: Kiosk, granted: Granted, has_more: bool = False) -> None:
    """Open the slot of a right code; up to three tries, each asked for by the person."""
    if granted.is_doubtful:
        warned = await ask(
            kiosk, Question.OPEN_DOUBTFUL, granted.slot, (Choice.OPEN_DOOR, Choice.BACK)
        )
        if warned is not Choice.OPEN_DOOR:
            return
    if await _is_out_of_reach(kiosk, granted):
        return
    had_item = holds_item(kiosk, granted.slot) is True
    for attempt in count(1):
        intent = await _intend_pickup(kiosk, granted)
        if intent is None:
            return
        opened = await open_door(kiosk, granted.slot, intent, Purpose.TAKE)
        if await _take(kiosk, granted, opened, has_more, had_item):
            return
        if opened.unlocked.outcome is Outcome.WRONG_DOOR:
            await shut_wrong_door(kiosk, opened, granted.slot, Purpose.TAKE)
            await _help(kiosk, granted.slot, opened)
            return
        if not await _try_again(kiosk, granted, opened, attempt, has_more):
            return


async def _is_out_of_reach(kiosk: Kiosk, granted: Granted) -> bool:
    """Who cannot reach every door hears it before this one opens; True when they want it moved
    to another first, or go. Nothing is promised where no door within reach takes it."""
    place = kiosk.location.slot_by_label.get(granted.slot)
    if not kiosk.person.preference.is_access or place is None or place.is_low:
        return False
    is_over = place.reach.is_over(place.door)
    question = Question.DOOR_IS_HIGH if is_over else Question.DOOR_IS_NEAR_FLOOR
    may_move = await kiosk.store.run(moves.fits_within_reach, granted.package, kiosk.location)
    move = (Choice.MOVE_LOWER,) if may_move else ()
    answer = await ask(kiosk, question, granted.slot, (Choice.OPEN_DOOR, *move, Choice.BACK))
    if answer is Choice.MOVE_LOWER:
        await _ask_lower(kiosk, granted)
    return answer is not Choice.OPEN_DOOR


async def _ask_lower(kiosk: Kiosk, granted: Granted) -> None:
    """The couriers see it, and the package is held a day longer."""
    zone = kiosk.location.time_zone
    try:
        until_ms = await kiosk.store.run(
            holds.ask_lower, granted.package, LOWER_DAYS, zone, "customer"
        )
    except RefusedError:
        await show_answer(kiosk, Refused(Refusal.CANNOT_EXTEND))
        return
    shown_ms = until_ms if kiosk.clock.now().is_trusted else None
    view = LowerAsked(slot=granted.slot, until_ms=shown_ms, choices=(Choice.DONE,))
    kiosk.person.show(view)
    await pressed(kiosk, view.choices, ANSWER_S)


async def _intend_pickup(kiosk: Kiosk, granted: Granted) -> str | None:
    """The intent; None when the package was recalled since its code was checked, which is shown."""
    intent = kiosk.new_id()
    try:
        await kiosk.store.run(
            intents.intend,
            intent,
            granted.slot,
            IntentPurpose.PICKUP,
            "customer",
            granted.package,
            granted.delegate,
        )
    except RefusedError:
        await show_answer(kiosk, Refused(Refusal.RECALLED))
        return None
    return intent


async def _try_again(
    kiosk: Kiosk, granted: Granted, opened: Opened, attempt: int, has_more: bool
) -> bool:
    """What the person wants after a door that did not open; True for another try.

    A door that opens late, while they think about it, needs no asking.
    """
    choices: tuple[Choice, ...] = (Choice.TRY_AGAIN,) if attempt < TRIES else ()
    choices += (Choice.DOOR_IS_OPEN, Choice.DONE) if opened.is_jam else (Choice.DONE,)
    kiosk.person.show(replace(opened.trouble(granted.slot, Purpose.TAKE), choices=choices))
    choice = await pressed_or_late(kiosk, choices, granted.slot, kiosk.policy.idle_s)
    if choice is Choice.TRY_AGAIN:
        return True
    if choice is Choice.DOOR_IS_OPEN:
        await _door_with_dead_sensor(kiosk, granted, opened, has_more)
    elif opened.is_jam and attempt >= TRIES:
        await kiosk.store.run(
            slots.set_service, granted.slot, Service.NO_DEPOSITS, ServiceReason.DOOR_JAMS, "kiosk"
        )
    return False


async def _door_with_dead_sensor(
    kiosk: Kiosk, granted: Granted, jammed: Opened, has_more: bool
) -> None:
    """The person sees an open door that the sensor does not: believed, and looked at later."""
    intent = await _intend_pickup(kiosk, granted)
    if intent is None:
        return
    await kiosk.store.run(
        slots.set_service,
        granted.slot,
        Service.NO_DEPOSITS,
        ServiceReason.SEEN_OPEN,
        "customer",
    )
    # The pulse before is what opened it: from here on only the person knows.
    seen = Opened(intent, Unlocked(Outcome.SENT, pulsed=False), True, jammed.reference)
    await _take(kiosk, granted, seen, has_more, had_item=False)


async def _help(kiosk: Kiosk, slot: str, opened: Opened) -> None:
    view = replace(opened.trouble(slot, Purpose.TAKE), wrong_slot="", choices=(Choice.DONE,))
    kiosk.person.show(view)
    await pressed(kiosk, (Choice.DONE,), kiosk.policy.idle_s)


async def _take(
    kiosk: Kiosk, granted: Granted, opened: Opened, has_more: bool, had_item: bool
) -> bool:
    """The door stands open: the package is taken when it is shut. False when it did not open.

    `had_item`: the item sensor saw something before, so that it knows whether it is gone.
    """
    slot = granted.slot
    ending = await until_taken(kiosk, slot, opened)
    if ending is Ending.STAYED_SHUT:
        return False
    item = None if ending is Ending.LEFT_OPEN else holds_item(kiosk, slot)
    if ending is Ending.SHUT_BY_WORD and not _is_trusted(kiosk, slot):
        ending = Ending.LEFT_OPEN
    if ending is Choice.NOTHING_INSIDE:
        await _nothing_inside(kiosk, granted, opened)
    elif granted.is_doubtful and ending is not Ending.LEFT_OPEN:
        await _was_it_there(kiosk, granted, opened.intent, has_more)
    elif item is True:
        await _left_behind(kiosk, granted, opened.intent, has_more)
    elif ending is Ending.SHUT_QUICKLY and not (had_item and item is False):
        await _shut_quickly(kiosk, granted, opened.intent, has_more)
    else:
        doubt = SuspectReason.MAY_HOLD_SOMETHING if ending is Ending.LEFT_OPEN else None
        await _taken(kiosk, granted, opened.intent, has_more, doubt)
    return True


def _is_trusted(kiosk: Kiosk, slot: str) -> bool:
    """Whether a customer's word frees this slot: only where there is no sensor, never where one is
    broken."""
    return kiosk.policy.trust_without_sensors and not kiosk.bank.has_sensor(slot)


async def _taken(
    kiosk: Kiosk, granted: Granted, intent: str, has_more: bool, doubt: SuspectReason | None
) -> None:
    """The customer has the package; `doubt` is why somebody should look into the slot all the
    same."""
    await kiosk.store.run(departures.retrieve, granted.package, intent, doubt)
    if not has_more:
        await _thank(kiosk, granted.package, granted.slot, is_free=doubt is None)


async def _shut_quickly(kiosk: Kiosk, granted: Granted, intent: str, has_more: bool) -> None:
    """The door was shut so soon that perhaps nothing was taken: the person says."""
    choices = (Choice.YES, Choice.OPEN_AGAIN, Choice.NO)
    answer = await ask(kiosk, Question.DID_YOU_TAKE_IT, granted.slot, choices)
    if answer is Choice.YES:
        await _taken(kiosk, granted, intent, has_more, None)
        return
    await _not_taken(kiosk, granted, intent, "shut within a moment, not said to be taken")
    if answer is Choice.OPEN_AGAIN:
        await fetch(kiosk, granted, has_more)


async def _left_behind(kiosk: Kiosk, granted: Granted, intent: str, has_more: bool) -> None:
    """Something still lies inside a slot that was shut: the person looks again, or says that it is
    not theirs. Nobody's answer leaves the package in."""
    choices = (Choice.OPEN_AGAIN, Choice.DONE)
    answer = await ask(kiosk, Question.SOMETHING_LEFT_INSIDE, granted.slot, choices)
    if answer is Choice.DONE:
        await _taken(kiosk, granted, intent, has_more, SuspectReason.MAY_HOLD_SOMETHING)
        return
    await _not_taken(kiosk, granted, intent, "its item sensor still sees something")
    if answer is Choice.OPEN_AGAIN:
        await fetch(kiosk, granted, has_more)


async def _nothing_inside(kiosk: Kiosk, granted: Granted, opened: Opened) -> None:
    """The customer looked and it is not there: operators are notified, staff looks again."""
    view = DoorOpen(slot=granted.slot, purpose=Purpose.LOOK, remind=True)
    await until_shut(kiosk, view, opened)
    reference = await kiosk.store.run(
        departures.missing, granted.package, opened.intent, SuspectReason.MAY_BE_EMPTY, "customer"
    )
    await _refer(kiosk, reference)


async def _refer(kiosk: Kiosk, reference: int) -> None:
    """Help, and the number under which staff finds what happened."""
    kiosk.person.show(Answer(help=True, reference=str(reference), choices=(Choice.DONE,)))
    await pressed(kiosk, (Choice.DONE,), kiosk.policy.idle_s)


async def _not_taken(kiosk: Kiosk, granted: Granted, intent: str, why: str) -> None:
    """Shut, and not known to be taken: the code stays good, the slot is in doubt."""
    await kiosk.store.run(
        intents.end_opening, intent, granted.slot, SlotStatus.SUSPECT, "customer", why
    )


async def _was_it_there(kiosk: Kiosk, granted: Granted, intent: str, has_more: bool) -> None:
    """The slot was in doubt before: the person who looked says what was inside."""
    answer = await ask(kiosk, Question.WAS_IT_THERE, granted.slot, YES_OR_NO)
    if answer is Choice.YES:
        await kiosk.store.run(departures.retrieve, granted.package, intent)
        if not has_more:
            await _thank(kiosk, granted.package, granted.slot, is_free=True)
    elif answer is Choice.NO:
        reference = await kiosk.store.run(
            departures.missing, granted.package, intent, SuspectReason.MAY_BE_EMPTY, "customer"
        )
        await _refer(kiosk, reference)
    else:
        await _not_taken(kiosk, granted, intent, "not said whether it was there")


async def _thank(kiosk: Kiosk, package: str, slot: str, is_free: bool) -> None:
    """The end of a pickup; while the slot is free, it may be opened again."""
    choices: tuple[Choice, ...] = (Choice.DONE,)
    if is_free:
        choices = (Choice.DONE, Choice.OPEN_AGAIN, Choice.SOMETHING_WRONG)
    kiosk.person.show(Thanks(slot=slot, choices=choices))
    answer = await pressed(kiosk, choices, kiosk.policy.thanks_s)
    if answer is Choice.OPEN_AGAIN:
        await reopen(kiosk, package, slot)
    elif answer is Choice.SOMETHING_WRONG:
        await _something_wrong(kiosk, package, slot)


async def _something_wrong(kiosk: Kiosk, package: str, slot: str) -> None:
    """What was wrong with a package that was taken; it may be left here for the courier."""
    choices = (
        Choice.NOTHING_INSIDE,
        Choice.DAMAGED,
        Choice.WRONG_PACKAGE,
        Choice.LEAVE_IT_HERE,
        Choice.BACK,
    )
    answer = await ask(kiosk, Question.WHAT_IS_WRONG, slot, choices)
    if answer is Choice.LEAVE_IT_HERE:
        await _leave_it_here(kiosk, package, slot)
    elif answer is not None and answer is not Choice.BACK:
        reference = await kiosk.store.run(departures.complain, package, slot, answer.value)
        await _refer(kiosk, reference)


async def _reopened(
    kiosk: Kiosk, slot: str, purpose: IntentPurpose, view: DoorOpen
) -> tuple[str, bool] | None:
    """Open the slot of a package that was just taken; its intent and whether it was shut again.

    None when it was given to someone else or did not open; the person was shown why.
    """
    intent = kiosk.new_id()
    try:
        await kiosk.store.run(intents.intend, intent, slot, purpose, "customer")
    except RefusedError:
        await show_answer(kiosk, Refused(Refusal.ALREADY_PICKED_UP))
        return None
    opened = await open_door(kiosk, slot, intent, view.purpose)
    ending = await until_shut(kiosk, view, opened)
    if ending is Ending.STAYED_SHUT:
        if opened.unlocked.outcome is Outcome.WRONG_DOOR:
            await shut_wrong_door(kiosk, opened, slot, view.purpose)
        await _help(kiosk, slot, opened)
        return None
    return opened.intent, ending is not Ending.LEFT_OPEN


async def reopen(kiosk: Kiosk, package: str, slot: str) -> None:
    """Open a slot again just after its package was taken: something was forgotten inside."""
    view = DoorOpen(slot=slot, purpose=Purpose.LOOK)
    reopened = await _reopened(kiosk, slot, IntentPurpose.REOPEN, view)
    if reopened is None:
        return
    intent, is_shut = reopened
    answer = None
    if is_shut:
        answer = await ask(
            kiosk, Question.IS_IT_EMPTY, slot, (Choice.IT_IS_EMPTY, Choice.SOMETHING_INSIDE)
        )
    found = SlotStatus.EMPTY if answer is Choice.IT_IS_EMPTY else SlotStatus.SUSPECT
    await kiosk.store.run(intents.end_opening, intent, slot, found, "customer", "opened again")
    await _thank(kiosk, package, slot, is_free=False)


async def _leave_it_here(kiosk: Kiosk, package: str, slot: str) -> None:
    """The customer puts the package back for the courier: a new package that names the old one."""
    view = DoorOpen(slot=slot, purpose=Purpose.PUT_IN)
    reopened = await _reopened(kiosk, slot, IntentPurpose.RETURN, view)
    if reopened is None:
        return
    intent, is_shut = reopened
    answer = None
    if is_shut:
        answer = await ask(kiosk, Question.IS_IT_PUT_IN, slot, YES_OR_NO)
    if answer is Choice.YES:
        reference = await kiosk.store.run(
            departures.leave_here, package, slot, kiosk.new_id(), intent
        )
        await _refer(kiosk, reference)
        return
    await kiosk.store.run(
        intents.end_opening, intent, slot, SlotStatus.SUSPECT, "customer", "not said to be put in"
    )
