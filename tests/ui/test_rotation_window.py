"""A panel that hangs on its side or head: the picture is turned, and a touch with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from config import DEMO_SITE
from kiosk.app import make_kiosk
from tests.support.panel_spots import ROOT, Spots
from tests.support.screen import PATIENCE_S, Screen, own_screen
from tests.support.simulator_process import SimulatorProcess
from tests.support.window_bench import PICTURES, PLACE, SITE

ROTATIONS = (90, 180, 270) if os.environ.get("TEST_BUDGET") == "nightly" else (90,)
SIDE_PX = 1000
WIDTH_PX, HEIGHT_PX = PLACE[:2]
MOST_DIFFERENT = 0.02
"""So much of a picture may differ where letters are drawn between other pixels."""
TURNED = """
import sys
from pathlib import Path
from config import DEMO_SITE, load_site
from kiosk.engine import run_window
site = load_site(DEMO_SITE)
screen = site.screen.model_copy(update={"rotation": int(sys.argv[2])})
look = site.look.model_copy(update={"motion": False})
place = (*map(int, sys.argv[3:5]), 0, 0)
site = site.model_copy(update={"screen": screen, "look": look})
sys.exit(run_window(site, Path(sys.argv[1]), place))
"""


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with own_screen(SIDE_PX, SIDE_PX) as made:
        yield made


@contextmanager
def kiosk_turned(screen: Screen, data: Path, rotation: int) -> Iterator[bytes]:
    """A kiosk whose picture is turned; what its screen shows first."""
    make_kiosk(SITE, data)
    bank = SimulatorProcess(DEMO_SITE, data)
    before = screen.pixels()
    size = [str(each) for each in (WIDTH_PX, HEIGHT_PX)]
    command = [sys.executable, "-c", TURNED, str(data), str(rotation), *size]
    kiosk = subprocess.Popen(command, env=screen.environment, cwd=ROOT)
    try:
        yield screen.after(before)
        kiosk.terminate()
        assert kiosk.wait(PATIENCE_S) == 0
    finally:
        kiosk.kill()
        kiosk.wait()
        bank.stop()


def seen(pixels: bytes, rotation: int) -> Image.Image:
    """The window as it is seen by who stands before the panel."""
    is_upright = rotation in (0, 180)
    width, height = (WIDTH_PX, HEIGHT_PX) if is_upright else (HEIGHT_PX, WIDTH_PX)
    whole = Image.frombytes("RGB", (SIDE_PX, SIDE_PX), pixels, "raw", "BGRX")
    return whole.crop((0, 0, width, height)).rotate(-rotation, expand=True)


def on_panel(at: tuple[int, int], rotation: int) -> tuple[int, int]:
    """Where on the panel a finger lands that touches what is seen there."""
    left, top = at
    return {
        0: (left, top),
        90: (top, WIDTH_PX - 1 - left),
        180: (WIDTH_PX - 1 - left, HEIGHT_PX - 1 - top),
        270: (HEIGHT_PX - 1 - top, left),
    }[rotation]


def share_that_differs(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    shades = ImageChops.difference(one, other).convert("L").histogram()
    return sum(shades[48:]) / (one.width * one.height)


def test_the_picture_is_turned_and_touches_with_it(
    tmp_path: Path, screen: Screen, where: Spots
) -> None:
    pages: dict[int, list[Image.Image]] = {}
    for rotation in (0, *ROTATIONS):
        with kiosk_turned(screen, tmp_path / str(rotation), rotation) as first:
            spot = on_panel(where["first"]["PICK_UP"], rotation)
            screen.touch(spot)
            second = screen.after(first, lambda: screen.touch(spot))  # noqa: B023
            pages[rotation] = [seen(first, rotation), seen(second, rotation)]
            for number, page in enumerate(pages[rotation]):
                page.save(PICTURES / f"turned-{rotation}-{number}.png")
    assert share_that_differs(*pages[0]) > 0.1, "the touch leads to another screen"
    for rotation in ROTATIONS:
        for upright, turned in zip(pages[0], pages[rotation], strict=True):
            assert share_that_differs(upright, turned) < MOST_DIFFERENT, rotation
