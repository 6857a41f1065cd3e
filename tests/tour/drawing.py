"""Draws scenes in a real window and writes a picture of each; a program of its own, because a
process has one window: `python -m tests.tour.drawing FOLDER PANEL LANGUAGE MODE < scenes`."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from config import DEMO_SITE, load_site
from kiosk.flows.events import Preference
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import View
from kiosk.model.location import Location
from kiosk.site_model import location_of
from kiosk.ui.environment import prepare
from tests.gallery.panels import PANELS, picture


def location(language: str) -> Location:
    """The demo's, with a language for the site's usual one."""
    site = location_of(load_site(DEMO_SITE))
    return replace(site, languages=tuple(dict.fromkeys((language, *site.languages))))


def draw(
    named: list[tuple[str, View]], folder: Path, panel_name: str, language: str, mode: str
) -> None:
    """Write a numbered PNG of each view into the folder."""
    panel = PANELS[panel_name]
    prepare(panel, (panel.width_px, panel.height_px, 0, 0))
    from kivy.clock import Clock

    from kiosk.ui.theme import SiteLook
    from kiosk.ui.window import KioskWindow

    folder.mkdir(parents=True, exist_ok=True)
    preference = Preference(is_access=mode == "access")
    look = SiteLook(is_night=lambda: mode == "night", moves=False)
    window = KioskWindow(location(language), panel, lambda event: None, site_look=look)
    coming = iter(named)

    def next_one(_: float = 0.0) -> None:
        step = next(coming, None)
        if step is None:
            window.stop()
            return
        window.show(First(preference=preference))  # a fresh screen, as after another person
        name, view = step
        window.show(replace(view, preference=preference) if isinstance(view, First) else view)
        Clock.schedule_once(lambda _: Clock.schedule_once(lambda _: save(name), 0), 0.05)

    def save(name: str) -> None:
        picture(folder / f"{name}.png")
        next_one()

    window.app.bind(on_start=next_one)
    window.run()


def _numbered(scenes: list[Any]) -> Iterator[tuple[str, View]]:
    for number, scene in enumerate(scenes, 1):
        yield f"{number:03d}-{scene.name}", scene.view


if __name__ == "__main__":
    draw(list(_numbered(pickle.load(sys.stdin.buffer))), Path(sys.argv[1]), *sys.argv[2:5])
