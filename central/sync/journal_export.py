"""A kiosk's own journal, given back to it after it was restored from a backup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, false, or_, select

from central import kept, schema
from central.sync.enrolment import kiosk_of
from central.sync.service import HEAD
from kiosk.model.restored import restored_from
from kiosk.sync.bodies import how_many_fit
from kiosk.sync.contract import EventsAnswer, Place, WireEvent


def events_of(
    connection: Connection, location: str, token: str, epoch: str, after: int, limit: int
) -> EventsAnswer:
    """What a kiosk's journal has behind an event, up to where it is now, through all its epochs;
    given back after it was restored.

    Nothing where that event is not on the way: a life that a restore has ended.
    """
    row = kiosk_of(connection, location, token)
    table = schema.event
    line = _line(connection, location, Place(epoch=row.epoch, seq=row.seq))
    is_on_line = any(part.epoch == epoch and after <= part.last for part in line)
    parts = [
        (table.c.epoch == part.epoch) & table.c.seq.between(part.first, part.last) for part in line
    ]
    rows = connection.execute(
        select(table)
        .where(table.c.location == location, table.c.seq > after, or_(false(), *parts))
        .order_by(table.c.seq)
        .limit(limit + 1)
    ).all()
    count = how_many_fit(each.body for each in rows[:limit])
    status: dict[str, Any] = kept.status_of(row.status)
    return EventsAnswer(
        events=tuple(_wire(each) for each in rows[:count]) if is_on_line else (),
        has_more=is_on_line and len(rows) > count,
        is_complete=is_on_line and status.get(HEAD) == [row.epoch, row.seq],
        heard_ms=row.last_sync_ms or 0,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What one epoch has of the way to where a journal is now."""

    epoch: str
    first: int
    last: int


def _line(connection: Connection, location: str, head: Place) -> list[_Part]:
    """The way to a journal's head: the last epoch, what it was restored from, and so on."""
    table = schema.event
    parts: list[_Part] = []
    epoch, last = head.epoch, head.seq
    while epoch:
        first = connection.execute(
            select(table.c.seq, table.c.kind, table.c.body)
            .where(table.c.location == location, table.c.epoch == epoch)
            .order_by(table.c.seq)
            .limit(1)
        ).first()
        if first is None or first.seq > last:
            break
        parts.append(_Part(epoch, first.seq, last))
        origin = restored_from(first.kind, first.body)
        if origin is None:
            break
        epoch, last = origin.from_epoch, min(origin.from_seq, first.seq - 1)
    return parts


def _wire(row: Any) -> WireEvent:
    names = ("epoch", "seq", "kind", "body", "wall_ms", "monotonic_ms", "boot_id", "is_trusted")
    return WireEvent(hash=row.hash, mac=row.mac, **{name: getattr(row, name) for name in names})
