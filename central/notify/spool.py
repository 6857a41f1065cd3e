"""The files of messages in the `outgoing` folder of an SMS daemon: none outlives its person."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, select

from central import schema

LOOKED_AT_MAX = 500


def forget(connection: Connection, folder: Path | None) -> int:
    """Delete what the daemon has not taken and what is for somebody who was forgotten; how many."""
    if folder is None or not folder.is_dir():
        return 0
    files = {path.stem: path for path in sorted(folder.iterdir())[:LOOKED_AT_MAX]}
    table, person = schema.notification, schema.recipient
    gone = connection.execute(
        select(table.c.id)
        .join(person, person.c.id == table.c.recipient)
        .where(table.c.id.in_(list(files)), person.c.erased_ms.is_not(None))
    ).scalars()
    count = 0
    for name in gone:
        files[name].unlink(missing_ok=True)
        count += 1
    return count
