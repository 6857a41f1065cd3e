"""Taking in a kiosk's journal: in order, once, and with nothing dropped.

A fact is never vetoed: where the server knew better it is marked as forced. What cannot be right (a
number that was used for something else, a broken chain, an event that this server fails on) lies in
quarantine, and the rest goes on behind it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from central import schema
from central.adapters import new_id
from central.bulk import insert_many, upsert_many
from central.context import alarm, audit, change_known
from central.settings import Notifications
from central.sync.projection import Projection
from kiosk.model.events import GENESIS, EventKind, chain_hash
from kiosk.sync.contract import Parked, Place, WireEvent

_EPOCHS = select(schema.location_epoch).where(
    schema.location_epoch.c.location == bindparam("location")
)


@dataclass(slots=True)
class Taken:
    """How far a kiosk's journal has come."""

    acked: Place
    want_after: Place | None = None
    parked: tuple[Parked, ...] = ()
    count: int = 0
    """How many events were new."""
    changed_slots: bool = False


@dataclass(slots=True)
class _Epoch:
    seq: int
    hash: str
    is_new: bool = False
    is_changed: bool = False


class _Intake:
    """One batch of one location, inside the transaction."""

    def __init__(
        self, connection: Connection, location: str, rules: Notifications, now_ms: int
    ) -> None:
        self.connection, self.location, self.now_ms = connection, location, now_ms
        self.rules = rules
        rows = connection.execute(_EPOCHS, {"location": location})
        self.epochs = {row.epoch: _Epoch(row.seq, row.head_hash) for row in rows}
        self.parked: list[Parked] = []
        self.count = 0
        self.changed_slots = False

    def take(self, events: Sequence[WireEvent], last: Place) -> Taken:
        known = self._known(events)
        acked, want = last, None
        new: list[WireEvent] = []
        for event in events:
            before = self._previous(event)
            if before is None:
                want = self._wanted(event)
                break
            head = self.epochs.setdefault(event.epoch, _Epoch(event.seq - 1, before, is_new=True))
            if event.seq <= head.seq:
                self._again(event, known.get((event.epoch, event.seq)))
            else:
                problem = _problem(event, before)
                if problem:
                    self._quarantine(event, problem)
                else:
                    new.append(event)
                    self._note_lost(event)
                head.seq, head.hash, head.is_changed = event.seq, event.hash, True
            acked = Place(epoch=event.epoch, seq=event.seq, hash=event.hash)
        self._project(new)
        self._write_epochs()
        return Taken(acked, want, tuple(self.parked), self.count, self.changed_slots)

    def _known(self, events: Sequence[WireEvent]) -> dict[tuple[str, int], str]:
        """The hashes of those that are there already."""
        table = schema.event
        again = [
            event
            for event in events
            if event.epoch in self.epochs and event.seq <= self.epochs[event.epoch].seq
        ]
        if not again:
            return {}
        rows = self.connection.execute(
            select(table.c.epoch, table.c.seq, table.c.hash).where(
                table.c.location == self.location,
                table.c.epoch.in_({event.epoch for event in again}),
                table.c.seq.between(again[0].seq, again[-1].seq),
            )
        )
        return {(row.epoch, row.seq): row.hash for row in rows}

    def _previous(self, event: WireEvent) -> str | None:
        """The hash of what comes before an event; None when that is not here yet."""
        head = self.epochs.get(event.epoch)
        if head is not None:
            return head.hash if event.seq <= head.seq + 1 else None
        if event.seq == 1:
            return GENESIS.hex()
        if event.kind != EventKind.DATABASE_RESTORED:
            return None
        return self._restored_from(event)

    def _restored_from(self, event: WireEvent) -> str | None:
        """A restored journal goes on behind an event of its life before."""
        try:
            body = json.loads(event.body)
            place = (str(body["from_epoch"]), int(body["from_seq"]), str(body["from_hash"]))
        except (ValueError, KeyError, TypeError):
            return None
        if place[1] == 0:
            return GENESIS.hex()
        head = self.epochs.get(place[0])
        return place[2] if head is not None and place[1] <= head.seq else None

    def _note_lost(self, event: WireEvent) -> None:
        """A restored journal that goes on before the end of its life before: what came after is
        known here and there no more. Which packages that concerns is for an operator."""
        if event.kind != EventKind.DATABASE_RESTORED:
            return
        body = json.loads(event.body)
        epoch, seq = str(body["from_epoch"]), int(body["from_seq"])
        head = self.epochs.get(epoch)
        if head is None or head.seq <= seq:
            return
        table, package = schema.event, schema.package
        told_of = select(table.c.package).where(
            table.c.location == self.location, table.c.epoch == epoch, table.c.seq > seq
        )
        live = self.connection.execute(
            select(package.c.barcode).where(
                package.c.location == self.location,
                package.c.status.in_(schema.LIVE),
                package.c.id.in_(told_of),
            )
        ).scalars()
        facts: dict[str, Any] = {"events": head.seq - seq, "packages": sorted(live)[:50]}
        subject = f"{self.location} {event.epoch} {event.seq}"
        alarm(self.connection, self.now_ms, "events-lost", subject, **facts)

    def _wanted(self, event: WireEvent) -> Place:
        """From where a kiosk is to send again, when something before this event is missing."""
        head = self.epochs.get(event.epoch)
        if head is not None:
            return Place(epoch=event.epoch, seq=head.seq, hash=head.hash)
        if event.kind == EventKind.DATABASE_RESTORED:
            before = str(json.loads(event.body).get("from_epoch", ""))
            if before in self.epochs:
                known = self.epochs[before]
                return Place(epoch=before, seq=known.seq, hash=known.hash)
        return Place()

    def _again(self, event: WireEvent, hash_: str | None) -> None:
        """An event that came before: the same is success, another is a second journal."""
        if hash_ == event.hash or (hash_ is None and self._is_quarantined(event)):
            return
        self._quarantine(event, "another event has this number")

    def _project(self, events: Sequence[WireEvent]) -> None:
        """Take new events in, all at once; where that fails, the one that is to blame is found by
        halves and lies in quarantine."""
        if not events:
            return
        savepoint = self.connection.begin_nested()
        try:
            self._all(events)
        except Exception as error:  # noqa: BLE001 - one bad event must not stop the others
            savepoint.rollback()
            if len(events) == 1:
                self._quarantine(events[0], f"{type(error).__name__}: {error}"[:500])
                return
            middle = len(events) // 2
            self._project(events[:middle])
            self._project(events[middle:])
            return
        savepoint.commit()

    def _all(self, events: Sequence[WireEvent]) -> None:
        projection = Projection(self.connection, self.location, self.rules, self.now_ms)
        remarks = projection.project(events)
        rows = [
            {
                "location": self.location,
                "epoch": event.epoch,
                "seq": event.seq,
                "kind": event.kind,
                "body": event.body,
                "wall_ms": event.wall_ms,
                "monotonic_ms": event.monotonic_ms,
                "boot_id": event.boot_id,
                "is_trusted": event.is_trusted,
                "hash": event.hash,
                "received_ms": self.now_ms,
                "is_forced": remark.is_forced,
                "remark": remark.text,
                "package": remark.package,
            }
            for event, remark in zip(events, remarks, strict=True)
        ]
        insert_many(self.connection, schema.event, rows)
        self.count += len(events)
        self.changed_slots |= projection.changes_slots

    def _is_quarantined(self, event: WireEvent) -> bool:
        table = schema.quarantine
        found = self.connection.execute(
            select(table.c.id).where(
                table.c.location == self.location,
                table.c.epoch == event.epoch,
                table.c.seq == event.seq,
                table.c.payload == event.model_dump_json(),
            )
        )
        return found.first() is not None

    def _quarantine(self, event: WireEvent, reason: str) -> None:
        self.parked.append(Parked(epoch=event.epoch, seq=event.seq, reason=reason))
        table = schema.quarantine
        payload = event.model_dump_json()
        again = self.connection.execute(
            update(table)
            .where(
                table.c.location == self.location,
                table.c.epoch == event.epoch,
                table.c.seq == event.seq,
                table.c.payload == payload,
            )
            .values(times=table.c.times + 1)
        )
        if again.rowcount:
            return
        self.connection.execute(
            insert(table).values(
                id=new_id(),
                location=self.location,
                epoch=event.epoch,
                seq=event.seq,
                payload=payload,
                reason=reason,
                received_ms=self.now_ms,
            )
        )
        subject = f"{self.location} {event.epoch} {event.seq}"
        alarm(self.connection, self.now_ms, "quarantine", subject, reason=reason)

    def _write_epochs(self) -> None:
        rows: list[dict[str, Any]] = []
        for name, epoch in self.epochs.items():
            if epoch.is_changed:
                row = {"location": self.location, "epoch": name}
                row |= {"seq": epoch.seq, "head_hash": epoch.hash}
                rows.append(row | ({"began_ms": self.now_ms} if epoch.is_new else {}))
        upsert_many(self.connection, schema.location_epoch, ("location", "epoch"), rows)


def _problem(event: WireEvent, before: str) -> str:
    """What is wrong with an event itself; "" when nothing is."""
    digest = chain_hash(
        bytes.fromhex(before), event.epoch, event.seq, event.kind, event.body, event.at
    )
    if digest.hex() != event.hash:
        return "its hash does not follow from the events before it"
    return ""


def take(
    connection: Connection,
    location: str,
    events: Sequence[WireEvent],
    last: Place,
    rules: Notifications,
    now_ms: int,
) -> Taken:
    """Take in a batch of a location's events; `last` is how far it had come."""
    return _Intake(connection, location, rules, now_ms).take(events, last)


def settle(connection: Connection, event: str, by: str, why: str, now_ms: int) -> None:
    """Somebody has looked at an event in quarantine and knows what it was; it stays where it is.

    Raises `RequestError`.
    """
    table = schema.quarantine
    change_known(
        connection,
        update(table)
        .where(table.c.id == event, table.c.settled_ms.is_(None))
        .values(settled_ms=now_ms),
        "open event in quarantine",
        event,
    )
    audit(connection, now_ms, by, "quarantine.settle", event, why=why)
