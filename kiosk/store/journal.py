"""Reading the journal: events after a point, the check of the chain, the replay of the tables."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kiosk.model.carriers import OPERATOR
from kiosk.model.clock import Instant
from kiosk.model.events import (
    GENESIS,
    Event,
    EventKind,
    canonical_json,
    chain_hash,
    chain_mac,
    kind_of,
)
from kiosk.model.images import known_columns, known_images
from kiosk.model.location import Service, SlotStatus
from kiosk.model.restored import restored_from
from kiosk.store.writer import KEY_OF_TABLE, Row, Writer


def after(
    writer: Writer,
    seq: int,
    limit: int = 500,
    kinds: Iterable[EventKind] = (),
    until: int | None = None,
) -> list[Event]:
    """The events after `seq`, oldest first, at most `limit` and no later than `until`; of these
    kinds only, if any."""
    names = [kind.value for kind in kinds]
    condition = f"AND kind IN ({', '.join('?' for _ in names)})" if names else ""
    last = writer.head.seq if until is None else until
    rows = writer.all(
        f"SELECT * FROM journal WHERE seq > ? AND seq <= ? {condition} ORDER BY seq LIMIT ?",
        (seq, last, *names, limit),
    )
    events = []
    for row in rows:
        before = writer.one("SELECT hash FROM journal WHERE seq = ?", (row["seq"] - 1,))
        events.append(_event(row, before["hash"] if before else GENESIS))
    return events


def epoch_of(writer: Writer, seq: int) -> str | None:
    """In which life of the database an event was written; None when there is no such event."""
    row = writer.one("SELECT epoch FROM journal WHERE seq = ?", (seq,))
    return None if row is None else str(row["epoch"])


@dataclass(frozen=True, slots=True)
class Page:
    """Some events of the journal."""

    events: list[Event]
    until: int
    """Up to this event everything was looked through."""


def page(writer: Writer, seq: int, span: int, kinds: Iterable[EventKind]) -> Page:
    """Those of the `span` events after `seq` that are of these kinds."""
    until = max(seq, min(seq + span, writer.head.seq))
    return Page(after(writer, seq, span, kinds, until), until)


def _event(row: Row, previous: bytes) -> Event:
    at = Instant(row["wall_ms"], row["monotonic_ms"], row["boot_id"], bool(row["is_trusted"]))
    kind, mac = kind_of(row["kind"]), row.get("mac") or b""
    return Event(row["epoch"], row["seq"], kind, row["body"], at, previous, row["hash"], mac)


LOOKED_THROUGH = 20_000
"""How many events are looked through at most for those of one slot."""


def before(writer: Writer, seq: int, limit: int, slot: str = "") -> list[Event]:
    """The last events before `seq`, the newest first; of one slot only, if it is named."""
    first = seq - LOOKED_THROUGH if slot else 0
    named = canonical_json({"slot": slot})[1:-1], canonical_json({"label": slot})[1:-1]
    rows = writer.all(
        "SELECT * FROM journal WHERE seq < ? AND seq > ?"
        " AND (? = '' OR instr(body, ?) OR instr(body, ?)) ORDER BY seq DESC LIMIT ?",
        (seq, first, slot, *named, limit),
    )
    return [_event(row, GENESIS) for row in rows]


IN_ORDER = "SELECT * FROM journal ORDER BY seq"


@dataclass(slots=True)
class ChainCheck:
    """How far the journal's chain was followed, and what was found wrong with it."""

    seq: int = 0
    hash: bytes = GENESIS
    wrong: str = ""
    key: bytes | None = None
    """With the journal's key the macs are checked, too."""
    keyed_from: int = 0
    """From this event on each has its mac; 0: from the first one on that has any."""
    known: dict[int, str] = field(default_factory=dict)
    """What is known elsewhere of this journal: number → hash."""
    epoch: str = ""

    def take(self, row: Row) -> bool:
        """Check the next event; False when something is wrong."""
        if row["seq"] != self.seq + 1:
            self.wrong = f"event {self.seq + 1} is missing: the next one is {row['seq']}"
            return False
        event = _event(row, self.hash)
        digest = chain_hash(self.hash, event.epoch, event.seq, event.kind, event.body, event.at)
        if digest != event.hash:
            self.wrong = f"event {event.seq} ({event.kind}) was changed, or one before it"
            return False
        self.wrong = self._forgery(event)
        if self.wrong:
            return False
        self.seq, self.hash, self.epoch = event.seq, event.hash, event.epoch
        return True

    def _forgery(self, event: Event) -> str:
        """What is wrong with an event whose hash follows, which anybody can make."""
        if event.mac and not self.keyed_from:
            self.keyed_from = event.seq
        named = f"event {event.seq} ({event.kind})"
        if self.key is not None and self.keyed_from and event.seq >= self.keyed_from:
            if not event.mac:
                return f"{named} is not signed with the location's key, and those before it are"
            if not hmac.compare_digest(event.mac, chain_mac(self.key, event.hash)):
                return f"{named} is not signed with the location's key: it or one before was forged"
        if event.seq in self.known and event.hash.hex() != self.known[event.seq]:
            return f"{named} is another than it was: the journal was rewritten"
        if event.epoch != self.epoch and self.epoch and not self._says_origin(event):
            return f"{named} begins a new life of the journal and does not say where it comes from"
        return ""

    def _says_origin(self, event: Event) -> bool:
        origin = restored_from(event.kind, event.body)
        return origin is not None and (
            (origin.from_epoch, origin.from_seq, origin.from_hash)
            == (self.epoch, self.seq, self.hash.hex())
        )

    def end(self) -> str:
        """What is wrong once the last event was taken; "" when nothing is."""
        last = max(self.known, default=0)
        if not self.wrong and last > self.seq:
            self.wrong = f"the journal was cut: it ends at event {self.seq}, and had {last}"
        return self.wrong


def verify_rows(rows: Iterable[Row], check: ChainCheck | None = None) -> str:
    """What is wrong with a journal, in a sentence; "" when its chain is whole."""
    check = ChainCheck() if check is None else check
    for row in rows:
        if not check.take(row):
            break
    return check.end()


def verify(writer: Writer) -> list[str]:
    """What is wrong with the journal, in sentences; an empty list when the chain is whole."""
    wrong = verify_rows(writer.db.query(IN_ORDER), ChainCheck(key=writer.journal_key))
    return [wrong] if wrong else []


def verify_some(writer: Writer, check: ChainCheck, limit: int) -> bool:
    """Follow the chain over some more events, so that nobody waits for all; True while more are
    to come."""
    rows = writer.all(
        "SELECT * FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", (check.seq, limit)
    )
    return all(check.take(row) for row in rows) and len(rows) == limit


SLOT_DEFAULTS = {
    "status": SlotStatus.EMPTY.value,
    "suspect": None,
    "service": Service.IN_SERVICE.value,
    "service_reason": "",
    "service_by": "",
    "service_since_ms": None,
    "service_until_ms": None,
    "is_reachable": 1,
    "faulty_since_ms": None,
    "freed_seq": 0,
    "last_carrier": OPERATOR,
}
PACKAGE_DEFAULTS = {
    "size": None,
    "slot": None,
    "last_slot": None,
    "recipient": None,
    "owner": None,
    "sender": None,
    "carrier": OPERATOR,
    "is_alone": 0,
    "needs_low": 0,
    "is_announced": 0,
    "replaces": None,
    "locator": None,
    "code_counter": 0,
    "stored_ms": None,
    "hold_until_ms": None,
    "paused_ms": 0,
    "delegate": None,
    "delegate_until_ms": None,
    "finished_ms": None,
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "slot": SLOT_DEFAULTS,
    "package": PACKAGE_DEFAULTS,
    "intent": {"package": None, "delegate": None, "outcome": ""},
    "visit": {"ended_seq": None, "is_receipt_shown": 0},
}

Tables = dict[str, dict[str, dict[str, Any]]]


def replay(bodies: Iterable[str]) -> Tables:
    """The tables as the journal tells them: table → key → row."""
    tables: Tables = {table: {} for table in KEY_OF_TABLE}
    for body in bodies:
        for table, values in known_images(json.loads(body)):
            key = values[KEY_OF_TABLE[table]]
            tables[table].setdefault(key, dict(DEFAULTS[table])).update(values)
    return tables


def bodies(writer: Writer) -> Iterator[str]:
    """Every event's body, oldest first."""
    for row in writer.db.query("SELECT body FROM journal ORDER BY seq"):
        yield row["body"]


def tables(writer: Writer) -> Tables:
    """The tables as they are, in the shape of `replay`."""
    return {
        table: {
            row[key]: known_columns(table, row) for row in writer.db.query(f"SELECT * FROM {table}")
        }
        for table, key in KEY_OF_TABLE.items()
    }


def observer_seq(writer: Writer, name: str) -> int:
    """How far an observer has come; 0 before its first event."""
    row = writer.one("SELECT seq FROM observer WHERE name = ?", (name,))
    return 0 if row is None else int(row["seq"])


def set_observer_seq(writer: Writer, name: str, seq: int) -> None:
    """An observer has dealt with every event up to `seq`."""
    writer.db.execute(
        "INSERT INTO observer (name, seq) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET seq = excluded.seq",
        (name, seq),
    )
