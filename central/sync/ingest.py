"""Taking in a kiosk's journal: in order, once, and with nothing dropped.

A fact is never vetoed: where the server knew better it is marked as forced. What cannot be right (a
number that was used for something else, a broken chain, a body that does not fit what its kind of
event says, a word about another location's package, an event that this server fails on) lies in
quarantine, and the rest goes on behind it.
Kinds and fields of a newer version are kept as they are.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select

from central import schema
from central.context import alarm, alarm_daily
from central.database.bulk import insert_many, upsert_many
from central.database.faults import require_own
from central.feed import writing as feeding
from central.settings import Limits, Notifications
from central.sums import forget_days
from central.sync import own
from central.sync.projection import Projection
from central.sync.quarantine import AnyEvent, Quarantine
from central.sync.tally import Tally
from kiosk.model.event_reading import read_body, require_fit
from kiosk.model.events import GENESIS, EventKind, chain_hash, chain_mac
from kiosk.model.fields import is_in_time, is_sound
from kiosk.model.restored import restored_from
from kiosk.model.sound_json import UnfitBodyError
from kiosk.sync.contract import Parked, Place, UnreadableEvent, WireEvent

DOUBTED = "a journal that does not go on from the one known here: enrol its kiosk again"

DOUBTED_MAX = 50
"""So many lives of one location's journal are begun that are not believed; each is an alarm."""

_EPOCHS = select(schema.location_epoch).where(
    schema.location_epoch.c.location == bindparam("location")
)


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose journal it is."""

    location: str
    journal_key: bytes | None
    """What its events are signed with; None where its key is not known."""
    may_begin: bool
    """Whether it was enrolled since its last event: its journal may begin again."""
    feeds: str = ""
    """Who reads what happens there: see `central.feed.writing`."""


@dataclass(slots=True)
class Taken:
    """How far a kiosk's journal has come."""

    acked: Place
    want_after: Place | None = None
    parked: tuple[Parked, ...] = ()
    count: int = 0
    """How many events were new."""
    changed_slots: bool = False
    changed_promises: bool = False
    """Whether what is announced to the location and has not come is another number."""
    sums: Mapping[str, int] = field(default_factory=dict)
    """What it adds to the counted columns of the location."""
    heads: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """The number and the hash of the last event of each epoch, after events were taken in."""


@dataclass(slots=True)
class _Epoch:
    seq: int
    hash: str
    keyed_from: int = 0
    """From this event on each has its mac; 0 where none has."""
    pruned_seq: int = 0
    """Up to this one no events are kept."""
    doubt: str = ""
    """Why nothing of it is believed."""
    is_new: bool = False
    is_changed: bool = False


class _Intake:
    """One batch of one location, inside the transaction."""

    def __init__(
        self,
        connection: Connection,
        sender: Sender,
        rules: Notifications,
        now_ms: int,
        ceilings: Limits,
    ) -> None:
        self.connection, self.location, self.now_ms = connection, sender.location, now_ms
        self.rules, self.sender, self.ceilings = rules, sender, ceilings
        rows = connection.execute(_EPOCHS, {"location": self.location})
        self.epochs = {
            row.epoch: _Epoch(
                row.seq,
                row.head_hash,
                row.keyed_from,
                row.pruned_seq,
                DOUBTED if row.is_doubted else "",
            )
            for row in rows
        }
        self.quarantine = Quarantine(
            connection, self.location, ceilings.quarantine_by_location, now_ms
        )
        self.parked: list[Parked] = []
        self.tally = Tally()
        self.count = 0
        self.changed_slots = False
        self.changed_promises = False

    def take(self, events: Sequence[AnyEvent], last: Place) -> Taken:
        known = self._known(events)
        acked, want = last, None
        new: list[_Fit] = []
        for event in events:
            before = self._previous(event)
            if before is None:
                want = self._wanted(event)
                break
            head = self.epochs.get(event.epoch) or self._begin(event, before)
            if head is None:
                self._park(event, DOUBTED, is_loud=False)
            elif event.seq <= head.seq:
                self._again(event, known.get((event.epoch, event.seq)))
            else:
                try:
                    if head.doubt:
                        raise UnfitBodyError(head.doubt)
                    fit = _fit(event, before)
                    self._require_signed(fit.event, head)
                except UnfitBodyError as error:
                    self._park(event, str(error), is_loud=not head.doubt)
                else:
                    new.append(fit)
                    self._note_lost(fit.event)
                head.seq, head.hash, head.is_changed = event.seq, event.hash, True
            acked = Place(epoch=event.epoch, seq=event.seq, hash=event.hash)
        self._project(self._own(new))
        self._write_epochs()
        self.tally.write_days(self.connection, self.location)
        forget_days(self.connection, self.tally.days, self.now_ms)
        return Taken(
            acked,
            want,
            tuple(self.parked),
            self.count,
            self.changed_slots,
            self.changed_promises,
            self.tally.sums,
            {name: (epoch.seq, epoch.hash) for name, epoch in self.epochs.items()},
        )

    def _known(self, events: Sequence[AnyEvent]) -> dict[tuple[str, int], str]:
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

    def _previous(self, event: AnyEvent) -> str | None:
        """The hash of what comes before an event; None when that is not here yet."""
        head = self.epochs.get(event.epoch)
        if head is not None:
            return head.hash if event.seq <= head.seq + 1 else None
        if event.seq == 1:
            return GENESIS.hex()
        if getattr(event, "kind", "") != EventKind.DATABASE_RESTORED:
            return None
        origin = _origin(event)
        # One that does not say where it comes from lies in quarantine, and its epoch begins there.
        return GENESIS.hex() if origin is None else self._restored_from(origin)

    def _restored_from(self, origin: Place) -> str | None:
        """A restored journal goes on behind an event of its life before."""
        if origin.seq == 0:
            return GENESIS.hex()
        head = self.epochs.get(origin.epoch)
        return origin.hash if head is not None and origin.seq <= head.seq else None

    def _begin(self, event: AnyEvent, before: str) -> _Epoch | None:
        """A life of the journal that is not known yet. It is believed when it is the first one
        since the kiosk was enrolled, or says which known event it comes from. None for one more
        of those that are not believed, of which so many are known that nobody has that many."""
        is_keyed = any(epoch.keyed_from for epoch in self.epochs.values())
        doubt = self._doubt_of(event)
        if doubt and sum(bool(each.doubt) for each in self.epochs.values()) >= DOUBTED_MAX:
            alarm_daily(
                self.connection, self.now_ms, "journals-unknown", self.location, self.location
            )
            return None
        begun = _Epoch(event.seq - 1, before, doubt=doubt, is_new=True)
        begun.keyed_from = event.seq if is_keyed else 0
        self.epochs[event.epoch] = begun
        if doubt:
            subject = f"{self.location} {event.epoch}"
            alarm(self.connection, self.now_ms, "journal-unknown", subject, self.location)
        return begun

    def _doubt_of(self, event: AnyEvent) -> str:
        origin = _origin(event)
        if origin is None or origin.seq == 0:
            may_begin = self.sender.may_begin or not self.epochs
            return "" if may_begin and event.seq == 1 else DOUBTED
        if self.epochs[origin.epoch].doubt:
            return DOUBTED
        return "" if self._is_known(origin) else DOUBTED

    def _is_known(self, origin: Place) -> bool:
        """Whether this event is known here with this hash."""
        head = self.epochs[origin.epoch]
        if origin.seq == head.seq:
            return origin.hash == head.hash
        table = schema.event
        place = (table.c.location == self.location) & (table.c.epoch == origin.epoch)
        known = self.connection.execute(
            select(table.c.hash).where(place, table.c.seq == origin.seq)
        ).scalar()
        if known is None:
            # In quarantine, or no longer kept.
            return self._is_quarantined_hash(origin) or origin.seq <= head.pruned_seq
        return bool(known == origin.hash)

    def _is_quarantined_hash(self, origin: Place) -> bool:
        table = schema.quarantine
        rows = self.connection.execute(
            select(table.c.payload).where(
                table.c.location == self.location,
                table.c.epoch == origin.epoch,
                table.c.seq == origin.seq,
            )
        ).scalars()
        return any(f'"{origin.hash}"' in payload for payload in rows)

    def _require_signed(self, event: WireEvent, head: _Epoch) -> None:
        """Once a location's events are signed with its key, all are. Raises `UnfitBodyError`."""
        if not event.mac:
            if head.keyed_from and event.seq >= head.keyed_from:
                raise UnfitBodyError("mac: it is missing, and events before it were signed")
            return
        key = self.sender.journal_key
        right = "" if key is None else chain_mac(key, bytes.fromhex(event.hash)).hex()
        if not hmac.compare_digest(event.mac, right):
            raise UnfitBodyError("mac: it is not signed with this location's key")
        if not head.keyed_from:
            head.keyed_from, head.is_changed = event.seq, True

    def _note_lost(self, event: WireEvent) -> None:
        """A restored journal that goes on before the end of its life before: what came after is
        known here and there no more. Which packages that concerns is for an operator."""
        origin = _origin(event)
        if origin is None:
            return
        epoch, seq = origin.epoch, origin.seq
        head = self.epochs.get(epoch)
        if head is None or head.seq <= seq:
            return
        table, package = schema.event, schema.package
        notified = select(table.c.package).where(
            table.c.location == self.location, table.c.epoch == epoch, table.c.seq > seq
        )
        live = self.connection.execute(
            select(package.c.barcode).where(
                package.c.location == self.location,
                package.c.status.in_(schema.LIVE),
                package.c.id.in_(notified),
            )
        ).scalars()
        details: dict[str, Any] = {"events": head.seq - seq, "packages": sorted(live)[:50]}
        subject = f"{self.location} {event.epoch} {event.seq}"
        alarm(self.connection, self.now_ms, "events-lost", subject, self.location, **details)

    def _wanted(self, event: AnyEvent) -> Place:
        """From where a kiosk is to send again, when something before this event is missing."""
        head = self.epochs.get(event.epoch)
        if head is not None:
            return Place(epoch=event.epoch, seq=head.seq, hash=head.hash)
        origin = _origin(event)
        if origin is not None and origin.epoch in self.epochs:
            known = self.epochs[origin.epoch]
            return Place(epoch=origin.epoch, seq=known.seq, hash=known.hash)
        return Place()

    def _again(self, event: AnyEvent, hash_: str | None) -> None:
        """An event that came before: the same is success, another is a second journal."""
        if hash_ == event.hash or (hash_ is None and self.quarantine.holds(event)):
            return
        if hash_ is None and event.seq <= self.epochs[event.epoch].pruned_seq:
            return  # it was known, and is no longer kept
        self._park(event, "another event has this number")

    def _own(self, events: Sequence[_Fit]) -> list[_Fit]:
        """Those that speak of this location alone; what speaks of another's lies in quarantine."""
        bodies = [fit.body for fit in events]
        are_others = own.speak_of_others(self.connection, self.location, bodies)
        for fit, is_others in zip(events, are_others, strict=True):
            if is_others:
                self._park(fit.event, own.NOT_OWN)
        return [fit for fit, is_others in zip(events, are_others, strict=True) if not is_others]

    def _project(self, events: Sequence[_Fit]) -> None:
        """Take new events in, all at once; where that fails, the one that is to blame is found by
        halves and lies in quarantine. What is the database's own trouble goes up, and the kiosk
        sends them again."""
        if not events:
            return
        savepoint = self.connection.begin_nested()
        try:
            self._all(events)
        except Exception as error:  # noqa: BLE001 - one bad event must not stop the others
            require_own(error)
            savepoint.rollback()
            if len(events) == 1:
                self._without_messages(events[0], f"{type(error).__name__}: {error}"[:500])
                return
            middle = len(events) // 2
            self._project(events[:middle])
            self._project(events[middle:])
            return
        savepoint.commit()

    def _without_messages(self, fit: _Fit, why: str) -> None:
        """Take the one that failed in with nobody notified of it, for what stands in the way of a
        message is no doubt of the fact; where it fails so, too, it lies in quarantine."""
        savepoint = self.connection.begin_nested()
        try:
            self._all([fit], notifies=False)
        except Exception as error:  # noqa: BLE001 - one bad event must not stop the others
            require_own(error)
            savepoint.rollback()
            self._park(fit.event, f"{type(error).__name__}: {error}"[:500])
            return
        savepoint.commit()
        subject = f"{self.location} {fit.event.epoch} {fit.event.seq}"
        alarm(self.connection, self.now_ms, "not-notified", subject, self.location, why=why)

    def _all(self, fitting: Sequence[_Fit], *, notifies: bool = True) -> None:
        projection = Projection(
            self.connection,
            self.location,
            self.rules,
            self.ceilings,
            self.now_ms,
            notifies=notifies,
        )
        events = [fit.event for fit in fitting]
        remarks = projection.project(events, [fit.body for fit in fitting])
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
                "mac": event.mac,
                "received_ms": self.now_ms,
                "is_forced": remark.is_forced,
                "remark": remark.text,
                "package": remark.package,
            }
            for event, remark in zip(events, remarks, strict=True)
        ]
        insert_many(self.connection, schema.event, rows)
        feeding.events(self.connection, self.sender.feeds, rows, self.now_ms)
        for fit, remark in zip(fitting, remarks, strict=True):
            self.tally.add(fit.event.kind, fit.event.wall_ms, fit.body, remark.carrier)
        self.count += len(events)
        self.changed_slots |= projection.changes_slots
        self.changed_promises |= projection.changes_promises

    def _park(self, event: AnyEvent, reason: str, *, is_loud: bool = True) -> None:
        self.parked.append(Parked(epoch=event.epoch, seq=event.seq, reason=reason))
        self.tally.quarantine()
        self.quarantine.put(event, reason, is_loud=is_loud)

    def _write_epochs(self) -> None:
        rows: list[dict[str, Any]] = []
        for name, epoch in self.epochs.items():
            if epoch.is_changed:
                row = {"location": self.location, "epoch": name}
                row |= {"seq": epoch.seq, "head_hash": epoch.hash}
                row |= {"keyed_from": epoch.keyed_from, "is_doubted": bool(epoch.doubt)}
                rows.append(row | ({"began_ms": self.now_ms} if epoch.is_new else {}))
        upsert_many(self.connection, schema.location_epoch, ("location", "epoch"), rows)


@dataclass(frozen=True, slots=True)
class _Fit:
    """An event that fits, and its body."""

    event: WireEvent
    body: dict[str, Any]


def _fit(event: AnyEvent, before: str) -> _Fit:
    """Hold an event against what events are. Raises `UnfitBodyError`, which says what is wrong."""
    if isinstance(event, UnreadableEvent):
        raise UnfitBodyError(event.why)
    digest = chain_hash(
        bytes.fromhex(before), event.epoch, event.seq, event.kind, event.body, event.at
    )
    body = read_body(event.body)
    if not is_in_time(event.wall_ms, is_trusted=event.is_trusted):
        raise UnfitBodyError(f"wall_ms: {event.wall_ms}: a time in the years 2000 to 2099 is right")
    if not (event.kind and is_sound(event.kind) and is_sound(event.boot_id)):
        raise UnfitBodyError("kind and boot_id: texts without NUL are right, and a kind is named")
    require_fit(event.kind, body, is_trusted=event.is_trusted)
    if digest.hex() != event.hash:
        raise UnfitBodyError("its hash does not follow from the events before it")
    return _Fit(event, body)


def _origin(event: AnyEvent) -> Place | None:
    """Where a restored journal comes from; None for any other event."""
    if isinstance(event, UnreadableEvent):
        return None
    origin = restored_from(event.kind, event.body)
    if origin is None:
        return None
    return Place(epoch=origin.from_epoch, seq=origin.from_seq, hash=origin.from_hash)


def take(
    connection: Connection,
    sender: Sender,
    events: Sequence[AnyEvent],
    last: Place,
    rules: Notifications,
    now_ms: int,
    ceilings: Limits,
) -> Taken:
    """Take in a batch of a location's events; `last` is how far it had come."""
    return _Intake(connection, sender, rules, now_ms, ceilings).take(events, last)
