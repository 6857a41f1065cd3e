"""The operator's report: what the counters say, as a table, as CSV or as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.model.cells import safe_cell
from kiosk.store.counters import FAULT_PREFIX, Counters

BY_SIZE = ("stored", "retrieved", "expired", "collected", "missing", "undone")


class SnapshotError(Exception):
    """An earlier report cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of a report."""

    figure: str
    of: str
    """The size, size and hour, or slot that it is about; "" for the whole location."""
    value: float
    unit: str


def lines(counters: Counters) -> list[Line]:
    """The figures that counters say, in the order in which they are shown."""
    result = []
    sizes = sorted({size for name in BY_SIZE for size in counters.get(name, {})})
    for name in BY_SIZE:
        own = counters.get(name, {})
        result += [Line(name, size, own.get(size, 0), "packages") for size in sizes]
    result += _utilisation(counters)
    timed = _total(counters, "pickups_timed")
    if timed:
        seconds = _total(counters, "pickup_ms") / timed / 1000
        result.append(Line("time per pickup", "", round(seconds, 1), "s"))
    result += _faults(counters)
    return result


def _utilisation(counters: Counters) -> list[Line]:
    taken = counters.get("sampled_taken", {})
    slots = {key: value for key, value in counters.get("sampled_slots", {}).items() if value > 0}
    by_size: dict[str, list[str]] = {}
    for label in sorted(slots):
        by_size.setdefault(label.rpartition(" ")[0], []).append(label)
    result = []
    for size, labels in by_size.items():
        share = sum(taken.get(label, 0) for label in labels) / sum(slots[each] for each in labels)
        result.append(Line("utilisation", size, round(100 * share, 1), "%"))
        for label in labels:
            share = taken.get(label, 0) / slots[label]
            hour = label.rpartition(" ")[2]
            result.append(Line("utilisation", f"{size} {hour}:00", round(100 * share, 1), "%"))
    return result


def _faults(counters: Counters) -> list[Line]:
    kinds = sorted(name for name in counters if name.startswith(FAULT_PREFIX))
    found = [
        Line(f"fault {name.removeprefix(FAULT_PREFIX)}", slot, value, "times")
        for name in kinds
        for slot, value in counters[name].items()
        if value
    ]
    return sorted(found, key=lambda line: (line.figure, -line.value, line.of))


def _total(counters: Counters, name: str) -> int:
    return sum(counters.get(name, {}).values())


def since(counters: Counters, before: Counters) -> Counters:
    """What was counted between two readings."""
    return {
        name: {label: value - before.get(name, {}).get(label, 0) for label, value in labels.items()}
        for name, labels in counters.items()
    }


def read_snapshot(path: Path) -> Counters:
    """The counters of an earlier report in JSON. Raises `SnapshotError`."""
    right = "name a report that `kiosk report --format json` printed"
    try:
        # As bytes: a shell that redirects output may write UTF-16, or a mark in front.
        found = json.loads(path.read_bytes())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SnapshotError(f"{path}: cannot be read ({error}); {right}") from error
    counters = found.get("counters") if isinstance(found, dict) else None
    if not isinstance(counters, dict) or not all(map(_is_counter, counters.values())):
        raise SnapshotError(f"{path}: has no counters; {right}")
    return counters


def _is_counter(labels: object) -> bool:
    return isinstance(labels, dict) and all(type(value) is int for value in labels.values())


def as_text(form: str, report: Mapping[str, Any], figures: Iterable[Line]) -> str:
    """A report as "table", "csv" or "json". The JSON also has the counters themselves, so that it
    can be what a later report counts from."""
    if form == "json":
        shown = [
            {"figure": each.figure, "of": each.of, "value": each.value, "unit": each.unit}
            for each in figures
        ]
        return json.dumps({**report, "figures": shown}, indent=1, sort_keys=True)
    rows = [(each.figure, each.of, f"{each.value:g}", each.unit) for each in figures]
    if form == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("figure", "of", "value", "unit"))
        # The values are numbers, and stay so.
        writer.writerows((safe_cell(row[0]), safe_cell(row[1]), *row[2:]) for row in rows)
        return text.getvalue().rstrip("\n")
    if not rows:
        return "nothing has been counted yet"
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{figure:<{widths[0]}}  {of:<{widths[1]}}  {value:>{widths[2]}} {unit}"
        for figure, of, value, unit in rows
    )
