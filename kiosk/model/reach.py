"""What of a location not everybody reaches, in sentences for who installs it."""

from __future__ import annotations

from kiosk.model.allocation import has_low_slot
from kiosk.model.location import Location, Rectangle


def out_of_reach(location: Location, has_scanner: bool) -> list[str]:
    """What not everybody reaches there, each in a sentence with its height and what would be
    right. `has_scanner` where one is mounted, whether or not anybody said where."""
    said = [*_doors(location), *_sizes(location), *_part("[screen]", location.screen, location)]
    if location.scanner is not None:
        said += _part("[scanner_place]", location.scanner, location)
    elif has_scanner:
        said.append(
            "Whether everybody reaches the scanner is not known: say in [scanner_place] where it"
            f" is; right is {location.reach} above the floor."
        )
    return said


def _doors(location: Location) -> list[str]:
    reach = location.reach
    over = [
        f"{slot.label} (up to {slot.door.bottom_mm + slot.door.height_mm} mm)"
        for slot in location.slots
        if reach.is_over(slot.door)
    ]
    under = [
        f"{slot.label} (from {slot.door.bottom_mm} mm)"
        for slot in location.slots
        if reach.is_under(slot.door)
    ]
    said = []
    if over:
        right = f"within everybody's reach a door ends at {reach.highest_mm} mm at most"
        said.append(f"Doors that are too high for some: {', '.join(over)}; {right}.")
    if under:
        right = f"within everybody's reach a door begins at {reach.lowest_mm} mm at least"
        said.append(f"Doors that are too near to the floor for some: {', '.join(under)}; {right}.")
    return said


def _sizes(location: Location) -> list[str]:
    """The sizes for which no door is within reach, however empty the bank is."""
    there = {slot.size for slot in location.slots}
    return [
        f"No door of size {size.name} is within everybody's reach: what needs this size lies out of"
        f" reach of some, also for who asks for a reachable door; right is at least one from"
        f" {location.reach}."
        for size in location.sizes
        if size.name in there and not has_low_slot(location, size.name)
    ]


def _part(name: str, part: Rectangle, location: Location) -> list[str]:
    reach, top_mm = location.reach, part.bottom_mm + part.height_mm
    if reach.holds(part):
        return []
    highest_bottom_mm = reach.highest_mm - part.height_mm
    right = f"bottom_mm from {reach.lowest_mm} to {highest_bottom_mm}"
    if highest_bottom_mm < reach.lowest_mm:
        right = f"a height_mm of at most {reach.highest_mm - reach.lowest_mm}"
    return [
        f"{name} stands from {part.bottom_mm} to {top_mm} mm above the floor, and everybody reaches"
        f" only {reach}: right is {right}."
    ]
