"""A session of the staff that is locked: it goes on where it was when its owner is back.

It locks when nobody touches the machine, and when a courier steps aside for a customer. Nothing of
it can be seen or done meanwhile; customers are served, where nothing is asked that they could
change the answer to.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.flows.context import Kiosk
from kiosk.flows.events import Entered, Preference, Pressed, Scanned, TimedOut
from kiosk.flows.help import offer_help
from kiosk.flows.person import Event, Held
from kiosk.flows.pickup import pickup, scanned_pickup, show_answer
from kiosk.flows.sign_in import sign_in, sign_in_by_badge
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.courier import Receipt, ScanPackage
from kiosk.flows.views.customer import First
from kiosk.flows.views.service import (
    Boards,
    DoorPage,
    Doors,
    DoorsTested,
    History,
    Machine,
    PartsTest,
    StaffList,
)
from kiosk.flows.views.shared import View
from kiosk.model.person import Role, Staff, is_badge
from kiosk.store import badges, intents, staff
from kiosk.store.writer import Writer

CHOICES = (Choice.PICK_UP, Choice.RESUME, Choice.HELP)
AT_REST = (
    ScanPackage,
    Receipt,
    Doors,
    DoorPage,
    DoorsTested,
    Machine,
    Boards,
    History,
    StaffList,
    PartsTest,
)
"""Views that are made again of what is true then: a customer may come in between. What is asked on
others is set aside for one, as if nobody had answered."""


@dataclass
class SessionLock:
    """What locks the session of one member of staff."""

    kiosk: Kiosk
    owner: Staff
    role: Role
    is_over: bool = False
    is_set_aside: bool = False
    """Whether it is locked, and what it asked was given up for a customer."""
    preference: Preference = field(default_factory=Preference)
    successor: Staff | None = None
    """Who ended it by signing in."""
    _taken: list[Event] = field(default_factory=list)
    """What the customer did for whom a question was given up."""

    @property
    def after_s(self) -> float:
        policy = self.kiosk.policy
        is_courier = self.role is Role.COURIER
        return policy.courier_lock_s if is_courier else policy.technician_lock_s

    def is_at_rest(self, view: View) -> bool:
        """Whether this view is made again of what is true then."""
        return isinstance(view, AT_REST)

    async def may_lock(self) -> bool:
        """Not while a door is in play: what is asked about it ends by itself, and soon."""
        return not await self.kiosk.store.run(intents.is_in_play)

    async def must_end(self) -> bool:
        """Whether the newest list of staff has its owner no more, or with another PIN or role, or
        what let in an owner who is on no list is good no more; not while a door is in play: that
        comes to its end first."""
        return await self.kiosk.store.run(_must_end, self.owner, self.role, self.kiosk.location.id)

    async def hold(self, view: View) -> Held:
        """Lock until the owner is back, or somebody else, or nobody for too long."""
        policy = self.kiosk.policy
        held = await self._until_back(
            policy.locked_session_s, is_at_rest=self.is_at_rest(view), may_be_ended=True
        )
        self.is_over = held is Held.OVER
        self.is_set_aside = held is Held.SET_ASIDE
        return held

    async def step_aside(self) -> Held:
        """The owner stands beside a customer and comes back at once; nobody else takes over."""
        policy = self.kiosk.policy
        held = await self._until_back(policy.courier_session_s, is_at_rest=True, may_be_ended=False)
        self.is_over = held is Held.OVER
        return held

    async def _until_back(self, wait_s: float, *, is_at_rest: bool, may_be_ended: bool) -> Held:
        person, clock = self.kiosk.person, self.kiosk.clock
        if not self._taken:
            person.forget()
        until_ms = clock.now().monotonic_ms + wait_s * 1000
        while (left_s := (until_ms - clock.now().monotonic_ms) / 1000) > 0:
            event = await self._event(min(left_s, self.kiosk.policy.idle_s))
            if isinstance(event, TimedOut):
                person.preference = Preference()  # whoever chose it went away
            elif event == Pressed(Choice.HELP):
                await offer_help(self.kiosk)
            elif event == Pressed(Choice.RESUME) or _is_badge(event):
                held = await self._signed_in(event, may_be_ended=may_be_ended)
                if held is not None:
                    return held
            elif _is_customers(event) and not is_at_rest:
                self._taken = [event]
                return Held.SET_ASIDE
            elif _is_customers(event):
                await self._serve(event)
                if not may_be_ended:
                    until_ms = clock.now().monotonic_ms + wait_s * 1000
                person.forget()
        return Held.OVER

    async def _event(self, wait_s: float) -> Event:
        """What somebody does at the locked screen, or did when a question was given up for them."""
        if self._taken:
            return self._taken.pop()
        person = self.kiosk.person
        person.show(First(preference=person.preference, choices=CHOICES))
        return await person.next(wait_s)

    async def _serve(self, event: Event) -> None:
        match event:
            case Entered(digits):
                await pickup(self.kiosk, digits)
            case Scanned(text):
                await scanned_pickup(self.kiosk, text)
            case _:
                await pickup(self.kiosk)

    async def _signed_in(self, event: Event, *, may_be_ended: bool) -> Held | None:
        """Whether the owner is back, or somebody else ends the session; None when nobody does."""
        if isinstance(event, Scanned):
            person = await sign_in_by_badge(self.kiosk, event.text)
        else:
            person = await sign_in(self.kiosk, None)
        if person is None:
            return None
        if person.number == self.owner.number:
            return Held.RESUMED
        if not may_be_ended:
            await show_answer(self.kiosk, Refused(Refusal.NOT_ALLOWED))
            return None
        self.successor = person
        return Held.OVER


def _must_end(writer: Writer, owner: Staff, role: Role, location: str) -> bool:
    return not _is_good_still(writer, owner, role, location) and not intents.is_in_play(writer)


def _is_good_still(writer: Writer, owner: Staff, role: Role, location: str) -> bool:
    if not owner.is_listed:
        return badges.is_admitted_still(writer, owner, location)
    listed = staff.member(writer, owner.number)
    return (
        listed is not None
        and listed.pin_hash == owner.pin_hash
        and listed.role in (role, Role.TECHNICIAN)
        and listed.carriers == owner.carriers
    )


def _is_badge(event: Event) -> bool:
    return isinstance(event, Scanned) and is_badge(event.text)


def _is_customers(event: Event) -> bool:
    return isinstance(event, Entered | Scanned) or event == Pressed(Choice.PICK_UP)
