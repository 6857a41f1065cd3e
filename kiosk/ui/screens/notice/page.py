"""Screens of words: one moment, trouble, a question, thanks, an answer, out of order."""

from __future__ import annotations

from dataclasses import replace

from kivy.clock import Clock
from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from kiosk.flows.events import Pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import Receipt
from kiosk.flows.views.shared import Ask, View
from kiosk.ui import texts
from kiosk.ui.screens.page import Area, Context, Page
from kiosk.ui.widgets.qr import BYTES_MAX, QrCode


class NoticePage(Page[View]):
    """A picture, a sentence, what to do, and the choices."""


class MoreTimePage(Page[Ask]):
    """Asks whether somebody is still there, and counts down how long it asks."""

    def build(self) -> None:
        self._tick = Clock.schedule_interval(self._count, 1.0)

    def _count(self, _: float) -> None:
        left_s = max(0, self.view.wait_s - 1)
        self.view = replace(self.view, wait_s=left_s)
        self.body.text = self.words().body

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """Whoever touches the panel anywhere but at a button is there, and goes on."""
        if not super().on_touch_down(touch):
            self.answer(Pressed(Choice.YES))
        return True

    def leave(self) -> None:
        self._tick.cancel()
        super().leave()


class ReceiptPage(Page[Receipt]):
    """What changed hands: as many lines as the panel has room for, and a QR code to take along."""

    figure_share = 0.42
    figure_share_stacked = 0.36
    spare_parts = ("body",)

    def build(self) -> None:
        here, speech = self.context.location, self.context.speech
        self.figure = QrCode(texts.courier.receipt_text(self.view, BYTES_MAX, here, speech))
        self.add_widget(self.figure)

    def figure_size(self, area: Area) -> tuple[float, float]:
        side = min(area.width, area.height, self.theme.mm(95))
        return side, side

    def make_sign(self, words: texts.parts.Words) -> Widget | None:
        return super().make_sign(words) if self.theme.is_portrait else None

    def words(self) -> texts.parts.Words:
        return self._words_with(texts.courier.RECEIPT_LINES)

    def _words_with(self, lines: int) -> texts.parts.Words:
        here, speech = self.context.location, self.context.speech
        return texts.courier.receipt_words(
            self.view, lines, here, speech, brief=self.theme.is_small
        )

    def _steps(self) -> list[tuple[str, str]]:
        # A line is a package: it is not broken in two.
        return [(title, "text") for title, body in super()._steps() if body == "text"]

    def _measured(self, room: Area) -> list[Widget]:
        parts: list[Widget] = []
        for lines in range(texts.courier.RECEIPT_LINES, 0, -1):
            self.body.text = self._words_with(lines).body
            parts = super()._measured(room)
            if self.body in parts and self._block_height(parts) <= room.height:
                break
        return parts


class FaultPage(Page[View]):
    """Shown when a screen itself broke: other words, the choices of the view it stands for."""

    def __init__(self, context: Context, view: View, reference: str) -> None:
        self._reference = reference
        super().__init__(context, view)

    def words(self) -> texts.parts.Words:
        return texts.customer.fault_words(
            self.context.location, self._reference, self.context.speech
        )
