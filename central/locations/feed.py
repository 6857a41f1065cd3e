"""The feed of locations for check-outs: all of them page by page, or those that changed since.

A location that is gone stays in it as an id that says so: whoever keeps a copy takes it out. To a
carrier one where it works no more is gone, too, and one where it begins to work has changed. What
is shown changes with each door that is taken or freed, so the room is as live as the row is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Select, Text, bindparam, or_, select, tuple_

from central import kept, schema
from central.auth import Program
from central.carriers import places
from central.database.own_clock import NowMs
from central.opening_hours import hours_of
from central.packages import cursors
from central.packages.listing import OVERLAP_MS
from central.simulated import IS_SANDBOX
from central.tokens import Secrets
from kiosk.model.carriers import OPERATOR

MOST: Final = 500
_LOCATION, _SIZE, _LISTING = schema.location, schema.location_size, schema.location_listing
_CARRIER = schema.carrier
_NOW = select(NowMs())


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for; what is None is left open."""

    country: str | None = None
    changed_since_ms: int | None = None


def page(
    connection: Connection,
    secrets: Secrets,
    program: Program,
    asked: Asked,
    cursor: str | None,
    limit: int,
) -> dict[str, Any]:
    """One page, and where it goes on. Raises `RequestError`."""
    place: list[Any] = [asked.changed_since_ms or 0, ""]
    if cursor is not None:
        place = cursors.read(secrets, f"locations {program.id}", asdict(asked), cursor)
    now_ms = int(connection.execute(_NOW).scalar_one())
    values = {"after": place[0], "after_id": place[1], "most": limit + 1, "of": asked.country}
    values |= {"own": program.sandbox, "carrier": program.carrier}
    is_since = asked.changed_since_ms is not None
    found = _walked(
        is_since=is_since,
        is_of_one=asked.country is not None,
        is_sandbox=bool(program.sandbox),
        is_limited=places.is_limited(connection, program.carrier),
    )
    rows = [_Found(row.listed_ms, row.id, row) for row in connection.execute(found, values)]
    if is_since and program.carrier != OPERATOR and not program.sandbox:
        changed = connection.execute(_changed(is_of_one=asked.country is not None), values)
        rows = sorted([*rows, *(_Found(row.of_ms, row.id, row, row.works) for row in changed)])
    some = rows[:limit]
    answer: dict[str, Any] = {"locations": _shown(connection, some), "next": None}
    if len(rows) > limit:
        last = [some[-1].at_ms if is_since else 0, some[-1].id]
        of = f"locations {program.id}"
        answer["next"] = cursors.made(secrets, of, asdict(asked), last)
    if asked.changed_since_ms is not None:
        since_ms = max(asked.changed_since_ms, now_ms - OVERLAP_MS)
        answer["next_since_ms"] = None if answer["next"] else since_ms
    return answer


@cache
def _walked(*, is_since: bool, is_of_one: bool, is_sandbox: bool, is_limited: bool) -> Select[Any]:
    """The next locations, along an index; `is_limited`: where the asker's carrier works."""
    after: Any = bindparam("after")
    after_id: Any = bindparam("after_id")
    rows = select(_LOCATION)
    if is_since:
        behind = tuple_(_LOCATION.c.listed_ms, _LOCATION.c.id) > tuple_(after, after_id)
        rows = rows.where(behind).order_by(_LOCATION.c.listed_ms, _LOCATION.c.id)
    else:
        # Who takes all of them needs no word of those that are gone.
        rows = rows.where(_LOCATION.c.id > after_id, _LOCATION.c.revoked_ms.is_(None))
        rows = rows.order_by(_LOCATION.c.id)
    if is_of_one:
        rows = rows.where(_LOCATION.c.country == bindparam("of"))
    if is_limited:
        rows = rows.where(places.works_at(bindparam("carrier")))
    if is_sandbox:
        return rows.where(_LOCATION.c.id == bindparam("own")).limit(bindparam("most"))
    return rows.where(~IS_SANDBOX).limit(bindparam("most"))


@dataclass(frozen=True, slots=True, order=True)
class _Found:
    """A location, and where in the list it stands."""

    at_ms: int
    id: str
    row: Any = field(compare=False)
    works: bool = field(default=True, compare=False)
    """Whether it is one of the asker's."""


@cache
def _changed(*, is_of_one: bool) -> Select[Any]:
    """The next locations where the asker's carrier began or ceased to work."""
    of_it, carrier = schema.place_change, bindparam("carrier", type_=Text())
    works = or_(
        ~select(_CARRIER.c.is_limited).where(_CARRIER.c.id == carrier).scalar_subquery(),
        places.works_at(carrier),
    )
    rows = select(_LOCATION, of_it.c.changed_ms.label("of_ms"), works.label("works"))
    rows = rows.join(of_it, of_it.c.location == _LOCATION.c.id)
    behind = tuple_(of_it.c.changed_ms, of_it.c.location) > tuple_(
        bindparam("after"), bindparam("after_id")
    )
    rows = rows.where(of_it.c.carrier == carrier, behind)
    if is_of_one:
        rows = rows.where(_LOCATION.c.country == bindparam("of"))
    return rows.order_by(of_it.c.changed_ms, of_it.c.location).limit(bindparam("most"))


def _shown(connection: Connection, some: Sequence[_Found]) -> list[dict[str, Any]]:
    """What a page shows: each location once, at the last of its places, and of what is not the
    asker's any more that it is gone."""
    last = list({each.id: each for each in reversed(some)}.values())[::-1]
    known = iter(described(connection, [each.row for each in last if each.works]))
    return [next(known) if each.works else _gone(each.id, each.at_ms) for each in last]


def _gone(location: str, at_ms: int) -> dict[str, Any]:
    return {"id": location, "gone": True, "changed_ms": at_ms or None}


def described(connection: Connection, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Locations as the feed has them."""
    ids = [row.id for row in rows]
    sizes: dict[str, list[Any]] = {each: [] for each in ids}
    of_size = select(_SIZE).where(_SIZE.c.location.in_(ids)).order_by(_SIZE.c.rank, _SIZE.c.size)
    for each in connection.execute(of_size):
        sizes[each.location].append(each)
    listings = connection.execute(select(_LISTING).where(_LISTING.c.location.in_(ids)))
    listed = {each.location: each for each in listings}
    return [_location(row, sizes[row.id], listed.get(row.id)) for row in rows]


def _location(row: Any, sizes: Sequence[Any], listing: Any) -> dict[str, Any]:
    if row.revoked_ms is not None or row.retired_ms is not None:
        return _gone(row.id, row.listed_ms)
    hours = "" if listing is None else listing.opening_hours
    return {
        "id": row.id,
        "gone": False,
        "name": row.name,
        "address": row.address,
        "country": row.country,
        "latitude": row.latitude,
        "longitude": row.longitude,
        "time_zone": row.time_zone,
        "directions": "" if listing is None else listing.directions,
        "photo_url": (listing.photo_url if listing is not None else "") or None,
        "opening_hours": hours or None,
        "hours": hours_of(hours),
        "accessibility": _words(listing, "accessibility"),
        "services": _words(listing, "services"),
        "languages": kept.names_of(row.languages),
        "sizes": [_size(each) for each in sizes],
        "free": max(0, row.free - row.promised),
        "changed_ms": row.listed_ms or None,
    }


def listing_of(connection: Connection, location: str) -> dict[str, Any]:
    """What people are shown of a location beside its name and address, for who writes it down."""
    row = connection.execute(select(_LISTING).where(_LISTING.c.location == location)).first()
    texts = ("directions", "photo_url", "opening_hours")
    said: dict[str, Any] = {name: getattr(row, name, "") for name in texts}
    return said | {name: _words(row, name) for name in ("accessibility", "services")}


def _words(listing: Any, column: str) -> list[str]:
    return [] if listing is None else kept.names_of(getattr(listing, column))


def _size(row: Any) -> dict[str, Any]:
    return {
        "size": row.size,
        "width_mm": row.width_mm,
        "height_mm": row.height_mm,
        "depth_mm": row.depth_mm,
        "max_weight_kg": row.max_weight_kg,
        "total": row.total,
        "free": max(0, row.free - row.promised),
    }


def tag_of(answer: dict[str, Any]) -> str:
    """The ETag of a page: the same as long as it says the same. What only says where the next
    question begins is no part of it."""
    said = {name: each for name, each in answer.items() if name != "next_since_ms"}
    return '"' + sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32] + '"'
