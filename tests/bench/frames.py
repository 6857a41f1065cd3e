"""Prints, as JSON, what drawing costs: the real pages, at the real size, one frame after another.

Run as a process of its own on the screen to be used: `python -m tests.bench.frames CONFIG COUNT`.
A frame is drawn whole and waited for until the last pixel is there (a pixel is read back).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from config import load_site
from kiosk.flows.views.choices import Choice, Purpose
from kiosk.flows.views.customer import EnterCode, First
from kiosk.flows.views.shared import DoorOpen, View
from kiosk.site_model import location_of
from kiosk.ui import environment
from kiosk.ui.panel import Panel
from tests.bench.figures import milliseconds

FIRST = First(choices=(Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP))
CODE = EnterCode(length=9, choices=(Choice.BACK, Choice.NO_CODE))
OPEN = DoorOpen(slot="7", purpose=Purpose.TAKE, choices=(Choice.NOTHING_INSIDE,))


def main() -> None:
    """Draw and print."""
    site, count = load_site(Path(sys.argv[1])), int(sys.argv[2])
    screen = site.screen
    panel = Panel(screen.width_px, screen.height_px, screen.width_mm, screen.height_mm)
    environment.prepare(panel, frames_per_second=0)
    from kivy.base import EventLoop
    from kivy.core.window import Window
    from kivy.graphics.opengl import GL_RGB, GL_UNSIGNED_BYTE, glReadPixels

    from kiosk.ui.window import KioskWindow

    kiosk = KioskWindow(location_of(site), panel, lambda event: None)
    kiosk.app._run_prepare()
    screen_manager = kiosk.screen_manager

    def draw() -> None:
        """Whatever changed, and the whole window."""
        Window.canvas.ask_update()
        EventLoop.idle()
        glReadPixels(0, 0, 1, 1, GL_RGB, GL_UNSIGNED_BYTE)

    def timed(change: Callable[[int], None]) -> list[float]:
        took_s = []
        for number in range(count):
            begin_s = time.perf_counter()
            change(number)
            draw()
            took_s.append(time.perf_counter() - begin_s)
        return took_s

    def on(view: View, change: Callable[[int], None]) -> list[float]:
        screen_manager.show(view)
        for _ in range(3):
            draw()
        return timed(change)

    def type_digit(number: int) -> None:
        assert screen_manager.page is not None
        screen_manager.page.key("CLEAR") if number % 8 == 7 else screen_manager.page.text_input(
            str(number % 10)
        )

    def open_door(number: int) -> None:
        # The screen of an open door comes, then the one before it.
        screen_manager.show(OPEN if number % 2 else CODE)

    languages = site.location.languages
    figures = {
        "frame_ms": {
            "idle": milliseconds(on(FIRST, lambda number: None)),
            "typing": milliseconds(on(CODE, type_digit)),
            "another_screen": milliseconds(on(CODE, open_door)),
        },
        "language_switch_ms": milliseconds(
            on(FIRST, lambda number: screen_manager.speak(languages[number % len(languages)]))
        ),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
