"""`kiosk rehearse`: this release tries itself on a copy of a kiosk, before it may run.

It opens the database, brings it up to its own version, follows the journal's whole chain, reads the
site file, and draws the first screen where nobody sees it: the demo's, which has to look as it did
when the release was made, and the site's own, which has to show something.
"""

from __future__ import annotations

import logging
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import assets
from config import DEMO_SITE, Site, load_site
from kiosk.adapters import SystemClock, key_path
from kiosk.app import CannotRunError
from kiosk.data_folder import open_store
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.site_model import location_of, site_look_of
from kiosk.store import journal, slots
from kiosk.ui import environment
from kiosk.ui.panel import Panel
from kiosk.ui.picture import Pixels
from kiosk.ui.theme import SiteLook

if TYPE_CHECKING:
    from kiosk.ui.window import KioskWindow

LOG = logging.getLogger("kiosk")
GOLDEN: Final = Path(assets.__file__).with_name("first-screen.png")
"""The demo's first screen, as it looked when this release was made."""
CHOICES: Final = (Choice.PICK_UP, Choice.COURIER, Choice.NO_CODE, Choice.SERVICE, Choice.HELP)
PANEL: Final = Panel(540, 960, 268, 476)
CELL_PX: Final = 20
TOLERANCE: Final = 48
"""By how much a cell's mean may differ in one of its colours, of 255: letters may be smoothed
otherwise on another machine, but nothing may move, vanish or change its colour."""
SHADES_MIN: Final = 8
"""A screen of fewer colours shows nothing."""
FRAMES_AFTER_S: Final = 1.0
"""A screen is drawn before so long, and looked at then."""
OFF_SCREEN: Final = "offscreen"
"""SDL's way to draw where nobody sees it."""


def rehearse(site: Site, data: Path, config: Path) -> str:
    """Try all of it; what was tried, in a sentence. Raises `StoreError`, `LocationKeyError` or
    `CannotRunError`, which say what is wrong."""
    events = _open(site, data)
    _draw_own(config, data)
    worst = difference(
        cells(draw(load_site(DEMO_SITE), SiteLook(moves=False))), cells(golden_picture())
    )
    if worst > TOLERANCE:
        raise CannotRunError(f"the first screen differs from its golden picture by {worst} of 255")
    return f"{events} events, the chain is whole; the first screen is as it should be"


def _draw_own(config: Path, data: Path) -> None:
    """The site's own first screen, in a process of its own: each has one window."""
    command = [sys.executable, "-m", "kiosk", "rehearse", "--own-screen"]
    done = subprocess.run(
        [*command, "--config", str(config), "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        raise CannotRunError(f"the first screen of this site: {(lines or ['no picture'])[-1]}")


def require_own_screen(site: Site, data: Path) -> None:
    """Draw the site's own first screen. Raises `CannotRunError` where it shows nothing."""
    if len(shades(draw(site, site_look_of(site, data)))) < SHADES_MIN:
        raise CannotRunError("the first screen of this site shows nothing")


def _open(site: Site, data: Path) -> int:
    store = open_store(
        data, (key_path(data),), SystemClock(), secrets.SystemRandom(), threaded=False
    )
    try:
        wrong = store.submit(journal.verify).result()
        if wrong:
            raise CannotRunError(f"the journal of the copy is not whole: {wrong[0]}")
        store.submit(slots.configure, location_of(site)).result()
        return store.head.seq
    finally:
        store.close()


# --- drawing --------------------------------------------------------------------------------------


def draw(site: Site, look: SiteLook) -> Pixels:
    """The first screen of a site, once in a process. Raises `CannotRunError`."""
    size = (PANEL.width_px, PANEL.height_px, 0, 0)
    # Also where there is a display: the panel is the running kiosk's.
    environment.prepare(PANEL, size, video_driver=OFF_SCREEN)
    from kiosk.ui.window import KioskWindow

    pictures: list[Pixels] = []
    window = KioskWindow(location_of(site), PANEL, lambda event: None, size, site_look=look)
    window.show(First(choices=CHOICES))
    window.app.bind(on_start=lambda _: _take(window, pictures))
    window.run()
    if not pictures:
        raise CannotRunError("the first screen could not be drawn")
    return pictures[0]


def _take(window: KioskWindow, pictures: list[Pixels]) -> None:
    from kivy.clock import Clock

    def take(_: float) -> None:
        found = window.pixels()
        found.add_done_callback(lambda done: _keep(window, pictures, done.result()))

    Clock.schedule_once(take, FRAMES_AFTER_S)


def _keep(window: KioskWindow, pictures: list[Pixels], found: Pixels | None) -> None:
    if found is not None:
        pictures.append(found)
    window.stop()


def golden_picture() -> Pixels:
    """The kept picture, read by what draws pictures here."""
    from kivy.core.image import Image

    texture = Image(str(GOLDEN)).texture
    width, height = texture.size
    values = bytes(texture.pixels)
    # The texture has its highest row first, and pictures here their lowest.
    rows = [values[at : at + 4 * width] for at in range(0, len(values), 4 * width)]
    return Pixels(width, height, b"".join(reversed(rows)))


# --- comparing ------------------------------------------------------------------------------------


def cells(picture: Pixels) -> dict[tuple[int, int], tuple[float, float, float]]:
    """The mean colour of each cell of a few pixels."""
    found = {}
    stride = 4 * picture.width
    for top in range(0, picture.height - CELL_PX + 1, CELL_PX):
        rows = [picture.values[y * stride : (y + 1) * stride] for y in range(top, top + CELL_PX)]
        for left in range(0, picture.width - CELL_PX + 1, CELL_PX):
            some = b"".join(row[4 * left : 4 * (left + CELL_PX)] for row in rows)
            red, green, blue = (sum(some[band::4]) / CELL_PX**2 for band in range(3))
            found[left, top] = (red, green, blue)
    return found


def difference(
    one: dict[tuple[int, int], tuple[float, float, float]],
    other: dict[tuple[int, int], tuple[float, float, float]],
) -> int:
    """The largest difference of two cells in the same place, of 255; all of it for another size."""
    if one.keys() != other.keys():
        return 255
    pairs = ((one[place], other[place]) for place in one)
    return round(max(abs(a - b) for pair in pairs for a, b in zip(*pair, strict=True)))


def shades(picture: Pixels) -> set[bytes]:
    """The colours of a picture."""
    values = picture.values
    return {values[at : at + 3] for at in range(0, len(values), 4)}
