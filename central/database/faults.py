"""What an error of the database means: whose fault it is, whether it passes, what was done.

PostgreSQL names each error by five letters (SQLSTATE); the first two are its class.
"""

from __future__ import annotations

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from central.errors import RequestError

PASSING_CLASSES = ("08", "25", "40", "53", "57")
"""The connection is gone; the server only reads now; two were in each other's way; it has no room
for one more; somebody stopped it."""
TOO_LONG = "54"
"""It is more than the database holds in one place, such as an index."""
LOCK_NOT_AVAILABLE = "55P03"
READ_ONLY = "25006"
NOT_DONE_CLASSES = ("23", "40")
"""A commit that is refused so was none: a rule was broken, another transaction was in its way."""
STATEMENT_COMPLETION_UNKNOWN = "40003"


class UnknownOutcomeError(SQLAlchemyError):
    """The connection was lost while something was made durable: nobody knows whether it is."""


class ClosedError(SQLAlchemyError):
    """The database was closed: the server is ending, and nothing was done."""


def state_of(error: BaseException) -> str:
    """The SQLSTATE of an error; empty where there is none."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def is_passing(error: BaseException) -> bool:
    """Whether the same transaction may go well in a moment, nothing of it having been done."""
    if isinstance(error, PendingRollbackError | PoolTimeoutError):
        return True  # what broke the transaction was seen by somebody who went on
    if not isinstance(error, DBAPIError):
        return False
    state = state_of(error)
    if state:
        return state[:2] in PASSING_CLASSES or state == LOCK_NOT_AVAILABLE
    is_away = isinstance(error, OperationalError | InterfaceError)
    return error.connection_invalidated or is_away


def is_own(error: BaseException) -> bool:
    """Whether an error lies in what was to be written, so that it fails each time; any other of the
    database's says nothing of that."""
    if not isinstance(error, SQLAlchemyError) or isinstance(error, DataError | IntegrityError):
        return True
    state = state_of(error)
    if state:
        return state[:2] == TOO_LONG
    # What no driver takes, such as a value of a strange type.
    return isinstance(error, ProgrammingError) and not error.connection_invalidated


def require_own(error: BaseException) -> None:
    """Let nobody take for a fault of what was written what is the database's: raise that again."""
    if not is_own(error):
        raise error


def may_be_done(error: BaseException) -> bool:
    """Whether a commit that ended so may have become durable all the same."""
    state = state_of(error)
    is_refused = state[:2] in NOT_DONE_CLASSES and state != STATEMENT_COMPLETION_UNKNOWN
    return not is_refused


def refusal(error: SQLAlchemyError) -> RequestError:
    """What is answered to somebody whose request the database did not carry out."""
    if isinstance(error, UnknownOutcomeError):
        problem = (
            "the database was lost while this was written: nobody knows whether it was done;"
            " look before you ask for it again"
        )
        return RequestError(503, "outcome_unknown", problem)
    if isinstance(error, DataError):
        return RequestError(422, "invalid", "there is something in it that the database takes not")
    if isinstance(error, IntegrityError):
        problem = "somebody else changed the same thing at the same time; look, and try again"
        return RequestError(409, "conflict", problem)
    return RequestError(503, "unavailable", "the database does not answer; try again")
