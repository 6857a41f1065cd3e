"""Screens of words: one moment, trouble, a question, thanks, an answer, out of order."""

from __future__ import annotations

from dataclasses import replace

from kivy.clock import Clock
from kivy.uix.widget import Widget

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
        if self.page_count > 1:
            self.arrange()

    def leave(self) -> None:
        self._tick.cancel()
        super().leave()


class ReceiptPage(Page[Receipt]):
    """What changed hands: as many lines as the panel has room for, and a QR code to take along."""

    figure_share = 0.42
    figure_share_stacked = 0.36

    def build(self) -> None:
        here, speech = self.context.location, self.context.speech
        self.figure = QrCode(texts.courier.receipt_text(self.view, BYTES_MAX, here, speech))
        self.add_widget(self.figure)

    def figure_size(self, area: Area) -> tuple[float, float]:
        side = min(area.width, area.height, self.theme.mm(95))
        return side, side

    def make_sign(self, words: texts.parts.Words) -> Widget | None:
        return super().make_sign(words) if self.theme.is_portrait else None

    def _steps(self) -> list[tuple[str, str]]:
        # A line is a package: it is not broken in two.
        return [(title, "text") for title, body in super()._steps() if body == "text"]


class FaultPage(Page[View]):
    """Shown when a screen itself broke: other words, the choices of the view it stands for."""

    def __init__(self, context: Context, view: View, reference: str) -> None:
        self._reference = reference
        super().__init__(context, view)

    def words(self) -> texts.parts.Words:
        return texts.customer.fault_words(
            self.context.location, self._reference, self.context.speech
        )
