"""The nearest locations with a free slot, exact on any database.

A box around the place grows until it holds enough, on the index of locations with something free;
then the great circle decides (haversine, earth's mean radius 6,371 km). What is announced to a
location and not there yet takes a slot in the count.
"""

from __future__ import annotations

import math
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, or_, select, true

from central import schema
from central.packages.sizes import Asker, announced_to, sizes_of

EARTH_KM = 6371.0088
FIRST_BOX_KM = 5.0
KM_PER_DEGREE = 111.195
HALF_ROUND_KM = math.pi * EARTH_KM
COUNT_MAX = 50


def distance_km(latitude: float, longitude: float, other_latitude: float, other: float) -> float:
    """The distance of two places on the ground, in kilometres."""
    one, two = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(other - longitude)
    chord = (
        math.sin((two - one) / 2) ** 2 + math.cos(one) * math.cos(two) * math.sin(across / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))


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
    radius_km = FIRST_BOX_KM
    while True:
        shape, box = _box(latitude, longitude, radius_km)
        rows = connection.execute(_candidates(shape, size is not None), {**box, "wanted": size})
        found = sorted(
            (
                {**row, "free": free, "distance_km": _away(latitude, longitude, row)}
                for row in rows.mappings()
                if (free := _free(connection, row, size, asker)) > 0
            ),
            key=lambda place: (place["distance_km"], place["id"]),
        )
        # What is farther than the box is wide may be beaten by something outside it.
        sure = [place for place in found if place["distance_km"] <= radius_km]
        if len(sure) >= count or radius_km >= HALF_ROUND_KM:
            places = sure if len(sure) >= count else found
            return [_answer_of(place) for place in places[:count]]
        radius_km *= 4


def _free(connection: Connection, row: Any, size: str | None, asker: Asker | None) -> int:
    """How many slots are free; where all are promised it counts who promised them."""
    if row["free"] > 0 or asker is None:
        return int(row["free"])
    sizes = [each for each in sizes_of(connection, row["id"]) if size in (None, each.name)]
    senders: dict[str | None, int] = {}
    for of_size, some in announced_to(connection, row["id"]).items():
        if size is None or of_size in (size, None):
            for sender, number in some.items():
                senders[sender] = senders.get(sender, 0) + number
    promised = sum(senders.values())
    return int(row["free"]) + promised - asker.taken(senders, sum(each.total for each in sizes))


def _away(latitude: float, longitude: float, row: Any) -> float:
    return distance_km(latitude, longitude, row["latitude"], row["longitude"])


class _Shape(StrEnum):
    """How a box lies on the globe."""

    PLAIN = "PLAIN"
    OVER_180 = "OVER_180"
    """Over ±180° it has two parts."""
    CAP = "CAP"
    """At a pole it is all the way round."""


def _box(latitude: float, longitude: float, radius_km: float) -> tuple[_Shape, dict[str, float]]:
    """The box that holds the circle, and how it lies."""
    high = radius_km / KM_PER_DEGREE
    south, north = latitude - high, latitude + high
    rows = {"south": south, "north": north}
    if south <= -90 or north >= 90:
        return _Shape.CAP, rows
    # The box must be as wide as the circle where the circle is widest in degrees.
    ratio = math.sin(radius_km / EARTH_KM) / math.cos(math.radians(latitude))
    if radius_km >= HALF_ROUND_KM / 2 or ratio >= 1:
        return _Shape.CAP, rows
    wide = math.degrees(math.asin(ratio))
    west, east = longitude - wide, longitude + wide
    if west < -180:
        return _Shape.OVER_180, rows | {"west": west + 360, "east": east}
    if east > 180:
        return _Shape.OVER_180, rows | {"west": west, "east": east - 360}
    return _Shape.PLAIN, rows | {"west": west, "east": east}


@cache
def _candidates(shape: _Shape, is_of_one_size: bool) -> Any:
    """The locations in a box with something free, less what is announced to them."""
    location, sizes, package = schema.location, schema.location_size, schema.package
    expected = (
        select(func.count())
        .where(package.c.location == location.c.id)
        .where(package.c.status == "PENDING", package.c.is_announced)
        .correlate(location)
    )
    free = select(func.sum(sizes.c.free)).where(sizes.c.location == location.c.id)
    if is_of_one_size:
        wanted: Any = bindparam("wanted")
        expected = expected.where(or_(package.c.size == wanted, package.c.size.is_(None)))
        free = free.where(sizes.c.size == wanted)
    left = func.coalesce(free.correlate(location).scalar_subquery(), 0)
    return select(
        location.c.id,
        location.c.name,
        location.c.address,
        location.c.latitude,
        location.c.longitude,
        (left - expected.scalar_subquery()).label("free"),
    ).where(
        # Said with the very number that the partial index has: a bound one would not use it.
        location.c.free > literal_column("0"),
        location.c.revoked_ms.is_(None),
        location.c.latitude.between(bindparam("south"), bindparam("north")),
        _columns(shape),
    )


def _columns(shape: _Shape) -> Any:
    column = schema.location.c.longitude
    west: Any = bindparam("west")
    east: Any = bindparam("east")
    if shape is _Shape.CAP:
        return true()
    if shape is _Shape.OVER_180:
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
