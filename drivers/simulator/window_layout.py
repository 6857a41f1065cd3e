"""Where everything is in the simulator's window: pure geometry, pixels from the bottom left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: pixels in the window, or millimetres in the drawing of the bank."""

    left: float
    bottom: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def top(self) -> float:
        return self.bottom + self.height

    @property
    def middle(self) -> tuple[float, float]:
        return self.left + self.width / 2, self.bottom + self.height / 2

    @property
    def pos(self) -> tuple[float, float]:
        return self.left, self.bottom

    @property
    def size(self) -> tuple[float, float]:
        return self.width, self.height

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies inside."""
        return self.left <= x < self.right and self.bottom <= y < self.top

    def overlaps(self, other: Box) -> bool:
        """Whether the two share an area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )


@dataclass(frozen=True, slots=True)
class DoorFace:
    """A door in the drawing, in millimetres."""

    slot: str
    size: str
    box: Box


@dataclass(frozen=True, slots=True)
class LockerFace:
    """A cabinet in the drawing, in millimetres."""

    label: str
    box: Box


@dataclass(frozen=True, slots=True)
class BankDrawing:
    """The bank seen from the front, in millimetres from its left end and the floor."""

    lockers: tuple[LockerFace, ...]
    doors: tuple[DoorFace, ...]
    screen: Box

    @property
    def outline(self) -> Box:
        """The smallest rectangle around all lockers and the screen."""
        boxes = [*(locker.box for locker in self.lockers), self.screen]
        left, bottom = min(box.left for box in boxes), min(box.bottom for box in boxes)
        right, top = max(box.right for box in boxes), max(box.top for box in boxes)
        return Box(left, bottom, right - left, top - bottom)

    @property
    def scanner(self) -> Box | None:
        """A place for the scanner under the screen; None when doors leave no room there."""
        screen = self.screen
        width, height = screen.width * 0.5, 70.0
        box = Box(screen.left + (screen.width - width) / 2, screen.bottom - 110, width, height)
        return None if any(door.box.overlaps(box) for door in self.doors) else box


@dataclass(frozen=True, slots=True)
class Scale:
    """Turns the drawing's millimetres into the window's pixels."""

    outline: Box
    place: Box

    @property
    def px_per_mm(self) -> float:
        return self.place.width / self.outline.width

    def __call__(self, box: Box) -> Box:
        """The box in whole pixels, so that edges are sharp and neighbours meet."""
        left, right = (self._x(x) for x in (box.left, box.right))
        bottom, top = (self._y(y) for y in (box.bottom, box.top))
        return Box(left, bottom, right - left, top - bottom)

    def _x(self, x: float) -> float:
        return float(round(self.place.left + (x - self.outline.left) * self.px_per_mm))

    def _y(self, y: float) -> float:
        return float(round(self.place.bottom + (y - self.outline.bottom) * self.px_per_mm))


@dataclass(frozen=True, slots=True)
class Areas:
    """The parts of the window."""

    header: Box
    cables: tuple[Box, ...]
    """One for each line of lock boards, above the bank."""
    bank: Box
    """The drawing itself, in the bank's own proportions."""
    bar: Box
    """Under the bank: what can be done with a door."""
    bar_buttons: tuple[Box, Box]
    labels: Box
    """The cards to scan, under their heading."""
    labels_heading: Box
    pins: Box | None
    phones: Box
    phones_heading: Box

    def cable_button(self, number: int) -> Box:
        """Where a cable is pulled or plugged in."""
        cable = self.cables[number]
        return Box(cable.right - 124, cable.bottom, 124, cable.height)


HEADING = 22.0
CABLE = 36.0
BAR = 40.0
PIN_LINE = 26.0


def arrange(width: float, height: float, outline: Box, *, cables: int = 1, pins: int = 2) -> Areas:
    """The parts for a window of this size around a bank with this outline.

    Args:
        width, height: of the window, in pixels.
        outline: of the bank, in millimetres; only its proportions matter.
        cables: how many lines of lock boards there are.
        pins: how many lines the card with the PINs has; 0 for no card.
    """
    edge = 12.0 if width < 700 else 20.0
    gap = 10.0 if width < 700 else 14.0
    header = Box(edge, height - 62, width - 2 * edge, 54)
    phones_height = min(max(height * 0.2, 148), 188)
    phones = Box(edge, edge, width - 2 * edge, phones_height)
    phones_heading = Box(edge, phones.top + 2, phones.width, HEADING)
    bottom, top = phones_heading.top + gap, header.bottom - gap / 2
    rows = cables * (CABLE + 6) + BAR + 2 * 8
    bank_height = max(top - bottom - rows, 120)
    least_side = 196.0 if width < 700 else 264.0
    block_width = min(
        bank_height * outline.width / outline.height, width - 2 * edge - gap - least_side
    )
    bank_height = block_width * outline.height / outline.width
    bar = Box(edge, bottom, block_width, BAR)
    bank = Box(edge, bar.top + 8, block_width, bank_height)
    first_cable = bank.top + 8
    cable_boxes = tuple(
        Box(edge, first_cable + number * (CABLE + 6), block_width, CABLE)
        for number in range(cables)
    )
    side = Box(bank.right + gap, bottom, width - edge - gap - bank.right, top - bottom)
    return Areas(
        header=header,
        cables=cable_boxes,
        bank=bank,
        bar=bar,
        bar_buttons=_bar_buttons(bar),
        phones=phones,
        phones_heading=phones_heading,
        **_side(side, pins, gap),
    )


def _bar_buttons(bar: Box) -> tuple[Box, Box]:
    width = min(112.0, bar.width * 0.32)
    second = Box(bar.right - width, bar.bottom, width, bar.height)
    return Box(second.left - 6 - width, bar.bottom, width, bar.height), second


def _side(side: Box, pins: int, gap: float) -> dict[str, Box]:
    pins_height = 20 + HEADING + pins * PIN_LINE if pins else 0
    card = Box(side.left, side.bottom, side.width, pins_height)
    heading = Box(side.left, side.top - HEADING, side.width, HEADING)
    bottom = card.top + (gap if pins else 0)
    labels = Box(side.left, bottom, side.width, max(heading.bottom - 4 - bottom, 40))
    parts = {"labels": labels, "labels_heading": heading}
    return {**parts, "pins": card if pins else None}  # type: ignore[dict-item]


LABEL_GAP = 8.0
LABEL_HEIGHTS = (50.0, 74.0)
"""The least and the greatest height of a label."""


def label_boxes(area: Box, count: int) -> Sequence[Box]:
    """Where the labels are, from the top; those that do not fit reach below the area."""
    columns = max(1, int(area.width // 230))
    rows = -(-count // columns)
    least, greatest = LABEL_HEIGHTS
    height = min(max((area.height + LABEL_GAP) / max(rows, 1) - LABEL_GAP, least), greatest)
    width = (area.width - (columns - 1) * LABEL_GAP) / columns
    return [
        Box(
            area.left + (number % columns) * (width + LABEL_GAP),
            area.top - (number // columns + 1) * (height + LABEL_GAP) + LABEL_GAP,
            width,
            height,
        )
        for number in range(count)
    ]


PHONE_GAP = 12.0


def phone_boxes(area: Box, count: int) -> Sequence[Box]:
    """Where the phones are, from the left; those that do not fit reach beyond the area."""
    width = min(max(area.height * 1.05, 168.0), 190.0)
    return [
        Box(area.left + number * (width + PHONE_GAP), area.bottom, width, area.height)
        for number in range(count)
    ]
