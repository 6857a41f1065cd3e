"""A door stands open: which, where, and what to do."""

from __future__ import annotations

from kivy.uix.widget import Widget

from kiosk.flows.views import DoorOpen
from kiosk.ui import theme as look
from kiosk.ui import wording
from kiosk.ui.place import place_of
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.theme import Tone
from kiosk.ui.widgets.bank import BankFigure, DoorLook
from kiosk.ui.widgets.plate import NumberSign


class DoorOpenPage(Page[DoorOpen]):
    """The number huge, the arrow, and the drawing of the bank with this door lit."""

    figure_share = 0.46

    def build(self) -> None:
        self.figure = BankFigure(self.theme, self.context.location)
        self.add_widget(self.figure)
        self._light()

    def changed(self, before: DoorOpen) -> None:
        self._light()

    def _light(self) -> None:
        colours = look.TONES[Tone.WAITING if self.view.remind else Tone.DONE]
        lit = DoorLook(colours.strong, colours.on_strong, strong=True)
        self.figure.drawing.paint({self.view.slot: lit})

    def figure_size(self, area: Area) -> tuple[float, float]:
        return area.width, min(area.height, self.figure.natural_height(area.width))

    def make_sign(self, words: wording.Words) -> Widget | None:
        arrow = wording.place_icon(place_of(self.view.slot, self.context.location))
        return NumberSign(self.theme, self.view.slot, arrow, words.tone)
