"""How a package is picked up, in three calm pictures: scan or type, the door opens, close it."""

from __future__ import annotations

from kivy.graphics import Color, SmoothQuad, SmoothRoundedRectangle
from kivy.uix.widget import Widget

from kiosk.ui.theme import Colour, Theme, Tone
from kiosk.ui.widgets.buttons import Card, mirror
from kiosk.ui.widgets.text import Icon, Words

_LEAST_WIDE = 1.07
"""How wide a picture is at least, as a part of its height."""


class _Picture(Card):
    """A tile with a drawing; `side` is the largest square in its middle."""

    def __init__(self, theme: Theme) -> None:
        colours = theme.tone(Tone.ACT)
        super().__init__(theme, fill=colours.soft, edge=colours.soft, corner=theme.space(24))
        self.strong = colours.strong_ink
        self.paper = theme.colours.surface
        self.build()

    def build(self) -> None:
        """Make the instructions of the drawing."""

    def arrange(self) -> None:
        """Put the drawing in its place; it is no sentence, and is never turned over."""
        side = min(self.width, self.height)
        self.draw(self.center_x - side / 2, self.center_y - side / 2, side)

    def draw(self, x: float, y: float, side: float) -> None:
        """Put the drawing into this square."""
        raise NotImplementedError

    def shape(self, colour: Colour) -> SmoothRoundedRectangle:
        """A rounded rectangle of the drawing."""
        with self.canvas:
            Color(*colour)
            return SmoothRoundedRectangle()


def _put(
    shape: SmoothRoundedRectangle, box: tuple[float, float, float, float], corner: float
) -> None:
    left, bottom, width, height = box
    shape.pos, shape.size = (round(left), round(bottom)), (round(width), round(height))
    shape.radius = [max(1.0, corner)]


class CodePicture(_Picture):
    """A telephone with a QR code, and a keypad beside it."""

    def build(self) -> None:
        self._telephone = self.shape(self.strong)
        self._front = self.shape(self.paper)
        self._keys = [self.shape(self.strong) for _ in range(12)]
        self.code = Icon(self.theme, "qr-code", 10, ink=self.strong)
        self.add_widget(self.code)

    def draw(self, x: float, y: float, side: float) -> None:
        unit = side / 16
        left = x + 1.2 * unit
        _put(self._telephone, (left, y + 2 * unit, 6.6 * unit, 12 * unit), 1.1 * unit)
        edge = 0.55 * unit
        _put(
            self._front,
            (left + edge, y + 3.2 * unit, 6.6 * unit - 2 * edge, 9.6 * unit),
            0.5 * unit,
        )
        self.code.font_size = round(4.6 * unit)
        self.code.center = (left + 3.3 * unit, y + 8 * unit)
        for number, key in enumerate(self._keys):
            row, column = divmod(number, 3)
            place = (x + (9.1 + 2.1 * column) * unit, y + (10.6 - 2.1 * row) * unit)
            _put(key, (*place, 1.6 * unit, 1.6 * unit), 0.4 * unit)


class _Bank(_Picture):
    """Doors in the steel, of which one is meant."""

    MEANT = 4
    """The middle one."""

    def build(self) -> None:
        self._steel = self.shape(self.strong)
        self._doors = [self.shape(self.paper) for _ in range(9)]

    def draw(self, x: float, y: float, side: float) -> None:
        unit = side / 16
        _put(self._steel, (x + 2 * unit, y + 2 * unit, 12 * unit, 12 * unit), 0.8 * unit)
        for number, door in enumerate(self._doors):
            _put(door, self.door_box(number, x, y, unit), 0.3 * unit)

    def door_box(
        self, number: int, x: float, y: float, unit: float
    ) -> tuple[float, float, float, float]:
        """A door's place: the middle row is the highest."""
        row, column = divmod(number, 3)
        bottom, height = ((10.4, 2.9), (5.7, 4.1), (2.7, 2.4))[row]
        across, width = ((2.7, 3.0), (6.3, 3.4), (10.3, 3.0))[column]
        return (x + across * unit, y + bottom * unit, width * unit, height * unit)


class OpenPicture(_Bank):
    """One of the doors stands open, and the package is seen."""

    def build(self) -> None:
        super().build()
        done = self.theme.tone(Tone.DONE)
        self._inside = self.shape(done.strong)
        self.package = Icon(self.theme, "package", 10, ink=done.on_strong)
        self.add_widget(self.package)
        with self.canvas.after:
            Color(*done.strong)
            self._leaf = SmoothQuad()
            Color(*done.soft)
            self._leaf_face = SmoothQuad()

    def draw(self, x: float, y: float, side: float) -> None:
        super().draw(x, y, side)
        unit = side / 16
        box = self.door_box(self.MEANT, x, y, unit)
        left, bottom, width, height = box
        _put(self._inside, box, 0.3 * unit)
        self.package.font_size = round(0.72 * min(width, height))
        self.package.center = (left + width / 2, bottom + height / 2)
        # The door, swung out to the right towards who looks at it.
        for leaf, inset in ((self._leaf, 0.0), (self._leaf_face, 0.25 * unit)):
            near, far = left + width + inset, left + width + 2.5 * unit - inset
            low, high = bottom + inset, bottom + height - inset
            leaf.points = (
                *(near, low, far, low - 0.9 * unit),
                *(far, high + 0.9 * unit, near, high),
            )


class ClosedPicture(_Bank):
    """The package is out, and the door is shut."""

    def build(self) -> None:
        super().build()
        done = self.theme.tone(Tone.DONE)
        self._disc = self.shape(done.strong)
        self.check = Icon(self.theme, "check", 10, ink=done.on_strong)
        self._ring = self.shape(self.theme.tone(Tone.ACT).soft)
        self._under = self.shape(self.strong)
        self.package = Icon(self.theme, "package", 10, ink=self.paper)
        self.add_widget(self.check)
        self.add_widget(self.package)

    def draw(self, x: float, y: float, side: float) -> None:
        super().draw(x, y, side)
        unit = side / 16
        left, bottom, width, height = self.door_box(self.MEANT, x, y, unit)
        disc = 0.86 * min(width, height)
        middle = (left + width / 2, bottom + height / 2)
        _put(self._disc, (middle[0] - disc / 2, middle[1] - disc / 2, disc, disc), disc / 2)
        self.check.font_size = round(0.66 * disc)
        self.check.center = middle
        held = 5.6 * unit
        at = (x + 10.6 * unit, y + 1.2 * unit)
        _put(self._ring, (at[0] - 0.5 * unit, at[1] - 0.5 * unit, held + unit, held + unit), unit)
        _put(self._under, (*at, held, held), 0.8 * unit)
        self.package.font_size = round(0.72 * held)
        self.package.center = (at[0] + held / 2, at[1] + held / 2)


class Steps(Widget):
    """The three pictures beside each other, each with its words, in the order of reading."""

    def __init__(self, theme: Theme, said: tuple[str, str, str]) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self.pictures = [kind(theme) for kind in (CodePicture, OpenPicture, ClosedPicture)]
        self.words = [
            Words(theme, text=text, halign="center", bold_face=True, ink=theme.colours.ink)
            for text in said
        ]
        onward = "chevron-left" if theme.is_rtl else "chevron-right"
        ink = theme.colours.ink_soft
        side = theme.font("text")
        self.onward = [Icon(theme, onward, side, ink=ink) for _ in range(2)]
        for part in (*self.pictures, *self.words, *self.onward):
            self.add_widget(part)
        self.bind(pos=self._place, size=self._place)

    def _column(self) -> float:
        return float((self.width - 2 * (self.onward[0].width + self.theme.gap)) / 3)

    def fit(self, width: float, tile: float) -> bool:
        """Take this width, with pictures of at most this height; whether the words fit."""
        self.width = width
        column = self._column()
        steps = ("lead", "text") if self.theme.body_step == "title" else ("text",)
        fitting = [
            step
            for step in steps
            if all(words.fit(column, steps=(step,), lines=3, is_even=True) for words in self.words)
        ]
        if not fitting:
            return False
        for words in self.words:
            words.fit(column, steps=fitting[:1], is_even=True)
        under = max(words.height for words in self.words) + self.theme.gap
        tile = min(tile, column / _LEAST_WIDE)
        self._tile = tile
        self.height = round(tile + under)
        self._place()
        return True

    _tile = 0.0

    def _place(self, *_: object) -> None:
        if not self._tile:
            return
        column, tile = self._column(), self._tile
        step = column + self.onward[0].width + self.theme.gap
        for number, (picture, words) in enumerate(zip(self.pictures, self.words, strict=True)):
            left = self.x + number * step
            picture.size = (round(column), round(tile))
            picture.pos = (round(left), round(self.top - tile))
            words.pos = (
                round(left + (column - words.width) / 2),
                round(self.top - tile - self.theme.gap - words.height),
            )
        for number, icon in enumerate(self.onward):
            middle = self.x + (number + 1) * step - (step - column) / 2
            icon.pos = (
                round(middle - icon.width / 2),
                round(self.top - tile / 2 - icon.height / 2),
            )
        if self.theme.is_rtl:
            mirror(self)
