"""Rows of the feed, written in the transaction that writes the fact.

Which readers a location writes for stands in its own row (`location.feeds`), which every
transaction that changes something of the location holds. Where nobody reads, nothing is written: a
kiosk's events cost nothing then, and what the server changes one look at that row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from central import schema
from central.adapters import new_id
from central.database.bulk import insert_many, upsert
from central.database.own_clock import NowMs
from central.feed.document import Change, ServerKind
from central.feed.tables import feed, feed_reader

LIFE: Final = "feed_life"
"""Where `meta` keeps the epoch of what the server itself tells."""
READERS_MAX: Final = 8
"""Each fact is a row for each of them."""

_LOCATION = schema.location
_NUMBERED = (
    update(_LOCATION)
    .where(_LOCATION.c.id == bindparam("of_location"), _LOCATION.c.feeds != "")
    .values(feed_n=_LOCATION.c.feed_n + bindparam("count"))
    .returning(_LOCATION.c.feeds, _LOCATION.c.feed_n)
)
_LISTED = (
    update(_LOCATION).where(_LOCATION.c.id == bindparam("of_location")).values(listed_ms=NowMs())
)
_PACKAGE_FIELDS: Final = (
    "id",
    "barcode",
    "status",
    "size",
    "slot",
    "sender",
    "is_announced",
    "is_alone",
    "needs_low",
    "replaces",
    "joined",
    "known_as",
    "announced_ms",
    "stored_ms",
    "hold_until_ms",
    "finished_ms",
)
_LOCATION_FIELDS: Final = (
    "id",
    "name",
    "address",
    "country",
    "latitude",
    "longitude",
    "time_zone",
    "created_ms",
    "retired_ms",
)
_SIZE_FIELDS: Final = ("total", "width_mm", "height_mm", "depth_mm", "max_weight_kg")


def events(
    connection: Connection, feeds: str, rows: Sequence[Mapping[str, Any]], now_ms: int
) -> None:
    """A location's events that were taken in, for the readers that its row names."""
    names = ("location", "epoch", "seq", "received_ms")
    written = [
        {name: row[name] for name in names} | {"reader": reader, "written_ms": now_ms}
        for row in rows
        for reader in feeds.split()
    ]
    if written:
        insert_many(connection, feed, written)


def packages(
    connection: Connection,
    location: str,
    ids: Iterable[str],
    now_ms: int,
    change: Change | None = None,
) -> None:
    """What some packages of a location are, after the server itself changed something of them."""
    wanted = sorted(set(ids))
    numbered = _number(connection, location, len(wanted)) if wanted else None
    if numbered is not None:
        table = schema.package
        rows = connection.execute(select(table).where(table.c.id.in_(wanted)).order_by(table.c.id))
        said = [(ServerKind.PACKAGE, _package(row)) for row in rows.mappings()]
        _write(connection, location, *numbered, said, now_ms, change)


def location(
    connection: Connection, location: str, now_ms: int, change: Change | None = None
) -> None:
    """What a location is, after somebody changed that or its kiosk has another layout. Lists of
    what changed have it, too."""
    connection.execute(_LISTED, {"of_location": location})
    numbered = _number(connection, location, 1)
    if numbered is not None:
        said = [(ServerKind.LOCATION, _describe(connection, location))]
        _write(connection, location, *numbered, said, now_ms, change)


def say(
    connection: Connection,
    location: str,
    said: Sequence[tuple[ServerKind, Mapping[str, Any]]],
    now_ms: int,
) -> None:
    """What the server found of a location or of a package there, beside what they are."""
    numbered = _number(connection, location, len(said)) if said else None
    if numbered is not None:
        _write(connection, location, *numbered, said, now_ms, None)


def life(connection: Connection) -> str:
    """The epoch in which the server numbers what it tells; "" while nobody ever read."""
    table = schema.meta
    return str(connection.execute(select(table.c.value).where(table.c.key == LIFE)).scalar() or "")


def begin_life(connection: Connection) -> None:
    """From here on what the server tells is numbered from 1, under an epoch of its own."""
    upsert(connection, schema.meta, {"key": LIFE}, {"value": new_id()})
    connection.execute(update(_LOCATION).where(_LOCATION.c.feed_n > 0).values(feed_n=0))


def begin_life_again(connection: Connection) -> None:
    """A backup was restored, behind which numbers were given that are not known here."""
    if life(connection):
        begin_life(connection)


def readers(connection: Connection) -> str:
    """The readers that are not stopped, as a location's row names them."""
    table = feed_reader
    names = connection.execute(
        select(table.c.name).where(table.c.stopped_ms.is_(None)).order_by(table.c.name)
    )
    return " ".join(names.scalars())


def _number(connection: Connection, location: str, count: int) -> tuple[str, int] | None:
    """Who reads what is written next, and its last number; None where nobody reads."""
    row = connection.execute(_NUMBERED, {"of_location": location, "count": count}).first()
    return None if row is None else (row.feeds, row.feed_n)


def _write(
    connection: Connection,
    location: str,
    feeds: str,
    last: int,
    said: Sequence[tuple[ServerKind, Mapping[str, Any]]],
    now_ms: int,
    change: Change | None,
) -> None:
    epoch = life(connection)
    why = {} if change is None else {"change": change}
    first = last - len(said) + 1
    insert_many(
        connection,
        feed,
        [
            {
                "reader": reader,
                "location": location,
                "epoch": epoch,
                "seq": first + at,
                "body": json.dumps({"kind": kind, "body": body, **why}, sort_keys=True),
                "written_ms": now_ms,
            }
            for at, (kind, body) in enumerate(said)
            for reader in feeds.split()
        ],
    )


def _package(row: RowMapping) -> dict[str, Any]:
    said = {name: row[name] for name in _PACKAGE_FIELDS}
    return said | {"is_disputed": row["disputed_ms"] is not None}


def _describe(connection: Connection, location: str) -> dict[str, Any]:
    row = connection.execute(select(_LOCATION).where(_LOCATION.c.id == location)).one()._mapping
    table = schema.location_size
    sizes = connection.execute(
        select(table).where(table.c.location == location).order_by(table.c.rank, table.c.size)
    ).mappings()
    said = {name: row[name] for name in _LOCATION_FIELDS}
    said |= {"is_enrolled": bool(row["token_hash"]), "is_revoked": row["revoked_ms"] is not None}
    named = [{"name": each["size"], **{f: each[f] for f in _SIZE_FIELDS}} for each in sizes]
    return said | {"sizes": named}
