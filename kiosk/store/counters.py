"""Counters of what happened here, for reports: absolute, and never set back.

They are counted in the transaction of the event that they count, so they are right whenever the
event is there. A report of a week is the difference of two readings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from kiosk.model.events import EventKind

if TYPE_CHECKING:
    from kiosk.store.writer import RowChange, Writer

Counters = dict[str, dict[str, int]]
"""Name of the counter → label (a size, a slot, a size and an hour) → count."""

PACKAGE_COUNTERS = {
    EventKind.PACKAGE_STORED: "stored",
    EventKind.PACKAGE_RETRIEVED: "retrieved",
    EventKind.PACKAGE_EXPIRED: "expired",
    EventKind.PACKAGE_COLLECTED: "collected",
    EventKind.PACKAGE_MISSING: "missing",
    EventKind.DEPOSIT_UNDONE: "undone",
}
"""Which events are counted by the size of the package's slot, and under which name."""
FAULT_PREFIX = "fault."
SOUND_OUTCOMES = ("OPENED", "ALREADY_OPEN", "SENT", "")
FAR_BACK = 100
"""How many events before a pickup's end its beginning is looked for."""


def count(
    writer: Writer, kind: EventKind, changes: Iterable[RowChange], facts: Mapping[str, Any]
) -> None:
    """Count an event that was just written, if it is one of those that are counted."""
    if kind in PACKAGE_COUNTERS:
        package = _value(changes, "package", "id")
        _count_by_size(writer, PACKAGE_COUNTERS[kind], package)
        if kind is EventKind.PACKAGE_RETRIEVED:
            _count_pickup(writer, _value(changes, "intent", "id"))
    elif kind is EventKind.DOOR_OUTCOME:
        outcome = str(_value(changes, "intent", "outcome") or "")
        if outcome not in SOUND_OUTCOMES:
            intent = _value(changes, "intent", "id")
            slot = writer.one("SELECT slot FROM intent WHERE id = ?", (intent,))
            add(writer, FAULT_PREFIX + outcome, slot["slot"] if slot else "")
    elif kind is EventKind.DOOR_MOVED_UNASKED:
        found = "FOUND_OPEN" if facts.get("found_at_start") else "FORCED"
        add(writer, FAULT_PREFIX + found, str(facts.get("slot", "")))


def add(writer: Writer, name: str, label: str, value: int = 1) -> None:
    """Add to a counter."""
    writer.db.execute(
        "INSERT INTO counter (name, label, value) VALUES (?, ?, ?)"
        " ON CONFLICT (name, label) DO UPDATE SET value = value + excluded.value",
        (name, label, value),
    )


def sample_occupancy(writer: Writer, time_zone: str) -> None:
    """One sample of how full the bank is, by size and by the local hour of the day."""
    if not writer.now.is_trusted:
        return
    utc = datetime.fromtimestamp(writer.now.wall_ms / 1000, UTC)
    hour = utc.astimezone(ZoneInfo(time_zone)).hour
    rows = writer.all(
        "SELECT size, count(*) AS slots, sum(status <> 'EMPTY') AS taken FROM slot GROUP BY size"
    )
    for row in rows:
        label = f"{row['size']} {hour:02d}"
        add(writer, "sampled_slots", label, row["slots"])
        add(writer, "sampled_taken", label, row["taken"])


def read(writer: Writer) -> Counters:
    """Every counter as it stands."""
    counters: Counters = {}
    for row in writer.all("SELECT name, label, value FROM counter ORDER BY name, label"):
        counters.setdefault(row["name"], {})[row["label"]] = row["value"]
    return counters


def _value(changes: Iterable[RowChange], table: str, column: str) -> Any:
    """What an event sets in the first row of a table; None when it does not."""
    return next((change.values.get(column) for change in changes if change.table == table), None)


def _count_by_size(writer: Writer, name: str, package: Any) -> None:
    writer.db.execute(
        "INSERT INTO counter (name, label, value)"
        " SELECT ?, coalesce(slot.size, package.size, ''), 1 FROM package"
        " LEFT JOIN slot ON slot.label = package.last_slot WHERE package.id = ?"
        " ON CONFLICT (name, label) DO UPDATE SET value = value + 1",
        (name, package),
    )


def _count_pickup(writer: Writer, intent: Any) -> None:
    """How long a pickup took: from the intent to open until the door was shut."""
    began = writer.one(
        "SELECT monotonic_ms, boot_id FROM journal WHERE seq > ? AND kind = 'DOOR_INTENDED'"
        " AND instr(body, ?) ORDER BY seq DESC LIMIT 1",
        (writer.head.seq - FAR_BACK, str(intent)),
    )
    if began is None or began["boot_id"] != writer.now.boot_id:
        return
    add(writer, "pickups_timed", "")
    add(writer, "pickup_ms", "", max(0, writer.now.monotonic_ms - began["monotonic_ms"]))
