"""What is said while a door is opened, stands open or does not do what it should."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kiosk.flows.views.choices import Choice, Problem, Purpose, Question
from kiosk.flows.views.shared import Ask, DoorOpen, Trouble, View
from kiosk.model.location import Location
from kiosk.ui.directions import direction_of
from kiosk.ui.language import Speech
from kiosk.ui.texts.parts import (
    N_,
    Note,
    Words,
    call_us,
    closes_in,
    direction_sentence,
    reference_note,
    short_barcode,
)
from kiosk.ui.theme import Tone

_DO: Mapping[Purpose, str] = {
    Purpose.TAKE: N_("Take your package, then close the door."),
    Purpose.PUT_IN: N_("Put the package in, then close the door."),
    Purpose.LOOK: N_("Look inside, then close the door."),
    Purpose.TRY: N_("If it's this door, push it until it clicks."),
}


def _door_open(view: DoorOpen, location: Location, speech: Speech) -> Words:
    direction = direction_sentence(direction_of(view.slot, location), speech)
    note = None
    if view.next_barcode:
        text = speech.say("Next: {barcode}", barcode=short_barcode(view.next_barcode))
        note = Note(text, Tone.CALM, "scan-barcode")
    if view.remind:
        text = speech.say("The door is still open. Push it until it clicks.")
        note = Note(text, Tone.WAITING, "hand")
        title = speech.say("Please close door\u00a0{slot}", slot=view.slot)
        return Words(title, direction, note, Tone.WAITING)
    title = speech.say("Door {slot} is open", slot=view.slot)
    return Words(title, f"{direction}.\n{speech.say(_DO[view.purpose])}", note, Tone.DONE)


def _trouble(view: Trouble, location: Location, speech: Speech) -> Words:
    title, body = _TROUBLES[view.problem](view, speech)
    body = f"{body}\n{call_us(location, speech)}"
    note = reference_note(view.reference, speech)
    waiting = view.problem in (Problem.NOT_LATCHED, Problem.WRONG_DOOR)
    if waiting:
        return Words(title, body, note, Tone.WAITING, "hand")
    return Words(title, body, note, Tone.FAILED, "triangle-alert")


def _safe(view: Trouble, speech: Speech) -> str:
    if view.purpose is Purpose.TAKE:
        return speech.say("Your package is safe and your code still works.")
    return speech.say("Nothing is lost.")


def _jammed(view: Trouble, speech: Speech) -> tuple[str, str]:
    do = speech.say("Press lightly on the door and try again.")
    title = speech.say("Door {slot} didn't open", slot=view.slot)
    return title, f"{_safe(view, speech)} {do}"


def _unreachable(view: Trouble, speech: Speech) -> tuple[str, str]:
    do = speech.say("Please try again in a minute.")
    title = speech.say("We can't reach door {slot}", slot=view.slot)
    return title, f"{_safe(view, speech)} {do}"


def _wrong_door(view: Trouble, speech: Speech) -> tuple[str, str]:
    return (
        speech.say("Please close door\u00a0{slot}", slot=view.wrong_slot),
        speech.say("It opened instead of door {slot}. It isn't yours.", slot=view.slot),
    )


def _do_not_open(view: Trouble, speech: Speech) -> tuple[str, str]:
    why = speech.say("It isn't safe to open.")
    title = speech.say("Door {slot} must stay closed", slot=view.slot)
    return title, f"{why} {_safe(view, speech)}"


def _not_latched(view: Trouble, speech: Speech) -> tuple[str, str]:
    title = speech.say("Door {slot} isn't locked", slot=view.slot)
    return title, speech.say("Push it until it clicks.")


def _cannot_record(view: Trouble, speech: Speech) -> tuple[str, str]:
    why = speech.say("This locker can't save anything, so it won't open any doors.")
    return speech.say("No doors can be opened right now"), f"{why} {_safe(view, speech)}"


_TROUBLES: Mapping[Problem, Callable[[Trouble, Speech], tuple[str, str]]] = {
    Problem.JAMMED: _jammed,
    Problem.UNREACHABLE: _unreachable,
    Problem.WRONG_DOOR: _wrong_door,
    Problem.DO_NOT_OPEN: _do_not_open,
    Problem.NOT_LATCHED: _not_latched,
    Problem.CANNOT_RECORD: _cannot_record,
}
_CANNOT_TELL = N_("This door can't tell us by itself.")
_QUESTIONS: Mapping[Question, tuple[str, tuple[str, ...]]] = {
    Question.DID_YOU_TAKE_IT: (
        N_("Did you take your package?"),
        (N_("Door {slot} is closed again."),),
    ),
    Question.IS_IT_EMPTY: (
        N_("Is door {slot} empty now?"),
        (N_("Please look before you answer."),),
    ),
    Question.DID_THE_DOOR_OPEN: (N_("Did door {slot} open?"), (_CANNOT_TELL,)),
    Question.WAS_IT_THERE: (N_("Was your package inside?"), (N_("Door {slot}"),)),
    Question.WAS_IT_EMPTY: (
        N_("Was door {slot} empty?"),
        (N_("If so, we'll look for the package. If you have it, press No and close the door."),),
    ),
    Question.IS_IT_SHUT: (
        N_("Is door {slot} closed?"),
        (_CANNOT_TELL, N_("Push it until it clicks.")),
    ),
    Question.NEED_MORE_TIME: (
        N_("Do you need more time?"),
        (),
    ),
    Question.IS_IT_PUT_IN: (N_("Is the package inside?"), (N_("Door {slot} is closed."),)),
    Question.SOMETHING_LEFT_INSIDE: (
        N_("Something is still inside"),
        (N_("Please open door {slot} again and look."),),
    ),
    Question.IS_IT_THIS_DOOR: (
        N_("Was it door {slot} that opened?"),
        (N_("Its lock board was disconnected. Cables may have been swapped."),),
    ),
    Question.OPEN_DOUBTFUL: (
        N_("We're not sure about door {slot}"),
        (N_("It may be empty. Open it and tell us what you find."),),
    ),
    Question.OPEN_ALL: (
        N_("Open all doors?"),
        (N_("Anyone can then take any package. Every door must be checked afterwards."),),
    ),
    Question.RESTART: (
        N_("Restart the kiosk?"),
        (N_("This takes a few seconds. Nothing is lost."),),
    ),
    Question.DOOR_IS_HIGH: (
        N_("Door {slot} is high up"),
        (N_("If you can't reach it, we'll ask a courier to move your package."),),
    ),
    Question.DOOR_IS_NEAR_FLOOR: (
        N_("Door {slot} is near the floor"),
        (N_("If you can't reach it, we'll ask a courier to move your package."),),
    ),
    Question.WHAT_IS_WRONG: (N_("What's wrong?"), ()),
    Question.NO_SLOT: (
        N_("No door is free for this package"),
        (N_("Door {slot} may be empty. Look inside, or collect packages that nobody picked up."),),
    ),
}
"""Each question, and what is said under it."""
_OUT_OF_REACH = (Question.DOOR_IS_HIGH, Question.DOOR_IS_NEAR_FLOOR)


def _ask(view: Ask, location: Location, speech: Speech) -> Words:
    title, sentences = _QUESTIONS[view.question]
    if view.question is Question.NO_SLOT and not view.slot:
        sentences = (N_("Collect packages that nobody picked up to make room."),)
    if view.question in _OUT_OF_REACH and Choice.MOVE_LOWER not in view.choices:
        sentences = ()
    body = " ".join(speech.say(sentence, slot=view.slot) for sentence in sentences)
    icon = "circle-question-mark"
    if view.question is Question.NEED_MORE_TIME:
        icon = "clock"
        body = closes_in(view.wait_s, speech)
    return Words(speech.say(title, slot=view.slot), body, tone=Tone.ACT, icon=icon)


WORDS: Mapping[type[View], Callable[[Any, Location, Speech], Words]] = {
    DoorOpen: _door_open,
    Trouble: _trouble,
    Ask: _ask,
}
