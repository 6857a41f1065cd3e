"""The database: one writer thread that commits in groups, and readers beside it.

Everything that writes is a function of a connection, handed to `write`; what waits is run by one
thread, each in a savepoint of one transaction, which is committed once. The future is done when
that commit is durable. On SQLite there is one process only, held by a lock file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from central.adapters import monotonic_s
from central.counters import WRITE_SECONDS, WRITES_WAITING
from central.database import migrating, postgresql, sqlite
from central.database.group_writer import GroupWriter
from central.database.jobs import Job
from central.errors import CannotServeError
from central.remains import require_database, require_server
from central.sealing import seal_with
from kiosk.model.sealing import Sealing
from kiosk.private_files import make_private

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """One engine, its writer and its readers."""

    def __init__(
        self, url: str, key: Path, *, may_be_beside: bool = False, may_be_new: bool = True
    ) -> None:
        """Open the database, bring its schema up to date, start the writer.

        `url` is SQLAlchemy's. `may_be_beside`: for a command, which may also work while a server
        of the same version runs. `may_be_new`: a missing one is made, if nothing tells of a server
        that was here, such as `key`, its key file. Raises `CannotServeError` when it cannot be
        used.
        """
        self.url = url
        self.is_beside = False
        """Whether another process is the server, and this one only works beside it."""
        file = sqlite.sqlite_file(url)
        if file is not None:
            require_server(file, key, may_be_new=may_be_new)
        try:
            self._lock_file = sqlite.hold_lock(url)
        except CannotServeError:
            if not may_be_beside:
                raise
            self._lock_file, self.is_beside = None, True
        if file is not None:
            self._require_database(file, key, may_be_new=may_be_new)
            if not file.exists():
                # It will hold names and addresses. Where it cannot be made, SQLite says why.
                with contextlib.suppress(OSError):
                    make_private(file)
        self.engine = _engine(url)
        try:
            if self.is_beside:
                migrating.require_current(self.engine)
            else:
                migrating.migrate(self.engine)
        except SQLAlchemyError as error:
            self._let_go()
            raise CannotServeError(f"{url}: the database cannot be used: {error}") from error
        except CannotServeError:
            self._let_go()
            raise
        self._writer = GroupWriter(self.engine)

    def _require_database(self, file: Path, key: Path, *, may_be_new: bool) -> None:
        """Under the lock, so that no server that starts just now is taken for a damaged one."""
        try:
            require_database(file, key, may_be_new=may_be_new)
        except CannotServeError:
            self._release_lock()
            raise

    def seal_with(self, sealing: Sealing) -> None:
        """Seal and open personal columns with this key; before, they cannot be used."""
        seal_with(self.engine.dialect, sealing)

    def wipe_free_space(self) -> None:
        """Leave nothing in SQLite's file and in its log that was changed or deleted, while no other
        connection is at work."""
        if sqlite.sqlite_file(self.url) is not None:
            sqlite.wipe_free_space(self.engine)

    def empty_log(self) -> None:
        """Leave nothing of what was changed or deleted in SQLite's log; where somebody reads just
        now, as much as can be."""
        if sqlite.sqlite_file(self.url) is not None:
            sqlite.empty_log(self.engine)

    # --- for callers -----------------------------------------------------------------------

    def submit(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Hand in a writing operation; the future is done when it is durable, or failed."""
        future: Future[T] = Future()
        self._watch(future)
        self._writer.put(Job(lambda connection: operation(connection, *args, **kwargs), future))
        return future

    def _watch(self, future: Future[Any]) -> None:
        """Count a write that waits, and how long until it is done."""
        began_s = monotonic_s()
        WRITES_WAITING.inc()

        def done(_future: Future[Any]) -> None:
            WRITES_WAITING.dec()
            WRITE_SECONDS.observe(monotonic_s() - began_s)

        future.add_done_callback(done)

    async def write(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`submit` for a coroutine. What was handed in is finished even if the caller gives up."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(operation, *args, **kwargs)))

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one moment; nothing that is written on it stays."""
        with self.engine.connect() as connection:
            yield connection
            connection.rollback()

    def read(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The answer of a reading operation."""
        with self.reading() as connection:
            return operation(connection, *args, **kwargs)

    async def look(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`read` for a coroutine, on another thread."""
        return await asyncio.to_thread(lambda: self.read(operation, *args, **kwargs))

    def close(self) -> None:
        """Finish what was handed in and close."""
        self._writer.close()
        self._let_go()

    def _let_go(self) -> None:
        self.engine.dispose()
        self._release_lock()

    def _release_lock(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None


def _engine(url: str) -> Engine:
    if sqlite.sqlite_file(url) is None:
        return postgresql.engine_of(url)
    return sqlite.engine_of(url)
