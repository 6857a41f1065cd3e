"""The real window with real keys: nothing a passer-by presses gets out of the kiosk."""

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
SHORTCUTS = (
    "Escape",
    *(f"F{number}" for number in range(1, 13)),
    *("ctrl+c", "ctrl+e", "ctrl+q", "ctrl+w", "ctrl+alt+Delete"),
    *("alt+F4", "alt+Tab", "super", "super+d", "Tab", "Menu", "Print"),
    *("ctrl+alt+BackSpace", "ctrl+alt+F2", "ctrl+shift+t", "alt+Return", "shift+F10", "Home"),
)
KEYCODES = tuple(str(code) for code in range(10, 256))
"""Every key that an X server can have, but Escape (9), which is among the shortcuts."""
MODIFIERS = ("ctrl", "alt", "super", "ctrl+alt", "ctrl+shift", "alt+shift", "ctrl+alt+shift")
PROGRAM = """
import signal
from kiosk.ui.environment import prepare
from tests.gallery.panels import PANELS
panel = PANELS["540x960"]
prepare(panel, (panel.width_px, panel.height_px, 0, 0))
from tests.gallery.locker import sample_location
from tests.gallery.samples import sample_views
from kiosk.ui.theme import SiteLook
from kiosk.ui.window import KioskWindow
window = KioskWindow(
    sample_location(), panel, lambda event: print(event, flush=True),
    (panel.width_px, panel.height_px, 0, 0), lambda: print("started", flush=True),
    SiteLook(moves=False),
)
signal.signal(signal.SIGTERM, lambda *_: window.stop())
window.show(dict(sample_views())["first"])
window.run()
print("ended", flush=True)
"""

ACCESS = repr(Preference(is_access=True))


class Kiosk:
    """The window in a process of its own, and the lines it prints."""

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

    def until(self, line: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while line not in self.lines():
            assert time.monotonic() < deadline, f"{line!r} never came:\n{self.log.read_text()}"
            time.sleep(0.02)

    def hit(self, *keys: str) -> None:
        self.screen._run("xdotool", "key", "--delay", "15", *keys)

    def click(self, button: int, x: int, y: int) -> None:
        self.screen._run("xdotool", "mousemove", str(x), str(y), "click", str(button))


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    with own_screen(PANEL.width_px, PANEL.height_px) as screen:
        blank = screen.pixels()
        kiosk = Kiosk(screen, tmp_path / "log")
        try:
            kiosk.until("started")
            screen.after(blank)
            # With no window manager the keys go to the window under the pointer.
            screen._run("xdotool", "mousemove", "20", "20")
            yield kiosk
        finally:
            kiosk.process.kill()
            kiosk.process.wait()


def test_no_shortcut_and_no_other_button_does_anything_and_term_ends_it(kiosk: Kiosk) -> None:
    before = kiosk.screen.pixels()
    kiosk.hit(*SHORTCUTS)
    middle = (PANEL.width_px // 2, PANEL.height_px * 3 // 4)
    for button in (2, 3, 4, 5):
        kiosk.click(button, *middle)
    assert kiosk.process.poll() is None
    assert kiosk.lines() == ["started"]
    kiosk.hit("4")
    kiosk.until("Entered(text='4')")
    assert kiosk.lines() == ["started", "Entered(text='4')"]
    assert kiosk.screen.pixels() == before
    kiosk.process.terminate()
    kiosk.until("ended")
    assert kiosk.process.wait(PATIENCE_S) == 0


def test_no_key_with_any_modifier_does_anything(kiosk: Kiosk) -> None:
    before = kiosk.screen.pixels()
    for modifier in MODIFIERS:
        kiosk.screen._run(
            *("xdotool", "key", "--delay", "2", *(f"{modifier}+{code}" for code in KEYCODES))
        )
        assert kiosk.process.poll() is None, modifier
        assert kiosk.lines() == ["started"], modifier
        assert kiosk.screen.pixels() == before, modifier
    kiosk.hit("4")
    kiosk.until("Entered(text='4')")


def test_the_zero_of_the_pad_counts_though_kivy_takes_it_for_alt(kiosk: Kiosk) -> None:
    kiosk.hit("KP_0")
    kiosk.until(ACCESS)
    kiosk.hit("alt+KP_0", "4")
    kiosk.until("Entered(text='4')")
    assert kiosk.lines() == [
        "started",
        ACCESS,
        "Entered(text='4')",
    ]


def test_without_a_screen_it_ends_with_an_error_instead_of_drawing_nowhere(tmp_path: Path) -> None:
    nowhere = Screen(":999", 1, tmp_path / "none")
    kiosk = Kiosk(nowhere, tmp_path / "log")
    try:
        assert kiosk.process.wait(PATIENCE_S) != 0
    finally:
        kiosk.process.kill()
        kiosk.process.wait()
    assert "started" not in kiosk.lines()
