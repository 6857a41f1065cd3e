"""Several threads that write side by side, each with a connection: one transaction for each job.

The rows that a job locks keep it right beside others, in this process and in any other. A whole
transaction is done again for a while when its connection was lost, when another one was in its way,
or when the server that it asked only reads now. What comes of it is one of three things: it is
done, it is not done, or nobody knows (`UnknownOutcomeError`), for the connection was lost while it
was made durable. A job that may be repeated is done once more then.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, PendingRollbackError, SQLAlchemyError

from central.adapters import RNG, monotonic_s
from central.counters import TRANSACTION_RETRIES, TRANSACTION_SECONDS
from central.database import faults, locks
from central.database.faults import UnknownOutcomeError
from central.database.jobs import Job

LOG = logging.getLogger("central.database")

PATIENCE_S = 12.0
"""For so long a transaction is tried again: a failover takes a few seconds."""
PAUSE_MIN_S = 0.05
PAUSE_MAX_S = 1.0
CLASHES_MAX = 3
"""So often a row that another transaction has just made is looked at again."""


class Lanes:
    """The threads that write."""

    def __init__(self, engine: Engine, count: int) -> None:
        """Start them."""
        self._lanes = [_Lane(engine, number) for number in range(count)]

    def put(self, job: Job[Any]) -> None:
        """Hand a job to a lane: the one of its location, so that no two wait here for the same row;
        else the one with the least to do."""
        if job.location:
            lane = self._lanes[hash(job.location) % len(self._lanes)]
        else:
            lane = min(self._lanes, key=lambda each: each.load)
        lane.put(job)

    def close(self) -> None:
        """Finish what was handed in."""
        for lane in self._lanes:
            lane.end()
        for lane in self._lanes:
            lane.join()


class _Lane:
    def __init__(self, engine: Engine, number: int) -> None:
        self._engine = engine
        self._jobs: queue.SimpleQueue[tuple[Job[Any], float] | None] = queue.SimpleQueue()
        self._is_busy = False
        self._thread = threading.Thread(target=self._serve, name=f"lane {number}", daemon=True)
        self._thread.start()

    @property
    def load(self) -> int:
        """How many jobs wait or are at work here."""
        return self._jobs.qsize() + self._is_busy

    def put(self, job: Job[Any]) -> None:
        self._jobs.put((job, monotonic_s()))

    def end(self) -> None:
        self._jobs.put(None)

    def join(self) -> None:
        self._thread.join()

    def _serve(self) -> None:
        while (found := self._jobs.get()) is not None:
            self._is_busy = True
            job, put_s = found
            try:
                result = carry_out(self._engine, job.operation, put_s, may_repeat=job.may_repeat)
            except BaseException as error:  # noqa: BLE001 - the caller's own error goes to the caller
                job.future.set_exception(error)
            else:
                job.future.set_result(result)
            self._is_busy = False


def carry_out(
    engine: Engine,
    operation: Callable[[Connection], Any],
    put_s: float,
    *,
    may_repeat: bool,
) -> Any:
    """Do a transaction, as often as it takes, until `PATIENCE_S` after it was handed in at `put_s`.

    Raises the operation's own error, `UnknownOutcomeError` where nobody knows whether it is
    durable, or the database's, and then it is not.
    """
    until_s, pause_s, clashes = put_s + PATIENCE_S, PAUSE_MIN_S, 0
    unknown: UnknownOutcomeError | None = None
    last: SQLAlchemyError
    while True:
        try:
            with TRANSACTION_SECONDS.time():
                return _transaction(engine, operation)
        except UnknownOutcomeError as error:
            unknown, last = error, error
            if not may_repeat:
                raise
        except SQLAlchemyError as error:
            last = error
            if isinstance(error, IntegrityError) and clashes < CLASHES_MAX:
                clashes += 1
            elif not faults.is_passing(error):
                raise
        if monotonic_s() >= until_s:
            LOG.error("a transaction was given up: %s", last)
            raise unknown or last
        TRANSACTION_RETRIES.inc()
        LOG.info("a transaction is done again: %s", last)
        threading.Event().wait(pause_s * RNG.uniform(0.5, 1.0))
        pause_s = min(2 * pause_s, PAUSE_MAX_S)


def _transaction(engine: Engine, operation: Callable[[Connection], Any]) -> Any:
    with engine.connect() as connection:
        locks.begin(connection)
        try:
            result = operation(connection)
        except Exception as error:
            if faults.state_of(error) == faults.READ_ONLY:
                connection.invalidate()  # the next one is to the server that writes now
            raise
        if connection.invalidated:
            raise PendingRollbackError("the connection was lost, and the operation went on")
        try:
            connection.commit()
        except DBAPIError as error:
            if faults.may_be_done(error):
                raise UnknownOutcomeError("the connection was lost during the commit") from error
            raise
        return result
