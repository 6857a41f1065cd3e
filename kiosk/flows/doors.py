"""The parts of every flow that are about one door: open it, wait for it, ask about its inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from drivers.door import DoorChange, ItemState, OpeningCause, Outcome, Unlocked
from kiosk.flows.context import Kiosk
from kiosk.flows.events import Pressed, Scanned, TimedOut
from kiosk.flows.person import is_shut
from kiosk.flows.views.choices import Choice, Problem, Purpose, Question
from kiosk.flows.views.shared import Ask, DoorOpen, Opening, Trouble
from kiosk.model.location import SlotStatus, SuspectReason
from kiosk.store import boards, intents
from kiosk.store.errors import RefusedError
from kiosk.store.intents import IntentPurpose, IntentState
from kiosk.store.slots import SlotRecord

ANSWER_S = 45
"""How long a question about a door waits for its answer before nobody answers it."""


YES_OR_NO = (Choice.YES, Choice.NO)
NO_OR_YES = (Choice.NO, Choice.YES)
"""For what is not to be said by a press too many: the main choice is the harmless one."""


# --- opening a door ------------------------------------------------------------------------------


@dataclass(slots=True)
class Opened:
    """What came of opening a door; it changes when the person says that it is still shut."""

    intent: str
    unlocked: Unlocked
    stands_open: bool
    reference: str
    """The number of the journal's event, for staff to look up."""
    since_ms: int | None = None
    """When the open door was shown first, by the monotonic clock."""
    may_insist: bool = True
    """Whether who sees it shut may have it pulsed."""

    @property
    def is_by_word(self) -> bool:
        """Whether nobody but the person knows what the door does."""
        return self.unlocked.outcome is Outcome.SENT

    @property
    def is_jam(self) -> bool:
        """Whether the lock was pulsed and the door is shut, by its sensor or by a person's word."""
        is_said = self.is_by_word and not self.stands_open
        return is_said or self.unlocked.outcome is Outcome.JAMMED

    @property
    def problem(self) -> Problem:
        return {
            Outcome.UNREACHABLE: Problem.UNREACHABLE,
            Outcome.WRONG_DOOR: Problem.WRONG_DOOR,
        }.get(self.unlocked.outcome, Problem.JAMMED)

    def trouble(self, slot: str, purpose: Purpose) -> Trouble:
        """The view that says what happened; the flow adds the choices."""
        return Trouble(
            problem=self.problem,
            slot=slot,
            wrong_slot=self.unlocked.wrong_slot or "",
            reference=self.reference,
            purpose=purpose,
        )


async def open_door(
    kiosk: Kiosk, slot: str, intent: str, purpose: Purpose, *, force: bool = False
) -> Opened:
    """Pulse the door of an intent that is already durable, and record what came of it.

    Where no sensor sees it, the person is asked first. `force` pulses a door that reads open.
    """
    kiosk.person.show_if_it_lasts(Opening(slot=slot, purpose=purpose))
    unlocked = await kiosk.bank.open_slot(slot, force=force)
    stands_open = unlocked.outcome in (Outcome.OPENED, Outcome.ALREADY_OPEN)
    if unlocked.outcome is Outcome.SENT:
        # Nobody's answer is no proof that the door is shut.
        said = await ask(kiosk, Question.DID_THE_DOOR_OPEN, slot, YES_OR_NO)
        stands_open = said is not Choice.NO
    elapsed_ms = None if unlocked.elapsed_s is None else round(unlocked.elapsed_s * 1000)
    reference = await kiosk.store.run(
        intents.door_outcome,
        intent,
        IntentState.OPENED if stands_open else IntentState.FAILED,
        unlocked.outcome.value,
        elapsed_ms,
        _doubts(slot, unlocked),
    )
    return Opened(intent, unlocked, stands_open, str(reference))


async def open_for_service(
    kiosk: Kiosk, record: SlotRecord, actor: str, purpose: Purpose, intent: str = ""
) -> Opened:
    """Open a slot's door for no package's sake: a test, a look, an operator at the server, whose
    command gives the intent its id."""
    intent = intent or kiosk.new_id()
    await kiosk.store.run(
        intents.intend, intent, record.label, IntentPurpose.MAINTENANCE, actor, record.package
    )
    return await open_door(kiosk, record.label, intent, purpose)


async def leave_in_doubt(kiosk: Kiosk, opened: Opened, slot: str, actor: str, why: str) -> None:
    """An opening is over, and nobody said what is inside."""
    await kiosk.store.run(intents.end_opening, opened.intent, slot, SlotStatus.SUSPECT, actor, why)


def _doubts(slot: str, unlocked: Unlocked) -> dict[str, SuspectReason]:
    """The slots of which nobody is sure after this outcome, and why."""
    if unlocked.outcome is Outcome.WRONG_DOOR:
        moved = (slot, unlocked.wrong_slot)
        return {label: SuspectReason.WIRING for label in moved if label is not None}
    if unlocked.outcome is Outcome.UNREACHABLE and unlocked.pulsed:
        return {slot: SuspectReason.MAY_BE_EMPTY}
    return {}


async def _insist(kiosk: Kiosk, opened: Opened, slot: str, purpose: Purpose) -> None:
    """The person sees a door shut that reads open: it is pulsed after all, by a new intent."""
    intent = kiosk.new_id()
    try:
        await kiosk.store.run(intents.intend_again, opened.intent, intent)
    except RefusedError:
        opened.may_insist = False  # they may no more since the door was opened for them
        return
    again = await open_door(kiosk, slot, intent, purpose, force=True)
    opened.intent, opened.unlocked = again.intent, again.unlocked
    opened.stands_open, opened.reference = again.stands_open, again.reference
    opened.since_ms = None


async def confirm_board(kiosk: Kiosk, actor: str, slot: str, opened: Opened) -> None:
    """Staff opened a door of a board that was away for long: hear whether it was this door.

    Its slots are given out again when it was; the slot is in doubt when it was not.
    """
    board = kiosk.location.slot(slot).board
    was_moved = opened.stands_open and opened.unlocked.pulsed
    if not was_moved or board not in await kiosk.store.run(boards.awaiting_look):
        return
    answer = await ask(kiosk, Question.IS_IT_THIS_DOOR, slot, YES_OR_NO)
    if answer is Choice.YES:
        labels = [each.label for each in kiosk.location.slots if each.board == board]
        await kiosk.store.run(boards.seen_right, board, labels, slot, actor)
    elif answer is Choice.NO:
        await kiosk.store.run(boards.seen_wrong, slot, actor)


# --- an open door --------------------------------------------------------------------------------


class Ending(StrEnum):
    """How the time with an open door ended, when nothing was pressed."""

    SHUT = "SHUT"
    SHUT_QUICKLY = "SHUT_QUICKLY"
    """Shut so soon that it was perhaps not used."""
    SHUT_BY_WORD = "SHUT_BY_WORD"
    """Said to be shut, where no sensor sees it."""
    LEFT_OPEN = "LEFT_OPEN"
    STAYED_SHUT = "STAYED_SHUT"
    """It did not open at all."""


async def until_shut(
    kiosk: Kiosk,
    view: DoorOpen,
    opened: Opened,
    on_scan: Callable[[Scanned], DoorOpen | None] | None = None,
) -> Ending | Choice:
    """Show an open door until it is shut, a choice is pressed, or everybody has left.

    A reminder comes after `remind_after_s`. `on_scan` may answer a scan with a changed view. Where
    only the person knows, they say when it is shut; one that read open before it was pulsed may
    be said to be still shut, and is pulsed then.
    """
    if not opened.stands_open:
        return Ending.STAYED_SHUT
    shown = replace(view, choices=_choices(view, opened))
    opened_ms = kiosk.clock.now().monotonic_ms
    if opened.since_ms is None:
        opened.since_ms = opened_ms
    kiosk.person.show(shown)
    while opened.is_by_word or not kiosk.is_shut(view.slot):
        open_s = (kiosk.clock.now().monotonic_ms - opened_ms) / 1000
        if open_s >= kiosk.policy.give_up_after_s:
            kiosk.person.departures += 1
            return Ending.LEFT_OPEN
        if open_s >= kiosk.policy.remind_after_s and not shown.remind:
            shown = replace(shown, remind=True)
            kiosk.person.show(shown)
        limit_s = kiosk.policy.give_up_after_s if shown.remind else kiosk.policy.remind_after_s
        event = await kiosk.person.next(max(0.05, limit_s - open_s))
        if isinstance(event, Pressed) and event.choice in shown.choices:
            if event.choice is Choice.DOOR_IS_SHUT:
                await _insist(kiosk, opened, view.slot, view.purpose)
                return await until_shut(kiosk, view, opened, on_scan)
            if not (opened.is_by_word and event.choice is Choice.DONE):
                return event.choice
            if await _is_surely_shut(kiosk, view.slot):
                return Ending.SHUT_BY_WORD
            kiosk.person.show(shown)
        if isinstance(event, Scanned) and on_scan is not None:
            changed = on_scan(event)
            if changed is not None:
                shown = replace(changed, remind=shown.remind, choices=shown.choices)
                kiosk.person.show(shown)
    # What was asked in between is no new opening.
    open_s = (kiosk.clock.now().monotonic_ms - opened.since_ms) / 1000
    return Ending.SHUT_QUICKLY if open_s < kiosk.policy.quick_close_s else Ending.SHUT


async def _is_surely_shut(kiosk: Kiosk, slot: str) -> bool:
    """Whether a door that only the person sees is shut; who only hears is asked, for the key that
    says so is the one that goes on everywhere else."""
    if not kiosk.person.preference.is_access:
        return True
    return await ask(kiosk, Question.IS_IT_SHUT, slot, YES_OR_NO) is Choice.YES


FreeDoors = tuple[tuple[str, int], ...]
"""Each size, and how many of its doors are free."""


async def free_doors(kiosk: Kiosk) -> FreeDoors:
    """For a courier at an open door: what they reach for next depends on it."""
    return tuple((offer.name, offer.free) for offer in await kiosk.size_offers())


async def until_taken(
    kiosk: Kiosk, slot: str, opened: Opened, free: FreeDoors = ()
) -> Ending | Choice:
    """Show the open door of a package that is to be taken, as `until_shut`; `NOTHING_INSIDE` only
    when the person, who was asked, stayed with it. `free` is for a courier."""
    view = DoorOpen(slot=slot, purpose=Purpose.TAKE, free=free, choices=(Choice.NOTHING_INSIDE,))
    while True:
        ending = await until_shut(kiosk, view, opened)
        if ending is not Choice.NOTHING_INSIDE or await was_empty(kiosk, slot):
            return ending


async def was_empty(kiosk: Kiosk, slot: str) -> bool:
    """Whether somebody who said that a slot was empty means it: its package is missing then."""
    return await ask(kiosk, Question.WAS_IT_EMPTY, slot, NO_OR_YES) is Choice.YES


def _choices(view: DoorOpen, opened: Opened) -> tuple[Choice, ...]:
    """What a flow offers at an open door, and what this door's sensor makes necessary.

    A view that reminds comes after a choice was made: there the door was seen to be open.
    """
    if opened.is_by_word:
        return (Choice.DONE, *view.choices)
    is_asked_for = opened.unlocked.outcome is Outcome.ALREADY_OPEN and not view.remind
    may_insist = is_asked_for and opened.may_insist
    return (*view.choices, Choice.DOOR_IS_SHUT) if may_insist else view.choices


def holds_item(kiosk: Kiosk, slot: str) -> bool | None:
    """Whether something lies in a slot, by its item sensor; None where there is none."""
    return {ItemState.PRESENT: True, ItemState.ABSENT: False}.get(kiosk.bank.item(slot))


# --- asking --------------------------------------------------------------------------------------


async def ask(
    kiosk: Kiosk,
    question: Question,
    slot: str,
    choices: tuple[Choice, ...],
    answer_s: float = ANSWER_S,
) -> Choice | None:
    """Ask about a slot; None when nobody answers in time."""
    kiosk.person.show(Ask(question=question, slot=slot, choices=choices))
    return await pressed(kiosk, choices, answer_s)


async def pressed(kiosk: Kiosk, choices: tuple[Choice, ...], timeout_s: float) -> Choice | None:
    """The choice that is pressed on the view that is shown; None when time is up."""
    until_ms = kiosk.clock.now().monotonic_ms + timeout_s * 1000
    while True:
        left_s = (until_ms - kiosk.clock.now().monotonic_ms) / 1000
        event = await kiosk.person.next(max(0.0, left_s))
        if isinstance(event, TimedOut):
            return None
        if isinstance(event, Pressed) and event.choice in choices:
            return event.choice


async def pressed_or_late(
    kiosk: Kiosk, choices: tuple[Choice, ...], slot: str, timeout_s: float
) -> Choice | None:
    """As `pressed`, for a door that did not open: when it does late, that is another try, at which
    it stands open."""
    until_ms = kiosk.clock.now().monotonic_ms + timeout_s * 1000
    while True:
        left_s = (until_ms - kiosk.clock.now().monotonic_ms) / 1000
        event = await kiosk.person.next(max(0.0, left_s))
        if isinstance(event, TimedOut):
            return None
        if isinstance(event, Pressed) and event.choice in choices:
            return event.choice
        if isinstance(event, DoorChange) and _is_late_opening(event, slot):
            return Choice.TRY_AGAIN


def _is_late_opening(change: DoorChange, slot: str) -> bool:
    return change.slot == slot and change.opening is OpeningCause.LATE


async def shut_wrong_door(kiosk: Kiosk, opened: Opened, slot: str, purpose: Purpose) -> None:
    """Another door opened, and both slots are in doubt: ask the person to shut it at once."""
    kiosk.person.show(opened.trouble(slot, purpose))
    await wait_shut(kiosk, opened.unlocked.wrong_slot)


async def wait_shut(kiosk: Kiosk, slot: str | None) -> bool:
    """Wait, with the view that is shown, until a door is shut; False when nobody shuts it."""
    if slot is None:
        return False
    until_ms = kiosk.clock.now().monotonic_ms + kiosk.policy.give_up_after_s * 1000
    while not kiosk.is_shut(slot):
        left_s = (until_ms - kiosk.clock.now().monotonic_ms) / 1000
        event = await kiosk.person.next(max(0.0, left_s))
        if isinstance(event, TimedOut):
            return False
        if is_shut(event, slot):
            return True
    return True


async def push_until_it_clicks(kiosk: Kiosk, slot: str) -> None:
    """A door that was just shut has sprung open again: its latch did not hold."""
    kiosk.person.show(Trouble(problem=Problem.NOT_LATCHED, slot=slot))
    await wait_shut(kiosk, slot)
