"""A courier puts packages in: scan, door, package, door shut; then the next one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from drivers.door import Outcome
from kiosk.flows.doors import Ending, ask, by_word, pressed, shut_wrong_door, until_shut
from kiosk.flows.kiosk import Kiosk, Opened
from kiosk.flows.pickup import scanned_pickup
from kiosk.flows.views import (
    Choice,
    ChooseSize,
    Chosen,
    DoorOpen,
    Entered,
    Pressed,
    Purpose,
    Question,
    Refusal,
    Refused,
    Scanned,
    ScanPackage,
    StoredNote,
    TimedOut,
)
from kiosk.model.allocation import sizes_from
from kiosk.model.location import Service, SuspectReason
from kiosk.model.package import PackageStatus
from kiosk.model.person import Staff
from kiosk.model.pickup_code import make_code, parse_qr
from kiosk.store import packages, slots
from kiosk.store.packages import Deposit, DepositRequest, IntentState

BARCODE_MAX = 160


@dataclass
class Run:
    """A courier's run: what was stored, and what was scanned ahead."""

    staff: Staff
    stored: StoredNote | None = None
    stored_count: int = 0
    refused: Refused | None = None
    next_barcode: str = ""
    typing: bool = False

    @property
    def actor(self) -> str:
        return f"staff:{self.staff.number}"


async def courier_run(kiosk: Kiosk, staff: Staff) -> None:
    """Package after package, until the courier is done or has gone."""
    run = Run(staff)
    while True:
        if run.next_barcode:
            barcode, run.next_barcode = run.next_barcode, ""
            await put_in(kiosk, run, barcode)
            continue
        kiosk.person.show(await _scan_view(kiosk, run))
        event = await kiosk.person.next(kiosk.policy.courier_session_s)
        if isinstance(event, TimedOut) or event == Pressed(Choice.DONE):
            return
        if event == Pressed(Choice.TYPE_BARCODE):
            run.typing = True
        elif event == Pressed(Choice.BACK):
            run.typing = False
        elif isinstance(event, Scanned | Entered):
            await put_in(kiosk, run, event.text)


async def _scan_view(kiosk: Kiosk, run: Run) -> ScanPackage:
    choices = (Choice.BACK,) if run.typing else (Choice.DONE, Choice.TYPE_BARCODE)
    return ScanPackage(
        name=run.staff.name,
        sizes=await kiosk.size_offers(),
        stored=run.stored,
        stored_count=run.stored_count,
        refused=run.refused,
        typing=run.typing,
        choices=choices,
    )


async def put_in(kiosk: Kiosk, run: Run, barcode: str) -> None:
    """One scanned package, to its slot or to the reason why not."""
    run.refused, run.typing = None, False
    if parse_qr(barcode) is not None:
        await scanned_pickup(kiosk, barcode)
        return
    if not is_usable_barcode(barcode):
        run.refused = Refused(Refusal.UNREADABLE)
        return
    known = await kiosk.store.run(packages.live_by_barcode, barcode)
    if known is not None and (known.status is not PackageStatus.PENDING or known.slot):
        run.refused = Refused(Refusal.ALREADY_HERE, known.slot or "")
        return
    size = known.size if known is not None else None
    size = size or await _choose_size(kiosk, barcode)
    if size is None:
        return
    package = known.id if known is not None else kiosk.new_id()
    await _deposit(kiosk, run, package, barcode, size)


def is_usable_barcode(text: str) -> bool:
    """Whether a scanned or typed text may be a package's barcode: printable, at most 160."""
    printable = all(" " <= character <= "~" or character == "\x1d" for character in text)
    return printable and 0 < len(text.strip()) <= BARCODE_MAX


async def _choose_size(kiosk: Kiosk, barcode: str) -> str | None:
    """The size of a package that nobody announced; None when the courier goes back."""
    offers = await kiosk.size_offers()
    kiosk.person.show(ChooseSize(barcode=barcode, sizes=offers, choices=(Choice.BACK,)))
    while True:
        event = await kiosk.person.next(kiosk.policy.courier_session_s)
        if isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
            return None
        if isinstance(event, Chosen) and event.value in {offer.name for offer in offers}:
            return event.value


async def _deposit(kiosk: Kiosk, run: Run, package: str, barcode: str, size: str) -> None:
    """Slot after slot until the package is in one, or the courier gives up."""
    while True:
        request = DepositRequest(package, barcode, size, kiosk.new_id(), run.actor)
        deposit = await kiosk.store.run(
            packages.begin_deposit, request, kiosk.location, kiosk.strategy
        )
        if deposit is None:
            run.refused = Refused(Refusal.NO_SLOT, size)
            return
        opened = await kiosk.open_door(deposit.slot, deposit.intent, Purpose.PUT_IN)
        if opened.stands_open:
            wanted = await _put_behind_door(kiosk, run, deposit, barcode, opened)
            larger = _larger(kiosk, deposit.slot) if wanted is Choice.LARGER_SLOT else None
            if larger is None:
                return
            size = larger
        elif not await _another_slot(kiosk, deposit, opened):
            return
        if await kiosk.store.run(packages.is_forgotten, package):
            package = kiosk.new_id()


def _larger(kiosk: Kiosk, slot: str) -> str | None:
    names = sizes_from(kiosk.location.sizes, kiosk.location.slot(slot).size)
    return names[1] if len(names) > 1 else None


async def _another_slot(kiosk: Kiosk, deposit: Deposit, opened: Opened) -> bool:
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
                slots.set_service, deposit.slot, Service.NO_DEPOSITS, "the door jams", "kiosk"
            )
    trouble = opened.trouble(deposit.slot, Purpose.PUT_IN)
    kiosk.person.show(replace(trouble, wrong_slot="", choices=choices))
    return await pressed(kiosk, choices, kiosk.policy.idle_s) is Choice.ANOTHER_SLOT


async def _end(kiosk: Kiosk, deposit: Deposit, suspect: SuspectReason | None, why: str) -> None:
    await kiosk.store.run(packages.end_deposit, deposit, suspect, why, IntentState.FAILED)


async def _put_behind_door(
    kiosk: Kiosk, run: Run, deposit: Deposit, barcode: str, opened: Opened
) -> Choice | None:
    """The door stands open: wait until it is shut on the package; what is wanted instead, if so."""
    choices: tuple[Choice, ...] = (Choice.CANCEL,)
    if _larger(kiosk, deposit.slot) is not None:
        choices = (Choice.LARGER_SLOT, Choice.CANCEL)
    if by_word(opened, kiosk, deposit.slot):
        choices = (Choice.DONE, *choices)
    view = DoorOpen(slot=deposit.slot, purpose=Purpose.PUT_IN, barcode=barcode, choices=choices)

    def keep_as_next(text: str) -> DoorOpen | None:
        if text == barcode:
            return None
        run.next_barcode = text
        return replace(view, next_barcode=text)

    ending = await until_shut(kiosk, view, keep_as_next)
    if ending is Ending.LEFT_OPEN:
        await _end_opened(kiosk, deposit, SuspectReason.MAY_HOLD_SOMETHING, "left open")
        return None
    if ending in (Choice.CANCEL, Choice.LARGER_SLOT):
        await _put_nothing_in(kiosk, deposit, view)
        return Choice(ending)
    await _stored(kiosk, run, deposit, barcode)
    return None


async def _end_opened(
    kiosk: Kiosk, deposit: Deposit, suspect: SuspectReason | None, why: str
) -> None:
    await kiosk.store.run(packages.end_deposit, deposit, suspect, why)


async def _put_nothing_in(kiosk: Kiosk, deposit: Deposit, view: DoorOpen) -> None:
    """The courier wants this slot no more: it is free only if shut and said to be empty."""
    ending = await until_shut(kiosk, replace(view, purpose=Purpose.LOOK, remind=True, choices=()))
    answer = None
    if ending is not Ending.LEFT_OPEN:
        answer = await ask(
            kiosk,
            Question.IS_IT_EMPTY,
            deposit.slot,
            (Choice.IT_IS_EMPTY, Choice.SOMETHING_INSIDE),
        )
    if answer is Choice.IT_IS_EMPTY:
        await _end_opened(kiosk, deposit, None, "cancelled, said to be empty")
    else:
        await _end_opened(
            kiosk, deposit, SuspectReason.MAY_HOLD_SOMETHING, "cancelled, not said to be empty"
        )


async def _stored(kiosk: Kiosk, run: Run, deposit: Deposit, barcode: str) -> None:
    stored = await kiosk.store.run(
        packages.store_package, deposit, kiosk.location, kiosk.policy.hold_days, kiosk.chance
    )
    kiosk.stored_signal.set()
    code = ""
    if kiosk.policy.show_code_to_courier and stored.locator is not None:
        code = make_code(kiosk.location_key, stored.id, stored.locator, stored.code_counter)
    run.stored = StoredNote(deposit.slot, barcode, code)
    run.stored_count += 1
