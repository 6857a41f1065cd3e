"""The technician's screens that are read: details in two columns, the times of a lock as bars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kivy.graphics import Color, RoundedRectangle
from kivy.uix.widget import Widget

from kiosk.flows.views.service import Boards, History, Machine, StaffList
from kiosk.flows.views.shared import View
from kiosk.ui import texts
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.screens.turning import pieces_of
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.buttons import Card
from kiosk.ui.widgets.text import Words

Row = tuple[Words, Words]
LEAST_DETAILS_MM = 35.0
"""So much of it is shown at once at least."""
_NAMES_SHARE = 0.5
"""Names that need more of the width than this stand over their values."""


class DetailsFigure(Card):
    """Names and values in two columns; under each other where the names leave no room. What is
    higher than its place is turned, page after page."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, fill=theme.colours.surface, edge=theme.colours.line)
        # A tall panel has the room, and stands further away.
        self.steps = ("lead", "text") if theme.is_portrait else ("text",)
        self.rows: list[Row] = []
        self._details: tuple[tuple[str, str], ...] = ()
        self._pages: list[list[Row]] = []
        self._number = 0
        self._is_stacked = False
        self._cut_to: tuple[float, float] | None = None
        """The size for which rows were cut into several; None where all are whole."""

    def show(self, details: tuple[tuple[str, str], ...]) -> None:
        """Show these names and values."""
        self._details = details
        self._make_rows()
        self.arrange()

    def _make_rows(self) -> None:
        self.clear_widgets()
        self.rows = [self._row(name, value) for name, value in self._details]
        self._cut_to = None
        for row in self.rows:
            for part in row:
                self.add_widget(part)

    def _row(self, name: str, value: str) -> Row:
        ink = self.theme.colours.ink_soft
        return (
            Words(self.theme, text=name, ink=ink, halign="left"),
            Words(self.theme, text=value, bold_face=True, halign="left"),
        )

    @property
    def page_count(self) -> int:
        """How many pages there are in its height."""
        return max(1, len(self._pages))

    def turn_to(self, number: int) -> None:
        """Show this page, from 0."""
        self._number = number
        self.arrange()

    def natural_height(self, width: float) -> float:
        """Its height at this width, all of it in the largest type that breaks no value twice."""
        if self._cut_to is not None:
            self._make_rows()
        self._measure(width)
        return self._height_of(self.rows)

    def _height_of(self, rows: list[Row]) -> float:
        gap = self.theme.gap
        heights = sum(self._row_height(row) for row in rows)
        return float(heights + gap * 0.4 * (len(rows) - 1) + 1.6 * gap)

    def _row_height(self, row: Row) -> float:
        name, value = row
        name_height = name.height if name.text else 0.0
        if self._is_stacked:
            return float(name_height + value.height)
        return float(max(name_height, value.height))

    def _measure(self, width: float) -> None:
        for step in self.steps:
            if self._fits(step, width):
                return

    def _fits(self, step: str, width: float) -> bool:
        inner = width - 2 * self.theme.gap
        names = 0.0
        if any(name.text for name, _ in self.rows):
            for name, _ in self.rows:
                name.fit_line((step,))
            names = max(name.width for name, _ in self.rows) + 2 + self.theme.gap
        self._is_stacked = names > inner * _NAMES_SHARE
        room = inner if self._is_stacked else inner - names
        for name, _ in self.rows:
            name.fit(inner if self._is_stacked else names, steps=(step,))
        # Each has to be given its size, also behind one that does not fit.
        fits = [value.fit(room, steps=(step,), lines=2) for _, value in self.rows]
        return all(fits) and not self._is_stacked

    def lay_out(self) -> None:
        if not self.rows or self.width < 2:
            return
        self._divide()
        shown = self._pages[min(self._number, len(self._pages) - 1)]
        for row in (row for page in self._pages for row in page):
            for part in row:
                part.opacity = 1 if row in shown else 0
        gap = self.theme.gap
        y = self.top - 0.8 * gap
        for name, value in shown:
            bottom = y - self._row_height((name, value))
            name.pos = (self.x + gap, y - name.height)
            x = self.x + gap if self._is_stacked else self.x + self.width - gap - value.width
            value.pos = (x, bottom if self._is_stacked else y - value.height)
            y = bottom - 0.4 * gap

    def _divide(self) -> None:
        """Divide the rows into pages; a row that is higher than one goes on with the next."""
        if self._cut_to not in (None, tuple(self.size)):
            self._make_rows()
        if self._cut_to is None:
            for step in self.steps:
                self._fits(step, self.width)
                if self._height_of(self.rows) <= self.height + 1:
                    self._pages = [self.rows]
                    return
            self._cut_rows()
            self._cut_to = tuple(self.size)
        self._pages = [[]]
        for row in self.rows:
            page = self._pages[-1]
            if page and self._height_of([*page, row]) > self.height + 1:
                self._pages.append([])
            self._pages[-1].append(row)

    def _cut_rows(self) -> None:
        """Make several rows of one that no page has room for."""
        room = self.height - 1.6 * self.theme.gap
        rows: list[Row] = []
        for name, value in self.rows:
            # The name stands over the first line.
            left = room - (name.height if self._is_stacked and name.text else 0.0)
            if value.height <= left:
                rows.append((name, value))
                continue
            for number, piece in enumerate(pieces_of(value, value.width, left)):
                rows.append(self._row("" if number else name.text, piece))
        self.clear_widgets()
        self.rows = rows
        for row in rows:
            for part in row:
                self.add_widget(part)
        self._measure(self.width)


class OpeningBars(Card):
    """How often a lock took how long to open: one bar a class, its upper end below."""

    def __init__(self, theme: Theme, openings: tuple[tuple[int | None, int], ...]) -> None:
        super().__init__(theme, fill=theme.colours.surface, edge=theme.colours.line)
        self.openings = _between_the_first_and_the_last(openings)
        speech = theme.speech
        self.name = Words(theme, text=speech.say("Opening time in milliseconds"), halign="left")
        self.labels = [
            Words(theme, text=_label(end_ms, theme), ink=theme.colours.ink_soft)
            for end_ms, _ in self.openings
        ]
        self.bars = Widget()
        for part in (self.name, self.bars, *self.labels):
            self.add_widget(part)

    def arrange(self) -> None:
        """Never turned over: times grow to the right in every language."""
        self.lay_out()
        if self.theme.is_rtl:
            self.name.right = self.right - self.theme.gap

    def natural_height(self, width: float) -> float:
        """Its height at this width."""
        return self.theme.font("text") * 7 + 2 * self.theme.gap

    def lay_out(self) -> None:
        if self.width < 2:
            return
        gap, most = self.theme.gap, max(count for _, count in self.openings)
        self.name.fit(self.width - 2 * gap)
        self.name.pos = (self.x + gap, self.top - 0.7 * gap - self.name.height)
        for label in self.labels:
            label.fit_line()
        floor = self.y + 0.7 * gap + max(label.height for label in self.labels)
        room, step = self.name.y - 0.5 * gap - floor, (self.width - 2 * gap) / len(self.labels)
        self.bars.canvas.clear()
        widest = max(label.width for label in self.labels) + self.theme.space(8)
        each = max(1, -(-int(widest) // max(1, int(step))))
        for number, ((_, count), label) in enumerate(zip(self.openings, self.labels, strict=True)):
            left = self.x + gap + number * step
            # A scale with numbers over each other says nothing: it keeps every second one.
            label.opacity = 0 if number % each else 1
            label.center_x, label.y = left + step / 2, self.y + 0.5 * gap
            if count:
                height = max(2.0, room * count / most)
                with self.bars.canvas:
                    Color(*self.theme.tone(Tone.ACT).strong_ink)
                    RoundedRectangle(
                        pos=(left + 0.15 * step, floor),
                        size=(0.7 * step, height),
                        radius=[min(self.theme.space(6), height / 2)],
                    )


def _between_the_first_and_the_last(
    openings: tuple[tuple[int | None, int], ...],
) -> tuple[tuple[int | None, int], ...]:
    """The classes that were met, and those between them."""
    met = [place for place, (_, count) in enumerate(openings) if count]
    return openings[max(0, met[0] - 1) : met[-1] + 2]


def _label(end_ms: int | None, theme: Theme) -> str:
    return "…" if end_ms is None else theme.speech.number(end_ms)


class _ReadPage(Page[Any]):
    """Something that is read, and what leads on from there."""

    has_tools = False
    is_compact = True
    figure_share_stacked = 0.8
    figure_least_mm = LEAST_DETAILS_MM
    figure_yields = True

    def has_button_column(self) -> bool:
        return True

    def has_main_choice(self) -> bool:
        return False

    def details(self) -> tuple[tuple[str, str], ...]:
        """What is to be read, as name and value."""
        raise NotImplementedError

    def required_texts(self) -> Iterator[str]:
        yield from super().required_texts()
        for row in self.details():
            yield from filter(None, row)

    def words(self) -> texts.parts.Words:
        words = super().words()
        if not self.theme.is_small or words.note is None:
            return words
        return replace(words, title=f"{words.title} · {words.note.text}", note=None)


class DetailsPage(_ReadPage):
    """Names and values."""

    figure: DetailsFigure

    def build(self) -> None:
        self.figure = DetailsFigure(self.theme)
        self.figure.show(self.details())
        self.add_widget(self.figure)

    def changed(self, before: View) -> None:
        self.figure.show(self.details())

    def figure_size(self, area: Area) -> tuple[float, float]:
        return area.width, min(area.height, self.figure.natural_height(area.width))


class MachinePage(DetailsPage):
    """The computer."""

    view: Machine

    def details(self) -> tuple[tuple[str, str], ...]:
        return texts.service.machine_details(self.view, self.context.location, self.context.speech)


class BoardsPage(DetailsPage):
    """The lock boards and their lines."""

    view: Boards

    def details(self) -> tuple[tuple[str, str], ...]:
        return texts.service.board_details(self.view, self.context.location, self.context.speech)


class StaffPage(DetailsPage):
    """Who is listed at this kiosk."""

    view: StaffList

    def details(self) -> tuple[tuple[str, str], ...]:
        return texts.service.staff_details(self.view, self.context.location, self.context.speech)


class _HistoryFigure(Widget):
    """The times of a lock under what happened to its door."""

    def __init__(self, page: HistoryPage) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = page.theme
        self.parts: list[OpeningBars | DetailsFigure] = []
        self._has_room = True
        self._number = 0
        self.show(page.view, page.details())
        self.bind(pos=self._place, size=self._place)

    def show(self, view: History, details: tuple[tuple[str, str], ...]) -> None:
        """Show this page of it."""
        self.clear_widgets()
        self.parts = []
        if details:
            figure = DetailsFigure(self.theme)
            figure.show(details)
            self.parts.append(figure)
        if view.openings:
            self.parts.append(OpeningBars(self.theme, view.openings))
        for part in self.parts:
            self.add_widget(part)
        self._place()

    @property
    def page_count(self) -> int:
        """How many pages there are in its height; the bars stand on the last one where they have
        no room beside the rest."""
        return sum(self._page_counts())

    def _page_counts(self) -> list[int]:
        if self._has_room:
            return [1]
        return [part.page_count if isinstance(part, DetailsFigure) else 1 for part in self.parts]

    def turn_to(self, number: int) -> None:
        """Show this page, from 0."""
        self._number = number
        self._place()

    def natural_height(self, width: float) -> float:
        """Its height at this width."""
        heights = [part.natural_height(width) for part in self.parts]
        return float(sum(heights) + self.theme.gap * max(0, len(heights) - 1))

    def _place(self, *_: object) -> None:
        if self.width < 2:
            return
        self._has_room = self.natural_height(self.width) <= self.height + 1
        y = self.top
        for part in self.parts:
            natural = part.natural_height(self.width)
            part.opacity = 1
            part.size = (self.width, natural if self._has_room else min(self.height, natural))
            y = y - part.height if self._has_room else self.top - part.height
            part.pos = (self.x, y)
            part.arrange()
            y -= self.theme.gap
        if not self._has_room:
            self._turn()

    def _turn(self) -> None:
        """Show one part alone: the page that was turned to is one of its own."""
        before = 0
        for part, count in zip(self.parts, self._page_counts(), strict=True):
            is_shown = before <= self._number < before + count
            part.opacity = 1 if is_shown else 0
            if is_shown and isinstance(part, DetailsFigure):
                part.turn_to(self._number - before)
            before += count


class HistoryPage(_ReadPage):
    """What happened to a door, or at the whole locker."""

    view: History
    figure: _HistoryFigure

    def build(self) -> None:
        self.figure = _HistoryFigure(self)
        self.add_widget(self.figure)

    def changed(self, before: View) -> None:
        self.figure.show(self.view, self.details())

    def figure_size(self, area: Area) -> tuple[float, float]:
        return area.width, min(area.height, self.figure.natural_height(area.width))

    def details(self) -> tuple[tuple[str, str], ...]:
        return texts.service.event_details(self.view, self.context.location, self.context.speech)
