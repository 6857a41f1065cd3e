"""Doors that the server has a simulated kiosk keep, and that nobody else may be given one of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiosk.model.clock import DAY_MS, HOUR_MS, Instant
from kiosk.model.commands import Command, ReleaseDoor, ReserveDoor
from kiosk.store import commands
from kiosk.store.commands import Received
from kiosk.store.errors import RefusedError
from kiosk.store.journal import Tables
from kiosk.store.writer import Writer
from tests.sim.rules import require
from tests.sim.site import LOCATION, Site

FREE = {"status": "EMPTY", "service": "IN_SERVICE", "is_reachable": 1}


@dataclass(slots=True)
class Kept:
    """A door that this kiosk has promised to keep."""

    size: str
    until_ms: int
    package: str | None = None
    """Whose it is, once its package was announced."""


class Reservations:
    """What the server has asked of one kiosk, and what that has promised.

    A reservation is over for good as soon as its end was seen on a clock that is trusted.
    """

    def __init__(self, site: Site, tables: Tables) -> None:
        self._site, self._rng, self._tables = site, site.rng, tables
        self._numbers = 0
        self.kept: dict[str, Kept] = {}
        self.kept_from_others = 0
        """How often a door was given out while others of its size were kept."""

    def send(self, command: Command) -> bool:
        """The kiosk hears a command of its server; whether it carried it out."""
        self._numbers += 1
        received = Received(self._numbers, f"c{self._numbers}", command.type, command)
        try:
            self._site.store.peek(commands.apply, received, LOCATION.time_zone)
        except RefusedError as error:
            self._site.store.peek(commands.refuse, received, str(error))
            return False
        return True

    def reserve(self) -> str:
        """A carrier wants a door kept, or kept longer or shorter."""
        rng, now = self._rng, self._site.clock.now()
        self._end(now)
        waiting = [name for name, each in self.kept.items() if each.package is None]
        is_new = not waiting or rng.random() < 0.8
        name = f"{rng.getrandbits(64):016x}" if is_new else rng.choice(waiting)
        size = rng.choice(("S", "S", "M", "L")) if is_new else self.kept[name].size
        until_ms = now.wall_ms + rng.choice((HOUR_MS // 30, 6 * HOUR_MS, 2 * DAY_MS))
        if not self.send(ReserveDoor(reservation=name, size=size, until_ms=until_ms)):
            return f"is refused a door of size {size}"
        if is_new:
            others, free = self._number_kept(size, None), self._site.store.peek(_free_now, size)
            require(others < free, f"I18: of {free} doors of size {size} {others} are kept already")
            self.kept[name] = Kept(size, until_ms)
        else:
            self.kept[name].until_ms = until_ms
        return f"keeps a door of size {size}"

    def release(self) -> str:
        """A carrier gives a door back."""
        waiting = [name for name, each in self.kept.items() if each.package is None]
        if not waiting:
            return "releases nothing"
        name = self._rng.choice(waiting)
        self.send(ReleaseDoor(reservation=name))
        del self.kept[name]
        return "releases a door"

    def one(self) -> tuple[str, Kept] | None:
        """A door that is kept and may be used by an announcement."""
        waiting = [(name, each) for name, each in self.kept.items() if each.package is None]
        return self._rng.choice(waiting) if waiting and self._rng.random() < 0.6 else None

    def used(self, name: str, package: str) -> None:
        """An announcement has named it: it is this package's, until that has come."""
        self.kept[name].package = package

    def given_out(self, label: str, body: Mapping[str, Any], at: Instant) -> None:
        """A free door is given to a package: there is one left for each that is kept (I18)."""
        self._end(at)
        package = next(
            (values["package"] for table, values in body["rows"] if table == "intent"), None
        )
        size = self._tables["slot"][label]["size"]
        kept, free = self._number_kept(size, package), self._number_free(size)
        require(kept < free, f"I18: {label} was given to {package}: {kept} of {free} are kept")
        self.kept_from_others += kept > 0

    def _end(self, at: Instant) -> None:
        if at.is_trusted:
            self.kept = {
                name: each for name, each in self.kept.items() if each.until_ms > at.wall_ms
            }

    def _number_kept(self, size: str, package: str | None) -> int:
        others = (
            each for each in self.kept.values() if each.package is None or each.package != package
        )
        return sum(each.size == size and self._is_awaited(each.package) for each in others)

    def _is_awaited(self, package: str | None) -> bool:
        """Whether what a door is kept for is still to come."""
        row = self._tables["package"].get(package or "")
        return row is None or (row["status"] == "PENDING" and row["slot"] is None)

    def _number_free(self, size: str) -> int:
        slots = self._tables["slot"].values()
        return sum(row["size"] == size and FREE.items() <= row.items() for row in slots)


def _free_now(writer: Writer, size: str) -> int:
    rows = writer.all("SELECT * FROM slot WHERE size = ?", (size,))
    return sum(FREE.items() <= row.items() for row in rows)
