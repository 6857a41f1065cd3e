"""Where a carrier works: everywhere, or at some locations and in some areas, where the operator
says so. Elsewhere nothing is announced for it, its couriers are on no list, and its programs find
no location."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import ColumnElement, Connection, bindparam, exists, literal, or_, select

from central import schema
from central.areas.visible import around
from central.database.bulk import upsert_many
from central.errors import not_found

_CARRIER = schema.carrier
_AT, _IN = schema.carrier_location, schema.carrier_area


_LIMITED = select(_CARRIER.c.is_limited).where(_CARRIER.c.id == bindparam("carrier"))
LIMITED = _LIMITED.scalar_subquery()
"""Whether the carrier that is bound works at some locations only, for a query that asks more."""


def is_limited(connection: Connection, carrier: str) -> bool:
    """Whether a carrier works at some locations only."""
    return bool(connection.execute(_LIMITED, {"carrier": carrier}).scalar())


def works_at(carrier: ColumnElement[str]) -> ColumnElement[bool]:
    """Of a query of locations: whether a carrier that is limited works there."""
    place, within = schema.location, schema.area_within
    named = select(_AT.c.location).where(_AT.c.carrier == carrier)
    areas = (
        select(within.c.area)
        .join(_IN, _IN.c.area == within.c.above)
        .where(_IN.c.carrier == carrier)
    )
    return or_(place.c.id.in_(named), place.c.area.in_(areas))


def absent(connection: Connection, location: str, areas: Collection[str]) -> frozenset[str]:
    """The carriers that do not work at a location, which lies in these areas."""
    is_named = exists().where(_AT.c.carrier == _CARRIER.c.id, _AT.c.location == location)
    is_within = exists().where(_IN.c.carrier == _CARRIER.c.id, _IN.c.area.in_(sorted(areas)))
    away = select(_CARRIER.c.id).where(_CARRIER.c.is_limited, ~is_named, ~is_within)
    return frozenset(connection.execute(away).scalars())


def working_in(connection: Connection, areas: Collection[str]) -> list[str]:
    """The carriers for which one of these areas is named."""
    named = select(_IN.c.carrier).where(_IN.c.area.in_(sorted(areas))).distinct()
    return sorted(connection.execute(named).scalars())


@contextmanager
def noted(
    connection: Connection, carriers: Collection[str], among: ColumnElement[bool] | None = None
) -> Iterator[None]:
    """Write down where these carriers begin or cease to work meanwhile, `among` these locations:
    who keeps a copy of the feed hears of it."""
    known = {each: _works(connection, each, among) for each in carriers}
    yield
    for carrier, before in known.items():
        changed = before ^ _works(connection, carrier, among)
        rows = [{"carrier": carrier, "location": each} for each in sorted(changed)]
        upsert_many(connection, schema.place_change, ("carrier", "location"), rows)


def _works(connection: Connection, carrier: str, among: ColumnElement[bool] | None) -> set[str]:
    """Where a carrier works, of what there is."""
    place = schema.location
    here = select(place.c.id).where(place.c.revoked_ms.is_(None))
    if among is not None:
        here = here.where(among)
    if is_limited(connection, carrier):
        here = here.where(works_at(literal(carrier)))
    return set(connection.execute(here).scalars())


def require_works(connection: Connection, carrier: str, location: str) -> None:
    """Raises `RequestError`, as of a location that there is not, where a carrier does not work."""
    if is_limited(connection, carrier):
        require_present(connection, carrier, location)


def require_present(connection: Connection, carrier: str, location: str) -> None:
    """The same for a carrier of which it is known that it works at some locations only."""
    if carrier in absent(connection, location, around(connection, location)):
        raise not_found("location", location)
