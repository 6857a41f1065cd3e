"""The map of all locations stands where the world is, with coasts and borders around it."""

from __future__ import annotations

import re
from typing import Any

from central.pages import location_map, outlines
from central.pages.outlines import View


def place(latitude: float | None, longitude: float | None) -> dict[str, Any]:
    return {"latitude": latitude, "longitude": longitude, "name": "x", "id": "x", "health": "well"}


BERLIN, WARSAW, LISBON = place(52.52, 13.4), place(52.23, 21.0), place(38.72, -9.14)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]


def test_a_border_between_two_cities_runs_between_them() -> None:
    drawn = location_map.drawn([BERLIN, WARSAW])
    assert drawn is not None
    berlin, warsaw = drawn.dots
    assert berlin.x < warsaw.x
    between = [
        (x, y)
        for x, y in points(drawn.outline)
        if berlin.x < x < (berlin.x + warsaw.x) / 2 and abs(y - berlin.y) < 40
    ]
    assert between, "the Oder is nearer to Berlin"


def test_all_dots_are_on_the_map_and_the_outline_ends_near_its_edge() -> None:
    for places in ([BERLIN], [BERLIN, WARSAW, LISBON], [place(-90, -180), place(90, 180)]):
        drawn = location_map.drawn([*places, place(None, None)])
        assert drawn is not None
        assert len(drawn.dots) == len(places)
        for dot in drawn.dots:
            assert 0 <= dot.x <= drawn.width
            assert 0 <= dot.y <= drawn.height
        assert len(drawn.outline) < 400_000


def test_without_coordinates_there_is_no_map() -> None:
    assert location_map.drawn([]) is None
    assert location_map.drawn([place(None, None)]) is None


def test_lines_are_cut_where_they_leave_the_view() -> None:
    view = View(10, 50, 15, 55)
    pieces = list(outlines.within(view))
    assert pieces
    for piece in pieces:
        inside = [view.west <= east <= view.east for east, _ in piece]
        assert len(piece) >= 2
        assert any(inside) or len(piece) == 2
    assert list(outlines.within(View(-30, -45, -29, -44))) == [], "nothing is in the open sea"
