"""What a batch of events adds to the figures of its location, in the transaction that takes it in.

Nothing is counted over a journal afterwards: reports and metrics read what stands here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from central import schema
from central.database.bulk import add_many
from kiosk.model.clock import DAY_MS
from kiosk.model.events import EventKind
from kiosk.model.images import known_images

REPORTED: Final[dict[str, str]] = {
    EventKind.PACKAGE_STORED: "stored",
    EventKind.PACKAGE_RETRIEVED: "picked_up",
    EventKind.PACKAGE_EXPIRED: "expired",
    EventKind.PACKAGE_COLLECTED: "taken_back",
    EventKind.PACKAGE_MISSING: "missing",
    EventKind.CODE_REFUSED: "wrong_codes",
}
"""What a day's report counts, by the event that counts."""
OF_DAYS: Final = (*REPORTED.values(), "openings", "openings_failed")
"""What is counted of each day of a location."""
OF_CARRIERS: Final = ("stored", "picked_up", "expired", "taken_back", "missing")
"""What is counted for each carrier as well: what happens to a package, which is somebody's."""
REFUSALS: Final = (EventKind.CODE_REFUSED, EventKind.STAFF_REFUSED)


class Tally:
    """Counts the events of one batch, by the day (UTC) on which each happened."""

    def __init__(self) -> None:
        self._days: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._carriers: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
        self._all: Counter[str] = Counter()

    def add(self, kind: str, wall_ms: int, body: Mapping[str, Any], carrier: str) -> None:
        """One event that was taken in; `carrier`: whose package it is about."""
        day_ms = wall_ms - wall_ms % DAY_MS
        self._all["events"] += 1
        counted = [REPORTED[kind]] if kind in REPORTED else []
        if kind == EventKind.DOOR_OUTCOME:
            counted.append("openings")
            if _has_failed(body):
                counted.append("openings_failed")
            self._all.update(counted)
        elif kind in REFUSALS:
            self._all["refusals"] += 1
        if counted:
            self._days[day_ms].update(counted)
        if of_carrier := [each for each in counted if each in OF_CARRIERS]:
            self._carriers[carrier, day_ms].update(of_carrier)

    def quarantine(self) -> None:
        """One event that was not believed."""
        self._all["quarantined"] += 1

    @property
    def sums(self) -> Mapping[str, int]:
        """What it adds to the columns of the location itself."""
        return self._all

    @property
    def days(self) -> Collection[int]:
        """The days to which it adds something."""
        return self._days.keys()

    def write_days(self, connection: Connection, location: str) -> None:
        """Add it to the days of the location, and of each carrier there."""
        rows = [
            {"location": location, "day_ms": day_ms, **self._days[day_ms]}
            for day_ms in sorted(self._days)
        ]
        add_many(connection, schema.day_status, ("location", "day_ms"), rows)
        of_carriers = [
            {"carrier": carrier, "day_ms": day_ms, "location": location, **counts}
            for (carrier, day_ms), counts in sorted(self._carriers.items())
        ]
        key = ("carrier", "day_ms", "location")
        add_many(connection, schema.carrier_day, key, of_carriers)


def _has_failed(body: Mapping[str, Any]) -> bool:
    """Whether an opening did not end as it should."""
    images = known_images(body)
    return any(table == "intent" and row.get("state") == "FAILED" for table, row in images)
