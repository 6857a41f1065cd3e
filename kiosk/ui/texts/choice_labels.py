"""How each choice looks on its button: its word, its icon, perhaps a second line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kiosk.flows.views.choices import Choice
from kiosk.ui.language import ENGLISH, Speech
from kiosk.ui.texts.parts import N_


@dataclass(frozen=True, slots=True)
class ChoiceLabel:
    """How a choice looks: its word, its icon, and a second line where there is room."""

    label: str
    icon: str
    hint: str = ""


CHOICE_LABELS: Mapping[Choice, ChoiceLabel] = {
    Choice.PICK_UP: ChoiceLabel(N_("Pick up"), "package-open", N_("With your code or QR code")),
    Choice.COURIER: ChoiceLabel(N_("Courier"), "truck", N_("Deliver packages")),
    Choice.SERVICE: ChoiceLabel(N_("Service"), "wrench"),
    Choice.HELP: ChoiceLabel(N_("Help"), "circle-question-mark"),
    Choice.NO_CODE: ChoiceLabel(N_("No code?"), "circle-question-mark"),
    Choice.BACK: ChoiceLabel(N_("Back"), "arrow-left"),
    Choice.DONE: ChoiceLabel(N_("Done"), "check"),
    Choice.CANCEL: ChoiceLabel(N_("Cancel"), "x"),
    Choice.TRY_AGAIN: ChoiceLabel(N_("Try again"), "refresh-cw"),
    Choice.OPEN_AGAIN: ChoiceLabel(N_("Open again"), "door-open"),
    Choice.DOOR_IS_OPEN: ChoiceLabel(N_("It's open"), "door-open"),
    Choice.DOOR_IS_SHUT: ChoiceLabel(N_("Still closed"), "door-closed"),
    Choice.ANOTHER_SLOT: ChoiceLabel(N_("Another door"), "door-closed"),
    Choice.LARGER_SLOT: ChoiceLabel(N_("Larger door"), "maximize-2"),
    Choice.DOOR_FAULT: ChoiceLabel(N_("Faulty door"), "triangle-alert"),
    Choice.NOTHING_INSIDE: ChoiceLabel(N_("It was empty"), "circle-slash"),
    Choice.IT_IS_EMPTY: ChoiceLabel(N_("It's empty"), "circle-slash"),
    Choice.SOMETHING_INSIDE: ChoiceLabel(N_("Not empty"), "package"),
    Choice.STILL_THERE: ChoiceLabel(N_("Still inside"), "package"),
    Choice.TYPE_BARCODE: ChoiceLabel(N_("Enter barcode"), "keyboard"),
    Choice.OPEN_DOOR: ChoiceLabel(N_("Open door"), "lock-open"),
    Choice.OUT_OF_SERVICE: ChoiceLabel(N_("Block"), "ban"),
    Choice.BACK_IN_SERVICE: ChoiceLabel(N_("Unblock"), "circle-check"),
    Choice.UNTIL_WHEN: ChoiceLabel(N_("Until when?"), "calendar-clock"),
    Choice.LOOK_INSIDE: ChoiceLabel(N_("Look inside"), "eye"),
    Choice.SOMETHING_WRONG: ChoiceLabel(N_("Report a problem"), "circle-alert"),
    Choice.DAMAGED: ChoiceLabel(N_("It's damaged"), "triangle-alert"),
    Choice.WRONG_PACKAGE: ChoiceLabel(N_("Not my package"), "circle-x"),
    Choice.LEAVE_IT_HERE: ChoiceLabel(N_("Leave it here"), "package"),
    Choice.OPEN_NEXT: ChoiceLabel(N_("Open next"), "door-open"),
    Choice.EXTEND_HOLD: ChoiceLabel(N_("Keep it longer"), "clock"),
    Choice.COLLECT: ChoiceLabel(N_("Collect"), "package-open"),
    Choice.SKIP: ChoiceLabel(N_("Skip"), "arrow-right"),
    Choice.UNDO_LAST: ChoiceLabel(N_("Undo last"), "rotate-ccw"),
    Choice.SET_ASIDE: ChoiceLabel(N_("I took it out"), "package-open"),
    Choice.REISSUE_CODE: ChoiceLabel(N_("New code"), "refresh-cw"),
    Choice.ROUND: ChoiceLabel(N_("Look inside"), "eye"),
    Choice.MACHINE: ChoiceLabel(N_("System"), "cpu"),
    Choice.BOARDS: ChoiceLabel(N_("Boards"), "cable"),
    Choice.JOURNAL: ChoiceLabel(N_("Journal"), "list"),
    Choice.HISTORY: ChoiceLabel(N_("History"), "history"),
    Choice.OLDER: ChoiceLabel(N_("Older"), "chevron-down"),
    Choice.NEWER: ChoiceLabel(N_("Newer"), "chevron-up"),
    Choice.MORE: ChoiceLabel(N_("More"), "chevron-down"),
    Choice.TIME_IS_RIGHT: ChoiceLabel(N_("Time is correct"), "clock"),
    Choice.TEST_DOORS: ChoiceLabel(N_("Test doors"), "list-checks"),
    Choice.TEST_TAKEN: ChoiceLabel(N_("Test full doors too"), "package"),
    Choice.TEST_LOCK: ChoiceLabel(N_("Test lock"), "repeat"),
    Choice.TEST_PARTS: ChoiceLabel(N_("Test devices"), "stethoscope"),
    Choice.OPEN_ALL: ChoiceLabel(N_("Open all doors"), "door-open"),
    Choice.STAFF: ChoiceLabel(N_("Staff"), "users"),
    Choice.RESTART: ChoiceLabel(N_("Restart"), "power"),
    Choice.END_PAUSE: ChoiceLabel(N_("End pause"), "play"),
    Choice.MOVE_PACKAGE: ChoiceLabel(N_("Move it"), "arrow-right"),
    Choice.TAKE_OUT: ChoiceLabel(N_("Take out"), "package-open"),
    Choice.MOVE_LOWER: ChoiceLabel(N_("Move within reach"), "move-down"),
    Choice.DO_NOT_OPEN: ChoiceLabel(N_("Do not open"), "lock"),
    Choice.LET_SOMEONE_IN: ChoiceLabel(N_("Pause for a customer"), "user-round"),
    Choice.RESUME: ChoiceLabel(N_("Resume"), "log-in", N_("Staff, with PIN or badge")),
    Choice.BY_PHONE: ChoiceLabel(N_("Phone number"), "phone"),
    Choice.BY_NAME: ChoiceLabel(N_("Flat or name"), "users"),
    Choice.WITHOUT_NAME: ChoiceLabel(N_("I don't know"), "circle-question-mark"),
    Choice.CHANGE_NUMBER: ChoiceLabel(N_("Change"), "square-pen"),
    Choice.ANOTHER_PERSON: ChoiceLabel(N_("Wrong person"), "user-round-x"),
    Choice.PRIVACY: ChoiceLabel(N_("Privacy"), "shield-check"),
    Choice.RESERVE: ChoiceLabel(N_("Reserve"), "lock"),
    Choice.GUEST: ChoiceLabel(N_("Leave a package"), "package-plus", N_("For someone else")),
    Choice.GO_ON: ChoiceLabel(N_("Continue"), "arrow-right"),
    Choice.TYPE_IT: ChoiceLabel(N_("Enter it"), "keyboard"),
    Choice.ANOTHER_SERVER: ChoiceLabel(N_("Another code"), "qr-code"),
    Choice.WITHOUT_SERVER: ChoiceLabel(N_("Without a server"), "unplug"),
    Choice.YES: ChoiceLabel(N_("Yes"), "check"),
    Choice.NO: ChoiceLabel(N_("No"), "x"),
}
_TURNED = {"arrow-left": "arrow-right", "arrow-right": "arrow-left"}
"""Icons that point along the reading; those that point at the steel are never turned."""


def choice_label(choice: Choice, speech: Speech = ENGLISH) -> ChoiceLabel:
    """The word and icon of a choice."""
    if choice not in CHOICE_LABELS:
        # A choice that has no label yet is still a word that can be read and pressed.
        return ChoiceLabel(choice.value.replace("_", " ").capitalize(), "")
    said = CHOICE_LABELS[choice]
    icon = _TURNED.get(said.icon, said.icon) if speech.is_rtl else said.icon
    return ChoiceLabel(speech.say(said.label), icon, speech.say(said.hint))
