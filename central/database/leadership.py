"""Which process does what only one may: on PostgreSQL whoever holds an advisory lock.

The lock belongs to a connection, and the database ends a connection that says nothing: so a process
that dies, hangs or is cut off loses it within seconds, and another takes over. SQLite has one
process only.
"""

from __future__ import annotations

import threading
from typing import Protocol

from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from central.database.postgresql import url_of
from central.database.sqlite import sqlite_file

KEEPER = 0x6B656570
"""The lock's number: "keep"."""
SILENT_MS = 10_000
"""After so long without a word the database ends the connection, and with it the lock."""
UNANSWERED_MS = 4_000
"""After so long without an answer this end takes the connection for lost, which is earlier."""


class Leadership(Protocol):
    """The right to do what only one process may."""

    def claim(self) -> bool:
        """Whether this process has it; takes it if nobody has. To be asked every few seconds."""
        ...

    def give_up(self) -> None:
        """Let another process have it at once."""
        ...


def leadership(url: str) -> Leadership:
    """Of all processes on a database."""
    return SoleProcess() if sqlite_file(url) is not None else AdvisoryLock(url, KEEPER)


class SoleProcess:
    """On SQLite there is no other."""

    def claim(self) -> bool:
        return True

    def give_up(self) -> None:
        """There is nobody to give it to."""


class AdvisoryLock:
    """A lock of PostgreSQL that is held by a connection of its own."""

    def __init__(self, url: str, number: int) -> None:
        self._number = number
        self._connection: Connection | None = None
        self._engine = _engine(url)
        self._at_a_time = threading.Lock()

    def claim(self) -> bool:
        with self._at_a_time:
            try:
                if self._connection is None:
                    self._connection = self._engine.connect()
                    self._connection.execute(text(f"SET idle_session_timeout = {SILENT_MS}"))
                return self._is_mine(self._connection) or self._take(self._connection)
            except SQLAlchemyError:
                self._drop()
                return False

    def give_up(self) -> None:
        with self._at_a_time:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _is_mine(self, connection: Connection) -> bool:
        """A question to the database: it may have ended the session and with it the lock."""
        held = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )
        return bool(connection.execute(text(held)).scalar_one())

    def _take(self, connection: Connection) -> bool:
        taking = text("SELECT pg_try_advisory_lock(:number)")
        return bool(connection.execute(taking, {"number": self._number}).scalar_one())


def _engine(url: str) -> Engine:
    lost = {"tcp_user_timeout": UNANSWERED_MS}
    return create_engine(
        url_of(url),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": 3, **lost},
    )
