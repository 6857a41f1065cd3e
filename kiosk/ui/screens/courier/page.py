"""The courier between two doors: scan the next package, type its barcode, choose its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kivy.graphics import Color, Mesh, SmoothLine
from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from kiosk.flows.events import Chosen, Entered
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import ChooseSize, ScanPackage, SizeOffer, StoredNote
from kiosk.flows.views.shared import View
from kiosk.model.barcode import BARCODE_LENGTH_MAX
from kiosk.ui import texts
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.buttons import Badge, Card, Pressable, mirror
from kiosk.ui.widgets.counts import RunBar
from kiosk.ui.widgets.keypad import CLEAR, ENTER, ERASE, keyboard_least_mm, letter_keyboard
from kiosk.ui.widgets.text import Icon, Words


class FreeCell(Card):
    """How many doors of a size are free: readable from a step away."""

    is_flat = False
    """All in one line, where the panel is low."""

    def __init__(self, theme: Theme, size: SizeOffer) -> None:
        super().__init__(theme, fill=theme.colours.surface, edge=theme.colours.line)
        self.offer = size
        free = size.free > 0
        ink = theme.colours.ink if free else theme.tone(Tone.FAILED).strong_ink
        self.name = Words(theme, text=size.name, bold_face=True, ink=theme.colours.ink)
        self.icon = Icon(theme, "" if free else "circle-slash", theme.font("text"), ink=ink)
        self.count = Words(
            theme, text=texts.courier.free_count(size, theme.speech), ink=ink, halign="center"
        )
        for part in (self.name, self.icon, self.count):
            self.add_widget(part)

    def lay_out(self) -> None:
        gap = self.theme.space(8)
        if self.is_flat:
            self._lay_out_flat(gap)
            return
        steps = ("lead", "text") if self.theme.is_small else ("title", "lead", "text")
        self.name.fit_line(steps, self.width * 0.5)
        self.count.fit_line()
        head = self.name.width + (self.icon.width + gap if self.icon.text else 0)
        whole = self.name.height + self.count.height
        top = self.center_y + whole / 2
        self.name.pos = (self.center_x - head / 2, top - self.name.height)
        self.icon.pos = (self.name.right + gap, self.name.center_y - self.icon.height / 2)
        self.count.pos = (self.center_x - self.count.width / 2, top - whole)

    def _lay_out_flat(self, gap: float) -> None:
        """All in one line: name, icon, number."""
        self.name.fit_line()
        self.count.fit_line()
        parts = [part for part in (self.name, self.icon, self.count) if part.text]
        width = sum(part.width for part in parts) + gap * (len(parts) - 1)
        self.icon.opacity = 1
        if width > self.width - gap and self.icon in parts:
            parts.remove(self.icon)  # the nought says it as well
            self.icon.opacity = 0
            width -= self.icon.width + gap
        x = self.center_x - width / 2
        for part in parts:
            part.pos = (x, self.center_y - part.height / 2)
            x += part.width + gap

    def say(self, width: float) -> bool:
        """Say in words how many are free; whether that fits this width."""
        if self.is_flat:
            return False
        self.count.text = texts.courier.free_count(self.offer, self.theme.speech)
        return self.count.fit_line(("text",), width - 2 * self.theme.space(8))

    def say_number(self) -> None:
        """Say it as a bare number, where not all have room for words."""
        self.count.text = str(self.offer.free)


class StoredCard(Card):
    """The last package: stored where, and its code if the site shows it."""

    is_brief = False
    """The door and the code are all that has room."""
    is_short = False
    """So little that the sign says what the words would."""

    def __init__(self, theme: Theme, stored: StoredNote) -> None:
        colours = theme.tone(Tone.DONE)
        super().__init__(theme, fill=colours.soft, edge=colours.soft)
        self.stored = stored
        self.icon = Icon(theme, "circle-check", theme.font("lead"), ink=colours.strong_ink)
        self.title = Words(
            theme, text=texts.courier.stored_sentence(stored, theme.speech), bold_face=True
        )
        self.barcode = Words(theme, text=stored.barcode, ink=theme.colours.ink_soft)
        self.code = Words(theme, text=stored.code, bold_face=True)
        for part in (self.icon, self.title, self.barcode, self.code):
            self.add_widget(part)

    def fit(self, width: float) -> None:
        """Become this wide and as high as the lines need."""
        pad = self.theme.gap
        inner = width - 2 * pad
        steps = ("text",) if self.is_short else ("lead", "text")
        self._say()
        self.title.fit(inner - self.icon.width - pad / 2, steps=steps, lines=1)
        self.barcode.fit_end(self.stored.barcode, inner)
        self.code.fit(inner, steps=steps, lines=1)
        if self.is_brief or (self.theme.is_small and self.code.text):
            self.barcode.text = ""  # the door and the code matter more
        lines = [part for part in (self.title, self.code, self.barcode) if part.text]
        self.size = (width, sum(part.height for part in lines) + 1.4 * pad)
        self.arrange()

    def _say(self) -> None:
        speech = self.theme.speech
        say = texts.courier.stored_in_brief if self.is_short else texts.courier.stored_sentence
        self.title.text = say(self.stored, speech)
        if self.stored.code:
            code = texts.parts.spaced_code(self.stored.code)
            self.code.text = code if self.is_short else speech.say(texts.parts.CODE, code=code)

    def lay_out(self) -> None:
        pad = self.theme.gap
        y = self.top - 0.7 * pad
        for part in (self.title, self.code, self.barcode):
            if part.text:
                y -= part.height
                part.pos = (self.x + pad, y)
        self.icon.pos = (
            self.x + pad,
            self.title.y + (self.title.height - self.icon.height) / 2,
        )
        self.title.pos = (self.icon.x + self.icon.width + pad / 2, self.title.y)


TIGHTEST = 3
"""See `ScanFigure.fit`."""


class ScanFigure(Widget):
    """How far the run is, the last package and the free doors by size."""

    def __init__(self, theme: Theme, view: ScanPackage) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        count = texts.courier.run_count(view, theme.speech)
        short = texts.courier.run_count_in_brief(view)
        self.run = RunBar(theme, count, short, _share(view)) if count else None
        if self.run is not None:
            self.add_widget(self.run)
        self.stored = StoredCard(theme, view.stored) if view.stored else None
        if self.stored is not None:
            self.add_widget(self.stored)
        self.cells = [FreeCell(theme, size) for size in view.sizes]
        for cell in self.cells:
            self.add_widget(cell)
        self.bind(pos=self._place, size=self._place)

    def fit(self, width: float, height: float) -> float:
        """Its height at this width, as roomy as this height allows."""
        for tightness in range(TIGHTEST + 1):
            self._become(tightness)
            if self.natural_height(width) <= height:
                break
        return self.natural_height(width)

    def _become(self, tightness: int) -> None:
        """First the free doors go into one line, then the barcode goes, the bar and some words."""
        for cell in self.cells:
            cell.is_flat = tightness > 0
        if self.stored is not None:
            self.stored.is_brief, self.stored.is_short = tightness > 1, tightness > 2
        if self.run is not None:
            self.run.is_brief = tightness > 2

    def _cards(self) -> list[StoredCard | RunBar]:
        return [card for card in (self.stored, self.run) if card is not None]

    def natural_height(self, width: float) -> float:
        """Its height at this width."""
        height = self._cell_height()
        for card in self._cards():
            card.fit(width)
            height += card.height + self._between()
        return height

    def _between(self) -> float:
        is_short = self.stored is not None and self.stored.is_short
        return self.theme.gap * (0.35 if is_short else 0.6 if self.theme.is_small else 1.0)

    def _cell_height(self) -> float:
        if any(cell.is_flat for cell in self.cells):
            return self.theme.mm(10 * self.theme.large)
        return self.theme.mm((21 if self.theme.is_small else 28) * self.theme.large)

    def _place(self, *_: object) -> None:
        gap = self.theme.gap
        width = (self.width - (len(self.cells) - 1) * gap) / max(1, len(self.cells))
        are_said = [cell.say(width) for cell in self.cells]
        if not all(are_said):
            for cell in self.cells:
                cell.say_number()
        for number, cell in enumerate(self.cells):
            cell.size = (round(width), self._cell_height())
            cell.pos = (round(self.x + number * (width + gap)), self.y)
        y = self.y + self._cell_height()
        for card in self._cards():
            card.fit(self.width)
            card.pos = (self.x, y + self._between())
            card.arrange()
            y = card.top
        if self.theme.is_rtl:
            mirror(self)


def _share(view: ScanPackage) -> float | None:
    """Which part of what comes is in; None where nobody knows how much comes."""
    if view.expected is None:
        return None
    return view.stored_count / max(1, view.stored_count + view.expected)


class ScanPage(Page[ScanPackage]):
    """Between two packages: scan the next, or be done."""

    has_tools = False
    figure_share = 0.54
    figure_may_wait = True
    figure: ScanFigure

    def has_button_column(self) -> bool:
        return len(self.view.choices) > (3 if self.theme.is_portrait else 2)

    def label_of(self, choice: Choice) -> str:
        count = {Choice.COLLECT: self.view.due, Choice.MOVE_LOWER: self.view.out_of_reach}.get(
            choice
        )
        label = super().label_of(choice)
        return f"{label} · {self.theme.speech.number(count)}" if count else label

    def build(self) -> None:
        # A low panel: the words have their room first, and the figure becomes tighter.
        beside = 0.45 if self.view.silent is not None else 0.6
        self.figure_share_stacked = 0.8 if self.theme.is_portrait else beside
        self.figure = ScanFigure(self.theme, self.view)
        self.add_widget(self.figure)

    def changed(self, before: ScanPackage) -> None:
        self.remove_widget(self.figure)
        self.build()

    def make_sign(self, words: texts.parts.Words) -> Widget | None:
        view = self.view
        is_more_said = words.note is not None or view.stored is not None or view.silent is not None
        if not self.theme.is_portrait and (is_more_said or view.expected is not None):
            return None
        diameter = self.theme.mm(28 if self.theme.is_portrait else 20)
        return Badge(self.theme, "scan-barcode", Tone.ACT, diameter)

    def figure_size(self, area: Area) -> tuple[float, float]:
        return area.width, self.figure.fit(area.width, area.height)


class TypedLine(Card):
    """The barcode as far as it is typed."""

    def __init__(self, theme: Theme) -> None:
        self._text = ""
        super().__init__(theme, fill=theme.colours.surface, edge=theme.tone(Tone.ACT).strong_ink)
        self.words = Words(theme, text="", bold_face=True)
        self.add_widget(self.words)

    def show(self, text: str) -> None:
        self._text = text
        self.arrange()

    def arrange(self) -> None:
        # Not turned over: a barcode is typed from left to right in every language.
        # The end, where typing goes on, stays in sight.
        self.words.fit_end(self._text, self.width - 2 * self.theme.gap, ("lead", "text"))
        self.words.pos = (self.x + self.theme.gap, self.center_y - self.words.height / 2)


class TypeBarcodePage(Page[View]):
    """A keyboard for a barcode that cannot be read, or a package's number."""

    has_tools = False
    is_compact = True
    figure_share_stacked = 0.7
    figure_yields = True
    field: TypedLine

    def build(self) -> None:
        self.figure_least_mm = keyboard_least_mm(self.theme)
        self.typed = ""
        self.field = TypedLine(self.theme)
        self.figure = letter_keyboard(self.theme, self._pressed)
        self.add_widget(self.field)
        self.add_widget(self.figure)

    def take_over(self, before: Page[Any]) -> None:
        if isinstance(before, TypeBarcodePage):
            self.typed = before.typed
            self.field.show(self.typed)

    def main_choice(self) -> Pressable | None:
        return None  # Enter ends what is typed

    def has_typed(self) -> bool:
        return bool(self.typed)

    def figure_size(self, area: Area) -> tuple[float, float]:
        height = self.theme.mm(44 if self.theme.is_small else 72)
        return area.width, min(height, area.height)

    def _arrange_beside(self, inner: Area) -> None:
        self._arrange_stacked(inner)

    def measure_field(self, room: Area) -> None:
        self.field.size = (room.width, self.theme.mm(11 if self.theme.is_small else 16))
        self.field.arrange()

    def text_input(self, text: str) -> None:
        for character in text.upper():
            if character.isascii() and character.isprintable() and character != " ":
                self._pressed(character)

    def key(self, name: str) -> None:
        self._pressed(name)

    def _pressed(self, name: str) -> None:
        if self.is_answered:
            return
        if name == ENTER:
            if self.typed:
                self.answer(Entered(self.typed))
            return
        if name == ERASE:
            self.typed = self.typed[:-1]
        elif name == CLEAR:
            self.typed = ""
        elif len(self.typed) < BARCODE_LENGTH_MAX:
            self.typed += name
        self.field.show(self.typed)


class BoxPicture(Widget):
    """A box in its true proportions, seen from the front, a little from the right and above."""

    def __init__(self, theme: Theme, size: SizeOffer, *, muted: bool) -> None:
        super().__init__(size_hint=(None, None))
        colours, act = theme.colours, theme.tone(Tone.ACT)
        self.offer = size
        with self.canvas:
            Color(*(colours.quiet if muted else act.soft))
            self._faces = [Mesh(mode="triangle_fan") for _ in range(3)]
            Color(*(colours.edge if muted else act.strong_ink))
            self._lines = [SmoothLine(width=1.2, close=True) for _ in range(3)]

    def extent_mm(self) -> tuple[float, float]:
        """Width and height of the drawing, in millimetres of the box."""
        lean = 0.35 * self.offer.depth_mm
        return self.offer.width_mm + lean, self.offer.height_mm + 0.6 * lean

    def draw(self, scale: float, center_x: float, center_y: float, line: float) -> None:
        """Draw it at `scale` pixels per millimetre."""
        whole_width, whole_height = (value * scale for value in self.extent_mm())
        x, y = center_x - whole_width / 2, center_y - whole_height / 2
        width, height = self.offer.width_mm * scale, self.offer.height_mm * scale
        lean_x = whole_width - width
        lean_y = whole_height - height
        front = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        side = [
            (x + width, y),
            (x + width + lean_x, y + lean_y),
            (x + width + lean_x, y + height + lean_y),
            (x + width, y + height),
        ]
        top = [
            (x, y + height),
            (x + width, y + height),
            (x + width + lean_x, y + height + lean_y),
            (x + lean_x, y + height + lean_y),
        ]
        for corners, face, outline in zip(
            (front, side, top), self._faces, self._lines, strict=True
        ):
            face.vertices = [number for px, py in corners for number in (px, py, 0, 0)]
            face.indices = [0, 1, 2, 3]
            outline.points = [number for corner in corners for number in corner]
            outline.width = line


class SizeCard(Pressable):
    """A size: its picture to scale, its name, how many are free, measures and weight."""

    def __init__(
        self, theme: Theme, size: SizeOffer, action: Callable[[], None], *, full_leads_on: bool
    ) -> None:
        super().__init__(theme, action, corner=theme.space(24))
        self.offer = size
        self.disabled = size.free == 0 and not full_leads_on
        self.picture = BoxPicture(theme, size, muted=size.free == 0)
        ink = theme.colours.ink_soft if size.free else theme.tone(Tone.FAILED).strong_ink
        self.name = Words(theme, text=size.name, bold_face=True)
        self.free = Words(
            theme, text=texts.courier.free_count(size, theme.speech), ink=ink, bold_face=True
        )
        self.measures = Words(
            theme, text=texts.courier.measures(size, theme.speech), ink=theme.colours.ink_soft
        )
        self.weight = Words(
            theme, text=texts.courier.weight(size, theme.speech), ink=theme.colours.ink_soft
        )
        for part in (self.picture, self.name, self.free, self.measures, self.weight):
            self.add_widget(part)
        self.scale = 1.0
        self.restyle()

    def restyle(self) -> None:
        colours = self.theme.colours
        usual = colours.ground if self.disabled else colours.surface
        self.fill = colours.pressed if self.pressed and not self.disabled else usual
        self.edge = colours.line if self.disabled else colours.edge

    def text_height(self) -> float:
        """The height of its words."""
        self.name.fit_line((self.theme.title_step,))
        lines = (self.free, self.measures, self.weight)
        for part in lines:
            part.fit_line()
        return float(self.name.height + self.measures.height + self.weight.height)

    def text_width(self) -> float:
        """The width of its words."""
        self.text_height()
        head = self.name.width + self.theme.gap + self.free.width
        return float(max(head, self.measures.width, self.weight.width) + 1.3 * self.theme.gap)

    def on_touch_down(self, touch: MotionEvent) -> bool:
        # One on a page that is not turned to cannot be touched.
        return bool(self.opacity) and super().on_touch_down(touch)

    def lay_out(self) -> None:
        gap = self.theme.gap
        line = self.theme.hairline * 0.7
        text = self.text_height()
        if self.theme.is_portrait:
            half = self.width * 0.42
            left, top = self.x + half + gap, self.center_y + text / 2
            middle = self.x + half / 2 + gap / 2
            if self.theme.is_rtl:  # what is drawn is not turned over with the parts
                middle = self.x + self.right - middle
            self.picture.draw(self.scale, middle, self.center_y, line)
        else:
            left, top = self.x + gap, self.y + 0.6 * gap + text
            self.picture.draw(self.scale, self.center_x, (top + self.top) / 2, line)
        self.free.pos = (
            self.right - gap - self.free.width,
            top - self.name.height / 2 - self.free.height / 2,
        )
        for part in (self.name, self.measures, self.weight):
            top -= part.height
            part.pos = (left, top)


class SizeCards(Widget):
    """The sizes: rows in portrait, columns in landscape; all pictures to one scale."""

    def __init__(self, theme: Theme, cards: list[SizeCard]) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self.cards = cards
        for card in cards:
            self.add_widget(card)
        self._number = 0
        self.bind(pos=self._place, size=self._place)

    @property
    def page_count(self) -> int:
        """How many pages there are: columns that leave the words no room are not drawn."""
        return max(1, -(-len(self.cards) // self._at_once()))

    def turn_to(self, number: int) -> None:
        """Show this page, from 0."""
        self._number = number
        self._place()

    def _at_once(self) -> int:
        count, gap = max(1, len(self.cards)), self.theme.gap
        if self.theme.is_portrait or not self.cards:
            return count
        widest = max(card.text_width() for card in self.cards)
        return max(1, min(count, int((self.width + gap) / (widest + gap))))

    def _place(self, *_: object) -> None:
        if not self.cards or self.width < 2 or self.height < 2:
            return
        theme, gap = self.theme, self.theme.gap
        at_once = self._at_once()
        first = min(self._number, self.page_count - 1) * at_once
        cards = self.cards[first : first + at_once]
        for card in self.cards:
            card.opacity = 1 if card in cards else 0
        count = len(cards) if at_once == len(self.cards) else at_once
        widest = max(card.picture.extent_mm()[0] for card in self.cards)
        highest = max(card.picture.extent_mm()[1] for card in self.cards)
        if theme.is_portrait:
            width, height = self.width, (self.height - (count - 1) * gap) / count
            room = (width * 0.42 - 2 * gap, height - 2 * gap)
        else:
            width, height = (self.width - (count - 1) * gap) / count, self.height
            words = max(card.text_height() for card in self.cards)
            room = (width - 2 * gap, height - words - 2 * gap)
        scale = max(0.01, min(room[0] / widest, room[1] / highest))
        for number, card in enumerate(cards):
            card.scale = scale
            card.size = (round(width), round(height))
            if theme.is_portrait:
                card.pos = (self.x, round(self.top - (number + 1) * height - number * gap))
            else:
                card.pos = (round(self.x + number * (width + gap)), self.y)
        if self.theme.is_rtl:
            mirror(self)
        for card in self.cards:
            card.arrange()


_CARD_LEAST_MM = 44.0
_ROW_LEAST_MM = 24.0
"""How high a card is at least, beside others and over others."""


class SizePage(Page[ChooseSize]):
    """Which size: pictures to scale; a size with no free door cannot be pressed."""

    has_tools = False
    is_compact = True
    figure_may_wait = True
    figure_yields = True
    figure_share_stacked = 0.72

    def build(self) -> None:
        # The question and what can be chosen belong together, as long as a card can be read.
        in_rows = self.theme.is_portrait
        self.figure_least_mm = _ROW_LEAST_MM * len(self.view.sizes) if in_rows else _CARD_LEAST_MM
        leads_on = self.view.full_leads_on
        cards = [
            SizeCard(self.theme, size, self._choice(size.name), full_leads_on=leads_on)
            for size in self.view.sizes
        ]
        self.figure = SizeCards(self.theme, cards)
        self.add_widget(self.figure)

    def changed(self, before: ChooseSize) -> None:
        if self.view.sizes != before.sizes:
            self.remove_widget(self.figure)
            self.build()

    def _choice(self, name: str) -> Callable[[], None]:
        return lambda: self.answer(Chosen(name))

    def figure_size(self, area: Area) -> tuple[float, float]:
        if self.theme.is_portrait:
            return area.width, min(area.height, self.theme.mm(66) * len(self.view.sizes))
        return area.width, area.height

    def _arrange_beside(self, inner: Area) -> None:
        self._arrange_stacked(inner)
