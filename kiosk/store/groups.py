"""The operations of several callers in one transaction, and what each of them is answered.

One sync of the disk is then enough for all, and no answer is given before it. An operation that
fails is taken back alone. A commit that fails is read back: each caller hears whether what they
wanted was done, was not, or that nobody knows.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from kiosk.store.answers import Answer, wake
from kiosk.store.errors import ForbiddenError, NotDoneError, OutcomeUnknownError
from kiosk.store.writer import ChainHead, Writer


class Job(NamedTuple):
    """An operation, and who waits for what it gives."""

    operation: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    answer: Answer[Any]


class _Outcome(NamedTuple):
    """What a job will hear once the group's fate is known."""

    answer: Answer[Any]
    result: Any = None
    error: BaseException | None = None
    last_seq: int | None = None
    """The last journal line it wrote; None when it wrote none."""

    def tell(self) -> None:
        if self.error is not None:
            self.answer.fail(self.error)
        else:
            self.answer.succeed(self.result)


def run_group(writer: Writer, group: Sequence[Job], read_head: Callable[[], ChainHead]) -> None:
    """Run the jobs in one transaction, commit, and answer. `read_head` reads where the journal
    ends."""
    before = writer.head
    outcomes: list[_Outcome] = []
    try:
        writer.execute("BEGIN IMMEDIATE")
        if len(group) == 1:
            _run_alone(writer, group[0], outcomes)
        else:
            for job in group:
                _run_among_others(writer, job, outcomes)
            writer.execute("COMMIT")
    except sqlite3.Error as error:
        _settle(writer, group, outcomes, before, read_head, error)
    else:
        for outcome in outcomes:
            outcome.tell()
    wake(job.answer for job in group)


def _run_alone(writer: Writer, job: Job, outcomes: list[_Outcome]) -> None:
    """Run a job that has the transaction for itself: what takes that back needs no savepoint."""
    outcome = _run(writer, job, "ROLLBACK")
    outcomes.append(outcome)
    if outcome.error is None:
        writer.execute("COMMIT")


def _run_among_others(writer: Writer, job: Job, outcomes: list[_Outcome]) -> None:
    writer.execute("SAVEPOINT caller")
    outcome = _run(writer, job, "ROLLBACK TO caller")
    writer.execute("RELEASE caller")
    outcomes.append(outcome)


def _run(writer: Writer, job: Job, take_back: str) -> _Outcome:
    operation, arguments, options, answer = job
    before = writer.head
    writer.begin()
    try:
        result = operation(writer, *arguments, **options)
    except BaseException as error:
        # The caller's own error goes to the caller.
        writer.head = before
        if not writer.db.conn.in_transaction:
            # SQLite gave up the whole group by itself (disk full, I/O error).
            raise sqlite3.OperationalError(str(error)) from error
        writer.execute(take_back)
        return _Outcome(answer, error=_readable(error))
    seq = writer.head.seq
    return _Outcome(answer, result, None, seq if seq > before.seq else None)


def _settle(
    writer: Writer,
    group: Sequence[Job],
    outcomes: Sequence[_Outcome],
    before: ChainHead,
    read_head: Callable[[], ChainHead],
    error: sqlite3.Error,
) -> None:
    """The group's commit failed: read back what is there and tell each caller the truth."""
    writer.head = before
    durable_seq: int | None = None
    with contextlib.suppress(sqlite3.Error):
        if writer.db.conn.in_transaction:
            writer.execute("ROLLBACK")
        writer.head = read_head()
        durable_seq = writer.head.seq
    for outcome in outcomes:
        answer, last_seq = outcome.answer, outcome.last_seq
        if outcome.error is not None:
            answer.fail(outcome.error)
        elif durable_seq is None:
            answer.fail(OutcomeUnknownError(f"the disk failed: {error}"))
        elif last_seq is None or last_seq > durable_seq:
            answer.fail(NotDoneError(f"not written: {error}"))
        else:
            answer.succeed(outcome.result)
    for job in group[len(outcomes) :]:
        job.answer.fail(NotDoneError(f"not written: {error}"))


def _readable(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.IntegrityError):
        refused = ForbiddenError(f"the database refuses this: {error}")
        refused.__cause__ = error
        return refused
    if isinstance(error, sqlite3.Error):
        failed = NotDoneError(f"the database failed: {error}")
        failed.__cause__ = error
        return failed
    return error
