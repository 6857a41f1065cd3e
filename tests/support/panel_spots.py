"""Finds out where on the panel a person must touch: tries every spot of a screen and notes what
comes of it. Run as a program of its own, because a process has one window."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from kiosk.flows.events import Chosen, Entered, Pressed, Stirred
from kiosk.flows.views.shared import View

ROOT = Path(__file__).parents[2]
STEP_PX = 18
Spots = dict[str, dict[str, tuple[int, int]]]


def name_of(event: Pressed | Entered | Chosen) -> str:
    """A press as the map names it: `DONE`, or the value that was chosen."""
    return event.choice.value if isinstance(event, Pressed) else getattr(event, "value", "")


def spots(views: dict[str, View], window: tuple[int, int, int, int]) -> Spots:
    """For each view by name: what can be pressed → where, in pixels of the screen."""
    answer = subprocess.run(
        [sys.executable, __file__],
        input=pickle.dumps((views, window)),
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert answer.returncode == 0, answer.stderr.decode()
    found: Spots = json.loads(answer.stdout.splitlines()[-1])
    return found


def _touch_everywhere(
    screen_manager: Any, size: tuple[int, int], pressed: list[Any]
) -> dict[str, Any]:
    from kivy.tests.common import UnitTestTouch

    hits: dict[str, list[tuple[int, int]]] = {}
    for top in range(STEP_PX // 2, size[1], STEP_PX):
        for left in range(STEP_PX // 2, size[0], STEP_PX):
            screen_manager._shown_s = float("-inf")
            screen_manager.page._release()
            pressed.clear()
            touch = UnitTestTouch(left, size[1] - top)
            touch.scale_for_screen(*size)
            screen_manager.on_touch_down(touch)
            touch.grab_current = None
            screen_manager.on_touch_up(touch)
            for grabbed in list(touch.grab_list):
                widget = grabbed()
                touch.grab_current = widget
                widget.dispatch("on_touch_up", touch)
                touch.ungrab(widget)
            for event in [each for each in pressed if not isinstance(each, Stirred)][:1]:
                hits.setdefault(name_of(event), []).append((left, top))
    return {name: _middle(points) for name, points in hits.items()}


def _keys(page: Any, height: int) -> dict[str, tuple[int, int]]:
    """The keys of a keypad, which say nothing until an entry is whole."""
    keys = getattr(getattr(page, "figure", None), "keys", {})
    middles = {name: key.to_window(*key.center) for name, key in keys.items()}
    return {name: (round(left), round(height - up)) for name, (left, up) in middles.items()}


def _middle(points: list[tuple[int, int]]) -> tuple[int, int]:
    left = sum(point[0] for point in points) / len(points)
    top = sum(point[1] for point in points) / len(points)
    return min(points, key=lambda point: (point[0] - left) ** 2 + (point[1] - top) ** 2)


def main() -> None:
    """Read views and the window's place, print where each thing is."""
    views, window = pickle.load(sys.stdin.buffer)
    from config import DEMO_SITE, load_site
    from kiosk.site_model import location_of
    from kiosk.ui.environment import prepare
    from kiosk.ui.panel import Panel

    site = load_site(DEMO_SITE)
    screen = site.screen
    panel = Panel(screen.width_px, screen.height_px, screen.width_mm, screen.height_mm)
    prepare(panel, window)
    from kivy.base import EventLoop
    from kivy.core.window import Window

    from kiosk.ui.window import KioskWindow

    pressed: list[Any] = []
    kiosk = KioskWindow(location_of(site), panel, pressed.append, window)
    for tool in ("choose_language", "speak", "switch_access"):
        setattr(kiosk.screen_manager, tool, lambda *_: None)  # each screen is searched as it is
    kiosk.app._run_prepare()
    EventLoop.idle()
    found: Spots = {}
    for name, view in views.items():
        kiosk.show(View())
        kiosk.show(view)
        for _ in range(3):
            EventLoop.idle()
        size = (Window.width, Window.height)
        keys = _keys(kiosk.screen_manager.page, size[1])
        local = {**keys, **_touch_everywhere(kiosk.screen_manager, size, pressed)}
        found[name] = {
            what: (window[2] + left, window[3] + top) for what, (left, top) in local.items()
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
