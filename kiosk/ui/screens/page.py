"""The fixed frame of every screen: where I am, the words, the one thing, what I can press."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from kivy.clock import Clock
from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from kiosk.flows.views import Choice, Pressed, View
from kiosk.model.location import Location
from kiosk.ui import theme as look
from kiosk.ui import wording
from kiosk.ui.language import Speech
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.plate import Badge, Banner, WordButton, mirror
from kiosk.ui.widgets.text import Words

Event = object
_LEAVING = (Choice.BACK, Choice.CANCEL)
_STEPS = ("large", "title", "lead", "text")

V = TypeVar("V", bound=View)


@dataclass(frozen=True, slots=True)
class Context:
    """What every screen is given."""

    location: Location
    theme: Theme
    emit: Callable[[Event], None]

    @property
    def speech(self) -> Speech:
        """The language of the screen."""
        return self.theme.speech


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle on the screen, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def top(self) -> float:
        return self.y + self.height


class Page(Widget, Generic[V]):
    """A screen: one view drawn in the fixed frame.

    A family of screens sets `field` (one line under the words: typed digits) and `figure` (the
    keypad, the drawing of the bank), and places them in `place_figure`. Portrait: everything
    under each other, centred. Landscape: words left, figure right. It is laid out as it is read
    from left to right, and turned over as a whole for a language that is read the other way.
    """

    has_main_choice = True
    """Whether the first choice is what most people want; else none stands out."""
    figure_beside_actions = False
    """In landscape the figure takes the full height, and the actions stay under the words."""
    figure_share = 0.5
    """The part of the width that the figure takes in landscape."""
    figure_share_stacked = 0.62
    """The part of the height that the figure takes, if it wants it, before the words."""
    is_compact = False
    """In landscape the row with the name is left out, so that the figure has its height."""
    keeps_name = False
    """The name stands in the top row even where there is little room."""
    spare_parts: tuple[str, ...] = ()
    """What may be left out when there is no room, in this order: `body`, `title`, `field`."""
    spare_below = 0.5
    """The part of the empty height that is under the figure, the rest is over the words."""

    def __init__(self, context: Context, view: V) -> None:
        super().__init__()
        self.context = context
        self.theme = context.theme
        self.view = view
        self.field: Widget | None = None
        self.figure: Widget | None = None
        self.sign: Widget | None = None
        self._answered = False
        self._patience = None
        self._header = Words(self.theme, ink=look.INK_SOFT, text=context.location.name)
        align = "center" if self.theme.is_portrait else "left"
        self.title = Words(self.theme, bold_face=True, halign=align)
        self.body = Words(self.theme, ink=look.INK_SOFT, halign=align)
        self.note: Banner | None = None
        self.buttons: list[WordButton] = []
        self.help_button: WordButton | None = None
        for part in (self._header, self.title, self.body):
            self.add_widget(part)
        self.build()
        self._refresh()
        self.bind(pos=self._arrange, size=self._arrange)

    # --- for the families ---

    def has_button_column(self) -> bool:
        """Whether the actions stand under each other at the right, in landscape."""
        return False

    def build(self) -> None:
        """Make the field and the figure."""

    def changed(self, before: V) -> None:
        """The view was replaced by another of its class; `self.view` is the new one."""

    def words(self) -> wording.parts.Words:
        return wording.words_for(self.view, self.context.location, self.context.speech)

    def extra_buttons(self) -> list[WordButton]:
        """Buttons of this screen that are no choices, the main one first."""
        return []

    def figure_size(self, area: Area) -> tuple[float, float]:
        """How large the figure is in the room it can have."""
        return area.width, area.height

    def text_input(self, text: str) -> None:
        """Characters came from a real keyboard or keypad."""

    def key(self, name: str) -> None:
        """ENTER or ERASE came from a real keyboard or keypad."""

    # --- views in, events out ---

    def update(self, view: V) -> None:
        """Take a new view of the same class; what the person typed stays."""
        before, self.view = self.view, view
        self._release()
        self.changed(before)
        self._refresh()
        self._arrange()

    def answer(self, event: Event) -> None:
        """Report what the person did; until something new is shown nothing more is taken."""
        if self._answered:
            return
        self._answered = True
        self._patience = Clock.schedule_once(self._release, look.ANSWER_PATIENCE_S)
        self.context.emit(event)

    def leave(self) -> None:
        """The screen is taken away: nothing may come from it any more."""
        self._release()
        self._answered = True

    @property
    def is_answered(self) -> bool:
        return self._answered

    def _release(self, *_: object) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._answered = False

    def on_touch_down(self, touch: MotionEvent) -> bool:
        if self._answered:
            return True
        return bool(super().on_touch_down(touch))

    # --- the frame ---

    def _refresh(self) -> None:
        """Say what the view says and offer what it offers."""
        words = self.words()
        self.title.text, self.body.text = words.title, words.body
        if self.note is not None:
            self.remove_widget(self.note)
            self.note = None
        if words.note is not None:
            self.note = Banner(self.theme, words.note.text, words.note.icon, words.note.tone)
            self.add_widget(self.note)
        self._set_sign(words)
        self._offer()

    def _set_sign(self, words: wording.parts.Words) -> None:
        if self.sign is not None:
            self.remove_widget(self.sign)
        self.sign = self.make_sign(words)
        if self.sign is not None:
            self.add_widget(self.sign)

    def make_sign(self, words: wording.parts.Words) -> Widget | None:
        """The picture over the words."""
        if not words.icon:
            return None
        wide = 28 if self.theme.is_portrait else 17 if self.theme.is_small else 24
        diameter = self.theme.mm(wide)
        return Badge(self.theme, words.icon, words.tone, diameter)

    def _offer(self) -> None:
        for button in (*self.buttons, self.help_button):
            if button is not None:
                self.remove_widget(button)
        self.buttons, self.help_button = self.extra_buttons(), None
        for choice in self.offered():
            if choice is Choice.HELP:
                self.help_button = self._button(choice, Tone.CALM, plain=True)
                continue
            main = self.has_main_choice and not self.buttons and choice not in _LEAVING
            self.buttons.append(self._button(choice, Tone.ACT if main else Tone.CALM))
        for button in (*self.buttons, self.help_button):
            if button is not None:
                self.add_widget(button)

    def offered(self) -> tuple[Choice, ...]:
        """The choices that stand in the frame."""
        return self.view.choices

    def _button(self, choice: Choice, tone: Tone, *, plain: bool = False) -> WordButton:
        face = wording.faces.face(choice, self.context.speech)
        button = WordButton(
            self.theme,
            face.label,
            face.icon,
            lambda: self.answer(Pressed(choice)),
            tone=tone,
            plain=plain,
        )
        button.choice = choice
        return button

    def _arrange(self, *_: object) -> None:
        if self.width < 2 or self.height < 2:
            return
        theme = self.theme
        inner = Area(
            self.x + theme.margin,
            self.y + theme.margin_vertical,
            self.width - 2 * theme.margin,
            self.height - 2 * theme.margin_vertical,
        )
        if self.has_button_column() and not theme.is_portrait:
            self._arrange_with_column(inner)
        elif theme.is_portrait or self.figure is None:
            self._arrange_stacked(inner)
        else:
            self._arrange_beside(inner)
        if theme.is_rtl:
            mirror(self)

    def _arrange_stacked(self, inner: Area) -> None:
        header_bottom = self._place_header(inner)
        actions_top = self._place_buttons(inner)
        gap = self.theme.gap
        room = Area(inner.x, actions_top + gap, inner.width, header_bottom - actions_top - 2 * gap)
        if self.figure is not None:
            self._stack(room)
        elif self.sign is not None and not self.theme.is_portrait:
            self._place_sign_beside(room)
        else:
            self._place_words(room, lift=0.6)

    def _place_sign_beside(self, room: Area) -> None:
        """Low glass: the picture stands left of the words, level with their first line."""
        assert self.sign is not None
        left = self.sign.width + self.theme.space(32)
        beside = Area(room.x + left, room.y, room.width - left, room.height)
        self._place_words(beside, lift=0.55)
        middle = self.title.y + self.title.height / 2
        half = self.sign.height / 2
        self.sign.pos = (room.x, round(min(middle, room.top - half) - half))

    def _arrange_with_column(self, inner: Area) -> None:
        """Words over figure at the left, the actions in a column at the right."""
        theme = self.theme
        gap = theme.space(12)
        wide = [b.least_width() if theme.is_small else b.natural_width() for b in self.buttons]
        width = max(theme.mm(42), *wide)
        order = list(reversed(_in_reading_order(self.buttons)))
        count = max(1, len(order))
        height = min(theme.button_height, (inner.height - (count - 1) * gap) / count)
        y = inner.top - height
        for button in order:
            button.size = (width, round(height))
            button.pos = (inner.x + inner.width - width, round(y))
            y -= height + gap
        # The way back stays where it always is: at the bottom.
        if order and getattr(order[-1], "choice", None) in _LEAVING:
            order[-1].pos = (order[-1].x, inner.y)
        left = Area(inner.x, inner.y, inner.width - width - theme.space(32), inner.height)
        header_bottom = self._place_header(left)
        self._stack(Area(left.x, left.y, left.width, header_bottom - left.y))

    def _stack(self, room: Area) -> None:
        """Words over figure as one block, set in the middle of the room."""
        between = self.theme.space(64) if self.theme.is_portrait else self.theme.gap
        _, wished = self.figure_size(room)
        kept = min(wished, room.height * self.figure_share_stacked)
        words_room = Area(room.x, room.y, room.width, room.height - kept - between)
        words_height = self._block_height(self._measured(words_room))
        left_over = Area(room.x, room.y, room.width, room.height - words_height - between)
        width, height = self.figure_size(left_over)
        spare = max(0, room.height - words_height - between - height)
        self.figure.size = (width, height)
        self.figure.pos = (
            round(room.x + (room.width - width) / 2),
            round(room.y + spare * self.spare_below),
        )
        bottom = self.figure.top + between
        self._place_words(Area(room.x, bottom, room.width, words_height), lift=0)

    def _arrange_beside(self, inner: Area) -> None:
        theme = self.theme
        assert self.figure is not None
        gap = theme.space(32)
        full = self.figure_beside_actions
        if full:
            width, height = self.figure_size(
                Area(inner.x, inner.y, inner.width * self.figure_share, inner.height)
            )
            left = Area(inner.x, inner.y, inner.width - width - gap, inner.height)
            header_bottom = self._place_header(left)
            actions_top = self._place_buttons(left)
            bottom, top = inner.y, inner.top
        else:
            header_bottom = self._place_header(inner)
            actions_top = self._place_buttons(inner)
            bottom, top = actions_top + theme.gap, header_bottom - theme.space(8)
            width, height = self.figure_size(
                Area(inner.x, bottom, inner.width * self.figure_share, top - bottom)
            )
            left = Area(inner.x, inner.y, inner.width - width - gap, inner.height)
        self.figure.size = (width, height)
        self.figure.pos = (inner.x + inner.width - width, bottom + (top - bottom - height) / 2)
        room = Area(
            left.x,
            actions_top + theme.gap,
            left.width,
            header_bottom - actions_top - 1.5 * theme.gap,
        )
        self._place_words(room, lift=0.6)

    def _place_header(self, inner: Area) -> float:
        """Put name and help at the top; return the bottom of that row."""
        theme = self.theme
        has_name = theme.is_portrait or self.keeps_name
        has_name = has_name or not (self.is_compact or theme.is_small)
        self._header.opacity = 1 if has_name else 0
        if not has_name and self.help_button is None:
            return inner.top
        height = theme.mm(11 if theme.is_small else 14)
        y = inner.top - height
        room = inner.width - self.header_taken()
        if self.help_button is not None:
            width = min(self.help_button.natural_width(), inner.width / 2)
            self.help_button.size = (width, height)
            self.help_button.pos = (inner.x + inner.width - width, y)
            room -= width + theme.gap
        self._header.text_size = (None, None)
        self._header.font_size = theme.font("text")
        self._header.texture_update()
        if self._header.texture_size[0] > room:
            self._header.shorten = True
            self._header.text_size = (room, None)
            self._header.texture_update()
        self._header.size = self._header.texture_size
        self._header.pos = (inner.x, y + (height - self._header.height) / 2)
        return y

    def header_taken(self) -> float:
        """The width in the top row that something else of this screen needs."""
        return 0.0

    def _place_buttons(self, inner: Area) -> float:
        """Put the actions at the bottom, leaving left and main right; return their top."""
        if not self.buttons:
            return inner.y
        theme = self.theme
        height, gap = theme.button_height, theme.gap
        order = _in_reading_order(self.buttons)
        least = max(theme.least_button_width, *(b.least_width() for b in order))
        per_row = max(1, min(len(order), int((inner.width + gap) / (least + gap))))
        if theme.is_portrait:
            per_row = min(per_row, 2)
        rows = _rows_from_the_end(order, per_row)
        y = inner.y
        for row in reversed(rows):
            columns = max(per_row, 2 if inner.width > theme.mm(90) else 1)
            width = (inner.width - (columns - 1) * gap) / columns
            # A lone main button stands where the main one always stands: right.
            first = columns - len(row) if row[-1].tone is Tone.ACT else 0
            for column, button in enumerate(row, first):
                button.size = (round(width), height)
                button.pos = (round(inner.x + column * (width + gap)), y)
            y += height + gap
        return y - gap

    def _place_words(self, room: Area, lift: float) -> None:
        """Set sign, title, body, note and field as one block; `lift` is its place from below."""
        parts = self._measured(room)
        height = self._block_height(parts)
        y = room.y + (room.height - height) * lift + height
        for number, part in enumerate(parts):
            y -= part.height + (self._space_before(part) if number else 0)
            x = room.x
            if self.theme.is_portrait:
                x += (room.width - part.width) / 2
            part.pos = (round(x), round(y))

    def _block_height(self, parts: list[Widget]) -> float:
        between = sum(self._space_before(part) for part in parts[1:])
        return float(sum(part.height for part in parts) + between)

    def _space_before(self, part: Widget) -> float:
        """What belongs together stands together: title and body near, the rest apart."""
        return self.theme.space(8) if part is self.body else self.theme.gap

    def _measured(self, room: Area) -> list[Widget]:
        """The parts of the block, measured with the largest type that fits the room."""
        theme = self.theme
        steps = _STEPS[_STEPS.index(theme.title_step) :]
        spare = [getattr(self, name) for name in self.spare_parts]
        parts: list[Widget] = []
        for count in range(len(spare) + 1):
            left_out = spare[:count]
            for part in spare:
                part.opacity = 0 if part in left_out else 1
            for step in steps:
                body_step = theme.body_step if step == steps[0] else "text"
                parts = self._measured_at(room, step, body_step, left_out)
                if self._block_height(parts) <= room.height and (
                    self.title not in parts or self._title_lines() < 2.6
                ):
                    return parts
        return parts

    def _measured_at(
        self, room: Area, title_step: str, body_step: str, left_out: list[Widget]
    ) -> list[Widget]:
        self.title.fit(room.width, steps=(title_step,))
        self.body.fit(room.width * (0.86 if self.theme.is_portrait else 1), steps=(body_step,))
        if self.note is not None:
            self.note.fit(room.width, (body_step,))
        if self.field is not None:
            self.measure_field(room)
        beside = self.figure is None and not self.theme.is_portrait
        block = (None if beside else self.sign, self.title, self.body, self.note, self.field)
        return [
            part
            for part in block
            if part is not None
            and part not in left_out
            and not (part in (self.title, self.body) and not part.text)
        ]

    def _title_lines(self) -> float:
        return float(self.title.height / self.title.line_distance())

    def measure_field(self, room: Area) -> None:
        """Give the field its size for this width."""


def _in_reading_order(buttons: list[WordButton]) -> list[WordButton]:
    """From left to right: leaving first, the main one last."""
    leaving = [b for b in buttons if getattr(b, "choice", None) in _LEAVING]
    others = [b for b in buttons if b not in leaving]
    return leaving + others[1:] + others[:1]


def _rows_from_the_end(buttons: list[WordButton], per_row: int) -> list[list[WordButton]]:
    """Rows of at most `per_row`; the last row is full and holds leaving and main."""
    if len(buttons) <= per_row:
        return [buttons]
    if per_row == 1:
        return [[button] for button in reversed(buttons)]
    last = [buttons[0], *buttons[-(per_row - 1) :]]
    rest = buttons[1 : -(per_row - 1)]
    rows = [rest[start : start + per_row] for start in range(0, len(rest), per_row)]
    return [*rows, last]
