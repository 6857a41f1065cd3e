"""The tree of areas: made, named, moved, taken away; which locations lie where."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from central import schema
from central.areas.tables import area, area_within, operator_grant
from central.areas.visible import EVERYWHERE, NETWORK, Reach, areas_visible_to
from central.context import audit
from central.database.locks import lock_name
from central.errors import RequestError, not_found, require_plain

ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
DEEPEST: Final = 8
"""So many areas lie in each other at most."""
MOST: Final = 2000


def add(
    connection: Connection,
    area_id: str,
    name: str,
    parent: str,
    by: str,
    now_ms: int,
    reach: Reach = NETWORK,
) -> None:
    """Make an area within another, or within none. Raises `RequestError`."""
    if not ID.fullmatch(area_id):
        right = "small letters, digits and dashes, at most 32, as berlin-north"
        raise RequestError(422, "invalid", f"area {area_id!r}: {right}")
    require_plain(name=name)
    lock(connection)
    require_place(connection, parent, reach)
    around = above(connection, parent)
    if len(around) >= DEEPEST:
        raise RequestError(409, "too_deep", f"{DEEPEST} areas lie in each other at most")
    if connection.execute(select(func.count()).select_from(area)).scalar_one() >= MOST:
        raise RequestError(409, "full", f"there are {MOST} areas already: take one away first")
    if connection.execute(select(area.c.id).where(area.c.id == area_id)).first() is not None:
        raise RequestError(409, "exists", f"area {area_id!r}: the id is taken; choose another")
    values = {"id": area_id, "name": name or area_id, "parent": parent, "created_ms": now_ms}
    connection.execute(insert(area).values(**values))
    pairs = [{"above": each, "area": area_id} for each in (*around, area_id)]
    connection.execute(insert(area_within), pairs)
    audit(connection, now_ms, by, "area.add", area_id, parent=parent, name=name)


def rename(
    connection: Connection, area_id: str, name: str, by: str, now_ms: int, reach: Reach = NETWORK
) -> None:
    """Call an area by another name. Raises `RequestError`."""
    require_plain(name=name)
    lock(connection)
    require_known(connection, area_id, reach)
    connection.execute(update(area).where(area.c.id == area_id).values(name=name or area_id))
    audit(connection, now_ms, by, "area.rename", area_id, name=name)


def parent_of(connection: Connection, area_id: str, reach: Reach = NETWORK) -> str:
    """The area that one lies in. Raises `RequestError`."""
    require_known(connection, area_id, reach)
    return str(connection.execute(select(area.c.parent).where(area.c.id == area_id)).scalar_one())


def require_left(connection: Connection, area_id: str, parent: str, reach: Reach) -> None:
    """Raises `RequestError` for who does not administer what an area is to be taken out of, and
    says nothing of that."""
    if not reach.covers(connection, parent):
        problem = f"area {area_id!r} can be moved by who administers where it lies now"
        raise RequestError(403, "forbidden", problem)


def hang(connection: Connection, area_id: str, parent: str) -> None:
    """Have an area, with all within it, lie in another, or in none. Raises `RequestError`."""
    pairs, around = area_within, above(connection, parent)
    if area_id in around:
        problem = f"area {area_id!r}: {parent!r} lies in it, or is it; choose one outside"
        raise RequestError(422, "invalid", problem)
    of_it = select(pairs.c.area).where(pairs.c.above == area_id)
    inside = list(connection.execute(of_it).scalars())
    depths = select(func.count()).where(pairs.c.area.in_(inside), pairs.c.above.in_(inside))
    deepest = connection.execute(depths.group_by(pairs.c.area)).scalars()
    if len(around) + max(deepest) > DEEPEST:
        raise RequestError(409, "too_deep", f"{DEEPEST} areas lie in each other at most")
    beyond = pairs.c.area.in_(inside) & pairs.c.above.not_in(inside)
    connection.execute(delete(pairs).where(beyond))
    rows = [{"above": outer, "area": inner} for outer in around for inner in inside]
    if rows:
        connection.execute(insert(pairs), rows)
    connection.execute(update(area).where(area.c.id == area_id).values(parent=parent))


def remove(
    connection: Connection, area_id: str, by: str, now_ms: int, reach: Reach = NETWORK
) -> None:
    """Take an area away in which nothing is. Raises `RequestError`."""
    lock(connection)
    require_known(connection, area_id, reach)
    inside = {
        "an area": select(area.c.id).where(area.c.parent == area_id),
        "a location": select(schema.location.c.id).where(schema.location.c.area == area_id),
        "an account's role": select(operator_grant.c.account).where(
            operator_grant.c.area == area_id
        ),
        "a carrier's place": select(schema.carrier_area.c.carrier).where(
            schema.carrier_area.c.area == area_id
        ),
        "a member of staff": select(schema.staff.c.number).where(schema.staff.c.area == area_id),
    }
    for what, query in inside.items():
        if connection.execute(query.limit(1)).first() is not None:
            raise RequestError(409, "in_use", f"area {area_id!r}: {what} is in it; move that first")
    connection.execute(delete(area_within).where(area_within.c.area == area_id))
    connection.execute(delete(area).where(area.c.id == area_id))
    audit(connection, now_ms, by, "area.remove", area_id)


def lock(connection: Connection) -> None:
    """The tree, and what lies where in it, is changed by one at a time."""
    lock_name(connection, "areas")


def require_known(connection: Connection, area_id: str, reach: Reach = NETWORK) -> None:
    """Raises `RequestError` for an area that there is not, or that is beyond somebody's reach."""
    known = select(area.c.id).where(area.c.id == area_id, areas_visible_to(reach, area.c.id))
    if connection.execute(known).first() is None:
        raise not_found("area", area_id)


def require_place(connection: Connection, area_id: str, reach: Reach = NETWORK) -> None:
    """The same for where something is put: for who may act everywhere, that is also no area."""
    if area_id != EVERYWHERE or not reach.is_everywhere:
        require_known(connection, area_id, reach)


def above(connection: Connection, area_id: str) -> list[str]:
    """The areas that one lies in, itself among them; of none, none."""
    query = select(area_within.c.above).where(area_within.c.area == area_id)
    return list(connection.execute(query).scalars())


def listed(connection: Connection, reach: Reach = NETWORK) -> list[dict[str, Any]]:
    """The areas within somebody's reach, each behind the one that it lies in, with how deep it lies
    and how many locations are right in it."""
    place = schema.location.c
    here = select(func.count()).where(place.area == area.c.id).scalar_subquery()
    query = select(area, here.label("locations")).where(areas_visible_to(reach, area.c.id))
    rows = [dict(row) for row in connection.execute(query.order_by(area.c.name)).mappings()]
    known = {row["id"] for row in rows}
    below: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        below.setdefault(row["parent"] if row["parent"] in known else EVERYWHERE, []).append(row)
    return list(_in_order(below, EVERYWHERE, 0))


def _in_order(below: dict[str, list[dict[str, Any]]], parent: str, depth: int) -> Any:
    for row in below.get(parent, ()):
        yield {**row, "depth": depth}
        yield from _in_order(below, row["id"], depth + 1)
