"""Where a carrier works: everywhere, or at some locations, where the operator says so. Elsewhere
nothing is announced for it, its couriers are on no list, and its programs find no location."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select

from central import schema
from central.errors import not_found

_CARRIER, _PLACE = schema.carrier, schema.carrier_location


def works_there(carrier: ColumnElement[str], location: ColumnElement[str]) -> ColumnElement[bool]:
    """Of a query: whether a carrier works at a location."""
    is_limited = exists().where(_CARRIER.c.id == carrier, _CARRIER.c.is_limited)
    is_named = exists().where(_PLACE.c.carrier == carrier, _PLACE.c.location == location)
    return or_(~is_limited, is_named)


def limited(connection: Connection, carrier: str) -> frozenset[str] | None:
    """The locations at which alone a carrier works; None: it works everywhere."""
    is_limited = select(_CARRIER.c.is_limited).where(_CARRIER.c.id == carrier)
    if not connection.execute(is_limited).scalar():
        return None
    named = select(_PLACE.c.location).where(_PLACE.c.carrier == carrier)
    return frozenset(connection.execute(named).scalars())


def absent(connection: Connection, location: str) -> frozenset[str]:
    """The carriers that do not work at a location."""
    is_named = and_(_PLACE.c.carrier == _CARRIER.c.id, _PLACE.c.location == location)
    away = select(_CARRIER.c.id).where(_CARRIER.c.is_limited, ~exists().where(is_named))
    return frozenset(connection.execute(away).scalars())


def require_works(connection: Connection, carrier: str, location: str) -> None:
    """Raises `RequestError`, as of a location that there is not, where a carrier does not work."""
    if carrier in absent(connection, location):
        raise not_found("location", location)
