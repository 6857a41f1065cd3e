"""What an installer is shown of a new kiosk, from "Not set up yet" to ready."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drivers.door import BoardReport
from kiosk.flows.views.choices import Problem, Refused
from kiosk.flows.views.shared import View
from kiosk.model.invitation import Unreached


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSetUp(View):
    """The first screen of a new kiosk: its languages, and on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowInvitation(View):
    """The server's QR code is to be held before the scanner; it comes back as `Scanned`."""

    is_refused: bool = False
    """What was scanned is no such code."""


class Typed(StrEnum):
    """What is typed of an invitation."""

    ADDRESS = "ADDRESS"
    TOKEN = "TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeInvitation(View):
    """A keyboard for the server's address or the token; comes back as `Entered`."""

    what: Typed
    text: str = ""
    """What stands there already."""
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaching(View):
    """The server is asked."""

    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReached(View):
    """Nothing came of it, and why."""

    host: str
    why: Unreached
    detail: str = ""
    """What a program said of it, for whoever is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFound(View):
    """The server is reached; this is what it says that this locker is."""

    host: str
    name: str
    address: str
    doors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardsFound(View):
    """Which of the site's lock boards answer."""

    boards: tuple[BoardReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BankDrawn(View):
    """The bank as the site file has it: is it this one?"""

    doors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorFailed(View):
    """A door did not open as it should: which, and where it is wired."""

    slot: str
    problem: Problem
    board: str
    channel: int
    wrong_slot: str = ""


class PinStep(StrEnum):
    """What of the first technician's PIN is typed."""

    NUMBER = "NUMBER"
    SECRET = "SECRET"
    AGAIN = "AGAIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPin(View):
    """The first technician's number, and twice the secret digits; comes back as `Entered`."""

    step: PinStep
    number: str = ""
    refused: Refused | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpDone(View):
    """The kiosk is ready."""

    doors: int
    out_of_service: tuple[str, ...]
    """The slots that nobody gets a package into."""
    is_enrolled: bool
