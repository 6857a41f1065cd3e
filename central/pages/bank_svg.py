"""What the pages draw: the map of all locations, and a bank of doors as it stands in the steel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAP_WIDTH, MAP_HEIGHT = 640.0, 360.0
MAP_MARGIN = 28.0
LEAST_SPAN_DEGREES = 0.02


@dataclass(frozen=True, slots=True)
class Dot:
    """A location on the map."""

    x: float
    y: float
    place: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Box:
    """A door in the drawing of the bank."""

    x: float
    y: float
    width: float
    height: float
    label: str
    look: str
    title: str


def dots(places: Sequence[Mapping[str, Any]]) -> list[Dot]:
    """The places that have coordinates, on a map that just holds them all (equirectangular)."""
    known = [each for each in places if each["latitude"] is not None]
    if not known:
        return []
    south, north = _span([each["latitude"] for each in known])
    west, east = _span([each["longitude"] for each in known])
    narrowing = math.cos(math.radians((south + north) / 2))
    scale = min(
        (MAP_WIDTH - 2 * MAP_MARGIN) / ((east - west) * narrowing),
        (MAP_HEIGHT - 2 * MAP_MARGIN) / (north - south),
    )
    return [
        Dot(
            round(MAP_WIDTH / 2 + (each["longitude"] - (west + east) / 2) * narrowing * scale, 1),
            round(MAP_HEIGHT / 2 - (each["latitude"] - (south + north) / 2) * scale, 1),
            each,
        )
        for each in known
    ]


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    spare = max(0.0, LEAST_SPAN_DEGREES - (high - low)) / 2
    return low - spare, high + spare


def look_of(slot: Mapping[str, Any]) -> str:
    """The one thing that matters most about a door."""
    if not slot["is_reachable"]:
        return "away"
    if slot["door"] == "OPEN":
        return "open"
    if slot["service"] != "IN_SERVICE":
        return "out"
    return str(slot["status"]).lower()


def bank(layout: Mapping[str, Any], slots: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The doors of a location where its kiosk says they are; without a layout, in a row each."""
    drawn = {each["label"]: each for each in layout.get("slots", ())}
    if not all(slot["label"] in drawn for slot in slots):
        drawn = {slot["label"]: _in_rows(place) for place, slot in enumerate(slots)}
    screen = layout.get("screen")
    faces = [*(drawn[slot["label"]] for slot in slots), *([screen] if screen else [])]
    left = min((face["left_mm"] for face in faces), default=0)
    top = max((face["bottom_mm"] + face["height_mm"] for face in faces), default=0)
    right = max((face["left_mm"] + face["width_mm"] for face in faces), default=1)
    bottom = min((face["bottom_mm"] for face in faces), default=0)
    boxes = [_box(drawn[slot["label"]], slot, left, top) for slot in slots]
    return {
        "boxes": boxes,
        "screen": _place(screen, left, top) if screen else None,
        "width": right - left,
        "height": top - bottom,
    }


def _in_rows(place: int) -> dict[str, int]:
    row, column = divmod(place, 12)
    size = {"width_mm": 300, "height_mm": 200}
    return {"left_mm": column * 310, "bottom_mm": -row * 210, **size}


def _place(face: Mapping[str, Any], left: float, top: float) -> tuple[float, float, float, float]:
    x, y = face["left_mm"] - left, top - face["bottom_mm"] - face["height_mm"]
    return x, y, face["width_mm"], face["height_mm"]


def _box(face: Mapping[str, Any], slot: Mapping[str, Any], left: float, top: float) -> Box:
    details = [slot["status"].lower(), f"door {slot['door'].lower()}"]
    if slot["service"] != "IN_SERVICE":
        details.append(f"{slot['service'].lower().replace('_', ' ')}: {slot['service_reason']}")
    if slot["suspect"]:
        details.append(str(slot["suspect"]).lower().replace("_", " "))
    title = f"Door {slot['label']}: {', '.join(details)}"
    return Box(*_place(face, left, top), slot["label"], look_of(slot), title)
