"""Words that have no room on a panel are turned, page after page: nothing of them is left out.

A screen has one small button beside its words, which turns on and begins again after the last page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from kivy.uix.widget import Widget

from kiosk.flows.views.choices import Choice
from kiosk.ui.texts.choice_labels import choice_label
from kiosk.ui.theme import TARGET_MM, Theme, Tone
from kiosk.ui.widgets.buttons import Banner, Pressable, WordButton
from kiosk.ui.widgets.text import Icon, Words

_TITLE_SHARE = 0.5
"""A title that takes more of the room than this stands on the first page alone."""
_TURNER_MM = 11.0
_TURNER_TALLEST_MM = 30.0
_ROOMY_MM = 100.0
"""From this width on the words have room for the number of the page beside them."""
_SAMPLE_COUNT = "8/8"


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

    @property
    def right(self) -> float:
        return self.x + self.width


@dataclass(frozen=True, slots=True)
class Piece:
    """So much of a part as stands on one page."""

    part: Words | Banner
    text: str


Page = tuple[Piece, ...]


class Turner(Pressable):
    """Turns the page; says which one is shown where there is room for that."""

    def __init__(self, theme: Theme, action: Callable[[], None], spoken: str) -> None:
        super().__init__(theme, action)
        self._name = spoken
        self.icon = Icon(theme, "chevron-down", theme.font("text"))
        self.count = Words(theme, text="", bold_face=True)
        self._sample = Words(theme, text=_SAMPLE_COUNT, bold_face=True)
        self._sample.fit_line()
        self.add_widget(self.icon)
        self.add_widget(self.count)
        self.restyle()

    @property
    def spoken(self) -> str:
        """What is said of it: its number alone would say nothing."""
        return f"{self._name}. {self.count.text}"

    def restyle(self) -> None:
        """Show whether it is pressed."""
        colours = self.theme.colours
        self.fill = colours.pressed if self.pressed else colours.surface
        self.edge = colours.edge

    def width_in(self, room_width: float) -> float:
        """How wide it is beside words in this room."""
        theme = self.theme
        if room_width < theme.mm(_ROOMY_MM):
            self.count.opacity = 0
            return theme.mm(_TURNER_MM)
        self.count.opacity = 1
        # Always the same: the words beside it are cut where they were before.
        return float(max(theme.mm(_TURNER_MM), self._sample.width + theme.space(16)))

    def say(self, number: int, count: int) -> None:
        """Which page is shown, from 0, of how many."""
        self.count.text = f"{number + 1}/{count}"
        if not self.count.fit_line(max_width=self.width):
            self.count.text = str(number + 1)
        self.arrange()

    def height_in(self, room_height: float) -> float:
        """How high it is beside words of this height."""
        theme = self.theme
        return float(max(theme.mm(TARGET_MM), min(room_height, theme.mm(_TURNER_TALLEST_MM))))

    def lay_out(self) -> None:
        """The arrow under the number, or alone."""
        self.count.fit_line()
        whole = self.count.height + self.icon.height
        if not self.count.opacity or whole > self.height:
            shown = self.count if self.count.opacity else self.icon
            self.icon.opacity = 0 if self.count.opacity else 1
            self.icon.center = self.count.center = self.center
            shown.center = self.center
            return
        self.icon.opacity = 1
        self.count.pos = (
            self.center_x - self.count.width / 2,
            self.center_y + whole / 2 - self.count.height,
        )
        self.icon.pos = (self.center_x - self.icon.width / 2, self.center_y - whole / 2)


class Turnable(Protocol):
    """What is turned: the frame of a screen with its parts."""

    theme: Theme
    title: Words
    body: Words
    note: Banner | None
    sign: Widget | None
    field: Widget | None
    field_may_wait: bool
    figure: Any

    def space_before(self, part: Widget) -> float:
        """How far it stands from what is over it."""

    def arrange(self, *args: object) -> None:
        """Lay everything out again."""

    def add_widget(self, widget: Widget) -> None:
        """Take a part in."""

    def remove_widget(self, widget: Widget) -> None:
        """Give a part back."""


class Turning:
    """Which page of a screen is shown, and the button that turns it."""

    def __init__(self, frame: Turnable) -> None:
        self._frame = frame
        self._pages: list[Page] = []
        self._whole: dict[Words | Banner, tuple[str, str]] = {}
        """Of each part that is turned, all that it says, and the piece that is shown."""
        self._keeps_room = False
        self.tries_narrow_figure = False
        """Whether a figure beside the words is narrower for their sake."""
        self.has_figure_apart = False
        """Whether the figure stands on pages of its own, behind those of the words."""
        self._actions: list[list[WordButton]] = []
        """Actions that have pages of their own, behind all others."""
        self.number = 0
        self.height = 0.0
        """Of the words that are turned, the same on each page."""
        self.turner: Turner | None = None

    # --- what the frame asks while it lays itself out ---

    def begin(self, *, keeps_room: bool = False) -> None:
        """Everything is laid out again; with room for the button beside the words, or without."""
        self._keeps_room = keeps_room
        self.has_figure_apart = False
        self._show_actions(list(chain.from_iterable(self._actions)))
        self._actions = []
        self.drop_pages()
        self._show_figure(is_shown=True)

    def drop_pages(self) -> None:
        """The words are measured again, in another room."""
        self._restore()
        self._pages = []

    @property
    def turns_words(self) -> bool:
        """Whether the words have no room at once."""
        return bool(self._pages)

    @property
    def page_count(self) -> int:
        """How many pages there are, of the words or of the figure."""
        return self._read_pages() + len(self._actions)

    def _read_pages(self) -> int:
        """How many there are without those of the actions."""
        words, figure = max(1, len(self._pages)), self._figure_pages()
        return words + figure if self.has_figure_apart else max(words, figure)

    def _figure_pages(self) -> int:
        return int(getattr(self._frame.figure, "page_count", 1))

    def part_figure(self) -> None:
        """The figure leaves the words no room: it comes after them."""
        self.drop_pages()
        self.has_figure_apart = True

    def part_actions(self, buttons: list[WordButton], room: Area) -> None:
        """These leave the words no room beside them: they fill this room, page after page."""
        theme, room = self._frame.theme, self.beside_turner(room)
        if not buttons:
            return
        gap = theme.space(12)
        half = (room.width - gap) / 2
        columns = 2 if all(button.least_width() <= half for button in buttons) else 1
        width = (room.width - (columns - 1) * gap) / columns
        height = max(theme.button_height, *(button.height_at(width) for button in buttons))
        rows = max(1, int((room.height + gap) / (height + gap)))
        at_once = rows * columns
        starts = range(0, len(buttons), at_once)
        self._actions = [buttons[start : start + at_once] for start in starts]
        for page in self._actions:
            for number, button in enumerate(page):
                row, column = divmod(number, columns)
                button.size = (round(width), round(height))
                button.pos = (
                    round(room.x + column * (width + gap)),
                    round(room.top - height - row * (height + gap)),
                )

    def lacks_turner(self) -> bool:
        """Whether there is something to turn, and no room was kept for the button."""
        return self.page_count > 1 and not self._keeps_room

    def beside_turner(self, room: Area) -> Area:
        """What is left of a room beside the button."""
        if not self._keeps_room:
            return room
        width = self._made().width_in(room.width) + self._frame.theme.gap
        return Area(room.x, room.y, room.width - width, room.height)

    def turn_words(self, room: Area) -> list[Widget]:
        """Cut the words into pages for this room; the parts of the page that is shown."""
        self._restore()
        frame = self._frame
        self.height = room.height
        field, left = frame.field, room.height
        if field is not None and not frame.field_may_wait:
            left -= field.height + frame.space_before(field)
        parts = [part for part in self._in_order() if text_of(part)]
        whole = {part: text_of(part) for part in parts}
        self._pages = turned_pages(parts, frame.title, room.width, left, frame.space_before)
        if field is not None and frame.field_may_wait:
            self._pages.append(())
        page = self._pages[min(self.number, len(self._pages) - 1)]
        shown = {piece.part: piece.text for piece in page}
        self._whole = {part: (whole[part], shown.get(part, "")) for part in parts}
        if frame.sign is not None:
            frame.sign.opacity = 0
        for part in parts:
            part.opacity = 1 if part in shown else 0
            show_text(part, shown.get(part, ""))
            fit(part, room.width)
        if field is None:
            return list(shown)
        field.opacity = 0 if page and frame.field_may_wait else 1
        return [*shown, *([field] if field.opacity else [])]

    def place_turner(self, room: Area, field: Widget | None) -> None:
        """Put the button at the right of the words, over what is typed."""
        if not self._keeps_room:
            return
        turner = self._made()
        bottom = room.y
        if field is not None and self.turns_words:
            bottom += field.height + self._frame.space_before(field)
        width, height = turner.width_in(room.width), turner.height_in(room.top - bottom)
        turner.size = (round(width), round(height))
        turner.pos = (round(room.right - width), round(room.top - height))

    def end(self) -> None:
        """Everything has its place: show the button where there is something to turn."""
        frame, count = self._frame, self.page_count
        if count == 1:
            if self.turner is not None:
                frame.remove_widget(self.turner)
            self.turner = None
            return
        number = min(self.number, count - 1)
        of_figure = number
        of_actions = number - self._read_pages()
        self._show_actions(self._actions[of_actions] if of_actions >= 0 else [])
        if of_actions >= 0:
            self._show_figure(is_shown=False)
            self._hide_words()
        elif self.has_figure_apart:
            of_figure = number - max(1, len(self._pages))
            self._show_figure(is_shown=of_figure >= 0)
            if of_figure >= 0:
                self._hide_words()
        if frame.figure is not None and hasattr(frame.figure, "page_count"):
            frame.figure.turn_to(max(0, min(of_figure, self._figure_pages() - 1)))
        turner = self._made()
        turner.say(number, count)

    def _show_figure(self, *, is_shown: bool) -> None:
        figure = self._frame.figure
        if figure is not None and figure.disabled is is_shown:
            figure.opacity = 1 if is_shown else 0
            figure.disabled = not is_shown

    def _show_actions(self, shown: list[WordButton]) -> None:
        for button in chain.from_iterable(self._actions):
            is_shown = button in shown
            button.opacity, button.disabled = (1, False) if is_shown else (0, True)

    def _hide_words(self) -> None:
        frame = self._frame
        for part in (frame.sign, frame.title, frame.body, frame.note, frame.field):
            if part is not None:
                part.opacity = 0

    def _made(self) -> Turner:
        if self.turner is None:
            theme = self._frame.theme
            name = choice_label(Choice.MORE, theme.speech).label
            self.turner = Turner(theme, self._turn, name)
            self._frame.add_widget(self.turner)
        return self.turner

    def _turn(self) -> None:
        count = self.page_count
        self.number = (min(self.number, count - 1) + 1) % count
        self._frame.arrange()

    def _in_order(self) -> list[Words | Banner]:
        """What is wrong comes first: nobody is to turn the page for that."""
        frame, note = self._frame, self._frame.note
        if note is None:
            return [frame.title, frame.body]
        if note.tone in (Tone.FAILED, Tone.WAITING):
            return [note, frame.title, frame.body]
        return [frame.title, frame.body, note]

    def _restore(self) -> None:
        """Each part says all of its words again, unless it was given others meanwhile."""
        frame = self._frame
        for each in (frame.sign, frame.title, frame.body, frame.note, frame.field):
            if each is not None:
                each.opacity = 1
        for part, (whole, piece) in self._whole.items():
            if text_of(part) == piece:
                show_text(part, whole)
        self._whole = {}


def text_of(part: Words | Banner) -> str:
    """The words of a part."""
    return part.words.text if isinstance(part, Banner) else part.text


def show_text(part: Words | Banner, text: str) -> None:
    """Let a part say this."""
    if isinstance(part, Banner):
        part.words.text = text
    else:
        part.text = text


def fit(part: Words | Banner, width: float) -> float:
    """Measure a part in the smallest type at this width; its height."""
    if isinstance(part, Banner):
        part.fit(width, ("text",))
    else:
        part.fit(width, steps=("text",))
    return float(part.height)


def _fit_piece(part: Words | Banner, text: str, width: float, height: float) -> tuple[str, str]:
    """So much of a text as fits, and the rest; nothing where not one line does."""
    show_text(part, text)
    if fit(part, width) <= height:
        return text, ""
    words = part.words if isinstance(part, Banner) else part
    lines = words.lines()
    least = words.line_distance() * 0.9
    for count in range(min(len(lines) - 1, int(max(0.0, height) / least)), 0, -1):
        head = "".join(lines[:count]).rstrip()
        show_text(part, head)
        if fit(part, width) <= height:
            return head, "".join(lines[count:]).lstrip()
    return "", text


def turned_pages(
    parts: Sequence[Words | Banner],
    title: Words,
    width: float,
    height: float,
    space: Callable[[Widget], float],
) -> list[Page]:
    """The parts on pages of this height, in their order; a title that leaves room for the rest
    stands on each of them. Their texts are the whole ones before, and pieces of them behind it."""
    whole = {part: text_of(part) for part in parts}
    pinned: Page = ()
    others = list(parts)
    if title in others:
        title_height = fit(title, width)
        others.remove(title)
        left = height - title_height - max((space(part) for part in others), default=0.0)
        has_room = title_height <= height * _TITLE_SHARE and all(
            _fit_piece(part, whole[part], width, left)[0] for part in others
        )
        if has_room:
            pinned = (Piece(title, whole[title]),)
            height = left
        else:
            others = list(parts)
    pages = _flowed(others, whole, width, height, space)
    return [pinned + page for page in pages]


def _flowed(
    parts: Sequence[Words | Banner],
    whole: dict[Words | Banner, str],
    width: float,
    height: float,
    space: Callable[[Widget], float],
) -> list[Page]:
    pages: list[list[Piece]] = [[]]
    used = 0.0
    for part in parts:
        rest = whole[part]
        while rest:
            between = space(part) if pages[-1] else 0.0
            head, tail = _fit_piece(part, rest, width, height - used - between)
            if not head and pages[-1]:
                pages.append([])
                used = 0.0
                continue
            if not head:
                head, tail = _one_line(part, rest, width)
            pages[-1].append(Piece(part, head))
            used += between + part.height
            rest = tail
    return [tuple(page) for page in pages if page]


def pieces_of(part: Words | Banner, width: float, height: float) -> list[str]:
    """The text of a part cut into pieces of this height, a line at least; the part says the last
    one behind it."""
    rest, pieces = text_of(part), []
    while rest:
        head, tail = _fit_piece(part, rest, width, height)
        if not head:
            head, tail = _one_line(part, rest, width)
        pieces.append(head)
        rest = tail
    return pieces


def _one_line(part: Words | Banner, text: str, width: float) -> tuple[str, str]:
    """Less than a line cannot be shown, whatever the room."""
    show_text(part, text)
    fit(part, width)
    lines = (part.words if isinstance(part, Banner) else part).lines()
    show_text(part, lines[0].rstrip())
    fit(part, width)
    return lines[0].rstrip(), "".join(lines[1:]).lstrip()
