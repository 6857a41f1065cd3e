"""The files of messages in the `outgoing` folder of an SMS daemon: a number and a code each, so
nobody else reads them, and none outlives its person.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import Connection, select

from central import schema

LOOKED_AT_MAX = 500


def put(folder: Path, name: str, text: str) -> None:
    """Give the daemon a message, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Where the operator gave the folder to the daemon's group, that group reads the files.
    mode = 0o640 if folder.stat().st_mode & 0o020 else 0o600
    draft = folder / f"{name}.part"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.rename(folder / name)


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
