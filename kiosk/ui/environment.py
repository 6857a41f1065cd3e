"""Sets Kivy and SDL up for a kiosk. `prepare` runs once, before anything else imports Kivy.

Kivy reads these settings while it is being imported; later it is too late.
"""

from __future__ import annotations

import ctypes
import os
import sys

from kiosk.ui.panel import Panel

_ENVIRONMENT = {
    "KIVY_NO_ARGS": "1",
    "KIVY_NO_CONFIG": "1",
    "KIVY_NO_FILELOG": "1",
    "KIVY_LOG_MODE": "PYTHON",
    # Fixed density: sizes come from the panel's millimetres, never from a guess about the screen.
    "KIVY_METRICS_DENSITY": "1",
    "KIVY_METRICS_FONTSCALE": "1",
    "KIVY_DPI": "96",
    # Else SDL turns SIGTERM into a request to close, which a window may refuse.
    "SDL_NO_SIGNAL_HANDLERS": "1",
}
_INPUT = {"mouse": "mouse,disable_multitouch"}
_WATCHED_MODULES = ("inspector", "monitor", "console", "webdebugger", "keybinding", "screen")


class EnvironmentTooLateError(Exception):
    """Kivy was imported before `prepare`, so its settings can no longer be made."""


class NoDisplayError(Exception):
    """There is nothing to draw on; the message says what to do."""


def require_display() -> None:
    """Refuse to go on where no X server answers; before `prepare`. Raises `NoDisplayError`.

    Else Kivy tries all its ways to a window, writes a page of log and ends the process.
    """
    if sys.platform != "linux" or (os.environ.get("SDL_VIDEODRIVER") or "x11") != "x11":
        return
    name = os.environ.get("DISPLAY", "")
    if not name:
        raise NoDisplayError(
            "there is no display: DISPLAY is not set. Run the kiosk in its graphical session, or"
            " with DISPLAY=:0; without an X server: SDL_VIDEODRIVER=kmsdrm"
        )
    try:
        xlib = ctypes.CDLL("libX11.so.6")
    except OSError:
        return  # SDL says itself what it lacks
    xlib.XOpenDisplay.restype = ctypes.c_void_p
    display = xlib.XOpenDisplay(None)
    if display is None:
        raise NoDisplayError(
            f"the display DISPLAY={name} does not answer: is the X server running, and may this"
            " user draw on it? Without an X server: SDL_VIDEODRIVER=kmsdrm"
        )
    xlib.XCloseDisplay(ctypes.c_void_p(display))


def prepare(
    panel: Panel,
    window: tuple[int, int, int, int] | None = None,
    *,
    video_driver: str | None = None,
    frames_per_second: int = 120,
    rotation: int = 0,
) -> None:
    """Make the settings for a window `(width, height, left, top)`, or the whole panel if None.

    `rotation` turns the picture, and touches with it, in a window that is as wide as people see it
    high where that is a quarter turn: a panel that hangs on its side still calls that its width.
    `video_driver` is SDL's name (`x11`, `kmsdrm`); without it the one of the environment is kept,
    else the system's usual one. Raises `EnvironmentTooLateError` when Kivy is loaded already.
    """
    if "kivy" in sys.modules:
        raise EnvironmentTooLateError(
            "Kivy was imported before kiosk.ui.environment.prepare: call prepare first"
        )
    os.environ.update(_ENVIRONMENT)
    # Always set on Linux: without it and without an X server SDL silently draws nowhere.
    if video_driver or sys.platform == "linux":
        os.environ["SDL_VIDEODRIVER"] = video_driver or os.environ.get("SDL_VIDEODRIVER") or "x11"
    _configure(panel, window, frames_per_second, rotation)


def _configure(
    panel: Panel, window: tuple[int, int, int, int] | None, frames_per_second: int, rotation: int
) -> None:
    from kivy.config import Config

    width_px, height_px, left, top = window or (panel.width_px, panel.height_px, 0, 0)
    if rotation in (90, 270):
        width_px, height_px = height_px, width_px
    full_screen = window is None
    settings: dict[str, dict[str, object]] = {
        "kivy": {
            "exit_on_escape": 0,
            "log_level": "warning",
            "log_enable": 0,
            "keyboard_mode": "system",
            "desktop": 0,
        },
        "graphics": {
            "width": width_px,
            "height": height_px,
            "position": "custom",
            "left": left,
            "top": top,
            "rotation": rotation,
            "borderless": int(full_screen),
            "resizable": 0,
            "fullscreen": 0,
            "multisamples": 0,
            "maxfps": frames_per_second,
            "show_cursor": int(not full_screen),
            "allow_screensaver": 0,
        },
    }
    for section, values in settings.items():
        for key, value in values.items():
            Config.set(section, key, str(value))
    for name, _ in Config.items("input"):
        Config.remove_option("input", name)
    for name, provider in _INPUT.items():
        Config.set("input", name, provider)
    for module in _WATCHED_MODULES:
        Config.remove_option("modules", module)
