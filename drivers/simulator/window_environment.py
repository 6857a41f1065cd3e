"""Sets Kivy and SDL up for the simulator's window; to be called before anything imports Kivy."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import Final

from drivers.door import DriverError

FRAMES_PER_SECOND: Final = 30

_ENVIRONMENT: Final = {
    "KIVY_NO_ARGS": "1",
    "KIVY_NO_CONFIG": "1",
    "KIVY_NO_FILELOG": "1",
    "KIVY_LOG_MODE": "PYTHON",
    "KIVY_METRICS_DENSITY": "1",
    "KIVY_METRICS_FONTSCALE": "1",
    "KIVY_DPI": "96",
    # Else SDL turns SIGTERM into a request to close and the process does not hear of it.
    "SDL_NO_SIGNAL_HANDLERS": "1",
}
_PLACE = re.compile(r"(\d{3,5})x(\d{3,5})(?:\+(\d{1,5})\+(\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class WindowPlace:
    """A window's size and its place from the screen's top left, in pixels."""

    width: int
    height: int
    left: int = 0
    top: int = 0

    @classmethod
    def parse(cls, text: str) -> WindowPlace:
        """The place that a text like `900x920+560+40` names."""
        found = _PLACE.fullmatch(text)
        if found is None:
            raise DriverError(f"--window {text!r} is no place; it looks like 900x920+560+40")
        return cls(*(int(number or 0) for number in found.groups()))


def prepare(place: WindowPlace) -> None:
    """Make the settings for a window at this place."""
    if "kivy" in sys.modules:
        raise DriverError("Kivy was imported before its settings were made")
    os.environ.update(_ENVIRONMENT)
    if sys.platform == "linux":
        # Without it and without an X server SDL silently draws nowhere.
        os.environ.setdefault("SDL_VIDEODRIVER", "x11")
    from kivy.config import Config

    settings = {
        "kivy": {"exit_on_escape": 0, "log_level": "warning", "log_enable": 0, "desktop": 0},
        "graphics": {
            "width": place.width,
            "height": place.height,
            "position": "custom",
            "left": place.left,
            "top": place.top,
            "borderless": 0,
            "resizable": 1,
            "minimum_width": 560,
            "minimum_height": 480,
            "fullscreen": 0,
            "multisamples": 0,
            "maxfps": FRAMES_PER_SECOND,
            "show_cursor": 1,
        },
    }
    for section, values in settings.items():
        for key, value in values.items():
            Config.set(section, key, str(value))
    for name, _ in Config.items("input"):
        Config.remove_option("input", name)
    Config.set("input", "mouse", "mouse,disable_multitouch")
