"""Who reads the feed: begun, read in batches, acknowledged, ended.

This is all that a reader needs, whatever it does with the documents: `batch`, and `acknowledge`
once what it was given is durable elsewhere. Rows that were acknowledged are deleted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, select, true, update

from central import schema
from central.context import audit
from central.errors import RequestError, not_found
from central.feed import writing
from central.feed.document import Document, name_of, shown_body
from central.feed.tables import feed, feed_reader
from central.locking import lock_location
from central.schema import LIVE
from central.simulated import IS_SANDBOX, READER

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_EVENT, _PACKAGE = schema.event, schema.package
_ROWS = (
    select(feed)
    .where(feed.c.reader == bindparam("reader"))
    .order_by(feed.c.id)
    .limit(bindparam("count"))
)
_EVENTS = (
    select(
        feed.c.id,
        _EVENT.c.received_ms,
        _EVENT.c.kind,
        _EVENT.c.body,
        _EVENT.c.wall_ms,
        _EVENT.c.is_trusted,
        _EVENT.c.hash,
        _EVENT.c.is_forced,
        _EVENT.c.package,
        _PACKAGE.c.sender,
    )
    .select_from(feed)
    .join(
        _EVENT,
        (_EVENT.c.location == feed.c.location)
        & (_EVENT.c.epoch == feed.c.epoch)
        & (_EVENT.c.seq == feed.c.seq),
    )
    .outerjoin(_PACKAGE, (_PACKAGE.c.id == _EVENT.c.package) & (_EVENT.c.package != ""))
    .where(
        feed.c.reader == bindparam("reader"),
        feed.c.id.between(bindparam("first"), bindparam("last")),
        _EVENT.c.received_ms.between(bindparam("from_ms"), bindparam("until_ms")),
    )
)
"""Within bounds of time: where events lie by months, only those months are looked at."""
_EVER_MS: Final = (0, 1 << 62)


@dataclass(frozen=True, slots=True)
class Batch:
    """What waits for a reader, oldest first."""

    ids: tuple[int, ...] = ()
    documents: tuple[Document, ...] = ()
    missing: int = 0
    """Rows whose events are no longer kept."""


def batch(connection: Connection, reader: str, region: str, count: int) -> Batch:
    """The next documents for a reader; the same ones until they are acknowledged."""
    rows = connection.execute(_ROWS, {"reader": reader, "count": count}).all()
    events = _events_of(connection, reader, rows)
    found = (_document(row, events.get(row.id), region) for row in rows)
    documents = tuple(document for document in found if document is not None)
    return Batch(tuple(row.id for row in rows), documents, len(rows) - len(documents))


def _events_of(connection: Connection, reader: str, rows: Sequence[Any]) -> dict[int, Any]:
    """The kiosks' events that rows name, by the rows' ids."""
    named = [row for row in rows if not row.body]
    if not named:
        return {}
    times = [row.received_ms for row in named]
    from_ms, until_ms = _EVER_MS if None in times else (min(times), max(times))
    asked = {"reader": reader, "first": named[0].id, "last": named[-1].id}
    events = connection.execute(_EVENTS, {**asked, "from_ms": from_ms, "until_ms": until_ms})
    return {event.id: event for event in events}


def acknowledge(connection: Connection, reader: str, read: Batch) -> None:
    """What a reader was given is durable where it belongs: its rows are deleted."""
    connection.execute(
        delete(feed).where(feed.c.id == bindparam("row")), [{"row": id_} for id_ in read.ids]
    )
    table = feed_reader
    connection.execute(
        update(table)
        .where(table.c.name == reader)
        .values(
            published=table.c.published + len(read.documents),
            dropped=table.c.dropped + read.missing,
        )
    )


def require_reading(connection: Connection, name: str) -> None:
    """Refuse to read for somebody who does not. Raises `RequestError` that says what to do."""
    row = _reader(connection, name)
    if row is None:
        raise RequestError(
            404, "not_found", f"there is no reader {name!r}: begin with central feed add {name}"
        )
    if row.stopped_ms is not None:
        since = moment(row.unread_since_ms)
        raise RequestError(
            409,
            "stopped",
            f"nobody read for {name!r} for too long, and its rows were dropped, the oldest of"
            f" {since}: begin again with central feed add {name} --from {since}",
        )


# --- begun and ended -----------------------------------------------------------------------------


def begin(
    connection: Connection, name: str, by: str, now_ms: int, from_ms: int | None = None
) -> None:
    """A reader, if there is none of this name. Raises `RequestError`."""
    if _reader(connection, name) is None:
        add(connection, name, by, now_ms, from_ms)


def add(
    connection: Connection, name: str, by: str, now_ms: int, from_ms: int | None = None
) -> None:
    """A reader from now on or with the journal since `from_ms`, or once more one that was stopped.
    It has nothing before `begin_at` of each location. Raises `RequestError`."""
    if not NAME.fullmatch(name):
        raise RequestError(
            422, "invalid", f"reader {name!r}: small letters, digits, - and _, as warehouse"
        )
    row, table = _reader(connection, name), feed_reader
    if row is not None and row.stopped_ms is None:
        raise RequestError(409, "exists", f"there is a reader {name!r} already")
    if len(writing.readers(connection).split()) >= writing.READERS_MAX:
        raise RequestError(
            409, "too_many", f"there are {writing.READERS_MAX} readers: central feed remove one"
        )
    if not writing.life(connection):
        writing.begin_life(connection)
    if connection.execute(select(feed.c.id).where(feed.c.reader == name).limit(1)).first():
        raise RequestError(
            409,
            "busy",
            f"what waited for the reader {name!r} before is still being deleted:"
            " begin again in some minutes, or under another name",
        )
    connection.execute(delete(table).where(table.c.name == name))
    connection.execute(insert(table).values(name=name, created_ms=now_ms, from_ms=from_ms))
    audit(connection, now_ms, by, "feed.add", name)


def not_begun(connection: Connection, name: str) -> list[str]:
    """The locations that do not write for a reader yet. What a sandbox does is sent to its own
    programmer's systems alone."""
    table = schema.location
    is_real = true() if name == READER else ~IS_SANDBOX
    is_begun = (" " + table.c.feeds + " ").contains(f" {name} ", autoescape=True)
    return list(
        connection.execute(
            select(table.c.id).where(~is_begun, is_real).order_by(table.c.id)
        ).scalars()
    )


def begin_at(
    connection: Connection, name: str, location: str, now_ms: int, *, shows: bool = True
) -> int:
    """Write for a reader what happens at a location from here on: first its events since when the
    reader wants them, then how the location and its packages are, unless it `shows` nothing of
    that; how many events that were."""
    reader = _reader(connection, name)
    if reader is None or reader.stopped_ms is not None:
        return 0
    table, from_ms = schema.location, reader.from_ms
    lock_location(connection, location)
    found = connection.execute(select(table.c.feeds).where(table.c.id == location)).scalar()
    if found is None or name in found.split():
        return 0
    feeds = " ".join(sorted({*found.split(), name}))
    connection.execute(update(table).where(table.c.id == location).values(feeds=feeds))
    count = 0 if from_ms is None else _replay(connection, name, location, from_ms, now_ms)
    if not shows:
        return count
    writing.location(connection, location, now_ms)
    is_shown = _PACKAGE.c.status.in_(LIVE)
    if from_ms is not None:
        is_shown |= _PACKAGE.c.finished_ms >= from_ms
    ids = connection.execute(
        select(_PACKAGE.c.id).where(_PACKAGE.c.location == location, is_shown)
    ).scalars()
    writing.packages(connection, location, ids.all(), now_ms)
    return count


def _replay(connection: Connection, name: str, location: str, from_ms: int, now_ms: int) -> int:
    event, epoch = _EVENT, schema.location_epoch
    place = (event.c.location, event.c.epoch, event.c.seq)
    rows = (
        select(literal(name), *place, literal(now_ms), event.c.received_ms)
        .join(epoch, (epoch.c.location == event.c.location) & (epoch.c.epoch == event.c.epoch))
        .where(event.c.location == location, event.c.received_ms >= from_ms)
        .order_by(event.c.received_ms, epoch.c.began_ms, event.c.epoch, event.c.seq)
    )
    columns = ["reader", "location", "epoch", "seq", "written_ms", "received_ms"]
    connection.execute(insert(feed).from_select(columns, rows))
    of_reader = (feed.c.reader == name) & (feed.c.location == location)
    counted = select(func.count()).select_from(feed).where(of_reader)
    return int(connection.execute(counted).scalar_one())


def remove(connection: Connection, name: str, by: str, now_ms: int) -> None:
    """A reader no more; what waits for it goes, bit by bit. Raises `RequestError`."""
    table = feed_reader
    ended = update(table).where(table.c.name == name, table.c.removed_ms.is_(None))
    gone = ended.values(removed_ms=now_ms, stopped_ms=func.coalesce(table.c.stopped_ms, now_ms))
    if not connection.execute(gone).rowcount:
        raise not_found("reader", name)
    audit(connection, now_ms, by, "feed.remove", name)


def _reader(connection: Connection, name: str) -> Any:
    table = feed_reader
    named = select(table).where(table.c.name == name, table.c.removed_ms.is_(None))
    return connection.execute(named).first()


# --- how it is doing -----------------------------------------------------------------------------

COUNTED_MAX: Final = 100_000
"""Rows that wait are counted up to so many."""


@dataclass(frozen=True, slots=True)
class State:
    """How a reader is doing."""

    name: str
    waiting: int
    """Rows that wait; `COUNTED_MAX` where it is so many or more."""
    oldest_ms: int | None
    """When the first of them was written."""
    published: int
    dropped: int
    stopped_ms: int | None


def states(connection: Connection) -> list[State]:
    """All readers, by name."""
    there = select(feed_reader).where(feed_reader.c.removed_ms.is_(None))
    rows = connection.execute(there.order_by(feed_reader.c.name)).all()
    return [
        State(
            row.name,
            _waiting(connection, row.name),
            oldest_ms(connection, row.name),
            row.published,
            row.dropped,
            row.stopped_ms,
        )
        for row in rows
    ]


def oldest_ms(connection: Connection, name: str) -> int | None:
    """When the first row that waits for a reader was written; None where none waits."""
    first = select(feed.c.written_ms).where(feed.c.reader == name).order_by(feed.c.id).limit(1)
    found = connection.execute(first).scalar()
    return None if found is None else int(found)


def _waiting(connection: Connection, name: str) -> int:
    some = select(feed.c.id).where(feed.c.reader == name).limit(COUNTED_MAX).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


# --- a row as its document -----------------------------------------------------------------------


def _document(row: Any, event: Any | None, region: str) -> Document | None:
    place = {"location": row.location, "epoch": row.epoch, "seq": row.seq, "region": region}
    place["name"] = name_of(region, row.location, row.epoch, row.seq)
    if row.body:
        own = json.loads(row.body)
        is_package = "sender" in own["body"]
        return Document(
            **place,
            source="server",
            kind=own["kind"],
            change=own.get("change"),
            at_ms=row.written_ms,
            recorded_ms=row.written_ms,
            package=own["body"]["id"] if is_package else None,
            sender=own["body"].get("sender"),
            body=own["body"],
        )
    if event is None:
        return None
    return Document(
        **place,
        source="kiosk",
        kind=event.kind,
        at_ms=event.wall_ms if event.is_trusted else None,
        recorded_ms=event.received_ms,
        package=event.package or None,
        sender=event.sender,
        is_forced=event.is_forced,
        hash=event.hash,
        body=shown_body(event.kind, event.body),
    )


def moment(at_ms: int | None) -> str:
    """A time as `--from` takes it."""
    return datetime.fromtimestamp((at_ms or 0) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
