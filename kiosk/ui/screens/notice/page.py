"""Screens of words: one moment, trouble, a question, thanks, an answer, out of order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Any

from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from kiosk.flows.events import Pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import Receipt
from kiosk.flows.views.shared import Ask, View
from kiosk.ui import texts
from kiosk.ui.screens.page import Area, Context, Page
from kiosk.ui.theme import Tone
from kiosk.ui.widgets.buttons import WordButton
from kiosk.ui.widgets.qr import QrCode


class NoticePage(Page[View]):
    """A picture, a sentence, what to do, and the choices."""


class MoreTimePage(Page[Ask]):
    """Asks whether somebody is still there, and counts down how long it asks."""

    def __init__(self, context: Context, view: Ask) -> None:
        super().__init__(context, view)
        self.ends_in(self.view.wait_s)

    def changed(self, before: Ask) -> None:
        self.ends_in(self.view.wait_s)

    def _show_left(self, left_s: float) -> None:
        self._run_down(left_s)
        self._say_left(ceil(left_s))

    def _say_left(self, seconds: int) -> None:
        if seconds == self.view.wait_s:
            return
        self.view = replace(self.view, wait_s=seconds)
        self._turning.drop_pages()
        self.body.text = self.words().body
        self.arrange()

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """Whoever touches the panel anywhere but at a button is there, and goes on."""
        if not super().on_touch_down(touch):
            self.answer(Pressed(Choice.YES))
        return True


LINES_MAX = 16
"""So many lines are still read at a glance."""


class ReceiptPage(Page[Receipt]):
    """What changed hands, as many lines at once as the panel has room for, and a QR code to take it
    along. It is turned here: how much is on one page is the panel's affair, not the flow's."""

    figure_share = 0.42
    figure_share_stacked = 0.36
    figure: QrCode

    def build(self) -> None:
        here, speech = self.context.location, self.context.speech
        self._first, self._room = 0, len(self.view.lines)
        # On a low panel the lines need the row of the tools, which stand on the screen before.
        self.has_tools = not self.theme.is_small
        if texts.courier.is_link_taken(self.view, here, speech):
            self.figure_share = 0.34  # a link makes a coarse code
        self.figure = QrCode(texts.courier.receipt_qr(self.view, here, speech))
        self.add_widget(self.figure)

    def changed(self, before: Receipt) -> None:
        self.remove_widget(self.figure)
        self.build()

    def take_over(self, before: Page[Any]) -> None:
        if isinstance(before, ReceiptPage):
            self._first = before._first

    # --- turning ---

    def offered(self) -> tuple[Choice, ...]:
        turns = (Choice.OLDER, Choice.NEWER) if self._room < len(self.view.lines) else ()
        return (*self.view.choices, *turns)

    def _button(self, choice: Choice, tone: Tone, *, plain: bool = False) -> WordButton:
        button = super()._button(choice, tone, plain=plain)
        if choice is Choice.OLDER:
            button.action, button.disabled = self._turn_back, self._first == 0
        elif choice is Choice.NEWER:
            last = self._first + self._room >= len(self.view.lines)
            button.action, button.disabled = self._turn_on, last
        return button

    def _turn_back(self) -> None:
        self._turn(-self._room)

    def _turn_on(self) -> None:
        self._turn(self._room)

    def _turn(self, by: int) -> None:
        self._first = max(0, min(len(self.view.lines) - self._room, self._first + by))
        self._refresh()
        self.arrange()

    def arrange(self, *args: object) -> None:
        """As many lines as have room; the buttons that turn it take some, where it needs them."""
        self._room = len(self.view.lines)
        super().arrange(*args)
        if self._room < len(self.view.lines):
            self._first = min(self._first, len(self.view.lines) - self._room)
            self._offer()
            super().arrange(*args)
            self._offer()
            super().arrange(*args)

    def figure_size(self, area: Area) -> tuple[float, float]:
        side = min(area.width, area.height, self.theme.mm(95))
        return side, side

    def make_sign(self, words: texts.parts.Words) -> Widget | None:
        return super().make_sign(words) if self.theme.is_portrait else None

    def words(self) -> texts.parts.Words:
        return self._words_with(self._room)

    def _words_with(self, lines: int) -> texts.parts.Words:
        here, speech = self.context.location, self.context.speech
        first = max(0, min(self._first, len(self.view.lines) - lines))
        return texts.courier.receipt_words(
            self.view, first, lines, here, speech, brief=not self.theme.is_portrait
        )

    def required_texts(self) -> Iterator[str]:
        """What this page of the receipt says; the others are reached by its buttons."""
        words = self.words()
        for text in (words.title, words.body, "" if words.note is None else words.note.text):
            yield from filter(None, text.split("\n"))

    def _steps(self) -> list[tuple[str, str]]:
        # A line is a package: it is not broken in two.
        return [(title, "text") for title, body in super()._steps() if body == "text"]

    def _measured(self, room: Area) -> list[Widget]:
        """With as many lines as have room, one at least."""
        least, most = 1, max(1, min(LINES_MAX, len(self.view.lines)))
        while least < most:
            middle = (least + most + 1) // 2
            least, most = (middle, most) if self._has_room(middle, room) else (least, middle - 1)
        self._show_lines(least)
        return super()._measured(room)

    def _has_room(self, lines: int, room: Area) -> bool:
        self._show_lines(lines)
        return self._measured_whole(self._turning.beside_turner(room)) is not None

    def _show_lines(self, lines: int) -> None:
        self._turning.drop_pages()
        self._room = lines
        self.body.text = self._words_with(lines).body


class FaultPage(Page[View]):
    """Shown when a screen itself broke: other words, the choices of the view it stands for."""

    def __init__(self, context: Context, view: View, reference: str) -> None:
        self._reference = reference
        super().__init__(context, view)

    def words(self) -> texts.parts.Words:
        return texts.customer.fault_words(
            self.context.location, self._reference, self.context.speech
        )
