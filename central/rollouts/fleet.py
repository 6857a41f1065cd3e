"""The fleet: what runs at each location, how well it is, and what is known of each release.

Found by what kiosks have said of themselves, along an index, page by page; nobody is shown more
than `SHOWN` at a time, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, select

from central import kept, schema
from central.areas.visible import Reach, visible_to
from central.errors import wrong_field
from central.releases.tables import release as release_table
from central.rollouts.standing import GOOD, TRIAL
from central.rollouts.tables import release_advisory, release_checked, rollout_hold
from central.settings import Settings
from central.simulated import IS_SANDBOX

SHOWN: Final = 100
VERSIONS_SHOWN: Final = 50
_PLACE = schema.location
Row = dict[str, Any]


def _is_in_service() -> ColumnElement[bool]:
    return _PLACE.c.retired_ms.is_(None) & (_PLACE.c.token_hash != "") & ~IS_SANDBOX


HEALTH: Final[Mapping[str, Callable[[], ColumnElement[bool]]]] = {
    "unwell": lambda: _PLACE.c.is_well.is_(False),
    "silent": lambda: _PLACE.c.silent_told_ms.is_not(None),
    "trial": lambda: _PLACE.c.release_state == schema.fixed(TRIAL),
    "factory": lambda: _PLACE.c.release_state == schema.fixed("factory"),
    "went-back": lambda: _PLACE.c.went_back != schema.fixed(""),
    "held": lambda: _PLACE.c.id.in_(select(rollout_hold.c.location)),
}
"""What locations are found by: each with an index of its own."""


def locations(
    connection: Connection,
    reach: Reach,
    version: str | None = None,
    health: str = "",
    after: str = "",
) -> list[Row]:
    """Some locations as `wanted` says them, one more than `SHOWN` where there are more. Raises
    `RequestError`."""
    query = wanted(reach, version, health, after).limit(SHOWN + 1)
    return [explained(dict(row)) for row in connection.execute(query).mappings()]


def wanted(
    reach: Reach, version: str | None = None, health: str = "", after: str = ""
) -> Select[Any]:
    """Some locations in service, behind one id, with what runs there; of one version, or in one
    state, where that is wanted. Raises `RequestError`."""
    if health and health not in HEALTH:
        raise wrong_field("health", health, f"one of {', '.join(HEALTH)}, or nothing")
    columns = (
        *("id", "name", "area", "version", "release_state", "went_back", "is_well"),
        *("last_sync_ms", "status", "retired_ms", "token_hash"),
    )
    query = (
        select(*(_PLACE.c[name] for name in columns), rollout_hold.c.why.label("held_why"))
        .outerjoin(rollout_hold, rollout_hold.c.location == _PLACE.c.id)
        .where(visible_to(reach, _PLACE.c.id), _is_in_service(), _PLACE.c.id > after)
    )
    if version is not None:
        query = query.where(_PLACE.c.version == version)
    if health:
        query = query.where(HEALTH[health]())
    return query.order_by(_PLACE.c.id)


def explained(row: Row) -> Row:
    """A location, with the reasons as its kiosk gave them."""
    said = kept.status_of(row.pop("status"))
    release = said.get("release") or {}
    back = release.get("went_back") or {}
    platform = f"{release.get('python', '')}-{release.get('machine', '')}".strip("-")
    return {
        **row,
        "unwell_reason": said.get("unwell_reason") or "",
        "back_reason": back.get("reason") or "",
        "back_ms": back.get("at_ms") or None,
        "platform": platform,
    }


def versions(connection: Connection, reach: Reach, now_ms: int, settings: Settings) -> list[Row]:
    """What runs, and at how many locations: the most first, each with how long it is supported and
    what is known against it."""
    silent_ms = now_ms - settings.silent_after_s * 1000
    count = func.count()
    query = (
        select(
            _PLACE.c.version,
            count.label("count"),
            count.filter(_PLACE.c.is_well.is_(False)).label("unwell"),
            count.filter(_PLACE.c.last_sync_ms < silent_ms).label("silent"),
            count.filter(_PLACE.c.release_state == GOOD).label("good"),
            count.filter(_PLACE.c.release_state == TRIAL).label("trial"),
        )
        .where(_is_in_service(), visible_to(reach, _PLACE.c.id))
        .group_by(_PLACE.c.version)
        .order_by(count.desc(), _PLACE.c.version)
        .limit(VERSIONS_SHOWN)
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    ends, known = _ends_of_support(connection), _advisories(connection)
    for row in rows:
        end_ms = ends.get(row["version"])
        row["end_of_support_ms"] = end_ms
        row["is_unsupported"] = end_ms is not None and end_ms <= now_ms
        row |= known.get(row["version"], {"checked_ms": None, "dump_newest": "", "advisories": []})
    return rows


def releases(connection: Connection) -> list[str]:
    """The releases that are here, the newest first."""
    table = release_table
    found = connection.execute(select(table.c.version).distinct()).scalars().all()
    return sorted(found, key=_number, reverse=True)


def _number(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def _ends_of_support(connection: Connection) -> dict[str, int | None]:
    table = release_table
    query = select(table.c.version, func.min(table.c.end_of_support_ms)).group_by(table.c.version)
    return {row[0]: row[1] for row in connection.execute(query)}


def _advisories(connection: Connection) -> dict[str, Row]:
    checked = connection.execute(select(release_checked)).mappings()
    found: dict[str, Row] = {
        row["release"]: {
            "checked_ms": row["checked_ms"],
            "dump_newest": row["dump_newest"],
            "advisories": [],
        }
        for row in checked
    }
    table = release_advisory
    query = select(table).order_by(table.c.release, table.c.package, table.c.advisory)
    for row in connection.execute(query).mappings():
        if row["release"] in found:
            found[row["release"]]["advisories"].append(dict(row))
    return found
