"""The technician's screens that are read: details in two columns, the times of a lock as bars."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kivy.graphics import Color, RoundedRectangle
from kivy.uix.widget import Widget

from kiosk.flows.views.service import Boards, History, Machine, StaffList
from kiosk.flows.views.shared import View
from kiosk.ui import texts
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.buttons import Card
from kiosk.ui.widgets.text import Words


class DetailsFigure(Card):
    """Names and values in two columns."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, fill=theme.colours.surface, edge=theme.colours.line)
        # A tall panel has the room, and stands further away.
        self.steps = ("lead", "text") if theme.is_portrait else ("text",)
        self.rows: list[tuple[Words, Words]] = []

    def show(self, details: tuple[tuple[str, str], ...]) -> None:
        """Show these names and values; on the smallest panel the values speak for themselves."""
        self.clear_widgets()
        self.rows = [
            (
                Words(
                    self.theme,
                    text="" if self.theme.is_small else name,
                    ink=self.theme.colours.ink_soft,
                    halign="left",
                ),
                Words(self.theme, text=value, bold_face=True, halign="left"),
            )
            for name, value in details
        ]
        for name, value in self.rows:
            self.add_widget(name)
            self.add_widget(value)
        self.arrange()

    def natural_height(self, width: float) -> float:
        """Its height at this width, all of it in the largest type that breaks no value twice."""
        for step in self.steps:
            if self._fits(step, width):
                break
        gap = self.theme.gap
        rows = sum(max(name.height, value.height) for name, value in self.rows)
        return float(rows + gap * 0.4 * (len(self.rows) - 1) + 1.6 * gap)

    def _fits(self, step: str, width: float) -> bool:
        names = 0.0
        if any(name.text for name, _ in self.rows):
            for name, _ in self.rows:
                name.fit_line((step,))
            names = max(name.width for name, _ in self.rows) + 2 + self.theme.gap
        room = width - names - 2 * self.theme.gap
        for name, _ in self.rows:
            name.fit(names, steps=(step,))
        # Each has to be given its size, also behind one that does not fit.
        fits = [value.fit(room, steps=(step,), lines=2) for _, value in self.rows]
        return all(fits)

    def lay_out(self) -> None:
        if not self.rows or self.width < 2:
            return
        self.natural_height(self.width)
        gap = self.theme.gap
        y = self.top - 0.8 * gap
        for name, value in self.rows:
            y -= max(name.height, value.height)
            top = y + max(name.height, value.height)
            name.pos = (self.x + gap, top - name.height)
            value.pos = (self.x + self.width - gap - value.width, top - value.height)
            y -= 0.4 * gap


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
        for number, ((_, count), label) in enumerate(zip(self.openings, self.labels, strict=True)):
            left = self.x + gap + number * step
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

    def has_button_column(self) -> bool:
        return True

    def has_main_choice(self) -> bool:
        return False

    def build(self) -> None:
        self.is_brief = self.theme.is_small

    def details(self) -> tuple[tuple[str, str], ...]:
        """What is to be read; where it has no room, in brief."""
        raise NotImplementedError

    def words(self) -> texts.parts.Words:
        words = super().words()
        if not self.theme.is_small or words.note is None:
            return words
        return replace(words, title=f"{words.title} · {words.note.text}", note=None)


class DetailsPage(_ReadPage):
    """Names and values."""

    figure: DetailsFigure

    def build(self) -> None:
        super().build()
        self.figure = DetailsFigure(self.theme)
        self.figure.show(self.details())
        self.add_widget(self.figure)

    def changed(self, before: View) -> None:
        self.figure.show(self.details())

    def figure_size(self, area: Area) -> tuple[float, float]:
        if self.figure.natural_height(area.width) > area.height and not self.is_brief:
            self.is_brief = True
            self.figure.show(self.details())
        return area.width, min(area.height, self.figure.natural_height(area.width))


class MachinePage(DetailsPage):
    """The computer."""

    view: Machine

    def details(self) -> tuple[tuple[str, str], ...]:
        return texts.service.machine_details(
            self.view, self.context.location, self.context.speech, brief=self.is_brief
        )


class BoardsPage(DetailsPage):
    """The lock boards and their lines."""

    view: Boards

    def details(self) -> tuple[tuple[str, str], ...]:
        return texts.service.board_details(self.view, self.context.speech, brief=self.is_brief)


class StaffPage(DetailsPage):
    """Who is listed at this kiosk."""

    view: StaffList

    def details(self) -> tuple[tuple[str, str], ...]:
        return texts.service.staff_details(
            self.view, self.context.location, self.context.speech, brief=self.is_brief
        )


class _HistoryFigure(Widget):
    """The times of a lock above what happened to its door."""

    def __init__(self, page: HistoryPage) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = page.theme
        self.parts: list[OpeningBars | DetailsFigure] = []
        self.show(page.view, page.details())
        self.bind(pos=self._place, size=self._place)

    def show(self, view: History, details: tuple[tuple[str, str], ...]) -> None:
        """Show this page of it."""
        self.clear_widgets()
        self.parts = []
        if view.openings:
            self.parts.append(OpeningBars(self.theme, view.openings))
        if details:
            figure = DetailsFigure(self.theme)
            figure.show(details)
            self.parts.append(figure)
        for part in self.parts:
            self.add_widget(part)
        self._place()

    def fit(self, width: float, height: float) -> float:
        """Its height in this room; the bars are left out where they have none."""
        if self.natural_height(width) > height and isinstance(self.parts[0], OpeningBars):
            self.remove_widget(self.parts.pop(0))
        return min(height, self.natural_height(width))

    def natural_height(self, width: float) -> float:
        """Its height at this width."""
        heights = [part.natural_height(width) for part in self.parts]
        return float(sum(heights) + self.theme.gap * max(0, len(heights) - 1))

    def _place(self, *_: object) -> None:
        y = self.top
        for part in self.parts:
            part.size = (self.width, part.natural_height(self.width))
            y -= part.height
            part.pos = (self.x, y)
            part.arrange()
            y -= self.theme.gap


class HistoryPage(_ReadPage):
    """What happened to a door, or at the whole locker."""

    view: History
    figure: _HistoryFigure

    def build(self) -> None:
        super().build()
        self.figure = _HistoryFigure(self)
        self.add_widget(self.figure)

    def changed(self, before: View) -> None:
        self.figure.show(self.view, self.details())

    def figure_size(self, area: Area) -> tuple[float, float]:
        height = self.figure.fit(area.width, area.height)
        if self.figure.natural_height(area.width) > area.height and not self.is_brief:
            self.is_brief = True
            self.figure.show(self.view, self.details())
            height = self.figure.fit(area.width, area.height)
        return area.width, height

    def details(self) -> tuple[tuple[str, str], ...]:
        return texts.service.event_details(
            self.view, self.context.location, self.context.speech, brief=self.is_brief
        )
