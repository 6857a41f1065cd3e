"""What a kiosk said and the server does not believe: kept for people, and never without end.

So many events of a location lie whole until somebody settles them. Of as many more only the names
and the hashes are kept, and of what comes then only how much: the kiosk keeps its own journal, and
an alarm says that its quarantine is full.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from central import limits, schema
from central.adapters import new_id
from central.context import alarm, alarm_daily, audit, change_known
from kiosk.sync.contract import UnreadableEvent, WireEvent

AnyEvent = WireEvent | UnreadableEvent
PAYLOAD_MAX = 300_000
"""How much of an event in quarantine is kept, in characters; the longest that a kiosk writes is
shorter."""
FULL = "quarantine-full"
NOT_KEPT = "too many events of this location lie in quarantine"
_TABLE = schema.quarantine


class Quarantine:
    """The quarantine of one location, inside a transaction."""

    def __init__(self, connection: Connection, location: str, most: int, now_ms: int) -> None:
        self._connection, self._location = connection, location
        self._most, self._now_ms = most, now_ms
        self._count: int | None = None

    def holds(self, event: AnyEvent) -> bool:
        """Whether this very event lies there."""
        payloads = (payload_of(event), _short(event))
        found = self._connection.execute(
            select(_TABLE.c.id).where(*self._place(event), _TABLE.c.payload.in_(payloads))
        )
        return found.first() is not None

    def put(self, event: AnyEvent, reason: str, *, is_loud: bool = True) -> None:
        """Put an event there; one that is there counts once more."""
        if self._counts_again(payload_of(event), *self._place(event)):
            return
        if self._open < self._most:
            self._insert(event.epoch, event.seq, payload_of(event), reason)
            if is_loud:
                subject = f"{self._location} {event.epoch} {event.seq}"
                place = self._location
                alarm(self._connection, self._now_ms, "quarantine", subject, place, reason=reason)
            return
        limits.reached("quarantine_by_location")
        place = self._location
        alarm_daily(self._connection, self._now_ms, FULL, place, place, most=self._most)
        if self._counts_again(_short(event), *self._place(event)):
            return
        if self._open < 2 * self._most:
            self._insert(event.epoch, event.seq, _short(event), f"{reason}; {NOT_KEPT}"[:500])
            return
        rest = json.dumps({"not kept": NOT_KEPT})
        if not self._counts_again(rest, _TABLE.c.location == self._location, _TABLE.c.seq == 0):
            self._insert("", 0, rest, NOT_KEPT)

    @property
    def _open(self) -> int:
        """How many wait for somebody, as far as that matters."""
        if self._count is None:
            some = (
                select(_TABLE.c.id)
                .where(_TABLE.c.location == self._location, _TABLE.c.settled_ms.is_(None))
                .limit(2 * self._most)
            )
            query = select(func.count()).select_from(some.subquery())
            self._count = int(self._connection.execute(query).scalar_one())
        return self._count

    def _place(self, event: AnyEvent) -> tuple[Any, Any, Any]:
        return (
            _TABLE.c.location == self._location,
            _TABLE.c.epoch == event.epoch,
            _TABLE.c.seq == event.seq,
        )

    def _counts_again(self, payload: str, *place: Any) -> bool:
        again = self._connection.execute(
            update(_TABLE)
            .where(*place, _TABLE.c.payload == payload)
            .values(times=_TABLE.c.times + 1)
        )
        return bool(again.rowcount)

    def _insert(self, epoch: str, seq: int, payload: str, reason: str) -> None:
        self._count = self._open + 1
        self._connection.execute(
            insert(_TABLE).values(
                id=new_id(),
                location=self._location,
                epoch=epoch,
                seq=seq,
                payload=payload,
                payload_hash=sha256(payload.encode()).hexdigest(),
                reason=reason,
                received_ms=self._now_ms,
            )
        )


def payload_of(event: AnyEvent) -> str:
    """An event as quarantine keeps it: all of it, in characters that every database takes."""
    if isinstance(event, WireEvent):
        return event.model_dump_json()
    try:
        text = json.dumps(dict(event), ensure_ascii=True, default=repr)
    except (ValueError, RecursionError) as error:
        text = json.dumps({"epoch": event.epoch, "seq": event.seq, "not kept": repr(error)})
    return text[:PAYLOAD_MAX]


def _short(event: AnyEvent) -> str:
    named = {"epoch": event.epoch, "seq": event.seq, "hash": event.hash, "not kept": NOT_KEPT}
    return json.dumps(named)


def settle(connection: Connection, event: str, by: str, why: str, now_ms: int) -> None:
    """Somebody has looked at an event in quarantine and knows what it was; it stays where it is.

    Raises `RequestError`.
    """
    change_known(
        connection,
        update(_TABLE)
        .where(_TABLE.c.id == event, _TABLE.c.settled_ms.is_(None))
        .values(settled_ms=now_ms),
        "open event in quarantine",
        event,
    )
    place = connection.execute(select(_TABLE.c.location).where(_TABLE.c.id == event)).scalar_one()
    audit(connection, now_ms, by, "quarantine.settle", event, place=place, why=why)
