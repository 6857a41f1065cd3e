"""The list of locations on the overview: why each needs somebody, and what of it is shown.

Everything that it is asked for stands in the page's address, so that a list can be kept, sent to a
colleague and looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

from central.pages.listing import SHOWN
from central.pages.queries import HEALTH
from central.sync import troubles
from kiosk.model.clock import DAY_MS, HOUR_MS, MINUTE_MS
from kiosk.model.urls import asking

Place = Mapping[str, Any]


class Order(StrEnum):
    """By what the list is ordered. Of numbers the most come first."""

    HEALTH = "health"
    NAME = "name"
    TAKEN = "taken"
    DOUBT = "doubt"
    QUEUE = "queue"
    HEARD = "heard"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see of the list."""

    q: str = ""
    """What stands in the id or the name."""
    area: str = ""
    health: str = ""
    """One state of `HEALTH`; empty: all."""
    order: Order = Order.HEALTH
    number: int = 1
    """Which page of the list."""

    def link(self, **changes: Any) -> str:
        """The address's question for the same list but for some of it; a changed list begins at
        its first page."""
        if "number" not in changes:
            changes["number"] = 1
        wanted = asdict(replace(self, **changes))
        usual = asdict(Asked())
        kept = {name: str(value) for name, value in wanted.items() if value != usual[name]}
        return asking("", **kept) if kept else ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the list."""

    rows: tuple[Place, ...]
    first: int
    """The number of its first row, from 1; 0 where there is none."""
    count: int
    """Of all rows of the list."""
    has_more: bool

    @property
    def last(self) -> int:
        """The number of its last row."""
        return self.first + len(self.rows) - 1 if self.rows else 0

    @property
    def number(self) -> int:
        """Which page of the list it is, from 1."""
        return max(0, self.first - 1) // SHOWN + 1


def tiles(places: Sequence[Place]) -> dict[str, int]:
    """How many locations are in each state, those first that need somebody; together they are all
    locations."""
    return {health: sum(place["health"] == health for place in places) for health in HEALTH}


def listed(places: Sequence[Place], asked: Asked) -> Listed:
    """The page that is asked for, or the last one where there are not so many. `places` stand in
    the order of `Order.HEALTH`."""
    wanted = asked.q.strip().casefold()
    found = [
        place
        for place in places
        if (not asked.health or place["health"] == asked.health)
        and wanted in f"{place['id']} {place['name']}".casefold()
    ]
    if asked.order is not Order.HEALTH:
        found.sort(key=_KEYS[asked.order])
    begin = min((asked.number - 1) * SHOWN, max(0, (len(found) - 1) // SHOWN * SHOWN))
    rows = tuple(found[begin : begin + SHOWN])
    return Listed(rows, begin + 1 if rows else 0, len(found), begin + SHOWN < len(found))


_KEYS: Final[Mapping[Order, Any]] = {
    Order.NAME: lambda place: (str(place["name"]).casefold(), place["id"]),
    Order.TAKEN: lambda place: (-place["taken"] / (place["slots"] or 1), place["id"]),
    Order.DOUBT: lambda place: (-place["doubt"], place["id"]),
    Order.QUEUE: lambda place: (-(place["queue"] or 0), place["id"]),
    # The one that was not heard of for longest first.
    Order.HEARD: lambda place: (place["last_sync_ms"] or 0, place["id"]),
}


def reasons(place: Place, now_ms: int) -> list[str]:
    """Why somebody is needed there, each in a few words; none where nobody is."""
    found = []
    if place["health"] == "never":
        is_enrolled = bool(place["token_hash"])
        found.append("its kiosk was never heard of" if is_enrolled else "no kiosk is enrolled")
    elif place["health"] in ("silent", "late"):
        found.append(f"not heard of for {_long(now_ms - place['last_sync_ms'])}")
    if place["health"] in ("never", "retired"):
        return found
    if place["boards_away"]:
        found.append(_many(place["boards_away"], "board does not answer", "boards do not answer"))
    known = set(troubles.known_in(place["troubles"]))
    if place["is_well"] is False:
        known.add(troubles.Trouble.UNWELL)
    found += [said for trouble, said in troubles.SAID.items() if trouble in known]
    if place["doubt"]:
        found.append(_many(place["doubt"], "door to be checked", "doors to be checked"))
    return found


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _long(span_ms: int) -> str:
    if span_ms < 2 * HOUR_MS:
        return _many(span_ms // MINUTE_MS, "minute", "minutes")
    is_short = span_ms < 2 * DAY_MS
    return f"{span_ms // HOUR_MS} hours" if is_short else f"{span_ms // DAY_MS} days"
