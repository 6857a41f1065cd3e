"""One writer thread that commits in groups: what waits is run by it, each in a savepoint of one
transaction, which is committed once. The future is done when that commit is durable."""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import Future
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from central.counters import TRANSACTION_SECONDS
from central.database import sqlite
from central.database.jobs import Job

LOG = logging.getLogger("central.database")

GROUP_MAX = 128
"""How many callers share one commit at most."""


class GroupWriter:
    """The one thread that writes."""

    def __init__(self, engine: Engine) -> None:
        """Start the thread."""
        self.engine = engine
        self._jobs: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="writer", daemon=True)
        self._thread.start()

    def put(self, job: Job[Any]) -> None:
        """Take a job behind the others."""
        self._jobs.put(job)

    def close(self) -> None:
        """Finish what was handed in."""
        self._jobs.put(None)
        self._thread.join()

    def _serve(self) -> None:
        is_ending = False
        while not is_ending:
            group: list[Job[Any]] = []
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

    def _run(self, group: list[Job[Any]]) -> None:
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            writing = sqlite.writing(self.engine)
            with TRANSACTION_SECONDS.time(), writing as connection, connection.begin():
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


def _answer(connection: Connection, job: Job[Any]) -> tuple[Future[Any], Any, BaseException | None]:
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
