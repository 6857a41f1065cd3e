"""A location is put into another area: who is listed for that is let in, who was, no more."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from central import schema
from central.areas import tree
from central.areas.visible import NETWORK, Reach
from central.context import audit
from central.errors import not_found
from central.sync.staff_list import count_change


def put_location(
    connection: Connection,
    location: str,
    area_id: str,
    by: str,
    now_ms: int,
    reach: Reach = NETWORK,
) -> None:
    """Have a location lie in an area. Staff who are listed for the area it comes from, or comes
    into, are let in there no more, or from now on. Raises `RequestError`."""
    tree.lock(connection)
    tree.require_place(connection, area_id, reach)
    place = schema.location
    before = connection.execute(select(place.c.area).where(place.c.id == location)).scalar()
    if before is None:
        raise not_found("location", location)
    if before == area_id:
        return
    connection.execute(update(place).where(place.c.id == location).values(area=area_id))
    moved = {*tree.above(connection, before), *tree.above(connection, area_id)}
    _list_again(connection, moved, now_ms)
    # Also where nobody is listed: carriers' badges are good in some regions.
    count_change(connection, now_ms)
    audit(
        connection, now_ms, by, "location.area", location, place=location, area=area_id, was=before
    )


def _list_again(connection: Connection, areas: set[str], now_ms: int) -> None:
    """Have kiosks ask again for who is listed for these areas: each at a version of their own."""
    staff = schema.staff
    listed = select(staff.c.number).where(staff.c.area.in_(areas), staff.c.removed_ms.is_(None))
    for number in connection.execute(listed).scalars().all() if areas else ():
        version = count_change(connection, now_ms)
        connection.execute(update(staff).where(staff.c.number == number).values(version=version))
