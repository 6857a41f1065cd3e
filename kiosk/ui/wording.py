"""Every sentence the kiosk says, in one place, and which words go with which view.

Nothing here draws: a terminal or a test can use the same words. Each sentence is a whole string
with named places, so that a translation can put them in another order. The language comes with the
`speech`: `speech.say` where a sentence is said, `N_` around those that stand in a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from drivers.door import DoorState, Outcome
from kiosk.flows.views import (
    Ask,
    CannotStart,
    Checking,
    Choice,
    ChooseReason,
    ChooseSize,
    Collection,
    DoorOpen,
    DoorPage,
    DoorRow,
    Doors,
    EnterCode,
    EnterPhoneDigits,
    EnterPin,
    First,
    HoldExtended,
    MorePackages,
    Opening,
    Problem,
    Purpose,
    Question,
    Receipt,
    ReceiptLine,
    Refusal,
    Refused,
    Round,
    ScanInside,
    ScanPackage,
    SizeOffer,
    StoredNote,
    Thanks,
    Told,
    Trouble,
    View,
)
from kiosk.model.events import EventKind
from kiosk.model.location import Location, Service, ServiceReason, SlotStatus, SuspectReason
from kiosk.model.package import PackageStatus
from kiosk.ui.language import ENGLISH, Speech
from kiosk.ui.place import Level, Place, Side, place_of
from kiosk.ui.theme import Tone


def N_(sentence: str) -> str:
    """Mark a sentence of a table for translation; it is translated where it is said."""
    return sentence


@dataclass(frozen=True, slots=True)
class Note:
    """One remark beside the main words, with the tone of its colour and an icon."""

    text: str
    tone: Tone
    icon: str


@dataclass(frozen=True, slots=True)
class Words:
    """What a view says."""

    title: str
    body: str = ""
    note: Note | None = None
    tone: Tone = Tone.CALM
    icon: str = ""
    """The picture of the whole view; empty where a drawing says it."""


@dataclass(frozen=True, slots=True)
class Face:
    """How a choice looks: its word, its icon, and a second line where there is room."""

    label: str
    icon: str
    hint: str = ""


_FACES: Mapping[Choice, Face] = {
    Choice.PICK_UP: Face(N_("Pick up"), "package-open", N_("With your code or QR code")),
    Choice.COURIER: Face(N_("Courier"), "truck", N_("Bring packages")),
    Choice.SERVICE: Face(N_("Service"), "wrench"),
    Choice.HELP: Face(N_("Help"), "circle-question-mark"),
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
    Choice.MOVE_PACKAGE: Face(N_("Move it"), "arrow-right"),
    Choice.TAKE_OUT: Face(N_("Take out"), "package-open"),
    Choice.DO_NOT_OPEN: Face(N_("Never open"), "lock"),
    Choice.YES: Face(N_("Yes"), "check"),
    Choice.NO: Face(N_("No"), "x"),
}

RECEIPT_LINES = 8
"""How many packages a receipt lists on the screen; all of them are in the journal."""

_TURNED = {"arrow-left": "arrow-right", "arrow-right": "arrow-left"}
"""Icons that point along the reading; those that point at the steel are never turned."""

CLEAR = N_("Clear")
SIGN_IN = N_("Sign in")
ENTER = N_("OK")
YOU_ARE_HERE = N_("You are here")
CODE = N_("Code {code}")


def face(choice: Choice, speech: Speech = ENGLISH) -> Face:
    """The word and icon of a choice."""
    if choice not in _FACES:
        # A choice that has no face yet is still a word that can be read and pressed.
        return Face(choice.value.replace("_", " ").capitalize(), "")
    said = _FACES[choice]
    icon = _TURNED.get(said.icon, said.icon) if speech.is_rtl else said.icon
    return Face(speech.say(said.label), icon, speech.say(said.hint))


def words_for(view: View, location: Location, speech: Speech = ENGLISH) -> Words:
    """What this view says at this location, in this language."""
    return _WORDS[type(view)](view, location, speech)


# --- small parts -------------------------------------------------------------------------------


def spaced_code(digits: str) -> str:
    """A code as it is read aloud: in groups of three, the rest with the last ("123 456 7890")."""
    return " ".join((digits[:3], digits[3:6], digits[6:])).strip()


def short_barcode(barcode: str) -> str:
    """The end of a long barcode, by which a courier knows a package."""
    return barcode if len(barcode) <= 12 else f"…{barcode[-8:]}"


def call_us(location: Location, speech: Speech) -> str:
    """Whom to call."""
    if location.help_phone:
        return speech.say("Help: {phone}", phone=location.help_phone)
    return speech.say("Please call the number on the machine.")


_SIDES: Mapping[tuple[Side, Level], str] = {
    (Side.LEFT, Level.TOP): N_("To the left, near the top"),
    (Side.LEFT, Level.MIDDLE): N_("To the left, in the middle"),
    (Side.LEFT, Level.BOTTOM): N_("To the left, near the bottom"),
    (Side.RIGHT, Level.TOP): N_("To the right, near the top"),
    (Side.RIGHT, Level.MIDDLE): N_("To the right, in the middle"),
    (Side.RIGHT, Level.BOTTOM): N_("To the right, near the bottom"),
}


def place_sentence(place: Place, speech: Speech = ENGLISH) -> str:
    """Left or right, and how high, in words."""
    if place.side is not Side.HERE:
        return speech.say(_SIDES[place.side, place.level])
    if place.above:
        return speech.say("Just above this screen")
    return speech.say("Just below this screen")


def place_icon(place: Place) -> str:
    """The arrow that points there, true to the steel in every language."""
    if place.side is Side.HERE:
        return "arrow-up" if place.above else "arrow-down"
    side = "left" if place.side is Side.LEFT else "right"
    vertical = {Level.TOP: "up-", Level.MIDDLE: "", Level.BOTTOM: "down-"}[place.level]
    return f"arrow-{vertical}{side}"


def measures(size: SizeOffer, speech: Speech) -> str:
    """Width, height and depth in centimetres, without the unit, which is said once."""
    sides_mm = (size.width_mm, size.height_mm, size.depth_mm)
    return "×".join(speech.number(side / 10) for side in sides_mm)


def weight(size: SizeOffer, speech: Speech) -> str:
    """What a slot of this size may carry."""
    return speech.say("up to {weight} kg", weight=speech.number(size.max_weight_kg))


def free_count(size: SizeOffer, speech: Speech) -> str:
    """How many doors of this size are free."""
    return speech.say_count(size.free, "{count} free", "{count} free")


def stored_sentence(stored: StoredNote, speech: Speech) -> str:
    """Where the last package lies."""
    return speech.say("Stored in door {slot}", slot=stored.slot)


_REFUSALS: Mapping[Refusal, str] = {
    Refusal.NOT_KNOWN: N_("Not known. Please check the digits."),
    Refusal.ALREADY_PICKED_UP: N_("This package was picked up."),
    Refusal.RECALLED: N_("This package was recalled by its sender."),
    Refusal.HOLD_OVER: N_("The time to pick up this package is over."),
    Refusal.COLLECTED: N_("This package went back with the courier."),
    Refusal.WRONG_PHONE_DIGITS: N_("These digits do not match."),
    Refusal.OTHER_LOCATION: N_("This belongs to another locker."),
    Refusal.WRONG_PIN: N_("This PIN is not known."),
    Refusal.NOT_ALLOWED: N_("This PIN may not do that here."),
    Refusal.CANNOT_EXTEND: N_("This package cannot be kept longer."),
    Refusal.LIES_ELSEWHERE: N_("This package belongs to another door."),
    Refusal.NOT_A_PACKAGE_OF_OURS: N_("No package with this barcode is expected here."),
    Refusal.UNREADABLE: N_("This could not be read. Scan it again, or type it."),
    Refusal.ALREADY_HERE: N_("This package is here already."),
    Refusal.NO_SLOT: N_("No door of this size is free."),
}
_REFUSALS_WITH_TIME: Mapping[Refusal, str] = {
    Refusal.ALREADY_PICKED_UP: N_("This package was picked up: {when}."),
    Refusal.HOLD_OVER: N_("The time to pick up this package is over: {when}."),
    Refusal.COLLECTED: N_("This package went back with the courier: {when}."),
}
_REFUSALS_WITH_DETAIL: Mapping[Refusal, str] = {
    Refusal.OTHER_LOCATION: N_("This belongs to another locker: {detail}."),
    Refusal.LIES_ELSEWHERE: N_("This package belongs in door {detail}."),
    Refusal.ALREADY_HERE: N_("This package is here already, in door {detail}."),
    Refusal.NO_SLOT: N_("No door of size {detail} is free."),
}


def refusal(refused: Refused, location: Location, speech: Speech) -> str:
    """What was wrong with an entry, in one or two short sentences."""
    reason = refused.reason
    if refused.at_ms is not None and reason in _REFUSALS_WITH_TIME:
        when = speech.day_and_time(refused.at_ms, location.time_zone)
        return speech.say(_REFUSALS_WITH_TIME[reason], when=when)
    if refused.detail and reason in _REFUSALS_WITH_DETAIL:
        return speech.say(_REFUSALS_WITH_DETAIL[reason], detail=refused.detail)
    return speech.say(_REFUSALS[reason])


def _failed(refused: Refused | None, location: Location, speech: Speech) -> Note | None:
    if refused is None:
        return None
    return Note(refusal(refused, location, speech), Tone.FAILED, "circle-alert")


def _entry_note(
    refused: Refused | None, wait_s: int, location: Location, speech: Speech
) -> Note | None:
    if wait_s > 0:
        text = speech.say("Too many tries. Please wait {seconds}\u00a0s.", seconds=wait_s)
        return Note(text, Tone.WAITING, "hourglass")
    return _failed(refused, location, speech)


def _reference(reference: str, speech: Speech) -> Note | None:
    if not reference:
        return None
    return Note(speech.say("Reference {number}", number=reference), Tone.CALM, "info")


# --- one function per view ---------------------------------------------------------------------


def _first(view: First, location: Location, speech: Speech) -> Words:
    note = None
    if view.open_doors:
        note = Note(_please_close(view.open_doors, speech), Tone.WAITING, "door-open")
    elif view.unreachable_boards:
        text = speech.say("Some doors do not work now.")
        note = Note(text, Tone.FAILED, "triangle-alert")
    return Words(
        speech.say("Here for a package?"), speech.say("Type your code, or scan its QR code."), note
    )


def _please_close(doors: tuple[str, ...], speech: Speech) -> str:
    return speech.say_count(
        len(doors),
        "Please close door {doors}.",
        "Please close doors {doors}.",
        doors=speech.series(doors),
    )


def _enter_code(view: EnterCode, location: Location, speech: Speech) -> Words:
    return Words(
        speech.say("Enter your code"),
        speech.say_count(
            view.length,
            "The {count} digit from your message",
            "The {count} digits from your message",
        ),
        _entry_note(view.refused, view.wait_s, location, speech),
    )


def _enter_phone_digits(view: EnterPhoneDigits, location: Location, speech: Speech) -> Words:
    return Words(
        speech.say("Your phone number"),
        speech.say("Its last four digits"),
        _entry_note(view.refused, view.wait_s, location, speech),
    )


def _enter_pin(view: EnterPin, location: Location, speech: Speech) -> Words:
    title = speech.say("Service sign-in") if view.for_service else speech.say("Courier sign-in")
    note = _entry_note(view.refused, view.wait_s, location, speech)
    return Words(title, speech.say("Enter your PIN"), note)


def _checking(view: Checking, location: Location, speech: Speech) -> Words:
    return Words(speech.say("One moment …"), tone=Tone.ACT, icon="hourglass")


def _opening(view: Opening, location: Location, speech: Speech) -> Words:
    title = speech.say("Opening door {slot} …", slot=view.slot)
    return Words(title, tone=Tone.ACT, icon="lock-open")


_DO: Mapping[Purpose, str] = {
    Purpose.TAKE: N_("Take your package, then close the door."),
    Purpose.PUT_IN: N_("Put the package in, then close the door."),
    Purpose.LOOK: N_("Look inside, then close the door."),
}


def _door_open(view: DoorOpen, location: Location, speech: Speech) -> Words:
    place = place_sentence(place_of(view.slot, location), speech)
    note = None
    if view.next_barcode:
        text = speech.say("Next: {barcode}", barcode=short_barcode(view.next_barcode))
        note = Note(text, Tone.CALM, "scan-barcode")
    if view.remind:
        text = speech.say("The door is still open. Push it until it clicks.")
        note = Note(text, Tone.WAITING, "hand")
        title = speech.say("Please close door\u00a0{slot}", slot=view.slot)
        return Words(title, place, note, Tone.WAITING)
    title = speech.say("Door {slot} is open", slot=view.slot)
    return Words(title, f"{place}.\n{speech.say(_DO[view.purpose])}", note, Tone.DONE)


def _trouble(view: Trouble, location: Location, speech: Speech) -> Words:
    title, body = _TROUBLES[view.problem](view, speech)
    body = f"{body}\n{call_us(location, speech)}"
    note = _reference(view.reference, speech)
    waiting = view.problem in (Problem.NOT_LATCHED, Problem.WRONG_DOOR)
    if waiting:
        return Words(title, body, note, Tone.WAITING, "hand")
    return Words(title, body, note, Tone.FAILED, "triangle-alert")


def _safe(view: Trouble, speech: Speech) -> str:
    if view.purpose is Purpose.TAKE:
        return speech.say("Your package is safe and your code stays valid.")
    return speech.say("Nothing is lost.")


def _jammed(view: Trouble, speech: Speech) -> tuple[str, str]:
    do = speech.say("Press lightly against the door and try again.")
    title = speech.say("Door {slot} did not open", slot=view.slot)
    return title, f"{_safe(view, speech)} {do}"


def _unreachable(view: Trouble, speech: Speech) -> tuple[str, str]:
    do = speech.say("Please try again in a minute.")
    title = speech.say("Door {slot} does not answer", slot=view.slot)
    return title, f"{_safe(view, speech)} {do}"


def _wrong_door(view: Trouble, speech: Speech) -> tuple[str, str]:
    return (
        speech.say("Please close door\u00a0{slot}", slot=view.wrong_slot),
        speech.say("It opened instead of door {slot} and is not yours.", slot=view.slot),
    )


def _do_not_open(view: Trouble, speech: Speech) -> tuple[str, str]:
    why = speech.say("It is not safe to open it.")
    title = speech.say("Door {slot} must stay shut", slot=view.slot)
    return title, f"{why} {_safe(view, speech)}"


def _not_latched(view: Trouble, speech: Speech) -> tuple[str, str]:
    title = speech.say("Door {slot} is not locked", slot=view.slot)
    return title, speech.say("Push it until it clicks.")


def _cannot_record(view: Trouble, speech: Speech) -> tuple[str, str]:
    why = speech.say("The machine cannot save what it does, so it opens nothing.")
    return speech.say("No door can be opened now"), f"{why} {_safe(view, speech)}"


_TROUBLES: Mapping[Problem, Callable[[Trouble, Speech], tuple[str, str]]] = {
    Problem.JAMMED: _jammed,
    Problem.UNREACHABLE: _unreachable,
    Problem.WRONG_DOOR: _wrong_door,
    Problem.DO_NOT_OPEN: _do_not_open,
    Problem.NOT_LATCHED: _not_latched,
    Problem.CANNOT_RECORD: _cannot_record,
}

_CANNOT_TELL = N_("This door cannot tell the machine itself.")
_QUESTIONS: Mapping[Question, tuple[str, tuple[str, ...]]] = {
    Question.DID_YOU_TAKE_IT: (
        N_("Did you take your package?"),
        (N_("Door {slot} is shut again."),),
    ),
    Question.IS_IT_EMPTY: (
        N_("Is door {slot} empty now?"),
        (N_("Please look before you answer."),),
    ),
    Question.DID_THE_DOOR_OPEN: (N_("Did door {slot} open?"), (_CANNOT_TELL,)),
    Question.WAS_IT_THERE: (N_("Was your package there?"), (N_("Door {slot}"),)),
    Question.IS_IT_SHUT: (
        N_("Is door {slot} shut?"),
        (_CANNOT_TELL, N_("Push it until it clicks.")),
    ),
    Question.NEED_MORE_TIME: (
        N_("Do you need more time?"),
        (N_("Else this ends in 20 seconds."),),
    ),
    Question.IS_IT_PUT_IN: (N_("Is the package inside?"), (N_("Door {slot} is shut."),)),
    Question.SOMETHING_LEFT_INSIDE: (
        N_("Something is still inside"),
        (N_("Please open door {slot} again and look."),),
    ),
    Question.IS_IT_THIS_DOOR: (
        N_("Is it door {slot} that opened?"),
        (N_("Its board was away; cables may have been swapped."),),
    ),
    Question.OPEN_DOUBTFUL: (
        N_("Something is not clear about door {slot}"),
        (N_("It may be empty. Open it, and tell us what you find."),),
    ),
    Question.WHAT_IS_WRONG: (N_("What is wrong?"), ()),
    Question.NO_SLOT: (
        N_("No door is free for it"),
        (N_("Door {slot} may be empty: look inside, or take back what nobody fetched."),),
    ),
}
"""Each question, and what is said under it."""


def _ask(view: Ask, location: Location, speech: Speech) -> Words:
    title, sentences = _QUESTIONS[view.question]
    if view.question is Question.NO_SLOT and not view.slot:
        sentences = (N_("Take back what nobody fetched, then it fits."),)
    body = " ".join(speech.say(sentence, slot=view.slot) for sentence in sentences)
    icon = "clock" if view.question is Question.NEED_MORE_TIME else "circle-question-mark"
    return Words(speech.say(title, slot=view.slot), body, tone=Tone.ACT, icon=icon)


def _more_packages(view: MorePackages, location: Location, speech: Speech) -> Words:
    count = len(view.slots)
    title = speech.say_count(
        count, "There is {count} more for you", "There are {count} more for you"
    )
    body = speech.say_count(
        count, "Door {doors}", "Doors {doors}, one after another", doors=speech.series(view.slots)
    )
    return Words(title, body, None, Tone.ACT, "package")


def _hold_extended(view: HoldExtended, location: Location, speech: Speech) -> Words:
    title = speech.say("It stays a day longer")
    if view.until_ms is not None:
        # The hold ends with the midnight after its last day.
        day = speech.day(view.until_ms - 1, location.time_zone)
        title = speech.say("It stays until {day}", day=day)
    return Words(title, speech.say("Your code stays the same."), None, Tone.DONE, "check")


_DUE: Mapping[PackageStatus, str] = {
    PackageStatus.EXPIRED: N_("Next: door {slot}, {barcode} – the time is over"),
    PackageStatus.CANCELLED: N_("Next: door {slot}, {barcode} – to be sent back"),
}


def _collection(view: Collection, location: Location, speech: Speech) -> Words:
    note = None
    if view.problem is not None:
        text = speech.say("That door did not open. Its package stays.")
        note = Note(text, Tone.FAILED, "triangle-alert")
    if not view.due:
        return Words(speech.say("Nothing else to take back"), "", note, Tone.DONE, "check")
    following = view.due[0]
    sentence = _DUE.get(following.status, N_("Next: door {slot}, {barcode}"))
    barcode = short_barcode(following.barcode)
    body = speech.say(sentence, slot=following.slot, barcode=barcode)
    title = speech.say_count(len(view.due), "{count} to take back", "{count} to take back")
    return Words(title, body, note, Tone.ACT, "package-open")


_MOVED: Mapping[EventKind, str] = {
    EventKind.PACKAGE_STORED: N_("put in"),
    EventKind.DEPOSIT_UNDONE: N_("taken out again"),
    EventKind.PACKAGE_COLLECTED: N_("taken back"),
    EventKind.PACKAGE_MISSING: N_("not found"),
}


def receipt_line(
    line: ReceiptLine, location: Location, speech: Speech, *, brief: bool = False
) -> str:
    """One package of a hand-over receipt; `brief` shortens its barcode."""
    at = ""
    if line.at_ms is not None:
        at = speech.time(line.at_ms, location.time_zone)
    parts = (
        at,
        speech.say("door {slot}", slot=line.slot),
        speech.say(_MOVED.get(line.kind, "")),
        short_barcode(line.barcode) if brief else line.barcode,
    )
    return speech.row(parts, "  ")


def _receipt(view: Receipt, location: Location, speech: Speech) -> Words:
    return receipt_words(view, RECEIPT_LINES, location, speech)


def receipt_words(
    view: Receipt, room: int, location: Location, speech: Speech, *, brief: bool = False
) -> Words:
    """A receipt with the last `room` packages."""
    text = _receipt_number(view, location, speech)
    lines = [receipt_line(line, location, speech, brief=brief) for line in view.lines[-room:]]
    more = len(view.lines) - room
    if more > 0:
        before = speech.say_count(
            more,
            "{count} before these, all in the record",
            "{count} before these, all in the record",
        )
        lines.insert(0, before)
    title = speech.say_count(
        len(view.lines), "{count} package changed hands", "{count} packages changed hands"
    )
    return Words(title, "\n".join(lines), Note(text, Tone.CALM, "info"), Tone.DONE, "check")


def _receipt_number(view: Receipt, location: Location, speech: Speech) -> str:
    """Number, name and day; a receipt is of one visit, so its lines need only the time."""
    told_ms = [line.at_ms for line in view.lines if line.at_ms is not None]
    if not told_ms:
        return speech.say("Receipt {number}, {name}", number=view.number, name=view.name)
    day = speech.day(told_ms[0], location.time_zone)
    return speech.say(
        "Receipt {number}, {name}, {day}", number=view.number, name=view.name, day=day
    )


_DOUBTS: Mapping[SuspectReason, str] = {
    SuspectReason.MAY_BE_EMPTY: N_("It may be empty."),
    SuspectReason.MAY_HOLD_SOMETHING: N_("It may hold something."),
    SuspectReason.MAY_HOLD_ANOTHERS: N_("It may hold someone else's package."),
    SuspectReason.WIRING: N_("Another door opened in its place: check the wiring."),
}


def _round(view: Round, location: Location, speech: Speech) -> Words:
    left = speech.say_count(view.left, "{count} to look at.", "{count} to look at.")
    title = speech.say("What is in door {slot}?", slot=view.slot)
    return Words(title, f"{speech.say(_DOUBTS[view.suspect])} {left}", None, Tone.ACT, "eye")


def _scan_inside(view: ScanInside, location: Location, speech: Speech) -> Words:
    return Words(
        speech.say("What lies in door {slot}?", slot=view.slot),
        speech.say("Hold its barcode under the scanner, or take it out and keep it."),
        _failed(view.refused, location, speech),
        Tone.ACT,
        "scan-barcode",
    )


def _thanks(view: Thanks, location: Location, speech: Speech) -> Words:
    body = speech.say("Door {slot} is shut. Have a good day.", slot=view.slot)
    return Words(speech.say("Thank you!"), body, tone=Tone.DONE, icon="check")


def _told(view: Told, location: Location, speech: Speech) -> Words:
    note = _reference(view.reference, speech)
    help_line = call_us(location, speech)
    if view.refused is not None:
        title = refusal(view.refused, location, speech)
        return Words(title, help_line, note, Tone.FAILED, "circle-alert")
    body = f"{help_line}\n{location.name}, {location.address}"
    return Words(speech.say("We are glad to help"), body, note, Tone.ACT, "phone")


def _scan_package(view: ScanPackage, location: Location, speech: Speech) -> Words:
    note = _failed(view.refused, location, speech)
    if view.typing:
        return Words(speech.say("Type the barcode"), "", note)
    title = speech.say("Scan a package")
    if view.stored_count:
        title = speech.say("Scan the next package")
    return Words(title, speech.say("Hold its barcode under the scanner."), note)


def _choose_size(view: ChooseSize, location: Location, speech: Speech) -> Words:
    body = speech.say("Package {barcode}, sizes in cm", barcode=short_barcode(view.barcode))
    return Words(speech.say("How large is it?"), body)


def _doors(view: Doors, location: Location, speech: Speech) -> Words:
    return Words(speech.say("All doors"), speech.say("Touch a door to open or check it."))


def _door_page(view: DoorPage, location: Location, speech: Speech) -> Words:
    note = None
    if view.last_outcome:
        note = Note(outcome_sentence(view.last_outcome, location, speech), Tone.CALM, "info")
    return Words(speech.say("Door {slot}", slot=view.row.slot), "", note)


def _choose_reason(view: ChooseReason, location: Location, speech: Speech) -> Words:
    return Words(speech.say("Why is door {slot} out of service?", slot=view.slot))


def _cannot_start(view: CannotStart, location: Location, speech: Speech) -> Words:
    body = f"{call_us(location, speech)}\n\n{view.message}"
    return Words(speech.say("Out of order"), body, tone=Tone.FAILED, icon="triangle-alert")


def fault_words(location: Location, reference: str, speech: Speech) -> Words:
    """What is said when a screen itself breaks."""
    do = speech.say("Please use another machine, or ask for help.")
    return Words(
        speech.say("Sorry, this does not work now"),
        f"{do}\n{call_us(location, speech)}",
        _reference(reference, speech),
        Tone.FAILED,
        "triangle-alert",
    )


_WORDS: Mapping[type[View], Callable[[Any, Location, Speech], Words]] = {
    First: _first,
    EnterCode: _enter_code,
    EnterPhoneDigits: _enter_phone_digits,
    EnterPin: _enter_pin,
    Checking: _checking,
    Opening: _opening,
    DoorOpen: _door_open,
    Trouble: _trouble,
    Ask: _ask,
    Thanks: _thanks,
    Told: _told,
    ScanPackage: _scan_package,
    ChooseSize: _choose_size,
    Doors: _doors,
    DoorPage: _door_page,
    ChooseReason: _choose_reason,
    CannotStart: _cannot_start,
    MorePackages: _more_packages,
    HoldExtended: _hold_extended,
    Collection: _collection,
    Receipt: _receipt,
    Round: _round,
    ScanInside: _scan_inside,
}


# --- the technician's words --------------------------------------------------------------------


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
_REASONS: Mapping[str, str] = {
    ServiceReason.DOOR_JAMS: N_("Door jams"),
    ServiceReason.LOCK_BROKEN: N_("Lock broken"),
    ServiceReason.SENSOR_BROKEN: N_("Sensor broken"),
    ServiceReason.DAMAGED_INSIDE: N_("Damaged inside"),
    ServiceReason.DIRTY: N_("Dirty"),
    ServiceReason.OTHER: N_("Other"),
    ServiceReason.DOES_NOT_LATCH: N_("Does not latch"),
    ServiceReason.SEEN_OPEN: N_("Seen open, not sensed"),
    ServiceReason.COURIER: N_("Fault told by a courier"),
    "damaged": N_("Damaged"),
    "misrouted": N_("Wrong locker"),
    "refused": N_("Refused"),
}
"""The reasons that the flows know, for a slot out of service and for a package taken out."""


def reason_word(reason: str, speech: Speech) -> str:
    """Why a slot is out of service or a package is taken out; other words stay as they are."""
    return speech.say(_REASONS[reason]) if reason in _REASONS else reason.capitalize()


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
