"""The map of all locations, on the coasts and borders around them (equirectangular)."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from central.pages import outlines
from central.pages.outlines import View

WIDTH: Final = 640.0
HEIGHT: Final = 360.0
MARGIN: Final = 28.0
LEAST_SPAN_DEGREES: Final = 0.02
NEAR: Final = 0.3
"""Points of an outline that are nearer to each other on the map are one."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A location on the map."""

    x: float
    y: float
    place: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The map, in its own units from its upper left corner."""

    dots: tuple[Dot, ...]
    outline: str
    """The path of the coasts and borders."""
    width: float = WIDTH
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class _Scale:
    """What of the world the map shows, and how large."""

    east: float
    north: float
    """Its middle, in degrees."""
    narrowing: float
    """How much narrower a degree to the east is there than one to the north."""
    size: float
    """Of a degree to the north."""

    def at(self, east: float, north: float) -> tuple[float, float]:
        return (
            round(WIDTH / 2 + (east - self.east) * self.narrowing * self.size, 1),
            round(HEIGHT / 2 - (north - self.north) * self.size, 1),
        )

    @property
    def view(self) -> View:
        wide, high = WIDTH / 2 / self.narrowing / self.size, HEIGHT / 2 / self.size
        return View(self.east - wide, self.north - high, self.east + wide, self.north + high)


def drawn(places: Sequence[Mapping[str, Any]]) -> Drawn | None:
    """The places that have coordinates, on a map that just holds them all; None without any."""
    known = [each for each in places if each["latitude"] is not None]
    if not known:
        return None
    scale = _scale([each["longitude"] for each in known], [each["latitude"] for each in known])
    dots = tuple(Dot(*scale.at(each["longitude"], each["latitude"]), each) for each in known)
    return Drawn(dots, _outline(scale))


def _scale(easts: Sequence[float], norths: Sequence[float]) -> _Scale:
    (west, east), (south, north) = _span(easts), _span(norths)
    narrowing = math.cos(math.radians((south + north) / 2))
    size = min(
        (WIDTH - 2 * MARGIN) / ((east - west) * narrowing), (HEIGHT - 2 * MARGIN) / (north - south)
    )
    return _Scale((west + east) / 2, (south + north) / 2, narrowing, size)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    spare = max(0.0, LEAST_SPAN_DEGREES - (high - low)) / 2
    return low - spare, high + spare


@functools.lru_cache(maxsize=16)
def _outline(scale: _Scale) -> str:
    """Kept, since it is the same as long as no location comes or goes at the edge."""
    drawn_lines = []
    for line in outlines.within(scale.view):
        points: list[tuple[float, float]] = []
        for place in line:
            x, y = scale.at(*place)
            if not points or math.dist(points[-1], (x, y)) >= NEAR:
                points.append((x, y))
        if len(points) > 1:
            drawn_lines.append("M" + "L".join(f"{x:g} {y:g}" for x, y in points))
    return "".join(drawn_lines)
