"""A site's courier code: what a carrier's couriers type who have neither a number nor a badge.

Each day it is another one for each carrier and location, made from the location's key, so that the
kiosk knows it without a network, and the server gives it to the carrier with what is to be
collected. It is typed as a PIN is: zeros in the place of a staff number, then eight digits, which
are more than any PIN has. It counts for its local day, and for the first hours of the next one, in
which a late round ends.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

from kiosk.model.clock import HOUR_MS, Instant
from kiosk.model.invariants import require

NUMBER: Final = "00"
"""What wrong ones are counted under: the zeros in front, as a staff number is kept."""
CODE_DIGITS: Final = 8
LATE_MS: Final = 4 * HOUR_MS
"""For how long a code counts after its day."""


@dataclass(frozen=True, slots=True)
class SiteCode:
    """The code of one carrier at one location for one day."""

    carrier: str
    digits: str
    from_ms: int
    until_ms: int


def typed(digits: str, number_digits: int) -> str:
    """A code as it is typed where staff numbers have so many digits."""
    return "0" * number_digits + digits


def parse_site_code(text: str, number_digits: int) -> str | None:
    """The digits of a code that was typed; None when it cannot be one."""
    zeros, digits = text[:number_digits], text[number_digits:]
    is_one = len(digits) == CODE_DIGITS and digits.isascii() and digits.isdigit()
    return digits if is_one and not zeros.strip("0") else None


def code_of_day(
    location_key: bytes, location: str, carrier: str, day: date, time_zone: str
) -> SiteCode:
    """The code of a carrier at a location on a local day."""
    require(len(location_key) >= 32, "a location key has at least 32 bytes")
    said = f"parcel-kiosk courier code\n{location}\n{carrier}\n{day.isoformat()}"
    digest = hmac.digest(location_key, said.encode(), sha256)
    number = int.from_bytes(digest[:16], "big") % 10**CODE_DIGITS
    zone = ZoneInfo(time_zone)
    from_ms = _midnight_ms(day, zone)
    until_ms = _midnight_ms(day + timedelta(days=1), zone) + LATE_MS
    return SiteCode(carrier, f"{number:0{CODE_DIGITS}d}", from_ms, until_ms)


def local_day(wall_ms: int, time_zone: str) -> date:
    """The day that a moment is of at a location."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(ZoneInfo(time_zone)).date()


def find(
    digits: str,
    carriers: Iterable[str],
    location_key: bytes,
    location: str,
    time_zone: str,
    now: Instant,
) -> SiteCode | None:
    """Whose code these digits are now. While the clock is not trusted there is none: nobody knows
    of which day. All are compared, in constant time, so that the time tells a guesser nothing."""
    if not now.is_trusted:
        return None
    today = local_day(now.wall_ms, time_zone)
    found = None
    for carrier in carriers:
        for day in (today, today - timedelta(days=1)):
            code = code_of_day(location_key, location, carrier, day, time_zone)
            is_right = hmac.compare_digest(code.digits.encode(), digits.encode())
            if is_right and code.from_ms <= now.wall_ms < code.until_ms:
                found = code
    return found


def _midnight_ms(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time.min, tzinfo=zone).timestamp() * 1000)
