"""The person at the machine: what the screen shows them, and everything that happens meanwhile.

One queue brings presses, scans and door movements in the order in which they happened, so that a
flow waits in one place for whatever comes first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from drivers.door import BoardChange, DoorChange, DoorState
from kiosk.flows.views import (
    Ask,
    Chosen,
    Entered,
    Preference,
    Pressed,
    Scanned,
    TimedOut,
    View,
)

Event = Pressed | Entered | Chosen | Preference | Scanned | DoorChange | BoardChange | TimedOut
ByHand = Pressed | Entered | Chosen


class Screen(Protocol):
    """What shows the views: the Kivy window, the terminal, or a script that plays the person."""

    def show(self, view: View) -> None:
        """Show a view at once; may be called from the engine's thread."""
        ...


class Person:
    """Shows views and hands out what happens, one event at a time."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self.view: View = View()
        self.preference = Preference()
        """How the person at the machine wants the screens."""

    def show(self, view: View) -> None:
        """Show a view. What was pressed on another kind of view before is forgotten: nobody
        answers a question that they have not seen."""
        if not asks_the_same(view, self.view):
            kept = [event for event in self._events if not isinstance(event, ByHand)]
            self._events = deque(kept)
        self.view = view
        self._screen.show(view)

    def happened(self, event: Event, shown: View | None = None) -> None:
        """Something happened; on the engine's thread. `shown` is the view it was pressed on."""
        if isinstance(event, ByHand) and shown is not None and not asks_the_same(shown, self.view):
            return
        if isinstance(event, Preference):
            self.preference = event
        self._events.append(event)
        self._arrived.set()

    async def next(self, timeout_s: float) -> Event:
        """The next event, or `TimedOut` when none comes in time."""
        if not self._events:
            self._arrived.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._arrived.wait()
            except TimeoutError:
                return TimedOut()
        return self._events.popleft()

    def forget(self) -> None:
        """A new person: nothing that the last one pressed or scanned stays."""
        moved = [e for e in self._events if isinstance(e, DoorChange | BoardChange)]
        self._events = deque(moved)
        self.preference = Preference()


def asks_the_same(one: View, other: View) -> bool:
    """Whether what is pressed on one view may be taken for the other: the same screen, and where
    it is a question, the same one."""
    if isinstance(one, Ask) and isinstance(other, Ask):
        return (one.question, one.slot) == (other.question, other.slot)
    return type(one) is type(other)


def is_shut(event: Event, slot: str) -> bool:
    """Whether an event is this door being shut."""
    return isinstance(event, DoorChange) and event.slot == slot and event.now is DoorState.CLOSED
