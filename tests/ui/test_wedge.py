"""A scanner that types as a keyboard does, on the real window with real keys."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.flows.events import Preference
from tests.gallery.panels import PANELS
from tests.support.screen import Screen, own_screen

pytestmark = pytest.mark.window

ROOT = Path(__file__).parents[2]
PANEL = PANELS["540x960"]
PATIENCE_S = 120.0
ATTEMPTS = 5
CODE = "1Z5R89390357567127"
SCANNED = f"Scanned(text={CODE!r}, seems_misread=False)"
PROGRAM = """
from kiosk.ui.environment import prepare
from tests.gallery.panels import PANELS
panel = PANELS["540x960"]
place = (panel.width_px, panel.height_px, 0, 0)
prepare(panel, place)
from kiosk.flows.events import Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.flows.views.service import PartsTest
from kiosk.flows.views.shared import EnterPin
from tests.gallery.locker import sample_location
from kiosk.ui.window import KioskWindow

def happened(event):
    print(event, flush=True)
    if type(event).__name__ == "Scanned" and isinstance(window.view, PartsTest):
        print(*event.findings, flush=True)
        window.show(PartsTest(scans=(event,), choices=(Choice.BACK,)))
    elif event == Scanned("TRY PARTS"):
        window.show(PartsTest(choices=(Choice.BACK,)))
    elif type(event).__name__ in ("Scanned", "Entered"):
        window.show(EnterPin())

window = KioskWindow(
    sample_location(), panel, happened, place, lambda: print("started", flush=True)
)
window.show(First())
window.run()
"""


class Machine:
    """The window in a process of its own, a keyboard, and the lines it prints."""

    def __init__(self, screen: Screen, log: Path) -> None:
        self.screen = screen
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                cwd=ROOT,
                env=screen.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def until(self, line: str, patience_s: float = PATIENCE_S) -> bool:
        deadline = time.monotonic() + patience_s
        while line not in self.lines() and time.monotonic() < deadline:
            time.sleep(0.02)
        return line in self.lines()

    def keys(self, delay_ms: int, *keys: str) -> None:
        self.screen._run("xdotool", "key", "--delay", str(delay_ms), *keys)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with own_screen(PANEL.width_px, PANEL.height_px) as screen:
        blank = screen.pixels()
        machine = Machine(screen, tmp_path / "log")
        try:
            assert machine.until("started"), machine.lines()
            screen.after(blank)
            # With no window manager the keys go to the window under the pointer.
            screen._run("xdotool", "mousemove", "20", "20")
            yield machine
        finally:
            machine.process.kill()
            machine.process.wait()


def test_a_code_is_scanned_and_a_pin_is_typed(machine: Machine) -> None:
    # A scanner keeps its pace whatever the machine does; xdotool on a busy one may not.
    for _ in range(ATTEMPTS):
        machine.keys(2, *CODE, "Return")
        if machine.until(SCANNED, patience_s=2.0):
            break
    assert SCANNED in machine.lines(), machine.lines()
    for _ in range(ATTEMPTS):
        machine.keys(150, *"114711", "Return")
        if machine.until("Entered(text='114711')", patience_s=2.0):
            break
    assert "Entered(text='114711')" in machine.lines(), machine.lines()
    assert not any("Preference" in line for line in machine.lines())
    assert machine.lines().count(SCANNED) == 1
    assert not any("Scanned(text='114711" in line for line in machine.lines())


def test_a_held_key_counts_once_and_a_trembling_hand_once_in_the_access_mode(
    machine: Machine,
) -> None:
    """Neither harms a person's own doubles, nor a scanner's, that come a few milliseconds apart."""
    # A hand keeps its pace whatever the machine does; xdotool on a busy one may not.
    for _ in range(ATTEMPTS):
        machine.keys(2, *CODE, "Return")
        if machine.until(SCANNED, patience_s=2.0):
            break
    for _ in range(ATTEMPTS):
        machine.screen._run("xdotool", "keydown", "5", "sleep", "1.5", "keyup", "5")
        machine.keys(150, *"1147", "Return")
        if machine.until("Entered(text='51147')", patience_s=3.0):
            break
    assert "Entered(text='51147')" in machine.lines(), machine.lines()
    machine.keys(150, "KP_Add")
    assert machine.until(repr(Preference(is_access=True))), machine.lines()
    for _ in range(ATTEMPTS):
        machine.screen._run("xdotool", "keydown", "KP_4", "sleep", "1.5", "keyup", "KP_4")
        for key, pause_s in (("KP_4", "0.1"), ("KP_7", "0.6"), ("KP_7", "0.6"), ("KP_9", "0.1")):
            machine.screen._run("xdotool", "key", key, "sleep", pause_s)
        machine.keys(100, "KP_9")
        last = ("key", "KP_1", "sleep", "0.4", "key", "KP_Enter")
        machine.screen._run("xdotool", "sleep", "0.6", *last)
        if machine.until("Entered(text='47791')", patience_s=3.0):
            break
    assert "Entered(text='47791')" in machine.lines(), "\n".join(machine.lines())
    line = "Scanned(text='340434161094042557', seems_misread=False)"
    for _ in range(ATTEMPTS):
        machine.keys(2, *PAD, "KP_Enter")
        if machine.until(line, patience_s=3.0):
            break
    assert line in machine.lines(), machine.lines()


PAD = [f"KP_{digit}" for digit in "340434161094042557"]


@pytest.mark.parametrize("delay_ms", [2, 40])
def test_a_number_pads_burst_is_a_scan_and_begins_nothing(machine: Machine, delay_ms: int) -> None:
    line = "Scanned(text='340434161094042557', seems_misread=False)"
    for _ in range(ATTEMPTS):
        machine.keys(delay_ms, *PAD, "KP_Enter")
        if machine.until(line, patience_s=3.0):
            break
    assert line in machine.lines(), machine.lines()
    events = [each for each in machine.lines() if each.startswith(("Preference", "Entered"))]
    assert events == []


def test_a_slow_code_with_a_separator_is_a_scan(machine: Machine) -> None:
    line = r"Scanned(text='0112345678\x1d10AB', seems_misread=False)"
    for _ in range(ATTEMPTS):
        machine.keys(40, *"0112345678", "ctrl+bracketright", *"10AB", "Return")
        if machine.until(line, patience_s=3.0):
            break
    assert line in machine.lines(), machine.lines()
    assert not any("Entered" in each for each in machine.lines())


MARKER_KEYS = {"-": "minus"}


@pytest.mark.parametrize("cut_at", [1, 3, 8, 20])
@pytest.mark.parametrize("pause_s", [0.05, 0.2, 0.9])
def test_a_cut_code_is_whole_or_refused(machine: Machine, cut_at: int, pause_s: float) -> None:
    code = "9400111202555842332669"
    machine.keys(2, *code[:cut_at])
    time.sleep(pause_s)
    machine.keys(2, *code[cut_at:], "Return")
    marker = "Scanned(text='MARKER-0123456789', seems_misread=False)"
    for _ in range(ATTEMPTS):
        machine.keys(2, *(MARKER_KEYS.get(key, key) for key in "MARKER-0123456789"), "Return")
        if machine.until(marker, patience_s=4.0):
            break
    lines = machine.lines()
    whole = f"Scanned(text={code!r}, seems_misread=False)"
    refused = "Scanned(text='', seems_misread=False)"
    assert marker in lines, lines
    before = lines[: lines.index(marker)]
    assert {each for each in before if "Scanned" in each} <= {whole, refused}
    assert whole in before or refused in before
    # A lone first key opens the keypad, as a person's does; nothing else is entered.
    assert {each for each in before if "Entered" in each} <= {"Entered(text='9')"}


NAMES = {"-": "minus", "/": "slash", "\x1d": "ctrl+bracketright"}


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("PKTEST-YZ-AQWM\x1d0123456789", "RIGHT"),
        ("PKTEST/ZY/AQWM0123456789", "LAYOUT NO_SEPARATOR"),
    ],
)
def test_the_technicians_test_code_tells_what_is_set_wrong(
    machine: Machine, tmp_path: Path, sent: str, found: str
) -> None:
    machine.keys(2, *"TRY", "space", *"PARTS", "Return")
    assert machine.until("Scanned(text='TRY PARTS', seems_misread=False)")
    before = machine.screen.pixels()
    for _ in range(ATTEMPTS):
        machine.keys(2, *(NAMES.get(key, key) for key in sent), "Return")
        if machine.until(found, patience_s=3.0):
            break
    assert found in machine.lines(), machine.lines()
    machine.screen.after(before)
    machine.screen.picture(tmp_path / "parts.png")
