"""Whether the graphics still draw: a few pixels out of sight, read back."""

from __future__ import annotations

from kivy.graphics import ClearBuffers, ClearColor, Fbo

_SIDE_PX = 4
_ROUNDED = 32
_COLOURS = ((1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0))


class DrawingProbe:
    """A small picture in the graphics' memory; on the main thread, once the window is there."""

    def __init__(self) -> None:
        self._fbo = Fbo(size=(_SIDE_PX, _SIDE_PX))
        with self._fbo:
            self._colour = ClearColor(*_COLOURS[0])
            ClearBuffers()
        self._number = 0

    def draws(self) -> bool:
        """Fill the picture with another colour than the last time; whether it has that colour."""
        self._number = (self._number + 1) % len(_COLOURS)
        wanted = _COLOURS[self._number]
        self._colour.rgba = wanted
        self._fbo.draw()
        pixels = bytes(self._fbo.pixels)
        right = bytes(int(255 * part) for part in wanted) * _SIDE_PX**2
        # Graphics with fewer shades round them.
        return all(abs(one - other) < _ROUNDED for one, other in zip(pixels, right, strict=True))
