"""A scanner that types as a keyboard does, on the real window with real keys."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from screen import Screen, own_screen

from kiosk.ui.gallery import PANELS

pytestmark = pytest.mark.window

ROOT = Path(__file__).parents[2]
PANEL = PANELS["540x960"]
PATIENCE_S = 20.0
PROGRAM = """
from kiosk.ui.environment import prepare
from kiosk.ui.gallery import PANELS
panel = PANELS["540x960"]
place = (panel.width_px, panel.height_px, 0, 0)
prepare(panel, place)
from kiosk.flows.views import EnterPin, First
from kiosk.ui.samples import sample_location
from kiosk.ui.window import KioskWindow

def happened(event):
    print(event, flush=True)
    if type(event).__name__ == "Scanned":
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

    def until(self, *lines: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.log.read_text().splitlines() != list(lines):
            assert time.monotonic() < deadline, f"{lines} never came:\n{self.log.read_text()}"
            time.sleep(0.02)

    def keys(self, delay_ms: int, *keys: str) -> None:
        self.screen._run("xdotool", "key", "--delay", str(delay_ms), *keys)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with own_screen(PANEL.width_px, PANEL.height_px) as screen:
        blank = screen.pixels()
        machine = Machine(screen, tmp_path / "log")
        try:
            machine.until("started")
            screen.after(blank)
            # With no window manager the keys go to the window under the pointer.
            screen._run("xdotool", "mousemove", "20", "20")
            yield machine
        finally:
            machine.process.kill()
            machine.process.wait()


def test_a_code_is_scanned_and_a_pin_is_typed(machine: Machine) -> None:
    scanned = [
        "started",
        "Scanned(text='1Z5R89390357567127')",
    ]
    machine.keys(2, *"1Z5R89390357567127", "Return")
    machine.until(*scanned)
    machine.keys(2, *"1Z5R89390357567127", "Return")
    machine.keys(120, *"114711", "Return")
    machine.until(*scanned, "Entered(text='114711')")
