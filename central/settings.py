"""How a central server is set up: one TOML file, every mistake of it reported at once."""

from __future__ import annotations

import re
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from central import addresses
from central.brands import logo_of
from central.errors import CannotServeError
from kiosk.model.urls import host, is_loopback

GRANT = re.compile(r"(viewer|operator|admin)(@[a-z0-9][a-z0-9-]{0,31})?")
"""A role, and where: see `central.areas.grants.read`."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Smtp(_Part):
    """Where e-mail goes out."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    sender: str
    reply_to: str = ""
    """Where answers go, such as to somebody who reads them; empty: to the sender."""
    user: str = ""
    password: str = ""
    security: Literal["starttls", "tls", "none"] = "starttls"
    connections: int = Field(default=4, ge=1, le=64)

    @field_validator("sender", "reply_to")
    @classmethod
    def _is_a_sender(cls, text: str, info: ValidationInfo) -> str:
        if text or info.field_name == "sender":
            addresses.sender(text)
        return text


class Sms(_Part):
    """An SMS gateway that speaks as Twilio does, or a folder for an SMS daemon such as smstools."""

    url: str = ""
    account: str = ""
    token: str = ""
    sender: str = ""
    folder: Path | None = None
    incoming_secret: str = Field(default="", pattern=r"^([A-Za-z0-9_-]{16,200})?$")
    """Behind `/v1/sms/`: where the gateway hands on what people send, such as STOP."""
    incoming_folder: Path | None = None
    """Where the daemon leaves what people send, on the machine that keeps house."""


class Notifications(_Part):
    """Who is notified of what, how, and when not."""

    channels: tuple[Literal["email", "sms", "apprise"], ...] = ("email", "sms")
    """In this order: the first for which a person has an address."""
    undo_wait_s: int = Field(default=120, ge=0, le=3600)
    """How long the message of a deposit waits for a courier who may still undo it."""
    remind_after_days: tuple[int, ...] = (2,)
    about_to_expire_h: int = Field(default=24, ge=1, le=168)
    quiet_from_h: int = Field(default=22, ge=0, le=23)
    quiet_until_h: int = Field(default=7, ge=0, le=23)
    operator_urls: tuple[str, ...] = ()
    """Apprise URLs that hear of door faults."""
    person_url: str = ""
    """An Apprise URL with `{phone}` or `{email}` for people on the channel `apprise`."""
    silent_after_s: int = Field(default=300, ge=30)
    """A kiosk that was not heard of for so long is silent: holds of its packages stand still."""
    outage_notified_after_s: int = Field(default=1800, ge=60, le=86_400)
    """People are notified that their package cannot be fetched when that has lasted so long."""
    outage_over_after_s: int = Field(default=600, ge=60, le=86_400)
    """They are notified that it can be fetched again when that has lasted so long; what goes again
    before is the same outage."""


class Health(_Part):
    """When operators hear of what a kiosk says of its climate, its power and itself."""

    processor_hot_c: float = Field(default=80, ge=30, le=120)
    bank_hot_c: float = Field(default=50, ge=20, le=100)
    bank_cold_c: float = Field(default=-15, ge=-60, le=20)
    """Inside the bank; what a lock board stands is on its data sheet."""
    hysteresis_c: float = Field(default=5, ge=0, le=30)
    """By so many degrees it has to come back before it is over."""
    climate_after_s: int = Field(default=300, ge=0, le=86_400)
    """When it has lasted so long."""
    power_lost_after_s: int = Field(default=60, ge=0, le=86_400)
    """Carriers hear of lost mains at the same time."""
    unwell_after_s: int = Field(default=900, ge=0, le=86_400)
    """When a kiosk has said for so long that it is not well, or that its supply does not answer."""


class Brand(_Part):
    """Whose lockers they are, as people know it: what their messages and pages show."""

    name: str = Field(default="", max_length=80)
    colour: str = Field(default="", pattern=r"^(#[0-9a-fA-F]{6})?$")
    """As #0b4ea8: the band at the head of a message."""
    logo: Path | None = None
    """A picture (PNG, 40 KB at most) that is sent within each e-mail."""
    help_phone: str = Field(default="", max_length=40)
    """Whom people call where their location names nobody."""

    @field_validator("logo")
    @classmethod
    def _is_a_picture(cls, logo: Path | None) -> Path | None:
        if logo is not None:
            logo_of(logo)
        return logo


class Privacy(_Part):
    """What it says is kept of people: at `/privacy`, to which their messages lead."""

    contact: str = Field(default="", max_length=200)
    """Whom they ask: a name, an address, a number."""
    text: dict[str, str] = {}
    """The owner's own words, by language (`en`, `de` …); where there are none, ours."""


class SingleSignOn(_Part):
    """A provider of OpenID Connect at which operators may sign in."""

    name: str = "single sign-on"
    """What stands on the button."""
    issuer: str
    client_id: str
    client_secret: str = ""
    scope: str = "openid email profile"
    has_second_factor: bool = False
    """The provider asks for a second factor itself, so that none is asked for here."""
    role_claim: str = ""
    """The claim that says what somebody may do; empty: only who has an account here signs in."""
    roles: dict[str, str] = {}
    """What each value of the claim lets its owners do: a role, or a role in an area and all within
    it, as operator@berlin."""

    @field_validator("roles")
    @classmethod
    def _are_grants(cls, roles: dict[str, str]) -> dict[str, str]:
        for text in roles.values():
            if not GRANT.fullmatch(text):
                right = "viewer, operator or admin, or one in an area, as operator@berlin"
                raise ValueError(f"{text!r}: right is {right}")
        return roles

    @field_validator("issuer")
    @classmethod
    def _is_safe(cls, issuer: str) -> str:
        url = urlsplit(issuer)
        is_here = url.hostname in ("localhost", "127.0.0.1", "::1")
        if url.scheme != "https" and not (url.scheme == "http" and is_here):
            raise ValueError("a provider is asked over https, like https://id.example.org")
        return issuer

    @model_validator(mode="after")
    def _has_roles(self) -> SingleSignOn:
        if bool(self.role_claim) != bool(self.roles):
            raise ValueError("role_claim and roles belong together: name both, or neither")
        if "openid" not in self.scope.split():
            raise ValueError("scope must have openid in it")
        return self


class SignIn(_Part):
    """How operators sign in at the pages, and how long that lasts."""

    second_factor: Literal["nobody", "admins", "everybody"] = "admins"
    """Who must have one. Whoever has one is asked for it."""
    opening_factor_s: int = Field(default=0, ge=0, le=3600)
    """A door is opened from a page only if a second factor was given so lately; 0 does not ask."""
    idle_s: int = Field(default=2 * 3600, ge=60, le=30 * 86_400)
    """A session that nobody uses ends after so long."""
    session_s: int = Field(default=24 * 3600, ge=300, le=90 * 86_400)
    """A session ends after so long, used or not; with less than 20 hours its end would have to be
    put off as easily as the other one (WCAG 2.2.1)."""
    tries: int = Field(default=5, ge=1, le=100)
    """So many tries go without a wait, of an account from an address, and of a known device."""
    wait_first_s: int = Field(default=5, ge=1, le=3600)
    """The first wait; each further one is twice as long."""
    wait_longest_s: int = Field(default=900, ge=1, le=86_400)
    link_h: int = Field(default=24, ge=1, le=168)
    """How long a link for a new password is good."""
    views_once_s: int = Field(default=3600, ge=0, le=86_400)
    """Who looks at the same person's data again so soon is not written down again."""

    def needs_factor(self, is_admin: bool) -> bool:
        """Whether such an operator must have a second factor."""
        return self.second_factor == "everybody" or (self.second_factor == "admins" and is_admin)


Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class Limits(_Part):
    """What may be asked for, sent and kept: so many an hour, evenly refilled, where nothing else is
    said. What is above waits or is refused, and hears when there is room again."""

    messages_by_package: Count = 12
    """To people, about one package."""
    messages_by_package_and_kind: Count = 4
    """Of one kind, such as a new code."""
    emails_by_address: Count = 60
    emails_by_address_and_sender: Count = 30
    """What one sender's packages send to one address."""
    sms_by_address: Count = 20
    sms_by_address_and_sender: Count = 10
    messages_by_location: Count = 3000
    messages_by_location_and_sender: Count = 1500
    emails_by_sender: Count = 20_000
    sms_by_sender: Count = 2000
    emails: Count = 100_000
    """All of them; SMS and other ways the same."""
    sms: Count = 10_000
    other_messages: Count = 10_000
    operator_messages: Count = 30
    """To operators, about one location, of one kind."""
    share_without_code: float = Field(default=0.7, gt=0, le=1)
    """How much of each budget messages without a pickup code may use."""
    changes_by_package: Count = 20
    """New codes, contacts, longer holds, recalls of one package by one key, operator or link."""
    commands_by_location_and_sender: Count = 600
    """What one key has one kiosk write down."""
    open_announcements_per_door: float = Field(default=3.0, gt=0, le=1000)
    """How many packages of one key may be announced to a location and not have come, by its doors.
    """
    open_announcements_min: Count = 50
    """The same where a location has few doors, or its kiosk has not sent them."""
    open_announcements_by_sender: Count = 50_000
    """The same at all locations together."""
    events_by_location: Count = 100_000
    """What one kiosk's journal brings; a message above it comes again later."""
    events_kb_by_location: Count = 50_000
    """The same in KB."""
    quarantine_by_location: Count = 1000
    """How many events of one location lie whole in quarantine and wait for somebody; of the same
    number more the name and the hash are kept, and what comes then is counted."""
    alarms_by_location: Count = 60
    """What one kiosk says of itself that operators must look at; of more there is one alarm a day.
    """
    promised_share: float = Field(default=0.5, gt=0, le=1)
    """How many of a location's doors one sender's announcements take in the eyes of the others."""


class Reservations(_Part):
    """How much room may be kept for what is not announced yet, and for how long."""

    hours_max: int = Field(default=72, ge=1, le=720)
    """The furthest end of a reservation, in hours from now."""
    share: float = Field(default=0.5, ge=0, le=1)
    """How many of a location's doors all reservations together take at most."""
    hard_share: float = Field(default=0.25, ge=0, le=1)
    """How many of them its kiosk keeps free for reservations at most."""


class Retention(_Part):
    """For how many days something is kept."""

    events_days: int = Field(default=400, ge=30, le=36_500)
    """Events of journals: who took what, and what a kiosk that was restored gets back."""
    audit_days: int = Field(default=730, ge=30, le=36_500)
    """Who did what at this server, and alarms."""
    messages_days: int = Field(default=90, ge=7, le=36_500)
    """Messages that went out or were given up, after their packages have left."""
    commands_days: int = Field(default=90, ge=7, le=36_500)
    """Commands that their kiosks have answered."""
    quarantine_days: int = Field(default=400, ge=30, le=36_500)
    """Events in quarantine, after somebody has settled them."""
    archive: Path | None = None
    """On PostgreSQL: the folder into which whole months of events, messages and the audit log are
    written before they are dropped; none: they are dropped."""


class Region(_Part):
    """Another region: a server or cluster with a database and a key of its own."""

    url: str
    """Where carriers and kiosks are sent that ask for a location of it."""
    key: str = Field(min_length=1)
    """An API key of it, with the scope `locations:read`."""

    @field_validator("url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        parts = urlsplit(url)
        is_here = parts.scheme == "http" and is_loopback(parts.hostname or "")
        if (parts.scheme != "https" and not is_here) or not parts.hostname:
            raise ValueError("another region is asked over https, like https://south.example.org")
        return url.rstrip("/")


class Feed(_Part):
    """Where `central stream` gives on what happened, and how long that waits."""

    target: str = ""
    """`kafka://HOST:PORT/TOPIC`, `nats://HOST:PORT/SUBJECT` or `file:///PATH`; with TLS kafka+tls
    and nats+tls. A user and password may stand in it."""
    user: str = ""
    password: str = ""
    credentials_file: Path | None = None
    """A NATS credentials file, or lines `name=value` of librdkafka's settings."""
    tls_ca: Path | None = None
    """Who issued the broker's certificate; None: one that the system trusts."""
    keep_days: int = Field(default=7, ge=1, le=29)
    """A reader for whom something waits longer is stopped, and operators are alarmed."""
    rows_max: int = Field(default=5_000_000, ge=1000, le=1_000_000_000)
    """The same for a reader for whom so many rows wait."""


class Webhooks(_Part):
    """Where webhooks may go, and how long they are tried."""

    addresses: tuple[str, ...] = ()
    """Addresses or networks that they may go to though these are not public, also without TLS."""
    tls_ca: Path | None = None
    """Who issued the receivers' certificates; None: one that the system trusts."""
    answer_within_s: float = Field(default=15, gt=0, le=60)
    """In which a receiver has to answer."""
    try_for_h: int = Field(default=72, ge=1, le=720)
    """After so long without success a webhook is given up: it can be sent again by hand."""
    side_by_side: int = Field(default=8, ge=1, le=64)
    """So many are sent to one receiver at a time."""
    receivers_by_carrier: int = Field(default=10, ge=1, le=1000)

    @field_validator("addresses")
    @classmethod
    def _are_networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for each in texts:
            ip_network(each)
        return texts


class ConnectionLimits(_Part):
    """How many connections there may be, and how long one may take."""

    most: int = Field(default=2000, ge=10, le=1_000_000)
    by_address: int = Field(default=100, ge=2, le=1_000_000)
    """From one address, or one IPv6 network of 64 bits; a trusted proxy may have more."""
    head_within_s: float = Field(default=10, gt=0, le=600)
    """In which a request's line and headers have to arrive."""
    form_within_s: float = Field(default=30, gt=0, le=600)
    """In which the body has to arrive of somebody whose token is not known before it is read."""
    body_within_s: float = Field(default=120, gt=0, le=3600)
    """In which anybody else's has to: a locker's line may carry a few kilobytes a second."""
    bodies_by_sender: int = Field(default=64, ge=2, le=100_000)
    """How many bodies of one token, or of one address without one, are waited for at a time."""
    answer_within_s: float = Field(default=60, gt=0, le=3600)
    """In which an answer has to be read."""
    idle_s: int = Field(default=75, ge=1, le=3600)
    """How long a connection stays open for the next request: longer than kiosks stay away."""
    waiting: int = Field(default=10_000, ge=1, le=1_000_000)
    """How many kiosks may wait for commands at a time, beside all other connections."""


Role = Literal["api", "worker", "keeper"]


class Settings(_Part):
    """A server's settings."""

    data: Path = Path("data/central")
    database_url: str = ""
    """SQLAlchemy's URL, or PostgreSQL's own; empty is SQLite in the data folder."""
    read_url: str = ""
    """The URL of PostgreSQL's standbys, from which pages, reports, packages' histories and the
    nearest locations are read; empty: the primary answers."""
    read_behind_max_ms: int = Field(default=100, ge=0, le=10_000)
    """How long such a read waits for a standby that is behind; then the primary answers."""
    lanes: int = Field(default=8, ge=1, le=200)
    """How many transactions this process writes side by side on PostgreSQL."""
    postgresql_programs: Path | None = None
    """The folder of `pg_dump` and `pg_restore`; none: they are in PATH."""
    key_file: Path | None = None
    """Where the server's key is; none is `central.key` in the data folder."""
    forgotten_file: Path | None = None
    """Where the list of who was forgotten is; none is `forgotten.jsonl` in the data folder."""
    releases_folder: Path | None = None
    """The folder of the files of kiosks' releases; none is `releases` in the data folder."""
    roles: tuple[Role, ...] = Field(default=get_args(Role), min_length=1)
    """What this process does: answer requests, send messages, keep house (one process at a time,
    of all that may). On SQLite there is one process, which does all of it."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = ""
    """How people and kiosks reach the server; empty is `http://host:port`."""
    allow_plain_http: bool = False
    """Whether this server may be reached by http from other machines, which everybody on the way
    can read, and may send its own tokens so."""
    allow_older_kiosks: bool = True
    """Whether kiosks of 0.2 may enrol, which send their location's key as it is."""
    tls_certificate: Path | None = None
    """With which the server ends TLS itself (PEM); None: a proxy in front of it does."""
    tls_key: Path | None = None
    """Of that certificate; None where both are in one file."""
    tls_client_ca: Path | None = None
    """Who issued the certificates that every client must show; None: none must."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses or networks whose X-Forwarded-For and -Proto are believed; nobody else's are."""
    sync_s: int = Field(default=60, ge=1, le=3600)
    """How often a kiosk comes that waits for its commands in between."""
    poll_s: int = Field(default=10, ge=1, le=3600)
    """How often one comes that does not: of an earlier version, or behind a proxy that does not let
    it; never more seldom than the others."""
    wait_s: int = Field(default=55, ge=1, le=300)
    """How long a kiosk's waiting request is held before it is answered with nothing."""
    hold_days_max: int = Field(default=7, ge=1, le=30)
    erase_after_days: int = Field(default=30, ge=1, le=3650)
    unjoined_after_s: int = Field(default=3600, ge=60)
    smtp: Smtp | None = None
    sms: Sms | None = None
    notifications: Notifications = Notifications()
    health: Health = Health()
    brand: Brand = Brand()
    privacy: Privacy = Privacy()
    sign_in: SignIn = SignIn()
    single_sign_on: SingleSignOn | None = None
    limits: Limits = Limits()
    reservations: Reservations = Reservations()
    retention: Retention = Retention()
    region: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9-]{0,31})?$")
    """What this server is called among others: small letters, digits and -."""
    regions: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")], Region] = {}
    """The other regions, by their names."""
    feed: Feed = Feed()
    webhooks: Webhooks = Webhooks()
    connections: ConnectionLimits = ConnectionLimits()
    watched_at: str = ""
    """A `host:port` of its own for `/metrics` and `/readyz`, which are nowhere else then."""
    disk_free_min_mb: int = Field(default=200, ge=0, le=10_000_000)
    """With less room for the database the server says that it is not ready."""

    @model_validator(mode="after")
    def _has_a_name(self) -> Settings:
        if self.regions and (not self.region or self.region in self.regions):
            raise ValueError("region: where there are others, this one has a name of its own")
        return self

    @field_validator("watched_at")
    @classmethod
    def _is_an_address(cls, text: str) -> str:
        parts = urlsplit(f"//{text}")
        if text and (not parts.hostname or parts.port is None or parts.netloc != text):
            raise ValueError("right is host:port, like 127.0.0.1:9100")
        return text

    @property
    def watched_port(self) -> int | None:
        """The port of `watched_at`, where there is one."""
        return urlsplit(f"//{self.watched_at}").port if self.watched_at else None

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for each in proxies:
            ip_network(each)
        return proxies

    def next_sync_s(self, *, waits: bool) -> float:
        """When a kiosk is to come again that waits for its commands in between, or does not."""
        return float(self.sync_s if waits else min(self.poll_s, self.sync_s))

    @property
    def late_after_s(self) -> float:
        """A kiosk that was not heard of for so long is late: it has missed two syncs."""
        return max(60.0, 2.5 * self.sync_s)

    @property
    def silent_after_s(self) -> int:
        """A kiosk that was not heard of for so long is silent, however seldom it comes."""
        return max(self.notifications.silent_after_s, 3 * self.sync_s)

    @property
    def url(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{(self.data / 'central.db').absolute()}"

    @property
    def key_path(self) -> Path:
        """Where the server's key is."""
        return self.key_file or self.data / "central.key"

    @property
    def base_url(self) -> str:
        """How the server is reached from outside, without a slash at the end."""
        scheme = "http" if self.tls_certificate is None else "https"
        return (self.public_url or f"{scheme}://{host(self.host)}:{self.port}").rstrip("/")


def load(path: Path | None, **changes: object) -> Settings:
    """The settings of a file, with some changed by the command line.

    Raises `CannotServeError` with every mistake of the file, each with its field and value.
    """
    values: dict[str, object] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise CannotServeError(f"{path}: {error}") from error
    values |= {name: value for name, value in changes.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, each['loc']))}{_shown(each)}: {each['msg']}"
            for each in error.errors()
        ]
        # Not from the error of the library, which shows every value in a log.
        raise CannotServeError(f"{path or 'settings'}: " + "; ".join(lines)) from None


_MAY_BE_SECRET = re.compile(r"password|secret|token|account|key|url|target|user")


def _shown(error: ErrorDetails) -> str:
    """` = VALUE` of a setting that is wrong; nothing where a password may stand in it: in what is
    called so, in a whole table, and in a name that nobody knows, which may be a mistyped one."""
    value = error["input"]
    is_known = error["type"] not in ("extra_forbidden", "missing")
    if not is_known or not isinstance(value, str | int | float):
        return ""
    if any(_MAY_BE_SECRET.search(str(name)) for name in error["loc"]):
        return ""
    return f" = {value!r}"


def roles_of(text: str) -> tuple[Role, ...]:
    """Roles as they stand on a command line. Raises `CannotServeError`."""
    names = dict.fromkeys(name.strip() for name in text.split(","))
    known = get_args(Role)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CannotServeError(
            f"--role {text!r}: {unknown[0]!r} is no role; right is one of {', '.join(known)}, or"
            " several with commas"
        )
    return tuple(role for role in known if role in names)


def require_all_on_sqlite(settings: Settings) -> None:
    """Refuse to leave undone what nobody else does. Raises `CannotServeError`."""
    missing = [role for role in get_args(Role) if role not in settings.roles]
    if missing and settings.url.startswith("sqlite"):
        raise CannotServeError(
            f"roles = {list(settings.roles)}: on SQLite there is one process, and nobody else would"
            f" be {' and '.join(missing)}; leave roles out, or set a PostgreSQL URL to run several"
        )
