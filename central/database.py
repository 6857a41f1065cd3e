"""The database: one writer thread that commits in groups, and readers beside it.

Everything that writes is a function of a connection, handed to `write`; what waits is run by one
thread, each in a savepoint of one transaction, which is committed once. The future is done when
that commit is durable. On SQLite there is one process only, held by a lock file.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from alembic import command as alembic
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from central.errors import CannotServeError
from central.remains import require_database, require_server
from central.sealing import seal_with
from kiosk.model.sealing import Sealing
from kiosk.private_files import make_private

LOG = logging.getLogger("central.database")
P = ParamSpec("P")
T = TypeVar("T")

GROUP_MAX = 128
"""How many callers share one commit at most."""
READERS = 8
MIGRATIONS = Path(__file__).parent / "migrations"

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


@dataclass(slots=True)
class _Job(Generic[T]):
    operation: Callable[[Connection], T]
    future: Future[T]


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
        file = sqlite_file(url)
        if file is not None:
            require_server(file, key, may_be_new=may_be_new)
        try:
            self._lock_file = _hold_lock(url)
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
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        try:
            if self.is_beside:
                _require_current(self.engine)
            else:
                migrate(self.engine)
        except SQLAlchemyError as error:
            self._let_go()
            raise CannotServeError(f"{url}: the database cannot be used: {error}") from error
        except CannotServeError:
            self._let_go()
            raise
        self._thread = threading.Thread(target=self._serve, name="writer", daemon=True)
        self._thread.start()

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
        """Leave nothing in the file and in its log that was changed or deleted, while no other
        connection is at work."""
        if sqlite_file(self.url) is None:
            return
        connection = self.engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            driver.execute("VACUUM")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()

    def empty_log(self) -> None:
        """Leave nothing of what was changed or deleted in SQLite's log; where somebody reads just
        now, as much as can be."""
        if sqlite_file(self.url) is None:
            return
        connection = self.engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()

    # --- for callers -----------------------------------------------------------------------

    def submit(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Hand in a writing operation; the future is done when it is durable, or failed."""
        future: Future[T] = Future()
        self._jobs.put(_Job(lambda connection: operation(connection, *args, **kwargs), future))
        return future

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
        self._jobs.put(None)
        self._thread.join()
        self._let_go()

    def _let_go(self) -> None:
        self.engine.dispose()
        self._release_lock()

    def _release_lock(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    # --- the writer ------------------------------------------------------------------------

    def _serve(self) -> None:
        is_ending = False
        while not is_ending:
            group: list[_Job[Any]] = []
            job = self._jobs.get()
            while job is not None:
                group.append(job)
                if len(group) == GROUP_MAX:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            is_ending = job is None
            if group:
                self._run(group)

    def _run(self, group: list[_Job[Any]]) -> None:
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            writing = self.engine.connect().execution_options(is_writer=True)
            with writing as connection, connection.begin():
                answers.extend(_answer(connection, job) for job in group)
        except SQLAlchemyError as error:
            LOG.exception("a group of %d could not be committed", len(group))
            for job in group:
                job.future.set_exception(error)
            return
        for future, result, failure in answers:
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(result)


def _answer(
    connection: Connection, job: _Job[Any]
) -> tuple[Future[Any], Any, BaseException | None]:
    """One caller's work in a savepoint of its own: its failure is its own."""
    # Said to the database itself: SQLAlchemy's own savepoints cost more than most of the work.
    connection.exec_driver_sql("SAVEPOINT caller")
    try:
        result = job.operation(connection)
    except Exception as error:  # noqa: BLE001 - the caller's own error goes to the caller
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT caller")
        return job.future, None, error
    finally:
        connection.exec_driver_sql("RELEASE SAVEPOINT caller")
    return job.future, result, None


# --- opening -----------------------------------------------------------------------------------


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for another database."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def _hold_lock(url: str) -> int | None:
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
    lock = _hold_lock(url)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _engine(url: str) -> Engine:
    if sqlite_file(url) is None:
        return create_engine(url, pool_pre_ping=True, pool_size=READERS, hide_parameters=True)
    # What an error quotes may be somebody's.
    engine = create_engine(url, pool_size=READERS, max_overflow=READERS, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for name, value in PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")
        if connection.execute("PRAGMA synchronous").fetchone()[0] != PRAGMAS["synchronous"]:
            raise CannotServeError(f"{url}: SQLite does not take PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_writer = connection.get_execution_options().get("is_writer", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    return engine


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


def _require_current(engine: Engine) -> None:
    """Refuse a database whose server is of another version. Raises `CannotServeError`."""
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != newest:
        raise CannotServeError(
            f"a server of another version runs on this database (its tables are at {found}, here"
            f" they are at {newest}); use that version's command, or stop the server first"
        )
