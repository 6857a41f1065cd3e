"""The feed never fills a disk, and nothing of it goes unsaid.

Where nobody reads for too long, or too much waits, a reader is stopped: no more is written for it,
what waits is deleted bit by bit, operators are alarmed, the metrics say so and `central stream`
refuses with what to do. The journal has the kiosks' events still: `central feed add … --from`.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, delete, func, select, update

from central import schema
from central.context import alarm, alarm_daily
from central.feed import readers
from central.feed.tables import feed, feed_reader
from central.locking import lock_location
from central.settings import Feed
from kiosk.model.clock import DAY_MS, HOUR_MS

BITE: Final = 500
UNREAD_ALARM_MS: Final = HOUR_MS
"""After so long without a reader operators are alarmed, once a day."""


def keep(connection: Connection, rules: Feed, now_ms: int) -> bool:
    """Look after each reader in one bite; whether there is more to be deleted."""
    table = feed_reader
    is_more = False
    for row in connection.execute(select(table).order_by(table.c.name)).all():
        if row.stopped_ms is None:
            _watch(connection, row.name, rules, now_ms)
        else:
            is_more |= _clear(connection, row)
    return is_more


def _watch(connection: Connection, name: str, rules: Feed, now_ms: int) -> None:
    oldest_ms = readers.oldest_ms(connection, name)
    if oldest_ms is None:
        return
    is_old = oldest_ms < now_ms - rules.keep_days * DAY_MS
    if is_old or is_too_many(connection, name, rules.rows_max):
        why = f"nobody read for {rules.keep_days} days" if is_old else "too many rows wait"
        table = feed_reader
        connection.execute(
            update(table)
            .where(table.c.name == name)
            .values(stopped_ms=now_ms, unread_since_ms=oldest_ms)
        )
        alarm(connection, now_ms, "feed-stopped", name, why=why, unread_since_ms=oldest_ms)
    elif oldest_ms < now_ms - UNREAD_ALARM_MS:
        alarm_daily(connection, now_ms, "feed-unread", name, unread_since_ms=oldest_ms)


def is_too_many(connection: Connection, name: str, most: int) -> bool:
    """Whether more rows than `most` wait for a reader; a stream may delete them meanwhile."""
    of_reader = feed.c.reader == name
    numbers = select(feed.c.id).where(of_reader).limit(1)
    ends = [numbers.order_by(order).scalar_subquery() for order in (feed.c.id, feed.c.id.desc())]
    first, last = connection.execute(select(*ends)).one()
    if first is None or last - first < most:
        return False  # so many numbers are not even between them
    some = select(feed.c.id).where(of_reader).limit(most + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one()) > most


def _clear(connection: Connection, row: Any) -> bool:
    """Write nothing more for a reader that is stopped, and delete what waits for it, in part."""
    table, of_reader = schema.location, feed.c.reader == row.name
    named = (
        select(table.c.id, table.c.feeds)
        .where((" " + table.c.feeds + " ").contains(f" {row.name} ", autoescape=True))
        .order_by(table.c.id)
        .limit(BITE)
    )
    lock_location(connection, *(each.id for each in connection.execute(named)))
    silenced = connection.execute(named).all()
    for each in silenced:
        left = " ".join(name for name in each.feeds.split() if name != row.name)
        connection.execute(update(table).where(table.c.id == each.id).values(feeds=left))
    oldest = select(feed.c.id).where(of_reader).order_by(feed.c.id).limit(BITE)
    gone = connection.execute(delete(feed).where(feed.c.id.in_(oldest))).rowcount
    changed = update(feed_reader).where(feed_reader.c.name == row.name)
    connection.execute(changed.values(dropped=feed_reader.c.dropped + gone))
    if silenced or gone:
        return True
    if row.removed_ms is not None:
        connection.execute(delete(feed_reader).where(feed_reader.c.name == row.name))
    return False
