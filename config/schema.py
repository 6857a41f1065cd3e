"""The shape of a site file. Each field's description says what is right; mistakes quote it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import phonenumbers
from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError
from pydantic import AfterValidator, BeforeValidator, Field, Strict

from config.labels import same_label
from config.machine import Climate, Power, Reach
from config.table import Hours, PlainPath
from config.table import Table as _Table
from config.updates import Updates
from drivers.boards import FAMILIES

LANGUAGES = (
    "en",
    *sorted(
        entry.name.removesuffix(".po")
        for entry in (resources.files("assets") / "locale").iterdir()
        if entry.name.endswith(".po")
    ),
)
"""The languages that the screen speaks: English, and each that has a catalogue."""

MIN_HASH_BYTES = 16
EMERGENCY_DIGITS = 3

BAUD_RATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


def _known_language(language: str) -> str:
    if language not in LANGUAGES:
        raise ValueError("is not a language of this version")
    return language


def _known_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError("is not a time zone") from error
    return name


def _known_country(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("unknown country")
    return code


def _known_baud(baud: int) -> int:
    if baud not in BAUD_RATES:
        raise ValueError("is not a usual speed")
    return baud


def _known_family(family: str) -> str:
    if family not in FAMILIES:
        raise ValueError("is not a board family of this version")
    return family


def _argon2id(pin_hash: str) -> str:
    try:
        found = extract_parameters(pin_hash)
    except (InvalidHashError, ValueError):
        found = None
    if found is None or found.type is not Type.ID:
        raise ValueError("is not an argon2id hash")
    if found.hash_len < MIN_HASH_BYTES:
        raise ValueError("is an argon2id hash cut short")
    return pin_hash


def _with_letters(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank")
    return text


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError("names something twice")
    return names


def _option(value: object) -> object:
    if not isinstance(value, (bool, int, str)):
        raise ValueError("is not true, false, a whole number or a text")
    return value


def _dialled(phone: str) -> str:
    if sum(sign.isdigit() for sign in phone) < EMERGENCY_DIGITS:
        raise ValueError("has too few digits")
    return phone


Language = Annotated[str, AfterValidator(_known_language)]
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_with_letters)]
Option = Annotated[bool | int | str, BeforeValidator(_option)]
Millimetres = Annotated[int, Field(ge=0, le=100_000)]
Extent = Annotated[int, Field(ge=1, le=100_000)]
SizeName = Annotated[str, Field(max_length=200), AfterValidator(_with_letters)]
Label = Annotated[
    str,
    Field(max_length=8, pattern=r"^-*[\p{L}\p{Nd}][\p{L}\p{M}\p{Nd}-]*$"),
    BeforeValidator(same_label),
]
PortName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]

_LEFT = "millimetres from the left end of the bank, a whole number from 0"
_BOTTOM = "millimetres above the floor, a whole number from 0"
_WIDTH = "the width in millimetres, a whole number from 1"
_HEIGHT = "the height in millimetres, a whole number from 1"
_LABEL = "1 to 8 letters of any script, digits or dashes, as written on the steel"
_PORT = 'a device like "/dev/serial/by-id/usb-…", or a path inside the kiosk\'s data folder'


class Face(_Table):
    """A rectangle in the drawing of the bank, seen from the front."""

    left_mm: Millimetres = Field(description=_LEFT)
    bottom_mm: Millimetres = Field(description=_BOTTOM)
    width_mm: Extent = Field(description=_WIDTH)
    height_mm: Extent = Field(description=_HEIGHT)

    def overlaps(self, other: Face) -> bool:
        return (
            self.left_mm < other.left_mm + other.width_mm
            and other.left_mm < self.left_mm + self.width_mm
            and self.bottom_mm < other.bottom_mm + other.height_mm
            and other.bottom_mm < self.bottom_mm + self.height_mm
        )

    def contains(self, other: Face) -> bool:
        return (
            self.left_mm <= other.left_mm
            and other.left_mm + other.width_mm <= self.left_mm + self.width_mm
            and self.bottom_mm <= other.bottom_mm
            and other.bottom_mm + other.height_mm <= self.bottom_mm + self.height_mm
        )


class Place(_Table):
    """[location]: which site this is."""

    id: str = Field(
        pattern=r"^[A-Za-z0-9-]{1,32}$",
        description="1 to 32 letters, digits or dashes; it stands in every QR code of this site",
    )
    name: Text = Field(description="the name on the screen, 1 to 200 characters")
    address: Text = Field(description="street, number and town, 1 to 200 characters")
    time_zone: Annotated[str, AfterValidator(_known_time_zone)] = Field(
        description='a name of the IANA time zone database, like "Europe/Berlin"'
    )
    languages: Annotated[
        tuple[Language, ...], Strict(False), Field(min_length=1), AfterValidator(_different)
    ] = Field(
        description="a list of languages, the first is the usual one; there are: "
        + ", ".join(f'"{language}"' for language in LANGUAGES)
    )
    help_phone: Annotated[str, AfterValidator(_dialled)] = Field(
        pattern=r"^\+?[0-9][0-9 ()/-]{1,30}$",
        description='a telephone number to call for help, like "+49 30 23125 014"',
    )
    country: Annotated[str, AfterValidator(_known_country)] | None = Field(
        default=None,
        description="where telephone numbers without a country code belong to: two capital letters"
        ' of ISO 3166, like "DE"',
    )
    latitude: float | None = Field(
        default=None, ge=-90, le=90, description="degrees north, from -90 to 90"
    )
    longitude: float | None = Field(
        default=None, ge=-180, le=180, description="degrees east, from -180 to 180"
    )


class Screen(Face):
    """[screen]: the panel, and where it is in the drawing of the bank."""

    width_px: int = Field(ge=320, le=8192, description="pixels, a whole number from 320 to 8192")
    height_px: int = Field(ge=320, le=8192, description="pixels, a whole number from 320 to 8192")
    rotation: Literal[0, 90, 180, 270] = Field(
        default=0,
        description="by how many degrees the picture is turned counter-clockwise: 0, 90, 180, 270",
    )


class Size(_Table):
    """[sizes.NAME]: the inside of a slot of this size, and what it may carry."""

    width_mm: Extent = Field(description=_WIDTH)
    height_mm: Extent = Field(description=_HEIGHT)
    depth_mm: Extent = Field(description="the depth in millimetres, a whole number from 1")
    max_weight_kg: float = Field(gt=0, le=1000, description="kilograms, more than 0")

    @property
    def volume_mm3(self) -> int:
        return self.width_mm * self.height_mm * self.depth_mm


class Board(_Table):
    """[[boards]]: a lock board on a serial line."""

    name: str = Field(pattern=r"^[A-Za-z0-9-]{1,32}$", description="1 to 32 letters, digits, -")
    family: Annotated[str, AfterValidator(_known_family)] = Field(
        description="one of " + ", ".join(f'"{family}"' for family in FAMILIES)
    )
    port: PortName = Field(description=_PORT)
    address: int = Field(ge=0, le=255, description="the board's address, a whole number 0 to 255")
    channels: int = Field(ge=1, le=64, description="how many locks it has, a whole number 1 to 64")
    invert: bool = Field(
        default=False,
        description="true when its sensors say open for closed (a matter of wiring), else false",
    )
    has_door_sensors: bool = Field(
        default=True,
        description="false when nothing tells whether its doors are open: people are asked then",
    )
    options: Mapping[str, Option] = Field(
        default={}, description="a table of what the family lets you set, see drivers/README.md"
    )


class Signal(_Table):
    """[[signals]]: a light or a buzzer on a spare output, on while a door of its locker is open."""

    board: str = Field(description="the name of a board whose outputs can be held")
    channel: int = Field(ge=1, le=64, description="a spare output of the board, counted from 1")
    kind: Literal["light", "buzzer"] = Field(description='"light" or "buzzer"')
    locker: Annotated[str, BeforeValidator(same_label)] = Field(description="a locker's label")


class ScannerPlace(Face):
    """[scanner_place]: where codes are held to be scanned, in the drawing of the bank."""


class Scanner(_Table):
    """[scanner]: the barcode scanner on a serial line."""

    port: PortName = Field(description=_PORT)
    baud: Annotated[int, AfterValidator(_known_baud)] = Field(
        default=115200, description="one of " + ", ".join(map(str, BAUD_RATES))
    )


class Slot(Face):
    """[[lockers.slots]]: a compartment; the rectangle is its door's face."""

    label: Label = Field(description=_LABEL)
    size: str = Field(description="the name of a size")
    board: str = Field(description="the name of a board")
    channel: int = Field(ge=1, le=64, description="the board's lock output, counted from 1")


class Locker(Face):
    """[[lockers]]: a cabinet; the rectangle is its outline."""

    label: Label = Field(description=_LABEL)
    slots: Annotated[tuple[Slot, ...], Strict(False), Field(min_length=1)] = Field(
        description="at least one slot"
    )


class Staff(_Table):
    """[[staff]]: a person who signs in with a PIN: the number, then the secret digits."""

    number: str = Field(
        pattern=r"^[0-9]{2,12}$",
        description='two to twelve digits in quotes, which are typed before the PIN: "11"',
    )
    name: Text = Field(description="the person's name, 1 to 200 characters")
    role: Literal["courier", "technician"] = Field(description='"courier" or "technician"')
    pin_hash: Annotated[str, AfterValidator(_argon2id)] = Field(
        description="the argon2id hash of the PIN's remaining digits; `kiosk pin` makes it"
    )
    pin_digits: int | None = Field(
        default=None,
        ge=4,
        le=6,
        description="how many secret digits the PIN has, 4 to 6; `kiosk pin` says it",
    )
    badge_hash: Annotated[str, AfterValidator(_argon2id)] | None = Field(
        default=None, description="the argon2id hash of a badge's secret; `kiosk badge` makes both"
    )
    carriers: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]] = Field(
        default=["operator"],
        min_length=1,
        max_length=20,
        description="1 to 20 ids of carriers, in small letters, digits and dashes: whose packages a"
        " courier touches. What is brought unannounced is the first one's",
    )


class Policy(_Table):
    """[policy]: what this site allows."""

    hold_days: int = Field(
        default=5, ge=3, le=7, description="days a package is held, a whole number from 3 to 7"
    )
    allocation: Literal["best-fit", "first-available"] = Field(
        default="best-fit", description='"best-fit" or "first-available"'
    )
    low_reserve: int = Field(
        default=1, ge=0, le=100, description="low slots kept back per size, a whole number from 0"
    )
    show_code_to_courier: bool = Field(default=False, description="true or false")
    ask_phone_digits: bool = Field(default=False, description="true or false")
    late_pickup: bool = Field(default=True, description="true or false")
    one_code_for_all: bool = Field(default=True, description="true or false")
    couriers_may_look: bool = Field(default=True, description="true or false")
    may_extend: bool = Field(default=False, description="true or false")
    deposit_by_phone: bool = Field(
        default=False,
        description="true when couriers may name the phone of whom an unannounced package is for",
    )
    deposit_by_directory: bool = Field(
        default=False,
        description="true when couriers may look for that person in the house's directory",
    )
    guest_deposits: bool = Field(
        default=False, description="true when anybody may put a package in for somebody else"
    )
    guest_deposits_an_hour: int = Field(
        default=6, ge=1, le=60, description="how many at this kiosk, a whole number from 1 to 60"
    )
    guest_deposits_a_phone: int = Field(
        default=3,
        ge=1,
        le=50,
        description="how many a day from or to one phone, a whole number from 1 to 50",
    )
    guest_doors_percent: int = Field(
        default=20,
        ge=1,
        le=100,
        description="the most doors that guests' packages take, in percent, 1 to 100",
    )
    reopen_s: int = Field(
        default=120, ge=0, le=600, description="seconds, a whole number from 0 to 600"
    )
    erase_after_days: int = Field(
        default=30,
        ge=1,
        le=365,
        description="days that names and numbers are kept after a package is finished, 1 to 365",
    )
    open_window_s: int = Field(
        default=10,
        ge=2,
        le=30,
        description="seconds a pulsed door has to open, a whole number from 2 to 30",
    )
    trust_without_sensors: bool = Field(
        default=False,
        description="true when a customer's word frees a slot of a board without door sensors",
    )
    courier_session_s: int = Field(
        default=120, ge=20, le=3600, description="seconds, a whole number from 20 to 3600"
    )
    courier_lock_s: int = Field(
        default=60,
        ge=30,
        le=3600,
        description="seconds without a touch until a courier's session locks, 30 to 3600",
    )
    technician_lock_s: int = Field(
        default=120,
        ge=30,
        le=3600,
        description="seconds without a touch until a technician's session locks, 30 to 3600",
    )
    locked_session_s: int = Field(
        default=600,
        ge=60,
        le=86_400,
        description="seconds that a locked session waits for its owner, 60 to 86400",
    )
    pin_wait_max_s: int = Field(
        default=900,
        ge=60,
        le=86_400,
        description="the longest wait after wrong PINs of one person in seconds, 60 to 86400",
    )


class Privacy(_Table):
    """[privacy]: what this site says of what it keeps of people."""

    contact: Text = Field(
        description="whom people ask: a name, an e-mail address, a number, 1 to 200 characters"
    )


class Messages(_Table):
    """[messages]: where one message file per stored package goes, for an SMS gateway daemon."""

    folder: PlainPath = Field(description="a folder, absolute or inside the kiosk's data folder")


class Backup(_Table):
    """[backup]: where a copy of the database goes every night."""

    folder: PlainPath = Field(
        description="a folder on another disk than the kiosk's data, absolute or inside the data"
        " folder"
    )
    keep: int = Field(
        default=14, ge=2, le=1000, description="how many are kept, a whole number from 2 to 1000"
    )
    keep_days: int = Field(
        default=30, ge=2, le=3650, description="days they are kept, a whole number from 2 to 3650"
    )


def _one_or_several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


ServerAddress = Annotated[str, Field(pattern=r"^https?://[^\s/?#@\\]+(/[^\s?#@\\]*)?$")]


class Server(_Table):
    """[server]: the line to the central server, where this site has one."""

    url: Annotated[tuple[ServerAddress, ...], Strict(False), BeforeValidator(_one_or_several)] = (
        Field(
            default=(),
            description='the server\'s address, like "https://lockers.example.org", or a list of'
            " several, the one to ask first; none: where the kiosk enrolled",
        )
    )
    allow_plain_http: bool = Field(
        default=False,
        description="true when the server may be reached by http, which everybody on the way can"
        " read, else false",
    )
    client_certificate: PlainPath | None = Field(
        default=None,
        description="a PEM file with which the kiosk proves itself, absolute or inside the data"
        " folder",
    )
    client_key: PlainPath | None = Field(
        default=None,
        description="the PEM file with that certificate's key, absolute or inside the data folder",
    )
    ca: PlainPath | None = Field(
        default=None,
        description="a PEM file with who issued the server's certificate, absolute or inside the"
        " data folder",
    )


class Look(_Table):
    """[look]: what of the screens is the site's own."""

    accent: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")] | None = Field(
        default=None, description='a colour like "#0B4EA8"; a light one carries dark words'
    )
    logo: PlainPath | None = Field(
        default=None,
        description="a PNG picture, absolute or inside the kiosk's data folder; it stands where the"
        " name would",
    )
    night: Hours = Field(
        default="21:30-06:00",
        description='when the screens are dark and the sounds quiet, like "21:30-06:00", or ""',
    )
    motion: bool = Field(
        default=True, description="false when nothing on the screens moves by itself, else true"
    )
    screen_saver_s: int = Field(
        default=180, ge=30, le=86_400, description="seconds, a whole number from 30 to 86400"
    )


class Sound(_Table):
    """[sound]: speech, sounds and the jack."""

    speech: Annotated[tuple[Text, ...], Strict(False)] = Field(
        default=("espeak-ng", "-v", "{language}", "-s", "150", "-a", "{volume}", "--stdin"),
        description="a command that speaks what it reads, as a list; {language} becomes the code of"
        " the language, {volume} the volume, from 0 to 200 of which 100 is usual; [] for none",
    )
    player: Annotated[tuple[Text, ...], Strict(False)] = Field(
        default=("aplay", "-q"),
        description="a command that plays the WAV file which it reads, as a list; [] for none",
    )
    speaks_directions: bool = Field(
        default=True,
        description="true when the way to an open door is spoken to everybody by day, else false",
    )
    volume_percent: int = Field(
        default=100,
        ge=0,
        le=100,
        description="how loud it is where no person sets it, a whole number from 0 to 100",
    )
    jack: PlainPath | None = Field(
        default=None,
        description='the input device of the headphone jack, like "/dev/input/by-path/…-event"',
    )


class Site(_Table):
    """A whole site file."""

    location: Place = Field(description="a table [location]")
    screen: Screen = Field(description="a table [screen]")
    sizes: Mapping[SizeName, Size] = Field(
        min_length=1, description="a table per size, like [sizes.S]; from the smallest here"
    )
    boards: Annotated[tuple[Board, ...], Strict(False), Field(min_length=1)] = Field(
        description="at least one [[boards]]"
    )
    scanner: Scanner | None = Field(default=None, description="a table [scanner], or none")
    scanner_place: ScannerPlace | None = Field(
        default=None, description="a table [scanner_place], or none"
    )
    lockers: Annotated[tuple[Locker, ...], Strict(False), Field(min_length=1)] = Field(
        description="at least one [[lockers]]"
    )
    signals: Annotated[tuple[Signal, ...], Strict(False)] = Field(
        default=(), description="a list of [[signals]]"
    )
    staff: Annotated[tuple[Staff, ...], Strict(False)] = Field(
        default=(), description="a list of [[staff]]"
    )
    policy: Policy = Field(default=Policy(), description="a table [policy], or none")
    privacy: Privacy | None = Field(default=None, description="a table [privacy], or none")
    messages: Messages | None = Field(default=None, description="a table [messages], or none")
    backup: Backup | None = Field(default=None, description="a table [backup], or none")
    server: Server = Field(default=Server(), description="a table [server], or none")
    updates: Updates = Field(default=Updates(), description="a table [updates], or none")
    power: Power | None = Field(default=None, description="a table [power], or none")
    climate: Climate | None = Field(default=None, description="a table [climate], or none")
    reach: Reach = Field(default=Reach(), description="a table [reach], or none")
    look: Look = Field(default=Look(), description="a table [look], or none")
    sound: Sound = Field(default=Sound(), description="a table [sound], or none")

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All slots of all lockers, in the file's order."""
        return tuple(slot for locker in self.lockers for slot in locker.slots)
