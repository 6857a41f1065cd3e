"""The journal's events: what happened at this kiosk, in order, each chained to the one before.

An event carries the *after-image* of every row it changed, so that the tables are the replay of
the journal, and it carries no personal field, so that those can be erased while the chain holds.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b, sha256
from typing import Any

from kiosk.model.clock import Instant

GENESIS = bytes(32)
"""What the journal's first event is chained to."""


class EventKind(StrEnum):
    """What can happen."""

    KIOSK_STARTED = "KIOSK_STARTED"
    SLOT_CONFIGURED = "SLOT_CONFIGURED"
    SLOT_SERVICE_CHANGED = "SLOT_SERVICE_CHANGED"
    SLOT_REACHABILITY_CHANGED = "SLOT_REACHABILITY_CHANGED"
    SLOT_SUSPECT = "SLOT_SUSPECT"
    SLOT_CLEARED = "SLOT_CLEARED"
    PACKAGE_ANNOUNCED = "PACKAGE_ANNOUNCED"
    SLOT_RESERVED = "SLOT_RESERVED"
    RESERVATION_RELEASED = "RESERVATION_RELEASED"
    DOOR_INTENDED = "DOOR_INTENDED"
    DOOR_OUTCOME = "DOOR_OUTCOME"
    PACKAGE_STORED = "PACKAGE_STORED"
    PACKAGE_RETRIEVED = "PACKAGE_RETRIEVED"
    PACKAGE_EXPIRED = "PACKAGE_EXPIRED"
    PACKAGE_MISSING = "PACKAGE_MISSING"
    PACKAGE_COLLECTED = "PACKAGE_COLLECTED"
    PACKAGE_CANCELLED = "PACKAGE_CANCELLED"
    PACKAGE_RETURNED = "PACKAGE_RETURNED"
    PACKAGE_MOVED = "PACKAGE_MOVED"
    DEPOSIT_UNDONE = "DEPOSIT_UNDONE"
    COMPLAINT = "COMPLAINT"
    HOLD_EXTENDED = "HOLD_EXTENDED"
    HOLD_PAUSED = "HOLD_PAUSED"
    LOWER_ASKED = "LOWER_ASKED"
    CODE_REISSUED = "CODE_REISSUED"
    CODE_TOLD = "CODE_TOLD"
    DELEGATE_NAMED = "DELEGATE_NAMED"
    DELEGATE_ENDED = "DELEGATE_ENDED"
    CODE_ASKED = "CODE_ASKED"
    RECIPIENT_ERASED = "RECIPIENT_ERASED"
    VISIT_ENDED = "VISIT_ENDED"
    STAFF_LISTED = "STAFF_LISTED"
    CLOCK_CHANGED = "CLOCK_CHANGED"
    DATABASE_RESTORED = "DATABASE_RESTORED"
    BACKUP_CHECKED = "BACKUP_CHECKED"
    CODE_REFUSED = "CODE_REFUSED"
    STAFF_SIGNED_IN = "STAFF_SIGNED_IN"
    STAFF_REFUSED = "STAFF_REFUSED"
    GUESSING_NOTICED = "GUESSING_NOTICED"
    DOOR_MOVED_UNASKED = "DOOR_MOVED_UNASKED"
    BOARD_CHANGED = "BOARD_CHANGED"
    COMMAND_APPLIED = "COMMAND_APPLIED"
    CONTACT_CHANGED = "CONTACT_CHANGED"
    OPENING_MISSED = "OPENING_MISSED"
    """Of earlier versions; it is `OPENING_ENDED` now."""
    OPENING_ENDED = "OPENING_ENDED"
    HELP_ENDED = "HELP_ENDED"
    RELEASE_REPORTED = "RELEASE_REPORTED"
    VISIT_FAILED = "VISIT_FAILED"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the journal."""

    epoch: str
    """A random id of this database's life; new whenever it is created or restored."""
    seq: int
    """1, 2, 3… without gaps: the order of events, whatever the clocks say. A restored database goes
    on counting in its new epoch."""
    kind: str
    """An `EventKind`, or the word of a newer version, which is carried as it is."""
    body: str
    """Canonical JSON."""
    at: Instant
    previous: bytes
    hash: bytes
    mac: bytes = b""
    """What only who has the location's key can make of the hash; empty in journals of versions
    before 0.3."""


def kind_of(word: str) -> str:
    """A kind as it is written: this version's own, or the word of a newer one."""
    return EventKind(word) if word in _KNOWN else word


_KNOWN = frozenset(kind.value for kind in EventKind)


def canonical_json(body: Mapping[str, Any]) -> str:
    """JSON in the one form that is hashed: keys sorted, no spaces, no NaN."""
    return _CANONICAL.encode(body)


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def chain_hash(previous: bytes, epoch: str, seq: int, kind: str, body: str, at: Instant) -> bytes:
    """The hash that ties an event to everything before it (SHA-256). `kind` is an `EventKind`, or
    one of a newer version."""
    head = f"{epoch}\n{seq}\n{kind}\n{at.wall_ms}\n{at.monotonic_ms}\n{at.boot_id}\n"
    head += f"{int(at.is_trusted)}\n"
    return sha256(previous + head.encode() + body.encode()).digest()


def journal_key(location_key: bytes) -> bytes:
    """The key of a journal's macs, made from the location's key."""
    return hmac.digest(location_key, b"parcel-kiosk journal", "sha256")


def chain_mac(key: bytes, digest: bytes) -> bytes:
    """The mac of an event by its hash, and so of everything before it (keyed BLAKE2b, RFC 7693).

    The hash alone can be made again by anybody who rewrites a journal.
    """
    return blake2b(digest, digest_size=32, key=key).digest()
