"""Which program may use which database: also one in which a newer program wrote.

Where a newer program is taken back, the one before goes on with its database, for a migration only
adds. The file itself says from which program on that is so, and this program looks at what it uses:
at the tables, columns, indexes and triggers that it knows. What a newer one added is left alone.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeVar

from sqlite_utils import Database

from kiosk.store.errors import DamagedError, NewerVersionError
from kiosk.store.schema import OLDEST_WRITER, migrations

LOG = logging.getLogger("kiosk")
OLDEST: Final = "oldest_writer"
"""Under which key of `meta` the first migration stands that whoever writes must know."""
OLDEST_VERSION: Final = "oldest_writer_version"
"""Under which key the first version stands that knows it, for people."""
PROGRAM: Final = "program_version"
"""Under which key the version stands of the program that opened the database last."""


class Column(NamedTuple):
    """A column as SQLite sees it."""

    kind: str
    must_be_given: bool
    """It is NOT NULL and has no default."""
    is_never_null: bool
    default: str | None
    key_place: int
    """Its place in the primary key, from 1; 0 when it is not in it."""


class Objects(NamedTuple):
    """What a database is made of."""

    tables: Mapping[str, Mapping[str, Column]]
    strict: frozenset[str]
    indexes: Mapping[str, str]
    """The statement that made each, by its name."""
    triggers: frozenset[str]


def objects_of(connection: sqlite3.Connection) -> Objects:
    """The tables, indexes and triggers of a database, without SQLite's own."""
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    ).fetchall()
    named = [str(name) for kind, name, _ in rows if kind == "table"]
    listed = connection.execute("SELECT name, strict FROM pragma_table_list").fetchall()
    return Objects(
        tables={name: dict(_columns(connection, name)) for name in named},
        strict=frozenset(name for name, is_strict in listed if is_strict and name in named),
        indexes={name: " ".join(sql.split()) for kind, name, sql in rows if kind == "index"},
        triggers=frozenset(name for kind, name, _ in rows if kind == "trigger"),
    )


def _columns(connection: sqlite3.Connection, table: str) -> Iterator[tuple[str, Column]]:
    rows = connection.execute(
        'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)', (table,)
    ).fetchall()
    for name, kind, is_never_null, default, place, hidden in rows:
        # SQLite itself gives a generated column, and the number of an `INTEGER PRIMARY KEY`.
        is_given = hidden or default is not None or (place and kind == "INTEGER")
        must_be_given = bool(is_never_null) and not is_given
        yield name, Column(kind, must_be_given, bool(is_never_null), default, place)


def missing_in(found: Objects, known: Objects) -> list[str]:
    """What of all that a program knows is not there, or is other than it knows it, in sentences; an
    empty list where it can use what was found.

    What a trigger or a CHECK allows is not compared: a newer program may allow more.
    """
    wrong = [f"table {name} is missing" for name in known.tables if name not in found.tables]
    for table, columns in known.tables.items():
        if table in found.tables:
            wrong += _missing_columns(table, found.tables[table], columns)
    wrong += [f"table {name} is not STRICT" for name in known.strict - found.strict]
    for name, sql in known.indexes.items():
        if found.indexes.get(name) != sql:
            wrong.append(f"index {name} is {'another' if name in found.indexes else 'missing'}")
    wrong += [f"trigger {name} is missing" for name in known.triggers - found.triggers]
    return sorted(wrong)


def _missing_columns(
    table: str, found: Mapping[str, Column], known: Mapping[str, Column]
) -> Iterator[str]:
    for name, column in known.items():
        if name not in found:
            yield f"column {table}.{name} is missing"
        elif found[name] != column:
            yield f"column {table}.{name} is another: {found[name]}, not {column}"
    for name, column in found.items():
        if name not in known and column.must_be_given:
            yield f"column {table}.{name} must be given, and nothing is known of it"


def fingerprint(connection: sqlite3.Connection) -> str:
    """A hash of every table, index and trigger, to compare two schemas."""
    rows = connection.execute(
        "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name"
    ).fetchall()
    return sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()


class _Expected(NamedTuple):
    fingerprint: str
    objects: Objects


@cache
def _expected() -> _Expected:
    """A database that this program just made."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.apply(Database(connection))
        return _Expected(fingerprint(connection), objects_of(connection))


def unknown_migrations(database: Database) -> list[str]:
    """The migrations of a database that only newer programs know."""
    ours = _names()
    return sorted(each.name for each in migrations.applied(database) if each.name not in ours)


@cache
def _names() -> tuple[str, ...]:
    """The migrations of this program, in their order."""
    return tuple(each.name for each in migrations.pending(Database(memory=True)))


E = TypeVar("E", bound=StrEnum)


def known_word(word: str, otherwise: E) -> E:
    """What a word in a column means; `otherwise` for the word of a newer program. That is to be the
    one with which the least is done."""
    try:
        return type(otherwise)(word)
    except ValueError:
        return otherwise


def require_usable(name: str, database: Database) -> None:
    """Refuse a database in which only newer programs may write. Nothing is changed.

    Raises `NewerVersionError`, which says which version can open it.
    """
    unknown = unknown_migrations(database)
    if not unknown or _value(database.conn, OLDEST) in _names():
        return
    version = _value(database.conn, OLDEST_VERSION)
    who = f"version {version} or newer" if version else "that version or a newer one"
    raise NewerVersionError(
        f"{name}: the database was written by a newer version (it has {', '.join(unknown)}),"
        f" and only {who} can open it: install that again, or restore a backup from before"
    )


def bring_up(name: str, database: Database) -> None:
    """Apply the migrations that are missing, all or none, note who may write from now on, and
    compare what is there with what this program uses.

    Raises `DamagedError`, or `NewerVersionError` where a newer program left too little.
    """
    unknown = unknown_migrations(database)
    if migrations.pending(database):
        with database.atomic():
            migrations.apply(database)
            if not unknown:
                _note_who_may_write(database.conn)
    elif not unknown:
        try:
            _note_who_may_write(database.conn)
        except sqlite3.Error as error:  # a full disk must not keep the kiosk shut
            LOG.warning("%s: who may write cannot be noted: %s", name, error)
    if not unknown:
        _require_as_made(name, database.conn)
        return
    wrong = missing_in(objects_of(database.conn), _expected().objects)
    if wrong:
        raise NewerVersionError(
            f"{name}: a newer version ({', '.join(unknown)}) changed what this one uses:"
            f" {'; '.join(wrong)}: install that version again, or restore a backup from before"
        )


def _note_who_may_write(connection: sqlite3.Connection) -> None:
    _note(connection, OLDEST, OLDEST_WRITER.migration)
    _note(connection, OLDEST_VERSION, OLDEST_WRITER.version)


def _require_as_made(name: str, connection: sqlite3.Connection) -> None:
    if fingerprint(connection) != _expected().fingerprint:
        raise DamagedError(
            f"{name}: the tables are not the ones this version makes; restore a backup,"
            " or find out who changed the database by hand"
        )


def is_to_change(database: Database) -> bool:
    """Whether the tables of an earlier program are to be changed."""
    return bool(migrations.applied(database) and migrations.pending(database))


def is_other_program(database: Database, version: str) -> bool:
    """Whether a program of another version opened this database last."""
    is_new = not migrations.applied(database)
    return not is_new and (is_to_change(database) or _value(database.conn, PROGRAM) != version)


def note_program(database: Database, version: str) -> None:
    """Note that a program of this version has opened the database."""
    _note(database.conn, PROGRAM, version)


def _note(connection: sqlite3.Connection, key: str, value: str) -> None:
    """Keep a value in `meta`, unless it stands there."""
    if _value(connection, key) != value:
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


def _value(connection: sqlite3.Connection, key: str) -> Any:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]
