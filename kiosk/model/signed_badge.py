"""Badges that a carrier's key signs: made, read and judged without any list of couriers.

A badge is the text of a QR code, `PKB1:` and Base32 (RFC 4648, capitals and no padding, which QR
codes pack close and no keyboard layout swaps for signs). What it holds, in this order:

    role            1 byte, 1 for a courier: there is no other
    key             4 bytes, the first ones of the SHA-256 of the public key that signed it
    id              8 bytes, random
    from, until     4 bytes each, in seconds since 1970 UTC, the largest first (big-endian)
    carrier         1 byte of length, then its id
    pseudonym       1 byte of length, then what the carrier calls the courier by
    places          1 byte, how many; each: 1 byte of kind (1 a location, 2 a region), 1 byte of
                    length, then its id; locations first, each kind in order of its ids, none twice;
                    none at all: wherever the carrier works
    signature       64 bytes, Ed25519 (RFC 8032) over `parcel-kiosk badge 1`, a line feed, and all
                    before it

Every badge has one text, and every other text is refused: nothing is left over, left out, padded,
spelled otherwise or passed over as unknown. Only the blanks and line ends that scanners put around
a code are no part of it. What a newer version makes has another prefix.
"""

from __future__ import annotations

import binascii
import re
from base64 import b32decode, b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kiosk.model.carriers import CARRIER_ID
from kiosk.model.clock import DAY_MS, JUMP_MS, Instant

PREFIX: Final = "PKB1:"
TEXT_LENGTH_MAX: Final = 380
"""How long the text of a badge may be: what a scanner reads well from a phone."""
PSEUDONYM: Final = r"^[0-9A-Za-z][0-9A-Za-z._-]{0,23}$"
"""What a carrier calls a courier by: a number or a made-up word, no name."""
PLACE: Final = r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$"
PLACES_MAX: Final = 12
VALID_DAYS_MAX: Final = 31
"""The longest that a badge is valid."""
LIST_VALID_MS: Final = 7 * DAY_MS
"""How old what the server said of couriers and their keys may be: then none is let in by it."""
ID_BYTES: Final = 8
KEY_ID_BYTES: Final = 4
AROUND: Final = " \t\r\n"
"""What scanners put around a code."""

_CONTEXT: Final = b"parcel-kiosk badge 1\n"
_COURIER: Final = 1
_LOCATION, _REGION = 1, 2
_SIGNATURE_BYTES: Final = 64
_HEAD_BYTES: Final = 1 + KEY_ID_BYTES + ID_BYTES + 4 + 4
_SECONDS_MAX: Final = 2**32 - 1
_LOOKS_LIKE_ONE = re.compile(r"PKB[0-9]*:", re.IGNORECASE)
_PREFIX_OF_BASE32 = re.compile(r"PKB1:([A-Z2-7]+)")


class Why(StrEnum):
    """Why a badge opens no session."""

    UNREADABLE = "UNREADABLE"
    """It is no whole badge of a version that is known here."""
    UNKNOWN_KEY = "UNKNOWN_KEY"
    """No key of its carrier's that counts here signed it, as far as it says itself."""
    FORGED = "FORGED"
    CLOCK = "CLOCK"
    """Nobody knows what time it is, so nobody knows whether it is valid."""
    NOT_YET = "NOT_YET"
    ENDED = "ENDED"
    TOO_LONG = "TOO_LONG"
    """It would be valid for longer than any badge may be."""
    ELSEWHERE = "ELSEWHERE"
    REVOKED = "REVOKED"
    KEYS_OLD = "KEYS_OLD"
    """The carriers' keys were not confirmed for so long that a revocation may be missing."""


class BadgeError(Exception):
    """A badge that opens no session, and why."""

    def __init__(self, why: Why, carrier: str = "") -> None:
        """`carrier`: whose key signed it; "" where nobody knows."""
        super().__init__(why)
        self.why, self.carrier = why, carrier


class UnfitBadgeError(ValueError):
    """A badge that cannot be made so; the message names the field, and what would be right."""


@dataclass(frozen=True, slots=True)
class SignedBadge:
    """What a badge says."""

    carrier: str
    pseudonym: str
    id: str
    """In hexadecimal."""
    from_s: int
    """In seconds since 1970 UTC."""
    until_s: int
    """The first second at which it is valid no more."""
    locations: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    """Where it is valid: at these locations, and those of these regions. Neither: wherever its
    carrier works."""

    def is_for(self, location: str, regions: Sequence[str]) -> bool:
        """Whether it is valid at a location, which is of these regions."""
        if not (self.locations or self.regions):
            return True
        return location in self.locations or any(each in self.regions for each in regions)


@dataclass(frozen=True, slots=True)
class ScannedBadge:
    """A badge that was read, and not yet proven: nothing of it may be believed."""

    says: SignedBadge
    key_id: str
    """Of the key that is to have signed it, in hexadecimal."""
    body: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """What is known, at one kiosk, of the badge that was scanned."""

    location: str
    regions: tuple[str, ...]
    """Those that the location is of."""
    confirmed_ms: int
    """When the carriers' keys were last found to be those that count."""
    public_key: bytes | None
    """The carrier's key of this id; None where there is none."""
    key_until_ms: int | None = None
    """When that key ends; None where no end is known."""
    is_revoked: bool = False


def is_signed_badge(text: str) -> bool:
    """Whether a scan is meant as a signed badge, however it came through: it is never a package."""
    return _LOOKS_LIKE_ONE.match(text.strip()) is not None


def key_id(public_key: bytes) -> str:
    """What a badge names a key by, in hexadecimal."""
    return sha256(public_key).digest()[:KEY_ID_BYTES].hex()


def sign(badge: SignedBadge, key: Ed25519PrivateKey) -> str:
    """The text of a badge. Raises `UnfitBadgeError`."""
    public_key = key.public_key().public_bytes_raw()
    body = _encoded(badge, key_id(public_key))
    text = PREFIX + _base32(body + key.sign(_CONTEXT + body))
    if len(text) > TEXT_LENGTH_MAX:
        raise UnfitBadgeError("locations and regions: their names are too long for one badge")
    return text


def read(text: str) -> ScannedBadge:
    """What a text says that was scanned. Raises `BadgeError`."""
    bare = text.strip(AROUND)
    found = _PREFIX_OF_BASE32.fullmatch(bare)
    if found is None or len(bare) > TEXT_LENGTH_MAX:
        raise BadgeError(Why.UNREADABLE)
    try:
        whole = b32decode(found[1] + "=" * (-len(found[1]) % 8))
    except binascii.Error as error:
        raise BadgeError(Why.UNREADABLE) from error
    body, signature = whole[:-_SIGNATURE_BYTES], whole[-_SIGNATURE_BYTES:]
    try:
        says, of_key = _decoded(body)
        is_its_text = PREFIX + _base32(whole) == bare and _encoded(says, of_key) == body
    except (UnfitBadgeError, UnicodeDecodeError, IndexError) as error:
        raise BadgeError(Why.UNREADABLE) from error
    if not is_its_text:
        raise BadgeError(Why.UNREADABLE)
    return ScannedBadge(says, of_key, body, signature)


def require_good(scanned: ScannedBadge, known: Known, now: Instant) -> SignedBadge:
    """What a badge says, where it may open a session now. Raises `BadgeError`.

    Other than a PIN it is worth nothing without the time: while the clock is not trusted, or shows
    an earlier time than when the keys were confirmed, no badge is good.
    """
    if known.public_key is None:
        raise BadgeError(Why.UNKNOWN_KEY)
    try:
        key = Ed25519PublicKey.from_public_bytes(known.public_key)
        key.verify(scanned.signature, _CONTEXT + scanned.body)
    except (InvalidSignature, ValueError) as error:
        raise BadgeError(Why.FORGED) from error
    require_valid(scanned.says, known, now)
    return scanned.says


def require_valid(badge: SignedBadge, known: Known, now: Instant) -> None:
    """Whether a proven badge is good here and now: at each sign-in, and again and again within the
    session. Raises `BadgeError`."""
    if not now.is_trusted or now.wall_ms < known.confirmed_ms - JUMP_MS:
        raise BadgeError(Why.CLOCK, badge.carrier)
    if now.wall_ms < badge.from_s * 1000:
        raise BadgeError(Why.NOT_YET, badge.carrier)
    if now.wall_ms >= badge.until_s * 1000:
        raise BadgeError(Why.ENDED, badge.carrier)
    if (badge.until_s - badge.from_s) * 1000 > VALID_DAYS_MAX * DAY_MS:
        raise BadgeError(Why.TOO_LONG, badge.carrier)
    if known.key_until_ms is not None and now.wall_ms >= known.key_until_ms:
        raise BadgeError(Why.UNKNOWN_KEY, badge.carrier)
    if known.is_revoked:
        raise BadgeError(Why.REVOKED, badge.carrier)
    if not badge.is_for(known.location, known.regions):
        raise BadgeError(Why.ELSEWHERE, badge.carrier)
    if now.wall_ms - known.confirmed_ms > LIST_VALID_MS:
        raise BadgeError(Why.KEYS_OLD, badge.carrier)


# --- bytes ---------------------------------------------------------------------------------------


def _base32(raw: bytes) -> str:
    return b32encode(raw).decode().rstrip("=")


def _encoded(badge: SignedBadge, of_key: str) -> bytes:
    """What is signed. Raises `UnfitBadgeError` for what no badge says."""
    times = (badge.from_s, badge.until_s)
    if not 0 <= badge.from_s < badge.until_s <= _SECONDS_MAX:
        raise UnfitBadgeError(f"from {times[0]}, until {times[1]}: it ends after it begins")
    if re.fullmatch(f"[0-9a-f]{{{2 * ID_BYTES}}}", badge.id) is None:
        raise UnfitBadgeError(f"id {badge.id!r}: it is {2 * ID_BYTES} hexadecimal digits")
    carrier = _word(badge.carrier, "carrier", CARRIER_ID, "small letters, digits, dashes")
    pseudonym = _word(badge.pseudonym, "pseudonym", PSEUDONYM, "24 letters, digits, . _ - at most")
    return b"".join(
        (
            bytes([_COURIER]),
            bytes.fromhex(of_key),
            bytes.fromhex(badge.id),
            *(seconds.to_bytes(4, "big") for seconds in times),
            carrier,
            pseudonym,
            _places(badge),
        )
    )


def _places(badge: SignedBadge) -> bytes:
    count = len(badge.locations) + len(badge.regions)
    if count > PLACES_MAX:
        raise UnfitBadgeError(f"{count} locations and regions: a badge names {PLACES_MAX} at most")
    parts = [bytes([count])]
    for kind, places in ((_LOCATION, badge.locations), (_REGION, badge.regions)):
        if list(places) != sorted(set(places)):
            raise UnfitBadgeError(f"places {', '.join(places)}: in order, and none twice")
        wanted = "64 letters, digits, . _ - at most"
        parts += [bytes([kind]) + _word(place, "place", PLACE, wanted) for place in places]
    return b"".join(parts)


def _word(text: str, field: str, pattern: str, wanted: str) -> bytes:
    # `$` of a pattern also matches before a line feed at the end.
    if re.match(pattern, text) is None or text.endswith("\n"):
        raise UnfitBadgeError(f"{field} {text[:80]!r}: {wanted}")
    return bytes([len(text)]) + text.encode("ascii")


def _decoded(body: bytes) -> tuple[SignedBadge, str]:
    """What was signed, and by which key; whether it is the one spelling of that is looked at by
    writing it again. Raises `IndexError`, `UnicodeDecodeError` or `UnfitBadgeError`."""
    if len(body) < _HEAD_BYTES or body[0] != _COURIER:
        raise UnfitBadgeError("it is cut, or of a role that is none")
    at = 1 + KEY_ID_BYTES
    of_key, badge_id = body[1:at].hex(), body[at : at + ID_BYTES].hex()
    at += ID_BYTES
    from_s, until_s = (
        int.from_bytes(body[at : at + 4], "big"),
        int.from_bytes(body[at + 4 : at + 8]),
    )
    carrier, at = _read_word(body, at + 8)
    pseudonym, at = _read_word(body, at)
    count, at = body[at], at + 1
    places: dict[int, list[str]] = {_LOCATION: [], _REGION: []}
    for _ in range(count):
        kind = body[at]
        place, at = _read_word(body, at + 1)
        if kind not in places:
            raise UnfitBadgeError("a place of a kind that is none")
        places[kind].append(place)
    if at != len(body):
        raise UnfitBadgeError("something is left over")
    found = (tuple(places[_LOCATION]), tuple(places[_REGION]))
    return SignedBadge(carrier, pseudonym, badge_id, from_s, until_s, *found), of_key


def _read_word(body: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + body[at]
    if end > len(body):
        raise IndexError(end)
    return body[at + 1 : end].decode("ascii"), end
