"""The typed digits, each in its own cell, in the groups in which a code is read aloud."""

from __future__ import annotations

from functools import cache

from kivy.core.text import Label as CoreLabel
from kivy.graphics import (
    Color,
    PopMatrix,
    PushMatrix,
    Rectangle,
    SmoothEllipse,
    SmoothRoundedRectangle,
    Translate,
)
from kivy.graphics.texture import Texture
from kivy.uix.widget import Widget

from kiosk.ui.theme import Theme, Tone

_SHAKE_MM = 2.0
_UNSEEN = (0, 0, 0, 0)
_STEPS = ("huge", "large", "title", "lead", "text")


@cache
def _digit_texture(digit: str, font_size: float) -> Texture:
    # White, so that one texture serves every colour; kept, so that a key costs no drawing of type.
    label = CoreLabel(text=digit, font_size=font_size, font_name="KioskBold", color=(1, 1, 1, 1))
    label.refresh()
    return label.texture


class _Cell:
    """One digit's drawing: a tinted ground, a line under it, and the digit or a dot."""

    def __init__(self, field: DigitField) -> None:
        with field.canvas:
            colours = field.theme.colours
            self.ground_colour = Color(*colours.surface)
            self.ground = SmoothRoundedRectangle()
            self.line_colour = Color(*colours.edge)
            self.line = SmoothRoundedRectangle(radius=[2])
            self.ink = Color(*colours.ink)
            self.digit = Rectangle()
            self.dot_ink = Color(*colours.ink)
            self.dot = SmoothEllipse()


class DigitField(Widget):
    """Cells for `length` digits in groups of three; `hidden` digits are dots."""

    def __init__(
        self, theme: Theme, length: int, *, hidden: bool = False, grouped: bool = True
    ) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self.length = length
        self.hidden = hidden
        self.groups = _groups(length) if grouped else [length]
        self._places = length
        self.digits = ""
        self.tone = Tone.CALM
        self._font_size = theme.font("text")
        with self.canvas.before:
            PushMatrix()
            self._shift = Translate(0, 0)
        with self.canvas.after:
            PopMatrix()
        self._cells = [_Cell(self) for _ in range(length)]
        self._boxes: list[tuple[float, float, float, float]] = []
        self.bind(pos=self._place, size=self._place)

    def shift(self, share: float) -> None:
        """Stand a little aside: -1 for left, 1 for right, 0 for where it belongs."""
        self._shift.x = round(share * self.theme.mm(_SHAKE_MM))

    def fit(self, width: float) -> None:
        """Take the largest step at which all cells fit this width."""
        for step in _STEPS[0 if self.theme.is_portrait else 2 if self.theme.is_small else 1 :]:
            self._font_size = self.theme.font(step)
            if self._natural_width() <= width:
                break
        self.size = (min(self._natural_width(), width), self._font_size * 1.35)
        self._place()

    def _cell_width(self) -> float:
        return self._font_size * 0.74

    def _gap(self) -> float:
        return self._font_size * 0.08

    def _natural_width(self) -> float:
        return (
            self.length * self._cell_width()
            + (self.length - 1) * self._gap()
            + (len(self.groups) - 1) * 3.2 * self._gap()
        )

    def _place(self, *_: object) -> None:
        squeeze = min(1.0, self.width / max(1.0, self._natural_width()))
        width, gap = self._cell_width() * squeeze, self._gap() * squeeze
        x, boxes = self.x + self._free_width(width, gap) / 2, []
        for number, count in enumerate(self.groups):
            if number:
                x += 3.2 * gap
            for _digit in range(count):
                boxes.append((round(x), self.y, width, self.height))
                x += width + gap
        self._boxes = boxes
        line = max(2.0, 2 * self.theme.hairline)
        for cell, (left, bottom, cell_width, height) in zip(self._cells, boxes, strict=True):
            cell.ground.pos, cell.ground.size = (left, bottom), (cell_width, height)
            cell.ground.radius = [self.theme.space(8)]
            cell.line.pos = (left + 0.12 * cell_width, bottom + 0.1 * height)
            cell.line.size = (0.76 * cell_width, line)
        self.show(self.digits, self.tone)

    def draw_places(self, count: int) -> None:
        """Draw only the first cells, in the middle of the field; the others stay unseen."""
        if count != self._places:
            self._places = count
            self._place()

    def _free_width(self, cell_width: float, gap: float) -> float:
        """What the cells that are not drawn leave free; only a field without groups has such."""
        return (self.length - self._places) * (cell_width + gap)

    def show(self, digits: str, tone: Tone = Tone.CALM) -> None:
        """Show these digits; the tone tells whether they were refused."""
        self.digits, self.tone = digits, tone
        colours, failed = self.theme.colours, self.theme.tone(Tone.FAILED)
        ink = failed.strong_ink if tone is Tone.FAILED else colours.ink
        line = self.theme.tone(tone).strong_ink if tone is not Tone.CALM else colours.edge
        for number, cell in enumerate(self._cells):
            there = number < len(digits)
            active = number == len(digits) and tone is Tone.CALM
            ground = failed.soft if tone is Tone.FAILED else colours.surface
            is_drawn = number < self._places
            edge = self.theme.tone(Tone.ACT).strong_ink if active else line
            cell.line_colour.rgba = edge if is_drawn else _UNSEEN
            cell.ground_colour.rgba = ground if is_drawn else _UNSEEN
            cell.ink.rgba = ink if there and not self.hidden else _UNSEEN
            cell.dot_ink.rgba = ink if there and self.hidden else _UNSEEN
            if there and self._boxes:
                self._draw(cell, digits[number], self._boxes[number])

    def _draw(self, cell: _Cell, digit: str, box: tuple[float, float, float, float]) -> None:
        left, bottom, width, height = box
        if self.hidden:
            side = 0.3 * width
            cell.dot.size = (side, side)
            cell.dot.pos = (left + (width - side) / 2, bottom + (height - side) / 2)
            return
        texture = _digit_texture(digit, self._font_size)
        cell.digit.texture = texture
        cell.digit.size = texture.size
        cell.digit.pos = (
            round(left + (width - texture.width) / 2),
            round(bottom + (height - texture.height) / 2 + 0.02 * height),
        )


def _groups(length: int) -> list[int]:
    """Three, three, and the rest; short numbers stay together."""
    return [length] if length < 6 else [3, 3, length - 6] if length > 6 else [3, 3]
