"""What is personal and lies unsealed, or sealed with an older key, is sealed with the newest.

A start does it where it has to be done: after the update to a version that seals more, after an old
backup was brought back, and after the key was changed. It works in bites, each of them committed,
and goes on where it was stopped. What lay there before is then gone from the file, too.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table, bindparam, select, tuple_

from central import people, schema
from central.database import Database
from central.database.bulk import insert_once, upsert
from central.errors import CannotServeError
from central.sealing import SealedByRow, index_of, sealed_columns
from central.tokens import KEY_FILE, Secrets
from kiosk.model.sealing import Sealing, UnsealError, is_sealed

LOG = logging.getLogger("central.sealing")
BITE = 500
"""So many rows are read and sealed in one transaction."""
DONE = "sealed"
"""The key in `meta` under which stands what everything was sealed with, and which columns."""
WROTE_LAST = "0026"
"""The last migration that wrote something into a table with sealed columns. A database that was all
sealed at it or later holds nothing unsealed: else each update of a large server would begin with
minutes in which every person's row is read. A test holds the migrations to it."""
PROBE = "sealed_probe"
"""The key in `meta` under which a known text stands sealed: it tells a wrong key at once."""
PROBE_TEXT = "sealed with this key"

BY_HAND = (
    (schema.location, "key_sealed"),
    (schema.signing_key, "key_sealed"),
    (schema.release_key, "key_sealed"),
    (schema.carrier_key, "key_sealed"),
    (schema.user, "totp_sealed"),
    (schema.operator_session, "offers"),
)
"""What is sealed as bytes, by `Secrets.seal`."""

Place = tuple[Any, ...]
"""The primary key of a row."""


def bring_up(database: Database, secrets: Secrets) -> int:
    """Seal everything that the newest key has not sealed; how many rows that were.

    Raises `CannotServeError` when the database was sealed with a key that is not at hand.
    """
    _require_key(database, secrets.sealing)
    state = database.read(_state, secrets.sealing)
    if _is_all_sealed(database.read(_value, DONE), state):
        return 0
    count = 0
    for table in schema.metadata.sorted_tables:
        if sealed_columns(table):
            count += _seal_table(database, table, secrets.sealing)
    for table, name in BY_HAND:
        count += database.submit(_seal_bytes, table, name, secrets).result()
    if count:
        LOG.warning("%d rows were sealed with key %s", count, secrets.sealing.name)
        database.wipe_free_space()
    database.submit(_claim, secrets.sealing).result()
    # Only now: a start that is stopped before does it all again.
    database.submit(_note, DONE, state).result()
    return count


def is_claimed(connection: Connection) -> bool:
    """Whether a server's key belongs to this database already."""
    return _value(connection, PROBE) != ""


def _claim(connection: Connection, sealing: Sealing) -> None:
    """Have the database belong to this key, unless it belongs to another. Raises
    `CannotServeError`."""
    probe = sealing.seal(PROBE_TEXT, PROBE)
    # Of two new servers that start at once the second one waits here for what the first one wrote.
    insert_once(connection, schema.meta, {"key": PROBE, "value": probe})
    _require_opens(sealing, _value(connection, PROBE))
    _note(connection, PROBE, probe)


def _require_key(database: Database, sealing: Sealing) -> None:
    _require_opens(sealing, database.read(_value, PROBE))


def _require_opens(sealing: Sealing, probe: str) -> None:
    try:
        sealing.open(probe, PROBE)
    except UnsealError as error:
        raise CannotServeError(
            f"{KEY_FILE} is not the key that this database was sealed with;"
            " put the copy of the key that was kept elsewhere back there, or that of the other"
            " servers on this database: all of them have the same"
        ) from error


def _is_all_sealed(noted: str, state: str) -> bool:
    """Whether what was noted when all was sealed still says so: with the same key, of the same
    columns, and with no migration since that may have written what is not sealed."""
    if not noted:
        return False
    (key, revision, *columns), (now_key, _, *now_columns) = noted.split(" "), state.split(" ")
    return (key, columns) == (now_key, now_columns) and revision >= WROTE_LAST


def _state(connection: Connection, sealing: Sealing) -> str:
    """What is noted when all is sealed: the key, the migration that was the newest, the columns."""
    revision = MigrationContext.configure(connection).get_current_revision()
    columns = [
        f"{table.name}.{name}"
        for table in schema.metadata.sorted_tables
        for name in sealed_columns(table)
    ]
    return f"{sealing.name} {revision} {' '.join(columns)}"


def _value(connection: Connection, key: str) -> str:
    table = schema.meta
    return connection.execute(select(table.c.value).where(table.c.key == key)).scalar() or ""


def _note(connection: Connection, key: str, value: str) -> None:
    upsert(connection, schema.meta, {"key": key}, {"value": value})


def _seal_table(database: Database, table: Table, sealing: Sealing) -> int:
    after: Place | None = None
    count = 0
    while True:
        after, sealed = database.submit(_seal_bite, table, sealing, after).result()
        count += sealed
        if after is None:
            return count


def _seal_bite(
    connection: Connection, table: Table, sealing: Sealing, after: Place | None
) -> tuple[Place | None, int]:
    """Seal what has to be of the next rows; where they end, None at the table's end."""
    keys = [column.name for column in table.primary_key]
    sealed = sealed_columns(table)
    # As they lie there: the table's own types would open them.
    raw = sa.table(table.name, *(sa.column(name) for name in (*keys, *sealed)))
    raw_keys = [raw.c[name] for name in keys]
    query = select(raw).order_by(*raw_keys).limit(BITE)
    if after is not None:
        query = query.where(tuple_(*raw_keys) > after)
    # Locked: a server that runs already may be about to change one of them.
    rows = connection.execute(query.with_for_update()).mappings().all()
    changed = [
        dict(row) for row in rows if not all(sealing.is_newest(row[name]) for name in sealed)
    ]
    for row in changed:
        _seal_row(connection, table, sealing, row)
    if len(rows) < BITE:
        return None, len(changed)
    return tuple(rows[-1][name] for name in keys), len(changed)


def _seal_row(connection: Connection, table: Table, sealing: Sealing, row: dict[str, Any]) -> None:
    values: dict[str, Any] = {}
    for name, column in sealed_columns(table).items():
        context = column.context
        if isinstance(column, SealedByRow):
            context = column.context_of(row[column.key])
        text = _opened(sealing, row[name], context)
        values[name] = sealing.seal(text, context)
        if index := index_of(table, name):
            values[index] = sealing.blind_index(text, context)
        if table is schema.recipient and name == "name":
            people.index_name(connection, row["id"], text)
    keys = [column.name for column in table.primary_key]
    raw = sa.table(table.name, *(sa.column(name) for name in (*keys, *values)))
    is_it = [raw.c[name] == bindparam(f"of_{name}", row[name]) for name in keys]
    connection.execute(raw.update().where(*is_it).values(**values))


def _opened(sealing: Sealing, text: str, context: str) -> str:
    """A text that was sealed, or lies there as it was before anything was."""
    if not is_sealed(text):
        return text
    try:
        return sealing.open(text, context)
    except UnsealError as error:
        LOG.error("a sealed value does not open, and is given up: %s", error)
        return ""


def _seal_bytes(connection: Connection, table: Table, name: str, secrets: Secrets) -> int:
    """They are few, so all at once."""
    column, (key,) = table.c[name], table.primary_key
    query = select(key, column).where(column.is_not(None)).with_for_update()
    known = connection.execute(query).all()
    older: Sequence[Any] = [row for row in known if not secrets.is_newest(row[1])]
    for row in older:
        again = secrets.seal_again(row[1])
        connection.execute(table.update().where(key == row[0]).values({name: again}))
    return len(older)
