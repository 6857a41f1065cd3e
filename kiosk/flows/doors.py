"""The parts of every flow that are about one open door: wait for it, ask about its inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from drivers.door import DoorState, Outcome
from kiosk.flows.kiosk import Kiosk, Opened
from kiosk.flows.person import is_shut
from kiosk.flows.views import (
    Ask,
    Choice,
    DoorOpen,
    Pressed,
    Problem,
    Purpose,
    Question,
    Scanned,
    TimedOut,
    Trouble,
)

ANSWER_S = 45
"""How long a question about a door waits for its answer before nobody answers it."""


class Ending(StrEnum):
    """How the time with an open door ended, when nothing was pressed."""

    SHUT = "SHUT"
    SHUT_QUICKLY = "SHUT_QUICKLY"
    """Shut so soon that it was perhaps not used."""
    LEFT_OPEN = "LEFT_OPEN"


async def until_shut(
    kiosk: Kiosk, view: DoorOpen, on_scan: Callable[[str], DoorOpen | None] | None = None
) -> Ending | Choice:
    """Show an open door until it is shut, a choice is pressed, or everybody has left.

    A reminder comes after `remind_after_s`. `on_scan` may answer a scan with a changed view.
    """
    opened_ms = kiosk.clock.now().monotonic_ms
    kiosk.person.show(view)
    while not kiosk.is_shut(view.slot):
        open_s = (kiosk.clock.now().monotonic_ms - opened_ms) / 1000
        if open_s >= kiosk.policy.give_up_after_s:
            return Ending.LEFT_OPEN
        if open_s >= kiosk.policy.remind_after_s and not view.remind:
            view = replace(view, remind=True)
            kiosk.person.show(view)
        limit_s = kiosk.policy.give_up_after_s if view.remind else kiosk.policy.remind_after_s
        event = await kiosk.person.next(max(0.05, limit_s - open_s))
        if isinstance(event, Pressed) and event.choice in view.choices:
            return event.choice
        if isinstance(event, Scanned) and on_scan is not None:
            changed = on_scan(event.text)
            if changed is not None:
                view = replace(changed, remind=view.remind)
                kiosk.person.show(view)
    open_s = (kiosk.clock.now().monotonic_ms - opened_ms) / 1000
    return Ending.SHUT_QUICKLY if open_s < kiosk.policy.quick_close_s else Ending.SHUT


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


def by_word(opened: Opened, kiosk: Kiosk, slot: str) -> bool:
    """Whether nobody but the person can tell that this door moved."""
    return opened.unlocked.outcome is Outcome.SENT and kiosk.bank.door(slot) is DoorState.UNKNOWN
