"""The list of staff by its versions: what a kiosk fetches of it when it hears of a newer one.

A change is counted in its own transaction, and writes nothing for any location: each sync says
which version counts. Somebody who changed stands in the list at the version of that, so what
changed since a version are those behind it. Numbers of versions leap by random steps: two servers
that were restored from one backup never count alike.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from central import kept, schema
from central.adapters import RNG
from central.areas.visible import around
from central.carriers.carriers import disabled
from central.carriers.places import absent
from central.database import wake_all
from central.sealing import open_sealed
from kiosk.model.carriers import OPERATOR
from kiosk.model.commands import STAFF_MAX, ListedStaff, ListStaff
from kiosk.model.person import NUMBER_DIGITS_MIN, Role
from kiosk.model.sealing import UnsealError
from kiosk.sync.contract import STAFF_PAGE_MAX, StaffPage

LOG = logging.getLogger("central.sync")

EVERYWHERE = "*"
HASHES = ("pin_hash", "badge_hash")
"""What is sealed for its own row."""
STEP_MAX = 1_000_000
"""By how much the number of a version is above the one before, at most."""

_LIST = schema.staff_list


def count_change(connection: Connection, now_ms: int) -> int:
    """The list is another now: the number of its new version. Who changes it in another transaction
    waits for the end of this one."""
    step = 1 + RNG.randrange(STEP_MAX)
    counted = update(_LIST).values(version=_LIST.c.version + step).returning(_LIST.c.version)
    version: int = connection.execute(counted).scalar_one()
    made = insert(schema.staff_list_version).values(version=version, made_ms=now_ms)
    connection.execute(made)
    wake_all(connection)
    return version


def serves(carrier: str) -> ColumnElement[bool]:
    """Of a query of the staff: whether somebody serves a carrier."""
    return schema.staff.c.carriers.contains(json.dumps(carrier), autoescape=True)


def list_again(connection: Connection, who: ColumnElement[bool], now_ms: int) -> None:
    """Have kiosks ask again for some of the staff: each at a version of their own, so that a page
    of the list may end behind any. Where that is nobody, they ask all the same: whose badges count
    comes with the list, and may be another."""
    staff = schema.staff
    listed = select(staff.c.number).where(who, staff.c.removed_ms.is_(None))
    for number in connection.execute(listed.order_by(staff.c.number)).scalars().all():
        version = count_change(connection, now_ms)
        connection.execute(update(staff).where(staff.c.number == number).values(version=version))
    count_change(connection, now_ms)


def digits_of(connection: Connection) -> int:
    """How many digits of a number are typed."""
    return int(connection.execute(select(_LIST.c.digits)).scalar_one())


def page_of(
    connection: Connection, location: str, since: int, *, knows_carriers: bool = True
) -> StaffPage:
    """What a location's kiosk that has the version `since` does not know, or the first of it. One
    that does not know carriers has nobody on its list but whom the operator's packages are for."""
    # Read first: who changes after it is of a newer version, and stands behind.
    now = connection.execute(select(_LIST)).one()
    is_whole = not _was(connection, since, now.version)
    table = schema.staff
    changed = select(table).where(table.c.version > (0 if is_whole else since))
    some = changed.order_by(table.c.version).limit(STAFF_PAGE_MAX + 1)
    found = connection.execute(some).mappings().all()
    rows, has_more = found[:STAFF_PAGE_MAX], len(found) > STAFF_PAGE_MAX
    kiosk = _kiosk(connection, location, knows_carriers=knows_carriers)
    listed = [(row["number"], _listed(connection, row, kiosk)) for row in rows]
    last: int = rows[-1]["version"] if rows else 0
    return StaffPage(
        since=since,
        version=last if has_more else max(now.version, last),
        is_whole=is_whole,
        has_more=has_more,
        digits=now.digits,
        listed=tuple(person for _, person in listed if person is not None),
        gone=() if is_whole else tuple(number for number, person in listed if person is None),
    )


def _was(connection: Connection, version: int, current: int) -> bool:
    """Whether this list has had a version."""
    table = schema.staff_list_version
    if version == current:
        return version > 0  # at 0 a kiosk may know people of another server
    known = select(table.c.version).where(table.c.version == version)
    return 0 < version < current and connection.execute(known).first() is not None


def is_listed_since(connection: Connection, number: str, at_ms: int) -> bool:
    """Whether somebody was listed, or changed, after a moment. What is as old as the versions that
    nobody remembers any more was not."""
    table, made = schema.staff, schema.staff_list_version
    later = (
        select(table.c.number)
        .join(made, made.c.version == table.c.version)
        .where(table.c.number == number, made.c.made_ms > at_ms)
    )
    return connection.execute(later).first() is not None


def for_older(connection: Connection, location: str) -> ListStaff:
    """Whom a kiosk of a version before 0.3 is to know, which is sent its list as a command and
    knows numbers of two digits."""
    table = schema.staff
    rows = connection.execute(
        select(table)
        .where(table.c.removed_ms.is_(None), func.length(table.c.number) == NUMBER_DIGITS_MIN)
        .order_by(table.c.number)
        .limit(STAFF_MAX)
    ).mappings()
    kiosk = _kiosk(connection, location, knows_carriers=False)
    known = [_listed(connection, row, kiosk) for row in rows]
    return ListStaff(staff=tuple(person for person in known if person is not None))


@dataclass(frozen=True, slots=True)
class _Kiosk:
    """A kiosk, as far as it says whom it is to know."""

    location: str
    areas: frozenset[str]
    """Those that its location lies in."""
    ended: frozenset[str]
    """The carriers that are disabled, or do not work here."""
    knows_carriers: bool


def _kiosk(connection: Connection, location: str, *, knows_carriers: bool) -> _Kiosk:
    areas = around(connection, location)
    ended = disabled(connection) | absent(connection, location, areas)
    return _Kiosk(location, areas, ended, knows_carriers)


def _listed(connection: Connection, row: Any, kiosk: _Kiosk) -> ListedStaff | None:
    """Somebody as a location's kiosk is to know them; None where it is not, or where the row is
    damaged: the others are sent all the same."""
    if row["removed_ms"] is not None or not _is_of(row, kiosk):
        return None
    served, is_technician = kept.names_of(row["carriers"]), row["role"] == Role.TECHNICIAN
    has_work = kiosk.knows_carriers and not kiosk.ended.issuperset(served)
    if not is_technician and OPERATOR not in served and not has_work:
        return None
    values = {name: row[name] for name in ListedStaff.model_fields}
    values["carriers"] = [OPERATOR] if is_technician else served
    try:
        for name in HASHES:
            context = f"staff.{name}/{row['number']}"
            values[name] = open_sealed(connection, row[name], context)
        return ListedStaff(**values)
    except (UnsealError, ValidationError) as error:
        LOG.error("staff %s is on no kiosk's list: %s", row["number"], type(error).__name__)
        return None


def _is_of(row: Any, kiosk: _Kiosk) -> bool:
    """Whether somebody is let in at a location."""
    places = kept.value_of(row["locations"])
    return row["area"] in kiosk.areas and _names(places, kiosk.location)


def _names(places: object, location: str) -> bool:
    return places == EVERYWHERE or (isinstance(places, list) and location in places)
