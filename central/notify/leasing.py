"""Leases of what the outbox holds: whoever sends a row has it alone for a while, and settles it.

A lease is renewed for as long as its owner works on it, by the clock that all servers have in
common. One that died gives its rows back when the lease ends: they may then go out twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, or_, update
from sqlalchemy.exc import SQLAlchemyError

from central import schema
from central.context import Central
from central.database.common_clock import common_ms

LOG = logging.getLogger("central.notify")
LEASE_MS: Final = 25_000
"""So soon what a worker had that died goes out by another: within the half minute in which nearly
all messages are to go out."""
RENEW_S: Final = 5.0
"""How often the leases of what is being sent are renewed; a database that is away for less than
the rest of a lease makes nothing go out twice."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a row after a try."""

    id: str
    values: dict[str, Any]


def is_open() -> ColumnElement[bool]:
    """The rows of which nothing has come yet."""
    return schema.notification.c.status.in_([schema.fixed("queued"), schema.fixed("leased")])


def is_message() -> ColumnElement[bool]:
    """The rows that are for people, and no webhooks."""
    return schema.notification.c.endpoint == schema.fixed("")


def is_webhook() -> ColumnElement[bool]:
    """The rows that are for a carrier's systems."""
    return schema.notification.c.endpoint != schema.fixed("")


def is_due(now_ms: int) -> ColumnElement[bool]:
    """The rows that may be leased now."""
    table = schema.notification
    is_free = or_(
        table.c.status == "queued",
        (table.c.status == "leased") & (table.c.leased_until_ms < now_ms),
    )
    return is_open() & (table.c.due_ms <= now_ms) & is_free


def take(connection: Connection, wanted: Select[Any], owner: str, now_ms: int) -> Sequence[Any]:
    """Lease the rows whose ids are asked for, but for those that another takes just now."""
    table = schema.notification
    locked = wanted.with_for_update(skip_locked=True, of=table)
    chosen = connection.execute(locked).scalars().all()
    leased = {"status": "leased", "leased_by": owner, "leased_until_ms": now_ms + LEASE_MS}
    taken = update(table).where(table.c.id.in_(chosen)).values(**leased).returning(table)
    return connection.execute(taken).all()


def is_leased_by(owner: str) -> ColumnElement[bool]:
    """The rows that a worker has."""
    table = schema.notification
    return (table.c.status == "leased") & (table.c.leased_by == owner)


def renew(connection: Connection, central: Central, owner: str, ids: Sequence[str]) -> None:
    """Keep these leased."""
    table, now_ms = schema.notification, common_ms(connection, central.clock)
    connection.execute(
        update(table)
        .where(table.c.id.in_(ids), is_leased_by(owner))
        .values(leased_until_ms=now_ms + LEASE_MS)
    )


def give_back(connection: Connection, owner: str, ids: Sequence[str]) -> None:
    """These were taken and not begun: whoever comes next may have them at once."""
    table = schema.notification
    connection.execute(
        update(table)
        .where(table.c.id.in_(ids), is_leased_by(owner))
        .values(status="queued", leased_until_ms=None)
    )


def settle_one(connection: Connection, owner: str, outcome: Outcome) -> Any:
    """Write down what came of a row; it, or None where it is no longer this worker's to say: what
    another does, or a gateway has said meanwhile, stands."""
    table = schema.notification
    return connection.execute(
        update(table)
        .where(table.c.id == outcome.id, is_leased_by(owner))
        .values(leased_until_ms=None, **outcome.values)
        .returning(table)
    ).first()


@contextlib.asynccontextmanager
async def kept(central: Central, owner: str, ids: Sequence[str]) -> AsyncIterator[None]:
    """Keep rows leased while they are worked on; those that are settled are not touched."""
    renewing = asyncio.create_task(_renew(central, owner, ids))
    try:
        yield
    finally:
        renewing.cancel()


async def _renew(central: Central, owner: str, ids: Sequence[str]) -> None:
    while True:
        await asyncio.sleep(RENEW_S)
        try:
            await central.database.write(renew, central, owner, ids)
        except SQLAlchemyError:
            LOG.exception("what is being sent could not be kept; again in %.0f s", RENEW_S)
