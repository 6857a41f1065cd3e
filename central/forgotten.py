"""Who was forgotten, in a file that no backup of the database holds.

A backup brought back would bring back those who asked to be forgotten since it was made. Each of
them stands here with nothing that is theirs: ids, and marks of their contacts that only this server
can make. A start forgets again whom the database does not know as forgotten.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from central import schema
from central.context import Central
from central.database.bulk import upsert
from central.errors import CannotServeError

LOG = logging.getLogger("central")
FILE = "forgotten.jsonl"
BY = "server"
"""Who forgets again, in the log."""
COUNT = "forgotten"
"""The key in `meta` under which stands how many lines of the file a database knows."""
PURPOSE = "forgotten"


def file_of(central: Central) -> Path:
    """Where the list is."""
    return central.settings.forgotten_file or central.settings.data / FILE


def note(
    connection: Connection,
    central: Central,
    *,
    people: Sequence[str] = (),
    contacts: Iterable[str] = (),
    staff: Sequence[str] = (),
) -> None:
    """Write down durably who is forgotten, before it is committed."""
    marks = sorted({central.secrets.mark(PURPOSE, each) for each in contacts if each})
    line = {
        "at_ms": central.clock.now_ms(),
        "people": list(people),
        "marks": marks,
        "staff": list(staff),
    }
    _append(file_of(central), json.dumps(line, sort_keys=True))
    _note_count(connection, len(_lines(file_of(central))))


def _append(path: Path, line: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotServeError(
            f"{path}: {error.strerror}; who is forgotten is written there first:"
            " let this user write it"
        ) from error
    with os.fdopen(descriptor, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        # What a power cut left of a line stands alone, and is passed over.
        begin = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
        file.write(begin + line.encode() + b"\n")
        file.flush()
        os.fsync(descriptor)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _count(connection: Connection) -> int:
    table = schema.meta
    found = connection.execute(select(table.c.value).where(table.c.key == COUNT)).scalar()
    return int(found or 0)


def _note_count(connection: Connection, count: int) -> None:
    upsert(connection, schema.meta, {"key": COUNT}, {"value": str(count)})


def unknown(connection: Connection, central: Central) -> list[dict[str, Any]]:
    """What stands in the list and this database, an older one brought back, does not know."""
    path = file_of(central)
    lines, known = _lines(path), _count(connection)
    if len(lines) < known:
        LOG.warning("%s is shorter than it was: backups may bring back who was forgotten", path)
    if len(lines) > known:
        _note_count(connection, len(lines))
    return [_read(line) for line in lines[known:]]


def has_mark(central: Central, contact: str, marks: Iterable[str]) -> bool:
    """Whether a contact is one of those that were forgotten."""
    return bool(contact) and central.secrets.mark(PURPOSE, contact) in marks


def _read(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None  # what a power cut left of a line
    return found if isinstance(found, dict) else {}
