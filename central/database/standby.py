"""Reading from a standby what is only shown, so that the primary has less to do.

Nobody sees what is older than their own last action: a standby answers only once it has played the
primary's log as far as it was written when the question came, whoever wrote, and at which server.
A position says that only within one history, so the timeline and the cluster are compared as well.
A standby that is behind, away or none any more is left alone for a while.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Engine, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from central.adapters import monotonic_s
from central.counters import SHOWN
from central.database import faults, postgresql
from central.database.texts import take_any_text
from central.errors import CannotServeError

T = TypeVar("T")
LOG = logging.getLogger("central.database")

ALONE_S = 5.0
"""For so long a standby is not asked that did not answer, or was behind."""
CHECK_S = 3.0
"""In which it says how far it is, beside what it may be behind."""
ANSWER_S = 10.0
"""In which it gives an answer; then the primary does."""
PAUSE_S = 0.002
"""Between two looks at how far it is: on a good line it is behind by less."""
_WRITTEN = text(
    "SELECT system_identifier, current_database() AS name,"
    " left(pg_walfile_name(position), 8) AS timeline, CAST(position AS text) AS position"
    " FROM pg_control_system(), LATERAL (SELECT CASE current_setting('synchronous_commit')"
    " WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END)"
    " AS at (position)"
)
"""What was acknowledged is on the disk, unless commits do not wait for that. What is not on the
disk yet no standby gets, and a query may have made it, for which nobody waits."""
_STANDING = text(
    "SELECT pg_is_in_recovery() AND system_identifier = :system_identifier"
    " AND current_database() = :name"
    # Which the standby knows from its last restart point: never from before a promotion.
    " AND lpad(upper(to_hex(timeline_id)), 8, '0') = :timeline AS is_of_this,"
    " coalesce(pg_last_wal_replay_lsn() >= CAST(:position AS pg_lsn), false) AS is_so_far"
    " FROM pg_control_system(), pg_control_checkpoint()"
)


class UnfitError(SQLAlchemyError):
    """The standby must not answer just now: the primary does."""


class Standby:
    """Connections to a standby, and whether it is asked."""

    def __init__(self, url: str, primary: Engine, behind_max_ms: int) -> None:
        """Of SQLAlchemy's or PostgreSQL's URL; it is connected to when it is first asked. `primary`
        has a transaction for each statement. Raises `CannotServeError`."""
        try:
            self._engine = postgresql.standby_engine_of(url)
        except ArgumentError as error:
            raise CannotServeError(f"read_url: {error}") from error
        take_any_text(self._engine)
        self._primary, self._behind_max_s = primary, behind_max_ms / 1000
        self._lock = threading.Lock()
        self._alone_until_s: float | None = None
        """Set from its first failure until it answers again."""

    @property
    def dialect(self) -> Dialect:
        """What its connections speak."""
        return self._engine.dialect

    def close(self) -> None:
        """Let the connections go."""
        self._engine.dispose()

    def ask(self, work: Callable[[Connection], T]) -> T:
        """Its answer, or the operation's own error. Raises `UnfitError` where the primary is to be
        asked."""
        with contextlib.ExitStack() as stack:
            connection = self._enter(stack, ANSWER_S)
            try:
                answer = work(connection)
            except SQLAlchemyError as error:
                if faults.is_own(error):
                    raise
                raise self._failed(error) from error
            SHOWN.labels(database="standby").inc()
            return answer

    def enter(self, stack: contextlib.ExitStack) -> Connection:
        """A connection for an answer that may take long. Raises `UnfitError`."""
        connection = self._enter(stack, None)
        SHOWN.labels(database="standby").inc()
        return connection

    def _enter(self, stack: contextlib.ExitStack, within_s: float | None) -> Connection:
        """A connection that sees one moment, with all that was written before; it is broken off
        when it is used for longer than `within_s`."""
        if not self._is_asked():
            SHOWN.labels(database="primary").inc()
            raise UnfitError("it failed a moment ago")
        try:
            with self._primary.connect() as connection:
                written = dict(connection.execute(_WRITTEN).mappings().one())
        except SQLAlchemyError as error:
            SHOWN.labels(database="primary").inc()
            raise UnfitError("the primary does not say how far it is") from error
        try:
            connection = stack.enter_context(self._connected(written, within_s))
        except SQLAlchemyError as error:
            raise self._failed(error) from error
        self._is_well()
        return connection

    def _is_asked(self) -> bool:
        """After a failure one caller tries it again, and the others do not wait for that."""
        with self._lock:
            if self._alone_until_s is None:
                return True
            if monotonic_s() < self._alone_until_s:
                return False
            self._alone_until_s = monotonic_s() + ALONE_S
            return True

    def _failed(self, error: SQLAlchemyError) -> UnfitError:
        """Leave it alone for a while."""
        SHOWN.labels(database="primary").inc()
        with self._lock:
            is_news = self._alone_until_s is None
            self._alone_until_s = monotonic_s() + ALONE_S
        # It may be another machine's turn, or this one's no more.
        self._engine.dispose()
        if is_news:
            LOG.warning("the standby is not read from, the primary answers: %s", error)
        return UnfitError(str(error))

    def _is_well(self) -> None:
        with self._lock:
            is_news = self._alone_until_s is not None
            self._alone_until_s = None
        if is_news:
            LOG.warning("the standby is read from again")

    @contextlib.contextmanager
    def _connected(self, written: dict[str, Any], within_s: float | None) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            with _within(connection, CHECK_S + self._behind_max_s):
                self._reach(connection, written)
            # Only what begins now sees all that was played until now.
            connection.rollback()
            connection.execution_options(**postgresql.ONE_MOMENT)
            with _within(connection, within_s):
                yield connection

    def _reach(self, connection: Connection, written: dict[str, Any]) -> None:
        until_s = monotonic_s() + self._behind_max_s
        while True:
            found = connection.execute(_STANDING, written).one()
            if not found.is_of_this:
                raise UnfitError("read_url leads to no standby that follows this primary yet")
            if found.is_so_far:
                return
            if monotonic_s() >= until_s:
                raise UnfitError(f"it is behind by more than {self._behind_max_s * 1000:.0f} ms")
            threading.Event().wait(PAUSE_S)


@contextlib.contextmanager
def _within(connection: Connection, longest_s: float | None) -> Iterator[None]:
    """Break a connection off that is used for longer: a machine that hangs says nothing, and the
    driver would wait for it for ever."""
    if longest_s is None:
        yield
        return
    number = connection.connection.driver_connection.fileno()  # type: ignore[union-attr]

    def break_off() -> None:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(number)) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(longest_s, break_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
