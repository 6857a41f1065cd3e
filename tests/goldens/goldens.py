"""How the main screens look: drawn as the kiosk draws them, and held against kept pictures.

The pictures are kept at a quarter of their size, and compared by the mean colour of cells of a few
pixels: letters may be smoothed otherwise on another machine, but nothing may move, vanish or change
its colour.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from PIL import Image, ImageChops

from tests.support.screen import own_screen

ROOT = Path(__file__).parents[2]

KEPT = Path(__file__).parent / "pictures"
PANELS = ("1080x1920", "1280x800")
SCREENS = (
    *("first", "first-door-open", "code-some", "code-refused", "door-open", "door-remind"),
    *("trouble-jammed", "thanks", "more-packages", "scan-stored", "size", "put-in", "receipt"),
    *("doors", "door-page-full", "privacy", "whom-for", "whole-phone", "find-resident"),
    *("pick-resident", "guest-stored", "room-elsewhere"),
    *("not-set-up", "show-invitation", "not-reached-no-network", "site-found", "boards-found"),
    *("bank-drawn", "door-tried", "door-failed-other", "new-number", "set-up-done"),
)
REDUCED = 4
"""By how much the kept pictures are smaller than the panel."""
CELL_PX = 6
TOLERANCE = 25
"""By how much a cell's mean may differ in one of its colours, of 255."""


def draw(panel: str, folder: Path) -> None:
    """Draw the main screens of a panel into a folder, in a process with a window of its own."""
    command = [sys.executable, "-m", "tests.gallery", "--panel", panel, "--out", str(folder)]
    exact = [option for name in SCREENS for option in ("--view", name)]
    width_px, height_px = map(int, panel.split("x"))
    with own_screen(width_px, height_px) as screen:
        subprocess.run(
            [*command, *exact], cwd=ROOT, env=screen.environment, check=True, capture_output=True
        )


def drawn(panel: str, folder: Path) -> Iterator[tuple[str, Image.Image]]:
    """The main screens of a panel as they are drawn now, reduced, each under its name."""
    draw(panel, folder)
    for name in SCREENS:
        with Image.open(folder / f"{panel}-en" / f"{name}.png") as picture:
            yield name, reduced(picture)


def reduced(picture: Image.Image) -> Image.Image:
    """A picture in the size in which it is kept."""
    return picture.convert("RGB").reduce(REDUCED)


def kept_at(panel: str, name: str) -> Path:
    """Where the picture of a screen is kept."""
    return KEPT / panel / f"{name}.png"


def difference(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of two cells in the same place, of 255; all of it for another size."""
    if one.size != other.size:
        return 255
    cells = ImageChops.difference(one.reduce(CELL_PX), other.reduce(CELL_PX))
    of_each_band = cast("tuple[tuple[int, int], ...]", cells.getextrema())
    return max(high for _, high in of_each_band)
