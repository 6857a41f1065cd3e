"""SQLite: one process, held by a lock file, and the settings of each connection."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, PoolProxiedConnection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from central.errors import CannotServeError

READERS = 8
_IS_WRITER: Final = "is_writer"

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "secure_delete": 1,
    "busy_timeout": 10_000,
    "wal_autocheckpoint": 4000,
    "cache_size": -64_000,
}
"""Set on each connection to SQLite and read back; `synchronous` 2 is FULL."""


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for another database."""
    if not url.startswith("sqlite"):
        return None
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def hold_lock(url: str) -> int | None:
    """Keep other servers off; the lock, None where the database is none of SQLite's. Raises
    `CannotServeError`."""
    path = sqlite_file(url)
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock_path = path.with_suffix(".lock")
    try:
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotServeError(
            f"{lock_path}: {error.strerror}; it must be a file that this user may write:"
            " move away what is there, and the server makes a new one"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise CannotServeError(
            f"{path}: another central server uses this database. SQLite means one process;"
            " stop the other one, or set a PostgreSQL URL to run several"
        ) from error
    return lock


@contextlib.contextmanager
def alone(url: str) -> Iterator[None]:
    """Keep every server off a database while its file is worked on. Raises `CannotServeError`."""
    lock = hold_lock(url)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def engine_of(url: str) -> Engine:
    """The connections, each set up when it is made."""
    # What an error quotes may be somebody's.
    engine = create_engine(url, pool_size=READERS, max_overflow=READERS, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for name, value in PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")
        if connection.execute("PRAGMA synchronous").fetchone()[0] != PRAGMAS["synchronous"]:
            raise CannotServeError(f"{url}: SQLite does not take PRAGMA synchronous = FULL")

    dialect: Any = engine.dialect
    # An event of the engine would cost each of its statements a third of what it takes.
    dialect.do_begin = _begin
    return engine


def _begin(connection: PoolProxiedConnection) -> None:
    is_writer = connection.info.get(_IS_WRITER, False)
    connection.cursor().execute("BEGIN IMMEDIATE" if is_writer else "BEGIN")


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection that waits for whoever writes where its transaction begins, not where it first
    writes."""
    with engine.connect() as connection:
        info = connection.info
        info[_IS_WRITER] = True
        try:
            yield connection
        finally:
            del info[_IS_WRITER]


def wipe_free_space(engine: Engine) -> None:
    """Leave nothing in the file and in its log that was changed or deleted, while no other
    connection is at work."""
    connection = engine.raw_connection()
    try:
        driver: Any = connection.driver_connection
        driver.execute("VACUUM")
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def empty_log(engine: Engine) -> None:
    """Leave nothing of what was changed or deleted in the log; where somebody reads just now, as
    much as can be."""
    # First what can be done beside the writer, who waits only for what is left then.
    for how in ("PASSIVE", "TRUNCATE"):
        _checkpoint(engine, how)


def _checkpoint(engine: Engine, how: str) -> None:
    connection = engine.raw_connection()
    try:
        driver: Any = connection.driver_connection
        driver.execute(f"PRAGMA wal_checkpoint({how})").fetchall()
    finally:
        connection.close()
