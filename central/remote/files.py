"""The files that kiosks send: taken in where they were asked for, kept shortly, shown to who may
act there."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, select

from central import schema
from central.areas.visible import Reach, visible_to
from central.context import Central
from central.database.bulk import insert_once
from central.errors import RequestError, not_found
from central.locking import lock_location
from central.remote.tables import location_file
from central.sync import enrolment
from kiosk.model.clock import HOUR_MS
from kiosk.model.commands import FILES, CommandType
from kiosk.sync.contract import FILE_MAX_BYTES, HELP_VALID_MS

KEPT_H: Final = 24
KEPT_MAX: Final = 20
"""So many of one location are kept, the newest."""
TAKEN_WITHIN_MS: Final = 2 * HELP_VALID_MS
"""A file comes so soon after it was asked for, or not at all."""
BEGINS: Final = {
    CommandType.SCREEN_PICTURE: b"\x89PNG\r\n\x1a\n",
    CommandType.SUPPORT_FILE: b"PK\x03\x04",
}
"""With what a file of each kind begins: nothing else is taken in, so nothing else is handed out."""


def take_in(
    connection: Connection,
    central: Central,
    location: str,
    token: str,
    command: str,
    content: bytes,
) -> None:
    """Keep what a kiosk sends because a command asked for it. Raises `RequestError`."""
    enrolment.kiosk_of(connection, location, token)
    lock_location(connection, location)
    table, now_ms = schema.command, central.clock.now_ms()
    row = connection.execute(
        select(table.c.type, table.c.created_ms).where(
            table.c.id == command, table.c.location == location
        )
    ).first()
    if row is None or row.type not in FILES or row.created_ms < now_ms - TAKEN_WITHIN_MS:
        raise RequestError(409, "not_asked", "nobody asked for this file, or not lately")
    if not content.startswith(BEGINS[CommandType(row.type)]) or len(content) > FILE_MAX_BYTES:
        raise RequestError(422, "invalid", f"this is no {row.type}")
    values = {
        "command": command,
        "location": location,
        "kind": row.type,
        "content": central.secrets.seal(content),
        "created_ms": now_ms,
    }
    insert_once(connection, location_file, values)  # one that comes again is the same
    _keep_the_newest(connection, location)


def _keep_the_newest(connection: Connection, location: str) -> None:
    of_place = location_file.c.location == location
    newest = select(location_file.c.command).where(of_place)
    newest = newest.order_by(location_file.c.created_ms.desc()).limit(KEPT_MAX)
    kept = connection.execute(newest).scalars().all()
    connection.execute(delete(location_file).where(of_place, location_file.c.command.not_in(kept)))


def of_location(connection: Connection, location: str) -> dict[str, str]:
    """What each command of a location was answered with: its kind."""
    table = location_file
    query = select(table.c.command, table.c.kind).where(table.c.location == location)
    return {row.command: row.kind for row in connection.execute(query)}


def content_of(
    connection: Connection, central: Central, reach: Reach, command: str
) -> tuple[str, str, bytes]:
    """A file: its location, its kind, what it says. Raises `RequestError`."""
    table = location_file
    is_it = (table.c.command == command) & visible_to(reach, table.c.location)
    row = connection.execute(select(table).where(is_it)).first()
    if row is None:
        raise not_found("file", command)
    return row.location, row.kind, central.secrets.open(row.content)


def forget(connection: Connection, now_ms: int, most: int) -> int:
    """Delete some of the files that were kept long enough; how many."""
    table = location_file
    is_old = table.c.created_ms < now_ms - KEPT_H * HOUR_MS
    some = select(table.c.command).where(is_old).limit(most)
    return connection.execute(delete(table).where(table.c.command.in_(some))).rowcount
