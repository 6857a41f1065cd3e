"""The server's commands to a kiosk: what each one says, with the range and unit of every field.

One union for the server that writes them, for the wire, and for the kiosk that carries them out.
An unknown field is passed over: it is of a newer server. A command that does not fit raises
`UnfitCommandError`, which names the field, its value and what would be right, and which the kiosk
answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    Strict,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails

from kiosk.model.barcode import barcode_text
from kiosk.model.carriers import OPERATOR, CarrierId, Served
from kiosk.model.fields import NUMBER_MAX, YEAR_2000_MS, YEAR_2100_MS, Flag, Id, Name, SlotLabel
from kiosk.model.location import Service
from kiosk.model.person import KEPT_NUMBER, Role

VERSION: Final = 1
"""The version of what is declared here. A field may be added under the same one; a field that
means something else, or that must be there, needs the next."""
HOLD_DAYS_MAX: Final = 30
"""By how many days one command may lengthen a hold; the kiosk's own rule is narrower."""
CODE_COUNTER_MAX: Final = 1_000_000
RELEASE: Final = r"^(0|[1-9]\d{0,5})(\.(0|[1-9]\d{0,5})){2}$"
"""What names a release: its version, three numbers (PEP 440)."""
PLATFORM: Final = r"^cp3\d{1,2}-(x86_64|aarch64)$"
"""For which Python and which machine a release's file is, as `cp311-x86_64`."""
PLATFORMS_MAX: Final = 16
STAFF_MAX: Final = 100
"""A list of staff that comes as a command has at most so many; longer ones are fetched."""
STAFF_LIST: Final = "staff_list"
"""In an answer, in the place of a command's type: the list of staff, which is fetched."""
VALUE_SHOWN_MAX: Final = 60
NEVER_QUOTED: Final = frozenset({"recipient", "owner", "staff", "body"})
"""What stands in these fields is about people, and an answer goes into the journal for ever."""
IN_OTHER_WORDS: Final = {
    "missing": "it is missing",
    "model_type": "it should be an object",
    "tuple_type": "it should be a list",
}
"""Of pydantic's messages, those that speak of Python."""


class CommandType(StrEnum):
    """What a kiosk can be asked to do."""

    ANNOUNCE = "announce"
    CANCEL = "cancel"
    REISSUE = "reissue"
    EXTEND = "extend"
    SLOT_SERVICE = "slot_service"
    OPEN = "open"
    STAFF = "staff"
    CONTACT = "contact"
    TRUST_KEY = "trust_key"
    DELEGATE = "delegate"
    END_DELEGATE = "end_delegate"
    RESTART = "restart"
    PAUSE = "pause"
    RESUME = "resume"
    SCREEN_PICTURE = "screen_picture"
    SUPPORT_FILE = "support_file"
    CHANGE_SETTINGS = "change_settings"

    RESERVE_DOOR = "reserve_door"
    RELEASE_DOOR = "release_door"

    CHOOSE_RELEASE = "release.choose"


HELP: Final = frozenset(
    {
        CommandType.RESTART,
        CommandType.PAUSE,
        CommandType.RESUME,
        CommandType.SCREEN_PICTURE,
        CommandType.SUPPORT_FILE,
        CommandType.CHANGE_SETTINGS,
    }
)
"""What helps a location remotely. Only a command that is signed does."""
FILES: Final = frozenset({CommandType.SCREEN_PICTURE, CommandType.SUPPORT_FILE})
"""What a kiosk answers with a file, which it sends by itself."""
ENDS_LATER: Final = FILES | {
    CommandType.RESTART,
    CommandType.CHANGE_SETTINGS,
    CommandType.CHOOSE_RELEASE,
}
"""What is begun when it is applied, and ends with an event of its own."""
SETTINGS_MAX: Final = 20
SETTING_MAX: Final = 64
"""How many characters a setting has at most."""
REMOTE_SETTINGS: Final = (
    "policy.hold_days",
    "policy.late_pickup",
    "policy.one_code_for_all",
    "policy.may_extend",
    "policy.couriers_may_look",
    "policy.low_reserve",
    "policy.reopen_s",
    "policy.courier_session_s",
    "look.night",
    "look.screen_saver_s",
    "sound.speaks_directions",
    "sound.volume_percent",
)
"""The settings of a site file that may be changed remotely: none of those that guard something."""


class HelpOutcome(StrEnum):
    """What came of a command that helps remotely."""

    DONE = "DONE"
    FAILED = "FAILED"


class ReleaseOutcome(StrEnum):
    """How far a kiosk has come with a release that it was asked to run."""

    FETCHED = "FETCHED"
    """It is here, genuine and rehearsed; it is switched to when nobody needs the machine."""
    TRYING = "TRYING"
    """It runs, and has yet to prove itself."""
    RUNNING = "RUNNING"
    """It runs, and has proven itself."""
    REFUSED = "REFUSED"
    """It was never switched to: it could not be fetched, is not genuine, or failed its
    rehearsal."""
    WENT_BACK = "WENT_BACK"
    """It ran and did not prove itself: what ran before runs again."""


class PauseReason(StrEnum):
    """Why a location is paused, as its screen says it in each language."""

    MAINTENANCE = "MAINTENANCE"
    SITE_CLOSED = "SITE_CLOSED"
    OUT_OF_ORDER = "OUT_OF_ORDER"


class OpeningOutcome(StrEnum):
    """What came of a command to open a door."""

    ASKED = "ASKED"
    """It is being carried out."""
    REFUSED = "REFUSED"
    OPENED = "OPENED"
    ALREADY_OPEN = "ALREADY_OPEN"
    JAMMED = "JAMMED"
    """The lock was pulsed, and the door did not open."""
    WRONG_DOOR = "WRONG_DOOR"
    """Another door opened instead."""
    SENT = "SENT"
    """The lock was pulsed, and no sensor tells what the door did."""
    UNREACHABLE = "UNREACHABLE"
    """The lock board did not answer."""
    MISSED = "MISSED"
    """Nothing was pulsed: somebody stepped up to the machine first, or it stopped."""
    UNKNOWN = "UNKNOWN"
    """The machine stopped, or failed, between the command and its outcome."""


def _is_a_barcode(text: str) -> str:
    barcode_text(text)
    return text


Whole = Annotated[int, Strict()]
TimeMs = Annotated[int, Strict(), Field(ge=YEAR_2000_MS, lt=YEAR_2100_MS)]
"""Milliseconds since 1970 UTC, in the years 2000 to 2099."""
Setting = (
    Annotated[bool, Strict()]
    | Annotated[int, Strict()]
    | Annotated[str, Field(max_length=SETTING_MAX)]
    | None
)
"""A value of the site file; None: the one that stands there."""
Barcode = Annotated[Name, AfterValidator(_is_a_barcode)]


class Part(BaseModel):
    """A part of a command."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class CommandRecipient(Part):
    """Who a package is for. The server keeps only the id in a command, and adds the rest when the
    command is sent."""

    id: Id
    name: Name = ""
    phone: Name = ""


class Announce(Part):
    """Expect a package."""

    type: Literal[CommandType.ANNOUNCE] = CommandType.ANNOUNCE
    package: Id
    barcode: Barcode
    size: Name | None = None
    """The size of door that it needs; None where nobody said."""
    recipient: CommandRecipient | None = None
    owner: Name | None = None
    """Packages with the same owner open with one code."""
    sender: Name | None = None
    """A mark of who announces it: a barcode is one sender's, and another's may be the same."""
    may_join: Flag = True
    """Whether it may be a package that lies here unannounced: its barcode alone proves nothing."""
    is_alone: Flag = False
    """It opens with its own code only."""
    needs_low: Flag = False
    reservation: Id | None = None
    """The reservation whose door it uses."""
    carrier: CarrierId = OPERATOR
    """Whose couriers bring it; no others see or touch it."""


class Cancel(Part):
    """Recall a package."""

    type: Literal[CommandType.CANCEL] = CommandType.CANCEL
    package: Id
    barcode: Name = ""
    """By which a package that is not known yet is remembered as recalled."""
    why: Name = ""


class Reissue(Part):
    """A package has a newer code."""

    type: Literal[CommandType.REISSUE] = CommandType.REISSUE
    package: Id
    counter: Whole = Field(ge=1, le=CODE_COUNTER_MAX)
    """How often the package's code has been issued, this time included."""


class Extend(Part):
    """Hold a package longer."""

    type: Literal[CommandType.EXTEND] = CommandType.EXTEND
    package: Id
    days: Whole = Field(ge=1, le=HOLD_DAYS_MAX)


class Contact(Part):
    """A package is for somebody else, or they are reached in another way."""

    type: Literal[CommandType.CONTACT] = CommandType.CONTACT
    package: Id
    recipient: CommandRecipient
    owner: Name | None = None
    """Whose it is from now on, in place of what it was; None: it opens with its own code only."""


class SlotService(Part):
    """Take a slot out of service, or put it back."""

    type: Literal[CommandType.SLOT_SERVICE] = CommandType.SLOT_SERVICE
    slot: SlotLabel
    service: Service
    reason: Name = ""


class Open(Part):
    """Open one door now. Its signature stands beside it."""

    type: Literal[CommandType.OPEN] = CommandType.OPEN
    slot: SlotLabel
    signed_ms: TimeMs | None = None
    """When it was signed; None until it is sent."""


class ListedStaff(Part):
    """A courier or technician whom the server lists."""

    number: str = Field(pattern=KEPT_NUMBER)
    name: Name
    role: Role
    pin_hash: str = Field(min_length=1, max_length=400)
    badge_hash: str = Field(default="", max_length=400)
    valid_from_ms: TimeMs | None = None
    valid_until_ms: TimeMs | None = None
    carriers: Served = (OPERATOR,)
    """Whose packages a courier may touch; what he brings unannounced is the first one's."""


def _listed_once(staff: tuple[ListedStaff, ...]) -> tuple[ListedStaff, ...]:
    numbers = [person.number for person in staff]
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        raise ValueError(f"number {', '.join(twice)} is listed twice: each number is one person's")
    return staff


class ListStaff(Part):
    """The server's whole list of staff for this kiosk, in place of the last one: as servers and
    kiosks before 0.3 have it. Newer ones fetch it (`kiosk.sync.staff_list`)."""

    type: Literal[CommandType.STAFF] = CommandType.STAFF
    staff: Annotated[tuple[ListedStaff, ...], AfterValidator(_listed_once)] = Field(
        max_length=STAFF_MAX
    )


class TrustKey(Part):
    """Trust another key of the server from now on; signed with the one that is trusted."""

    type: Literal[CommandType.TRUST_KEY] = CommandType.TRUST_KEY
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of Ed25519, in hexadecimal."""


class NameDelegate(Part):
    """Somebody else may fetch a package, with a code of their own. A package has one delegate at a
    time: another one takes their place."""

    type: Literal[CommandType.DELEGATE] = CommandType.DELEGATE
    package: Id
    delegate: Id
    """By which their code is made. Who it is, the kiosk need not know."""
    until_ms: TimeMs
    """Until when they may."""


class EndDelegate(Part):
    """A delegate may fetch the package no more."""

    type: Literal[CommandType.END_DELEGATE] = CommandType.END_DELEGATE
    package: Id
    delegate: Id


class Restart(Part):
    """Start the kiosk's program again, while nobody is at the panel."""

    type: Literal[CommandType.RESTART] = CommandType.RESTART


class Pause(Part):
    """Take in no packages for a while; the screen says why. Who has a code still gets theirs out,
    but for where it is closed."""

    type: Literal[CommandType.PAUSE] = CommandType.PAUSE
    reason: PauseReason
    until_ms: TimeMs | None = None
    """None: until it is taken back."""
    is_closed: Flag = False
    """Nothing is given out, either. The kiosk ends that by itself after a day."""


class Resume(Part):
    """Take a pause back."""

    type: Literal[CommandType.RESUME] = CommandType.RESUME


class TakePicture(Part):
    """Send a picture of the screen, while nobody is at the panel."""

    type: Literal[CommandType.SCREEN_PICTURE] = CommandType.SCREEN_PICTURE


class SendSupportFile(Part):
    """Send what helps to find a fault: the day's journal, how the machine is, the site file."""

    type: Literal[CommandType.SUPPORT_FILE] = CommandType.SUPPORT_FILE


class ChangeSettings(Part):
    """Have other values of the site file count, of the few that may be changed remotely. They are
    held against the site file's own declaration, and count as soon as nobody is at the panel."""

    type: Literal[CommandType.CHANGE_SETTINGS] = CommandType.CHANGE_SETTINGS
    settings: dict[Annotated[str, Field(pattern=r"^[a-z_]{1,32}\.[a-z_]{1,32}$")], Setting] = Field(
        min_length=1, max_length=SETTINGS_MAX
    )
    """By table and key, as `policy.hold_days`; null: what the site file says counts again."""


class ReserveDoor(Part):
    """Keep a door free for a package that is to be announced; the same id again: until then."""

    type: Literal[CommandType.RESERVE_DOOR] = CommandType.RESERVE_DOOR
    reservation: Id
    size: Name
    until_ms: TimeMs
    """From then on it is nobody's, also while no server is reached."""


class ReleaseDoor(Part):
    """Keep a door no longer."""

    type: Literal[CommandType.RELEASE_DOOR] = CommandType.RELEASE_DOOR
    reservation: Id


class ChooseRelease(Part):
    """Run this release from now on. Whether it is genuine, its own signatures say and not this
    command; when it is switched to, the kiosk decides."""

    type: Literal[CommandType.CHOOSE_RELEASE] = CommandType.CHOOSE_RELEASE
    release: Annotated[str, Field(pattern=RELEASE)] | Literal[""] = ""
    """Its version, also an older one than what runs; "": stay with what runs, and begin nothing
    that was asked for before."""
    rollout: Id
    """Which rollout at the server asks for it."""
    sha256: dict[
        Annotated[str, Field(pattern=PLATFORM)], Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    ] = Field(
        default_factory=dict,
        max_length=PLATFORMS_MAX,
        json_schema_extra={"additionalProperties": False},
    )
    """What the release's files should be, by platform, where the server says: a release that was
    made again under one version is then noticed."""


Command = Annotated[
    Announce
    | Cancel
    | Reissue
    | Extend
    | Contact
    | SlotService
    | Open
    | ListStaff
    | TrustKey
    | NameDelegate
    | EndDelegate
    | Restart
    | Pause
    | Resume
    | TakePicture
    | SendSupportFile
    | ChangeSettings
    | ReserveDoor
    | ReleaseDoor
    | ChooseRelease,
    Field(discriminator="type"),
]
COMMANDS: Final[TypeAdapter[Command]] = TypeAdapter(Command)


class WireCommand(Part):
    """A command as it is sent to one kiosk. Applied once, by its number; answered by an event."""

    n: Whole = Field(ge=1, le=NUMBER_MAX)
    """Commands are applied in the order of their numbers."""
    id: Id
    type: str = Field(max_length=64)
    body: dict[str, JsonValue] = Field(default_factory=dict)
    """The fields of the command of this type."""
    signature: str = Field(default="", max_length=256)
    """Of an opening: the server's Ed25519 signature, in hexadecimal, as kiosks before 0.3 check
    it."""
    signed_ms: Whole | None = None
    """When all of the command was signed; None: it was not."""
    whole_signature: str = Field(default="", max_length=256)
    """Of all of the command: see `kiosk.sync.signing.command_text`."""


class UnfitCommandError(ValueError):
    """A command that is not as it should be; the message says which field, its value and what
    would be right."""


def read_command(kind: str, body: Mapping[str, Any]) -> Command:
    """The command of this type with this body. Raises `UnfitCommandError`."""
    if kind not in set(CommandType):
        raise UnfitCommandError(f"the command {shown(kind)} is not known to this version")
    try:
        return COMMANDS.validate_python({**body, "type": kind})
    except ValidationError as error:
        raise UnfitCommandError(what_is_wrong(error, kind)) from error


def body_of(command: Command) -> dict[str, Any]:
    """A command's fields as JSON: what stands in the server's table, and beside its type on the
    wire."""
    return command.model_dump(mode="json", exclude={"type"})


def what_is_wrong(error: ValidationError, what: str) -> str:
    """The first fields that do not fit, with their values and what would be right; `what` has no
    place of its own in them."""
    return "; ".join(_problem(each, what) for each in error.errors(include_url=False)[:5])[:500]


def _problem(error: ErrorDetails, what: str) -> str:
    place = [str(each) for each in error["loc"]]
    if place[:1] == [what]:
        place = place[1:]
    field = ".".join(place) or "the command"
    message = IN_OTHER_WORDS.get(error["type"], error["msg"])
    message = re.sub(r"^(Input|String|Tuple) should", "it should", message)
    message = message.removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{field}: {message}"
    is_quoted = NEVER_QUOTED.isdisjoint(place)
    return f"{field} {shown(error['input']) if is_quoted else '(not quoted)'}: {message}"


def shown(value: object) -> str:
    """A value as an answer quotes it: short, in ASCII; of what has parts, only what it is."""
    if isinstance(value, Mapping):
        return "(an object)"
    if isinstance(value, list | tuple):
        return "(a list)"
    if isinstance(value, int) and abs(value) > 2**63:
        return "(a number of more than 64 bits)"
    text = ascii(value)
    return text if len(text) <= VALUE_SHOWN_MAX else f"{text[:VALUE_SHOWN_MAX]}…"
