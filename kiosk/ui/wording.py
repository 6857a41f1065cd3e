"""Every sentence the kiosk says, in one place, and which words go with which view.

Nothing here draws: a terminal or a test can use the same words. Each sentence is a whole string
with named places, so that a translation can put them in another order.
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
from kiosk.model.location import Location, Service, SlotStatus, SuspectReason
from kiosk.model.package import PackageStatus
from kiosk.ui.place import Level, Place, Side, place_of
from kiosk.ui.theme import Tone


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
    Choice.PICK_UP: Face("Pick up", "package-open", "With your code or QR code"),
    Choice.COURIER: Face("Courier", "truck", "Bring packages"),
    Choice.SERVICE: Face("Service", "wrench"),
    Choice.HELP: Face("Help", "circle-question-mark"),
    Choice.BACK: Face("Back", "arrow-left"),
    Choice.DONE: Face("Done", "check"),
    Choice.CANCEL: Face("Cancel", "x"),
    Choice.TRY_AGAIN: Face("Try again", "refresh-cw"),
    Choice.OPEN_AGAIN: Face("Open again", "door-open"),
    Choice.DOOR_IS_OPEN: Face("It is open", "door-open"),
    Choice.ANOTHER_SLOT: Face("Another door", "door-closed"),
    Choice.LARGER_SLOT: Face("Larger door", "maximize-2"),
    Choice.DOOR_FAULT: Face("Door fault", "triangle-alert"),
    Choice.NOTHING_INSIDE: Face("It was empty", "circle-slash"),
    Choice.IT_IS_EMPTY: Face("It is empty", "circle-slash"),
    Choice.SOMETHING_INSIDE: Face("Not empty", "package"),
    Choice.STILL_THERE: Face("Still inside", "package"),
    Choice.TYPE_BARCODE: Face("Type barcode", "keyboard"),
    Choice.OPEN_DOOR: Face("Open door", "lock-open"),
    Choice.OUT_OF_SERVICE: Face("Out of use", "ban"),
    Choice.BACK_IN_SERVICE: Face("Back in use", "circle-check"),
    Choice.LOOK_INSIDE: Face("Look inside", "eye"),
    Choice.SOMETHING_WRONG: Face("A problem", "circle-alert"),
    Choice.DAMAGED: Face("It is damaged", "triangle-alert"),
    Choice.WRONG_PACKAGE: Face("Not my package", "circle-x"),
    Choice.LEAVE_IT_HERE: Face("Leave it here", "package"),
    Choice.OPEN_NEXT: Face("Open next", "door-open"),
    Choice.EXTEND_HOLD: Face("Keep it longer", "clock"),
    Choice.COLLECT: Face("Take back", "package-open"),
    Choice.SKIP: Face("Skip", "arrow-right"),
    Choice.UNDO_LAST: Face("Undo last", "rotate-ccw"),
    Choice.SET_ASIDE: Face("I took it out", "package-open"),
    Choice.REISSUE_CODE: Face("New code", "refresh-cw"),
    Choice.ROUND: Face("Look inside", "eye"),
    Choice.MOVE_PACKAGE: Face("Move it", "arrow-right"),
    Choice.TAKE_OUT: Face("Take out", "package-open"),
    Choice.DO_NOT_OPEN: Face("Never open", "lock"),
    Choice.YES: Face("Yes", "check"),
    Choice.NO: Face("No", "x"),
}

RECEIPT_LINES = 8
"""How many packages a receipt lists on the screen; all of them are in the journal."""

_STUCK = "\u00a0"
"""A space at which no line ends."""

CLEAR = "Clear"
SIGN_IN = "Sign in"
ENTER = "OK"
YOU_ARE_HERE = "You are here"
CODE = "Code"


def face(choice: Choice) -> Face:
    """The word and icon of a choice."""
    if choice in _FACES:
        return _FACES[choice]
    # A choice that has no face yet is still a word that can be read and pressed.
    return Face(choice.value.replace("_", " ").capitalize(), "")


def words_for(view: View, location: Location) -> Words:
    """What this view says at this location."""
    return _WORDS[type(view)](view, location)


# --- small parts -------------------------------------------------------------------------------


def spaced_code(digits: str) -> str:
    """A code as it is read aloud: in groups of three, the rest with the last ("123 456 7890")."""
    return " ".join((digits[:3], digits[3:6], digits[6:])).strip()


def short_barcode(barcode: str) -> str:
    """The end of a long barcode, by which a courier knows a package."""
    return barcode if len(barcode) <= 12 else f"…{barcode[-8:]}"


def call_us(location: Location) -> str:
    """Whom to call."""
    if location.help_phone:
        return f"Help: {location.help_phone}"
    return "Please call the number on the machine."


def place_sentence(place: Place) -> str:
    """Left or right, and how high, in words."""
    level = {
        Level.TOP: "near the top",
        Level.MIDDLE: "in the middle",
        Level.BOTTOM: "near the bottom",
    }[place.level]
    if place.side is Side.HERE:
        return "Just above this screen" if place.above else "Just below this screen"
    side = "To the left" if place.side is Side.LEFT else "To the right"
    return f"{side}, {level}"


def place_icon(place: Place) -> str:
    """The arrow that points there."""
    if place.side is Side.HERE:
        return "arrow-up" if place.above else "arrow-down"
    side = "left" if place.side is Side.LEFT else "right"
    vertical = {Level.TOP: "up-", Level.MIDDLE: "", Level.BOTTOM: "down-"}[place.level]
    return f"arrow-{vertical}{side}"


def measures(size: SizeOffer) -> str:
    """Width, height and depth in centimetres, without the unit, which is said once."""
    width, height, depth = (
        f"{value / 10:g}" for value in (size.width_mm, size.height_mm, size.depth_mm)
    )
    return f"{width}×{height}×{depth}"


def weight(size: SizeOffer) -> str:
    return f"up to {size.max_weight_kg:g} kg"


def free_count(size: SizeOffer) -> str:
    return f"{size.free} free"


def stored_sentence(stored: StoredNote) -> str:
    return f"Stored in door {stored.slot}"


def refusal(refused: Refused) -> str:
    """What was wrong with an entry, in one or two short sentences."""
    detail = refused.detail
    sentences = {
        Refusal.NOT_KNOWN: "Not known. Please check the digits.",
        Refusal.ALREADY_PICKED_UP: f"This package was picked up{_when(detail)}.",
        Refusal.RECALLED: "This package was recalled by its sender.",
        Refusal.HOLD_OVER: f"The time to pick up this package is over{_when(detail)}.",
        Refusal.COLLECTED: f"This package went back with the courier{_when(detail)}.",
        Refusal.WRONG_PHONE_DIGITS: "These digits do not match.",
        Refusal.OTHER_LOCATION: _other_location(detail),
        Refusal.WRONG_PIN: "This PIN is not known.",
        Refusal.NOT_ALLOWED: "This PIN may not do that here.",
        Refusal.CANNOT_EXTEND: "This package cannot be kept longer.",
        Refusal.LIES_ELSEWHERE: f"This package belongs in door {detail}."
        if detail
        else "This package belongs to another door.",
        Refusal.NOT_A_PACKAGE_OF_OURS: "No package with this barcode is expected here.",
        Refusal.UNREADABLE: "This could not be read. Scan it again, or type it.",
        Refusal.ALREADY_HERE: f"This package is here already, in door {detail}."
        if detail
        else "This package is here already.",
        Refusal.NO_SLOT: f"No door of size {detail} is free."
        if detail
        else "No door of this size is free.",
    }
    return sentences[refused.reason]


def _when(detail: str) -> str:
    return f": {detail}" if detail else ""


def _other_location(detail: str) -> str:
    if detail:
        return f"This belongs to another locker: {detail}."
    return "This belongs to another locker."


def _failed(refused: Refused | None) -> Note | None:
    if refused is None:
        return None
    return Note(refusal(refused), Tone.FAILED, "circle-alert")


def _entry_note(refused: Refused | None, wait_s: int) -> Note | None:
    if wait_s > 0:
        return Note(f"Too many tries. Please wait {wait_s}{_STUCK}s.", Tone.WAITING, "hourglass")
    return _failed(refused)


# --- one function per view ---------------------------------------------------------------------


def _first(view: First, location: Location) -> Words:
    note = None
    if view.open_doors:
        note = Note(_please_close(view.open_doors), Tone.WAITING, "door-open")
    elif view.unreachable_boards:
        note = Note("Some doors do not work now.", Tone.FAILED, "triangle-alert")
    return Words("Here for a package?", "Type your code, or scan its QR code.", note)


def _please_close(doors: tuple[str, ...]) -> str:
    if len(doors) == 1:
        return f"Please close door {doors[0]}."
    return f"Please close doors {', '.join(doors[:-1])} and {doors[-1]}."


def _enter_code(view: EnterCode, location: Location) -> Words:
    return Words(
        "Enter your code",
        f"The {view.length} digits from your message",
        _entry_note(view.refused, view.wait_s),
    )


def _enter_phone_digits(view: EnterPhoneDigits, location: Location) -> Words:
    return Words(
        "Your phone number",
        "Its last four digits",
        _entry_note(view.refused, view.wait_s),
    )


def _enter_pin(view: EnterPin, location: Location) -> Words:
    return Words(
        "Service sign-in" if view.for_service else "Courier sign-in",
        "Enter your PIN",
        _entry_note(view.refused, view.wait_s),
    )


def _checking(view: Checking, location: Location) -> Words:
    return Words("One moment …", tone=Tone.ACT, icon="hourglass")


def _opening(view: Opening, location: Location) -> Words:
    return Words(f"Opening door {view.slot} …", tone=Tone.ACT, icon="lock-open")


def _door_open(view: DoorOpen, location: Location) -> Words:
    place = place_sentence(place_of(view.slot, location))
    do = {
        Purpose.TAKE: "Take your package, then close the door.",
        Purpose.PUT_IN: "Put the package in, then close the door.",
        Purpose.LOOK: "Look inside, then close the door.",
    }[view.purpose]
    note = None
    if view.next_barcode:
        note = Note(f"Next: {short_barcode(view.next_barcode)}", Tone.CALM, "scan-barcode")
    if view.remind:
        note = Note("The door is still open. Push it until it clicks.", Tone.WAITING, "hand")
        return Words(f"Please close door{_STUCK}{view.slot}", place, note, Tone.WAITING)
    return Words(f"Door {view.slot} is open", f"{place}.\n{do}", note, Tone.DONE)


def _trouble(view: Trouble, location: Location) -> Words:
    title, body = _TROUBLES[view.problem](view)
    body = f"{body}\n{call_us(location)}"
    note = None
    if view.reference:
        note = Note(f"Reference {view.reference}", Tone.CALM, "info")
    waiting = view.problem in (Problem.NOT_LATCHED, Problem.WRONG_DOOR)
    if waiting:
        return Words(title, body, note, Tone.WAITING, "hand")
    return Words(title, body, note, Tone.FAILED, "triangle-alert")


def _safe(view: Trouble) -> str:
    if view.purpose is Purpose.TAKE:
        return "Your package is safe and your code stays valid."
    return "Nothing is lost."


def _jammed(view: Trouble) -> tuple[str, str]:
    return (
        f"Door {view.slot} did not open",
        f"{_safe(view)} Press lightly against the door and try again.",
    )


def _unreachable(view: Trouble) -> tuple[str, str]:
    return (
        f"Door {view.slot} does not answer",
        f"{_safe(view)} Please try again in a minute.",
    )


def _wrong_door(view: Trouble) -> tuple[str, str]:
    return (
        f"Please close door{_STUCK}{view.wrong_slot}",
        f"It opened instead of door {view.slot} and is not yours.",
    )


def _do_not_open(view: Trouble) -> tuple[str, str]:
    return f"Door {view.slot} must stay shut", f"It is not safe to open it. {_safe(view)}"


def _not_latched(view: Trouble) -> tuple[str, str]:
    return f"Door {view.slot} is not locked", "Push it until it clicks."


def _cannot_record(view: Trouble) -> tuple[str, str]:
    return (
        "No door can be opened now",
        f"The machine cannot save what it does, so it opens nothing. {_safe(view)}",
    )


_TROUBLES: Mapping[Problem, Callable[[Trouble], tuple[str, str]]] = {
    Problem.JAMMED: _jammed,
    Problem.UNREACHABLE: _unreachable,
    Problem.WRONG_DOOR: _wrong_door,
    Problem.DO_NOT_OPEN: _do_not_open,
    Problem.NOT_LATCHED: _not_latched,
    Problem.CANNOT_RECORD: _cannot_record,
}


def _ask(view: Ask, location: Location) -> Words:
    slot = view.slot
    title, body = {
        Question.DID_YOU_TAKE_IT: ("Did you take your package?", f"Door {slot} is shut again."),
        Question.IS_IT_EMPTY: (f"Is door {slot} empty now?", "Please look before you answer."),
        Question.DID_THE_DOOR_OPEN: (
            f"Did door {slot} open?",
            "This door cannot tell the machine itself.",
        ),
        Question.WAS_IT_THERE: ("Was your package there?", f"Door {slot}"),
        Question.IS_IT_SHUT: (
            f"Is door {slot} shut?",
            "This door cannot tell the machine itself. Push it until it clicks.",
        ),
        Question.NEED_MORE_TIME: ("Do you need more time?", "Else this ends in 20 seconds."),
        Question.IS_IT_PUT_IN: ("Is the package inside?", f"Door {slot} is shut."),
        Question.OPEN_DOUBTFUL: (
            f"Something is not clear about door {slot}",
            "It may be empty. Open it, and tell us what you find.",
        ),
        Question.WHAT_IS_WRONG: ("What is wrong?", ""),
        Question.NO_SLOT: ("No door is free for it", _room(slot)),
    }[view.question]
    icon = "clock" if view.question is Question.NEED_MORE_TIME else "circle-question-mark"
    return Words(title, body, tone=Tone.ACT, icon=icon)


def _room(slot: str) -> str:
    if slot:
        return f"Door {slot} may be empty: look inside, or take back what nobody fetched."
    return "Take back what nobody fetched, then it fits."


def _more_packages(view: MorePackages, location: Location) -> Words:
    if len(view.slots) == 1:
        title = "There is one more for you"
        return Words(title, f"Door {view.slots[0]}", None, Tone.ACT, "package")
    doors = ", ".join(view.slots)
    title = f"There are {len(view.slots)} more for you"
    return Words(title, f"Doors {doors}, one after another", None, Tone.ACT, "package")


def _hold_extended(view: HoldExtended, location: Location) -> Words:
    title = f"It stays until {view.until}" if view.until else "It stays a day longer"
    return Words(title, "Your code stays the same.", None, Tone.DONE, "check")


_DUE: Mapping[PackageStatus, str] = {
    PackageStatus.EXPIRED: "the time is over",
    PackageStatus.CANCELLED: "to be sent back",
}


def _collection(view: Collection, location: Location) -> Words:
    note = None
    if view.problem is not None:
        note = Note("That door did not open. Its package stays.", Tone.FAILED, "triangle-alert")
    if not view.due:
        return Words("Nothing else to take back", "", note, Tone.DONE, "check")
    following = view.due[0]
    why = _DUE.get(following.status, "")
    body = f"Next: door {following.slot}, {short_barcode(following.barcode)} – {why}"
    return Words(f"{len(view.due)} to take back", body, note, Tone.ACT, "package-open")


_MOVED: Mapping[EventKind, str] = {
    EventKind.PACKAGE_STORED: "put in",
    EventKind.DEPOSIT_UNDONE: "taken out again",
    EventKind.PACKAGE_COLLECTED: "taken back",
    EventKind.PACKAGE_MISSING: "not found",
}


def receipt_line(line: ReceiptLine, *, brief: bool = False) -> str:
    """One package of a hand-over receipt; `brief` shortens its barcode."""
    barcode = short_barcode(line.barcode) if brief else line.barcode
    parts = (line.at, f"door {line.slot}", _MOVED.get(line.kind, ""), barcode)
    return "  ".join(part for part in parts if part)


def _receipt(view: Receipt, location: Location) -> Words:
    return receipt_words(view, RECEIPT_LINES)


def receipt_words(view: Receipt, room: int, *, brief: bool = False) -> Words:
    """A receipt with the last `room` packages."""
    note = Note(f"Receipt {view.number}, {view.name}", Tone.CALM, "info")
    body = "\n".join(receipt_line(line, brief=brief) for line in view.lines[-room:])
    more = len(view.lines) - room
    if more > 0:
        body = f"{more} before these, all in the record\n{body}"
    count = len(view.lines)
    title = "One package changed hands" if count == 1 else f"{count} packages changed hands"
    return Words(title, body, note, Tone.DONE, "check")


_DOUBTS: Mapping[SuspectReason, str] = {
    SuspectReason.MAY_BE_EMPTY: "It may be empty.",
    SuspectReason.MAY_HOLD_SOMETHING: "It may hold something.",
    SuspectReason.MAY_HOLD_ANOTHERS: "It may hold someone else's package.",
    SuspectReason.WIRING: "Another door opened in its place: check the wiring.",
}


def _round(view: Round, location: Location) -> Words:
    body = f"{_DOUBTS[view.suspect]} {view.left} to look at."
    return Words(f"What is in door {view.slot}?", body, None, Tone.ACT, "eye")


def _scan_inside(view: ScanInside, location: Location) -> Words:
    body = "Hold its barcode under the scanner, or take it out and keep it."
    return Words(
        f"What lies in door {view.slot}?", body, _failed(view.refused), Tone.ACT, "scan-barcode"
    )


def _thanks(view: Thanks, location: Location) -> Words:
    return Words(
        "Thank you!", f"Door {view.slot} is shut. Have a good day.", tone=Tone.DONE, icon="check"
    )


def _told(view: Told, location: Location) -> Words:
    note = None
    if view.reference:
        note = Note(f"Reference {view.reference}", Tone.CALM, "info")
    if view.refused is not None:
        return Words(refusal(view.refused), call_us(location), note, Tone.FAILED, "circle-alert")
    body = f"{call_us(location)}\n{location.name}, {location.address}"
    return Words("We are glad to help", body, note, Tone.ACT, "phone")


def _scan_package(view: ScanPackage, location: Location) -> Words:
    if view.typing:
        return Words("Type the barcode", "", _failed(view.refused))
    title = "Scan the next package" if view.stored_count else "Scan a package"
    body = "Hold its barcode under the scanner."
    return Words(title, body, _failed(view.refused))


def _choose_size(view: ChooseSize, location: Location) -> Words:
    return Words("How large is it?", f"Package {short_barcode(view.barcode)}, sizes in cm")


def _doors(view: Doors, location: Location) -> Words:
    return Words("All doors", "Touch a door to open or check it.")


def _door_page(view: DoorPage, location: Location) -> Words:
    row = view.row
    note = None
    if view.last_outcome:
        note = Note(outcome_sentence(view.last_outcome), Tone.CALM, "info")
    return Words(f"Door {row.slot}", "", note)


def _choose_reason(view: ChooseReason, location: Location) -> Words:
    return Words(f"Why is door {view.slot} out of service?")


def _cannot_start(view: CannotStart, location: Location) -> Words:
    return Words(
        "Out of order",
        f"{call_us(location)}\n\n{view.message}",
        tone=Tone.FAILED,
        icon="triangle-alert",
    )


def fault_words(location: Location, reference: str) -> Words:
    """What is said when a screen itself breaks."""
    return Words(
        "Sorry, this does not work now",
        f"Please use another machine, or ask for help.\n{call_us(location)}",
        Note(f"Reference {reference}", Tone.CALM, "info"),
        Tone.FAILED,
        "triangle-alert",
    )


_WORDS: Mapping[type[View], Callable[[Any, Location], Words]] = {
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


SIGN_UNREACHABLE = DoorSign("No answer", "unplug", Tone.FAILED)
SIGN_DO_NOT_OPEN = DoorSign("Do not open", "ban", Tone.FAILED)
SIGN_NO_DEPOSITS = DoorSign("Out of use", "ban", Tone.FAILED)
SIGN_OPEN = DoorSign("Open", "door-open", Tone.DONE)
SIGN_SUSPECT = DoorSign("In doubt", "circle-question-mark", Tone.WAITING)
SIGN_OCCUPIED = DoorSign("Package", "package", Tone.CALM)
SIGN_RESERVED = DoorSign("Reserved", "clock", Tone.CALM)
SIGN_EMPTY = DoorSign("Empty", "", None)
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


_SUSPECT = {
    SuspectReason.MAY_BE_EMPTY: "May be empty: please look",
    SuspectReason.MAY_HOLD_SOMETHING: "May hold something: please look",
    SuspectReason.MAY_HOLD_ANOTHERS: "May hold another person's package",
    SuspectReason.WIRING: "Wiring: another door moved",
}
_DOOR = {
    DoorState.OPEN: "Open",
    DoorState.CLOSED: "Closed",
    DoorState.UNKNOWN: "Not known",
}
_SERVICE = {
    Service.IN_SERVICE: "In service",
    Service.NO_DEPOSITS: "No deposits",
    Service.DO_NOT_OPEN: "Do not open",
}


def facts(row: DoorRow) -> tuple[tuple[str, str], ...]:
    """What a technician wants to know of a door, as name and value."""
    inside = {
        SlotStatus.EMPTY: "Empty",
        SlotStatus.RESERVED: "Reserved for a deposit",
        SlotStatus.OCCUPIED: f"Package {row.barcode}".strip(),
        SlotStatus.SUSPECT: _SUSPECT.get(row.suspect, "Please look")
        if row.suspect
        else "Please look",
    }[row.status]
    service = _SERVICE[row.service]
    if row.reason:
        service = f"{service}: {row.reason}"
    board = f"{row.board}, channel {row.channel}"
    if not row.reachable:
        board = f"{board}: no answer"
    return (
        ("Door", f"{_DOOR[row.door]}, size {row.size}"),
        ("Inside", inside),
        ("Service", service),
        ("Board", board),
    )


_OUTCOMES = {
    Outcome.OPENED.value: "Opened",
    Outcome.ALREADY_OPEN.value: "Was open already",
    Outcome.JAMMED.value: "Did not open",
    Outcome.WRONG_DOOR.value: "Another door opened",
    Outcome.SENT.value: "Told to open",
    Outcome.UNREACHABLE.value: "No answer",
}


def outcome_sentence(outcome: str) -> str:
    """What came of the last thing that was done with a door; other words stay as they are."""
    return _OUTCOMES.get(outcome, outcome.replace("_", " ").capitalize())


def silent_board(name: str, reason: str, *, brief: bool) -> str:
    """A board that does not answer, and why, where there is room for that."""
    return f"{name}: {reason}" if reason and not brief else f"{name}: no answer"
