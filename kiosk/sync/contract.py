"""What goes over the wire between a kiosk and the server: the messages of the sync, both ways.

The kiosk sends its journal in order and hears how far it is durable; the server sends numbered
commands and sees them answered by events. `(location, epoch, seq)` names an event for ever.
"""

from __future__ import annotations

import json
from typing import Annotated, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from kiosk.model.carriers import CarrierId
from kiosk.model.clock import Instant
from kiosk.model.commands import ListedStaff
from kiosk.model.directory import Household
from kiosk.model.events import Event, kind_of
from kiosk.model.person import KEPT_NUMBER, NUMBER_DIGITS_MAX, NUMBER_DIGITS_MIN

EVENTS_MAX = 500
"""How many events one request carries at most."""
FILE_MAX_BYTES = 2_000_000
"""How long a file is at most that a kiosk sends because it was asked to."""
HELP_VALID_MS = 600_000
"""How long a command that helps remotely waits for its kiosk, but for a pause and settings."""
OPENING_VALID_MS = 60_000
"""How long a signed opening may be used."""
ADDRESSEES_MAX = 100
"""Of how many packages one request says whom they are for, at most."""
ADDRESSEE_MAX = 2_000
"""How long one of these is, sealed, at most."""
DIRECTORY_PAGE_MAX = 500
"""How many households one answer about a directory names at most."""
STAFF_PAGE_MAX = 500
"""How many people one answer about the list of staff names at most."""
STAFF_LIST_MAX = 20_000
"""How many people the list of a network has at most."""
CARRIER_KEYS_MAX = 800
"""How many keys of carriers a kiosk knows at most."""
REVOKED_BADGES_MAX = 4_000
"""How many badges and couriers are revoked at a kiosk at most; ended badges do not count."""
DOOR_SHARES_MAX = 2_000
"""How many shares of doors a kiosk hears of at most: of each carrier and size."""
REGIONS_MAX = 32
"""Of how many regions a location is at most: each within the next."""
SITE_FILE_MAX = 500_000
"""In characters; a site of a thousand slots has a fifth of it."""

Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
"""A number that every program and database can hold."""

Real = Annotated[float, Field(allow_inf_nan=False)]


class Message(BaseModel):
    """A message of the wire. A field of a newer version is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


Epoch = Annotated[str, Field(max_length=64, pattern=r"^[ -~]*$")]
"""The random id of a life of a kiosk's database."""


M = TypeVar("M", bound=Message)


def read_message(model: type[M], raw: bytes) -> M:
    """The message of a text. Raises `ValidationError`."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        # One odd sign in one event or command is not worth the whole message: half a surrogate
        # pair, which that reader takes for no JSON at all.
        try:
            read = json.loads(raw)
        except (ValueError, RecursionError):
            raise error from None
        return model.model_validate(read)


class WireEvent(Message):
    """One line of a kiosk's journal."""

    epoch: Epoch
    seq: Whole = Field(ge=1)
    kind: str = Field(max_length=64)
    body: str = Field(max_length=262_144)
    wall_ms: Whole
    monotonic_ms: Whole
    boot_id: str = Field(max_length=64)
    is_trusted: bool
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    mac: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Made of the hash with the location's key; empty in events of versions before 0.3."""

    @property
    def at(self) -> Instant:
        return Instant(self.wall_ms, self.monotonic_ms, self.boot_id, self.is_trusted)


class UnreadableEvent(Message):
    """A line of a journal of which only the place can be read. It is kept in quarantine, and does
    not hold up the lines behind it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    epoch: Epoch
    seq: Whole = Field(ge=1)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")

    @property
    def why(self) -> str:
        """What of it cannot be read."""
        try:
            WireEvent.model_validate(dict(self))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            return f"{field}: {ascii(first['input'])[:60]}: {first['msg']}"
        return ""


def wire_event(event: Event) -> WireEvent:
    """An event of the journal as it goes over the wire."""
    return WireEvent(
        epoch=event.epoch,
        seq=event.seq,
        kind=str(event.kind),
        body=event.body,
        wall_ms=event.at.wall_ms,
        monotonic_ms=event.at.monotonic_ms,
        boot_id=event.at.boot_id,
        is_trusted=event.at.is_trusted,
        hash=event.hash.hex(),
        mac=event.mac.hex(),
    )


def event_of(wire: WireEvent, previous: bytes) -> Event:
    """A line of the journal that came back over the wire; `previous` is the hash before it."""
    kind, digest, mac = kind_of(wire.kind), bytes.fromhex(wire.hash), bytes.fromhex(wire.mac)
    return Event(wire.epoch, wire.seq, kind, wire.body, wire.at, previous, digest, mac)


class Place(Message):
    """A place in a journal."""

    epoch: str = Field(default="", max_length=64)
    seq: Whole = Field(default=0, ge=0)
    hash: str = Field(default="", max_length=64)


class BoardStatus(Message):
    """A lock board, as the kiosk sees it."""

    name: str = Field(max_length=64)
    is_reachable: bool
    reason: str = Field(default="", max_length=200)
    since_ms: Whole | None = None


class PauseStatus(Message):
    """A pause as the kiosk keeps it."""

    reason: str = Field(max_length=32)
    until_ms: Whole | None = None
    is_closed: bool = False


class WentBack(Message):
    """A release that ran here and was left again."""

    version: str = Field(max_length=64)
    reason: str = Field(default="", max_length=300)
    at_ms: Whole = 0


class ReleaseStatus(Message):
    """Which releases of the program are on this machine, as its keeper says."""

    running: str = Field(default="", max_length=64)
    state: str = Field(default="", max_length=16)
    """`good`; `trial`: it has yet to prove itself; `factory`: no other can be used."""
    good: str = Field(default="", max_length=64)
    trial: str = Field(default="", max_length=64)
    went_back: WentBack | None = None
    bad: dict[
        Annotated[str, Field(max_length=64)],
        Annotated[str, Field(max_length=300)],
    ] = Field(default_factory=dict, max_length=50)
    """The releases that are not taken again, and why."""
    python: str = Field(default="", max_length=16)
    """For which Python a release must be made, like `cp311`."""
    machine: str = Field(default="", max_length=16)
    """For which machine, like `x86_64` or `aarch64`."""


class PowerStatus(Message):
    """What the uninterruptible supply says; None where it does not."""

    is_on_mains: bool | None = None
    is_battery_low: bool | None = None
    battery_percent: Real | None = None
    runtime_s: Whole | None = None
    """How long the battery lasts."""


class Status(Message):
    """How the machine is. Details of the moment, of which no history is kept but the minute's."""

    version: str = Field(default="", max_length=64)
    clock_ms: Whole = 0
    is_clock_trusted: bool = True
    boot_id: str = Field(default="", max_length=64)
    monotonic_ms: Whole = 0
    """Tells which of two messages of one boot was written first, whatever the wall clock says."""
    queue: Whole = Field(default=0, ge=0)
    parked: Whole = Field(default=0, ge=0)
    doors: dict[str, str] = Field(default_factory=dict, max_length=2000)
    """Slot label → OPEN, CLOSED or UNKNOWN."""
    boards: tuple[BoardStatus, ...] = Field(default=(), max_length=200)
    disk_free_bytes: Whole | None = None
    temperature_c: Real | None = None
    layout_hash: str = Field(default="", max_length=64)
    server_key: str = Field(default="", max_length=64)
    """The server's public key that this kiosk trusts, in hexadecimal."""
    journal_problem: str = Field(default="", max_length=300)
    """What is wrong with this kiosk's journal: it was cut, or rewritten."""
    staff_version: Whole | None = None
    """Which version of the server's list of staff this kiosk has, 0 before the first; None: it is
    of a version before 0.3, which is sent the list as a command."""
    pause: PauseStatus | None = None
    """None: it is not paused, or it is of a version that is paused by nobody."""
    remote_settings: dict[str, bool | Whole | str] = Field(default_factory=dict, max_length=50)
    """The settings that were changed remotely, by their names in the site file."""
    holds_stand_still: bool = False
    """No hold runs: this kiosk was not heard of, and has yet to give that time back; or its clock
    is not trusted."""
    is_well: bool | None = None
    """Whether it says that it works; None: it cannot say, or is of a version that does not."""
    unwell_reason: str = Field(default="", max_length=300)
    release: ReleaseStatus | None = None
    """None: nobody keeps releases on this machine."""
    bank_temperature_c: Real | None = None
    """Inside the bank; `temperature_c` is the processor's."""
    power: PowerStatus | None = None
    """None: no uninterruptible supply is watched here."""


class LayoutSlot(Message):
    """A door in the drawing of the bank, in millimetres from its left and from the floor."""

    label: str = Field(max_length=16)
    locker: str = Field(max_length=16)
    size: str = Field(max_length=16)
    is_low: bool = False
    left_mm: Whole
    bottom_mm: Whole
    width_mm: Whole
    height_mm: Whole


class LayoutSize(Message):
    """A size of slot: its inner dimensions and what it may carry."""

    name: str = Field(max_length=16)
    width_mm: Whole = Field(ge=0)
    height_mm: Whole = Field(ge=0)
    depth_mm: Whole = Field(ge=0)
    max_weight_kg: Real = Field(ge=0)


class Layout(Message):
    """What a location is made of, from the site's config."""

    name: str = Field(default="", max_length=200)
    address: str = Field(default="", max_length=400)
    time_zone: str = Field(default="UTC", max_length=64)
    languages: tuple[str, ...] = ("en",)
    help_phone: str = Field(default="", max_length=64)
    country: str = Field(default="", pattern=r"^([A-Z]{2})?$")
    latitude: Real | None = Field(default=None, ge=-90, le=90)
    longitude: Real | None = Field(default=None, ge=-180, le=180)
    sizes: tuple[LayoutSize, ...] = Field(default=(), max_length=64)
    slots: tuple[LayoutSlot, ...] = Field(default=(), max_length=2000)
    screen: LayoutSlot | None = None


class WireAddressee(Message):
    """Whom a package is for that nobody announced."""

    package: str = Field(min_length=1, max_length=64)
    said: str = Field(max_length=ADDRESSEE_MAX)
    """A `kiosk.model.addressee.Addressee`, sealed with the location's key."""


class SyncRequest(Message):
    """What a kiosk sends."""

    epoch: Epoch
    events: tuple[
        Annotated[WireEvent | UnreadableEvent, Field(union_mode="left_to_right")], ...
    ] = Field(default=(), max_length=EVENTS_MAX)
    head: Place = Place()
    cursor: Whole = Field(default=0, ge=0)
    """The number of the last command that was applied and journaled."""
    status: Status = Status()
    layout: Layout | None = None
    wants_people: bool = False
    """Tell once more who is listed here, and who packages are for: this kiosk was restored."""
    is_idle: bool = True
    """No more events wait behind these."""
    addressees: tuple[WireAddressee, ...] = Field(default=(), max_length=ADDRESSEES_MAX)
    """Only behind all events, to a server that takes them, until it says that it has."""
    waits: bool = False
    """Between its syncs this kiosk waits for what is new, and hears of it at once."""


class Parked(Message):
    """An event that the server holds but does not believe."""

    epoch: str
    seq: Whole
    reason: str


class SyncAnswer(Message):
    """What the server answers, once everything it names is durable."""

    acked: Place
    want_after: Place | None = None
    """Events after this one are missing: send from there."""
    parked: tuple[Parked, ...] = ()
    commands: tuple[JsonValue, ...] = ()
    """Each a `kiosk.model.commands.WireCommand`. The kiosk reads them one by one: one that does not
    fit is answered, and does not hold up the others."""
    now_ms: Whole
    next_sync_s: float
    want_layout: bool = False
    directory_version: Whole | None = None
    """Which version of the location's directory counts: a kiosk that has another fetches it. None:
    the server is of a version without directories."""
    addressees: tuple[str, ...] | None = None
    """The packages of which it was said whom they are for: they need not be named again. None: the
    server is of a version that does not take this."""
    staff_version: Whole | None = None
    """Which version of the list of staff counts: a kiosk that has another fetches what changed.
    None: the server is of a version before 0.3, which sends the list as a command."""
    public_url: str = Field(default="", max_length=300)
    """Where people reach the server's pages; "" where they do not, or of a version before 0.3."""
    silent_after_s: Whole | None = Field(default=None, ge=1)
    """After how long the server takes this kiosk for silent, and tells people that their time
    stands still. None: of a version that does not tell them."""


class CarrierKey(Message):
    """A key that a carrier signs its couriers' badges with."""

    carrier: CarrierId
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of Ed25519, in hexadecimal."""
    until_ms: Whole | None = Field(default=None, ge=0)
    """When it ends; None: no end is set."""


class RevokedBadge(Message):
    """Badges that are good no more, though they have not ended: one, or all of a courier's."""

    carrier: CarrierId
    badge: str = Field(default="", pattern=r"^([0-9a-f]{16})?$")
    """The badge's id; "" where it is all of a courier's."""
    pseudonym: str = Field(default="", max_length=24)
    until_ms: Whole = Field(ge=0)
    """When the last of them has ended by itself."""

    @model_validator(mode="after")
    def _names_one(self) -> RevokedBadge:
        if bool(self.badge) is bool(self.pseudonym):
            raise ValueError("badge, pseudonym: one of them is right, not both")
        return self


class DoorShare(Message):
    """How many doors of a size are kept for a carrier at a location, and how many it has at most
    for what it brings unannounced."""

    carrier: CarrierId
    size: str = Field(max_length=16)
    least: Whole = Field(ge=0)
    most: Whole | None = Field(default=None, ge=0)


class CarrierKeys(Message):
    """How a location knows couriers who are on no list: the carriers' keys, what is revoked, and
    whose couriers may type the site's code of the day; and which shares of the doors carriers have.
    Always all of it; it is short, however many couriers there are."""

    regions: tuple[Annotated[str, Field(max_length=64)], ...] = Field(
        default=(), max_length=REGIONS_MAX
    )
    """Those that the location is of."""
    keys: tuple[CarrierKey, ...] = Field(default=(), max_length=CARRIER_KEYS_MAX)
    revoked: tuple[RevokedBadge, ...] = Field(default=(), max_length=REVOKED_BADGES_MAX)
    site_codes: tuple[CarrierId, ...] = Field(default=(), max_length=CARRIER_KEYS_MAX)
    shares: tuple[DoorShare, ...] = Field(default=(), max_length=DOOR_SHARES_MAX)


class StaffPage(Message):
    """What changed in the list of a location's staff since a version, or the whole list. A part of
    it where that is long: what comes behind it begins at its `version`."""

    since: Whole = Field(ge=0)
    """Of which version it was asked what changed since; 0: of none."""
    version: Whole = Field(ge=0)
    """Up to which version it goes."""
    is_whole: bool
    """It begins a whole list, in the place of the one before."""
    has_more: bool
    digits: int = Field(ge=NUMBER_DIGITS_MIN, le=NUMBER_DIGITS_MAX)
    """How many digits of a number are typed."""
    listed: tuple[ListedStaff, ...] = Field(default=(), max_length=STAFF_PAGE_MAX)
    """Who is listed, or listed otherwise."""
    gone: tuple[Annotated[str, Field(pattern=KEPT_NUMBER)], ...] = Field(
        default=(), max_length=STAFF_PAGE_MAX
    )
    """The numbers of those who are not on this location's list any more, or never were."""
    carrier_keys: CarrierKeys | None = None
    """On the last page. None: more pages come, or the server is of a version without."""


class StaffAnswer(Message):
    """A page of the list of staff as it is sent: signed, for one location, as the answer to one
    question, so that none that was kept by somebody comes again."""

    page: JsonValue
    """A `StaffPage`."""
    signature: str = Field(max_length=256)
    """The server's Ed25519 signature of `staff_text`, in hexadecimal."""


class DirectoryPage(Message):
    """Some households of a location's directory, behind one id; the first page begins it."""

    version: Whole = Field(ge=0)
    """Of which version of the directory; pages of two versions are no directory."""
    after: str = Field(max_length=64)
    has_more: bool
    households: tuple[Household, ...] = Field(default=(), max_length=DIRECTORY_PAGE_MAX)


class DirectoryAnswer(Message):
    """A page of the directory as it is sent: signed like the list of staff."""

    page: JsonValue
    """A `DirectoryPage`."""
    signature: str = Field(max_length=256)
    """The server's Ed25519 signature of `directory_text`, in hexadecimal."""


class NearbyPlace(Message):
    """Another location that has room for a size."""

    id: str = Field(max_length=64)
    name: str = Field(max_length=200)
    address: str = Field(max_length=400)
    distance_m: Whole = Field(ge=0)
    free: Whole = Field(ge=0)


class NearbyAnswer(Message):
    """Where else there is room, by the sizes of this location; the nearest first."""

    sizes: dict[str, tuple[NearbyPlace, ...]] = Field(default_factory=dict, max_length=64)


class NearbyReserved(Message):
    """Room is kept at another location."""

    until_ms: Whole


class WaitAnswer(Message):
    """What a kiosk hears that waited."""

    is_due: bool
    """Something waits for it: a sync is worthwhile now."""


class EnrolRequest(Message):
    """A kiosk gives its one-time token and its location's key, and becomes known."""

    token: str = Field(max_length=128)
    location: str = Field(max_length=64)
    wrapped_key: str = Field(default="", max_length=256, pattern=r"^[0-9a-f]*$")
    """The location's key, wrapped to the server's: see `ServerKeys`."""
    key: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """The same as it is, as kiosks of 0.2 send it, and newer ones never."""
    layout: Layout | None = None


class ServerKeys(Message):
    """What a kiosk that is about to enrol is given: the server's public keys, in hexadecimal."""

    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of Ed25519: commands are signed with it."""
    wrapping_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of X25519: the location's key is wrapped to it."""


class EnrolAnswer(Message):
    """What an enrolled kiosk keeps."""

    location: str
    token: str
    public_key: str
    now_ms: Whole
    signs_commands: bool = False
    """Whether each command is signed; a server before 0.3 signs openings alone."""


class SiteFileAnswer(Message):
    """The site file of a location, for a kiosk that is about to enrol: signed for this location and
    for the question that the kiosk made up, so that none that was kept by somebody comes again."""

    location: str = Field(max_length=64)
    text: str = Field(max_length=SITE_FILE_MAX)
    """TOML, as `kiosk check` reads it."""
    signature: str = Field(max_length=256)
    """The server's Ed25519 signature of `site_file_text`, in hexadecimal."""


class RetireRequest(Message):
    """A kiosk goes out of service for good."""

    packages: tuple[Annotated[str, Field(max_length=64)], ...] = Field(default=(), max_length=2000)
    """The ids of those that lie inside."""


class RetireAnswer(Message):
    """Its token is revoked."""

    location: str


class EventsAnswer(Message):
    """Events of a kiosk's own journal, given back."""

    events: tuple[WireEvent, ...]
    has_more: bool
    is_complete: bool
    """Nothing waited to be sent when the kiosk was last heard of."""
    heard_ms: Whole
    """When that was, by the server's clock."""


def opening_text(location: str, command_id: str, slot: str, signed_ms: int) -> bytes:
    """What the server signs when it opens a door remotely."""
    return f"open\n{location}\n{command_id}\n{slot}\n{signed_ms}".encode()


def staff_text(location: str, question: str, page: JsonValue) -> bytes:
    """What the server signs of a page of the list of staff: for which location, in answer to which
    question, and all that it says. Raises `ValueError` or `TypeError` for what is no JSON."""
    said = ["parcel-kiosk staff list", location, question, page]
    return json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def directory_text(location: str, question: str, page: JsonValue) -> bytes:
    """What the server signs of a page of a directory. Raises `ValueError` or `TypeError` for what
    is no JSON."""
    said = ["parcel-kiosk directory", location, question, page]
    return json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def site_file_text(location: str, question: str, text: str) -> bytes:
    """What the server signs of a location's site file."""
    return json.dumps(["parcel-kiosk site file", location, question, text]).encode()


def command_text(
    location: str,
    n: JsonValue,
    command_id: JsonValue,
    kind: JsonValue,
    body: JsonValue,
    at_ms: object,
) -> bytes:
    """What the server signs of a command: for which location, its number, id, type and body, and
    when it was signed. Raises `ValueError` or `TypeError` for what is no JSON."""
    said = ["parcel-kiosk command", location, n, command_id, kind, body, at_ms]
    return json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
