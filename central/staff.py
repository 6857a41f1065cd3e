"""Couriers and technicians that the server lists for its kiosks: each gets the whole list again."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, insert, select, update

from central import schema
from central.adapters import RNG
from central.context import Central, audit, change_known
from central.errors import RequestError, not_found, require_plain
from central.sync import commands
from kiosk.model.commands import ListedStaff, ListStaff
from kiosk.model.person import (
    Role,
    badge_text,
    is_new_pin_secret,
    new_badge_secret,
    secret_digits_wanted,
)

EVERYWHERE = "*"
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
        "pin_hash": central.secrets.hash_password(pin),
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
    change_known(
        connection,
        update(table)
        .where(table.c.number == number, table.c.removed_ms.is_(None))
        .values(badge_hash=central.secrets.hash_password(secret)),
        "staff member",
        number,
    )
    _tell(connection, by, now_ms)
    audit(connection, now_ms, by, "staff.badge", number)
    return badge_text(number, secret)


def remove(connection: Connection, central: Central, by: str, number: str) -> None:
    """List somebody no more: their PIN opens nothing as soon as the kiosks have heard of it."""
    table, now_ms = schema.staff, central.clock.now_ms()
    change_known(
        connection,
        update(table)
        .where(table.c.number == number, table.c.removed_ms.is_(None))
        .values(removed_ms=now_ms),
        "staff member",
        number,
    )
    _tell(connection, by, now_ms)
    audit(connection, now_ms, by, "staff.remove", number)


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
    for place in connection.execute(enrolled).scalars().all():
        tell_one(connection, place, by, now_ms)


def tell_one(connection: Connection, location: str, by: str, now_ms: int) -> None:
    """A kiosk gets the list of its people; nothing where nobody was ever listed."""
    people = connection.execute(select(schema.staff).order_by(schema.staff.c.number)).mappings()
    listed = [dict(row) for row in people]
    if not listed:
        return
    mine = [_person(row) for row in listed if row["removed_ms"] is None and _is_of(row, location)]
    commands.queue(connection, location, ListStaff(staff=tuple(mine)), by, now_ms)


def _is_of(row: dict[str, Any], location: str) -> bool:
    places = json.loads(row["locations"])
    return bool(places == EVERYWHERE or location in places)


def _person(row: dict[str, Any]) -> ListedStaff:
    return ListedStaff(**{name: row[name] for name in ListedStaff.model_fields})
