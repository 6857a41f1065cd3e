"""The nearest locations with a free slot, exact on any database.

A box around the place grows until it holds enough, on the index of locations with something free;
then the great circle decides (haversine, earth's mean radius 6,371 km). What is announced to a
location and not there yet takes a slot in the count, which is kept with it (`note_room`).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Select,
    Table,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    true,
)

from central import schema
from central.carriers.places import is_limited, works_at
from central.globe import HALF_ROUND_KM, Shape, box_around, distance_km
from central.packages.sizes import Asker, sizes_of
from central.sync.room import promises

FIRST_BOX_KM = 5.0
COUNT_MAX = 50
HALVINGS = 8
GROWTH = 1.2
"""A box that was too small is little larger the next time: all in it is read."""
TOGETHER = 500
"""Of so many locations at a time it is asked who promised their doors."""


def nearest(
    connection: Connection,
    latitude: float,
    longitude: float,
    size: str | None,
    count: int,
    asker: Asker | None = None,
) -> list[dict[str, Any]]:
    """The nearest `count` locations that have a slot of this size (or any) free, nearest first, in
    the eyes of a sender or of an operator."""
    count = max(1, min(count, COUNT_MAX))
    where = _Where(size is not None, asker is not None and is_limited(connection, asker.carrier))
    whose = {} if asker is None else {"carrier": asker.carrier}
    radius_km = _first_radius_km(connection, latitude, longitude, size, count, where, whose)
    shared = _Shared(connection, size, asker, where)
    while True:
        shape, box = box_around(latitude, longitude, radius_km)
        values = {**box, "wanted": size, **whose}
        rows = connection.execute(_open_in(shape, where), values).mappings()
        both = [dict(row) for row in (*rows, *shared.within(shape, values))]
        found = sorted(
            (
                {**row, "distance_km": _away(latitude, longitude, row)}
                for row in shared.without_kept(both)
            ),
            key=lambda place: (place["distance_km"], place["id"]),
        )
        # What is farther than the box is wide may be beaten by something outside it.
        sure = [place for place in found if place["distance_km"] <= radius_km]
        if len(sure) >= count or radius_km >= HALF_ROUND_KM:
            places = sure if len(sure) >= count else found
            return [_answer_of(place) for place in places[:count]]
        # As far as the last of them is away there are enough for sure.
        last = found[count - 1 :][:1]
        radius_km = last[0]["distance_km"] if last else radius_km * GROWTH


def _first_radius_km(
    connection: Connection,
    latitude: float,
    longitude: float,
    size: str | None,
    count: int,
    where: _Where,
    whose: dict[str, str],
) -> float:
    """Where to begin: how far it is, roughly, until there are enough open locations, and not many
    more, each of which would have to be read."""
    few, many = 2 * count, 8 * count

    def number(radius_km: float) -> int:
        shape, box = box_around(latitude, longitude, radius_km)
        values = {**box, "wanted": size, "most": many + 1, **whose}
        return int(connection.execute(_how_many_in(shape, where), values).scalar_one())

    near_km, far_km = 0.0, FIRST_BOX_KM
    while (found := number(far_km)) < few:
        if far_km >= HALF_ROUND_KM:
            return far_km
        near_km, far_km = far_km, far_km * 4
    for _ in range(HALVINGS):
        if found <= many:
            break
        middle_km = (near_km + far_km) / 2
        if (found_here := number(middle_km)) < few:
            near_km = middle_km
        else:
            far_km, found = middle_km, found_here
    return far_km


class _Where(NamedTuple):
    """Among which locations it is looked."""

    is_of_one_size: bool
    is_limited: bool
    """Only among those where the asker's carrier works."""


class _Shared:
    """Locations whose free doors are all promised: who promised them counts for a sender, to whom
    the others' announcements leave a share. Those where somebody has more than that are looked at,
    each once."""

    def __init__(
        self, connection: Connection, size: str | None, asker: Asker | None, where: _Where
    ) -> None:
        self._connection, self._size, self._asker = connection, size, asker
        self._where = where
        self._free: dict[str, int] = {}
        self._left: dict[str, int | None] = {}

    def within(self, shape: Shape, values: dict[str, Any]) -> list[dict[str, Any]]:
        """Those in a box that have room in the sender's eyes."""
        if self._asker is None:
            return []
        promised = _promised_in(shape, self._where)
        values = {**values, "share": self._asker.share}
        rows = [dict(row) for row in self._connection.execute(promised, values).mappings()]
        new = [row for row in rows if row["id"] not in self._free]
        for start in range(0, len(new), TOGETHER):
            self._look(new[start : start + TOGETHER], self._asker)
        return [{**row, "free": free} for row in rows if (free := self._free[row["id"]]) > 0]

    def without_kept(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """These, but for the doors that are kept for other carriers."""
        if self._asker is None:
            return rows
        new = [row["id"] for row in rows if row["id"] not in self._left]
        self._left |= dict.fromkeys(new)
        for start in range(0, len(new), TOGETHER):
            some = {"locations": new[start : start + TOGETHER]}
            for location in self._connection.execute(_WITH_SHARES, some).scalars().all():
                sizes = sizes_of(self._connection, location, self._asker)
                wanted = [each for each in sizes if self._size in (None, each.name)]
                self._left[location] = sum(each.free for each in wanted)
        left = [(row, self._left[row["id"]]) for row in rows]
        return [
            row if free is None else {**row, "free": free}
            for row, free in left
            if free is None or free > 0
        ]

    def _look(self, rows: list[dict[str, Any]], asker: Asker) -> None:
        values = {"locations": [row["id"] for row in rows], "wanted": self._size}
        senders: dict[str, dict[str | None, int]] = {row["id"]: {} for row in rows}
        for each in self._connection.execute(_senders(self._size is not None), values):
            senders[each.location][each.sender] = each.number
        for row in rows:
            taken = asker.taken(senders[row["id"]], int(row["total"]))
            self._free[row["id"]] = int(row["free"]) - taken


def _away(latitude: float, longitude: float, row: Any) -> float:
    return distance_km(latitude, longitude, row["latitude"], row["longitude"])


_LOCATION, _SIZE = schema.location, schema.location_size
_WITH_SHARES = (
    select(schema.door_share.c.location)
    .where(schema.door_share.c.location.in_(bindparam("locations", expanding=True)))
    .distinct()
)
_PLACE = (
    _LOCATION.c.id,
    _LOCATION.c.name,
    _LOCATION.c.address,
    _LOCATION.c.latitude,
    _LOCATION.c.longitude,
)


def _inbox_around(shape: Shape, where: _Where, *columns: Any) -> Select[Any]:
    """Locations in a box, with more columns; found by the place of the size, if one is wanted."""
    table = _SIZE if where.is_of_one_size else _LOCATION
    found = select(*_PLACE, *columns).where(
        _LOCATION.c.revoked_ms.is_(None),
        table.c.latitude.between(bindparam("south"), bindparam("north")),
        _columns(shape, table),
    )
    if where.is_of_one_size:
        found = found.where(_SIZE.c.size == bindparam("wanted"), _SIZE.c.location == _LOCATION.c.id)
    if where.is_limited:
        found = found.where(works_at(bindparam("carrier")))
    return found


@cache
def _open_in(shape: Shape, where: _Where) -> Select[Any]:
    """The locations in a box with more free than is promised."""
    table = _SIZE if where.is_of_one_size else _LOCATION
    free = (table.c.free - table.c.promised).label("free")
    return _inbox_around(shape, where, free).where(table.c.free > table.c.promised)


@cache
def _how_many_in(shape: Shape, where: _Where) -> Select[Any]:
    """How many of them there are, counted no further than `most`."""
    found = _open_in(shape, where).with_only_columns(_LOCATION.c.id)
    return select(func.count()).select_from(found.limit(bindparam("most")).subquery())


@cache
def _promised_in(shape: Shape, where: _Where) -> Select[Any]:
    """The locations in a box with something free that is all promised, where one sender has more
    than the share that counts for the others."""
    table = _SIZE if where.is_of_one_size else _LOCATION
    total: Any = _SIZE.c.total
    if not where.is_of_one_size:
        total = select(func.sum(_SIZE.c.total)).where(_SIZE.c.location == _LOCATION.c.id)
        total = func.coalesce(total.correlate(_LOCATION).scalar_subquery(), 0)
    return _inbox_around(shape, where, table.c.free, total.label("total")).where(
        # Said with the very number that the partial index has: a bound one would not use it.
        table.c.free > literal_column("0"),
        table.c.free <= table.c.promised,
        table.c.promised_to_one > 1,
        table.c.promised_to_one > total * bindparam("share"),
    )


@cache
def _senders(is_of_one_size: bool) -> Select[Any]:
    """Who announced how many packages of a size, or of any, to some locations, or reserved room."""
    some = promises(lambda place: place.in_(bindparam("locations", expanding=True))).subquery()
    found = select(some.c.location, some.c.sender, func.count().label("number"))
    found = found.group_by(some.c.location, some.c.sender)
    if is_of_one_size:
        found = found.where(or_(some.c.size == bindparam("wanted"), some.c.size.is_(None)))
    return found


def _columns(shape: Shape, table: Table) -> Any:
    column = table.c.longitude
    west: Any = bindparam("west")
    east: Any = bindparam("east")
    if shape is Shape.CAP:
        return true()
    if shape is Shape.OVER_180:
        return or_(column >= west, column <= east)
    return column.between(west, east)


def _answer_of(place: dict[str, Any]) -> dict[str, Any]:
    return {**place, "free": int(place["free"]), "distance_km": round(place["distance_km"], 3)}


def neighbours(
    connection: Connection, location: str, asker: Asker, count: int = 3
) -> list[dict[str, Any]]:
    """Where else a package could go when a location is full."""
    table = schema.location
    row = connection.execute(select(table).where(table.c.id == location)).first()
    if row is None or row.latitude is None:
        return []
    places = nearest(connection, row.latitude, row.longitude, None, count + 1, asker)
    return [place for place in places if place["id"] != location][:count]
