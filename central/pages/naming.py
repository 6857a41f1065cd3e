"""What people call what the tables know by an id: locations, carriers, staff, operators, API keys.

A page asks once for the names of everything in its rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, select

from central import schema
from central.areas.visible import Reach, areas_visible_to
from central.operators import accounts
from central.sync.staff_list import digits_of
from kiosk.model.person import kept_number, typed_number

_STAFF: Final = re.compile(r"staff:([0-9A-Za-z]{1,12})")
_COURIER: Final = re.compile(r"courier:([a-z0-9-]{1,32})(?::(.+))?")
_PLAIN: Final = {
    "customer": "customer",
    "kiosk": "the kiosk itself",
    "console": "at the kiosk's console",
    "server": "the server",
}
"""What an actor of the journal is called who is nobody by name."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names by ids; where none is known the id stands for itself."""

    locations: Mapping[str, str] = field(default_factory=dict)
    carriers: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    operators: Mapping[str, str] = field(default_factory=dict)
    """By their e-mail address."""
    staff: Mapping[str, str] = field(default_factory=dict)
    """By their number, with it."""

    def location(self, name: str | None) -> str:
        """What a location is called."""
        return self.locations.get(name or "") or name or "–"

    def carrier(self, name: str | None) -> str:
        """What a carrier is called."""
        return self.carriers.get(name or "") or name or "–"

    def who(self, name: str | None) -> str:
        """What somebody is called: an operator, a program, an actor of a kiosk's journal."""
        name = name or ""
        if known := self.operators.get(name) or self.keys.get(name) or _PLAIN.get(name):
            return known
        if found := _STAFF.fullmatch(name):
            return self.staff.get(kept_number(found[1])) or f"number {found[1]}"
        if found := _COURIER.fullmatch(name):
            of = f"a courier of {self.carrier(found[1])}"
            return f"{of}: {found[2]}" if found[2] else of
        return name


NO_NAMES: Final = Names()


def names(connection: Connection, reach: Reach, rows: Iterable[Mapping[str, Any]]) -> Names:
    """The names of what stands in these rows as `location`, `carrier`, `sender`, `by` or `who`.
    Members of staff are named to who may see them in the list of staff, others by their number."""
    said = [row for row in rows if row is not None]
    actors = {str(row[each]) for row in said for each in ("by", "who") if row.get(each)}
    keys = {str(row["sender"]) for row in said if row.get("sender")} | actors
    found = [match for each in sorted(actors) if (match := _COURIER.fullmatch(each))]
    carriers = {str(row["carrier"]) for row in said if row.get("carrier")}
    carriers |= {match[1] for match in found}
    numbers = {kept_number(match[1]) for each in actors if (match := _STAFF.fullmatch(each))}
    locations = {str(row["location"]) for row in said if row.get("location")}
    key = schema.api_key
    return Names(
        _named(connection, schema.location, schema.location.c.id, locations),
        _named(connection, schema.carrier, schema.carrier.c.id, carriers),
        _named(connection, key, key.c.id, keys),
        accounts.names_of(connection, {each for each in actors if "@" in each}),
        _staff(connection, reach, numbers),
    )


def _named(
    connection: Connection, table: Table, column: Column[Any], wanted: set[str]
) -> dict[str, str]:
    if not wanted:
        return {}
    query = select(column, table.c.name).where(column.in_(sorted(wanted)))
    return {each: name for each, name in connection.execute(query) if name}


def _staff(connection: Connection, reach: Reach, numbers: set[str]) -> dict[str, str]:
    if not numbers:
        return {}
    table, digits = schema.staff, digits_of(connection)
    is_wanted = table.c.number.in_(sorted(numbers)), areas_visible_to(reach, table.c.area)
    query = select(table.c.number, table.c.name).where(*is_wanted)
    return {
        number: f"{name} ({typed_number(number, digits)})"
        for number, name in connection.execute(query)
        if name
    }
