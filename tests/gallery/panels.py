"""The panels that the screens are drawn on, and a picture of what a window shows."""

from __future__ import annotations

from pathlib import Path

from kiosk.ui.panel import Panel

PANELS = {
    "1080x1920": Panel(1080, 1920, 268.0, 476.0),
    "1080x1920-15": Panel(1080, 1920, 194.4, 345.6),
    "1280x800": Panel(1280, 800, 217.6, 136.0),
    "1024x600": Panel(1024, 600, 153.3, 89.8),
    "540x960": Panel(1080, 1920, 268.0, 476.0).scaled_to(540, 960),
}


def picture(path: Path) -> None:
    """Write what the window shows to a PNG file."""
    from kivy.core.window import Window
    from kivy.graphics.opengl import GL_RGB, GL_UNSIGNED_BYTE, glReadPixels
    from PIL import Image

    width, height = Window.system_size
    Window.canvas.ask_update()
    Window.dispatch("on_draw")
    pixels = glReadPixels(0, 0, width, height, GL_RGB, GL_UNSIGNED_BYTE)
    image = Image.frombytes("RGB", (width, height), pixels)
    image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(path)
