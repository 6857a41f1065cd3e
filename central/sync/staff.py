"""Couriers and technicians that the server lists for its kiosks: each gets the whole list again."""

from __future__ import annotations

import json

from sqlalchemy import Connection, insert, select, update

from central import forgotten, schema
from central.adapters import RNG
from central.context import Central, audit, change_known
from central.errors import RequestError, not_found, require_plain
from central.locking import lock_location
from central.sealing import seal
from central.sync import commands
from central.sync.staff_list import EVERYWHERE
from kiosk.model.commands import ListStaff
from kiosk.model.person import (
    Role,
    badge_text,
    is_new_pin_secret,
    new_badge_secret,
    secret_digits_wanted,
)

NAME_MAX = 200


def add(
    connection: Connection,
    central: Central,
    by: str,
    number: str,
    name: str,
    role: str,
    pin: str,
    locations: str = EVERYWHERE,
) -> None:
    """List somebody, or list them again with another PIN, and tell the kiosks.

    `locations` is `*` or the ids of some, with commas. Raises `RequestError`.
    """
    if not (len(number) == 2 and number.isascii() and number.isdigit()):
        raise RequestError(422, "invalid", f"number {number!r}: it is two digits, as 17")
    require_plain(name=name)
    if len(name) > NAME_MAX:
        raise RequestError(422, "invalid", f"name: it has {NAME_MAX} characters at most")
    if role not in tuple(Role):
        raise RequestError(422, "invalid", f"role {role!r}: it is courier or technician")
    if not is_new_pin_secret(pin, Role(role)):
        wanted = secret_digits_wanted(Role(role))
        raise RequestError(422, "invalid", f"pin: right are {wanted} for a {role}")
    values = {
        "name": name,
        "role": role,
        "pin_hash": _sealed(connection, "pin_hash", number, central.secrets.hash_password(pin)),
        "pin_digits": len(pin),
        "locations": json.dumps(_places(connection, locations)),
        "removed_ms": None,
    }
    table = schema.staff
    known = connection.execute(select(table.c.number).where(table.c.number == number)).first()
    if known is None:
        connection.execute(insert(table).values(number=number, **values))
    else:
        connection.execute(update(table).where(table.c.number == number).values(**values))
    _tell(connection, by, central.clock.now_ms())
    audit(connection, central.clock.now_ms(), by, "staff.add", number, role=role, name=name)


def give_badge(connection: Connection, central: Central, by: str, number: str) -> str:
    """A new badge for somebody who is listed, in place of any before; what its QR code says, which
    is kept nowhere. Raises `RequestError`."""
    table, now_ms, secret = schema.staff, central.clock.now_ms(), new_badge_secret(RNG)
    secret_hash = central.secrets.hash_password(secret)
    change_known(
        connection,
        update(table)
        .where(table.c.number == number, table.c.removed_ms.is_(None))
        .values(badge_hash=_sealed(connection, "badge_hash", number, secret_hash)),
        "staff member",
        number,
    )
    _tell(connection, by, now_ms)
    audit(connection, now_ms, by, "staff.badge", number)
    return badge_text(number, secret)


def remove(connection: Connection, central: Central, by: str, number: str) -> None:
    """List somebody no more: their name is forgotten, and their PIN opens nothing as soon as the
    kiosks have heard of it."""
    now_ms = central.clock.now_ms()
    if not forget(connection, number, by, now_ms):
        raise not_found("staff member", number)
    forgotten.note(connection, central, staff=[number])


def forget(connection: Connection, number: str, by: str, now_ms: int) -> bool:
    """Take somebody off the list, and let the kiosks know; False when they were not on it."""
    table = schema.staff
    gone = connection.execute(
        update(table)
        .where(table.c.number == number, table.c.removed_ms.is_(None))
        .values(name="", pin_hash="", pin_digits=None, badge_hash="", removed_ms=now_ms)
    )
    if not gone.rowcount:
        return False
    _tell(connection, by, now_ms)
    audit(connection, now_ms, by, "staff.remove", number)
    return True


def _places(connection: Connection, locations: str) -> list[str] | str:
    if locations.strip() in ("", EVERYWHERE):
        return EVERYWHERE
    wanted = [each.strip() for each in locations.split(",") if each.strip()]
    known = set(connection.execute(select(schema.location.c.id)).scalars())
    for each in wanted:
        if each not in known:
            raise not_found("location", each)
    return wanted


def _tell(connection: Connection, by: str, now_ms: int) -> None:
    """Every kiosk gets the whole list of its people; the last one it gets is the one that holds."""
    enrolled = select(schema.location.c.id).where(schema.location.c.token_hash != "")
    places = connection.execute(enrolled).scalars().all()
    lock_location(connection, *places)
    for place in places:
        tell_one(connection, place, by, now_ms)


def tell_one(connection: Connection, location: str, by: str, now_ms: int) -> None:
    """A kiosk gets the list of its people; nothing where nobody was ever listed."""
    if connection.execute(select(schema.staff.c.number).limit(1)).first() is None:
        return
    commands.queue(connection, location, ListStaff(staff=()), by, now_ms)


def _sealed(connection: Connection, column: str, number: str, secret_hash: str) -> str:
    """What only this member of staff is checked by: in another's row it does not open."""
    return seal(connection, secret_hash, f"staff.{column}/{number}")
