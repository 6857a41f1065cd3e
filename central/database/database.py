"""The database: what writes is handed to a writer, what reads has a connection of its own.

Everything that writes is a function of a connection, handed to `write`; the future is done when its
commit is durable. On SQLite one thread commits in groups, and there is one process only, held by a
lock file. On PostgreSQL several threads write side by side, in as many processes as there are, each
job in a transaction of its own that is done again where that may help.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from central.adapters import monotonic_s
from central.counters import WRITE_SECONDS, WRITES_WAITING
from central.database import lanes, migrating, postgresql, sqlite
from central.database.faults import ClosedError
from central.database.group_writer import GroupWriter
from central.database.hung import HungServers
from central.database.jobs import Job, Writer
from central.database.lanes import Lanes
from central.database.standby import Standby, UnfitError
from central.database.texts import take_any_text
from central.database.wakes import collecting
from central.errors import CannotServeError
from central.remains import require_database, require_server
from central.sealing import seal_with
from kiosk.model.sealing import Sealing
from kiosk.private_files import make_private

P = ParamSpec("P")
T = TypeVar("T")
LANES = 8
READERS = 8
CLOSED = "the database is closed: the server is ending"


@dataclass(frozen=True, slots=True)
class Writing:
    """Where and how an operation is written."""

    database: Database
    location: str
    may_repeat: bool

    def submit(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Hand in a writing operation; the future is done when it is durable, or failed."""
        return self.database._put(
            lambda connection: operation(connection, *args, **kwargs),
            self.location,
            may_repeat=self.may_repeat,
        )

    async def write(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`submit` for a coroutine. What was handed in is finished even if the caller gives up."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(operation, *args, **kwargs)))


class Database:
    """One engine, its writer and its readers."""

    def __init__(
        self,
        url: str,
        key: Path,
        *,
        may_be_beside: bool = False,
        may_be_new: bool = True,
        writers: int = LANES,
        read_url: str = "",
        read_behind_max_ms: int = 0,
    ) -> None:
        """Open the database, start the writer; on SQLite bring its schema up to date first.

        `url` is SQLAlchemy's. `may_be_beside`: for a command, which may also work while a server
        of the same version runs. `may_be_new`: a missing one is made, if nothing tells of a server
        that was here, such as `key`, its key file. `writers`: so many threads write on PostgreSQL.
        `read_url`: of its standbys, from which is read what is only shown, if they are behind by
        no more than `read_behind_max_ms`.
        Raises `CannotServeError` when it cannot be used.
        """
        self.url = url
        self._lock_file: int | None = None
        self._standby: Standby | None
        self._is_closed, self._closing = False, threading.Lock()
        _require_known(url)
        if read_url and not (self.is_shared and postgresql.is_postgresql(read_url)):
            raise CannotServeError(
                "read_url: only PostgreSQL has standbys; leave it out, or name PostgreSQL in"
                " database_url as well"
            )
        self._on_wake: Callable[[set[str]], None] | None = None
        self.is_beside = False
        """Whether another process is the server, and this one only works beside it."""
        file = sqlite.sqlite_file(url)
        if file is not None:
            require_server(file, key, may_be_new=may_be_new)
        with contextlib.ExitStack() as opened:
            # What is had already is let go of in the end, and where the rest cannot be had.
            opened.callback(self._release_lock)
            try:
                self._lock_file = sqlite.hold_lock(url)
            except CannotServeError:
                if not may_be_beside:
                    raise
                self.is_beside = True
            if file is not None:
                # Under the lock, so that no server that starts just now is taken for a damaged one.
                require_database(file, key, may_be_new=may_be_new)
                if not file.exists():
                    # It will hold names and addresses. Where it cannot be made, SQLite says why.
                    with contextlib.suppress(OSError):
                        make_private(file)
            self.engine = _engine(url, writers)
            opened.callback(self.engine.dispose)
            self._require_tables(file)
            self._reading, self._standby = self.engine, None
            if file is None:
                self._reading = self.engine.execution_options(**postgresql.ONE_MOMENT)
                self._at_once = self.engine.execution_options(isolation_level="AUTOCOMMIT")
                watch = HungServers()
                opened.callback(watch.close)
                watch.watch(self.engine)
                if read_url:
                    self._standby = Standby(read_url, self._at_once, read_behind_max_ms)
                    opened.callback(self._standby.close)
            # Threads at the end, when nothing is refused any more.
            self._readers = ThreadPoolExecutor(READERS, "reader")
            self._writer: Writer = (
                Lanes(self.engine, writers) if file is None else GroupWriter(self.engine)
            )
            self._opened = opened.pop_all()

    def _require_tables(self, file: Path | None) -> None:
        """Have the tables of this version. Raises `CannotServeError`."""
        try:
            if file is None:
                migrating.require_migrated(self.engine)
            elif self.is_beside:
                migrating.require_current(self.engine)
            else:
                migrating.migrate(self.engine)
        except SQLAlchemyError as error:
            where = self.engine.url.render_as_string()  # without its password
            raise CannotServeError(f"{where}: the database cannot be used: {error}") from error

    def step_aside(self) -> None:
        """Be no server's process any more: one may start beside this."""
        self._release_lock()
        self.is_beside = True

    def seal_with(self, sealing: Sealing) -> None:
        """Seal and open personal columns with this key; before, they cannot be used."""
        seal_with(self.engine.dialect, sealing)
        if self._standby is not None:
            seal_with(self._standby.dialect, sealing)

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

    def at(self, location: str = "", *, may_repeat: bool = False) -> Writing:
        """How an operation is written: one that locks this location, one that may be done once more
        when nobody knows whether it was done."""
        return Writing(self, location, may_repeat)

    def submit(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Hand in a writing operation; the future is done when it is durable, or failed."""
        return self.at().submit(operation, *args, **kwargs)

    def on_wake(self, heard: Callable[[set[str]], None]) -> None:
        """Have `heard` called, on any thread, with the locations that an operation woke, when it is
        durable. One that failed may be among them: of some nobody knows whether they did."""
        self._on_wake = heard

    def _wake(self, woken: set[str]) -> None:
        if woken and self._on_wake is not None:
            self._on_wake(woken)

    async def write(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`submit` for a coroutine. What was handed in is finished even if the caller gives up."""
        return await self.at().write(operation, *args, **kwargs)

    def _put(
        self, work: Callable[[Connection], T], location: str, *, may_repeat: bool
    ) -> Future[T]:
        future: Future[T] = Future()
        woken: set[str] = set()

        def waking(connection: Connection) -> T:
            with collecting(connection, woken):
                return work(connection)

        future.add_done_callback(lambda _: self._wake(woken))
        # From here on nobody cancels it: a caller that goes away leaves the work to its end.
        future.set_running_or_notify_cancel()
        _watch(future)
        with self._closing:
            is_late = self._is_closed
            if not is_late:
                self._writer.put(Job(waking, future, location, may_repeat))
        if is_late:
            future.set_exception(ClosedError(CLOSED))
        return future

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one moment; nothing that is written on it stays."""
        with self._reading.connect() as connection:
            yield connection
            connection.rollback()

    def read(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The answer of a reading operation."""

        def work(connection: Connection) -> T:
            try:
                return operation(connection, *args, **kwargs)
            finally:
                connection.rollback()

        if sqlite.sqlite_file(self.url) is not None:
            with self._reading.connect() as connection:
                return work(connection)
        answer: T = lanes.carry_out(self._reading, work, monotonic_s(), may_repeat=True)
        return answer

    async def look(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`read` for a coroutine, on another thread."""
        return await self._on_reader(lambda: self.read(operation, *args, **kwargs))

    async def show(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`look` for what is shown and decides nothing: a standby answers, where there is one."""

        def work() -> T:
            if self._standby is not None:
                with contextlib.suppress(UnfitError):
                    return self._standby.ask(lambda c: operation(c, *args, **kwargs))
            return self.read(operation, *args, **kwargs)

        return await self._on_reader(work)

    @contextlib.contextmanager
    def showing(self) -> Iterator[Connection]:
        """`reading` for what is shown and decides nothing."""
        with contextlib.ExitStack() as stack:
            connection: Connection | None = None
            if self._standby is not None:
                with contextlib.suppress(UnfitError):
                    connection = self._standby.enter(stack)
            yield connection or stack.enter_context(self.reading())

    async def _on_reader(self, work: Callable[[], T]) -> T:
        with self._closing:
            if self._is_closed:
                raise ClosedError(CLOSED)
            reading = self._readers.submit(work)
        return await asyncio.wrap_future(reading)

    @property
    def is_shared(self) -> bool:
        """Whether several servers may work on it."""
        return postgresql.is_postgresql(self.url)

    async def at_once(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The answer of an operation whose statements need not belong together: on PostgreSQL each
        is a transaction of its own, and costs no more than its own way there and back."""
        if not self.is_shared:
            return await self.look(operation, *args, **kwargs)

        def work(connection: Connection) -> T:
            return operation(connection, *args, **kwargs)

        return await self._on_reader(
            lambda: lanes.carry_out(self._at_once, work, monotonic_s(), may_repeat=True)
        )

    def close(self) -> None:
        """Finish what was handed in and close."""
        with self._closing:
            self._is_closed = True  # from here on nothing is behind what ends the threads
        self._readers.shutdown()
        self._writer.close()
        self._opened.close()

    def _release_lock(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None


@contextlib.contextmanager
def alone(url: str) -> Iterator[None]:
    """Work on a database that no server uses. Raises `CannotServeError`."""
    if postgresql.is_postgresql(url):
        postgresql.alone_engine(url).dispose()
        yield
    else:
        with sqlite.alone(url):
            yield


def migrate_shared(url: str) -> str:
    """Bring the schema of a PostgreSQL database up to this version's; at which it is then. Raises
    `CannotServeError`."""
    engine = _engine(url, 1)
    try:
        return migrating.migrate(engine)
    except SQLAlchemyError as error:
        raise CannotServeError(f"the database could not be migrated: {error}") from error
    finally:
        engine.dispose()


def _require_known(url: str) -> None:
    """Refuse what is no database's URL, before anything is made or held for it."""
    if postgresql.is_postgresql(url):
        postgresql.url_of(url)
        return
    file = sqlite.sqlite_file(url)
    if file is None or file.name == ":memory:":
        raise CannotServeError(
            "database_url: right is sqlite:////PATH/OF/A/FILE or postgresql://HOST/NAME, and this"
            f" is neither: {url.partition('://')[0] if '://' in url else '…'}://…"
        )


def _engine(url: str, writers: int) -> Engine:
    is_server = postgresql.is_postgresql(url)
    engine = postgresql.engine_of(url, writers) if is_server else sqlite.engine_of(url)
    take_any_text(engine)
    return engine


def _watch(future: Future[Any]) -> None:
    """Count a write that waits, and how long until it is done."""
    began_s = monotonic_s()
    WRITES_WAITING.inc()

    def done(_future: Future[Any]) -> None:
        WRITES_WAITING.dec()
        WRITE_SECONDS.observe(monotonic_s() - began_s)

    future.add_done_callback(done)
