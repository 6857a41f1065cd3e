"""A kiosk that is not set up yet finds its server: from "Not set up yet" to its own site file.

Nothing of a kiosk is there: no site file, no store, no doors. What the installer decides is kept by
the machine at once, so that after a power cut it goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from kiosk.flows.events import Entered, Preference, Pressed, Scanned
from kiosk.flows.person import Event, Person
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.set_up import (
    NotReached,
    NotSetUp,
    Reaching,
    ShowInvitation,
    SiteFound,
    Typed,
    TypeInvitation,
)
from kiosk.flows.views.shared import Checking, View
from kiosk.model.invitation import (
    Invitation,
    Unreached,
    is_address,
    is_token,
    parse_invitation,
)

PATIENCE_S = 86_400.0
"""Nobody but the installer stands there, and nothing is lost by waiting."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing came of it; `detail` is what a program said."""

    why: Unreached
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SiteOffer:
    """The site that this kiosk is to become."""

    name: str
    address: str
    doors: int


class Machine(Protocol):
    """The computer that becomes a kiosk."""

    @property
    def preference(self) -> Preference | None:
        """How the installer wants the screens; None before anybody chose."""

    @property
    def invitation(self) -> Invitation | None:
        """What was scanned or typed."""

    @property
    def may_work_alone(self) -> bool:
        """Whether a site file lies here already: then no server is needed."""

    def prefer(self, preference: Preference) -> None:
        """Keep how the installer wants the screens."""

    def invite(self, invitation: Invitation | None) -> None:
        """Keep what was scanned or typed, or forget it."""

    async def look(self, invitation: Invitation) -> SiteOffer | Failure:
        """Ask the server for the site file."""

    async def become(self, invitation: Invitation | None) -> Failure | None:
        """Become that kiosk, at the server or alone: site file, key, database, enrolment."""


async def set_up(person: Person, machine: Machine) -> None:
    """Until this computer is a kiosk of its own."""
    await _Enrolment(person, machine).run()


@dataclass(slots=True)
class _Enrolment:
    """An installer at a new kiosk."""

    person: Person
    machine: Machine

    async def run(self) -> None:
        if self.machine.preference is None:
            await self._choose_language()
        else:
            self.person.preference = self.machine.preference
        while True:
            invitation = self.machine.invitation
            if invitation is None and not await self._invited():
                await self._choose_language()
            elif await self._became(self.machine.invitation):
                return

    def _show(self, view: View) -> None:
        self.person.show(view)

    async def _next(self) -> Event:
        event = await self.person.next(PATIENCE_S)
        if isinstance(event, Preference):
            self.machine.prefer(event)
        return event

    async def _pressed(self, view: View) -> Choice:
        """What is pressed on a view."""
        self._show(view)
        while True:
            event = await self._next()
            if isinstance(event, Pressed) and event.choice in view.choices:
                return event.choice

    async def _choose_language(self) -> None:
        await self._pressed(NotSetUp(choices=(Choice.GO_ON,), preference=self.person.preference))
        self.machine.prefer(self.person.preference)

    # --- the server's code ---

    async def _invited(self) -> bool:
        """Take the server's code, or go on without a server; False when the installer goes back."""
        is_refused = False
        alone = (Choice.WITHOUT_SERVER,) if self.machine.may_work_alone else ()
        choices = (Choice.TYPE_IT, *alone, Choice.BACK)
        while True:
            preference = self.person.preference
            self._show(
                ShowInvitation(is_refused=is_refused, choices=choices, preference=preference)
            )
            match await self._next():
                case Scanned(text):
                    invitation = parse_invitation(text)
                    is_refused = invitation is None
                case Pressed(Choice.TYPE_IT):
                    invitation, is_refused = await self._typed(), False
                case Pressed(Choice.WITHOUT_SERVER) if alone:
                    return True
                case Pressed(Choice.BACK):
                    return False
                case _:
                    invitation = None
            if invitation is not None:
                self.machine.invite(invitation)
                return True

    async def _typed(self) -> Invitation | None:
        """The address and the token, typed; a scan is taken all the same."""
        address = await self._text(Typed.ADDRESS, "https://")
        if isinstance(address, Invitation) or address is None:
            return address
        token = await self._text(Typed.TOKEN, "")
        return Invitation(address, token) if isinstance(token, str) else token

    async def _text(self, what: Typed, text: str) -> str | Invitation | None:
        is_right = is_address if what is Typed.ADDRESS else is_token
        is_refused = False
        while True:
            self._show(
                TypeInvitation(what=what, text=text, is_refused=is_refused, choices=(Choice.BACK,))
            )
            match await self._next():
                case Entered(text):
                    if is_right(text):
                        return text
                    is_refused = True
                case Scanned(scanned):
                    invitation = parse_invitation(scanned)
                    if invitation is not None:
                        return invitation
                    is_refused = True
                case Pressed(Choice.BACK):
                    return None
                case _:
                    pass

    # --- the server ---

    async def _became(self, invitation: Invitation | None) -> bool:
        """Whether this computer is a kiosk now; else its installer tries again, or another code."""
        if invitation is None:
            return await self._becomes(None)
        host = urlsplit(invitation.url).netloc
        self._show(Reaching(host=host, preference=self.person.preference))
        found = await self.machine.look(invitation)
        if isinstance(found, Failure):
            await self._failed(host, found)
            return False
        view = SiteFound(
            host=host,
            name=found.name,
            address=found.address,
            doors=found.doors,
            choices=(Choice.YES, Choice.ANOTHER_SERVER),
        )
        if await self._pressed(view) is not Choice.YES:
            self.machine.invite(None)
            return False
        return await self._becomes(invitation)

    async def _becomes(self, invitation: Invitation | None) -> bool:
        self._show(Checking())
        failure = await self.machine.become(invitation)
        if failure is None:
            return True
        host = "" if invitation is None else urlsplit(invitation.url).netloc
        await self._failed(host, failure)
        return False

    async def _failed(self, host: str, failure: Failure) -> None:
        """Say why; the same is tried again, or another code is asked for."""
        choices = (Choice.TRY_AGAIN, Choice.ANOTHER_SERVER)
        view = NotReached(host=host, why=failure.why, detail=failure.detail, choices=choices)
        if await self._pressed(view) is Choice.ANOTHER_SERVER:
            self.machine.invite(None)
