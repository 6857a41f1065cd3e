"""A long day at one window: many people one after another, and what the process holds after them.

`python long_day.py SESSIONS [--keeps]` prints one JSON object; `--keeps` is the window that forgets
nothing, which must be found. A program of its own, because a process has one window.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kiosk.flows.events import Preference
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import View
from kiosk.ui.environment import prepare
from tests.gallery.locker import sample_location
from tests.gallery.panels import PANELS
from tests.gallery.samples import sample_views

PANEL = PANELS["540x960"]
VISITS = (
    ("code-some", "opening", "door-open", "thanks"),
    ("pin", "scan", "size", "put-in", "receipt"),
    ("code-refused", "trouble-jammed", "answer-help"),
    ("doors", "door-page", "reason"),
    ("more-packages", "ask-wrong", "ask-time"),
)
"""What one person after another sees; each begins at the first screen."""
PREFERENCES = (
    Preference(),
    Preference(language="de"),
    Preference(is_access=True),
    Preference(language="ar"),
)
MEASURED = 3
"""How often on the way it is measured, evenly."""


def views(sessions: int) -> Iterator[tuple[int, View]]:
    """The views of so many people, each with the number of its person."""
    samples = dict(sample_views())
    for number in range(sessions):
        yield number, First(preference=PREFERENCES[number % len(PREFERENCES)])
        for name in VISITS[number % len(VISITS)]:
            yield number, samples[name]


def held() -> dict[str, Any]:
    """What the process holds now."""
    from kivy.clock import Clock
    from kivy.core.window import Window
    from kivy.uix.widget import Widget

    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "rss_mb": round(pages * resource.getpagesize() / 1e6, 2),
        "widgets": sum(issubclass(type(each), Widget) for each in gc.get_objects()),
        "scheduled": len(Clock.get_events()),
        "observers": sum(
            len(Window.get_property_observers(name))
            for name in (*Window.properties(), "on_key_down", "on_textinput", "on_touch_down")
        ),
        "threads": threading.active_count(),
    }


def main(sessions: int, keeps: bool) -> None:
    """Show everything to everybody, and print what is held on the way."""
    prepare(PANEL, (PANEL.width_px, PANEL.height_px, 0, 0), frames_per_second=0)
    from kivy.clock import Clock

    from kiosk.ui.window import KioskWindow

    window = KioskWindow(sample_location(), PANEL, lambda event: None)
    coming, kept, measured = views(sessions), [], []
    marks = {sessions * part // MEASURED - 1 for part in range(1, MEASURED + 1)}

    def step(_: float) -> None:
        is_done = False
        try:
            one()
            is_done = True
        finally:
            if not is_done:
                # The window would say that something broke, and stay.
                traceback.print_exc()
                os._exit(1)

    def one() -> None:
        number, view = next(coming, (sessions, None))
        if isinstance(view, First | None) and number - 1 in marks:
            marks.discard(number - 1)
            measured.append(held())
        if view is None:
            window.stop()
            return
        window.show(view)
        if keeps:
            kept.append(window.screen_manager.page)
        Clock.schedule_once(lambda _: Clock.schedule_once(step, 0), 0)

    window.app.bind(on_start=lambda _: Clock.schedule_once(step, 0))
    window.run()
    print(json.dumps(measured))


if __name__ == "__main__":
    main(int(sys.argv[1]), "--keeps" in sys.argv[2:])
