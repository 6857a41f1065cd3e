"""Couriers and technicians that the server lists for its kiosks, which fetch what changed."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from central import forgotten, kept, schema
from central.adapters import RNG
from central.areas import tree
from central.areas.visible import EVERYWHERE as EVERY_AREA
from central.areas.visible import NETWORK, Reach, areas_visible_to, visible_to
from central.carriers import carriers
from central.context import Central, audit, change_known
from central.errors import RequestError, not_found, require_plain
from central.sealing import seal
from central.sync import commands
from central.sync.staff_list import EVERYWHERE, count_change, digits_of
from kiosk.model.carriers import OPERATOR
from kiosk.model.commands import ListStaff
from kiosk.model.person import (
    NUMBER_DIGITS_MAX,
    NUMBER_DIGITS_MIN,
    Role,
    badge_text,
    is_new_pin_secret,
    is_staff_number,
    kept_number,
    new_badge_secret,
    secret_digits_wanted,
    typed_number,
)
from kiosk.sync.contract import STAFF_LIST_MAX

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
    served: str = OPERATOR,
    area: str = EVERY_AREA,
    reach: Reach = NETWORK,
) -> None:
    """List somebody, or list them again with another PIN; the kiosks hear of it.

    `locations` is `*` or the ids of some, with commas; of those, the ones that lie in the `area`
    let them in. `served` are the ids of the carriers whose packages a courier may touch, with
    commas, the own one first. Raises `RequestError`.
    """
    tree.lock(connection)
    tree.require_place(connection, area, reach)
    number = _number(connection, number)
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
        "locations": json.dumps(_places(connection, locations, reach)),
        "area": area,
        "carriers": json.dumps(_served(connection, Role(role), served)),
        "removed_ms": None,
        "version": count_change(connection, central.clock.now_ms()),
    }
    table = schema.staff
    known = connection.execute(select(table).where(table.c.number == number)).first()
    if known is not None and known.removed_ms is None:
        _require_theirs(connection, number, reach)
    _require_room(connection, number)
    if known is None:
        connection.execute(insert(table).values(number=number, **values))
    else:
        connection.execute(update(table).where(table.c.number == number).values(**values))
    audit(connection, central.clock.now_ms(), by, "staff.add", number, role=role, name=name)


def give_badge(connection: Connection, central: Central, by: str, number: str) -> str:
    """A new badge for somebody who is listed, in place of any before; what its QR code says, which
    is kept nowhere. Raises `RequestError`."""
    table, now_ms, secret = schema.staff, central.clock.now_ms(), new_badge_secret(RNG)
    secret_hash = central.secrets.hash_password(secret)
    number = kept_number(number)
    change_known(
        connection,
        update(table)
        .where(table.c.number == number, table.c.removed_ms.is_(None))
        .values(
            badge_hash=_sealed(connection, "badge_hash", number, secret_hash),
            version=count_change(connection, now_ms),
        ),
        "staff member",
        number,
    )
    audit(connection, now_ms, by, "staff.badge", number)
    return badge_text(number, secret)


def remove(connection: Connection, central: Central, by: str, number: str) -> None:
    """List somebody no more: their name is forgotten, and their PIN opens nothing as soon as the
    kiosks have heard of it."""
    now_ms, number = central.clock.now_ms(), kept_number(number)
    if not forget(connection, number, by, now_ms):
        raise not_found("staff member", number)
    forgotten.note(connection, central, staff=[number])


def forget(connection: Connection, number: str, by: str, now_ms: int) -> bool:
    """Take somebody off the list, and let the kiosks know; False when they were not on it."""
    table = schema.staff
    is_listed = (table.c.number == number) & table.c.removed_ms.is_(None)
    if connection.execute(select(table.c.number).where(is_listed)).first() is None:
        return False
    connection.execute(
        update(table)
        .where(is_listed)
        .values(
            name="",
            pin_hash="",
            pin_digits=None,
            badge_hash="",
            removed_ms=now_ms,
            version=count_change(connection, now_ms),
        )
    )
    audit(connection, now_ms, by, "staff.remove", number)
    return True


def _number(connection: Connection, number: str) -> str:
    """A number as it is kept. Raises `RequestError` for one that nobody could type."""
    digits = digits_of(connection)
    if is_staff_number(number, digits):
        return kept_number(number)
    wanted = (
        f"{NUMBER_DIGITS_MIN} to {digits} digits" if digits > NUMBER_DIGITS_MIN else "two digits"
    )
    raise RequestError(
        422, "invalid", f"number {number!r}: it is {wanted}, as {typed_number('17', digits)}"
    )


def _require_room(connection: Connection, number: str) -> None:
    """Raises `RequestError` when the list is as long as kiosks take it."""
    table = schema.staff
    others = table.c.removed_ms.is_(None) & (table.c.number != number)
    count = connection.execute(select(func.count()).where(others)).scalar_one()
    if count >= STAFF_LIST_MAX:
        raise RequestError(
            409, "full", f"{count} people are listed already: remove those who have left"
        )


def set_digits(connection: Connection, central: Central, by: str, digits: int) -> int:
    """How many digits of a number are typed from now on, at every kiosk: shorter numbers begin with
    zeros. Of how many kiosks it is not known that they take more than two. Raises `RequestError`.
    """
    if not NUMBER_DIGITS_MIN <= digits <= NUMBER_DIGITS_MAX:
        right = f"{NUMBER_DIGITS_MIN} to {NUMBER_DIGITS_MAX} are right"
        raise RequestError(422, "invalid", f"digits {digits}: {right}")
    table, now_ms = schema.staff, central.clock.now_ms()
    is_longer = (func.length(table.c.number) > digits) & table.c.removed_ms.is_(None)
    longest = connection.execute(select(table.c.number).where(is_longer).limit(1)).scalar()
    if longest is not None:
        raise RequestError(
            409, "too_short", f"digits {digits}: number {longest} is longer; remove it first"
        )
    connection.execute(update(schema.staff_list).values(digits=digits))
    count_change(connection, now_ms)
    audit(connection, now_ms, by, "staff.digits", str(digits))
    place = schema.location
    rows = connection.execute(select(place.c.status).where(place.c.token_hash != "")).scalars()
    return sum(kept.status_of(status).get("staff_version") is None for status in rows)


def _require_theirs(connection: Connection, number: str, reach: Reach) -> None:
    """Raises `RequestError` where a number is somebody's who is listed by others."""
    table = schema.staff
    is_theirs = (table.c.number == number) & areas_visible_to(reach, table.c.area)
    if connection.execute(select(table.c.number).where(is_theirs)).first() is None:
        raise RequestError(409, "exists", f"number {number}: it is taken; choose another")


def _places(connection: Connection, locations: str, reach: Reach) -> list[str] | str:
    if locations.strip() in ("", EVERYWHERE):
        return EVERYWHERE
    wanted = [each.strip() for each in locations.split(",") if each.strip()]
    place = schema.location.c
    query = select(place.id).where(place.id.in_(wanted), visible_to(reach, place.id))
    known = set(connection.execute(query).scalars())
    for each in wanted:
        if each not in known:
            raise not_found("location", each)
    return wanted


def _served(connection: Connection, role: Role, served: str) -> list[str]:
    """The carriers that somebody serves. Raises `RequestError`."""
    wanted = carriers.require_served(connection, served.split(","))
    if role is Role.TECHNICIAN and wanted != [OPERATOR]:
        problem = f"carriers {', '.join(wanted)}: technicians are the operator's; name none"
        raise RequestError(422, "invalid", problem)
    return wanted


def tell_older(connection: Connection, row: Any, now_ms: int) -> None:
    """A kiosk of a version before 0.3 comes: its list goes to it as a command, once for each
    version. `row` is its location's."""
    if row.staff_version == row.staff_counts:
        return
    table = schema.location
    connection.execute(
        update(table).where(table.c.id == row.id).values(staff_version=row.staff_counts)
    )
    commands.queue(connection, row.id, ListStaff(staff=()), "server", now_ms)


def _sealed(connection: Connection, column: str, number: str, secret_hash: str) -> str:
    """What only this member of staff is checked by: in another's row it does not open."""
    return seal(connection, secret_hash, f"staff.{column}/{number}")
