"""The schema: brought up to this version's, or found to be another's.

A migration only adds; what an older server needs is taken away a version later. So servers of two
versions run side by side on one PostgreSQL: its tables are migrated by a command of its own while
the older ones run, and `meta` says from which version on a server may use them. On SQLite, where
there is one process, a start migrates.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command as alembic
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from central.database import sqlite
from central.errors import CannotServeError

MIGRATIONS = Path(__file__).parents[1] / "migrations"
OLDEST_SERVER: Final = "0042"
"""The migration that a server must know at least to run on the tables of the newest one. Whoever
takes something away that older servers use, or has something in the tables that they take for
something else, sets it to the first version that does without. (Those before webhooks, 0035, would
give up what is queued for carriers' systems, for it goes by no channel of theirs.)"""
OLDEST: Final = "oldest_server"
"""Under which key that stands in `meta`."""
LOCK: Final = 0x706172_6D6967
"""The advisory lock of who migrates."""
_META = sa.table("meta", sa.column("key"), sa.column("value"))


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's settings; there is no file of them."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def migrate(engine: Engine) -> str:
    """Bring the schema up to this version's, after whoever does so just now; at which it is then.

    That of a newer version stays as it is. Raises `CannotServeError` when this one cannot use it.
    """
    with sqlite.writing(engine) as connection, _no_references(connection), connection.begin():
        _wait_for_others(connection)
        found = found_at(connection)
        if found is not None and found not in known():
            _require_served(connection, found)
            return found
        if found != newest():
            alembic.upgrade(alembic_config(connection), "head")
        _note_oldest(connection)
        return newest()


def require_migrated(engine: Engine) -> None:
    """Refuse tables that are not there, or that this version cannot use; nothing is migrated.

    Raises `CannotServeError`, which says what to run.
    """
    with engine.connect() as connection:
        found = found_at(connection)
        if found is None:
            raise CannotServeError(
                "the database has no tables yet; make them: central init for a new server,"
                " central migrate for one more server of those that share a database"
            )
        if found in known() and found != newest():
            raise CannotServeError(
                f"the database's tables are at {found}, and this version needs {newest()};"
                " bring them up, which servers of the version before do not mind: central migrate"
            )
        _require_served(connection, found)


def require_current(engine: Engine) -> None:
    """Refuse a database whose server is of an older version, or of one that is too new. Raises
    `CannotServeError`."""
    with engine.connect() as connection:
        found = found_at(connection)
        if found is None or (found in known() and found != newest()):
            raise CannotServeError(
                f"a server of another version runs on this database (its tables are at {found},"
                f" here they are at {newest()}); use that version's command, or stop the server"
                " first"
            )
        _require_served(connection, found)


def newest() -> str:
    """The last migration of this version."""
    return _scripts()[0]


def known() -> frozenset[str]:
    """Every migration of this version."""
    return _scripts()[1]


@functools.cache
def _scripts() -> tuple[str, frozenset[str]]:
    """The last one and all of them; each is a file, which stays as it is while a program runs."""
    scripts = ScriptDirectory.from_config(alembic_config())
    all_of_them = frozenset(each.revision for each in scripts.walk_revisions())
    return str(scripts.get_current_head()), all_of_them


def found_at(connection: Connection) -> str | None:
    """At which migration a database's tables are; None where there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def _require_served(connection: Connection, found: str) -> None:
    """Refuse tables of a version in which something is missing that this one uses."""
    if found == newest():
        return
    query = sa.select(_META.c.value).where(_META.c.key == OLDEST)
    oldest = connection.execute(query).scalar() or found
    if oldest > newest():
        raise CannotServeError(
            f"the database's tables are at {found}, which servers from {oldest} on may use, and"
            f" this version is at {newest()}: run the newer version; nothing was changed"
        )


def _note_oldest(connection: Connection) -> None:
    is_it = _META.c.key == OLDEST
    noted = connection.execute(sa.select(_META.c.value).where(is_it)).scalar()
    if noted is None:
        connection.execute(_META.insert().values(key=OLDEST, value=OLDEST_SERVER))
    elif noted != OLDEST_SERVER:
        connection.execute(_META.update().where(is_it).values(value=OLDEST_SERVER))


def _wait_for_others(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        return  # BEGIN IMMEDIATE has waited
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")


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
