"""The small parts of which the words of a view are made: notes, refusals, directions, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kiosk.flows.views.choices import Refusal, Refused
from kiosk.model.location import Location, ServiceReason, SuspectReason
from kiosk.ui.directions import Direction, Level, Side
from kiosk.ui.language import ENGLISH, Speech
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


CLEAR = N_("Clear")
SIGN_IN = N_("Sign in")
ENTER = N_("OK")
ACCESS_ON = N_("Accessibility")
ACCESS_OFF = N_("Standard view")
TOUCH_TO_START = N_("Touch the screen to start")
YOU_ARE_HERE = N_("You are here")
CODE = N_("Code {code}")


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
    return speech.say("Please call the number on the locker.")


_SIDES: Mapping[tuple[Side, Level], str] = {
    (Side.LEFT, Level.TOP): N_("To the left, near the top"),
    (Side.LEFT, Level.MIDDLE): N_("To the left, in the middle"),
    (Side.LEFT, Level.BOTTOM): N_("To the left, near the bottom"),
    (Side.RIGHT, Level.TOP): N_("To the right, near the top"),
    (Side.RIGHT, Level.MIDDLE): N_("To the right, in the middle"),
    (Side.RIGHT, Level.BOTTOM): N_("To the right, near the bottom"),
}


def direction_sentence(direction: Direction, speech: Speech = ENGLISH) -> str:
    """Left or right, and how high, in words."""
    if direction.side is not Side.HERE:
        return speech.say(_SIDES[direction.side, direction.level])
    if direction.above:
        return speech.say("Just above this screen")
    return speech.say("Just below this screen")


_TO_THE_SCANNER: Mapping[tuple[int, int], str] = {
    (0, -1): N_("The scanner is below this screen"),
    (0, 1): N_("The scanner is above this screen"),
    (-1, 0): N_("The scanner is to the left of this screen"),
    (1, 0): N_("The scanner is to the right of this screen"),
}


def to_the_scanner(across: int, up: int, speech: Speech) -> str:
    """Where the scanner is, in words; `across` and `up` as `arrow_to` gives them."""
    return speech.say(_TO_THE_SCANNER[(across, 0) if across else (0, up)])


def arrow_icon(across: int, up: int) -> str:
    """The arrow that points there, true to the steel in every language."""
    named = ({1: "up", -1: "down"}.get(up), {1: "right", -1: "left"}.get(across))
    return "-".join(("arrow", *(each for each in named if each)))


def direction_icon(direction: Direction) -> str:
    """The arrow that points there, true to the steel in every language."""
    if direction.side is Side.HERE:
        return "arrow-up" if direction.above else "arrow-down"
    side = "left" if direction.side is Side.LEFT else "right"
    vertical = {Level.TOP: "up-", Level.MIDDLE: "", Level.BOTTOM: "down-"}[direction.level]
    return f"arrow-{vertical}{side}"


_REFUSALS: Mapping[Refusal, str] = {
    Refusal.NOT_KNOWN: N_("That code isn't right. Check the digits."),
    Refusal.ALREADY_PICKED_UP: N_("This package has been picked up."),
    Refusal.RECALLED: N_("The sender has recalled this package."),
    Refusal.HOLD_OVER: N_("The time to pick up this package has ended."),
    Refusal.COLLECTED: N_("A courier has taken this package back."),
    Refusal.WAIT: N_("Too many tries. Please wait."),
    Refusal.WRONG_PHONE_DIGITS: N_("Those digits don't match."),
    Refusal.OTHER_LOCATION: N_("This is for another locker."),
    Refusal.WRONG_PIN: N_("That PIN isn't right."),
    Refusal.NOT_ALLOWED: N_("You can't do that with this PIN."),
    Refusal.BADGE_NOT_KNOWN: N_("We don't know this badge here."),
    Refusal.BADGE_NOT_VALID_NOW: N_("This badge isn't valid now."),
    Refusal.BADGE_NOT_VALID_HERE: N_("This badge isn't valid here."),
    Refusal.BADGES_NOT_CHECKED: N_("Badges can't be checked right now. Use a PIN."),
    Refusal.CANNOT_EXTEND: N_("This package can't be kept longer."),
    Refusal.LIES_ELSEWHERE: N_("This package belongs behind another door."),
    Refusal.NUMBER_TAKEN: N_("Someone else has this number."),
    Refusal.PINS_DIFFER: N_("The digits don't match. Enter them again."),
    Refusal.NOT_A_PACKAGE_OF_OURS: N_("No package with this barcode is expected here."),
    Refusal.NOT_YOURS: N_("This package belongs to another carrier."),
    Refusal.UNREADABLE: N_("That couldn't be read. Scan it again or enter it."),
    Refusal.MISREAD: N_("The check digit is wrong. Scan it again."),
    Refusal.ALREADY_HERE: N_("This package is already here."),
    Refusal.NO_SLOT: N_("No door of this size is free."),
    Refusal.SHARE_USED: N_("Your carrier has no doors of this size left here."),
    Refusal.BATTERY_LOW: N_("The power is out. No packages can be left here now."),
    Refusal.NOT_MOVED: N_("This package was not moved."),
    Refusal.NOT_A_PHONE: N_("That isn't a phone number. Please check it."),
    Refusal.NO_SUCH_RESIDENT: N_("We can't find that flat or name."),
    Refusal.TOO_MANY_RESIDENTS: N_("Too many matches. Enter more."),
    Refusal.TOO_MANY_GUESTS: N_("No more packages can be left here now. Please try later."),
}
_REFUSALS_WITH_TIME: Mapping[Refusal, str] = {
    Refusal.ALREADY_PICKED_UP: N_("This package was picked up on {when}."),
    Refusal.HOLD_OVER: N_("The time to pick up this package ended on {when}."),
    Refusal.COLLECTED: N_("A courier took this package back on {when}."),
}
_REFUSALS_WITH_DETAIL: Mapping[Refusal, str] = {
    Refusal.OTHER_LOCATION: N_("This is for another locker: {detail}."),
    Refusal.LIES_ELSEWHERE: N_("This package belongs behind door {detail}."),
    Refusal.MISREAD: N_("{detail}: wrong check digit. Scan it again."),
    Refusal.ALREADY_HERE: N_("This package is already here, behind door {detail}."),
    Refusal.NO_SLOT: N_("No door of size {detail} is free."),
    Refusal.NOT_MOVED: N_("The package behind door {detail} was not moved."),
}


def refusal(refused: Refused, location: Location, speech: Speech) -> str:
    """What was wrong with an entry, in one or two short sentences."""
    reason = refused.reason
    if refused.at_ms is not None and reason in _REFUSALS_WITH_TIME:
        when = speech.day_and_time(refused.at_ms, location.time_zone)
        return speech.say(_REFUSALS_WITH_TIME[reason], when=when)
    if reason is Refusal.WAIT and refused.detail:
        return _wait(int(refused.detail), speech)
    if refused.detail and reason in _REFUSALS_WITH_DETAIL:
        detail = short_barcode(refused.detail)
        return speech.say(_REFUSALS_WITH_DETAIL[reason], detail=detail)
    return speech.say(_REFUSALS[reason])


def failed(refused: Refused | None, location: Location, speech: Speech) -> Note | None:
    if refused is None:
        return None
    return Note(refusal(refused, location, speech), Tone.FAILED, "circle-alert")


LONG_WAIT_S = 120
"""A wait that is longer is said in minutes."""


def _wait(wait_s: int, speech: Speech) -> str:
    if wait_s > LONG_WAIT_S:
        return speech.say_count(
            -(-wait_s // 60),
            "Too many tries. Please wait {count} minute.",
            "Too many tries. Please wait {count} minutes.",
        )
    return speech.say_count(
        wait_s,
        "Too many tries. Please wait {count} second.",
        "Too many tries. Please wait {count} seconds.",
    )


def closes_in(seconds: int, speech: Speech) -> str:
    """How long a screen has that ends by itself."""
    return speech.say_count(
        seconds, "This closes in {count} second.", "This closes in {count} seconds."
    )


def entry_note(
    refused: Refused | None, wait_s: int, location: Location, speech: Speech
) -> Note | None:
    if wait_s > 0:
        return Note(_wait(wait_s, speech), Tone.WAITING, "hourglass")
    return failed(refused, location, speech)


def reference_note(reference: str, speech: Speech) -> Note | None:
    if not reference:
        return None
    return Note(speech.say("Reference {number}", number=reference), Tone.CALM, "info")


DOUBTS: Mapping[SuspectReason, str] = {
    SuspectReason.MAY_BE_EMPTY: N_("It may be empty."),
    SuspectReason.MAY_HOLD_SOMETHING: N_("Something may be inside."),
    SuspectReason.MAY_HOLD_ANOTHERS: N_("Someone else's package may be inside."),
    SuspectReason.WIRING: N_("Another door opened instead. Check the wiring."),
}
_REASONS: Mapping[str, str] = {
    ServiceReason.DOOR_JAMS: N_("Door sticks"),
    ServiceReason.LOCK_BROKEN: N_("Lock broken"),
    ServiceReason.SENSOR_BROKEN: N_("Sensor broken"),
    ServiceReason.DAMAGED_INSIDE: N_("Damaged inside"),
    ServiceReason.DIRTY: N_("Dirty"),
    ServiceReason.OTHER: N_("Other"),
    ServiceReason.DOES_NOT_LATCH: N_("Does not latch"),
    ServiceReason.SEEN_OPEN: N_("Open, but sensor missed it"),
    ServiceReason.COURIER: N_("Reported by a courier"),
    "damaged": N_("Damaged"),
    "misrouted": N_("Wrong locker"),
    "refused": N_("Refused"),
}
"""The reasons that the flows know, for a slot out of service and for a package taken out."""


def reason_word(reason: str, speech: Speech) -> str:
    """Why a slot is out of service or a package is taken out; other words stay as they are."""
    return speech.say(_REASONS[reason]) if reason in _REASONS else reason.capitalize()
