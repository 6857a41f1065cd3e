"""What the screen can show and what can come back: facts only, the wording is the screen's.

A flow shows a *view* and waits for the next *event*. A view names the things the person may do as
`choices`, in the order in which they are offered; the first is the main one. Each comes back as
`Pressed(choice)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from drivers.door import BoardReport, DoorState
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.package import PackageStatus
from kiosk.model.person import Role
from kiosk.model.scanner_test import ScannerFinding


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
    WRONG_PHONE_DIGITS = "WRONG_PHONE_DIGITS"
    OTHER_LOCATION = "OTHER_LOCATION"
    WRONG_PIN = "WRONG_PIN"
    NOT_ALLOWED = "NOT_ALLOWED"
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


@dataclass(frozen=True, slots=True)
class Preference:
    """How the person wants the screens from now on; it comes as an event from any of them."""

    language: str = ""
    """One of the site's languages; empty for its usual one."""
    is_access: bool = False
    """The access mode: large text, high contrast, speech, more time."""


# --- views -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Something to show; what can be pressed on it, the main choice first."""

    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class First(View):
    """The first screen. Digits typed here come as `Entered` (one or more digits)."""

    preference: Preference = Preference()
    """What somebody who stands here chose; the screens keep to it until this one comes anew."""

    open_doors: tuple[str, ...] = ()
    """Doors found standing open that nobody uses: "please close door 7"."""
    unreachable_boards: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterCode(View):
    """The keypad for a pickup code. Comes back as `Entered` when `length` digits are there."""

    length: int = 9
    digits: str = ""
    """What is already typed: a wrong code keeps its digits, and a key pressed on the first screen
    is not lost."""
    refused: Refused | None = None
    wait_s: int = 0
    """The countdown while tries are used up; the keypad is off until it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterPhoneDigits(View):
    """The keypad for the last four digits of the phone. Comes back as `Entered`."""

    refused: Refused | None = None
    wait_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterTracking(View):
    """The keyboard for a package's tracking number, for who has no code. Comes back as `Entered`,
    or as `Scanned` from a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAsked(View):
    """The answer to who has no code: the same whether the package is known here or not."""

    reference: str
    is_reached: bool = True
    """Whether what sends messages can be reached now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterPin(View):
    """The keypad for a staff PIN. Comes back as `Entered`; digits are shown as dots."""

    for_service: bool = False
    """True for the technician's sign-in."""
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
class Thanks(View):
    """The package was taken and the door is shut."""

    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MorePackages(View):
    """The same person has more packages here; they are opened one after another."""

    slots: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldExtended(View):
    """The package is kept longer."""

    until_ms: int | None
    """The midnight at which the hold ends, in milliseconds since 1970 UTC; None while no clock can
    be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LowerAsked(View):
    """A courier will move the package to a door within reach; its code stays."""

    slot: str
    until_ms: int | None
    """When its hold ends now, in milliseconds since 1970 UTC; None: no clock can be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(View):
    """A plain answer that ends something: a refusal, or help."""

    refused: Refused | None = None
    help: bool = False
    reference: str = ""


@dataclass(frozen=True, slots=True)
class SizeOffer:
    """A size as offered to the courier, with how many slots are free now."""

    name: str
    width_mm: int
    height_mm: int
    depth_mm: int
    max_weight_kg: float
    free: int


@dataclass(frozen=True, slots=True)
class StoredNote:
    """The last package of a run, said on the next screen."""

    slot: str
    barcode: str
    code: str = ""
    """Only where the site shows it to the courier: nine digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPackage(View):
    """The courier's screen between two packages: scan the next, or be done. A barcode comes as
    `Scanned`, or typed by hand as `Entered` after `TYPE_BARCODE`."""

    name: str
    sizes: tuple[SizeOffer, ...]
    stored: StoredNote | None = None
    stored_count: int = 0
    refused: Refused | None = None
    typing: bool = False
    """Show the on-screen keyboard for the barcode."""
    due: int = 0
    """How many packages wait to be taken back."""
    undone: bool = False
    """The last deposit was undone."""
    too_high: int = 0
    """How many packages are to be moved to doors that their owners reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseSize(View):
    """The size of a package is not known; comes back as `Chosen(size name)`."""

    barcode: str
    sizes: tuple[SizeOffer, ...]


@dataclass(frozen=True, slots=True)
class DueRow:
    """A package that a courier is to take back."""

    slot: str
    barcode: str
    status: PackageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection(View):
    """What is to be taken back, one by one; the first of `due` is opened next."""

    due: tuple[DueRow, ...]
    collected: int = 0
    problem: Problem | None = None
    """The door before did not open; its package stays."""


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One package that changed hands."""

    kind: str
    barcode: str
    slot: str
    at_ms: int | None
    """When, in milliseconds since 1970 UTC; None if the clock could not be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(View):
    """What a courier brought and took, for the record."""

    name: str
    number: str
    """The number of the visit, for staff to look up."""
    lines: tuple[ReceiptLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round(View):
    """A slot of which nobody knows what is inside, and how many there are in all."""

    slot: str
    suspect: SuspectReason
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanInside(View):
    """Something lies in a slot in doubt: scan its label, or set it aside."""

    slot: str
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class DoorRow:
    """A door as the technician sees it."""

    slot: str
    size: str
    door: DoorState
    status: SlotStatus
    service: Service
    board: str
    channel: int
    reachable: bool
    suspect: SuspectReason | None = None
    reason: str = ""
    """Why it is out of service; empty while it is in."""
    since_ms: int | None = None
    """Since when, in milliseconds since 1970 UTC."""
    until_ms: int | None = None
    """Until when it is thought to be so; None: nobody said."""
    by: str = ""
    """Who said so."""
    barcode: str = ""
    awaits_look: bool = False
    """Its board was away for long or came back elsewhere: no deposits until staff opened one of the
    board's doors and saw that it was the right one."""
    is_slowing: bool = False
    """The lock takes clearly longer to open than it used to: it will jam one day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors(View):
    """The bank live, for the technician; a door comes back as `Chosen(slot)`."""

    doors: tuple[DoorRow, ...]
    boards: tuple[BoardReport, ...]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorPage(View):
    """One door, for the technician."""

    row: DoorRow
    last_outcome: str = ""
    """What came of the last opening from this page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseReason(View):
    """Why a slot goes out of service; comes back as `Chosen(reason)`."""

    slot: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseUntil(View):
    """For how many days more a slot is out of service; comes back as `Chosen`, 0 for not known."""

    slot: str
    days: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CentreReport:
    """How the sync with the centre is doing."""

    is_reached: bool
    last_ms: int | None
    """When the centre last answered, in milliseconds since 1970 UTC."""
    waiting: int
    """How many events the centre does not hold yet."""
    message: str = ""
    """Why it does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """How the computer itself is doing; None where it cannot be told."""

    version: str = ""
    disk_free_mb: int | None = None
    temperature_c: float | None = None
    centre: CentreReport | None = None
    """None where the kiosk belongs to no centre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(View):
    """The computer, for the technician; times in milliseconds since 1970 UTC."""

    now_ms: int
    is_time_trusted: bool
    vitals: Vitals
    events: int
    """How many the journal has."""
    has_backup: bool = False
    """Whether backups are to be made here."""
    backup_ms: int | None = None
    """When the last one was made; None where there is none yet."""
    backup_problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boards(View):
    """Some of the lock boards and their lines, for the technician."""

    boards: tuple[BoardReport, ...]


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event of the journal, without what only a program needs."""

    number: int
    kind: str
    slot: str
    actor: str
    outcome: str
    at_ms: int | None
    """None where the clock could not be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History(View):
    """Events of the journal, the newest first: of one slot, or all."""

    slot: str = ""
    lines: tuple[EventLine, ...] = ()
    openings: tuple[tuple[int | None, int], ...] = ()
    """Of the slot's lock: how many openings took at most so many milliseconds; None: longer."""
    is_slowing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorsTested(View):
    """What came of a test of several doors."""

    opened: int
    failed: tuple[str, ...]
    """The slots whose doors did not open."""
    left: int
    """How many were not tried."""


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A member of staff who is listed at this kiosk."""

    number: str
    name: str
    role: Role
    may_work: bool
    until_ms: int | None
    """When that ends, in milliseconds since 1970 UTC; None: it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffList(View):
    """Some of the staff, for the technician."""

    rows: tuple[StaffRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsTest(View):
    """Scanner, glass and loudspeaker, for the technician to try: what was scanned is shown, the
    other two are the screen's own."""

    scans: tuple[Scanned, ...] = ()
    """The last ones, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotStart(View):
    """The kiosk does not start: what is wrong and what to do, for whoever is called."""

    message: str
    reference: str = ""
    """Finds the whole of it in the log; empty where the message is all."""


# --- events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pressed:
    """The person pressed a choice."""

    choice: Choice


@dataclass(frozen=True, slots=True)
class Entered:
    """Digits or text typed by hand: a code, a PIN, phone digits, a barcode."""

    text: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """One of a list: a size, a slot, a reason."""

    value: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """A barcode or QR code, as read; already held to the scanner's rules."""

    text: str
    seems_misread: bool = False
    """Whether its check digit is wrong."""
    findings: tuple[ScannerFinding, ...] = field(default=(), compare=False, repr=False)
    """What the technician's test code tells of the scanner; empty for every other code."""


@dataclass(frozen=True, slots=True)
class OpenFromAfar:
    """The centre opens a slot; it was allowed to. Heard on the first screen only."""

    slot: str


@dataclass(frozen=True, slots=True)
class Stirred:
    """The person touched the screen or a key, and nothing is decided yet: they are still here."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Nothing came within the time the flow gave."""
