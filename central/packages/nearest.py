"""The nearest locations with a free slot, exact on any database.

A box around the place grows until it holds enough, on the index of locations with something free;
then the great circle decides (haversine, earth's mean radius 6,371 km). What is announced to a
location and not there yet takes a slot in the count.
"""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, true

from central import schema

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
    connection: Connection, latitude: float, longitude: float, size: str | None, count: int
) -> list[dict[str, Any]]:
    """The nearest `count` locations that have a slot of this size (or any) free, nearest first."""
    count = max(1, min(count, COUNT_MAX))
    radius_km = FIRST_BOX_KM
    while True:
        rows = connection.execute(_candidates(latitude, longitude, size, radius_km)).mappings()
        found = sorted(
            ({**row, "distance_km": _away(latitude, longitude, row)} for row in rows),
            key=lambda place: (place["distance_km"], place["id"]),
        )
        # What is farther than the box is wide may be beaten by something outside it.
        sure = [place for place in found if place["distance_km"] <= radius_km]
        if len(sure) >= count or radius_km >= HALF_ROUND_KM:
            places = sure if len(sure) >= count else found
            return [_told(place) for place in places[:count]]
        radius_km *= 4


def _away(latitude: float, longitude: float, row: Any) -> float:
    return distance_km(latitude, longitude, row["latitude"], row["longitude"])


def _candidates(latitude: float, longitude: float, size: str | None, radius_km: float) -> Any:
    location, sizes, package = schema.location, schema.location_size, schema.package
    expected = (
        select(package.c.location, func.count().label("number"))
        .where(package.c.status == "PENDING", package.c.is_announced.is_(True))
        .where(or_(package.c.size == size, package.c.size.is_(None)) if size else true())
        .group_by(package.c.location)
        .subquery()
    )
    free = func.sum(sizes.c.free).label("free")
    left = free - func.coalesce(func.max(expected.c.number), 0)
    statement = (
        select(
            location.c.id,
            location.c.name,
            location.c.address,
            location.c.latitude,
            location.c.longitude,
            left.label("free"),
        )
        .join(sizes, sizes.c.location == location.c.id)
        .outerjoin(expected, expected.c.location == location.c.id)
        .where(location.c.free > 0, location.c.revoked_ms.is_(None))
        .where(_in_box(latitude, longitude, radius_km))
        .group_by(location.c.id)
        .having(left > 0)
    )
    return statement.where(sizes.c.size == size) if size else statement


def _in_box(latitude: float, longitude: float, radius_km: float) -> Any:
    """Whether a location is in the box; over ±180° it has two parts, at the poles it is a cap."""
    location = schema.location
    high = radius_km / KM_PER_DEGREE
    south, north = latitude - high, latitude + high
    rows = location.c.latitude.between(south, north)
    if south <= -90 or north >= 90:
        return rows
    # The box must be as wide as the circle where the circle is widest in degrees.
    ratio = math.sin(radius_km / EARTH_KM) / math.cos(math.radians(latitude))
    if radius_km >= HALF_ROUND_KM / 2 or ratio >= 1:
        return rows
    wide = math.degrees(math.asin(ratio))
    west, east = longitude - wide, longitude + wide
    column = location.c.longitude
    if west < -180:
        return and_(rows, or_(column >= west + 360, column <= east))
    if east > 180:
        return and_(rows, or_(column >= west, column <= east - 360))
    return and_(rows, column.between(west, east))


def _told(place: dict[str, Any]) -> dict[str, Any]:
    return {**place, "free": int(place["free"]), "distance_km": round(place["distance_km"], 3)}


def neighbours(connection: Connection, location: str, count: int = 3) -> list[dict[str, Any]]:
    """Where else a package could go when a location is full."""
    table = schema.location
    row = connection.execute(select(table).where(table.c.id == location)).first()
    if row is None or row.latitude is None:
        return []
    places = nearest(connection, row.latitude, row.longitude, None, count + 1)
    return [place for place in places if place["id"] != location][:count]
