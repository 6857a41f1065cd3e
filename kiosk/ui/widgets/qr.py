"""A QR code on white paper, whatever the palette: readers want dark on light (ISO/IEC 18004)."""

from __future__ import annotations

import segno
from kivy.graphics import Color, Rectangle
from kivy.graphics.texture import Texture
from kivy.uix.widget import Widget

_QUIET_MODULES = 4
"""The margin that the standard asks for."""


class QrCode(Widget):
    """The code of a text, drawn as large as the widget."""

    def __init__(self, text: str) -> None:
        super().__init__(size_hint=(None, None))
        code = segno.make(text, error="m", micro=False)
        side = code.symbol_size(border=_QUIET_MODULES)[0]
        rows = code.matrix_iter(border=_QUIET_MODULES)
        pixels = bytes(0 if is_dark else 255 for row in rows for is_dark in row)
        self._texture = Texture.create(size=(side, side), colorfmt="luminance")
        self._texture.mag_filter = "nearest"
        self._texture.blit_buffer(pixels, colorfmt="luminance", bufferfmt="ubyte")
        self._texture.flip_vertical()
        with self.canvas:
            Color(1, 1, 1, 1)
            self._square = Rectangle(texture=self._texture)
        self.bind(pos=self._place, size=self._place)

    @property
    def side_modules(self) -> int:
        """How many modules a side has, its margin included."""
        return int(self._texture.width)

    def _place(self, *_: object) -> None:
        # Whole pixels per module, so that every module is as wide as the next.
        side = max(1, int(min(self.size)) // self.side_modules) * self.side_modules
        self._square.size = (side, side)
        self._square.pos = (
            round(self.center_x - side / 2),
            round(self.center_y - side / 2),
        )
