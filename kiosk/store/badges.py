"""How couriers who are on no list are known: the carriers' keys, and which badges are revoked.

It comes whole with the server's list of staff, and is as long as there are carriers and
revocations: of couriers nothing is kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from kiosk.model.actor import courier
from kiosk.model.person import Role, Staff, StaffSource
from kiosk.model.signed_badge import (
    LIST_VALID_MS,
    BadgeError,
    Known,
    ScannedBadge,
    SignedBadge,
    key_id,
    require_good,
    require_valid,
)
from kiosk.model.site_code import SiteCode
from kiosk.store import meta, shares
from kiosk.store.shares import DoorShare
from kiosk.store.writer import Writer

ACCESS = "carrier_access"
"""The key of the regions that this location is of, of whose couriers may type the site's code, and
of when all of it was last found to count."""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that a carrier signs badges with."""

    carrier: str
    public_key: bytes
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Revocation:
    """One badge, or all of a courier's."""

    carrier: str
    badge: str
    pseudonym: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class CarrierAccess:
    """All that is known of couriers who are on no list, and which doors are whose share."""

    regions: Sequence[str] = ()
    keys: Sequence[KnownKey] = ()
    revoked: Sequence[Revocation] = ()
    site_codes: Sequence[str] = ()
    """The carriers whose couriers may type the site's code of the day."""
    shares: Sequence[DoorShare] = ()
    """Which shares of the doors carriers have."""


NO_ACCESS = CarrierAccess()


def take(writer: Writer, access: CarrierAccess) -> None:
    """Keep what the server says now, in the place of all before."""
    writer.db.execute("DELETE FROM carrier_key")
    writer.db.execute("DELETE FROM revoked_badge")
    for key in access.keys:
        writer.db.execute(
            "INSERT OR REPLACE INTO carrier_key (carrier, key_id, public_key, until_ms)"
            " VALUES (?, ?, ?, ?)",
            (key.carrier, key_id(key.public_key), key.public_key, key.until_ms),
        )
    for each in access.revoked:
        writer.db.execute(
            "INSERT OR REPLACE INTO revoked_badge (carrier, badge, pseudonym, until_ms)"
            " VALUES (?, ?, ?, ?)",
            (each.carrier, each.badge, each.pseudonym, each.until_ms),
        )
    said = [list(access.regions), list(access.site_codes), writer.now.wall_ms]
    meta.set_value(writer, ACCESS, json.dumps(said))
    shares.take(writer, access.shares)


def admitted(writer: Writer, scanned: ScannedBadge, location: str) -> Staff:
    """The courier whose badge was scanned, where it is good. Raises `BadgeError`."""
    badge = require_good(
        scanned, _known(writer, scanned.says, scanned.key_id, location), writer.now
    )
    return Staff(
        courier(badge.carrier, badge.pseudonym),
        badge.pseudonym,
        Role.COURIER,
        pin_hash="",
        valid_until_ms=badge.until_s * 1000,
        source=StaffSource.SERVER,
        listed_ms=writer.now.wall_ms,
        carriers=(badge.carrier,),
        badge=scanned,
    )


def admitted_by_code(writer: Writer, code: SiteCode) -> Staff:
    """The courier, whoever it is, who typed the site's code."""
    return Staff(
        courier(code.carrier),
        code.carrier,
        Role.COURIER,
        pin_hash="",
        valid_from_ms=code.from_ms,
        valid_until_ms=code.until_ms,
        source=StaffSource.SERVER,
        listed_ms=writer.now.wall_ms,
        carriers=(code.carrier,),
        has_site_code=True,
    )


def is_admitted_still(writer: Writer, person: Staff, location: str) -> bool:
    """Whether who was let in by a badge or by the site's code still would be."""
    if person.badge is None:
        return person.carriers[0] in site_code_carriers(writer) and person.may_work(writer.now)
    says = person.badge.says
    known = _known(writer, says, person.badge.key_id, location)
    try:
        if known.public_key is None:
            return False
        require_valid(says, known, writer.now)
    except BadgeError:
        return False
    return True


def site_code_carriers(writer: Writer) -> list[str]:
    """Whose couriers may type the site's code of the day now."""
    _, carriers, confirmed_ms = _access(writer)
    is_old = writer.now.wall_ms - confirmed_ms > LIST_VALID_MS
    return [] if is_old else carriers


def _access(writer: Writer) -> tuple[list[str], list[str], int]:
    kept = meta.value(writer, ACCESS)
    if kept is None:
        return [], [], 0
    regions, carriers, confirmed_ms = json.loads(kept)[:3]
    return regions, carriers, confirmed_ms


def _known(writer: Writer, says: SignedBadge, of_key: str, location: str) -> Known:
    regions, _, confirmed_ms = _access(writer)
    key = writer.one(
        "SELECT public_key, until_ms FROM carrier_key WHERE carrier = ? AND key_id = ?",
        (says.carrier, of_key),
    )
    revoked = writer.one(
        "SELECT 1 FROM revoked_badge WHERE carrier = ? AND until_ms > ?"
        " AND (badge = ? AND pseudonym = '' OR badge = '' AND pseudonym = ?) LIMIT 1",
        (says.carrier, writer.now.wall_ms, says.id, says.pseudonym),
    )
    return Known(
        location,
        tuple(regions),
        confirmed_ms,
        None if key is None else key["public_key"],
        None if key is None else key["until_ms"],
        revoked is not None,
    )
