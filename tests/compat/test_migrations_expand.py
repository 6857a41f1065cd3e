"""Every migration, of kiosk and server, only adds: the program that knew the tables before goes on
with those after it. What it may write is not narrowed either."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from alembic import command as alembic
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlite_utils import Database

from central.database import alembic_config
from central.database.migrating import OLDEST_SERVER
from kiosk.store.compatibility import Objects, fingerprint, missing_in, objects_of
from kiosk.store.schema import OLDEST_WRITER, migrations
from tests.compat.releases import end_all, last_release

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
WIDENED: dict[str, str] = {}
"""The migrations that change what a CHECK or a trigger says of a column that was there, and why
every row that was right before is right afterwards."""


class Schema(NamedTuple):
    """What a database is made of, and what it demands of who writes."""

    objects: Objects
    demands: frozenset[tuple[str, str]]
    """Unique indexes, triggers and checks: the table, and what is demanded."""


def schema_of(connection: sqlite3.Connection) -> Schema:
    objects = objects_of(connection)
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    demands: set[tuple[str, str]] = set()
    for kind, _, table, sql in rows:
        text = " ".join((sql or "").split())
        if kind == "trigger" or text.startswith("CREATE UNIQUE INDEX"):
            demands.add((table, re.sub(r"^CREATE (UNIQUE INDEX|TRIGGER) \S+ ", r"\1 ", text)))
        elif kind == "table":
            demands.update((table, f"CHECK {each}") for each in checks_in(text))
    return Schema(objects, frozenset(demands))


def checks_in(sql: str) -> Iterator[str]:
    """The conditions of a table, in their parentheses."""
    for found in re.finditer(r"\bCHECK\s*\(", sql, re.IGNORECASE):
        depth = 0
        for place in range(found.end() - 1, len(sql)):
            depth += (sql[place] == "(") - (sql[place] == ")")
            if depth == 0:
                yield sql[found.end() - 1 : place + 1]
                break


def breaches(before: Schema, after: Schema) -> list[str]:
    """Why the program that knew `before` could not go on after a migration, in sentences."""
    wrong = missing_in(after.objects, before.objects)
    for table, demand in sorted(after.demands - before.demands):
        known = before.objects.tables.get(table)
        if known is not None and any(re.search(rf"\b{name}\b", demand) for name in known):
            wrong.append(f"{table} demands more: {demand}")
    return wrong


def walked(steps: Sequence[str], at: Callable[[str], Schema], oldest: str) -> dict[str, list[str]]:
    """What is wrong with each migration after the oldest that a writer must know."""
    found: dict[str, list[str]] = {}
    for before, after in itertools.pairwise(steps):
        if after > oldest and after not in WIDENED:
            wrong = breaches(at(before), at(after))
            if wrong:
                found[after] = wrong
    return found


# --- the kiosk's -----------------------------------------------------------------------------


def kiosks() -> list[str]:
    return [each.name for each in migrations.pending(Database(memory=True))]


def kiosk_at(name: str) -> Schema:
    with contextlib.closing(kiosk_database(name)) as connection:
        return schema_of(connection)


def kiosk_database(name: str) -> sqlite3.Connection:
    later = kiosks()[kiosks().index(name) + 1 :]
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.apply(Database(connection), stop_before=later)
    return connection


def test_every_migration_of_the_kiosk_only_adds() -> None:
    assert OLDEST_WRITER.migration in kiosks()
    assert walked(kiosks(), kiosk_at, OLDEST_WRITER.migration) == {}


def test_the_last_release_may_write_and_its_migrations_stand_as_they_were(tmp_path: Path) -> None:
    """A change of what a migration did would make two databases of one version."""
    last = last_release()
    last.kiosk(tmp_path)
    end_all()
    with contextlib.closing(sqlite3.connect(tmp_path / "kiosk.db")) as connection:
        names = connection.execute("SELECT name FROM _sqlite_migrations ORDER BY name").fetchall()
        found = fingerprint(connection)
    known = [name for (name,) in names]
    assert known == kiosks()[: len(known)]
    assert OLDEST_WRITER.migration in known, "the last release could not be gone back to"
    with contextlib.closing(kiosk_database(known[-1])) as connection:
        assert fingerprint(connection) == found
    versions = (last.root / "central" / "migrations" / "versions").glob("[0-9]*.py")
    assert max(path.name[:4] for path in versions) >= OLDEST_SERVER


# --- the server's -------------------------------------------------------------------------------


def servers() -> list[str]:
    scripts = ScriptDirectory.from_config(alembic_config())
    return [each.revision for each in scripts.walk_revisions()][::-1]


def server_schemas(folder: Path, steps: Iterable[str]) -> dict[str, Schema]:
    path = folder / "central.db"
    engine = create_engine(f"sqlite:///{path}")
    found = {}
    for step in steps:
        with engine.begin() as connection:
            alembic.upgrade(alembic_config(connection), step)
        with contextlib.closing(sqlite3.connect(path)) as read:
            schema = schema_of(read)
        # The server names none in a statement: another one that is not unique is slower, not wrong.
        objects = schema.objects
        unique = {name: sql for name, sql in objects.indexes.items() if " UNIQUE " in sql}
        found[step] = schema._replace(objects=objects._replace(indexes=unique))
    engine.dispose()
    return found


def test_every_migration_of_the_server_only_adds(tmp_path: Path) -> None:
    assert OLDEST_SERVER in servers()
    first = "0022" if IS_NIGHTLY else OLDEST_SERVER
    steps = [step for step in servers() if step >= first]
    found = server_schemas(tmp_path, steps)
    assert walked(steps, found.__getitem__, OLDEST_SERVER) == {}
    if IS_NIGHTLY:  # the control: two that allowed longer numbers, before this was held, are found
        assert set(walked(steps, found.__getitem__, first)) >= {"0023", "0028"}


# --- the control ------------------------------------------------------------------------------

NO_EXPANSION = {
    "a column goes": ("ALTER TABLE intent DROP COLUMN delegate", "delegate is missing"),
    "a column has another name": (
        "ALTER TABLE slot RENAME COLUMN size TO width",
        "slot.size is missing",
    ),
    "a table goes": ("DROP TABLE opening", "table opening is missing"),
    "a table has another name": ("ALTER TABLE visit RENAME TO stay", "table visit is missing"),
    "an index goes": ("DROP INDEX slot_free", "index slot_free is missing"),
    "a rule goes": ("DROP TRIGGER slot_is_kept", "trigger slot_is_kept is missing"),
    "a column must be given": (
        "DROP TABLE counter; CREATE TABLE counter (name TEXT NOT NULL, label TEXT NOT NULL,"
        " value INTEGER NOT NULL, mood TEXT NOT NULL, PRIMARY KEY (name, label)) STRICT",
        "counter.mood must be given",
    ),
    "a column is of another kind": (
        "DROP TABLE observer; CREATE TABLE observer (name TEXT PRIMARY KEY, seq TEXT NOT NULL)"
        " STRICT",
        "observer.seq is another",
    ),
    "a column may not be empty any more": (
        "DROP TABLE reservation; CREATE TABLE reservation (id TEXT PRIMARY KEY, size TEXT NOT NULL,"
        " until_ms INTEGER NOT NULL, package TEXT NOT NULL) STRICT;"
        " CREATE INDEX reservation_until ON reservation (until_ms)",
        "reservation.package is another",
    ),
    "rows must differ": (
        "CREATE UNIQUE INDEX one_visit ON visit (staff)",
        "visit demands more: UNIQUE INDEX",
    ),
    "a new rule": (
        "CREATE TRIGGER no_visits BEFORE INSERT ON visit WHEN NEW.role = 'courier'"
        " BEGIN SELECT RAISE(ABORT, 'no'); END",
        "visit demands more: TRIGGER",
    ),
    "a narrower condition": (
        "DROP TABLE observer; CREATE TABLE observer (name TEXT PRIMARY KEY,"
        " seq INTEGER NOT NULL CHECK (seq > 7)) STRICT",
        "observer demands more: CHECK",
    ),
}


@pytest.mark.parametrize("which", NO_EXPANSION)
def test_a_migration_that_is_no_expansion_is_caught(which: str) -> None:
    statements, said = NO_EXPANSION[which]
    before = kiosk_at(kiosks()[-1])
    with contextlib.closing(kiosk_database(kiosks()[-1])) as connection:
        connection.execute("PRAGMA foreign_keys = 0")
        for statement in statements.split("; ") if "BEGIN" not in statements else [statements]:
            connection.execute(statement)
        assert any(said in each for each in breaches(before, schema_of(connection)))


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE slot ADD COLUMN warmth INTEGER NOT NULL DEFAULT 20 CHECK (warmth > 0)",
        "ALTER TABLE slot ADD COLUMN colour TEXT",
        "CREATE TABLE drone (id INTEGER PRIMARY KEY, height_m INTEGER CHECK (height_m > 0))",
        "CREATE INDEX package_size ON package (size)",
    ],
)
def test_a_migration_that_only_adds_is_not(statement: str) -> None:
    before = kiosk_at(kiosks()[-1])
    with contextlib.closing(kiosk_database(kiosks()[-1])) as connection:
        connection.execute(statement)
        assert breaches(before, schema_of(connection)) == []
