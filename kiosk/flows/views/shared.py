"""The views that customers, couriers and technicians meet alike: doors, questions, the PIN.

A view says what there is to show, never its sentences: those are the screen's. A flow shows a view
and waits for the next event.
"""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.flows.events import Preference
from kiosk.flows.views.choices import Choice, Problem, Purpose, Question, Refused
from kiosk.model.person import NUMBER_DIGITS_MIN


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Something to show; what can be pressed on it, the main choice first."""

    choices: tuple[Choice, ...] = ()
    preference: Preference | None = None
    """How the screens are to be from this one on, where that changes without a press."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterPin(View):
    """The keypad for a staff PIN. Comes back as `Entered`; digits are shown as dots."""

    for_service: bool = False
    """True for the technician's sign-in."""
    for_anyone: bool = False
    """True where any of the staff signs in."""
    after_badge: bool = False
    """A technician's badge was read: it names them, and the PIN proves it."""
    again: bool = False
    """Somebody who is signed in proves once more who they are, before a dangerous act."""
    number_digits: int = NUMBER_DIGITS_MIN
    """How many of the digits are the person's number."""
    code_digits: int = 0
    """How many digits the site's code of the day has behind the zeros; 0 where none is taken."""
    refused: Refused | None = None
    wait_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking(View):
    """A moment's work is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening(View):
    """The door is being opened: "Opening door 7…"."""

    slot: str
    purpose: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorOpen(View):
    """A door stands open; the drawing shows it, the words say what to do and to shut it."""

    slot: str
    purpose: Purpose
    remind: bool = False
    """It has been open for long: the door is to be closed now."""
    barcode: str = ""
    next_barcode: str = ""
    """Scanned while the door was open; it is taken next."""
    free: tuple[tuple[str, int], ...] = ()
    """For a courier: each size, and how many of its doors are free beside this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble(View):
    """A door did not do what it should; what happened, what to do, whom to call."""

    problem: Problem
    slot: str
    wrong_slot: str = ""
    """For `WRONG_DOOR`: the door that must be closed."""
    reference: str = ""
    """A number that staff can look up."""
    purpose: Purpose = Purpose.TAKE


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(View):
    """A question about a slot, answered by one of the choices."""

    question: Question
    slot: str = ""
    wait_s: int = 0
    """For `NEED_MORE_TIME`: how long the answer is waited for; the screen counts it down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(View):
    """A plain answer that ends something: a refusal, or help."""

    refused: Refused | None = None
    help: bool = False
    reference: str = ""
