"""A location is put into another area: who is listed for that is let in, who was, no more."""

from __future__ import annotations

from sqlalchemy import Connection, or_, select, update

from central import schema
from central.areas import tree
from central.areas.visible import NETWORK, Reach
from central.carriers.places import working_in
from central.context import audit
from central.errors import not_found
from central.sync.staff_list import list_again, serves


def put_location(
    connection: Connection,
    location: str,
    area_id: str,
    by: str,
    now_ms: int,
    reach: Reach = NETWORK,
) -> None:
    """Have a location lie in an area. Staff who are listed for the area it comes from, or comes
    into, are let in there no more, or from now on; so are the couriers of carriers that work in
    these. Raises `RequestError`."""
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
    staff = schema.staff
    who = [serves(carrier) for carrier in working_in(connection, moved)]
    list_again(connection, or_(staff.c.area.in_(moved), *who), now_ms)
    audit(
        connection, now_ms, by, "location.area", location, place=location, area=area_id, was=before
    )
