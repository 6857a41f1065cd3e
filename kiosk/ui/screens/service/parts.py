"""The technician tries scanner, panel and loudspeaker: a field that keeps where it was touched."""

from __future__ import annotations

from kivy.graphics import Color, Rectangle
from kivy.input.motionevent import MotionEvent

from kiosk.flows.views.service import PartsTest
from kiosk.model.scanner_test import TEST_CODE
from kiosk.ui import texts
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.buttons import Card, WordButton
from kiosk.ui.widgets.qr import QrCode

_CELL_MM = 16


class TouchField(Card):
    """Cells as large as a finger; each keeps the colour once it was touched."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, fill=theme.colours.surface, edge=theme.colours.line)
        self.touched: set[tuple[int, int]] = set()
        self.columns = self.rows = 1

    def arrange(self) -> None:
        """Never turned over: it is the panel itself."""
        cell = self.theme.mm(_CELL_MM)
        self.columns = max(1, round(self.width / cell))
        self.rows = max(1, round(self.height / cell))
        self.canvas.after.clear()
        with self.canvas.after:
            for cell_at in sorted(self.touched):
                self._paint(*cell_at)

    def _paint(self, column: int, row: int) -> None:
        width, height = self.width / self.columns, self.height / self.rows
        gap = self.theme.hairline
        Color(*self.theme.tone(Tone.DONE).strong)
        Rectangle(
            pos=(self.x + column * width + gap, self.y + row * height + gap),
            size=(width - 2 * gap, height - 2 * gap),
        )

    def on_touch_down(self, touch: MotionEvent) -> bool:
        return self._take(touch)

    def on_touch_move(self, touch: MotionEvent) -> bool:
        return self._take(touch)

    def _take(self, touch: MotionEvent) -> bool:
        if not self.collide_point(*touch.pos):
            return False
        column = min(self.columns - 1, int((touch.x - self.x) / self.width * self.columns))
        row = min(self.rows - 1, int((touch.y - self.y) / self.height * self.rows))
        if (column, row) not in self.touched:
            self.touched.add((column, row))
            with self.canvas.after:
                self._paint(column, row)
        return True


class PartsPage(Page[PartsTest]):
    """What was scanned in words, the panel as a field, the loudspeaker by a button."""

    has_tools = False
    figure_share = 0.5
    figure_share_stacked = 0.6
    figure: TouchField

    def build(self) -> None:
        self.figure = TouchField(self.theme)
        self.add_widget(self.figure)
        self.code = QrCode(TEST_CODE)
        self.add_widget(self.code)

    def arrange(self, *_: object) -> None:
        super().arrange()
        field, gap = self.figure, self.theme.space(8)
        if field.height > field.width:
            side = min(field.width, field.height * 0.5)
            self.code.pos = (field.center_x - side / 2, field.top - side)
            field.height -= side + gap
        else:
            side = min(field.height, field.width * 0.5)
            self.code.pos = (field.x, field.top - side)
            field.x, field.width = field.x + side + gap, field.width - side - gap
        self.code.size = (side, side)

    def extra_buttons(self) -> list[WordButton]:
        speech = self.context.speech
        text = speech.say(texts.service.TEST_SOUND)
        return [WordButton(self.theme, text, "volume-2", self.context.tools.test_sound)]

    def figure_size(self, area: Area) -> tuple[float, float]:
        return area.width, area.height
