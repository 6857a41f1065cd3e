"""The drawing of the bank: its lockers, doors and screen where they are in the steel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from kivy.core.text import Label as CoreLabel
from kivy.graphics import Color, Rectangle, SmoothRoundedRectangle
from kivy.graphics.texture import Texture
from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from kiosk.model.location import Location
from kiosk.model.location import Rectangle as Box
from kiosk.ui import texts
from kiosk.ui import theme as look
from kiosk.ui.colours import BLACK, WHITE, luminance, mixed
from kiosk.ui.directions import bank_outline
from kiosk.ui.icons import GLYPHS
from kiosk.ui.theme import Colour, Theme
from kiosk.ui.widgets.buttons import mirror
from kiosk.ui.widgets.text import Icon, Words


@dataclass(frozen=True, slots=True)
class DoorLook:
    """How one door is drawn."""

    fill: Colour
    ink: Colour
    icon: str = ""
    hatched: bool = False
    """Lined aslant: what failed is known without its colour, too."""
    strong: bool = False
    """Its number as large as the door allows."""


_EVENING_ROUNDS = 60
_HATCH_MM = 5.0
_HATCH_SHARE = 0.22
_HATCH_PX = 32
_PULSE_SHARE = 0.45
_GAP_MM = 0.25
LEAST_DRAWING_MM = 15.0
"""Lower than this, a drawing of the bank shows nobody anything."""


class Stretch:
    """Maps one axis of the drawing to pixels: to scale, or evened out for the sake of `spans`."""

    def __init__(self, edges: Iterable[int], pixels: float) -> None:
        self._edges = sorted(set(edges))
        steps = [after - before for before, after in pairwise(self._edges)]
        self._pixels = pixels
        self._widths = [step * pixels / sum(steps) for step in steps]

    def even_out(self, spans: Sequence[tuple[int, int]], least: float) -> None:
        """Give each span `(from, to)` at least this many pixels, as far as there is room.

        What is too small grows and the whole is fitted again, until it settles.
        """
        numbers = [(self._edges.index(start), self._edges.index(end)) for start, end in spans]
        for _ in range(_EVENING_ROUNDS):
            for start, end in numbers:
                width = sum(self._widths[start:end])
                if width < least:
                    for number in range(start, end):
                        self._widths[number] *= least / width
            fit = self._pixels / sum(self._widths)
            self._widths = [width * fit for width in self._widths]

    def __call__(self, value: int) -> float:
        place = 0.0
        for (before, after), width in zip(pairwise(self._edges), self._widths, strict=True):
            if value <= after:
                return place + width * (value - before) / (after - before)
            place += width
        return place


class _Door:
    """The instructions of one door; they are made once and changed in place."""

    def __init__(self, bank: BankDrawing, label: str) -> None:
        self.label = label
        self.box = (0.0, 0.0, 0.0, 0.0)
        with bank.canvas:
            self.edge = Color(*bank.theme.colours.edge)
            self.edge_shape = SmoothRoundedRectangle(radius=[3])
            self.fill = Color(*bank.theme.colours.surface)
            self.shape = SmoothRoundedRectangle(radius=[3])
            self.hatch_ink = Color(*bank.theme.colours.surface)
            self.hatch = Rectangle(size=(0, 0))
            self.ink = Color(*bank.theme.colours.ink_soft)
            self.text = Rectangle(size=(0, 0))
            self.icon = Rectangle(size=(0, 0))


class BankDrawing(Widget):
    """The bank as it stands in the steel, to scale; a door that is touched is given to `on_door`.

    With `on_door` and no room for doors of 9 mm the drawing is evened out until they are.
    """

    def __init__(
        self, theme: Theme, location: Location, on_door: Callable[[str], None] | None = None
    ) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self.location = location
        self.on_door = on_door
        self._outline = bank_outline(location)
        self._looks: dict[str, DoorLook] = {}
        self._drawn: dict[str, tuple[DoorLook, tuple[float, float, float, float]]] = {}
        self._lines = _hatching()
        self._textures: dict[tuple[str, str, float], Texture] = {}
        with self.canvas:
            self._floor_ink = Color(*theme.colours.edge)
            self._floor = Rectangle()
            self._lockers = []
            for _ in location.lockers:
                Color(*theme.colours.quiet)
                self._lockers.append(SmoothRoundedRectangle(radius=[4]))
        self._doors = {slot.label: _Door(self, slot.label) for slot in location.slots}
        with self.canvas:
            Color(*theme.colours.ink)
            self._screen = SmoothRoundedRectangle(radius=[4])
        self._pin = Icon(theme, "map-pin", theme.font("text"), ink=theme.colours.on_ink)
        self.add_widget(self._pin)
        self.bind(pos=self._place, size=self._place)

    def paint(self, looks: Mapping[str, DoorLook]) -> None:
        """Draw these doors like this, and all others quiet."""
        self._looks = dict(looks)
        self._dress()

    def box_of(self, label: str) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a door in pixels."""
        return self._doors[label].box

    def on_touch_up(self, touch: MotionEvent) -> bool:
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        label = self._door_at(*touch.pos)
        if self.on_door and label and label == self._door_at(*touch.opos):
            self.on_door(label)
        return True

    def on_touch_down(self, touch: MotionEvent) -> bool:
        if self.on_door is None or self.disabled or not self.collide_point(*touch.pos):
            return False
        touch.grab(self)
        return True

    def _door_at(self, x: float, y: float) -> str | None:
        for label, door in self._doors.items():
            left, bottom, width, height = door.box
            if left <= x <= left + width and bottom <= y <= bottom + height:
                return label
        return None

    def _axes(self) -> tuple[Stretch, Stretch, float, float]:
        """Both axes and the place of the drawing's left and bottom."""
        bank = self._outline
        boxes = [slot.door for slot in self.location.slots]
        boxes += [locker.outline for locker in self.location.lockers]
        boxes += [self.location.screen, bank]
        across = [e for box in boxes for e in (box.left_mm, box.left_mm + box.width_mm)]
        up = [e for box in boxes for e in (box.bottom_mm, box.bottom_mm + box.height_mm)]
        scale = min(self.width / bank.width_mm, self.height / bank.height_mm)
        if self.on_door is not None and not self._can_be_touched(scale):
            room = min(self.width, self.height * 1.6 * bank.width_mm / bank.height_mm)
            least = self._least_step()
            horizontal, vertical = Stretch(across, room), Stretch(up, self.height)
            doors = [slot.door for slot in self.location.slots]
            vertical.even_out(
                [(door.bottom_mm, door.bottom_mm + door.height_mm) for door in doors], least
            )
            return horizontal, vertical, self.center_x - room / 2, self.y
        width, height = bank.width_mm * scale, bank.height_mm * scale
        return (
            Stretch(across, width),
            Stretch(up, height),
            self.center_x - width / 2,
            self.center_y - height / 2,
        )

    def _least_step(self) -> float:
        """The smallest door in pixels that, with the gap around it, can be touched."""
        return self.theme.mm(look.TARGET_MM) + 2 * self.theme.mm(_GAP_MM) + 2

    def _can_be_touched(self, scale: float) -> bool:
        """Whether every door is large enough for a finger at this scale."""
        sides = [min(slot.door.width_mm, slot.door.height_mm) for slot in self.location.slots]
        return min(sides) * scale >= self._least_step()

    def _place(self, *_: object) -> None:
        if self.width < 2 or self.height < 2:
            return
        axes = self._axes()
        for locker, shape in zip(self.location.lockers, self._lockers, strict=True):
            left, bottom, width, height = _pixels(locker.outline, axes)
            shape.pos, shape.size = (left, bottom), (width, height)
        for slot in self.location.slots:
            self._doors[slot.label].box = _inset(_pixels(slot.door, axes), self.theme.mm(_GAP_MM))
        left, bottom, width, height = _inset(_pixels(self.location.screen, axes), 1)
        self._screen.pos, self._screen.size = (left, bottom), (width, height)
        self._pin.font_size = round(min(width, height, self.theme.font("title")) * 0.7)
        self._pin.size = (self._pin.font_size, self._pin.font_size)
        self._pin.center = (left + width / 2, bottom + height / 2)
        left, bottom, width = _pixels(self._outline, axes)[:3]
        overhang = self.theme.mm(3)
        self._floor.pos = (left - overhang, bottom - self.theme.mm(0.6))
        self._floor.size = (width + 2 * overhang, self.theme.mm(0.6))
        self._dress()

    def _dress(self) -> None:
        colours = self.theme.colours
        quiet = DoorLook(colours.surface, colours.ink_soft)
        for label, door in self._doors.items():
            wanted = (self._looks.get(label, quiet), door.box)
            if door.box[2] > 0 and self._drawn.get(label) != wanted:
                self._drawn[label] = wanted
                self._draw(door, wanted[0])

    def _draw(self, door: _Door, style: DoorLook) -> None:
        left, bottom, width, height = door.box
        line = 0 if style.strong else self.theme.hairline * 0.7
        colours = self.theme.colours
        usual = colours.edge if self.on_door else colours.line
        door.edge.rgba = style.fill if style.strong else usual
        door.edge_shape.pos, door.edge_shape.size = (left, bottom), (width, height)
        door.fill.rgba = style.fill
        door.shape.pos = (left + line, bottom + line)
        door.shape.size = (width - 2 * line, height - 2 * line)
        door.ink.rgba = style.ink
        self._hatch(door, style)
        text = self._texture(door.label, "KioskBold", self._label_size(door, style))
        icon = (
            self._texture(GLYPHS[style.icon], "KioskIcons", self._icon_size(door, style))
            if style.icon
            else None
        )
        _set_in_row(door, text, icon, self.theme.space(8))

    def _hatch(self, door: _Door, style: DoorLook) -> None:
        if not style.hatched:
            door.hatch.size = (0, 0)
            return
        (left, bottom), (width, height) = door.shape.pos, door.shape.size
        door.hatch_ink.rgba = mixed(style.fill, style.ink, _HATCH_SHARE)
        door.hatch.texture = self._lines
        door.hatch.pos, door.hatch.size = (left + 1, bottom + 1), (width - 2, height - 2)
        side = self.theme.mm(_HATCH_MM)
        across, up = width / side, height / side
        door.hatch.tex_coords = (0, 0, across, 0, across, up, 0, up)

    def pulse(self, share: float) -> None:
        """The doors that are meant, at this part of their pulse: darker under light words, lighter
        under dark ones, so that the words only stand out more."""
        for label, look_ in self._looks.items():
            if look_.strong:
                away = BLACK if luminance(look_.ink) > luminance(look_.fill) else WHITE
                shade = mixed(look_.fill, away, share * _PULSE_SHARE)
                self._doors[label].fill.rgba = self._doors[label].edge.rgba = shade

    def _label_size(self, door: _Door, style: DoorLook) -> float:
        _, _, width, height = door.box
        largest = self.theme.font("large" if style.strong else "text")
        return min(largest, height * 0.78, width * (0.34 if style.icon else 0.5))

    def _icon_size(self, door: _Door, style: DoorLook) -> float:
        largest = self.theme.font("title" if style.strong else "text")
        return min(largest, door.box[3] * 0.62, door.box[2] * 0.34)

    def _texture(self, text: str, font: str, size: float) -> Texture | None:
        # Type smaller than this cannot be read: the door's place says enough.
        if size < self.theme.font("text") * 0.45:
            return None
        key = (text, font, round(size))
        if key not in self._textures:
            label = CoreLabel(text=text, font_size=round(size), font_name=font, color=(1, 1, 1, 1))
            label.refresh()
            self._textures[key] = label.texture
        return self._textures[key]


@cache
def _hatching() -> Texture:
    """Lines aslant, white on clear, that go on from one tile to the next."""
    texture = Texture.create(size=(_HATCH_PX, _HATCH_PX), colorfmt="rgba")
    pixels = bytearray()
    for row in range(_HATCH_PX):
        for column in range(_HATCH_PX):
            is_line = (row + column) % _HATCH_PX < _HATCH_PX // 3
            pixels += bytes((255, 255, 255, 255 if is_line else 0))
    texture.blit_buffer(bytes(pixels), colorfmt="rgba", bufferfmt="ubyte")
    texture.wrap, texture.mag_filter = "repeat", "linear"
    return texture


def _pixels(
    box: Box, axes: tuple[Stretch, Stretch, float, float]
) -> tuple[float, float, float, float]:
    across, up, left, bottom = axes
    x, y = left + across(box.left_mm), bottom + up(box.bottom_mm)
    right, top = (
        left + across(box.left_mm + box.width_mm),
        bottom + up(box.bottom_mm + box.height_mm),
    )
    return round(x), round(y), round(right) - round(x), round(top) - round(y)


def _inset(box: tuple[float, float, float, float], by: float) -> tuple[float, float, float, float]:
    left, bottom, width, height = box
    return left + by, bottom + by, max(1, width - 2 * by), max(1, height - 2 * by)


def _set_in_row(door: _Door, text: Texture | None, icon: Texture | None, gap: float) -> None:
    """Put the number and the icon in the middle of the door."""
    left, bottom, width, height = door.box
    shown = [
        (shape, texture) for shape, texture in ((door.icon, icon), (door.text, text)) if texture
    ]
    whole = sum(texture.width for _, texture in shown) + gap * max(0, len(shown) - 1)
    x = left + (width - whole) / 2
    for shape in (door.icon, door.text):
        shape.size = (0, 0)
    for shape, texture in shown:
        shape.texture, shape.size = texture, texture.size
        shape.pos = (round(x), round(bottom + (height - texture.height) / 2))
        x += texture.width + gap


class BankFigure(Widget):
    """The drawing with "you are here" under it."""

    def __init__(self, theme: Theme, location: Location) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self.drawing = BankDrawing(theme, location)
        self.pin = Icon(theme, "map-pin", theme.font("text"))
        self.words = Words(theme, text=theme.speech.say(texts.parts.YOU_ARE_HERE))
        self.words.fit_line()
        self.add_widget(self.drawing)
        if not theme.is_small:
            self.add_widget(self.pin)
            self.add_widget(self.words)
        self.sign: Widget | None = None
        self.bind(pos=self._place, size=self._place)

    def set_sign(self, sign: Widget) -> None:
        """Put this sign over the drawing."""
        if self.sign is not None:
            self.remove_widget(self.sign)
        self.sign = sign
        self.add_widget(sign)
        self._place()

    def _words_height(self) -> float:
        """On the smallest panel the pin on the drawn screen must say it alone."""
        if self.theme.is_small:
            return self.theme.mm(1)
        return float(self.words.height + self.theme.space(24))

    def _sign_height(self) -> float:
        return 0.0 if self.sign is None else self.sign.height + self.theme.space(24)

    def natural_height(self, width: float) -> float:
        """Its height at this width."""
        bank = bank_outline(self.drawing.location)
        row = self._words_height()
        return float(width * bank.height_mm / bank.width_mm + row + self._sign_height())

    def _place(self, *_: object) -> None:
        row = self._words_height()
        self.drawing.pos = (self.x, self.y + row)
        height = self.height - row - self._sign_height()
        has_room = height >= self.theme.mm(LEAST_DRAWING_MM)
        self.drawing.opacity = 1 if has_room else 0  # the arrow and the words say where
        self.drawing.size = (self.width, max(1, height))
        if self.sign is not None:
            self.sign.pos = (
                round(self.center_x - self.sign.width / 2),
                round(self.top - self.sign.height),
            )
        self._place_words(has_room)
        if self.theme.is_rtl:
            mirror(self)

    def _place_words(self, has_room: bool) -> None:
        """In a narrow place without the pin before them, or only the pin on the drawn screen."""
        gap = self.theme.space(8)
        whole = self.pin.width + gap + self.words.width
        has_pin = has_room and whole <= self.width
        self.pin.opacity = 1 if has_pin else 0
        self.words.opacity = 1 if has_pin or (has_room and self.words.width <= self.width) else 0
        left = self.center_x - (whole if has_pin else self.words.width) / 2
        self.pin.pos = (left, self.y + (self.words.height - self.pin.height) / 2)
        self.words.pos = (self.pin.right + gap if has_pin else left, self.y)
