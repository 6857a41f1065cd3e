"""A bank of doors as it stands in the steel, drawn for a location's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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
