"""The coasts and borders behind the map of locations, from open data that is shipped.

`countries-50m.json` holds the arcs of the file of that name of world-atlas 2.0.2 (ISC licence,
beside it), which come from Natural Earth at 1:50,000,000 (public domain; https://naturalearthdata.com).
They are in the form of TopoJSON: each arc is a line of steps, of whole numbers, from the step
before. So the map needs nobody else's server, and tells nobody where lockers stand.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parent / "countries-50m.json"
Point = tuple[float, float]
"""East and north, in degrees."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of the world, in degrees."""

    west: float
    south: float
    east: float
    north: float

    def meets(self, other: View) -> bool:
        """Whether two parts have something in common."""
        return (
            self.west <= other.east
            and other.west <= self.east
            and self.south <= other.north
            and other.south <= self.north
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of a coast or of a border."""

    points: tuple[Point, ...]
    extent: View


@functools.cache
def lines() -> tuple[Line, ...]:
    """All of them; read once."""
    file = json.loads(FILE.read_text(encoding="utf-8"))
    (east_each, north_each), (west, south) = file["transform"].values()
    found = []
    for arc in file["arcs"]:
        column, row, points = 0, 0, list[Point]()
        for step_east, step_north in arc:
            column, row = column + step_east, row + step_north
            points.append((west + column * east_each, south + row * north_each))
        easts, norths = [point[0] for point in points], [point[1] for point in points]
        extent = View(min(easts), min(norths), max(easts), max(norths))
        found.append(Line(tuple(points), extent))
    return tuple(found)


def within(view: View) -> Iterator[tuple[Point, ...]]:
    """The lines of a part of the world; what leaves it is cut off, one point beyond."""
    for line in lines():
        if line.extent.meets(view):
            yield from _pieces(line.points, view)


def _pieces(points: tuple[Point, ...], view: View) -> Iterator[tuple[Point, ...]]:
    piece: list[Point] = []
    for here, there in itertools.pairwise(points):
        step = View(
            min(here[0], there[0]), min(here[1], there[1]),
            max(here[0], there[0]), max(here[1], there[1]),
        )  # fmt: skip
        if step.meets(view):
            piece = piece or [here]
            piece.append(there)
        elif piece:
            yield tuple(piece)
            piece = []
    if piece:
        yield tuple(piece)
