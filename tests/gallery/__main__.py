"""Draws every screen with sample data into pictures, to look at: `python -m tests.gallery`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kiosk.flows.events import Preference
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import View
from kiosk.ui.environment import prepare
from tests.gallery.panels import PANELS, picture

if TYPE_CHECKING:
    from kiosk.ui.window import KioskWindow


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/gallery"))
@click.option("--panel", "panel_name", type=click.Choice(list(PANELS)), default="1080x1920")
@click.option("--language", default="en", help="A language's code; en-XA is the invented one.")
@click.option("--mode", type=click.Choice(["light", "night", "access"]), default="light")
@click.option("--only", default="", help="Only views whose name contains this.")
@click.option("--view", "exact", multiple=True, help="Only these views.")
def main(
    out: Path, panel_name: str, language: str, mode: str, only: str, exact: tuple[str, ...]
) -> None:
    """Draw every screen on one panel and write a PNG of each."""
    panel = PANELS[panel_name]
    prepare(panel, (panel.width_px, panel.height_px, 0, 0))
    from kiosk.ui.theme import SiteLook
    from kiosk.ui.window import KioskWindow
    from tests.gallery.locker import sample_location
    from tests.gallery.samples import sample_views

    folder = out / f"{panel_name}-{language}{'' if mode == 'light' else '-' + mode}"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(name, view) for name, view in sample_views() if only in name]
    views = iter([(name, view) for name, view in wanted if not exact or name in exact])
    night = SiteLook(is_night=lambda: mode == "night", moves=False)
    preference = Preference(is_access=mode == "access")
    window = KioskWindow(sample_location(language), panel, lambda event: None, site_look=night)
    window.app.bind(on_start=lambda _: _next_picture(window, views, folder, preference))
    window.run()


def _next_picture(
    window: KioskWindow, views: Iterator[tuple[str, View]], folder: Path, preference: Preference
) -> None:
    from kivy.clock import Clock

    named = next(views, None)
    if named is None:
        window.stop()
        return
    name, view = named
    window.show(First(preference=preference))  # a fresh screen, as after another person
    window.show(replace(view, preference=preference) if isinstance(view, First) else view)

    def save(_: float) -> None:
        picture(folder / f"{name}.png")
        _next_picture(window, views, folder, preference)

    Clock.schedule_once(lambda _: Clock.schedule_once(save, 0), 0.05)


if __name__ == "__main__":
    main()
