"""What a person can press or be asked, and the words for what went wrong.

A view names the things the person may do as `choices`, in the order in which they are offered; the
first is the main one. Each comes back as `Pressed(choice)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Choice(StrEnum):
    """A thing a person can press."""

    PICK_UP = "PICK_UP"
    COURIER = "COURIER"
    SERVICE = "SERVICE"
    HELP = "HELP"
    NO_CODE = "NO_CODE"
    BACK = "BACK"
    DONE = "DONE"
    CANCEL = "CANCEL"
    TRY_AGAIN = "TRY_AGAIN"
    OPEN_AGAIN = "OPEN_AGAIN"
    DOOR_IS_OPEN = "DOOR_IS_OPEN"
    DOOR_IS_SHUT = "DOOR_IS_SHUT"
    """The door reads open and was not pulsed, and the person sees it shut."""
    ANOTHER_SLOT = "ANOTHER_SLOT"
    LARGER_SLOT = "LARGER_SLOT"
    DOOR_FAULT = "DOOR_FAULT"
    NOTHING_INSIDE = "NOTHING_INSIDE"
    IT_IS_EMPTY = "IT_IS_EMPTY"
    SOMETHING_INSIDE = "SOMETHING_INSIDE"
    STILL_THERE = "STILL_THERE"
    TYPE_BARCODE = "TYPE_BARCODE"
    OPEN_DOOR = "OPEN_DOOR"
    OUT_OF_SERVICE = "OUT_OF_SERVICE"
    BACK_IN_SERVICE = "BACK_IN_SERVICE"
    UNTIL_WHEN = "UNTIL_WHEN"
    LOOK_INSIDE = "LOOK_INSIDE"
    SOMETHING_WRONG = "SOMETHING_WRONG"
    DAMAGED = "DAMAGED"
    WRONG_PACKAGE = "WRONG_PACKAGE"
    LEAVE_IT_HERE = "LEAVE_IT_HERE"
    OPEN_NEXT = "OPEN_NEXT"
    EXTEND_HOLD = "EXTEND_HOLD"
    COLLECT = "COLLECT"
    SKIP = "SKIP"
    UNDO_LAST = "UNDO_LAST"
    SET_ASIDE = "SET_ASIDE"
    REISSUE_CODE = "REISSUE_CODE"
    ROUND = "ROUND"
    MACHINE = "MACHINE"
    BOARDS = "BOARDS"
    JOURNAL = "JOURNAL"
    HISTORY = "HISTORY"
    MOVE_LOWER = "MOVE_LOWER"
    OLDER = "OLDER"
    NEWER = "NEWER"
    MORE = "MORE"
    TIME_IS_RIGHT = "TIME_IS_RIGHT"
    TEST_DOORS = "TEST_DOORS"
    TEST_TAKEN = "TEST_TAKEN"
    """The doors with packages behind them as well, each asked about."""
    TEST_LOCK = "TEST_LOCK"
    TEST_PARTS = "TEST_PARTS"
    OPEN_ALL = "OPEN_ALL"
    STAFF = "STAFF"
    RESTART = "RESTART"
    MOVE_PACKAGE = "MOVE_PACKAGE"
    TAKE_OUT = "TAKE_OUT"
    DO_NOT_OPEN = "DO_NOT_OPEN"
    LET_SOMEONE_IN = "LET_SOMEONE_IN"
    """The courier steps aside for a customer; the run is locked until the courier is back."""
    RESUME = "RESUME"
    YES = "YES"
    NO = "NO"


class Purpose(StrEnum):
    """Why a door is open."""

    TAKE = "TAKE"
    PUT_IN = "PUT_IN"
    LOOK = "LOOK"


class Refusal(StrEnum):
    """Why an entry was not taken."""

    NOT_KNOWN = "NOT_KNOWN"
    """A wrong code: nothing more is said, so that a guesser learns nothing."""
    ALREADY_PICKED_UP = "ALREADY_PICKED_UP"
    RECALLED = "RECALLED"
    HOLD_OVER = "HOLD_OVER"
    COLLECTED = "COLLECTED"
    WAIT = "WAIT"
    """Nothing was looked at: too much was wrong before, perhaps of others; `detail` is for how many
    seconds."""
    WRONG_PHONE_DIGITS = "WRONG_PHONE_DIGITS"
    OTHER_LOCATION = "OTHER_LOCATION"
    WRONG_PIN = "WRONG_PIN"
    NOT_ALLOWED = "NOT_ALLOWED"
    BADGE_NOT_KNOWN = "BADGE_NOT_KNOWN"
    """A carrier's badge that nobody signed who is known here, or that was revoked."""
    BADGE_NOT_VALID_NOW = "BADGE_NOT_VALID_NOW"
    BADGE_NOT_VALID_HERE = "BADGE_NOT_VALID_HERE"
    BADGES_NOT_CHECKED = "BADGES_NOT_CHECKED"
    """Nobody knows the time here, or what the carriers said of late: no badge is good."""
    UNREADABLE = "UNREADABLE"
    """A scan with control characters, or too long."""
    MISREAD = "MISREAD"
    """The check digit of the scanned barcode is wrong; `detail` is the barcode. The same read once
    more is taken: so the label is."""
    ALREADY_HERE = "ALREADY_HERE"
    """The package was scanned before; `detail` is the slot it lies in."""
    NO_SLOT = "NO_SLOT"
    """No free slot takes this size; `detail` is the size."""
    NOT_MOVED = "NOT_MOVED"
    """A package was to go to a lower door and did not; `detail` is the slot it was in."""
    CANNOT_EXTEND = "CANNOT_EXTEND"
    """The hold is as long as it may be, or there is nothing to hold."""
    LIES_ELSEWHERE = "LIES_ELSEWHERE"
    """The label that was found belongs to a package of another slot; `detail` is that slot."""
    NOT_YOURS = "NOT_YOURS"
    """The package is another carrier's; nothing more is said of it."""
    NOT_A_PACKAGE_OF_OURS = "NOT_A_PACKAGE_OF_OURS"
    """The label that was found is of no package that is known here."""


class Problem(StrEnum):
    """What went wrong with a door."""

    JAMMED = "JAMMED"
    UNREACHABLE = "UNREACHABLE"
    WRONG_DOOR = "WRONG_DOOR"
    DO_NOT_OPEN = "DO_NOT_OPEN"
    NOT_LATCHED = "NOT_LATCHED"
    CANNOT_RECORD = "CANNOT_RECORD"
    """The store does not take a write: nothing is opened that cannot be journaled."""


class Question(StrEnum):
    """What a person may be asked about a slot or about themselves."""

    DID_YOU_TAKE_IT = "DID_YOU_TAKE_IT"
    IS_IT_EMPTY = "IS_IT_EMPTY"
    DID_THE_DOOR_OPEN = "DID_THE_DOOR_OPEN"
    WAS_IT_THERE = "WAS_IT_THERE"
    IS_IT_SHUT = "IS_IT_SHUT"
    IS_IT_PUT_IN = "IS_IT_PUT_IN"
    SOMETHING_LEFT_INSIDE = "SOMETHING_LEFT_INSIDE"
    """The door was shut after a pickup, and the item sensor still sees something."""
    IS_IT_THIS_DOOR = "IS_IT_THIS_DOOR"
    """The board was away for long, or came back elsewhere: staff says whether this door opened."""
    OPEN_DOUBTFUL = "OPEN_DOUBTFUL"
    """A warning before a slot is opened of which nobody knows what is inside."""
    DOOR_IS_HIGH = "DOOR_IS_HIGH"
    """In the access mode, before a door opens that not everybody reaches."""
    WHAT_IS_WRONG = "WHAT_IS_WRONG"
    NO_SLOT = "NO_SLOT"
    """No free slot takes the package; the choices say what would make room."""
    OPEN_ALL = "OPEN_ALL"
    """Before every door is opened; who says yes types the PIN once more."""
    RESTART = "RESTART"
    NEED_MORE_TIME = "NEED_MORE_TIME"
    """Counts down; YES goes on, silence ends what was begun."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal with the one detail its sentence needs (a slot label, a size), or a time."""

    reason: Refusal
    detail: str = ""
    at_ms: int | None = None
    """When that happened, in milliseconds since 1970 UTC; None where no clock can be trusted."""
