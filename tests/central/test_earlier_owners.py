"""Data of an earlier version, in which other packages opened with one code."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest
from alembic import command as alembic
from sqlalchemy import create_engine, event
from sqlite_utils import Database

from central import schema
from central.database import alembic_config
from kiosk.store.schema import migrations
from tests.support.central_server import Server

pytestmark = pytest.mark.sqlite_only("an earlier version ran on SQLite alone")


def earlier_database(file: Path) -> None:
    """A server's database from before, with packages of one user id."""
    engine = create_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def _plain(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    with engine.connect() as connection, connection.begin():
        alembic.upgrade(alembic_config(connection), "0006")
    engine.dispose()
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as database:
        for statement in (
            "INSERT INTO location (id, name, command_cursor) VALUES ('sample', 'Here', 7)",
            "INSERT INTO recipient (id, name, email) VALUES ('r', 'Eva', 'eva@example.org')",
            "INSERT INTO package (id, location, barcode, status, recipient, sender, owner)"
            " VALUES ('p', 'sample', 'A', 'STORED', 'r', 's', 'eva'),"
            " ('q', 'sample', 'B', 'PENDING', 'r', 's', 'eva'),"
            " ('gone', 'sample', 'C', 'RETRIEVED', 'r', 's', 'eva'),"
            " ('alone', 'sample', 'D', 'STORED', 'r', 's', '')",
            "INSERT INTO command (location, n, id, type, state) VALUES"
            " ('sample', 3, 'c', 'cancel', 'APPLIED')",
        ):
            database.execute(statement)


def test_kiosks_hear_once_more_whose_their_packages_are(tmp_path: Path) -> None:
    server = Server(tmp_path / "central")
    server.start()
    file = Path(server.central.database.url.removeprefix("sqlite:///"))
    server.stop()
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    earlier_database(file)
    server.start()
    try:
        rows = {row.n: row for row in server.rows(schema.command) if row.type == "contact"}
        assert [(n, row.package) for n, row in sorted(rows.items())] == [(8, "p"), (9, "q")]
        assert json.loads(rows[8].body)["recipient"] == {"id": "r"}
        assert all(row.disputed_ms is None for row in server.rows(schema.package))
    finally:
        server.stop()


def test_a_kiosk_asks_whose_its_packages_are_once_it_is_of_this_version(tmp_path: Path) -> None:
    wanted = []
    for owner in ("'mark'", "NULL"):
        connection = sqlite3.connect(tmp_path / f"{owner}.db", isolation_level=None)
        database = Database(connection)
        migrations.apply(database, stop_before="m006_senders")
        connection.execute(
            "INSERT INTO package (id, barcode, status, owner, announced_ms)"
            f" VALUES ('p', 'A', 'PENDING', {owner}, 1)"
        )
        migrations.apply(database)
        found = connection.execute("SELECT value FROM meta WHERE key = 'people_wanted'").fetchone()
        wanted.append(found is not None)
        connection.close()
    assert wanted == [True, False]
