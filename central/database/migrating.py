"""The schema: brought up to this version's, or found to be another's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command as alembic
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from central.errors import CannotServeError

MIGRATIONS = Path(__file__).parents[1] / "migrations"


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's settings; there is no file of them."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def migrate(engine: Engine) -> None:
    """Bring the schema up to this version's."""
    writing = engine.connect().execution_options(is_writer=True)
    with writing as connection, _no_references(connection), connection.begin():
        alembic.upgrade(alembic_config(connection), "head")


@contextlib.contextmanager
def _no_references(connection: Connection) -> Iterator[None]:
    """Let SQLite put another table in the place of one that others refer to. That cannot be changed
    inside a transaction; the migration looks itself whether every reference is right."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def require_current(engine: Engine) -> None:
    """Refuse a database whose server is of another version. Raises `CannotServeError`."""
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != newest:
        raise CannotServeError(
            f"a server of another version runs on this database (its tables are at {found}, here"
            f" they are at {newest}); use that version's command, or stop the server first"
        )
