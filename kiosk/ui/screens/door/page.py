"""A door stands open: which, where, and what to do."""

from __future__ import annotations

from kivy.uix.widget import Widget

from kiosk.flows.views.choices import Choice
from kiosk.flows.views.shared import DoorOpen
from kiosk.ui import texts
from kiosk.ui.directions import direction_of
from kiosk.ui.motion import Motion
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.theme import Tone
from kiosk.ui.widgets.bank import LEAST_DRAWING_MM, BankFigure, DoorLook
from kiosk.ui.widgets.buttons import NumberSign
from kiosk.ui.widgets.counts import FreeStrip


class DoorOpenPage(Page[DoorOpen]):
    """The number huge, the arrow, and the drawing of the bank with this door lit."""

    figure_share = 0.44
    is_compact = True
    figure_least_mm = LEAST_DRAWING_MM
    figure_yields = True
    field_may_wait = True
    figure: BankFigure
    field: FreeStrip | None

    def has_main_choice(self) -> bool:
        """What most people do is close the door; only where nothing sees that, they say so."""
        return self.view.choices[:1] == (Choice.DONE,)

    def build(self) -> None:
        self.figure = BankFigure(self.theme, self.context.location)
        self.add_widget(self.figure)
        self._light()
        self._count()
        if self.theme.moves:
            pulse = Motion(self.figure.drawing.pulse)
            self.motions.append(pulse)
            pulse.start()

    def changed(self, before: DoorOpen) -> None:
        self._light()
        self._count()

    def _count(self) -> None:
        """How many doors are free, until the person is to close this one."""
        if self.field is not None:
            self.remove_widget(self.field)
            self.field = None
        if self.view.free and not self.view.remind:
            said = texts.courier.free_doors(self.context.speech)
            self.field = FreeStrip(self.theme, said, self.view.free)
            self.add_widget(self.field)

    def measure_field(self, room: Area) -> None:
        if self.field is not None:
            self.field.fit(room.width)

    def _light(self) -> None:
        colours = self.theme.tone(Tone.WAITING if self.view.remind else Tone.DONE)
        lit = DoorLook(colours.strong, colours.on_strong, "door-open", strong=True)
        self.figure.drawing.paint({self.view.slot: lit})

    def figure_size(self, area: Area) -> tuple[float, float]:
        return area.width, min(area.height, self.figure.natural_height(area.width))

    def make_sign(self, words: texts.parts.Words) -> Widget | None:
        arrow = texts.parts.direction_icon(direction_of(self.view.slot, self.context.location))
        sign = NumberSign(self.theme, self.view.slot, arrow, words.tone)
        if self.theme.is_portrait:
            return sign
        # A low panel: over the drawing there is room, over the words there is none.
        self.figure.set_sign(sign)
        return None
