"""Counters of what happened here, for reports: absolute, and never set back.

They are counted in the transaction of the event that they count, so they are right whenever the
event is there. A report of a week is the difference of two readings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from kiosk.model.events import EventKind
from kiosk.store.writer import RowChange, Writer

Counters = dict[str, dict[str, int]]
"""Name of the counter → label (a size, a slot, a size and an hour) → count."""

PACKAGE_COUNTERS: Mapping[str, str] = {
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
OPENING_MS = (100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 4800, 6400, 9600)
"""The upper ends of the histogram of how long a lock takes from its pulse to its open door."""
OPENING_PREFIX = "opening_ms."
RECENT_PREFIX = "recent_opening_ms."
RECENT = 8
"""So many of a lock's last openings are kept one by one, in a ring: these are set, not added up."""
ENOUGH_BEFORE = 16
"""So many older openings a lock must have before it is said to have become slower."""
SLOWER_TIMES = 2.0
SLOWER_MS = 200
FAR_BACK = 100
"""How many events before a pickup's end its beginning is looked for."""


def count(
    writer: Writer, kind: str, changes: Iterable[RowChange], details: Mapping[str, Any]
) -> None:
    """Count an event that was just written, if it is one of those that are counted."""
    if kind in PACKAGE_COUNTERS:
        package = _value(changes, "package", "id")
        _count_by_size(writer, PACKAGE_COUNTERS[kind], package)
        if kind is EventKind.PACKAGE_RETRIEVED:
            _count_pickup(writer, _value(changes, "intent", "id"))
    elif kind is EventKind.DOOR_OUTCOME:
        _count_outcome(writer, changes, details.get("elapsed_ms"))
    elif kind is EventKind.DOOR_MOVED_UNASKED:
        found = "FOUND_OPEN" if details.get("found_at_start") else "FORCED"
        add(writer, FAULT_PREFIX + found, str(details.get("slot", "")))


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


# --- how long locks take ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpeningTimes:
    """How long one lock takes from its pulse to its open door."""

    slot: str
    histogram: Mapping[int | None, int]
    """How many openings took at most so many milliseconds; None: more than the last of these."""
    recent_ms: tuple[int, ...]
    """The last few, in no order."""

    @property
    def is_slowing(self) -> bool:
        """Whether it has become clearly slower than it was: such a lock will jam one day."""
        before = dict(self.histogram)
        for elapsed_ms in self.recent_ms:
            before[_bucket(elapsed_ms)] -= 1
        older = [
            OPENING_MS[-1] if upper_ms is None else upper_ms
            for upper_ms, number in before.items()
            for _ in range(number)
        ]
        if len(older) < ENOUGH_BEFORE or len(self.recent_ms) < RECENT:
            return False
        was_ms, is_ms = median(older), median(self.recent_ms)
        return is_ms > max(was_ms * SLOWER_TIMES, was_ms + SLOWER_MS)


def opening_times(writer: Writer) -> dict[str, OpeningTimes]:
    """How long every lock takes, by slot; those that never opened are left out."""
    histograms: dict[str, dict[int | None, int]] = {}
    recent: dict[str, list[int]] = {}
    for row in writer.all(
        "SELECT name, label, value FROM counter WHERE name GLOB ? OR name GLOB ?",
        (f"{OPENING_PREFIX}*", f"{RECENT_PREFIX}*"),
    ):
        if row["name"].startswith(RECENT_PREFIX):
            recent.setdefault(row["label"], []).append(row["value"])
        else:
            end = row["name"].removeprefix(OPENING_PREFIX)
            upper_ms = int(end) if end.isdecimal() else None
            histograms.setdefault(row["label"], {})[upper_ms] = row["value"]
    return {
        slot: OpeningTimes(slot, histogram, tuple(recent.get(slot, ())))
        for slot, histogram in histograms.items()
    }


def _bucket(elapsed_ms: int) -> int | None:
    return next((upper_ms for upper_ms in OPENING_MS if elapsed_ms <= upper_ms), None)


def _count_outcome(writer: Writer, changes: Iterable[RowChange], elapsed_ms: Any) -> None:
    """A fault by its outcome, an opening by how long it took."""
    outcome = str(_value(changes, "intent", "outcome") or "")
    is_fault = outcome not in SOUND_OUTCOMES
    if not is_fault and elapsed_ms is None:
        return
    intent = _value(changes, "intent", "id")
    row = writer.one("SELECT slot FROM intent WHERE id = ?", (intent,))
    slot = row["slot"] if row else ""
    if is_fault:
        add(writer, FAULT_PREFIX + outcome, slot)
    elif elapsed_ms is not None:
        _count_opening(writer, slot, elapsed_ms)


def _count_opening(writer: Writer, slot: str, elapsed_ms: int) -> None:
    total = writer.one(
        "SELECT coalesce(sum(value), 0) AS total FROM counter WHERE label = ?"
        f" AND name IN ({', '.join('?' for _ in _OPENING_NAMES)})",
        (slot, *_OPENING_NAMES),
    )
    place = int(total["total"]) % RECENT if total else 0
    writer.db.execute(
        "INSERT INTO counter (name, label, value) VALUES (?, ?, ?)"
        " ON CONFLICT (name, label) DO UPDATE SET value = excluded.value",
        (f"{RECENT_PREFIX}{place}", slot, elapsed_ms),
    )
    add(writer, _opening_name(_bucket(elapsed_ms)), slot)


def _opening_name(upper_ms: int | None) -> str:
    return OPENING_PREFIX + ("more" if upper_ms is None else str(upper_ms))


_OPENING_NAMES = tuple(_opening_name(upper_ms) for upper_ms in (*OPENING_MS, None))
