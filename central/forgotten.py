"""Who was forgotten, in a file that no backup of the database holds.

A backup brought back would bring back those who asked to be forgotten since it was made. Each of
them stands here with nothing that is theirs: ids, and marks of their contacts that only this server
can make. A start forgets again whom the database does not know as forgotten.

Each of the servers on one database has the whole list: a line goes into the file of the server that
wrote it and into the database, from which the others take it. So whichever of the files is left
brings the list back, also where the database is an older one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, Text, delete, select

from central import schema
from central.context import Central
from central.database.bulk import insert_missing
from central.database.columns import metadata, text_column
from central.errors import CannotServeError

FILE: Final = "forgotten.jsonl"
BY: Final = "server"
"""Who forgets again, in the log."""
COUNT: Final = "forgotten"
"""The key in `meta` under which a version before wrote how many lines of its file it knew."""
PURPOSE: Final = "forgotten"
SOME: Final = 500
"""So many rows are written by one statement."""

known = Table(
    "forgotten",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("line"),
    sqlite_strict=True,
)
"""The lines of the list that this database knows, and has carried out; `id` is a line's hash."""


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
    said = {
        "at_ms": central.clock.now_ms(),
        "people": list(people),
        "marks": marks,
        "staff": list(staff),
    }
    line = json.dumps(said, sort_keys=True)
    _append(file_of(central), [line])
    _know(connection, [line])


def is_alike(connection: Connection, central: Central) -> bool:
    """Whether the list here and the database have the same lines."""
    ids = set(connection.execute(select(known.c.id)).scalars())
    return ids == _by_id(_lines(file_of(central))).keys()


def exchange(connection: Connection, central: Central) -> list[dict[str, Any]]:
    """Have the list here and the database know the same; what the database, an older one brought
    back, did not know. Raises `CannotServeError` where the list cannot be written."""
    path = file_of(central)
    lines = _lines(path)
    _know_as_before(connection, lines)
    here = _by_id(lines)
    there = {row.id: row.line for row in connection.execute(select(known.c.id, known.c.line))}
    _append(path, [line for id_, line in there.items() if id_ not in here])
    new = [line for id_, line in here.items() if id_ not in there]
    _know(connection, new)
    return [_read(line) for line in new]


def has_mark(central: Central, contact: str, marks: Iterable[str]) -> bool:
    """Whether a contact is one of those that were forgotten."""
    return bool(contact) and central.secrets.mark(PURPOSE, contact) in marks


def _know(connection: Connection, lines: Sequence[str]) -> None:
    rows = [{"id": id_, "line": line} for id_, line in _by_id(lines).items()]
    for first in range(0, len(rows), SOME):
        insert_missing(connection, known, rows[first : first + SOME])


def _know_as_before(connection: Connection, lines: Sequence[str]) -> None:
    """A version before only counted the lines that its database knew."""
    counted = delete(schema.meta).where(schema.meta.c.key == COUNT).returning(schema.meta.c.value)
    count = connection.execute(counted).scalar()
    if count is not None:
        _know(connection, lines[: int(count)])


def _append(path: Path, lines: Sequence[str]) -> None:
    """Write lines behind the others, durably. A file is made even where there are none: whoever
    cannot write it is to hear of that at the start."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise _not_ours(path, error) from error
    with os.fdopen(descriptor, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        # What a power cut left of a line stands alone, and is passed over.
        begin = b"\n" if lines and size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
        file.write(begin + "".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(descriptor)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _not_ours(path, error) from error


def _not_ours(path: Path, error: OSError) -> CannotServeError:
    return CannotServeError(
        f"{path}: {error.strerror}; who is forgotten is written there first: let this user write it"
    )


def _by_id(lines: Iterable[str]) -> dict[str, str]:
    """The lines that say something, by their hashes."""
    return {sha256(line.encode()).hexdigest(): line for line in lines if _read(line)}


def _read(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None  # what a power cut left of a line
    return found if isinstance(found, dict) else {}
