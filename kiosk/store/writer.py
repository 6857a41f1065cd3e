"""One transaction's hand on the database: the only way to change a row is to journal it.

`Writer.record` takes an event and the rows it changes; the rows and the journal line are written
together, so that the tables always are the replay of the journal.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from sqlite_utils import Database

from kiosk.model.barcode import kept_key
from kiosk.model.clock import Clock, Instant
from kiosk.model.event_bodies import Body
from kiosk.model.event_reading import require_declared
from kiosk.model.events import (
    GENESIS,
    Event,
    EventKind,
    canonical_json,
    chain_hash,
    chain_mac,
    journal_key,
)
from kiosk.model.invariants import BrokenInvariantError, require
from kiosk.model.sealing import Sealing
from kiosk.store.encryption import Sealer

KEY_OF_TABLE = {"slot": "label", "package": "id", "intent": "id", "visit": "id"}
"""The tables that are the replay of the journal, with their keys."""

BARCODE_KEY = "barcode_key"
"""The column of a package that follows from another, and so is not in the journal."""

Row = Mapping[str, Any]


def live(table: str = "") -> str:
    """Of a package: it is expected, or lies here. In the words of the index of live packages, which
    serves no other; `table` is a prefix such as `other.`."""
    statuses = ("PENDING", "STORED", "EXPIRED")
    either = " OR ".join(f"{table}status = '{status}'" for status in statuses)
    return f"(({either}) OR {table}slot IS NOT NULL)"


class RowChange(NamedTuple):
    """The after-image of the columns that an event sets in one row."""

    table: str
    values: dict[str, Any]
    is_new: bool = False


def insert(table: str, **values: Any) -> RowChange:
    """A new row."""
    return RowChange(table, values, is_new=True)


def update(table: str, **values: Any) -> RowChange:
    """New values for some columns of an existing row; the key is among the values."""
    return RowChange(table, values)


Count = Callable[["Writer", str, Iterable[RowChange], Mapping[str, Any]], None]
"""Counts an event that was just written, in its transaction."""


class ChainHead(NamedTuple):
    """Where the journal ends."""

    epoch: str
    seq: int = 0
    hash: bytes = GENESIS


class Writer:
    """What an operation of the store works with, inside its transaction."""

    refuses_undeclared: ClassVar[bool] = False
    """Whether an event that does not fit its declaration fails. The tests want that. A kiosk writes
    it all the same, and does not spend the time to look: a package that is in its slot must not be
    forgotten for a wrong word of ours. The server keeps such an event in quarantine."""

    def __init__(self, db: Database, clock: Clock, head: ChainHead, count: Count) -> None:
        self.db = db
        self.execute = db.conn.cursor().execute
        """Runs a statement of which nothing is read."""
        self._query = db.conn.execute
        self.head = head
        self._count = count
        self.sealer = Sealer()
        self.sealing: Sealing | None = None
        """What seals for the server, and finds what is sealed; None before the key is known."""
        self.journal_key: bytes | None = None
        """What signs events; None before the location's key is known."""
        self._clock = clock
        self._now: Instant | None = None
        self._statements: dict[tuple[object, ...], str] = {}
        """How a change of these columns is written, by table, whether the row is new, and names."""
        self._columns: dict[str, tuple[str, ...]] = {}
        """The columns that a query gives: the schema stands once there is a writer."""

    def use_key(self, location_key: bytes) -> None:
        """Seal and open personal fields, and sign events, with this key from now on."""
        self.sealer = Sealer(location_key)
        self.sealing = Sealing([location_key])
        self.journal_key = journal_key(location_key)

    def begin(self) -> None:
        """A new transaction: it has one moment, taken when it is first asked for."""
        self._now = None

    def begin_epoch(self, epoch: str) -> None:
        """From the next event on, this is another life of the database: it was restored.

        Numbers and chain go on, so that the new life says what it comes from.
        """
        self.head = self.head._replace(epoch=epoch)
        self.db.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch,))

    @property
    def now(self) -> Instant:
        if self._now is None:
            self._now = self._clock.now()
        return self._now

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of a query as a mapping, or None."""
        cursor = self._query(sql, parameters)
        row = cursor.fetchone()
        if row is None:
            return None
        return dict(zip(self._names(sql, cursor), row, strict=True))

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Every row of a query."""
        cursor = self._query(sql, parameters)
        names = self._names(sql, cursor)
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _names(self, sql: str, cursor: sqlite3.Cursor) -> tuple[str, ...]:
        names = self._columns.get(sql)
        if names is None:
            names = tuple(column[0] for column in cursor.description)
            self._columns[sql] = names
        return names

    def record(self, said: Body, *changes: RowChange) -> int:
        """Change rows and journal it; return the event's sequence number.

        Neither what is said nor a row may hold a personal field.
        """
        details = said.details()
        body = details
        if changes:
            for change in changes:
                self._apply(change)
            body = {**details, "rows": [(change.table, change.values) for change in changes]}
        if self.refuses_undeclared:
            require_declared(said.kind, body)
        seq = self._append(said.kind, canonical_json(body))
        self._count(self, said.kind, changes, details)
        return seq

    def record_again(self, event: Event, changes: Sequence[RowChange], details: Row) -> None:
        """Write a line that this journal had before its backup was made, as it was: with its own
        epoch, moment and hash, and what it changes."""
        require(event.seq == self.head.seq + 1, f"event {event.seq} follows {self.head.seq}")
        require(event.previous == self.head.hash, f"event {event.seq} continues another journal")
        if event.epoch != self.head.epoch:
            self.begin_epoch(event.epoch)
        for change in changes:
            self._apply(change, is_again=True)
        self._append_line(event.kind, event.body, event.at, event.hash)
        self._count(self, event.kind, changes, details)

    def _apply(self, change: RowChange, *, is_again: bool = False) -> None:
        table, values, is_new = change
        shape = (table, is_new, *values)
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements[shape] = _statement(change)
        parameters = [*values.values()]
        if is_new and table == "package":
            parameters.append(self._key_of(values, is_again=is_again))
        if self.execute(statement, parameters).rowcount != 1:
            # Not by `require`: its message would be put together at every write.
            raise BrokenInvariantError(f"no row of {table} for {values}")

    def _key_of(self, package: Row, *, is_again: bool) -> str | None:
        """A new package gets the key of its barcode here, and the journal tells only the barcode:
        so journals from before there were keys are written again as they were. In those, two
        spellings may have been two packages: the second is found by its id alone."""
        key = kept_key(str(package["barcode"]))
        taken = (
            "SELECT 1 FROM package WHERE barcode_key = ?"
            f" AND coalesce(sender, '') = ? AND is_announced = ? AND {live()}"
        )
        if not is_again:
            return key
        of = (package.get("sender") or "", package.get("is_announced", 0))
        return None if self.one(taken, (key, *of)) is not None else key

    def _append(self, kind: EventKind, body: str) -> int:
        now, head = self.now, self.head
        digest = chain_hash(head.hash, head.epoch, head.seq + 1, kind, body, now)
        return self._append_line(kind, body, now, digest)

    def _append_line(self, kind: str, body: str, at: Instant, digest: bytes) -> int:
        head = self.head
        seq = head.seq + 1
        self.execute(
            "INSERT INTO journal (seq, epoch, kind, body, wall_ms, monotonic_ms, boot_id,"
            " is_trusted, hash, mac) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                seq,
                head.epoch,
                str(kind),
                body,
                at.wall_ms,
                at.monotonic_ms,
                at.boot_id,
                int(at.is_trusted),
                digest,
                None if self.journal_key is None else chain_mac(self.journal_key, digest),
            ),
        )
        self.head = ChainHead(head.epoch, seq, digest)
        return seq


def _statement(change: RowChange) -> str:
    """How a change is written; its parameters are its values, in their order."""
    table, values, is_new = change
    require(table in KEY_OF_TABLE, f"{table!r} is no table of the journal")
    require(all(name.isidentifier() for name in values), f"bad column in {values}")
    if is_new:
        columns = [*values, BARCODE_KEY] if table == "package" else [*values]
        marks = ", ".join("?" for _ in columns)
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    # The key is not set again: SQLite would search every table that refers to it, row by row.
    key = KEY_OF_TABLE[table]
    numbered = {name: f"{name} = ?{number}" for number, name in enumerate(values, 1)}
    its_key = numbered.pop(key)
    return f"UPDATE {table} SET {', '.join(numbered.values())} WHERE {its_key}"
