"""Pickup codes: nine digits that a person types, which the kiosk can check without storing them.

The first digits are the *locator*, which finds the package; the last six are the *secret*, an HOTP
value (RFC 4226) under a key derived from the location's key and the package's id. The counter is
how often a code was issued, so a re-issued code retires the earlier ones.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha1, sha256

from kiosk.model.invariants import require

SECRET_DIGITS = 6
LARGE_BANK_SLOTS = 500
QR_PREFIX = "PK1"


def locator_digits(slot_count: int) -> int:
    """How many digits a locator has: three, or four in a bank of more than 500 slots."""
    return 4 if slot_count > LARGE_BANK_SLOTS else 3


def hotp(key: bytes, counter: int) -> str:
    """The six-digit HOTP value of a counter (RFC 4226, section 5.3)."""
    digest = hmac.digest(key, counter.to_bytes(8, "big"), sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**SECRET_DIGITS:0{SECRET_DIGITS}d}"


def package_key(location_key: bytes, package_id: str) -> bytes:
    """The key of one package's codes: HMAC-SHA-256 of its id under the location's key."""
    require(len(location_key) >= 32, "a location key has at least 32 bytes")
    return hmac.digest(location_key, package_id.encode(), sha256)


def make_code(location_key: bytes, package_id: str, locator: str, counter: int) -> str:
    """The pickup code of a package's `counter`-th issue, as digits without spaces."""
    require(counter >= 1, "a code's counter starts at 1")
    return locator + hotp(package_key(location_key, package_id), counter)


def delegate_code(location_key: bytes, package_id: str, delegate: str, locator: str) -> str:
    """The code of somebody whom a package's owner has named to fetch it. It is made once: another
    delegate has another key, so a code that ended is never good again."""
    return locator + _delegate_secret(location_key, package_id, delegate)


def _delegate_secret(location_key: bytes, package_id: str, delegate: str) -> str:
    key = hmac.digest(
        package_key(location_key, package_id), f"delegate {delegate}".encode(), sha256
    )
    return hotp(key, 1)


def is_delegates(location_key: bytes, package_id: str, delegate: str, secret: str) -> bool:
    """Whether a secret is that of a package's delegate; compared in constant time."""
    own = _delegate_secret(location_key, package_id, delegate)
    return hmac.compare_digest(own.encode(), secret.encode())


def secret_matches(
    location_key: bytes, package_id: str, counter: int, secret: str, look_ahead: int = 0
) -> int | None:
    """The counter whose secret this is, from `counter` to `counter + look_ahead`; None if none is.

    Every candidate is computed and compared in constant time, so that the time taken tells a
    guesser nothing.
    """
    key = package_key(location_key, package_id)
    found = None
    for candidate in range(counter, counter + look_ahead + 1):
        if hmac.compare_digest(hotp(key, candidate).encode(), secret.encode()):
            found = candidate
    return found


@dataclass(frozen=True, slots=True)
class TypedCode:
    """A code as it came from the keypad or a QR code, cut into its parts."""

    locator: str
    secret: str


def parse_code(digits: str, locator_length: int) -> TypedCode | None:
    """Cut a typed code into locator and secret; None when its form is wrong."""
    if not (digits.isascii() and digits.isdigit()):
        return None
    if len(digits) != locator_length + SECRET_DIGITS:
        return None
    return TypedCode(digits[:locator_length], digits[locator_length:])


def qr_text(location_id: str, code: str) -> str:
    """What the QR code of a pickup code says: `PK1:<location>:<code>`."""
    return f"{QR_PREFIX}:{location_id}:{code}"


@dataclass(frozen=True, slots=True)
class QrCode:
    """A scanned pickup QR code."""

    location: str
    code: str


def parse_qr(text: str) -> QrCode | None:
    """Read a pickup QR code; None when the text is something else (a package's barcode, say)."""
    parts = text.strip().split(":")
    if len(parts) != 3 or parts[0] != QR_PREFIX:
        return None
    return QrCode(parts[1], parts[2])
