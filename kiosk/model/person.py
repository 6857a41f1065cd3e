"""The people at a locker: recipients, couriers, technicians."""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from kiosk.model import actor
from kiosk.model.carriers import EVERY_CARRIER, OPERATOR, CarrierScope
from kiosk.model.clock import Instant
from kiosk.model.signed_badge import LIST_VALID_MS, ScannedBadge, is_signed_badge


class StaffSource(StrEnum):
    """Who put a person on the list."""

    CONFIG = "config"
    INIT = "init"
    SERVER = "centre"


class Role(StrEnum):
    """What a member of staff may do."""

    COURIER = "courier"
    TECHNICIAN = "technician"


@dataclass(frozen=True, slots=True)
class Staff:
    """A courier or technician who signs in with a PIN or a badge.

    The PIN's first digits are the person's number, so that a sign-in is checked against one hash
    and not against everybody's; the rest is the secret. A badge says both, too.
    """

    number: str
    """As it is kept, see `kept_number`; of a courier on no list, what the journal calls them."""
    name: str
    role: Role
    pin_hash: str
    """Argon2id, in the PHC string format, of the digits after the number."""
    badge_hash: str = ""
    """The same of the badge's secret; empty without a badge."""
    valid_from_ms: int | None = None
    valid_until_ms: int | None = None
    source: StaffSource = StaffSource.CONFIG
    listed_ms: int = 0
    """When the list that names this person was received."""
    carriers: tuple[str, ...] = (OPERATOR,)
    """Those that this person serves, the own one first."""
    badge: ScannedBadge | None = None
    """What let in a courier who is on no list, and a carrier's badge named."""
    has_site_code: bool = False
    """A courier who is on no list typed the site's code of the day."""

    @property
    def is_listed(self) -> bool:
        """Whether a list names this person, who then has a number and a PIN."""
        return self.badge is None and not self.has_site_code

    @property
    def actor(self) -> str:
        """Who this person is in the journal."""
        return actor.staff(self.number)

    def scope_as(self, role: Role) -> CarrierScope:
        """Whose packages this person may touch while they work in this role: a technician looks
        after doors, whatever lies behind them."""
        return EVERY_CARRIER if role is Role.TECHNICIAN else CarrierScope(self.carriers)

    def may_work(self, now: Instant) -> bool:
        """Whether this person may sign in now.

        Dates count only while the clock is trusted. The server's list ages for couriers only: a
        technician is needed most where nothing is reachable.
        """
        if not now.is_trusted:
            return True
        if self.valid_from_ms is not None and now.wall_ms < self.valid_from_ms:
            return False
        if self.valid_until_ms is not None and now.wall_ms >= self.valid_until_ms:
            return False
        is_listed = self.source is StaffSource.SERVER and self.role is Role.COURIER
        return not (is_listed and now.wall_ms - self.listed_ms > LIST_VALID_MS)


BADGE_PREFIX = "PKS"


@dataclass(frozen=True, slots=True)
class Badge:
    """What a staff badge says: whose it is, and its secret."""

    number: str
    secret: str


def badge_text(number: str, secret: str) -> str:
    """What a badge's QR code says."""
    return f"{BADGE_PREFIX}:{number}:{secret}"


def new_badge_secret(rng: Random) -> str:
    """80 random bits in capitals and digits, which a QR code packs closest."""
    return b32encode(rng.randbytes(10)).decode()


def parse_badge(text: str) -> Badge | None:
    """Read a scanned badge, `PKS:<number>:<secret>`; None when the text is something else."""
    parts = text.strip().split(":")
    if len(parts) != 3 or parts[0] != BADGE_PREFIX or not parts[2]:
        return None
    number = kept_number(parts[1]) if is_staff_number(parts[1]) else parts[1]
    return Badge(number, parts[2])


def is_badge(text: str) -> bool:
    """Whether a badge was scanned, of whichever kind, good or bad: it is never a package."""
    return parse_badge(text) is not None or is_signed_badge(text)


NUMBER_DIGITS_MIN, NUMBER_DIGITS_MAX = 2, 12
"""How many digits of a PIN are the person's number: as many for everybody at a kiosk."""
KEPT_NUMBER = r"^([0-9]{2}|[1-9][0-9]{2,11})$"
"""What a staff number looks like as it is kept."""


def is_staff_number(text: str, digits: int = NUMBER_DIGITS_MAX) -> bool:
    """Whether this is a staff number of so many digits at most."""
    return text.isascii() and text.isdigit() and NUMBER_DIGITS_MIN <= len(text) <= digits


def kept_number(text: str) -> str:
    """A staff number as it is kept: a number, without zeros in front, of two digits at least. Who
    is 17 where numbers have two digits is 0017 where they have four, and the same person."""
    return text.lstrip("0").zfill(NUMBER_DIGITS_MIN)


def typed_number(number: str, digits: int) -> str:
    """A staff number as it is typed and shown where numbers have so many digits."""
    return number.zfill(digits)


SECRET_DIGITS_MIN, SECRET_DIGITS_MAX = 4, 6
"""Of the digits behind the number: what is more cannot be typed on the screen."""
SECRET_DIGITS_RIGHT = f"{SECRET_DIGITS_MIN} to {SECRET_DIGITS_MAX} digits"


def is_pin_secret(text: str) -> bool:
    """Whether these can be the secret digits of a PIN."""
    is_digits = text.isascii() and text.isdigit()
    return is_digits and SECRET_DIGITS_MIN <= len(text) <= SECRET_DIGITS_MAX


def secret_digits_wanted(role: Role) -> str:
    """How many secret digits a new PIN has, in words: who can open every door has all there are."""
    return f"{SECRET_DIGITS_MAX} digits" if role is Role.TECHNICIAN else SECRET_DIGITS_RIGHT


def is_new_pin_secret(text: str, role: Role) -> bool:
    """Whether these may become the secret digits of a PIN. Shorter ones of technicians, made by
    versions before, work until they are changed."""
    is_long_enough = role is not Role.TECHNICIAN or len(text) == SECRET_DIGITS_MAX
    return is_pin_secret(text) and is_long_enough


@dataclass(frozen=True, slots=True)
class Pin:
    """What was typed as a PIN: whose it is to be, and the secret."""

    number: str
    secret: str


def parse_pin(text: str, digits: int) -> Pin | None:
    """Read what was typed where numbers have so many digits; None when it cannot be a PIN."""
    number, secret = text[:digits], text[digits:]
    if not (is_staff_number(number, digits) and is_pin_secret(secret)):
        return None
    return Pin(kept_number(number), secret)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who a package is for. Personal: kept in one table, never in the journal."""

    id: str
    name: str = ""
    phone: str = ""

    @property
    def phone_digits(self) -> str:
        """The last four digits of the phone, or "" when there are not four."""
        digits = "".join(character for character in self.phone if character.isdigit())
        return digits[-4:] if len(digits) >= 4 else ""
