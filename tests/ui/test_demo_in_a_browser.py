"""The demo on a virtual screen, seen through the browser as a person without a display does."""

from __future__ import annotations

import base64
import io
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import websocket
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from config import DEMO_SITE, load_site
from drivers.simulator.__main__ import window_site
from drivers.simulator.window_layout import Scale, arrange
from kiosk.demo.demo import PINS, VIRTUAL_SCREEN, WindowPlace, side_by_side
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import EnterCode, First
from tests.support.chromium import running_chromium
from tests.support.panel_spots import Spots, spots
from tests.support.running_demo import Demo
from tests.support.screen import PATIENCE_S, Screen, own_screen

SITE = load_site(DEMO_SITE)
KIOSK, BANK = side_by_side(VIRTUAL_SCREEN, (SITE.screen.width_px, SITE.screen.height_px))
VIEWS = {
    "first": First(choices=(Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP)),
    "code": EnterCode(choices=(Choice.BACK, Choice.HELP)),
}

pytestmark = pytest.mark.window


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    scratch = tmp_path_factory.mktemp("demo")
    running = Demo(scratch / "data", scratch)
    yield running
    running.stop()


@pytest.fixture
def chromium() -> Iterator[WebDriver]:
    with running_chromium() as window:
        yield window


@pytest.fixture(scope="module")
def on_panel() -> Spots:
    """Where things stand in the demo's kiosk, in pixels of the virtual screen."""
    place = (KIOSK.width, KIOSK.height, KIOSK.left, KIOSK.top)
    with own_screen(*VIRTUAL_SCREEN) as screen, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", screen.environment["DISPLAY"])
        return spots(VIEWS, place)


PICTURE = """
const [left, top, width, height] = arguments;
const seen = document.querySelector("#noVNC_container canvas");
if (seen === null || seen.width < left + width || seen.height < top + height) return "";
const cut = document.createElement("canvas");
[cut.width, cut.height] = [width, height];
cut.getContext("2d").drawImage(seen, left, top, width, height, 0, 0, width, height);
return cut.toDataURL().split(",")[1];
"""


class Viewer(Screen):
    """The virtual screen as it stands in a browser's page, and the mouse on it."""

    look_again_s = 0.3  # the browser makes a PNG of it each time

    def __init__(self, browser: WebDriver, watched: WindowPlace) -> None:
        self._browser = browser
        self._canvas = WebDriverWait(browser, PATIENCE_S).until(
            lambda page: page.find_element(By.CSS_SELECTOR, "#noVNC_container canvas")
        )
        self._watched = (watched.left, watched.top, watched.width, watched.height)

    def touch(self, at: tuple[int, int]) -> None:
        """Click there, wherever the page has scaled it to."""
        shown = self._canvas.size
        moved = (
            (place / whole - 0.5) * shown[side]
            for place, whole, side in zip(at, VIRTUAL_SCREEN, ("width", "height"), strict=True)
        )
        hand = ActionChains(self._browser)
        hand.move_to_element_with_offset(self._canvas, *(round(each) for each in moved))
        hand.click().perform()

    def pixels(self) -> bytes:
        return self.picture_of(*self._watched)

    def picture_of(self, *box: int) -> bytes:
        """A part of the virtual screen: left, top, width, height."""
        png = base64.b64decode(self._browser.execute_script(PICTURE, *box))
        return Image.open(io.BytesIO(png)).convert("RGBA").tobytes() if png else b""


def wait_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{found} never came")


def door_box(slot: str) -> tuple[int, int, int, int]:
    """A door of the simulator's window, on the virtual screen."""
    drawing = window_site(SITE, PINS).drawing
    bank = arrange(BANK.width, BANK.height, drawing.outline, switches=3, pins=2).bank
    face = next(face.box for face in drawing.doors if face.slot == slot)
    box = Scale(drawing.outline, bank)(face)
    top = BANK.top + BANK.height - box.top
    return int(BANK.left + box.left), int(top), int(box.width), int(box.height)


class Wire:
    """What a viewer of screens reads and writes, through the web socket."""

    def __init__(self, address: str) -> None:
        place = urlsplit(address).netloc
        self._socket = websocket.create_connection(
            f"ws://{place}/websockify", timeout=30, subprotocols=["binary"]
        )
        self._read = b""

    def read(self, count: int) -> bytes:
        while len(self._read) < count:
            piece = self._socket.recv()
            assert piece, f"the screen hung up after {self._read!r}"
            self._read += piece if isinstance(piece, bytes) else piece.encode()
        answer, self._read = self._read[:count], self._read[count:]
        return answer

    def write(self, data: bytes) -> None:
        self._socket.send_binary(data)

    def close(self) -> None:
        self._socket.close()


def test_the_screen_lets_a_viewer_in_through_the_web_socket(demo: Demo) -> None:
    wire = Wire(demo.address)
    version = wire.read(12)
    assert version == b"RFB 003.008\n"
    wire.write(version)
    offered = wire.read(wire.read(1)[0])
    none = 1  # no password: only this machine reaches the socket
    assert none in offered
    wire.write(bytes([none]))
    assert struct.unpack(">I", wire.read(4)) == (0,), "the screen refused"
    wire.write(b"\x01")  # others may look, too
    width, height, *_ = struct.unpack(">HH16sI", wire.read(24))
    assert (width, height) == (1480, 1000)
    wire.close()


def listening(pids: list[int]) -> set[str]:
    """The local addresses, as the kernel writes them, at which these processes listen on TCP."""
    inodes = set()
    for pid in pids:
        for end in Path(f"/proc/{pid}/fd").iterdir():
            if end.is_symlink() and str(end.readlink()).startswith("socket:["):
                inodes.add(str(end.readlink())[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == "0A" and parts[9] in inodes:
                found.add(parts[1].rpartition(":")[0])
    return found


def test_nothing_of_the_demo_listens_beyond_this_machine(demo: Demo) -> None:
    loopback = {"0100007F"}
    assert listening(demo.children()) <= loopback


def test_the_printed_code_typed_with_the_mouse_in_a_browser_opens_a_door(
    demo: Demo, on_panel: Spots, chromium: WebDriver
) -> None:
    chromium.get(demo.address)
    viewer = Viewer(chromium, KIOSK)
    first = viewer.after(b"")
    shut = {slot.label: viewer.picture_of(*door_box(slot.label)) for slot in SITE.slots}

    def press(view: str, what: str, before: bytes) -> bytes:
        def touch() -> None:
            viewer.touch(on_panel[view][what])

        touch()
        return viewer.after(before, touch)

    seen = press("first", "PICK_UP", first)
    digits, last = demo.code[:-1], demo.code[-1]
    for digit in digits:
        seen = press("code", digit, seen)
    viewer.touch(on_panel["code"][last])  # what comes of it moves: an open door's plate pulses
    [slot] = wait_for(demo.opened)
    wait_for(lambda: viewer.picture_of(*door_box(slot)) != shut[slot])
