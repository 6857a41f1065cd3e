"""One package goes in: scan, door, package, door shut; and out again, if that was a mistake."""

from __future__ import annotations

from dataclasses import dataclass, replace

from drivers.door import Outcome
from kiosk.flows.addressing import NOBODY, Unsaid, ask_whom, may_name
from kiosk.flows.collection import collection
from kiosk.flows.context import Kiosk
from kiosk.flows.doors import (
    YES_OR_NO,
    Ending,
    Opened,
    ask,
    free_doors,
    holds_item,
    open_door,
    pressed,
    shut_wrong_door,
    until_shut,
)
from kiosk.flows.elsewhere import show_elsewhere
from kiosk.flows.events import Chosen, Entered, Pressed, Scanned, TimedOut
from kiosk.flows.person import Person
from kiosk.flows.pickup import scanned_pickup
from kiosk.flows.reconciliation import look_inside
from kiosk.flows.views.choices import Choice, Purpose, Question, Refusal, Refused
from kiosk.flows.views.courier import ChooseSize, StoredNote
from kiosk.flows.views.shared import DoorOpen
from kiosk.model.addressee import Addressee
from kiosk.model.allocation import sizes_from
from kiosk.model.barcode import barcode_text, is_barcode, kept_key
from kiosk.model.carriers import CarrierScope
from kiosk.model.location import Service, ServiceReason, SlotStatus, SuspectReason
from kiosk.model.package import Package, PackageStatus
from kiosk.model.pickup_code import make_code, parse_qr
from kiosk.store import codes, departures, deposits, intents, packages, slots
from kiosk.store.deposits import Deposit, DepositRequest
from kiosk.store.errors import ContestedError, RefusedError
from kiosk.store.intents import IntentPurpose, IntentState


@dataclass
class Scans:
    """What a courier's run remembers of what was scanned."""

    doubted: str = ""
    """The key of the last barcode with a wrong check digit."""
    _ahead: Scanned | None = None
    _departures: int = 0

    def keep(self, scan: Scanned, person: Person) -> None:
        """This was scanned while a door was open; it is taken next."""
        self._ahead, self._departures = scan, person.departures

    def take(self, person: Person) -> Scanned | None:
        """What is taken next, once; nothing where whoever scanned it may have gone since: a door
        that opens for it would stand open for anybody."""
        ahead, self._ahead = self._ahead, None
        return ahead if self._departures == person.departures else None


@dataclass
class Bringing:
    """A package that somebody puts in, and what is known of it beside its announcement."""

    actor: str
    scope: CarrierScope
    scans: Scans
    barcode: str
    addressee: Addressee | None = None
    """Whom it is for, by what was said at the machine; None where that is not asked."""
    sender: str | None = None

    @property
    def is_guests(self) -> bool:
        """Whether a guest puts it in: their word alone frees no door, and takes none out of use."""
        return self.sender is not None


@dataclass(frozen=True, slots=True)
class PutIn:
    """What came of one package: it is in a slot, or the reason why not; neither of them where the
    courier went back or was shown why."""

    stored: Package | None = None
    refused: Refused | None = None
    here: str | None = None
    """The id of a package that was refused because it lies here; its code may be made again."""


async def put_in(
    kiosk: Kiosk, actor: str, scope: CarrierScope, scans: Scans, read: Scanned | Entered
) -> PutIn:
    """One package, scanned or typed, to its slot or to the reason why not."""
    barcode, doubted, scans.doubted = read.text, scans.doubted, ""
    if isinstance(read, Scanned) and read.seems_misread and kept_key(barcode) != doubted:
        scans.doubted = kept_key(barcode)
        return PutIn(refused=Refused(Refusal.MISREAD, barcode))
    if parse_qr(barcode) is not None:
        with kiosk.person.serving_a_customer():
            await scanned_pickup(kiosk, barcode)
        return PutIn()
    if not is_barcode(barcode):
        return PutIn(refused=Refused(Refusal.UNREADABLE))
    barcode = barcode_text(barcode)
    if await kiosk.store.run(packages.is_out_of_scope, barcode, scope):
        return PutIn(refused=Refused(Refusal.NOT_YOURS))
    known = await kiosk.store.run(packages.live_by_barcode, barcode, scope)
    if known is not None and (known.status is not PackageStatus.PENDING or known.slot):
        here = known.id if known.status is PackageStatus.STORED else None
        return PutIn(refused=Refused(Refusal.ALREADY_HERE, known.slot or ""), here=here)
    size = known.size if known is not None else None
    wait_s = kiosk.policy.courier_session_s
    size = size or await choose_size(kiosk, barcode, wait_s, scope.own, full_leads_on=True)
    if size is None:
        return PutIn()
    bringing = Bringing(actor, scope, scans, barcode)
    if not await kiosk.store.run(packages.is_anybodys, barcode) and await may_name(kiosk):
        said = await ask_whom(kiosk, barcode)
        if isinstance(said, Unsaid):
            return PutIn()
        bringing.addressee = said
    package = known.id if known is not None else kiosk.new_id()
    return await deposit(kiosk, bringing, package, size)


async def reissue(kiosk: Kiosk, actor: str, package_id: str) -> Package | None:
    """A new code for a package that lies here; it goes the way that codes go. None when the
    package was recalled."""
    try:
        await kiosk.store.run(codes.reissue, package_id, actor)
    except RefusedError:
        return None
    return await kiosk.store.run(packages.package, package_id)


async def choose_size(
    kiosk: Kiosk, barcode: str, wait_s: float, carrier: str, *, full_leads_on: bool = False
) -> str | None:
    """The size of a package of a carrier that nobody announced, or announced without one; None when
    whoever brings it goes back."""
    offers = await kiosk.size_offers(carrier)
    kiosk.person.show(
        ChooseSize(
            barcode=barcode, sizes=offers, full_leads_on=full_leads_on, choices=(Choice.BACK,)
        )
    )
    while True:
        event = await kiosk.person.next(wait_s)
        if isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
            return None
        if isinstance(event, Chosen) and event.value in {offer.name for offer in offers}:
            return event.value


async def deposit(kiosk: Kiosk, bringing: Bringing, package: str, size: str) -> PutIn:
    """Slot after slot until the package is in one, or whoever brings it gives up."""
    while True:
        if kiosk.person.is_ended:
            return PutIn()  # somebody else took over while room was made
        if kiosk.is_battery_low:
            return PutIn(refused=Refused(Refusal.BATTERY_LOW))
        request = DepositRequest(
            package,
            bringing.barcode,
            size,
            kiosk.new_id(),
            bringing.actor,
            scope=bringing.scope,
            sender=bringing.sender,
        )
        try:
            begun = await kiosk.store.run(
                deposits.begin_deposit, request, kiosk.location, kiosk.strategy
            )
        except ContestedError:
            # Another sender announced it since it was scanned: it is for neither by itself.
            package = kiosk.new_id()
            continue
        except RefusedError:
            # It was recalled since it was scanned.
            return PutIn(refused=Refused(Refusal.RECALLED))
        if begun is None:
            if not bringing.is_guests and await _make_room(
                kiosk, bringing.actor, bringing.scope, size
            ):
                continue
            if not bringing.is_guests:
                await show_elsewhere(kiosk, bringing.scope.own, size)
            return PutIn(refused=Refused(await _why_none(kiosk, bringing, size), size))
        package = begun.package
        ended = await _use_slot(kiosk, bringing, begun)
        if isinstance(ended, Package):
            return PutIn(stored=ended)
        if ended is Choice.LARGER_SLOT:
            size = _larger(kiosk, begun.slot) or size
        elif ended is not Choice.ANOTHER_SLOT:
            return PutIn()
        if await kiosk.store.run(deposits.is_forgotten, package):
            package = kiosk.new_id()


async def _why_none(kiosk: Kiosk, bringing: Bringing, size: str) -> Refusal:
    """No door is given: none is free, or the carrier has had its share of them."""
    is_free = await kiosk.store.run(slots.is_any_free, size, kiosk.location, kiosk.strategy)
    return Refusal.SHARE_USED if is_free and not bringing.is_guests else Refusal.NO_SLOT


async def _make_room(kiosk: Kiosk, actor: str, scope: CarrierScope, size: str) -> bool:
    """No free slot takes it: look into one in doubt, or take back what is over; True to try
    again."""
    fitting = sizes_from(kiosk.location.sizes, size)
    choices: list[Choice] = []
    in_doubt = None
    if kiosk.policy.couriers_may_look:
        in_doubt = await kiosk.store.run(slots.suspect_that_fits, fitting, scope)
    if in_doubt is not None:
        choices.append(Choice.LOOK_INSIDE)
    due = await kiosk.store.run(departures.due, scope)
    if any(kiosk.location.slot(each.slot or "").size in fitting for each in due):
        choices.append(Choice.COLLECT)
    if not choices:
        return False
    answer = await ask(kiosk, Question.NO_SLOT, in_doubt or "", (*choices, Choice.CANCEL))
    if answer is Choice.LOOK_INSIDE and in_doubt is not None:
        await look_inside(kiosk, actor, in_doubt, scope)
        return (await kiosk.store.run(slots.record_of, in_doubt)).status is SlotStatus.EMPTY
    if answer is Choice.COLLECT:
        await collection(kiosk, actor, scope)
        return len(await kiosk.store.run(departures.due, scope)) < len(due)
    return False


def _larger(kiosk: Kiosk, slot: str) -> str | None:
    names = sizes_from(kiosk.location.sizes, kiosk.location.slot(slot).size)
    return names[1] if len(names) > 1 else None


async def _use_slot(kiosk: Kiosk, bringing: Bringing, deposit: Deposit) -> Package | Choice | None:
    """One slot for one package: the package that is in it, or what is wanted instead, if so.

    A slot in which a sensor sees something is not opened at all.
    """
    if holds_item(kiosk, deposit.slot):
        why = "its item sensor says that it is not empty"
        await _end(kiosk, deposit, SuspectReason.MAY_HOLD_ANOTHERS, why)
        return Choice.ANOTHER_SLOT
    opened = await open_door(kiosk, deposit.slot, deposit.intent, Purpose.PUT_IN)
    return await _put_behind_door(kiosk, bringing, deposit, opened)


async def _another_slot(kiosk: Kiosk, deposit: Deposit, opened: Opened) -> Choice | None:
    """The door did not open for a deposit: nothing was put in; offer another slot."""
    choices = (Choice.ANOTHER_SLOT, Choice.CANCEL)
    match opened.unlocked.outcome:
        case Outcome.WRONG_DOOR:
            await _end(kiosk, deposit, SuspectReason.WIRING, "another door opened")
            await shut_wrong_door(kiosk, opened, deposit.slot, Purpose.PUT_IN)
        case Outcome.UNREACHABLE if opened.unlocked.pulsed:
            await _end(kiosk, deposit, SuspectReason.MAY_BE_EMPTY, "silent after the pulse")
        case Outcome.UNREACHABLE:
            await _end(kiosk, deposit, None, "the board does not answer")
        case _:
            await _end(kiosk, deposit, None, "the door jams")
            await kiosk.store.run(
                slots.set_service,
                deposit.slot,
                Service.NO_DEPOSITS,
                ServiceReason.DOOR_JAMS,
                "kiosk",
            )
    trouble = opened.trouble(deposit.slot, Purpose.PUT_IN)
    kiosk.person.show(replace(trouble, wrong_slot="", choices=choices))
    return await pressed(kiosk, choices, kiosk.policy.idle_s)


async def _end(kiosk: Kiosk, deposit: Deposit, suspect: SuspectReason | None, why: str) -> None:
    await kiosk.store.run(deposits.end_deposit, deposit, suspect, why, IntentState.FAILED)


async def _put_behind_door(
    kiosk: Kiosk, bringing: Bringing, deposit: Deposit, opened: Opened
) -> Package | Choice | None:
    """The door stands open: wait until it is shut on the package; or what is wanted instead."""
    barcode, scans = bringing.barcode, bringing.scans
    view = DoorOpen(
        slot=deposit.slot,
        purpose=Purpose.PUT_IN,
        barcode=barcode,
        free=() if bringing.is_guests else await free_doors(kiosk),
        choices=_at_open_door(kiosk, bringing, deposit.slot),
    )

    def keep_as_next(scan: Scanned) -> DoorOpen | None:
        if bringing.is_guests or kept_key(scan.text) == kept_key(barcode):
            return None
        scans.keep(scan, kiosk.person)
        return replace(view, next_barcode=scan.text)

    ending = await until_shut(kiosk, view, opened, keep_as_next)
    while ending is Choice.ANOTHER_PERSON:
        said = await ask_whom(kiosk, barcode)
        if said is Unsaid.AWAY:
            # They said that it is somebody else's, and not whose: nobody gets its code by itself.
            bringing.addressee = NOBODY
        elif isinstance(said, Addressee):
            bringing.addressee = said
        ending = await until_shut(kiosk, view, opened, keep_as_next)
    deposit = replace(deposit, intent=opened.intent)
    if ending is Ending.STAYED_SHUT:
        return await _another_slot(kiosk, deposit, opened)
    if ending is Ending.LEFT_OPEN:
        await _end_opened(kiosk, deposit, SuspectReason.MAY_HOLD_SOMETHING, "left open")
        return None
    if isinstance(ending, Choice):
        return await _not_this_slot(kiosk, bringing, deposit, view, opened, ending)
    if holds_item(kiosk, deposit.slot) is False:
        answer = await ask(kiosk, Question.IS_IT_PUT_IN, deposit.slot, YES_OR_NO)
        if answer is not Choice.YES:
            return await _not_put_in(kiosk, deposit, answer)
    return await kiosk.store.run(
        deposits.store_package,
        deposit,
        kiosk.location,
        kiosk.policy.hold_days,
        kiosk.rng,
        bringing.addressee,
    )


def _at_open_door(kiosk: Kiosk, bringing: Bringing, slot: str) -> tuple[Choice, ...]:
    choices: tuple[Choice, ...] = (Choice.SOMETHING_INSIDE, Choice.CANCEL)
    if not bringing.is_guests:
        choices = (Choice.SOMETHING_INSIDE, Choice.DOOR_FAULT, Choice.CANCEL)
        if bringing.addressee is not None:
            choices = (Choice.ANOTHER_PERSON, *choices)
    return choices if _larger(kiosk, slot) is None else (Choice.LARGER_SLOT, *choices)


async def _not_put_in(kiosk: Kiosk, deposit: Deposit, answer: Choice | None) -> Choice | None:
    """The door was shut and nothing is sensed inside: another door opens for the package, or
    nobody says anything and somebody has to look."""
    if answer is Choice.NO:
        await _end_opened(kiosk, deposit, None, "nothing was put in, by sensor and by word")
        return Choice.ANOTHER_SLOT
    why = "its item sensor sees nothing, and nobody said anything"
    await _end_opened(kiosk, deposit, SuspectReason.MAY_HOLD_SOMETHING, why)
    return None


async def _end_opened(
    kiosk: Kiosk, deposit: Deposit, suspect: SuspectReason | None, why: str
) -> None:
    await kiosk.store.run(deposits.end_deposit, deposit, suspect, why)


async def _not_this_slot(
    kiosk: Kiosk,
    bringing: Bringing,
    deposit: Deposit,
    view: DoorOpen,
    opened: Opened,
    why: Choice,
) -> Choice | None:
    """Another slot is wanted, or none: this one is shut, and asked about."""
    if why is Choice.SOMETHING_INSIDE:
        looking = replace(view, purpose=Purpose.LOOK, remind=True, choices=())
        await until_shut(kiosk, looking, opened)
        await _end_opened(kiosk, deposit, SuspectReason.MAY_HOLD_ANOTHERS, "it was not empty")
        return Choice.ANOTHER_SLOT
    await _put_nothing_in(kiosk, bringing, deposit, view, opened)
    if why is Choice.DOOR_FAULT:
        await kiosk.store.run(
            slots.set_service,
            deposit.slot,
            Service.NO_DEPOSITS,
            ServiceReason.COURIER,
            bringing.actor,
        )
        return Choice.ANOTHER_SLOT
    return Choice.LARGER_SLOT if why is Choice.LARGER_SLOT else None


async def _put_nothing_in(
    kiosk: Kiosk, bringing: Bringing, deposit: Deposit, view: DoorOpen, opened: Opened
) -> None:
    """This slot is wanted no more: it is free only if shut and said to be empty, by somebody who is
    known, or seen to be so."""
    looking = replace(view, purpose=Purpose.LOOK, remind=True, choices=())
    ending = await until_shut(kiosk, looking, opened)
    is_empty = False
    if ending is not Ending.LEFT_OPEN and bringing.is_guests:
        is_empty = holds_item(kiosk, deposit.slot) is False
    elif ending is not Ending.LEFT_OPEN:
        choices = (Choice.IT_IS_EMPTY, Choice.SOMETHING_INSIDE)
        answer = await ask(kiosk, Question.IS_IT_EMPTY, deposit.slot, choices)
        is_empty = answer is Choice.IT_IS_EMPTY
    if is_empty:
        await _end_opened(kiosk, deposit, None, "cancelled, said or seen to be empty")
    else:
        await _end_opened(
            kiosk, deposit, SuspectReason.MAY_HOLD_SOMETHING, "cancelled, not said to be empty"
        )


async def stored_note(kiosk: Kiosk, package: Package) -> StoredNote:
    """What the courier's next screen says of a package that lies here; no code of one that several
    senders say is theirs."""
    code, locator = "", package.locator if kiosk.policy.show_code_to_courier else None
    if locator is not None and not await kiosk.store.run(packages.is_contested, package.id):
        code = make_code(kiosk.location_key, package.id, locator, package.code_counter)
    return StoredNote(package.slot or "", package.barcode, code)


async def undo(kiosk: Kiosk, actor: str, package_id: str) -> bool | Refused:
    """The courier takes the last package out again, or finds that nothing was put in; whether the
    deposit is undone, or why it cannot be."""
    package = await kiosk.store.run(packages.package, package_id)
    if package.status is not PackageStatus.STORED or package.slot is None:
        return False
    intent = kiosk.new_id()
    try:
        await kiosk.store.run(
            intents.intend, intent, package.slot, IntentPurpose.UNDO, actor, package.id
        )
    except RefusedError:
        return Refused(Refusal.RECALLED)
    opened = await open_door(kiosk, package.slot, intent, Purpose.TAKE)
    if opened.unlocked.outcome is Outcome.WRONG_DOOR:
        await shut_wrong_door(kiosk, opened, package.slot, Purpose.TAKE)
    view = DoorOpen(slot=package.slot, purpose=Purpose.TAKE, barcode=package.barcode)
    ending = await until_shut(kiosk, view, opened)
    if ending is Ending.STAYED_SHUT:
        kiosk.person.show(
            replace(opened.trouble(package.slot, Purpose.TAKE), choices=(Choice.DONE,))
        )
        await pressed(kiosk, (Choice.DONE,), kiosk.policy.idle_s)
        return False
    return await _undone(kiosk, actor, package, opened.intent, ending is Ending.LEFT_OPEN)


async def _undone(kiosk: Kiosk, actor: str, package: Package, intent: str, left_open: bool) -> bool:
    """Whether the slot is empty after an undo, by the courier's word; silence is doubt."""
    slot = package.slot or ""
    answer = None
    if not left_open:
        answer = await ask(
            kiosk, Question.IS_IT_EMPTY, slot, (Choice.IT_IS_EMPTY, Choice.STILL_THERE)
        )
    if answer is Choice.IT_IS_EMPTY:
        await kiosk.store.run(deposits.undo_deposit, package.id, intent, actor)
        return True
    found = SlotStatus.OCCUPIED if answer is Choice.STILL_THERE else SlotStatus.SUSPECT
    await kiosk.store.run(intents.end_opening, intent, slot, found, actor, "undo given up")
    return False
