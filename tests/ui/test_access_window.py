"""A numeric keypad alone, in the real kiosk: a courier's run and a pickup by somebody who does not
see the screen. What is spoken is caught by a program that takes the voice's place."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from config import DEMO_PACKAGES, DEMO_SITE, load_site
from kiosk.app import make_kiosk
from kiosk.console.announcements import announce, read_announcements
from kiosk.ui.theme import SAME_KEY_ACCESS_S
from tests.support.screen import Screen, own_screen
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.window

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
APART_S, AGAIN_S, AFTER_A_SCREEN_S = 0.15, SAME_KEY_ACCESS_S + 0.2, SAME_KEY_ACCESS_S
BARCODE, PHONE = "00340434123456789012", "491713920001"
KEYS = {"\n": "KP_Enter", "+": "KP_Add", "-": "KP_Subtract", "*": "KP_Multiply", "C": "KP_Decimal"}
KEYS |= {"/": "KP_Divide", "U": "XF86AudioRaiseVolume"}


@dataclass
class Blind:
    """Somebody with a hand on the keypad and an ear at the loudspeaker."""

    screen: Screen
    bank: SimulatorProcess
    data: Path
    systemd: socket.socket
    heard_to: int = 0

    @property
    def spoken(self) -> str:
        path = self.data / "spoken"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def hear(self, sentence: str) -> str:
        """Wait until something like this is said, after what was heard before; all of it."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := re.search(sentence, self.spoken[self.heard_to :], re.IGNORECASE)):
            assert time.monotonic() < deadline, f"{sentence!r} was not said:\n{self.spoken}"
            time.sleep(0.05)
        self.heard_to += found.end()
        return found[0]

    def keys(self, names: str) -> None:
        # At a person's speed: a quick burst is a scanner's, the same key at once a hand's that
        # trembles, and nobody has heard a new screen so soon.
        command = ["xdotool", "sleep", str(AFTER_A_SCREEN_S)]
        for before, name in pairwise(f" {names}"):
            command += ["sleep", str(AGAIN_S if before == name else APART_S)]
            command += ["key", KEYS.get(name, f"KP_{name}")]
        self.screen._run(*command)

    def close(self, slot: str) -> None:
        time.sleep(2.2)  # a door shut sooner is asked about
        self.bank.tell(f"close {slot}")

    def code(self) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for path in (self.data / "phones").glob("*"):
                text = path.read_text(encoding="utf-8")
                found = re.search(r"Code ([\d ]+)\.", text)
                if PHONE in text and found is not None:
                    return found[1].replace(" ", "")
            time.sleep(0.1)
        raise AssertionError(f"no message came; this was said:\n{self.spoken}")


@pytest.fixture
def blind(tmp_path: Path) -> Iterator[Blind]:
    site = tmp_path / "site.toml"
    heard = "echo loud {volume}; cat"
    voice = f'["sh", "-c", "({heard}) >>{tmp_path / "spoken"}"]'
    sound = f"\n[sound]\nspeech = {voice}\nplayer = []\n"
    site.write_text(DEMO_SITE.read_text(encoding="utf-8") + sound, encoding="utf-8")
    make_kiosk(load_site(site), tmp_path)
    announced = read_announcements(DEMO_PACKAGES, load_site(site)).expected.values()
    announce(load_site(site), tmp_path, announced)
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(str(tmp_path / "notify"))
    systemd.settimeout(PATIENCE_S)
    service = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "800000"}
    with own_screen(540, 960) as screen, SimulatorProcess(site, tmp_path) as bank:
        command = [sys.executable, "-m", "kiosk", "run", "--config", str(site)]
        blank = screen.pixels()
        kiosk = subprocess.Popen(
            [*command, "--data", str(tmp_path), "--geometry", "540x960+0+0"],
            env={**screen.environment, **service},
            cwd=ROOT,
            stderr=(tmp_path / "kiosk.log").open("ab"),
        )
        try:
            screen.after(blank)
            # With no window manager the keys go to the window under the pointer.
            screen._run("xdotool", "mousemove", "20", "20")
            yield Blind(screen, bank, tmp_path, systemd)
        finally:
            kiosk.kill()
            kiosk.wait()
            systemd.close()


def test_a_courier_and_a_customer_with_nothing_but_a_keypad(blind: Blind) -> None:
    assert blind.spoken == ""
    blind.keys("5")  # any key begins the access mode, and does nothing else
    blind.hear(r"Here for a package\?")
    blind.hear(r"Press Enter for Pick up")
    blind.hear("Press Slash to set the volume")
    blind.keys("/")
    blind.hear(r"loud 100\nVolume: 50%")
    blind.keys("++")
    blind.hear(r"loud 200\nVolume: 100%")
    blind.keys("\n")  # ends it, and does nothing else
    blind.hear(r"Here for a package\?")
    blind.keys("++")
    blind.hear("Courier")
    blind.keys("\n")
    blind.hear("Courier sign-in")
    blind.keys("114712C1")
    blind.hear("5 digits entered")
    blind.hear("6 digits entered")
    blind.keys("\n")
    blind.hear("Scan a package")
    blind.bank.tell(f"scan {BARCODE}")
    slot = str(blind.bank.wait_for("opened")["slot"])
    blind.hear(f"door {slot}\\b.*\n(.*\n)*?.*close")
    blind.close(slot)
    blind.hear("Scan the next package")
    blind.keys("\n")
    blind.hear("handed over")
    blind.keys("\n")

    code = blind.code()
    time.sleep(1.0)
    before = blind.heard_to = len(blind.spoken)
    blind.keys("8")
    # The next person is spoken to as loud as the owner wants it.
    blind.hear(r"loud 100\nHere for a package\?")
    blind.keys("U")
    blind.hear(r"loud 140\nVolume: 70%")
    blind.keys(code[:1])
    blind.hear("Enter your code")
    blind.keys(f"{code[1:4]}C{code[3:]}")
    # A door that not everybody reaches is announced before it opens.
    blind.hear(rf"Door {slot} is high up")
    blind.hear("Press Enter for Open door")
    blind.keys("\n")
    assert blind.bank.wait_for("opened")["slot"] == slot
    said = blind.hear(rf"Door {slot} is open.*?\n.*?\n")
    assert re.search("(left|right|above|below)", said)
    blind.close(slot)
    blind.hear("Thank you!")
    blind.keys("\n")
    spoken = blind.spoken[before:]
    assert code not in spoken.replace(" ", "")
    assert "PIN" in blind.spoken
    assert blind.systemd.recv(100) == b"READY=1"
    assert blind.systemd.recv(100) == b"WATCHDOG=1"
    assert "4711" not in blind.spoken
