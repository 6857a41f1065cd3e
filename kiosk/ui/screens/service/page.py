"""The technician's screens: all doors, one door, why it goes out of service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from kivy.uix.widget import Widget

from drivers.door import BoardReport
from kiosk.flows.events import Chosen
from kiosk.flows.views.service import ChooseReason, ChooseUntil, DoorPage, DoorRow, Doors
from kiosk.ui import texts
from kiosk.ui.directions import bank_outline
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.screens.service.details import LEAST_DETAILS_MM, DetailsFigure
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.bank import BankDrawing, DoorLook
from kiosk.ui.widgets.buttons import Banner, Card, WordButton, mirror
from kiosk.ui.widgets.text import Icon, Words


def door_look(row: DoorRow, theme: Theme) -> DoorLook:
    """The drawing of a door: colour and icon say the same."""
    return look_of(texts.service.sign(row), theme)


def look_of(sign: texts.service.DoorSign, theme: Theme) -> DoorLook:
    """How a door with this sign is drawn."""
    if sign.tone is None:
        return DoorLook(theme.colours.surface, theme.colours.ink, sign.icon)
    colours = theme.tone(sign.tone)
    if sign.tone is Tone.CALM:
        return DoorLook(colours.soft, theme.colours.ink, sign.icon)
    hatched = sign.tone is Tone.FAILED
    return DoorLook(colours.strong, colours.on_strong, sign.icon, hatched=hatched)


_LegendRow = list[tuple[Card, Icon, Words]]


class Legend(Widget):
    """What the icons and colours on the doors mean."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self.entries = []
        for sign in texts.service.SIGNS:
            fill, ink = theme.colours.surface, theme.colours.ink
            if sign.tone is Tone.CALM:
                fill = theme.tone(Tone.CALM).soft
            elif sign.tone is not None:
                fill, ink = theme.tone(sign.tone).strong, theme.tone(sign.tone).on_strong
            side = theme.font("text") * 1.25
            card = Card(
                theme, fill=fill, edge=theme.colours.edge, corner=theme.space(8), size=(side, side)
            )
            icon = Icon(theme, sign.icon, side * 0.62, ink=ink)
            words = Words(theme, text=theme.speech.say(sign.word))
            for part in (card, icon, words):
                self.add_widget(part)
            self.entries.append((card, icon, words))
        self._number = 0
        self.bind(pos=self._place, size=self._place)

    def _rows(self, width: float) -> list[_LegendRow]:
        gap = self.theme.space(16)
        rows: list[_LegendRow] = [[]]
        x = 0.0
        for entry in self.entries:
            card, _, words = entry
            words.fit_line()
            if card.width + 0.5 * gap + words.width > width:
                words.fit(width - card.width - 0.5 * gap)
            entry_width = entry[0].width + 0.5 * gap + entry[2].width
            if rows[-1] and x + entry_width > width:
                rows.append([])
                x = 0.0
            rows[-1].append(entry)
            x += entry_width + 1.5 * gap
        return rows

    def natural_height(self, width: float) -> float:
        """Its height at this width."""
        return sum(self._height_of(row) for row in self._rows(width))

    def page_count_in(self, width: float, height: float) -> int:
        """How many pages there are in this room."""
        return len(self._pages(width, height))

    def turn_to(self, number: int) -> None:
        """Show this page, from 0."""
        self._number = number
        self._place()

    def _pages(self, width: float, height: float) -> list[list[_LegendRow]]:
        pages: list[list[_LegendRow]] = [[]]
        for row in self._rows(width):
            if pages[-1] and sum(map(self._height_of, [*pages[-1], row])) > height + 1:
                pages.append([])
            pages[-1].append(row)
        return pages

    def _height_of(self, row: _LegendRow) -> float:
        least = self.entries[0][0].height + self.theme.space(8)
        return float(max(least, *(words.height for _, _, words in row)))

    def _place(self, *_: object) -> None:
        gap = self.theme.space(16)
        y = self.top
        pages = self._pages(self.width, self.height)
        shown = pages[min(self._number, len(pages) - 1)]
        for row in (row for page in pages for row in page):
            for part in (part for entry in row for part in entry):
                part.opacity = 1 if row in shown else 0
                part.pos = self.pos
        for row in shown:
            x = self.x
            height = self._height_of(row)
            y -= height
            for card, icon, words in row:
                card.pos = (x, y + (height - card.height) / 2)
                icon.center = card.center
                words.pos = (card.right + 0.5 * gap, card.center_y - words.height / 2)
                x = words.right + 1.5 * gap
        if self.theme.is_rtl:
            mirror(self)


_ASIDE_SHARE = 0.25
"""The doors keep the rest of the height on a low panel,"""
_ASIDE_SHARE_UPRIGHT = 0.5
"""and on an upright one, which has more of it."""


class DoorsFigure(Widget):
    """The bank live, the boards that do not answer, and the legend. What has no room beside the
    doors stands on a page of its own."""

    def __init__(self, page: DoorsPage) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = page.theme
        self.drawing = BankDrawing(
            page.theme, page.context.location, lambda slot: page.answer(Chosen(slot))
        )
        self.legend = Legend(page.theme)
        self.has_legend = self.theme.is_portrait
        """Whether the legend is here, and not beside the words."""
        self.boards: list[Banner] = []
        self._reports: tuple[BoardReport, ...] | None = None
        self._view, self._location = page.view, page.context.location
        self._number = 0
        self.add_widget(self.drawing)
        self.bind(pos=self._place, size=self._place)

    def show(self, view: Doors) -> None:
        """Draw the doors as they are now."""
        self.drawing.paint({row.slot: door_look(row, self.theme) for row in view.doors})
        self._view = view
        silent = tuple(board for board in view.boards if not board.reachable)
        if silent != self._reports:
            self._reports = silent
            for banner in self.boards:
                self.remove_widget(banner)
            self.boards = [self._banner(board) for board in silent]
            for banner in self.boards:
                self.add_widget(banner)
            self._place()

    def _banner(self, board: BoardReport) -> Banner:
        text = texts.service.silent_board(board, self._view, self._location, self.theme.speech)
        return Banner(self.theme, text, "unplug", Tone.FAILED)

    def take_legend(self, *, here: bool) -> None:
        """Show the legend here; else whoever made this does."""
        self.has_legend = here
        if self.legend.parent is self and not here:
            self.remove_widget(self.legend)
        if self.legend.parent is None and here:
            self.add_widget(self.legend)

    @property
    def page_count(self) -> int:
        """One, or the doors and the rest: the boards and the legend on one page or on several."""
        if self._has_room():
            return 1
        return 1 + self._is_legend_apart() + self._legend_pages()

    def _is_legend_apart(self) -> bool:
        """Whether the boards that do not answer leave it no room on their page."""
        return bool(self.boards) and self.has_legend and self._aside_height() > self.height

    def _legend_pages(self) -> int:
        return self.legend.page_count_in(self.width, self.height) if self.has_legend else 1

    def turn_to(self, number: int) -> None:
        """Show this page, from 0."""
        self._number = number
        self._place()

    def _has_room(self) -> bool:
        if not self.theme.is_portrait and self.has_legend:
            return False
        share = _ASIDE_SHARE_UPRIGHT if self.theme.is_portrait else _ASIDE_SHARE
        return bool(self._aside_height() <= self.height * share)

    def _aside_height(self) -> float:
        """Of what stands over and under the doors."""
        gap = 0.5 * self.theme.gap
        for banner in self.boards:
            banner.fit(self.width)
        height = sum(banner.height + gap for banner in self.boards)
        if self.has_legend:
            height += self.legend.natural_height(self.width) + gap
        return float(height)

    def natural_height(self, width: float) -> float:
        """Its height at this width, with the bank to scale."""
        bank = bank_outline(self.drawing.location)
        for banner in self.boards:
            banner.fit(width)
        banners = sum(banner.height + 0.5 * self.theme.gap for banner in self.boards)
        legend = self.legend.natural_height(width) + 0.5 * self.theme.gap
        return float(banners + legend + width * bank.height_mm / bank.width_mm)

    def _place(self, *_: object) -> None:
        if self.width < 2 or self.height < 2:
            return
        count, gap = self.page_count, 0.5 * self.theme.gap
        number = min(self._number, count - 1)
        y, bottom = self.top, self.y
        for banner in self.boards:
            banner.opacity = 1 if count == 1 or number == 1 else 0
            banner.fit(self.width)
            banner.pos = (self.x, y - banner.height)
            banner.arrange()
            y -= banner.height + gap
        if self.has_legend:
            height = min(self.height, self.legend.natural_height(self.width))
            of_legend = number - (count - self._legend_pages())
            self.legend.opacity = 1 if of_legend >= 0 else 0
            self.legend.size = (self.width, height)
            self.legend.turn_to(max(0, of_legend))
            above = self.top if self._is_legend_apart() else y
            self.legend.pos = (self.x, self.y if count == 1 else above - height)
            bottom = self.y + height + gap
        self.drawing.opacity = 1 if number == 0 else 0
        self.drawing.disabled = number != 0
        if count > 1:
            y, bottom = self.top, self.y
        self.drawing.size = (self.width, max(1, y - bottom))
        self.drawing.pos = (self.x, bottom)


class DoorsPage(Page[Doors]):
    """All doors with their live state; touching one opens its page."""

    has_tools = False
    figure_beside_actions = True
    figure_share = 0.66
    figure_share_stacked = 0.75
    figure: DoorsFigure

    def build(self) -> None:
        self.figure = DoorsFigure(self)
        self.figure.show(self.view)
        self.add_widget(self.figure)
        if self.theme.is_portrait:
            self.figure.take_legend(here=True)

    def changed(self, before: Doors) -> None:
        self.figure.show(self.view)

    def arrange(self, *args: object) -> None:
        """On a low panel the legend stands under the words where it has room there."""
        if not self.theme.is_portrait:
            self._put_legend(beside_doors=False)
            super().arrange(*args)
            if self.page_count == 1:
                return
            self._put_legend(beside_doors=True)
        super().arrange(*args)

    def _put_legend(self, *, beside_doors: bool) -> None:
        legend = self.figure.legend
        if beside_doors and self.field is not None:
            self.remove_widget(legend)
            self.field = None
        self.figure.take_legend(here=beside_doors)
        if not beside_doors and self.field is None:
            self.field = legend
            self.add_widget(legend)

    def figure_size(self, area: Area) -> tuple[float, float]:
        if not self.theme.is_portrait:
            return area.width, area.height
        return area.width, min(area.height, self.figure.natural_height(area.width))

    def measure_field(self, room: Area) -> None:
        legend = self.figure.legend
        legend.size = (room.width, legend.natural_height(room.width))

    def required_texts(self) -> Iterator[str]:
        yield from super().required_texts()
        for sign in texts.service.SIGNS:
            yield self.context.speech.say(sign.word)
        for board in self.view.boards:
            if not board.reachable:
                yield texts.service.silent_board(
                    board, self.view, self.context.location, self.context.speech
                )


class DoorPageScreen(Page[DoorPage]):
    """One door: what is known of it, and what can be done with it."""

    has_tools = False
    is_compact = True
    figure_least_mm = LEAST_DETAILS_MM
    figure_yields = True
    figure: DetailsFigure
    sign: Banner | None

    def has_button_column(self) -> bool:
        return True

    def build(self) -> None:
        self.figure = DetailsFigure(self.theme)
        self.figure.show(self._details())
        self.add_widget(self.figure)

    def _details(self) -> tuple[tuple[str, str], ...]:
        return texts.service.door_details(self.view.row, self.context.location, self.context.speech)

    def required_texts(self) -> Iterator[str]:
        yield from super().required_texts()
        for row in self._details():
            yield from filter(None, row)

    def changed(self, before: DoorPage) -> None:
        if self.view.row != before.row:
            self.figure.show(self._details())

    def words(self) -> texts.parts.Words:
        words = super().words()
        if not self.theme.is_small or words.note is None:
            return words
        return replace(words, title=f"{words.title} · {words.note.text}", note=None)

    def figure_size(self, area: Area) -> tuple[float, float]:
        return area.width, min(area.height, self.figure.natural_height(area.width))

    def make_sign(self, words: texts.parts.Words) -> Widget | None:
        if self.theme.is_small:
            return None
        sign = texts.service.sign(self.view.row)
        tone = sign.tone or Tone.CALM
        return Banner(self.theme, self.context.speech.say(sign.word), sign.icon or "circle", tone)

    def _measured(self, room: Area) -> list[Widget]:
        if self.sign is not None:
            self.sign.fit(room.width)
        return super()._measured(room)


class Answers(Widget):
    """Answers as large buttons, each a value and its word: one column, or two on a wide panel."""

    def __init__(
        self, theme: Theme, answers: dict[str, str], action: Callable[[str], None]
    ) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self._number = 0
        self.buttons = [
            WordButton(theme, word, "", partial(action, value)) for value, word in answers.items()
        ]
        for button in self.buttons:
            self.add_widget(button)
        self.bind(pos=self._place, size=self._place)

    @property
    def columns(self) -> int:
        """Two on a wide panel, if every answer has room in one of them."""
        if self.theme.is_portrait:
            return 1
        half = (self.width - self.theme.gap) / 2
        return 2 if all(button.least_width() <= half for button in self.buttons) else 1

    @property
    def page_count(self) -> int:
        """How many pages there are in its height."""
        rows = -(-len(self.buttons) // self.columns)
        return max(1, -(-rows // self._rows_at_once()))

    def turn_to(self, number: int) -> None:
        """Show this page, from 0."""
        self._number = number
        self._place()

    def _rows_at_once(self) -> int:
        gap = self.theme.gap
        return max(1, int((self.height + gap + 1) / (self._button_height() + gap)))

    def _button_height(self) -> float:
        """Higher where an answer takes two lines."""
        usual = self.theme.button_height
        has_room = all(button.least_width() <= self.width for button in self.buttons)
        return usual if has_room else max(usual, 2.4 * self.theme.font("text"))

    def natural_height(self, width: float) -> float:
        """Its height at this width."""
        self.width = width
        rows = -(-len(self.buttons) // self.columns)
        return rows * self._button_height() + max(0, rows - 1) * self.theme.gap

    def _place(self, *_: object) -> None:
        gap, height, columns = self.theme.gap, self._button_height(), self.columns
        width = (self.width - (columns - 1) * gap) / columns
        at_once = self._rows_at_once() * columns
        first = min(self._number, self.page_count - 1) * at_once
        for number, button in enumerate(self.buttons):
            is_shown = first <= number < first + at_once
            button.opacity, button.disabled = (1, False) if is_shown else (0, True)
            row, column = divmod(max(0, number - first), columns)
            button.size = (round(width), height)
            button.pos = (
                round(self.x + column * (width + gap)),
                round(self.top - (row + 1) * height - row * gap),
            )
        if self.theme.is_rtl:
            mirror(self)


class AnswersPage(Page[Any]):
    """A question with a handful of answers."""

    has_tools = False
    is_compact = True
    figure_share_stacked = 0.8
    figure_least_mm = 30.0
    figure_yields = True
    figure: Answers

    def build(self) -> None:
        self.figure = Answers(self.theme, self.answers(), lambda value: self.answer(Chosen(value)))
        self.add_widget(self.figure)

    def answers(self) -> dict[str, str]:
        """Each value that may be chosen, and its word."""
        raise NotImplementedError

    def figure_size(self, area: Area) -> tuple[float, float]:
        return area.width, min(area.height, self.figure.natural_height(area.width))

    def _arrange_beside(self, inner: Area) -> None:
        self._arrange_stacked(inner)


class ReasonPage(AnswersPage):
    """Why a slot goes out of service, or a package is taken out."""

    view: ChooseReason

    def answers(self) -> dict[str, str]:
        speech = self.context.speech
        return {each: texts.parts.reason_word(each, speech) for each in self.view.reasons}


class UntilPage(AnswersPage):
    """For how long a slot is out of service."""

    view: ChooseUntil

    def answers(self) -> dict[str, str]:
        speech = self.context.speech
        return {str(each): texts.service.days_word(each, speech) for each in self.view.days}
