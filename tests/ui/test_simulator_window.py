"""The simulator's window: hands on it in a real window, and the rules behind what it shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest

from config import DEMO_PACKAGES, DEMO_SITE, load_site
from drivers.door import DriverError
from drivers.simulator.__main__ import window_site
from drivers.simulator.window_barcode import bars
from drivers.simulator.window_contents import UNNAMED, Contents
from drivers.simulator.window_environment import WindowPlace
from drivers.simulator.window_layout import (
    Areas,
    Box,
    Scale,
    arrange,
    label_boxes,
    phone_boxes,
)
from drivers.simulator.window_phones import parse_message, read_messages
from drivers.simulator.window_site import parse_pins
from kiosk.demo.demo import side_by_side
from tests.support.carrier_badges import badge_at
from tests.support.screen import Screen, own_screen
from tests.support.simulator_measure import cut_in
from tests.support.simulator_process import SimulatorProcess

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT = 900, 920
PINS = "courier 11 4711, technician 99 8080"
BADGE = "PKS:11:DEMOBADGEOFKIM11"
SIGNED_BADGE = badge_at(1_800_000_000_000)
SITE = window_site(load_site(DEMO_SITE), PINS)
BARCODES = [line.split(",")[0] for line in DEMO_PACKAGES.read_text().splitlines()[1:]]
PATIENCE_S = 120.0


def message(code: str) -> str:
    return f"To: 491713920001\nAlphabet: UTF-8\n\nYour package is here. Code {code}. Help: 112\n"


# --- hands on a real window ----------------------------------------------------------------------


@dataclass
class Window:
    """The window, where things are in it, and the process behind it."""

    screen: Screen
    simulator: SimulatorProcess
    data: Path

    @property
    def areas(self) -> Areas:
        return arrange(WIDTH, HEIGHT, SITE.drawing.outline, switches=3, pins=2, badges=1)

    def touch(self, box: Box) -> None:
        x, y = box.middle
        self.screen.touch((int(x), int(HEIGHT - y)))

    def door(self, slot: str) -> Box:
        face = next(face for face in SITE.drawing.doors if face.slot == slot)
        return Scale(SITE.drawing.outline, self.areas.bank)(face.box)


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    data = tmp_path_factory.mktemp("a bank")
    place = f"{WIDTH}x{HEIGHT}+0+0"
    with own_screen(WIDTH, HEIGHT) as screen, pytest.MonkeyPatch.context() as patch:
        for name, value in screen.environment.items():
            patch.setenv(name, value)
        empty = screen.pixels()
        shown = ("--pins", PINS, "--badge", BADGE, "--switch", "power", "--switch", "network")
        others = ("--badge-of", "Courier of Swift Parcels", SIGNED_BADGE)
        arguments = ("--labels", str(DEMO_PACKAGES), "--window", place, *shown, *others)
        with SimulatorProcess(DEMO_SITE, data, *arguments) as simulator:
            screen.after(empty)
            yield Window(screen, simulator, data)


def bytes_at(port: Path, count: int, act: object) -> bytes:
    """What a reader of a serial port gets while something is done."""
    import serial

    with serial.Serial(str(port), 115200, timeout=PATIENCE_S) as reader:
        assert callable(act)
        act()
        return bytes(reader.read(count))


def ask_to_close(screen: Screen, process: int) -> None:
    """What a window manager sends for the cross in a title bar: ICCCM 4.2.8.1."""
    environment = {**screen.environment, "SEARCHED": str(process)}
    subprocess.run([sys.executable, "-c", ASK_TO_CLOSE], env=environment, check=True)


ASK_TO_CLOSE = """
import ctypes, os, subprocess
search = ["xdotool", "search", "--pid", os.environ["SEARCHED"]]
window = int(subprocess.run(search, capture_output=True, check=True).stdout.split()[-1])
x = ctypes.CDLL("libX11.so.6")
x.XOpenDisplay.restype = ctypes.c_void_p
display = ctypes.c_void_p(x.XOpenDisplay(None))
x.XInternAtom.restype = ctypes.c_ulong
atoms = [x.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")]
# XClientMessageEvent, in a union of 24 longs.
event = (ctypes.c_long * 24)()
event[0], event[4], event[5], event[6], event[7] = 33, window, atoms[0], 32, atoms[1]
x.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), event)
x.XSync(display, 0)
"""


@pytest.mark.window
def test_an_open_door_is_shut_by_touching_it(window: Window) -> None:
    shut = window.screen.pixels()
    window.simulator.tell("open 13")
    window.simulator.wait_for("opened", slot="13")
    window.screen.after(shut)
    window.touch(window.door("13"))
    window.simulator.wait_for("closed", slot="13")
    # The door swings: what stands still for a moment need not be the end of it.
    while window.screen.pixels() != shut:
        assert window.simulator.process.poll() is None


@pytest.mark.window
def test_a_lock_is_jammed_and_freed_and_a_door_forced(window: Window) -> None:
    first, second = window.areas.bar_buttons
    shut = window.screen.pixels()
    window.touch(window.door("7"))
    window.screen.after(shut)
    window.touch(first)
    window.simulator.wait_for("jammed", slot="7")
    window.touch(first)
    window.simulator.wait_for("unjammed", slot="7")
    window.touch(second)
    window.simulator.wait_for("opened", slot="7")
    window.touch(window.door("7"))
    window.simulator.wait_for("closed", slot="7")


@pytest.mark.window
def test_a_touched_label_goes_through_the_scanner_as_often_as_it_is_touched(
    window: Window,
) -> None:
    label = label_boxes(window.areas.labels, len(BARCODES))[1]
    expected = BARCODES[1].encode() + b"\r"
    for _ in range(2):
        scanned = bytes_at(
            window.data / "ports" / "scanner", len(expected), lambda: window.touch(label)
        )
        assert scanned == expected


@pytest.mark.window
def test_a_message_comes_to_a_phone_and_its_qr_goes_through_the_scanner(window: Window) -> None:
    before = window.screen.pixels()
    (window.data / "phones").mkdir()
    (window.data / "phones" / "one-0").write_text(message("123 456 789"))
    window.screen.after(before)
    phone = phone_boxes(window.areas.phones, 1)[0]
    expected = b"PK1:demo:123456789\r"
    scanned = bytes_at(
        window.data / "ports" / "scanner", len(expected), lambda: window.touch(phone)
    )
    assert scanned == expected


@pytest.mark.window
def test_the_cable_is_pulled_and_plugged_in(window: Window) -> None:
    port = window.data / "ports" / "lock-bus"
    assert port.exists()
    window.touch(window.areas.switch_button(0))
    window.simulator.wait_for("unplugged")
    assert not port.is_symlink()
    assert (window.data / "ports" / "scanner").exists()
    window.touch(window.areas.switch_button(0))
    window.simulator.wait_for("plugged")
    assert port.exists()


@pytest.mark.window
def test_power_and_network_are_switched_off_and_on(window: Window) -> None:
    for number, name in ((1, "power"), (2, "network")):
        for is_on in (False, True):
            before = window.screen.pixels()
            window.touch(window.areas.switch_button(number))
            window.simulator.wait_for("switch", name=name, on=is_on)
            window.screen.after(before)


@pytest.mark.window
def test_the_note_with_the_pins_is_also_a_badge(window: Window) -> None:
    assert window.areas.pins is not None
    port = window.data / "ports" / "scanner"
    read = bytes_at(port, len(BADGE), lambda: window.touch(window.areas.pins))
    assert read.decode() == BADGE


@pytest.mark.window
def test_a_badge_of_another_carrier_is_a_card_to_scan(window: Window) -> None:
    [card] = window.areas.badges
    port = window.data / "ports" / "scanner"
    read = bytes_at(port, len(SIGNED_BADGE), lambda: window.touch(card))
    assert read.decode() == SIGNED_BADGE


@pytest.mark.window
def test_closing_the_window_ends_the_process_and_leaves_no_port(window: Window) -> None:
    ask_to_close(window.screen, window.simulator.process.pid)
    assert window.simulator.process.wait(PATIENCE_S) == 0
    assert list((window.data / "ports").iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("--window", "wide"), ("--window", "900x920+0+0", "--pins", "eleven")]
)
def test_what_is_no_window_is_said(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "drivers.simulator", "--config", str(DEMO_SITE)),
            *("--data", str(tmp_path), *arguments),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "DISPLAY": ":none"},
    )
    assert done.returncode == 2
    assert "it looks like" in done.stderr


# --- where everything is -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(900, 920), (620, 760), (949, 688), (1200, 1000), (702, 520)])
@pytest.mark.parametrize("pins", [0, 2, 3])
@pytest.mark.parametrize("switches", [1, 2, 3, 5])
@pytest.mark.parametrize("badges", [0, 1])
def test_the_parts_are_inside_the_window_and_apart(
    size: tuple[int, int], pins: int, switches: int, badges: int
) -> None:
    areas = arrange(*size, SITE.drawing.outline, switches=switches, pins=pins, badges=badges)
    parts = [areas.header, areas.bank, areas.bar, areas.labels, areas.labels_heading, areas.phones]
    parts += [areas.phones_heading, *areas.switches, *([areas.pins] if areas.pins else [])]
    parts += areas.badges
    for part in parts:
        assert part.left >= 0 and part.bottom >= 0
        assert part.right <= size[0] and part.top <= size[1]
    for one, other in combinations(parts, 2):
        assert not one.overlaps(other)


@pytest.mark.window
def test_nothing_is_cut_beside_the_demos_kiosk_on_usual_screens() -> None:
    panel = load_site(DEMO_SITE).screen
    places = [
        side_by_side(screen, (panel.width_px, panel.height_px))[1]
        for screen in [(1920, 1080), (1480, 1000), (1366, 768)]
    ]
    sizes = [(place.width, place.height) for place in places]
    with own_screen(1920, 1080) as screen:
        assert cut_in(sizes, screen.environment) == []


def test_doors_keep_their_proportions_and_do_not_touch() -> None:
    scale = Scale(SITE.drawing.outline, arrange(620, 760, SITE.drawing.outline).bank)
    boxes = [scale(face.box) for face in SITE.drawing.doors]
    for face, box in zip(SITE.drawing.doors, boxes, strict=True):
        assert box.width == pytest.approx(face.box.width * scale.px_per_mm, abs=1)
        assert box.height == pytest.approx(face.box.height * scale.px_per_mm, abs=1)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_a_window_place_is_read() -> None:
    assert WindowPlace.parse("900x920+560+40") == WindowPlace(900, 920, 560, 40)
    assert WindowPlace.parse("900x920") == WindowPlace(900, 920, 0, 0)


def test_pins_are_read_and_what_is_none_is_named() -> None:
    assert parse_pins(PINS) == (("courier", "11 4711"), ("technician", "99 8080"))
    with pytest.raises(DriverError, match="'courier'"):
        parse_pins("courier, technician 99 8080")


# --- what is shown -------------------------------------------------------------------------------


def test_messages_are_read_the_newest_first_and_drafts_are_not(tmp_path: Path) -> None:
    for number, name in enumerate(["old-0", "new-0", "draft.part"]):
        path = tmp_path / name
        path.write_text(message(f"00{number} 000 000"))
        os.utime(path, (number, number))
    assert [each.code for each in read_messages(tmp_path)] == ["001 000 000", "000 000 000"]
    assert read_messages(tmp_path / "none") == ()


def test_a_message_without_a_code_is_still_a_message() -> None:
    found = parse_message("x", "To: 49 171\n\nHello")
    assert (found.number, found.text, found.code) == ("49171", "Hello", "")


def modules(widths: str) -> str:
    return "".join("10"[place % 2] * int(width) for place, width in enumerate(widths))


def test_bars_are_those_of_code_128() -> None:
    # Start B, A, check 34 (104 + 33 = 137, 137 - 103), stop: widths from ISO/IEC 15417.
    symbols = ["211214", "111323", "131123", "2331112"]
    assert bars("A") == "".join(map(modules, symbols))
    # Digits go two by two: start C, 12, 34, check 82 (105 + 12 + 2 * 34 = 185, 185 - 103), stop.
    symbols = ["211232", "112232", "131123", "121241", "2331112"]
    assert bars("1234") == "".join(map(modules, symbols))
    with pytest.raises(ValueError, match="printable"):
        bars("ä")


def opened_and_shut(contents: Contents, slot: str) -> None:
    for event in ("opened", "closed"):
        contents.heard({"event": event, "slot": slot})


def test_a_scanned_package_goes_into_the_next_door_and_is_taken_out_at_the_next_opening(
    tmp_path: Path,
) -> None:
    contents = Contents(tmp_path / "inside.json", ["AB12"], lambda: False)
    contents.heard({"event": "scanned", "text": "AB12"})
    opened_and_shut(contents, "3")
    assert contents.inside() == {"3": "AB12"}
    assert Contents(tmp_path / "inside.json", [], lambda: False).inside() == {"3": "AB12"}
    opened_and_shut(contents, "3")
    assert contents.inside() == {}


def test_a_person_can_leave_a_package_inside_or_take_it_along(tmp_path: Path) -> None:
    contents = Contents(tmp_path / "inside.json", ["AB12"], lambda: False)
    contents.heard({"event": "scanned", "text": "AB12"})
    contents.heard({"event": "opened", "slot": "3"})
    contents.change_mind("3")
    contents.heard({"event": "closed", "slot": "3"})
    assert contents.inside() == {}
    contents.heard({"event": "scanned", "text": "AB12"})
    opened_and_shut(contents, "4")
    contents.heard({"event": "opened", "slot": "4"})
    contents.change_mind("4")
    contents.heard({"event": "closed", "slot": "4"})
    assert contents.inside() == {"4": "AB12"}


def test_what_somebody_puts_in_unscanned_while_doors_shut_themselves_is_a_package(
    tmp_path: Path,
) -> None:
    contents = Contents(tmp_path / "inside.json", [], lambda: True)
    opened_and_shut(contents, "8")
    assert contents.inside() == {"8": UNNAMED}


def test_a_damaged_record_of_the_steel_is_an_empty_bank(tmp_path: Path) -> None:
    for text in ("{", json.dumps([1])):
        (tmp_path / "inside.json").write_text(text)
        assert Contents(tmp_path / "inside.json", [], lambda: False).inside() == {}
