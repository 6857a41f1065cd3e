"""Where everything is in the simulator's window: pure geometry, pixels from the bottom left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


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
    switches: tuple[Box, ...]
    """One for each line of lock boards and what else can be switched, above the bank."""
    bank: Box
    """The drawing itself, in the bank's own proportions."""
    bar: Box
    """Under the bank: what can be done with a door."""
    bar_buttons: tuple[Box, Box]
    labels: Box
    """The cards to scan, under their heading."""
    labels_heading: Box
    pins: Box | None
    badges: tuple[Box, ...]
    """Above the card with the PINs."""
    phones: Box
    phones_heading: Box

    def switch_button(self, number: int) -> Box:
        """Where something is switched off or on."""
        row = self.switches[number]
        width = min(124.0, max(row.width * 0.36 - 6, 70))
        return Box(row.right - width - INSET, row.bottom + INSET, width, row.height - 2 * INSET)


HEADING = 22.0
GAP = 8.0
"""Between the rows around the bank and the bank."""
SWITCH = 40.0
SWITCH_WIDTH = 206.0
"""The least that a switch needs for its words and its button."""
BAR = 44.0
INSET = 4.0
"""Between a row's edge and the buttons in it."""
PIN_LINE = 26.0
BADGE = 58.0


def arrange(
    width: float,
    height: float,
    outline: Box,
    *,
    switches: int = 1,
    pins: int = 2,
    badges: int = 0,
) -> Areas:
    """The parts for a window of this size around a bank with this outline.

    Args:
        width, height: of the window, in pixels.
        outline: of the bank, in millimetres; only its proportions matter.
        switches: how many lines of lock boards there are, and what else can be switched.
        pins: how many lines the card with the PINs has; 0 for no card.
        badges: how many badges lie above that card.
    """
    edge, gap = (12.0, 10.0) if width < 720 else (20.0, 14.0)
    header = Box(edge, height - 62, width - 2 * edge, 54)
    top = header.bottom - gap / 2
    phones_height = min(max(height * 0.2, 148), 188)
    # A wide window is low: only there do the phones get a narrower place than all of the width.
    is_wide = width > height * 1.25
    bottom = edge if is_wide else edge + phones_height + HEADING + 2 + gap
    least_side = 330.0 if is_wide else 196.0 if width < 720 else 264.0
    for columns in range(max(switches, 1), 0, -1):
        rows = -(-switches // columns) * (SWITCH + GAP) + BAR + GAP
        block_width = min(
            max(top - bottom - rows, 120) * outline.width / outline.height,
            width - 2 * edge - gap - least_side,
        )
        if (block_width + GAP) / columns - GAP >= SWITCH_WIDTH:
            break
    bar = Box(edge, bottom, block_width, BAR)
    bank = Box(edge, bar.top + GAP, block_width, block_width * outline.height / outline.width)
    switch_boxes = _switches(Box(edge, bank.top + GAP, block_width, SWITCH), switches, columns)
    side = Box(bank.right + gap, bottom, width - edge - gap - bank.right, top - bottom)
    # Under the bank; in a wide window, where height is dear, beside it.
    phones = Box(side.left if is_wide else edge, edge, 0, phones_height)
    phones = replace(phones, width=width - edge - phones.left)
    phones_heading = Box(phones.left, phones.top + 2, phones.width, HEADING)
    if is_wide:
        side = replace(side, bottom=phones_heading.top + gap)
        side = replace(side, height=top - side.bottom)
    labels_heading, labels, pin_card, badge_cards = _side(side, pins, badges, gap)
    return Areas(
        header=header,
        switches=switch_boxes,
        bank=bank,
        bar=bar,
        bar_buttons=_bar_buttons(bar),
        labels=labels,
        labels_heading=labels_heading,
        pins=pin_card,
        badges=badge_cards,
        phones=phones,
        phones_heading=phones_heading,
    )


def _switches(row: Box, switches: int, columns: int) -> tuple[Box, ...]:
    """The places of the switches: so many beside each other, the first in the lowest row."""
    width = (row.width + GAP) / columns - GAP
    return tuple(
        Box(
            row.left + (number % columns) * (width + GAP),
            row.bottom + (number // columns) * (SWITCH + GAP),
            width,
            SWITCH,
        )
        for number in range(switches)
    )


def _bar_buttons(bar: Box) -> tuple[Box, Box]:
    width = min(112.0, bar.width * 0.28)
    bottom, height = bar.bottom + INSET, bar.height - 2 * INSET
    second = Box(bar.right - INSET - width, bottom, width, height)
    return Box(second.left - INSET - width, bottom, width, height), second


def _side(
    side: Box, pins: int, badges: int, gap: float
) -> tuple[Box, Box, Box | None, tuple[Box, ...]]:
    """The heading of the labels, the labels, the card with the PINs, and the badges above it."""
    heading = Box(side.left, side.top - HEADING, side.width, HEADING)
    bottom, card = side.bottom, None
    if pins:
        lines = -(-pins // pin_columns(side.width, pins))
        card = Box(side.left, side.bottom, side.width, 16 + HEADING + lines * PIN_LINE)
        bottom = card.top + gap
    badge_cards = []
    for _ in range(badges):
        badge_cards.append(Box(side.left, bottom, side.width, BADGE))
        bottom = badge_cards[-1].top + gap
    labels = Box(side.left, bottom, side.width, max(heading.bottom - 4 - bottom, 40))
    return heading, labels, card, tuple(badge_cards)


def pin_columns(width: float, pins: int) -> int:
    """How many PINs stand beside each other on a card of this width."""
    return min(pins, max(1, int(width // 200)))


LABEL_GAP = 6.0
LABEL_HEIGHTS = (46.0, 76.0)
"""The least and the greatest height of a label."""


def label_boxes(area: Box, count: int) -> Sequence[Box]:
    """Where the labels are, from the top; those that do not fit reach below the area."""
    least, greatest = LABEL_HEIGHTS
    most = max(1, int(area.width // 230))
    # As few beside each other as there is height for: wide bars are the better to be seen.
    for columns in range(1, most + 1):
        rows = -(-count // columns)
        if rows * (least + LABEL_GAP) - LABEL_GAP <= area.height:
            break
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
    """Where the phones are, from the left: as many whole ones as fit fill the area, and the others
    wait beyond it, so that none is cut."""
    least = min(max(area.height * 1.05, 172.0), 190.0)
    fitting = max(1, int((area.width + PHONE_GAP) // (least + PHONE_GAP)))
    width = (area.width + PHONE_GAP) / fitting - PHONE_GAP
    return [
        Box(area.left + number * (width + PHONE_GAP), area.bottom, width, area.height)
        for number in range(count)
    ]
