"""The directory of a house: imported by a plan that is shown before, fetched by its kiosk alone.

Who is notified of a package stands here, sealed; the kiosk is given flats and names, and no way to
reach anybody. Each change makes another version, whose number leaps by a random step, so that two
servers that were restored from one backup never count alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from central import schema
from central.adapters import RNG, new_id
from central.context import Central, audit
from central.database import wake
from central.database.bulk import upsert
from central.errors import RequestError, not_found
from central.locking import lock_location
from central.residents.reading import Entry, Households
from central.residents.tables import directory_version, household, resident
from central.sealing import blind_index, indexed
from kiosk.model.directory import Household

STEP_MAX = 1_000_000
_KEY = "household.key"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would change, in households by their flats or names."""

    version: int
    """Of which version of the directory; another one meanwhile, and it is looked at again."""
    new: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]
    same: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.new or self.changed or self.gone)


def plan(connection: Connection, location: str, wanted: Households) -> Plan:
    """What an import would change. Raises `RequestError` for an unknown location."""
    _require_location(connection, location)
    known = _known(connection, location)
    by_index = {_index(connection, key): key for key in wanted}
    new = [key for index, key in by_index.items() if index not in known]
    changed = [
        key
        for index, key in by_index.items()
        if index in known and set(known[index].entries) != set(wanted[key])
    ]
    gone = [each.label for index, each in known.items() if index not in by_index]
    return Plan(
        version_of(connection, location),
        tuple(sorted(_label(wanted[key][0]) for key in new)),
        tuple(sorted(_label(wanted[key][0]) for key in changed)),
        tuple(sorted(gone)),
        len(by_index) - len(new) - len(changed),
    )


def replace(
    connection: Connection,
    central: Central,
    by: str,
    location: str,
    wanted: Households,
    of_version: int,
) -> Plan:
    """Take a directory in the place of the one that is there, all of it or nothing; what changed.

    `of_version`: which version the plan was of that somebody has seen. Raises `RequestError` where
    it is another by now.
    """
    lock_location(connection, location)
    planned, now_ms = plan(connection, location, wanted), central.clock.now_ms()
    if planned.version != of_version:
        raise RequestError(
            409, "changed", f"the directory of {location!r} was changed meanwhile: look again"
        )
    if planned.is_empty:
        return planned
    known = _known(connection, location)
    by_index = {_index(connection, key): entries for key, entries in wanted.items()}
    _drop(connection, [each.id for index, each in known.items() if index not in by_index])
    for index, entries in by_index.items():
        _put(connection, location, index, known.get(index), entries, now_ms)
    _count(connection, location, now_ms)
    counts = (len(planned.new), len(planned.changed), len(planned.gone))
    audit(
        connection,
        now_ms,
        by,
        "directory.replace",
        location,
        households="{} new, {} changed, {} gone".format(*counts),
    )
    return planned


def empty(connection: Connection, central: Central, by: str, location: str) -> int:
    """Forget the whole directory of a location; how many households it had."""
    _require_location(connection, location)
    lock_location(connection, location)
    known, now_ms = _known(connection, location), central.clock.now_ms()
    _drop(connection, [each.id for each in known.values()])
    _count(connection, location, now_ms)
    audit(connection, now_ms, by, "directory.empty", location, gone=len(known))
    return len(known)


def listed(connection: Connection, location: str) -> list[tuple[str, Entry]]:
    """Everybody in the directory of a location, as they would be imported again, with the ids of
    their households."""
    _require_location(connection, location)
    found = sorted(_known(connection, location).values(), key=lambda each: each.label)
    return [(each.id, entry) for each in found for entry in each.entries]


def size_of(connection: Connection, location: str) -> int:
    """How many households a location has."""
    query = select(func.count()).where(household.c.location == location)
    return int(connection.execute(query).scalar_one())


def version_of(connection: Connection, location: str) -> int:
    """Which version counts at a location; 0 where it never had a directory."""
    table = directory_version
    query = select(table.c.version).where(table.c.location == location)
    return connection.execute(query).scalar() or 0


def entries_of(connection: Connection, location: str, of_household: str) -> list[Entry]:
    """Everybody of a household of this location, to be notified; none where it is gone."""
    rows = connection.execute(
        select(resident, household.c.flat)
        .join(household, household.c.id == resident.c.household)
        .where(household.c.id == of_household, household.c.location == location)
        .order_by(resident.c.position)
    )
    return [_entry(row) for row in rows]


# --- what its kiosk is given ---------------------------------------------------------------------


def households_behind(
    connection: Connection, location: str, after: str, limit: int
) -> list[Household]:
    """The households of a location behind one id, in the order of their ids, with nothing by which
    they are reached."""
    query = (
        select(household.c.id)
        .where(household.c.location == location, household.c.id > after)
        .order_by(household.c.id)
        .limit(limit)
    )
    return list(_given(connection, list(connection.execute(query).scalars())))


def _given(connection: Connection, ids: Collection[str]) -> Iterable[Household]:
    names: dict[str, list[str]] = {each: [] for each in ids}
    flats: dict[str, str] = {}
    rows = connection.execute(
        select(household.c.id, household.c.flat, resident.c.name)
        .join(resident, resident.c.household == household.c.id)
        .where(household.c.id.in_(ids))
        .order_by(household.c.id, resident.c.position)
    )
    for row in rows:
        flats[row.id] = row.flat
        if row.name and row.name not in names[row.id]:
            names[row.id].append(row.name)
    return (Household(id=each, flat=flats.get(each, ""), names=tuple(names[each])) for each in ids)


# --- forgetting ----------------------------------------------------------------------------------


def of_contacts(
    connection: Connection, emails: Iterable[str], phones: Iterable[str]
) -> ColumnElement[bool]:
    """The rows of whoever has one of these addresses or numbers."""
    of_email = [blind_index(connection, each, "resident.email") for each in emails if each.strip()]
    of_phone = [blind_index(connection, each, "resident.phone") for each in phones if each.strip()]
    return resident.c.email_index.in_(of_email) | resident.c.phone_index.in_(of_phone)


def forget(connection: Connection, who: ColumnElement[bool], now_ms: int) -> int:
    """Take these people out of their directories; how many rows they had. A household with nobody
    else goes with them, and the kiosks hear of it."""
    rows = connection.execute(
        select(resident.c.id, household.c.id.label("home"), household.c.location)
        .join(household, household.c.id == resident.c.household)
        .where(who)
    ).all()
    if not rows:
        return 0
    locations = sorted({row.location for row in rows})
    lock_location(connection, *locations)
    connection.execute(delete(resident).where(resident.c.id.in_([row.id for row in rows])))
    homes = {row.home for row in rows}
    table = resident.c.household
    left = set(connection.execute(select(table).where(table.in_(homes))).scalars())
    _drop(connection, sorted(homes - left))
    for location in locations:
        _count(connection, location, now_ms)
    return len(rows)


# --- rows ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Home:
    id: str
    entries: tuple[Entry, ...]

    @property
    def label(self) -> str:
        return _label(self.entries[0])


def _label(entry: Entry) -> str:
    return entry.flat or entry.name


def _known(connection: Connection, location: str) -> dict[str, _Home]:
    """The households of a location by what they are found again by."""
    rows = connection.execute(
        select(resident, household.c.flat, household.c.key_index)
        .join(household, household.c.id == resident.c.household)
        .where(household.c.location == location)
        .order_by(household.c.id, resident.c.position)
    )
    found: dict[str, tuple[str, list[Entry]]] = {}
    for row in rows:
        found.setdefault(row.key_index, (row.household, []))[1].append(_entry(row))
    return {index: _Home(home, tuple(entries)) for index, (home, entries) in found.items()}


def _entry(row: Any) -> Entry:
    return Entry(row.flat, row.name, row.phone, row.email, row.language)


def _index(connection: Connection, key: str) -> str:
    return blind_index(connection, key, _KEY)


def _put(
    connection: Connection,
    location: str,
    index: str,
    known: _Home | None,
    entries: list[Entry],
    now_ms: int,
) -> None:
    if known is not None and set(known.entries) == set(entries):
        return
    flat = entries[0].flat
    if known is None:
        home = new_id()
        row = {"id": home, "location": location, "flat": flat, "key_index": index}
        connection.execute(insert(household).values(**row))
    else:
        home = known.id
        connection.execute(delete(resident).where(resident.c.household == home))
        changed = update(household).where(household.c.id == home).values(flat=flat)
        connection.execute(changed)
    rows = [
        indexed(
            connection,
            resident,
            {
                "id": new_id(),
                "household": home,
                "name": each.name,
                "email": each.email,
                "phone": each.phone,
                "language": each.language,
                "position": position,
                "created_ms": now_ms,
            },
        )
        for position, each in enumerate(entries)
    ]
    connection.execute(insert(resident), rows)


def _drop(connection: Connection, homes: Collection[str]) -> None:
    connection.execute(delete(resident).where(resident.c.household.in_(homes)))
    connection.execute(delete(household).where(household.c.id.in_(homes)))


def _count(connection: Connection, location: str, now_ms: int) -> None:
    """The directory is another now: its kiosk hears of it at once."""
    version = version_of(connection, location) + 1 + RNG.randrange(STEP_MAX)
    values = {"version": version, "changed_ms": now_ms}
    upsert(connection, directory_version, {"location": location}, values)
    wake(connection, location)


def _require_location(connection: Connection, location: str) -> None:
    table = schema.location
    known = select(table.c.id).where(table.c.id == location)
    if connection.execute(known).first() is None:
        raise not_found("location", location)
