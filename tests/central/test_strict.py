"""The server's tables are STRICT, and what an earlier server took in is kept as they become so."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest
from alembic import command as alembic
from sqlalchemy import create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from central import schema
from central.auth import Role
from central.database import alembic_config
from tests.support.central_server import Journal, Server
from tests.support.operators import Browser

pytestmark = pytest.mark.sqlite_only("PostgreSQL is always strict")
PAGES = ("", "/locations/sample", "/packages", "/packages/p", "/quarantine", "/audit", "/reports")


def test_every_table_is_strict(server: Server) -> None:
    file = server.central.database.url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            " AND strict = 0 AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
    assert rows == [("alembic_version",)]


def test_a_text_is_in_no_column_of_numbers(server: Server, kiosk: Journal) -> None:
    kiosk.put_in("A")
    assert kiosk.send(kiosk.events()).ok
    with pytest.raises(SQLAlchemyError, match="cannot store TEXT value in INTEGER column"):
        server.write(lambda c: c.exec_driver_sql("UPDATE package SET stored_ms = 'yesterday'"))


def earlier_database(file: Path) -> None:
    """A database of the version before, in which a kiosk's events left what is no number."""
    engine = create_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def _plain(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    with engine.connect() as connection, connection.begin():
        alembic.upgrade(alembic_config(connection), "0005")
    engine.dispose()
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as database:
        declared = database.execute("SELECT sql FROM sqlite_master WHERE name = 'slot'")
        assert "BIGINT" in declared.fetchone()[0]
        for statement in (
            "INSERT INTO location (id, name, token_hash) VALUES ('sample', 'Here', 'x')",
            "INSERT INTO slot (location, label, position, service_since_ms)"
            " VALUES ('sample', '1', 'first', '[]'), ('sample', '2', 1, NULL)",
            "INSERT INTO package (id, location, barcode, stored_ms, hold_until_ms, is_alone)"
            " VALUES ('p', 'sample', 'A', 'yesterday', 1e308, 'maybe')",
            "INSERT INTO event (location, epoch, seq, kind, body, wall_ms, is_trusted, package)"
            " VALUES ('sample', 'e', 1, 'KIOSK_STARTED', 'no JSON', 1e300, 1, 'p'),"
            f" ('sample', 'e', 2, 'KIOSK_STARTED', '[]', {10**18}, 1, 'p')",
            "INSERT INTO recipient (id, name, created_ms) VALUES ('r', x'00ff', 'once')",
            "INSERT INTO notification (id, kind, package, location) VALUES ('n', 'stored', 'p',"
            " 'sample')",
        ):
            database.execute(statement)


def test_what_does_not_fit_is_set_to_the_default_and_kept_in_quarantine(tmp_path: Path) -> None:
    folder = tmp_path / "central"
    server = Server(folder)
    server.start()
    file = Path(server.central.database.url.removeprefix("sqlite:///"))
    server.stop()
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    earlier_database(file)

    server = Server(folder)
    server.start()
    try:
        slots = {row.label: row for row in server.rows(schema.slot)}
        assert (slots["1"].position, slots["1"].service_since_ms) == (0, None)
        assert slots["2"].position == 1
        (package,) = server.rows(schema.package)
        assert (package.barcode, package.stored_ms, package.hold_until_ms) == ("A", None, None)
        assert package.is_alone is False
        (message,) = server.rows(schema.notification)
        assert message.package == "p"
        kept = [json.loads(row.payload) for row in server.rows(schema.quarantine)]
        assert sorted(each["table"] for each in kept) == ["event", "package", "slot"]
        (row,) = (each["row"] for each in kept if each["table"] == "package")
        assert (row["stored_ms"], row["hold_until_ms"]) == ("yesterday", 1e308)
        (noted,) = (row for row in server.rows(schema.audit) if row.action == "row.unfit")
        assert json.loads(noted.detail)["row"]["created_ms"] == "once"
        browser = Browser(server, Role.ADMIN)
        for page in PAGES:
            assert browser.get(page).status_code == 200, page
        assert server.central.database.read(
            lambda c: c.exec_driver_sql("PRAGMA foreign_keys").scalar()
        )
    finally:
        server.stop()
