"""The location's row is the lock: whoever changes something of a location takes it first.

Its packages, commands, events, doors and messages are then changed by nobody else until this
transaction ends, at whichever server. Several locations are locked in order of their ids, in one
call where that can be.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from central import schema
from central.database.locks import lock_rows


def lock_location(connection: Connection, *locations: str | None) -> bool:
    """Lock these locations, as far as there are any; whether that may have waited for somebody, so
    that what was read before is to be read again."""
    return lock_rows(connection, schema.location, (each for each in locations if each is not None))


def lock_locations_of(connection: Connection, recipients: Collection[str]) -> None:
    """Lock the locations of these people's packages."""
    if connection.dialect.name == "sqlite":
        return
    package = schema.package
    places = select(package.c.location).where(package.c.recipient.in_(recipients)).distinct()
    lock_location(connection, *connection.execute(places).scalars())
