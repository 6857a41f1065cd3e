"""Where a door is, seen by a person in front of the screen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kiosk.model.location import Location, Rectangle


class Side(StrEnum):
    """Left or right of the screen, as the person sees it."""

    LEFT = "LEFT"
    HERE = "HERE"
    RIGHT = "RIGHT"


class Level(StrEnum):
    """The third of the bank's height that a door is in."""

    TOP = "TOP"
    MIDDLE = "MIDDLE"
    BOTTOM = "BOTTOM"


@dataclass(frozen=True, slots=True)
class Direction:
    """A door's direction from the screen, and its level."""

    side: Side
    above: bool
    level: Level


def bank_outline(location: Location) -> Rectangle:
    """The smallest rectangle around all lockers and the screen, in the drawing's millimetres."""
    boxes = [locker.outline for locker in location.lockers] + [location.screen]
    left = min(box.left_mm for box in boxes)
    bottom = min(box.bottom_mm for box in boxes)
    right = max(box.left_mm + box.width_mm for box in boxes)
    top = max(box.bottom_mm + box.height_mm for box in boxes)
    return Rectangle(left, bottom, right - left, top - bottom)


def arrow_to(place: Rectangle, screen: Rectangle) -> tuple[int, int]:
    """From the screen to something else in the drawing: -1 for left and down, 1 for right and up,
    0 for level with the screen."""
    middle_x = place.left_mm + place.width_mm / 2
    middle_y = place.bottom_mm + place.height_mm / 2
    across = (middle_x > screen.left_mm + screen.width_mm) - (middle_x < screen.left_mm)
    up = (middle_y > screen.bottom_mm + screen.height_mm) - (middle_y < screen.bottom_mm)
    return across, up


def direction_of(label: str, location: Location) -> Direction:
    """Where the door with this label is, from in front of the screen."""
    door, screen, bank = location.slot(label).door, location.screen, bank_outline(location)
    middle_x = door.left_mm + door.width_mm / 2
    middle_y = door.bottom_mm + door.height_mm / 2
    if screen.left_mm <= middle_x <= screen.left_mm + screen.width_mm:
        side = Side.HERE
    else:
        side = Side.LEFT if middle_x < screen.left_mm else Side.RIGHT
    height = (middle_y - bank.bottom_mm) / bank.height_mm
    level = Level.BOTTOM if height < 1 / 3 else Level.MIDDLE if height < 2 / 3 else Level.TOP
    above = middle_y > screen.bottom_mm + screen.height_mm / 2
    return Direction(side, above, level)
