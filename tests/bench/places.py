"""Prints, as JSON, where on the kiosk's screen the things are that the bench touches or looks at.

Run as a process of its own on the screen to be used: `python -m tests.bench.places CONFIG`. It
draws the real pages at the real size and asks them, so that a new layout needs no change here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from config import load_site
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.shared import View
from kiosk.site_model import location_of
from kiosk.ui import environment
from kiosk.ui.panel import Panel

INSET_PX = 10
"""How far inside its right edge a thing shows its own colour."""


def main() -> None:
    """Draw, ask, print."""
    site = load_site(Path(sys.argv[1]))
    screen = site.screen
    panel = Panel(screen.width_px, screen.height_px, screen.width_mm, screen.height_mm)
    environment.prepare(panel)
    from kivy.clock import Clock

    from kiosk.ui.window import KioskWindow

    window = KioskWindow(location_of(site), panel, lambda event: None)
    found: dict[str, Any] = {}

    def inside(widget: Any) -> dict[str, Any]:
        """A pixel just inside the right edge, and the colour of the card."""
        colour = [round(part * 255) for part in widget.fill[:3]]
        x, y = round(widget.right) - INSET_PX, panel.height_px - round(widget.center_y)
        return {"x": x, "y": y, "colour": colour}

    def middle(widget: Any) -> dict[str, Any]:
        return {"x": round(widget.center_x), "y": panel.height_px - round(widget.center_y)}

    def first(page: Any) -> None:
        found["pick_up"] = inside(page.figure.cards[0])

    def keypad(page: Any) -> None:
        keys = (key for row in page.figure.rows for key in row)
        found["keys"] = {key.name: middle(key) for key in keys}

    def thanks(page: Any) -> None:
        done = next(b for b in page.buttons if getattr(b, "choice", None) is Choice.DONE)
        found["done"] = inside(done)

    first_choices = (Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP)
    last_choices = (Choice.DONE, Choice.OPEN_AGAIN)
    shown: Iterator[tuple[View, Callable[[Any], None]]] = iter(
        [
            (First(open_doors=(), unreachable_boards=0, choices=first_choices), first),
            (EnterCode(length=9, choices=(Choice.BACK,)), keypad),
            (Thanks(slot="1", choices=last_choices), thanks),
        ]
    )

    def show_next(_: float) -> None:
        view, ask = next(shown, (None, None))
        if view is None or ask is None:
            window.stop()
            return
        window.show(view)

        def look(_: float) -> None:
            ask(window.screen_manager.page)
            show_next(0)

        # Two frames: one to build the page, one to lay it out.
        Clock.schedule_once(lambda _: Clock.schedule_once(look, 0), 0.05)

    window.app.bind(on_start=lambda _: Clock.schedule_once(show_next, 0))
    window.run()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
