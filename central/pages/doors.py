"""One door of a location: what lies there, how it is, and what was done at it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, select

from central import schema
from central.areas.visible import Reach, visible_to
from central.errors import not_found
from central.pages import queries

LOOKED_THROUGH: Final = 500
"""So many of a location's newest events are looked through for those of a door."""
HISTORY_SHOWN: Final = 12

Row = dict[str, Any]


def door(connection: Connection, reach: Reach, location: str, label: str) -> Row:
    """A door with its package and its history. Raises `RequestError`."""
    slot, package = schema.slot, schema.package
    is_it = (slot.c.location == location) & (slot.c.label == label)
    query = select(slot).where(is_it, visible_to(reach, slot.c.location))
    row = connection.execute(query).mappings().first()
    if row is None:
        raise not_found("door", label)
    lying = (
        select(package)
        .where(package.c.location == location, package.c.slot == label, schema.is_live())
        .limit(queries.SHOWN)
    )
    events = queries.newest_events(connection, reach, location, LOOKED_THROUGH)
    return {
        **row,
        "packages": [dict(each) for each in connection.execute(lying).mappings()],
        "history": [each for each in events if each["slot"] == label][:HISTORY_SHOWN],
    }
