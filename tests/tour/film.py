"""The film of the main job: the real demo on a virtual screen, a finger, and a camera.

    python -m tests.tour.film build/tour/film.webp

A customer types the code that the demo prints and takes the package; a courier signs in, scans a
label and puts a package in. Nothing is drawn for the film but the finger.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
from PIL import Image, ImageChops, ImageDraw, ImageGrab

from config import DEMO_SITE, load_site
from drivers.simulator.__main__ import window_site
from drivers.simulator.window_layout import Scale, arrange
from kiosk.demo.demo import PINS, VIRTUAL_SCREEN, side_by_side
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import Receipt, ScanPackage
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.shared import EnterPin, View
from tests.support.panel_spots import Spots, spots
from tests.support.running_demo import Demo
from tests.support.screen import Screen, own_screen
from tests.support.window_bench import SIZES

SITE = load_site(DEMO_SITE)
KIOSK, BANK = side_by_side(VIRTUAL_SCREEN, (SITE.screen.width_px, SITE.screen.height_px))
PLACE = (KIOSK.width, KIOSK.height, KIOSK.left, KIOSK.top)
VIEWS: dict[str, View] = {
    "first": First(choices=(Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP)),
    "code": EnterCode(choices=(Choice.BACK, Choice.HELP)),
    "thanks": Thanks(slot="3", choices=(Choice.DONE, Choice.OPEN_AGAIN, Choice.SOMETHING_WRONG)),
    "pin": EnterPin(choices=(Choice.BACK,)),
    "scan": ScanPackage(name="Kim", sizes=SIZES, choices=(Choice.DONE, Choice.TYPE_BARCODE)),
    "receipt": Receipt(name="Kim", number="1", lines=(), choices=(Choice.DONE,)),
}
COURIER_SECRET = "114711"
FRAME_S = 0.2
WIDTH_PX = 900
"""Of the film; the windows are larger."""
QUALITY = 60
MOST_BYTES = 3_000_000
"""More is too much for a page that people open on a telephone."""
FINGER_PX = 22
FINGER_S = 0.5
LOOK_S = 1.6
"""How long a person looks before the next touch."""
PRESS_S = 0.35
PATIENCE_S = 60.0


@dataclass
class Camera:
    """Takes pictures of a screen, and draws the finger where it touched last."""

    display: str
    frames: list[Image.Image] = field(default_factory=list)
    shown_ms: list[int] = field(default_factory=list)
    _finger: tuple[float, tuple[int, int]] = (0.0, (0, 0))
    _is_over: threading.Event = field(default_factory=threading.Event)

    def touched(self, at: tuple[int, int]) -> None:
        """A finger comes down here."""
        self._finger = (time.monotonic(), at)

    def run(self) -> None:
        """Take pictures until `stop`; one that is as the last makes that one stay longer."""
        while not self._is_over.wait(FRAME_S):
            picture = self._picture()
            if self.frames and ImageChops.difference(self.frames[-1], picture).getbbox() is None:
                self.shown_ms[-1] += round(1000 * FRAME_S)
            else:
                self.frames.append(picture)
                self.shown_ms.append(round(1000 * FRAME_S))

    def stop(self) -> None:
        """No more pictures."""
        self._is_over.set()

    def _picture(self) -> Image.Image:
        picture = ImageGrab.grab(xdisplay=self.display).convert("RGB")
        since, (x, y) = self._finger
        if time.monotonic() - since < FINGER_S:
            box = (x - FINGER_PX, y - FINGER_PX, x + FINGER_PX, y + FINGER_PX)
            over = Image.new("RGBA", picture.size)
            ImageDraw.Draw(over).ellipse(box, (20, 24, 30, 110), (255, 255, 255, 230), 3)
            picture.paste(over, (0, 0), over)
        width, height = picture.size
        size = (WIDTH_PX, round(height * WIDTH_PX / width))
        return picture.resize(size, Image.Resampling.LANCZOS)

    def write(self, path: Path) -> None:
        """The film as one animated picture, which begins again at its end."""
        path.parent.mkdir(parents=True, exist_ok=True)
        first, *others = self.frames
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self.shown_ms,
            loop=0,
            quality=QUALITY,
            method=6,
            minimize_size=True,
        )


@contextmanager
def filming(display: str) -> Iterator[Camera]:
    """A camera that runs meanwhile."""
    camera = Camera(display)
    thread = threading.Thread(target=camera.run, name="camera")
    thread.start()
    try:
        yield camera
    finally:
        camera.stop()
        thread.join()


@dataclass(frozen=True)
class Hand:
    """A person's finger before the demo's two windows."""

    screen: Screen
    camera: Camera
    where: Spots

    def touch(self, at: tuple[int, int], then_s: float = LOOK_S) -> None:
        """Touch a place of the screen, and look at what comes of it."""
        self.camera.touched(at)
        self.screen.touch(at)
        time.sleep(then_s)

    def press(self, view: str, what: str, then_s: float = LOOK_S) -> None:
        """Touch a button of the kiosk."""
        self.touch(self.where[view][what], then_s)

    def type(self, view: str, digits: str) -> None:
        """Touch one key after the other."""
        for digit in digits:
            self.press(view, digit, PRESS_S)


def door_spot(slot: str) -> tuple[int, int]:
    """The middle of a door in the bank's window."""
    drawing = window_site(SITE, PINS).drawing
    bank = arrange(BANK.width, BANK.height, drawing.outline, switches=3, pins=2).bank
    face = next(face.box for face in drawing.doors if face.slot == slot)
    box = Scale(drawing.outline, bank)(face)
    height = BANK.height - box.bottom - box.height / 2
    return int(BANK.left + box.left + box.width / 2), int(BANK.top + height)


def label_spot() -> tuple[int, int]:
    """Within the first label in the bank's window."""
    drawing = window_site(SITE, PINS).drawing
    labels = arrange(BANK.width, BANK.height, drawing.outline, switches=3, pins=2).labels
    return int(BANK.left + labels.left + 60), int(BANK.top + BANK.height - labels.top + 24)


def wait_drawn(display: str, at: tuple[int, int]) -> None:
    """Until the kiosk's window shows a button here, and not only its ground."""
    corner = (KIOSK.left + 3, KIOSK.top + 3)
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        picture = ImageGrab.grab(xdisplay=display).convert("RGB")
        if picture.getpixel(at) != picture.getpixel(corner):
            return
        time.sleep(FRAME_S)
    raise click.ClickException("the kiosk's window did not come")


def opened(demo: Demo, before: int) -> str:
    """The slot of the next door that opens."""
    deadline_s = time.monotonic() + PATIENCE_S
    while len(demo.opened()) <= before:
        if time.monotonic() > deadline_s:
            raise click.ClickException("no door opened: the demo shows something else")
        time.sleep(0.1)
    return demo.opened()[before]


def play(demo: Demo, hand: Hand) -> None:
    """A customer, then a courier."""
    time.sleep(LOOK_S)
    hand.press("first", "PICK_UP")
    hand.type("code", demo.code)
    slot = opened(demo, 0)
    time.sleep(2 * LOOK_S)
    hand.touch(door_spot(slot), 2 * LOOK_S)
    hand.press("thanks", "DONE")
    hand.press("first", "COURIER")
    hand.type("pin", COURIER_SECRET)
    hand.screen.type("\n")
    time.sleep(LOOK_S)
    hand.touch(label_spot(), LOOK_S)
    slot = opened(demo, 1)
    time.sleep(2 * LOOK_S)
    hand.touch(door_spot(slot), 2 * LOOK_S)
    hand.press("scan", "DONE")
    hand.press("receipt", "DONE")


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
def main(out: Path) -> None:
    """Film the main job."""
    with own_screen(*VIRTUAL_SCREEN) as screen, tempfile.TemporaryDirectory() as folder:
        os.environ.update(DISPLAY=screen.environment["DISPLAY"])
        where = spots(VIEWS, PLACE)
        demo = Demo(Path(folder) / "data", Path(folder), display=screen.environment["DISPLAY"])
        try:
            wait_drawn(screen.environment["DISPLAY"], where["first"]["PICK_UP"])
            with filming(screen.environment["DISPLAY"]) as camera:
                play(demo, Hand(screen, camera, where))
        finally:
            demo.stop()
    camera.write(out)
    size = out.stat().st_size
    click.echo(f"{sum(camera.shown_ms) / 1000:.0f} s, {len(camera.frames)} pictures, {size} bytes")
    if size > MOST_BYTES:
        raise click.ClickException(f"the film has {size} bytes; {MOST_BYTES} are the most")


if __name__ == "__main__":
    sys.exit(main())
