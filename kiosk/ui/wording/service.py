"""What the screens for technicians say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from drivers.door import DoorState, Outcome
from kiosk.flows.views import ChooseReason, DoorPage, DoorRow, Doors, Problem, View
from kiosk.model.location import Location, Service, SlotStatus, SuspectReason
from kiosk.ui.language import ENGLISH, Speech
from kiosk.ui.theme import Tone
from kiosk.ui.wording.parts import N_, Note, Words, reason_word


def _doors(view: Doors, location: Location, speech: Speech) -> Words:
    return Words(speech.say("All doors"), speech.say("Touch a door to open or check it."))


def _door_page(view: DoorPage, location: Location, speech: Speech) -> Words:
    note = None
    if view.last_outcome:
        note = Note(outcome_sentence(view.last_outcome, location, speech), Tone.CALM, "info")
    return Words(speech.say("Door {slot}", slot=view.row.slot), "", note)


def _choose_reason(view: ChooseReason, location: Location, speech: Speech) -> Words:
    return Words(speech.say("Why is door {slot} out of service?", slot=view.slot))


@dataclass(frozen=True, slots=True)
class DoorSign:
    """How a door looks on the technician's drawing: a word, an icon and a tone."""

    word: str
    icon: str
    tone: Tone | None
    """None: nothing special, drawn plain."""


SIGN_UNREACHABLE = DoorSign(N_("No answer"), "unplug", Tone.FAILED)
SIGN_DO_NOT_OPEN = DoorSign(N_("Do not open"), "ban", Tone.FAILED)
SIGN_NO_DEPOSITS = DoorSign(N_("Out of use"), "ban", Tone.FAILED)
SIGN_OPEN = DoorSign(N_("Open"), "door-open", Tone.DONE)
SIGN_SUSPECT = DoorSign(N_("In doubt"), "circle-question-mark", Tone.WAITING)
SIGN_OCCUPIED = DoorSign(N_("Package"), "package", Tone.CALM)
SIGN_RESERVED = DoorSign(N_("Reserved"), "clock", Tone.CALM)
SIGN_EMPTY = DoorSign(N_("Empty"), "", None)
SIGNS = (
    SIGN_OPEN,
    SIGN_EMPTY,
    SIGN_OCCUPIED,
    SIGN_SUSPECT,
    SIGN_NO_DEPOSITS,
    SIGN_UNREACHABLE,
)
"""The legend under the drawing."""


def sign(row: DoorRow) -> DoorSign:
    """The one thing that matters most about a door."""
    if not row.reachable:
        return SIGN_UNREACHABLE
    if row.door is DoorState.OPEN:
        return SIGN_OPEN
    if row.service is Service.DO_NOT_OPEN:
        return SIGN_DO_NOT_OPEN
    if row.service is Service.NO_DEPOSITS:
        return SIGN_NO_DEPOSITS
    return {
        SlotStatus.SUSPECT: SIGN_SUSPECT,
        SlotStatus.OCCUPIED: SIGN_OCCUPIED,
        SlotStatus.RESERVED: SIGN_RESERVED,
        SlotStatus.EMPTY: SIGN_EMPTY,
    }[row.status]


_SUSPECT: Mapping[SuspectReason, str] = {
    SuspectReason.MAY_BE_EMPTY: N_("May be empty: please look"),
    SuspectReason.MAY_HOLD_SOMETHING: N_("May hold something: please look"),
    SuspectReason.MAY_HOLD_ANOTHERS: N_("May hold another person's package"),
    SuspectReason.WIRING: N_("Wiring: another door moved"),
}
_DOOR: Mapping[DoorState, str] = {
    DoorState.OPEN: N_("Open, size {size}"),
    DoorState.CLOSED: N_("Closed, size {size}"),
    DoorState.UNKNOWN: N_("Not known, size {size}"),
}
_SERVICE: Mapping[Service, str] = {
    Service.IN_SERVICE: N_("In service"),
    Service.NO_DEPOSITS: N_("No deposits"),
    Service.DO_NOT_OPEN: N_("Do not open"),
}


def facts(
    row: DoorRow, location: Location, speech: Speech = ENGLISH
) -> tuple[tuple[str, str], ...]:
    """What a technician wants to know of a door, as name and value."""
    return (
        (speech.say("Door"), _door(row, speech)),
        (speech.say("Inside"), _inside(row, speech)),
        (speech.say("State"), _service(row, location, speech)),
        (speech.say("Board"), _board(row, speech)),
    )


def _door(row: DoorRow, speech: Speech) -> str:
    state = speech.say(_DOOR[row.door], size=row.size)
    return speech.row((state, speech.say("opens slowly")), " · ") if row.is_slowing else state


def _inside(row: DoorRow, speech: Speech) -> str:
    match row.status:
        case SlotStatus.EMPTY:
            return speech.say("Empty")
        case SlotStatus.RESERVED:
            return speech.say("Reserved for a deposit")
        case SlotStatus.OCCUPIED if row.barcode:
            return speech.say("Package {barcode}", barcode=row.barcode)
        case SlotStatus.OCCUPIED:
            return speech.say("Package")
        case SlotStatus.SUSPECT if row.suspect is not None:
            return speech.say(_SUSPECT[row.suspect])
        case _:
            return speech.say("Please look")


def _service(row: DoorRow, location: Location, speech: Speech) -> str:
    service = speech.say(_SERVICE[row.service])
    if not row.reason:
        return service
    since = ""
    if row.since_ms is not None:
        since = speech.day_and_time(row.since_ms, location.time_zone)
    return speech.row((service, reason_word(row.reason, speech), since, row.by), " · ")


def _board(row: DoorRow, speech: Speech) -> str:
    if row.reachable and row.awaits_look:
        return speech.say(
            "{board}, channel {channel}: open and look", board=row.board, channel=row.channel
        )
    if row.reachable:
        return speech.say("{board}, channel {channel}", board=row.board, channel=row.channel)
    return speech.say("{board}, channel {channel}: no answer", board=row.board, channel=row.channel)


_OUTCOMES: Mapping[str, str] = {
    Outcome.OPENED: N_("Opened"),
    Outcome.ALREADY_OPEN: N_("Was open already"),
    Outcome.JAMMED: N_("Did not open"),
    Outcome.WRONG_DOOR: N_("Another door opened"),
    Outcome.SENT: N_("Told to open"),
    Outcome.UNREACHABLE: N_("No answer"),
    Problem.DO_NOT_OPEN: N_("Must stay shut"),
    Problem.NOT_LATCHED: N_("Is not locked"),
    Problem.CANNOT_RECORD: N_("Cannot be recorded"),
    "COLLECTED": N_("Package taken out"),
    "CODE_REISSUED": N_("New code sent"),
    "NOT_TO_BE_FETCHED": N_("Not to be fetched"),
    "NOT_MOVED": N_("Package not moved"),
    "NO_SLOT": N_("No other door is free"),
    "LEFT_OPEN": N_("Door left open"),
}


def outcome_sentence(outcome: str, location: Location, speech: Speech) -> str:
    """What came of the last thing that was done with a door; other words stay as they are.

    A slot's label says that the package was moved there.
    """
    if outcome in location.slot_by_label:
        return speech.say("Now in door {slot}", slot=outcome)
    if outcome in _OUTCOMES:
        return speech.say(_OUTCOMES[outcome])
    return outcome.replace("_", " ").capitalize()


def silent_board(name: str, reason: str, speech: Speech, *, brief: bool) -> str:
    """A board that does not answer, and why, where there is room for that."""
    if reason and not brief:
        return f"{name}: {reason}"
    return speech.say("{board}: no answer", board=name)


WORDS: Mapping[type[View], Callable[[Any, Location, Speech], Words]] = {
    Doors: _doors,
    DoorPage: _door_page,
    ChooseReason: _choose_reason,
}
