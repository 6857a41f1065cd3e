"""How each choice looks on its button: its word, its icon, perhaps a second line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kiosk.flows.views import Choice
from kiosk.ui.language import ENGLISH, Speech
from kiosk.ui.texts.parts import N_


@dataclass(frozen=True, slots=True)
class Face:
    """How a choice looks: its word, its icon, and a second line where there is room."""

    label: str
    icon: str
    hint: str = ""


FACES: Mapping[Choice, Face] = {
    Choice.PICK_UP: Face(N_("Pick up"), "package-open", N_("With your code or QR code")),
    Choice.COURIER: Face(N_("Courier"), "truck", N_("Bring packages")),
    Choice.SERVICE: Face(N_("Service"), "wrench"),
    Choice.HELP: Face(N_("Help"), "circle-question-mark"),
    Choice.NO_CODE: Face(N_("No code?"), "circle-question-mark"),
    Choice.BACK: Face(N_("Back"), "arrow-left"),
    Choice.DONE: Face(N_("Done"), "check"),
    Choice.CANCEL: Face(N_("Cancel"), "x"),
    Choice.TRY_AGAIN: Face(N_("Try again"), "refresh-cw"),
    Choice.OPEN_AGAIN: Face(N_("Open again"), "door-open"),
    Choice.DOOR_IS_OPEN: Face(N_("It is open"), "door-open"),
    Choice.DOOR_IS_SHUT: Face(N_("Still shut"), "door-closed"),
    Choice.ANOTHER_SLOT: Face(N_("Another door"), "door-closed"),
    Choice.LARGER_SLOT: Face(N_("Larger door"), "maximize-2"),
    Choice.DOOR_FAULT: Face(N_("Door fault"), "triangle-alert"),
    Choice.NOTHING_INSIDE: Face(N_("It was empty"), "circle-slash"),
    Choice.IT_IS_EMPTY: Face(N_("It is empty"), "circle-slash"),
    Choice.SOMETHING_INSIDE: Face(N_("Not empty"), "package"),
    Choice.STILL_THERE: Face(N_("Still inside"), "package"),
    Choice.TYPE_BARCODE: Face(N_("Type barcode"), "keyboard"),
    Choice.OPEN_DOOR: Face(N_("Open door"), "lock-open"),
    Choice.OUT_OF_SERVICE: Face(N_("Out of use"), "ban"),
    Choice.BACK_IN_SERVICE: Face(N_("Back in use"), "circle-check"),
    Choice.UNTIL_WHEN: Face(N_("Until when?"), "calendar-clock"),
    Choice.LOOK_INSIDE: Face(N_("Look inside"), "eye"),
    Choice.SOMETHING_WRONG: Face(N_("A problem"), "circle-alert"),
    Choice.DAMAGED: Face(N_("It is damaged"), "triangle-alert"),
    Choice.WRONG_PACKAGE: Face(N_("Not my package"), "circle-x"),
    Choice.LEAVE_IT_HERE: Face(N_("Leave it here"), "package"),
    Choice.OPEN_NEXT: Face(N_("Open next"), "door-open"),
    Choice.EXTEND_HOLD: Face(N_("Keep it longer"), "clock"),
    Choice.COLLECT: Face(N_("Take back"), "package-open"),
    Choice.SKIP: Face(N_("Skip"), "arrow-right"),
    Choice.UNDO_LAST: Face(N_("Undo last"), "rotate-ccw"),
    Choice.SET_ASIDE: Face(N_("I took it out"), "package-open"),
    Choice.REISSUE_CODE: Face(N_("New code"), "refresh-cw"),
    Choice.ROUND: Face(N_("Look inside"), "eye"),
    Choice.MACHINE: Face(N_("Machine"), "cpu"),
    Choice.BOARDS: Face(N_("Boards"), "cable"),
    Choice.JOURNAL: Face(N_("Journal"), "list"),
    Choice.HISTORY: Face(N_("History"), "history"),
    Choice.OLDER: Face(N_("Older"), "chevron-down"),
    Choice.NEWER: Face(N_("Newer"), "chevron-up"),
    Choice.MORE: Face(N_("More"), "chevron-down"),
    Choice.TIME_IS_RIGHT: Face(N_("Time is right"), "clock"),
    Choice.TEST_DOORS: Face(N_("Test doors"), "list-checks"),
    Choice.TEST_TAKEN: Face(N_("With packages"), "package"),
    Choice.TEST_LOCK: Face(N_("Test lock"), "repeat"),
    Choice.TEST_PARTS: Face(N_("Try parts"), "stethoscope"),
    Choice.OPEN_ALL: Face(N_("Open all doors"), "door-open"),
    Choice.STAFF: Face(N_("Staff"), "users"),
    Choice.RESTART: Face(N_("Restart"), "power"),
    Choice.MOVE_PACKAGE: Face(N_("Move it"), "arrow-right"),
    Choice.TAKE_OUT: Face(N_("Take out"), "package-open"),
    Choice.MOVE_LOWER: Face(N_("Move it lower"), "move-down"),
    Choice.DO_NOT_OPEN: Face(N_("Never open"), "lock"),
    Choice.LET_SOMEONE_IN: Face(N_("Let someone in"), "user-round"),
    Choice.RESUME: Face(N_("Go on"), "truck", N_("Courier, with PIN or badge")),
    Choice.YES: Face(N_("Yes"), "check"),
    Choice.NO: Face(N_("No"), "x"),
}
_TURNED = {"arrow-left": "arrow-right", "arrow-right": "arrow-left"}
"""Icons that point along the reading; those that point at the steel are never turned."""


def face(choice: Choice, speech: Speech = ENGLISH) -> Face:
    """The word and icon of a choice."""
    if choice not in FACES:
        # A choice that has no face yet is still a word that can be read and pressed.
        return Face(choice.value.replace("_", " ").capitalize(), "")
    said = FACES[choice]
    icon = _TURNED.get(said.icon, said.icon) if speech.is_rtl else said.icon
    return Face(speech.say(said.label), icon, speech.say(said.hint))
