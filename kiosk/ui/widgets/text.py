"""Text and icons whose size is a step of the theme, chosen so that they fit their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kivy.graphics import Color, Rectangle
from kivy.properties import BooleanProperty, ColorProperty, ObjectProperty
from kivy.uix.label import Label

from kiosk.ui import fonts
from kiosk.ui.icons import GLYPHS
from kiosk.ui.language import display_lines, joined, needs_order
from kiosk.ui.theme import Theme

_LEAST_SYLLABLE = 3
"""No fewer letters stand alone before or behind a hyphen."""
ICONS = "KioskIcons"
"""The font of the icons."""
LINES_MEET = 0.12
"""Above and under the letters the box of a line is empty: as a part of the type's size."""
_REMEMBERED_MAX = 50_000

NO_RULES: dict[str, Any] = {"__no_builder": True}
"""For a widget that draws itself. To find Kivy's rules for each, and to bind what they say, took a
third of the processor's time while all screens were drawn."""

_Size = tuple[float, float]
_widths: dict[int, float] = {}
"""How wide pieces of text are, and how large whole texts, by a number that stands for text and
type: nothing that a person was shown is kept here."""
_sizes: dict[int, _Size] = {}


def _is_plain(word: str) -> bool:
    """Whether it is a word that may be divided, and no code, path or name of a part."""
    return re.sub("['’]", "", word.rstrip(".,:;!?…")).isalpha()


class _Glyphs(Label):
    """Letters of one colour in the middle of their place."""

    ink = ColorProperty()
    texture_size: tuple[float, float]

    def __init__(self, **properties: Any) -> None:
        ink = properties["ink"]
        super().__init__(
            size_hint=(None, None), color=ink, disabled_color=ink, **properties, **NO_RULES
        )
        with self.canvas:
            Color(1, 1, 1, 1)
            self._painted = Rectangle()
        for name in ("pos", "size", "texture", "texture_size"):
            self.fbind(name, self._paint)
        self._paint()

    def on_ink(self, _: object, ink: Sequence[float]) -> None:
        self.color = self.disabled_color = ink

    def _paint(self, *_: object) -> None:
        width, height = self.texture_size
        self._painted.texture = self.texture
        self._painted.size = (width, height)
        self._painted.pos = (int(self.center_x - width / 2), int(self.center_y - height / 2))


class Words(_Glyphs):
    """A text that takes the largest of some steps at which it fits.

    `fit` gives it its size; until then it has none. A single word is never cut in two. `text` is
    in the order in which it is read; in a language that is read from right to left it is painted
    in another, and what stands at the left stands at the right.
    """

    bold_face = BooleanProperty(False)
    typeface = ObjectProperty(fonts.LATIN)
    """The font of what it says, chosen by its letters."""
    text_size: tuple[float | None, float | None]

    def __init__(self, theme: Theme, **properties: object) -> None:
        self.theme = theme
        self.step = "text"
        if theme.is_rtl and properties.get("halign", "left") == "left":
            properties["halign"] = "right"
        properties.setdefault("ink", theme.colours.ink)
        properties["typeface"] = fonts.typeface_of(str(properties.get("text", "")))
        super().__init__(**properties)
        self._take_typeface()

    def on_text(self, _: object, text: str) -> None:
        self.typeface = fonts.typeface_of(text)

    def on_typeface(self, *_: object) -> None:
        self._take_typeface()

    def on_bold_face(self, *_: object) -> None:
        self._take_typeface()

    def _take_typeface(self) -> None:
        face = self.typeface
        self.font_name = face.bold if self.bold_face else face.regular
        self.line_height = self.theme.line_height * face.closeness

    def texture_update(self, *_: object) -> None:
        if needs_order(self.text):
            self._label.resolve_font_name()
            width = self.text_size[0]
            fits = None if width is None else (lambda line: self._width_of(line) <= width)
            self._label.text = display_lines(self.text, fits)
        elif self.text:
            self._label.resolve_font_name()
            room = self.text_size[0]
            # Hyphens of a narrower place must not stay.
            self._label.text = self.text if room is None else self._with_hyphens(room)
        super().texture_update()

    def _with_hyphens(self, width: float) -> str:
        """The text with hyphens in words that one line is too short for; codes have none."""
        if not self.broken_word(width):
            return str(self.text)
        return re.sub(r"[^ \n]+", lambda found: self._hyphenated(found[0], width), self.text)

    def _hyphenated(self, word: str, width: float) -> str:
        if self._width_of(word) <= width or not _is_plain(word):
            return word
        for count in range(len(word) - _LEAST_SYLLABLE, _LEAST_SYLLABLE - 1, -1):
            if self._width_of(f"{word[:count]}-") <= width:
                return f"{word[:count]}- {self._hyphenated(word[count:], width)}"
        return word

    def _width_of(self, line: str) -> float:
        key = hash((line, self.font_name, self.font_size))
        width = _widths.get(key)
        if width is None:
            self._label.resolve_font_name()
            width = float(self._label.get_extents(line)[0])
            _remember(_widths, key, width)
        return width

    def fit(
        self,
        width: float,
        height: float | None = None,
        steps: Sequence[str] = ("text",),
        lines: int = 0,
        is_even: bool = False,
    ) -> bool:
        """Take the first step that fits `width`, `height` and `lines` (0 for any), else the last.

        Returns whether it fits; the widget becomes `width` wide and as high as its text. With
        `is_even` it becomes narrower, so that its lines are of about one length.
        """
        fits = False
        for step in steps:
            self._measure(step, width)
            fits = self._word_fits(width) and (height is None or self.texture_size[1] <= height)
            if lines:
                fits = fits and self.texture_size[1] <= self._height_of(lines)
            if fits:
                break
        self.size = (width, self.texture_size[1])
        if is_even and fits:
            self._even_out(width)
        return fits

    def _even_out(self, width: float) -> None:
        """Become as narrow as the same number of lines allows: no last word stands alone."""
        height = self.texture_size[1]
        if height < 1.5 * self.line_distance():
            return
        even = self._narrowest(width)
        self._measure(self.step, even)
        if self.texture_size[1] > height + 1:
            even = width
            self._measure(self.step, even)
        self.size = (even, self.texture_size[1])

    def _narrowest(self, width: float) -> float:
        """The smallest width at which each paragraph has no more lines than at this one."""
        space = self._width_of(" ")
        paragraphs = [
            [self._width_of(word) for word in paragraph.split()]
            for paragraph in (joined(self.text) if needs_order(self.text) else self.text).split(
                "\n"
            )
        ]
        counts = [line_count(words, space, width) for words in paragraphs]
        low, high = width * 0.4, width
        for _ in range(9):
            middle = (low + high) / 2
            if [line_count(words, space, middle) for words in paragraphs] == counts:
                high = middle
            else:
                low = middle
        return min(width, high + 4)

    def word_widths(self) -> tuple[list[float], float]:
        """How wide each word is in the type that it has, and the space between two."""
        text = joined(self.text) if needs_order(self.text) else self.text
        return [self._width_of(word) for word in text.split()], self._width_of(" ")

    def fit_line(self, steps: Sequence[str] = ("text",), max_width: float | None = None) -> bool:
        """Take the first step at which one line fits; the widget becomes as wide as its text."""
        fits = False
        for step in steps:
            self._measure(step, None)
            fits = max_width is None or self.texture_size[0] <= max_width
            if fits:
                break
        self.size = self.texture_size
        return fits

    def fit_end(self, text: str, max_width: float, steps: Sequence[str] = ("text",)) -> None:
        """Show this text in one line; if it is too long, only its end, after an ellipsis."""
        self.text, shown = text, text
        while not self.fit_line(steps, max_width) and len(shown) > 4:
            shown = shown[1:]
            self.text = f"…{shown}"

    def fit_start(self, max_width: float) -> None:
        """Show the text in one line; if it is too long, only its start, before an ellipsis."""
        self.shorten, self.shorten_from = True, "right"
        self.text_size = (max(1, max_width), None)
        self.texture_update()
        self.size = self.texture_size

    def _measure(self, step: str, width: float | None) -> None:
        """Take this size of type and this width. What was measured before is painted only when the
        next frame is: a screen tries many sizes, and shows one."""
        self.step = step
        self.font_size = self.theme.font(step)
        self.text_size = (None if width is None else max(1, width), None)
        type_of_it = (self.font_name, self.font_size, self.line_height)
        key = hash((self.text, self.text_size[0], *type_of_it))
        size = _sizes.get(key)
        if size is None or self.shorten:
            self.texture_update()
            _remember(_sizes, key, tuple(self.texture_size))
        else:
            self.texture_size = size

    def _height_of(self, lines: int) -> float:
        return (lines + 0.5) * self.line_distance()

    def line_distance(self) -> float:
        """The height of one line in pixels."""
        return float(self.font_size * self.typeface.line_per_em * self.line_height)

    def _word_fits(self, width: float) -> bool:
        return not self.broken_word(width)

    def lines(self) -> list[str]:
        """The text cut where its lines end at the width it was measured for; together they are the
        text, with its spaces, and with hyphens in words that are too long."""
        width = self.text_size[0]
        if width is None:
            return [self.text]
        lines: list[str] = []
        text = self.text if needs_order(self.text) else self._with_hyphens(width)
        for paragraph in text.splitlines(keepends=True):
            line = ""
            for word in re.findall(r"[^ \n]*[ \n]+|[^ \n]+", paragraph):
                longer = f"{line}{word}".rstrip()
                shown = joined(longer) if needs_order(longer) else longer
                if line and self._width_of(shown) > width:
                    lines.append(line)
                    line = ""
                line += word
            lines.append(line)
        return lines

    def broken_word(self, width: float, painted: str = "") -> str:
        """The first word that this width would break in two; empty where all stay whole. Of the
        text, or of what is painted of it."""
        text = painted or (joined(self.text) if needs_order(self.text) else self.text)
        return next((word for word in text.split() if self._width_of(word) > width), "")


def _remember(measured: dict[int, Any], key: int, value: object) -> None:
    if len(measured) >= _REMEMBERED_MAX:
        measured.clear()
    measured[key] = value


def line_count(widths: Sequence[float], space: float, room: float) -> int:
    """How many lines words of these widths take; 99 more where a word is wider than a line."""
    lines, used = 1, 0.0
    for width in widths:
        if used and used + space + width > room:
            lines, used = lines + 1, width
        else:
            used += width + (space if used else 0.0)
    return lines + (max(widths, default=0.0) > room) * 99


class Icon(_Glyphs):
    """One icon, as wide and high as its font size."""

    def __init__(self, theme: Theme, name: str, side: float, **properties: object) -> None:
        properties.setdefault("ink", theme.colours.ink)
        text = GLYPHS[name] if name else ""
        super().__init__(text=text, font_name=ICONS, font_size=round(side), **properties)
        self.size = (self.font_size, self.font_size)
        self.icon_name = name

    def on_font_size(self, _: object, side: float) -> None:
        self.size = (side, side)

    def show(self, name: str) -> None:
        """Become another icon."""
        self.icon_name = name
        self.text = GLYPHS[name] if name else ""
