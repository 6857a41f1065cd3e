"""The person at the machine: what the screen shows them, and everything that happens meanwhile.

One queue brings presses, scans and door movements in the order in which they happened, so that a
flow waits in one place for whatever comes first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Protocol, runtime_checkable

from drivers.door import BoardChange, DoorChange, DoorState
from kiosk.flows.events import (
    Chosen,
    Entered,
    LookAgain,
    Preference,
    Pressed,
    RemoteOpen,
    Resumed,
    Scanned,
    Stirred,
    TimedOut,
)
from kiosk.flows.views.choices import Choice, Question
from kiosk.flows.views.customer import (
    CodeAsked,
    EnterCode,
    EnterPhoneDigits,
    EnterTracking,
    First,
    HoldExtended,
    LowerAsked,
    MorePackages,
    Thanks,
)
from kiosk.flows.views.set_up import NewPin, TypeInvitation
from kiosk.flows.views.shared import Answer, Ask, DoorOpen, EnterPin, Trouble, View
from kiosk.flows.views.unannounced import (
    ConfirmPhone,
    EnterPhone,
    GuestStored,
    PrivacyNotice,
    Whose,
)
from kiosk.model.invariants import present

Event = (
    Pressed
    | Entered
    | Chosen
    | Preference
    | Scanned
    | RemoteOpen
    | LookAgain
    | Stirred
    | DoorChange
    | BoardChange
    | Resumed
    | TimedOut
)
ByHand = Pressed | Entered | Chosen


MOMENT_S = 0.1
"""What is over sooner is not shown."""
WARN_S = 20.0
"""How long a person has to say that they need more time (WCAG 2.2.1)."""
ACCESS_PACE = 2.0
"""How much longer everything waits in the access mode."""


class Screen(Protocol):
    """What shows the views: the Kivy window, the terminal, or a script that plays the person."""

    def show(self, view: View) -> None:
        """Show a view at once; may be called from the engine's thread."""
        ...


@runtime_checkable
class CountingScreen(Protocol):
    """A screen that can say how long there is until what it shows ends by itself."""

    def ends_in(self, seconds: float) -> None:
        """The view that was shown last ends after so long; may be called from the engine's
        thread."""
        ...


class Held(StrEnum):
    """How a locked session went on."""

    RESUMED = "RESUMED"
    SET_ASIDE = "SET_ASIDE"
    """Still locked: what it asked is given up, for a customer."""
    OVER = "OVER"


class Lock(Protocol):
    """What locks the session of a member of staff, see `kiosk/flows/lock.py`."""

    is_over: bool
    is_set_aside: bool
    preference: Preference
    """How its owner wants the screens."""

    @property
    def after_s(self) -> float:
        """How long without a touch it takes to lock."""
        ...

    def is_at_rest(self, view: View) -> bool:
        """Whether no door and no answer is waited for at this view."""
        ...

    async def may_lock(self) -> bool:
        """Whether it may be locked now."""
        ...

    async def must_end(self) -> bool:
        """Whether its owner may not go on, and this is a moment to end."""
        ...

    async def hold(self, view: View) -> Held:
        """Lock what this view shows, until that has an end."""
        ...

    async def step_aside(self) -> Held:
        """Lock for a customer whom the owner lets in."""
        ...


class Person:
    """Shows views and hands out what happens, one event at a time."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self.view: View = View()
        self._drawn = self.view
        self.preference = Preference()
        """How the person at the machine wants the screens."""
        self.warn_s = WARN_S
        self._limit: asyncio.Timeout | None = None
        self._limit_s = 0.0
        self._lock: Lock | None = None
        self._touched_s = 0.0
        self.by_hand_s = float("-inf")
        """When somebody last did something here, by the loop's clock."""
        self.departures = 0
        """How often whoever was there was taken to have gone, or a session was locked: what was
        begun before is nobody's any more."""

    def show(self, view: View) -> None:
        """Show a view. What was pressed on another kind of view before is forgotten: nobody
        answers a question that they have not seen."""
        self._turn_to(view)
        self._draw(view)

    def show_if_it_lasts(self, view: View) -> None:
        """Show a view that only says what is going on, unless another follows in a moment.

        The processor draws a screen for longer than most of these last, and whoever waits for the
        door waited for that. What is pressed meanwhile is forgotten, as if the view was seen. The
        first screen invites the next person: it gives way at once.
        """
        self._turn_to(view)
        if isinstance(self._drawn, First):
            self._draw(view)
        else:
            asyncio.get_running_loop().call_later(MOMENT_S, self._draw_if_still, view)

    def _draw_if_still(self, view: View) -> None:
        if self.view is view:
            self._draw(view)

    def _draw(self, view: View) -> None:
        self._drawn = view
        self._screen.show(view)

    def _turn_to(self, view: View) -> None:
        if not asks_the_same(view, self.view):
            kept = [event for event in self._events if not isinstance(event, ByHand)]
            self._events = deque(kept)
        self.view = view

    def happened(self, event: Event, shown: View | None = None) -> None:
        """Something happened; on the engine's thread. `shown` is the view it was pressed on."""
        if isinstance(event, ByHand) and shown is not None and not asks_the_same(shown, self.view):
            return
        is_baseline = isinstance(event, DoorChange) and event.baseline
        if not (is_baseline or isinstance(event, BoardChange | LookAgain | RemoteOpen)):
            self.by_hand_s = _loop_s()
        if self._lock is not None and self._is_somebodys(event, self._lock):
            self._touched_s = _loop_s()
        if isinstance(event, Stirred):
            self._stirred()
            return
        if isinstance(event, Preference):
            self.preference = event
        self._events.append(event)
        self._arrived.set()

    def _is_somebodys(self, event: Event, lock: Lock) -> bool:
        """Whether somebody is there who did this. A door that moves while none is asked for may be
        a loose sensor."""
        if isinstance(event, DoorChange):
            return not lock.is_at_rest(self.view)
        return not isinstance(event, BoardChange | LookAgain)

    @property
    def has_news(self) -> bool:
        """Whether something happened that no flow has taken up yet."""
        return bool(self._events)

    def _stirred(self) -> None:
        """Wait the whole time again: whoever types slowly is not idle."""
        if self._limit is not None and _waits_for_a_person(self.view):
            self._limit.reschedule(asyncio.get_running_loop().time() + self._limit_s)
            self._say_end(self._limit_s)

    def _say_end(self, seconds: float) -> None:
        """Let the screen say how long there is, where what it shows ends by itself."""
        if isinstance(self.view, ENDINGS) and isinstance(self._screen, CountingScreen):
            self._screen.ends_in(seconds)

    async def next(self, timeout_s: float) -> Event:
        """The next event, or `TimedOut` when none comes in time.

        Where something was begun that would be lost, the person is asked first whether they need
        more time, as often as they say yes. In the access mode all of it waits longer.
        """
        view = self.view
        if not _waits_for_a_person(view):
            return await self._wait_or_lock(timeout_s)
        self._say_end(timeout_s * self._pace)
        event = await self._wait_or_lock(timeout_s * self._pace)
        while isinstance(event, TimedOut) and _is_lost_by_waiting(view) and not self.is_ended:
            wait_s = round(self.warn_s * self._pace)
            self.show(_more_time(wait_s))
            event = await self._wait(wait_s)
            if isinstance(event, TimedOut) or event == Pressed(Choice.NO):
                self.departures += 1
                return TimedOut()
            self.show(view)
            if isinstance(event, ByHand):  # it goes on, and answers no screen that was hidden
                event = await self._wait_or_lock(timeout_s * self._pace)
        return event

    @property
    def _pace(self) -> float:
        return ACCESS_PACE if self.preference.is_access else 1.0

    # --- locking ---

    def begin_session(self, lock: Lock) -> None:
        """From now on what is shown is somebody's session, and locks when nobody is there."""
        self._lock, self._touched_s = lock, _loop_s()

    def end_session(self) -> None:
        """Nobody is signed in any more."""
        self._lock = None

    async def step_aside(self) -> bool:
        """Lock the session for a customer; whether its owner came back."""
        view = self.view
        held = await self._held(lambda lock: lock.step_aside())
        if held is Held.RESUMED:
            self.show(replace(view, preference=self.preference))
        return held is Held.RESUMED

    @contextmanager
    def serving_a_customer(self) -> Iterator[None]:
        """Who is asked now is a customer within the session: it does not lock over them, and its
        owner does not answer for them."""
        lock, self._lock = self._lock, None
        try:
            yield
        finally:
            self._lock = lock

    @property
    def is_ended(self) -> bool:
        """Whether nobody answers any more: a session that is over is being wound up."""
        return self._lock is not None and (self._lock.is_over or self._lock.is_set_aside)

    async def _wait_or_lock(self, timeout_s: float) -> Event:
        """As `_wait`; in a session that nobody touches for long it is locked first. One whose owner
        may not go on is over, and what was done last does not count."""
        event, lock = await self._touched_or_locked(timeout_s), self._lock
        if lock is not None and not lock.is_over and await lock.must_end():
            lock.is_over = True
            return TimedOut()
        return event

    async def _touched_or_locked(self, timeout_s: float) -> Event:
        view, until_s = self.view, _loop_s() + timeout_s
        while (lock := self._lock) is not None:
            if lock.is_over:
                return await self._wound_up(view, timeout_s)
            if lock.is_set_aside:
                return await self._lock_now(view)
            warn_at_s = self._touched_s + (lock.after_s - self.warn_s) * self._pace
            if until_s <= warn_at_s or self._events:
                break
            event = await self._wait(max(0.0, warn_at_s - _loop_s()))
            if not isinstance(event, TimedOut):
                return event
            if _loop_s() < self._touched_s + (lock.after_s - self.warn_s) * self._pace:
                continue  # somebody stirred
            if not await lock.may_lock():
                break
            answer = await self._warned(view)
            if answer is None:
                return await self._lock_now(view)
            if not isinstance(answer, ByHand):
                return answer
            until_s = _loop_s() + timeout_s
        return await self._wait(max(0.0, until_s - _loop_s()))

    async def _wound_up(self, view: View, timeout_s: float) -> Event:
        """Nobody answers any more; only an open door is still waited for, for it has to be shut."""
        if not isinstance(view, DoorOpen):
            await asyncio.sleep(0)
            return TimedOut()
        event = await self._wait(timeout_s)
        return event if isinstance(event, DoorChange | BoardChange) else TimedOut()

    async def _warned(self, view: View) -> Event | None:
        """What is done after the warning that the session will lock; None for nothing."""
        wait_s = round(self.warn_s * self._pace)
        until_s, moved = _loop_s() + wait_s, list[Event]()
        self.show(_more_time(wait_s))
        event = await self._wait(wait_s)
        while isinstance(event, DoorChange | BoardChange):
            moved.append(event)
            event = await self._wait(max(0.0, until_s - _loop_s()))
        self._events.extendleft(reversed(moved))
        if isinstance(event, TimedOut) or event == Pressed(Choice.NO):
            return None
        self.show(view)
        return event

    async def _lock_now(self, view: View) -> Event:
        """Lock the session; `Resumed` with the view as it was, or else nobody is there."""
        held = await self._held(lambda lock: lock.hold(view))
        if held is not Held.RESUMED:
            return TimedOut()
        self.show(replace(view, preference=self.preference))
        return Resumed()

    async def _held(self, hold: Callable[[Lock], Awaitable[Held]]) -> Held:
        """Whoever comes while it is locked is nobody of this session, and what they chose is not
        what its owner wants."""
        lock = present(self._lock, "a session is locked that was never begun")
        if not lock.is_set_aside:
            lock.preference = self.preference
        self._lock = None
        self.departures += 1
        try:
            held = await hold(lock)
        finally:
            self._lock, self._touched_s = lock, _loop_s()
        if held is Held.RESUMED:
            self.preference = lock.preference
        return held

    async def _wait(self, timeout_s: float) -> Event:
        if not self._events:
            self._arrived.clear()
            try:
                async with asyncio.timeout(timeout_s) as limit:
                    self._limit, self._limit_s = limit, timeout_s
                    await self._arrived.wait()
            except TimeoutError:
                return TimedOut()
            finally:
                self._limit = None
        return self._events.popleft()

    def forget(self) -> None:
        """A new person: nothing that the last one pressed or scanned stays."""
        moved = [e for e in self._events if isinstance(e, DoorChange | BoardChange)]
        self._events = deque(moved)
        self.preference = Preference()


_ENTRIES = EnterCode | EnterPhoneDigits | EnterPin
_GUESTS = (Whose.GUEST, Whose.GUESTS_RECIPIENT)
ENDINGS = Answer | Thanks | HoldExtended | LowerAsked | CodeAsked | GuestStored | PrivacyNotice
"""What ends by itself, and loses nobody anything."""


def _is_lost_by_waiting(view: View) -> bool:
    """Whether a person would lose what they began here by saying nothing. Not while a door is
    open: no time ends there that matters to them."""
    if isinstance(view, Ask):
        return view.question not in (Question.NEED_MORE_TIME, Question.WAS_IT_EMPTY)
    if isinstance(view, _ENTRIES):
        return not view.wait_s
    if isinstance(view, EnterPhone | ConfirmPhone):
        return view.whose in _GUESTS
    return isinstance(view, MorePackages | EnterTracking) or (
        isinstance(view, Trouble) and bool(view.choices)
    )


def _waits_for_a_person(view: View) -> bool:
    """Whether only a person's pace decides how long this waits; a countdown is no such thing."""
    return isinstance(view, ENDINGS) or _is_lost_by_waiting(view)


def _more_time(wait_s: int) -> Ask:
    choices = (Choice.YES, Choice.NO)
    return Ask(question=Question.NEED_MORE_TIME, wait_s=wait_s, choices=choices)


def _loop_s() -> float:
    return asyncio.get_running_loop().time()


def asks_the_same(one: View, other: View) -> bool:
    """Whether what is pressed on one view may be taken for the other: the same screen, and where
    it is a question, the same one."""
    if isinstance(one, Ask) and isinstance(other, Ask):
        return (one.question, one.slot) == (other.question, other.slot)
    if isinstance(one, NewPin) and isinstance(other, NewPin):
        return one.step is other.step
    if isinstance(one, TypeInvitation) and isinstance(other, TypeInvitation):
        return one.what is other.what
    return type(one) is type(other)


def is_shut(event: Event, slot: str) -> bool:
    """Whether an event is this door being shut."""
    return isinstance(event, DoorChange) and event.slot == slot and event.now is DoorState.CLOSED
