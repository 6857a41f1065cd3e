"""The store: the one connection, the one thread that uses it, and its queue of transactions.

Callers hand in operations (functions of a `Writer`); the store's thread takes what waits, runs each
in a savepoint of one transaction, commits once, and only then answers. So a hundred callers share
one sync of the disk, and an answer is a durable answer.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import random
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from sqlite_utils import Database

from kiosk.model.clock import MINUTE_MS, Clock
from kiosk.private_files import make_private
from kiosk.store import compatibility, counters, running
from kiosk.store.answers import Answer, wake
from kiosk.store.before_change import keep_copy
from kiosk.store.epochs import begin_in_doubt
from kiosk.store.errors import (
    CannotOpenError,
    DamagedError,
    InUseError,
    NotDoneError,
    StoreError,
)
from kiosk.store.groups import Job, run_group
from kiosk.store.remains import require_database, require_nothing, way_back
from kiosk.store.writer import ChainHead, Writer

LOG = logging.getLogger("kiosk")

P = ParamSpec("P")
T = TypeVar("T")

GROUP_MAX = 64
"""How many callers share one commit at most."""
BACKUP_PAGES = 64
"""How many pages of 4 KiB a backup copies at once; callers are served in between."""

LOG_PAGES_MAX = 4000
"""How long the write-ahead log may grow (16 MB) before a commit has to merge it itself."""
LOG_PAGES_MAX_ALONE = 1000
"""The same for a store without a thread, which merges nothing at quiet moments."""
QUIET_S = 2.0
"""Nobody came for so long: the time to merge the log."""
VISIT_MS = 15 * MINUTE_MS
"""After so long a visit what can wait is done all the same."""

PRAGMAS = {
    "locking_mode": "exclusive",
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "recursive_triggers": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "secure_delete": 1,
    "temp_store": 2,
}
"""Set at every opening and read back; 2 is FULL, which no simulated power cut has beaten.

`temp_store`: what a savepoint would put back is kept in memory (2), not in a file.
`secure_delete`: what is erased is gone from the file, not only from sight."""


@dataclass(slots=True)
class _BetweenGroups(Generic[T]):
    """Work on the connection that must not lie in a transaction."""

    work: Callable[[sqlite3.Connection], T]
    answer: Answer[T]


class Store:
    """The kiosk's memory. `run` from a flow, `submit` from a thread."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        rng: random.Random,
        *,
        threaded: bool = True,
        must_exist: bool = False,
        known: tuple[Path, ...] = (),
        unlock: Callable[[Writer], object] | None = None,
        version: str = "",
        copies: Path | None = None,
    ) -> None:
        """Open the database; make it where there is none, unless it `must_exist`.

        `unlock` gives the writer the location's key, before anything is written. `version` is the
        program's; where another one's opened the database last, a copy is kept in `copies`.

        None is made where a kiosk was: see `kiosk.store.remains`, also for `known`. `rng` makes
        the id of a new database's epoch. `threaded=False` runs every operation at once in the
        calling thread: for the command line and for flows in virtual time.

        Raises `CannotOpenError` (or a subclass), and then the file is as it was.
        """
        self.path = path
        self._must_exist = must_exist
        self._known = known
        self._unlock = unlock
        self._version = version
        self._copies = copies
        self._clock = clock
        self._rng = rng
        self._jobs: queue.SimpleQueue[Job | _BetweenGroups[Any] | None] = queue.SimpleQueue()
        self._between: deque[_BetweenGroups[Any]] = deque()
        self._listeners: list[Callable[[], None]] = []
        self._closed = False
        self._has_log = False
        self._visit_since_ms: int | None = None
        self._log_pages_max = LOG_PAGES_MAX if threaded else LOG_PAGES_MAX_ALONE
        self._marked_bytes = 0
        """How long the log is at least, as the mark says; 0 while there is no mark."""
        self._is_ending = False
        self.loss = ""
        """What of the log was lost before this start; every slot is in doubt then."""
        self._thread: threading.Thread | None = None
        if not threaded:
            self._open()
            return
        opened: Answer[None] = Answer()
        self._thread = threading.Thread(target=self._serve, args=(opened,), name="store")
        self._thread.daemon = True
        self._thread.start()
        opened.result()

    # --- for callers -----------------------------------------------------------------------

    def submit(
        self, operation: Callable[Concatenate[Writer, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Answer[T]:
        """Hand in an operation; the answer is there when its transaction is durable, or failed.

        It fails with what the operation raised, or with `NotDoneError` or `OutcomeUnknownError`.
        """
        answer: Answer[T] = Answer()
        job = Job(operation, args, kwargs, answer)
        if self._closed:
            answer.fail(NotDoneError("the store is closed"))
        elif self._thread is None:
            self._run_group([job])
        else:
            self._jobs.put(job)
        return answer

    async def run(
        self, operation: Callable[Concatenate[Writer, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`submit` for a flow. What was handed in is finished even if the flow gives up."""
        return await self.submit(operation, *args, **kwargs).awaited()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have `listener` called, on the store's thread, after each commit that journaled
        something; return what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def is_visited(self) -> bool:
        """Whether somebody is at the machine: for them no backup begins and no log is merged."""
        return self._visit_since_ms is not None

    def visited(self, is_visited: bool) -> None:
        """Somebody came to the machine, or nobody is there any more."""
        if is_visited is self.is_visited:
            return
        self._visit_since_ms = self._clock.now().monotonic_ms if is_visited else None
        if not is_visited and self._thread is not None:
            self._jobs.put(_BetweenGroups(lambda _: None, Answer()))  # wakes what waited for that

    async def back_up(self, target: Path) -> None:
        """Copy the database to a new file, as it is between two transactions; to make the file
        durable is the caller's.

        Callers are served meanwhile; what they write is in the copy, too. Raises `StoreError`.
        """
        await self._between_groups(lambda connection: self._copy(connection, target))

    async def forget_old_pages(self) -> None:
        """Write the log into the database and empty it, so that what was erased is in neither."""
        await self._between_groups(self._empty_the_log)

    async def _between_groups(self, work: Callable[[sqlite3.Connection], T]) -> T:
        job = _BetweenGroups(work, Answer())
        if self._closed:
            job.answer.fail(NotDoneError("the store is closed"))
        elif self._thread is None:
            self._run_between(job)
        else:
            self._jobs.put(job)
        return await job.answer.awaited()

    def use_key(self, location_key: bytes) -> None:
        """Seal and open personal fields, and sign events, with this key from now on."""
        self._writer.use_key(location_key)

    @property
    def head(self) -> ChainHead:
        """Where the journal ends; for a listener, and for who knows that nobody writes."""
        return self._writer.head

    def close(self) -> None:
        """Finish what was handed in and close the database."""
        if self._closed:
            return
        self._closed = True
        if self._thread is None:
            _close(self._database.conn, self.path)
        else:
            self._jobs.put(None)
            self._thread.join()

    # --- opening ---------------------------------------------------------------------------

    def _open(self) -> None:
        is_new = not self.path.exists()
        loss = running.loss(self.path)  # before SQLite makes a new log
        if is_new and not self._must_exist:
            require_nothing(self.path, self._known)
        else:
            require_database(self.path, self._known)
            _look_before_opening(self.path, self._known, must_have_tables=self._must_exist)
        if is_new:
            # It will hold names and telephone numbers. Where it cannot be made, SQLite says why.
            with contextlib.suppress(OSError):
                make_private(self.path)
        connection = _connect(str(self.path))
        try:
            self._set_up(connection)
            if self._unlock is not None:
                self._do(self._unlock)
            # Another process may have ended in between, and with it its mark.
            if loss and running.mark_of(self.path).exists():
                self._doubt(loss)
                self.loss = loss
        except BaseException as error:
            if loss:
                connection.close()  # the mark stays for the next start
            else:
                _close(connection, self.path)
            if isinstance(error, sqlite3.Error):
                raise _opening_error(self.path, self._known, error) from error
            raise
        self._mark_as_running()

    def _doubt(self, loss: str) -> None:
        """Some of what was committed is not known any more: every slot is to be looked into."""
        LOG.error("%s: %s; every slot is in doubt until staff looked inside", self.path, loss)
        epoch = f"{self._rng.getrandbits(64):016x}"
        self._do(lambda writer: begin_in_doubt(writer, epoch, loss))

    def _do(self, operation: Callable[[Writer], object]) -> None:
        """Carry out one operation while the database is being opened."""
        answer: Answer[object] = Answer()
        self._run_group([Job(operation, (), {}, answer)])
        answer.result()

    def _mark_as_running(self) -> None:
        """See `kiosk.store.running`. Where the disk does not take the mark, all goes on without."""
        connection = self._database.conn
        try:
            if not self._marked_bytes:
                # A commit that changes nothing: from now on the log has a header.
                connection.execute("PRAGMA user_version = 0").fetchall()
            needed = running.log_bytes(self._log_pages_max)
            self._marked_bytes = running.make(self.path, needed)
        except (OSError, sqlite3.Error) as error:
            LOG.warning("%s: cannot be marked as in use: %s", self.path, error)

    def _set_up(self, connection: sqlite3.Connection) -> None:
        for name, value in PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}").fetchall()
        with contextlib.closing(connection.execute("BEGIN IMMEDIATE")):
            connection.execute("COMMIT")
        for name, value in PRAGMAS.items():
            found = connection.execute(f"PRAGMA {name}").fetchone()[0]
            if found != value:
                raise CannotOpenError(
                    f"{self.path}: SQLite does not take PRAGMA {name} = {value} (it says {found});"
                    " without it a power cut could lose packages, so the kiosk does not start"
                )
        database = Database(connection)
        if self._copies is not None:
            keep_copy(self.path, database, self._version, self._copies, self._clock)
        compatibility.bring_up(str(self.path), database)
        if self._version:
            self._note_version(database)
        connection.execute(f"PRAGMA wal_autocheckpoint = {self._log_pages_max}").fetchall()
        connection.set_authorizer(_refuse_schema_changes)
        self._database = database
        self._writer = Writer(database, self._clock, self._read_head(database), counters.count)

    def _note_version(self, database: Database) -> None:
        try:
            compatibility.note_program(database, self._version)
        except sqlite3.Error as error:  # a full disk must not keep the kiosk shut
            LOG.warning("%s: which version opened it cannot be noted: %s", self.path, error)

    def _read_head(self, database: Database) -> ChainHead:
        row = database.conn.execute(
            "SELECT epoch, seq, hash FROM journal ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        if row is not None:
            return ChainHead(row[0], row[1], row[2])
        found = database.conn.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        if found is not None:
            return ChainHead(found[0])
        epoch = f"{self._rng.getrandbits(64):016x}"
        database.conn.execute("INSERT INTO meta (key, value) VALUES ('epoch', ?)", [epoch])
        return ChainHead(epoch)

    # --- the thread ------------------------------------------------------------------------

    def _serve(self, opened: Answer[None]) -> None:
        try:
            self._open()
        except BaseException as error:  # noqa: BLE001 - handed to whoever asked for the store
            opened.fail(error)
            return
        opened.succeed(None)
        while not self._is_ending:
            self._run_waiting(is_patient=True)
            while self._between and (self._is_ending or not self._must_wait()):
                self._run_between(self._between.popleft())
        _close(self._database.conn, self.path)

    def _run_waiting(self, *, is_patient: bool) -> None:
        """Run the group that waits; be patient and wait for its first caller, or not."""
        group: list[Job] = []
        with contextlib.suppress(queue.Empty):
            while len(group) < GROUP_MAX:
                job = self._next_job(is_patient=is_patient and not group)
                if job is None:
                    self._is_ending = True
                    break
                if isinstance(job, _BetweenGroups):
                    self._between.append(job)
                    break
                group.append(job)
        if group:
            self._run_group(group)

    def _next_job(self, *, is_patient: bool) -> Job | _BetweenGroups[Any] | None:
        """The next of the queue. While nobody comes, the log is merged into the database: else
        that would fall on somebody who waits for a door."""
        if is_patient and self._has_log:
            try:
                return self._jobs.get(timeout=QUIET_S)
            except queue.Empty:
                if self._must_wait():
                    return self._jobs.get()
                self._has_log = False
                with contextlib.suppress(sqlite3.Error):  # it is tried again after the next write
                    self._database.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                self._keep_marked()
        return self._jobs.get(block=is_patient)

    def _must_wait(self) -> bool:
        """Whether what can wait would keep somebody waiting for a door."""
        since_ms = self._visit_since_ms
        return since_ms is not None and self._clock.now().monotonic_ms - since_ms < VISIT_MS

    def _keep_marked(self) -> None:
        """Mark again a log that grew beyond what the mark says, or that has no mark yet."""
        if running.is_longer(self.path, self._marked_bytes):
            self._mark_as_running()

    def _empty_the_log(self, connection: sqlite3.Connection) -> None:
        self._marked_bytes = 0
        try:
            running.empty_the_log(connection, self.path)
        finally:
            self._mark_as_running()

    def _run_between(self, job: _BetweenGroups[Any]) -> None:
        try:
            result = job.work(self._database.conn)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            job.answer.fail(error)
        else:
            job.answer.succeed(result)
        wake([job.answer])

    def _copy(self, connection: sqlite3.Connection, target: Path) -> None:
        def serve_meanwhile(*_: int) -> None:
            if self._thread is not None:
                self._run_waiting(is_patient=False)
                while self._must_wait() and not self._is_ending:
                    self._run_waiting(is_patient=True)
            if self._is_ending:
                raise NotDoneError("the kiosk ends; the backup was given up")

        try:
            with contextlib.closing(_connect(str(target))) as copy:
                # Synced here, the whole file would stand before the next caller's commit.
                copy.execute("PRAGMA synchronous = 0")
                connection.backup(copy, pages=BACKUP_PAGES, progress=serve_meanwhile)
        except sqlite3.Error as error:
            raise NotDoneError(f"{target}: the backup failed: {error}") from error

    def _run_group(self, group: list[Job]) -> None:
        before = self._writer.head.seq
        run_group(self._writer, group, lambda: self._read_head(self._database))
        if self._writer.head.seq > before:
            self._has_log = True
            for listener in self._listeners:
                listener()


_SCHEMA_CHANGES = frozenset(
    getattr(sqlite3, f"SQLITE_{verb}_{thing}")
    for verb in ("CREATE", "DROP")
    for thing in ("TABLE", "INDEX", "TRIGGER", "VIEW")
) | {sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_ATTACH}


def _refuse_schema_changes(action: int, *_: str | None) -> int:
    """After the migrations the schema stands: a typo in a table's name makes no table."""
    return sqlite3.SQLITE_DENY if action in _SCHEMA_CHANGES else sqlite3.SQLITE_OK


def _close(connection: sqlite3.Connection, path: Path) -> None:
    try:
        running.close(connection, path)
    except OSError as error:
        LOG.warning("%s: the mark that it is in use stays: %s", path, error)


def _connect(name: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(name, isolation_level=None, timeout=0, uri=uri, check_same_thread=False)


def _look_before_opening(path: Path, known: tuple[Path, ...], *, must_have_tables: bool) -> None:
    """Refuse a database that is damaged, newer or in use, before anything of it is touched.

    The journal is left out: a million events would keep people waiting. It is checked every night,
    on a copy, with everything else.
    """
    connection = _connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        # Read first: a file that is no database says so here.
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        if must_have_tables and ("meta",) not in names:
            raise DamagedError(
                f"{path}: this is no kiosk's database;"
                f" restore the newest backup: {way_back(path, known)}"
            )
        for (name,) in names:
            found = "ok" if name == "journal" else _quick_check(connection, name)
            if found != "ok":
                raise DamagedError(
                    f"{path}: the database is damaged ({found}); it was left as it is."
                    f" Restore the newest backup: {way_back(path, known)}"
                )
        compatibility.require_usable(str(path), Database(connection))
    except sqlite3.Error as error:
        raise _opening_error(path, known, error) from error
    finally:
        connection.close()


def _quick_check(connection: sqlite3.Connection, table: str) -> str:
    """ "ok", or what is wrong with a table or its indexes."""
    return str(connection.execute(f"PRAGMA quick_check('{table}')").fetchone()[0])


def _opening_error(path: Path, known: tuple[Path, ...], error: sqlite3.Error) -> StoreError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return InUseError(
            f"{path}: another process has the database open; only one kiosk may run on it"
        )
    if "not a database" in text or "malformed" in text:
        return DamagedError(
            f"{path}: the file is not a sound database ({text}); it was left as it is."
            f" Restore the newest backup: {way_back(path, known)}"
        )
    return CannotOpenError(
        f"{path}: cannot open the database ({text}):"
        " is the disk there, and may this user write to it?"
    )
