"""Distances on the ground, and boxes of degrees around a place."""

from __future__ import annotations

import math
from enum import StrEnum

EARTH_KM = 6371.0088
KM_PER_DEGREE = 111.195
HALF_ROUND_KM = math.pi * EARTH_KM


def distance_km(latitude: float, longitude: float, other_latitude: float, other: float) -> float:
    """The distance of two places on the ground, in kilometres."""
    one, two = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(other - longitude)
    chord = (
        math.sin((two - one) / 2) ** 2 + math.cos(one) * math.cos(two) * math.sin(across / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))


class Shape(StrEnum):
    """How a box lies on the globe."""

    PLAIN = "PLAIN"
    OVER_180 = "OVER_180"
    """Over ±180° it has two parts."""
    CAP = "CAP"
    """At a pole it is all the way round."""


def box_around(
    latitude: float, longitude: float, radius_km: float
) -> tuple[Shape, dict[str, float]]:
    """The box that holds the circle, and how it lies."""
    high = radius_km / KM_PER_DEGREE
    south, north = latitude - high, latitude + high
    rows = {"south": south, "north": north}
    if south <= -90 or north >= 90:
        return Shape.CAP, rows
    # The box must be as wide as the circle where the circle is widest in degrees.
    ratio = math.sin(radius_km / EARTH_KM) / math.cos(math.radians(latitude))
    if radius_km >= HALF_ROUND_KM / 2 or ratio >= 1:
        return Shape.CAP, rows
    wide = math.degrees(math.asin(ratio))
    west, east = longitude - wide, longitude + wide
    if west < -180:
        return Shape.OVER_180, rows | {"west": west + 360, "east": east}
    if east > 180:
        return Shape.OVER_180, rows | {"west": west, "east": east - 360}
    return Shape.PLAIN, rows | {"west": west, "east": east}
