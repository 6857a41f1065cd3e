"""Whose kiosks are to come once a transaction is durable, because something waits for them.

A writing operation says so with `wake`; who listens to the database (`Database.on_wake`) hears of
it when the commit is durable, never before. Other processes on PostgreSQL hear of it by a
notification (`listener`). Hearing of it once too often does no harm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, func, select

CHANNEL: Final = "woken"
"""Where PostgreSQL's notifications go."""
EVERYBODY: Final = ""
"""In the place of a location: there were so many that who listens looks itself."""
EVERY_KIOSK: Final = "*"
"""In the place of a location: something is there for all."""
MANY: Final = 50
"""From so many on in one transaction, they are not named any more."""
_COLLECTED: Final = "woken"


def wake(connection: Connection, location: str) -> None:
    """Have a location's kiosk come as soon as this transaction is durable."""
    woken = _collected(connection)
    if woken is None or location in woken or EVERYBODY in woken:
        return
    _wake(connection, woken, location if len(woken) < MANY else EVERYBODY)


def wake_all(connection: Connection) -> None:
    """Have every kiosk come as soon as this transaction is durable."""
    woken = _collected(connection)
    if woken is not None:
        _wake(connection, woken, EVERY_KIOSK)


def _collected(connection: Connection) -> set[str] | None:
    woken: set[str] | None = connection.get_execution_options().get(_COLLECTED)
    return woken


def _wake(connection: Connection, woken: set[str], named: str) -> None:
    woken.add(named)
    if connection.dialect.name == "postgresql":
        # One that is said twice in a transaction is sent once.
        connection.execute(select(func.pg_notify(CHANNEL, named)))


@contextlib.contextmanager
def collecting(connection: Connection, woken: set[str]) -> Iterator[None]:
    """While an operation runs on a connection: write down whom it wakes. One that is done again
    wakes them again."""
    # With this connection, not with the driver's: one that was lost is another's already.
    now: set[str] = set()
    connection.execution_options(**{_COLLECTED: now})
    try:
        yield
    finally:
        connection.execution_options(**{_COLLECTED: None})
        woken |= now
