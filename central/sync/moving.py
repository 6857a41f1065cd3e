"""A location, or an area with all within it, is put into another area: who is listed for that is
let in there, who was, no more."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, or_, select, update

from central import schema
from central.areas import tree
from central.areas.visible import NETWORK, Reach, subtree
from central.carriers.places import noted, working_in
from central.context import audit
from central.errors import not_found
from central.sums import forget_all
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
    moved = {*tree.above(connection, before), *tree.above(connection, area_id)}
    carriers = working_in(connection, moved)
    with noted(connection, carriers, place.c.id == location):
        connection.execute(update(place).where(place.c.id == location).values(area=area_id))
    forget_all(connection)
    _list_again(connection, moved, carriers, now_ms)
    audit(
        connection, now_ms, by, "location.area", location, place=location, area=area_id, was=before
    )


def put_area(
    connection: Connection,
    area_id: str,
    parent: str,
    by: str,
    now_ms: int,
    reach: Reach = NETWORK,
) -> None:
    """Have an area, with all within it, lie in another one, or in none. Who does it administers the
    area, where it comes from, and where it comes to: so nobody takes from others what is theirs, or
    gives them what was not. Who is let in there changes as with a location. Raises
    `RequestError`."""
    tree.lock(connection)
    before = tree.parent_of(connection, area_id, reach)
    tree.require_place(connection, parent, reach)
    tree.require_left(connection, area_id, before, reach)
    if before == parent:
        return
    moved = {*tree.above(connection, before), *tree.above(connection, parent)}
    carriers = working_in(connection, moved)
    within = schema.location.c.area.in_(subtree([area_id]))
    with noted(connection, carriers, within):
        tree.hang(connection, area_id, parent)
    _list_again(connection, moved, carriers, now_ms)
    audit(connection, now_ms, by, "area.move", area_id, parent=parent, was=before)


def _list_again(
    connection: Connection, areas: Collection[str], carriers: Collection[str], now_ms: int
) -> None:
    """Who is listed for one of these areas, or serves one of these carriers."""
    who = [serves(carrier) for carrier in carriers]
    list_again(connection, or_(schema.staff.c.area.in_(areas), *who), now_ms)
