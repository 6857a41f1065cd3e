"""The real process, killed without warning while busy: real threads, real disk, real ports."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config import DEMO_PACKAGES, DEMO_SITE, load_site
from kiosk.app import make_kiosk
from kiosk.demo.player import seed_demo
from kiosk.model.events import EventKind
from kiosk.store import journal
from kiosk.store.store import Store
from tests.support.flow_site import LoopClock, require_sound
from tests.support.screen import Screen, own_screen
from tests.support.simulator_process import SimulatorProcess
from tests.support.wire import unlock_frames

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "support" / "busy_kiosk.py"
IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
KILLS = 10_000 if IS_NIGHTLY else 20
WINDOW_KILLS = 1_000 if IS_NIGHTLY else 4
TRIES = 5
"""So many times as often, at most, where a slow machine stores nothing."""
BUSY_S = (0.0, 1.2)
"""How long a process may be busy before it is killed, counted from when it serves people."""

STATUS_AFTER = {
    "stored": {"STORED", "RETRIEVED", "MISSING"},
    "retrieved": {"RETRIEVED"},
}
"""What a package may be after the person knew; MISSING: staff looked into a slot in doubt."""


class Busy:
    """One life of the busy kiosk."""

    def __init__(self, data: Path, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(data), name],
            stdout=subprocess.PIPE,
            stderr=(data / "kiosk.log").open("ab"),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def kill_after(self, busy_s: float) -> list[tuple[str, str]]:
        """Let it begin, let it work a while, kill it; what it had shown by then."""
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert json.loads(first)["shown"] == "began", first
        time.sleep(busy_s)
        self.process.send_signal(signal.SIGKILL)
        said = self.process.stdout.read()
        self.process.wait()
        self.process.stdout.close()
        lines = [json.loads(line) for line in said.splitlines() if line.endswith(b"}")]
        return [(line["shown"], line["barcode"]) for line in lines]


def require_shown(data: Path, shown: dict[str, str]) -> int:
    """Open what is left as a start would; whatever anybody was shown is there. How many intents."""
    store = Store(data / "kiosk.db", LoopClock(), random.Random(1), threaded=False)
    try:
        require_sound(store)
        lost = store.submit(journal.after, 0, 9, [EventKind.DATABASE_RESTORED]).result()
        assert lost == [], "nothing was lost, but the start thought so"
        rows = store.submit(
            lambda writer: writer.all("SELECT barcode, status FROM package")
        ).result()
        status = {row["barcode"]: row["status"] for row in rows}
        for barcode, what in shown.items():
            assert status.get(barcode) in STATUS_AFTER[what], (barcode, what, status.get(barcode))
        [row] = store.submit(lambda writer: writer.all("SELECT count(*) AS n FROM intent")).result()
        return int(row["n"])
    finally:
        store.close()


def lead_short_lives(data: Path, lives: int, seed: int) -> dict[str, str]:
    """Start and kill the kiosk so many times at one bank; everything that anybody was shown. On a
    slow machine more often, until something was stored."""
    make_kiosk(load_site(DEMO_SITE), data)
    rng = random.Random(seed)
    shown: dict[str, str] = {}
    wire = data / "wire.log"
    with SimulatorProcess(DEMO_SITE, data, "--wire-log", str(wire)) as bank:
        bank.tell("close-after 0.25")
        for life in range(TRIES * lives):
            if life >= lives and "stored" in shown.values():
                break
            said = Busy(data, f"{seed}-{life}").kill_after(rng.uniform(*BUSY_S))
            shown.update({barcode: what for what, barcode in said})
            intents = require_shown(data, shown)
            assert len(unlock_frames(wire)) <= intents, (
                "a door was pulsed without an intent, or twice"
            )
    return shown


@pytest.mark.timeout(0)
def test_killed_again_and_again_nothing_that_was_shown_is_lost(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as benches:
        runs = [
            benches.submit(lead_short_lives, tmp_path / str(seed), KILLS // 2, seed)
            for seed in (1, 2)
        ]
        shown = {barcode: what for run in runs for barcode, what in run.result().items()}
    assert "stored" in shown.values(), "the kiosk was never busy"


@pytest.mark.timeout(0)
def test_killed_with_its_window_nothing_is_lost(tmp_path: Path) -> None:
    rng = random.Random(3)
    site = load_site(DEMO_SITE)
    wire = tmp_path / "wire.log"
    with (
        own_screen(540, 960) as screen,
        SimulatorProcess(DEMO_SITE, tmp_path, "--wire-log", str(wire)) as bank,
    ):
        bank.tell("close-after 0.25")
        seed_demo(site, tmp_path, DEMO_PACKAGES, 7)
        found = [re.search(r"Code ([\d ]+)\.", path.read_text()) for path in phones(tmp_path)]
        codes = [each[1].replace(" ", "") for each in found if each]
        assert len(codes) == 7
        for life in range(WINDOW_KILLS):
            kill_a_window(screen, tmp_path, codes[life % 7], rng.uniform(0.1, 1.2))
            intents = require_shown(tmp_path, {})
            assert len(unlock_frames(wire)) <= intents


def phones(data: Path) -> list[Path]:
    return sorted((data / "phones").iterdir())


def kill_a_window(screen: Screen, data: Path, code: str, busy_s: float) -> None:
    """Start the kiosk's window, type a code, and kill it in the midst of what follows."""
    before = screen.pixels()
    window = subprocess.Popen(
        [
            *(sys.executable, "-m", "kiosk", "run", "--data", str(data)),
            *("--geometry", "540x960+0+0"),
        ],
        env=screen.environment,
        cwd=ROOT,
        stderr=(data / "window.log").open("ab"),
    )
    screen.after(before)
    screen.type(code)
    time.sleep(busy_s)
    window.send_signal(signal.SIGKILL)
    window.wait()


def test_a_write_that_is_not_durable_would_be_found(tmp_path: Path) -> None:
    """The negative control: a fact that was shown and is not in the database fails the check."""
    store = Store(tmp_path / "kiosk.db", LoopClock(), random.Random(1), threaded=False)
    store.close()
    with pytest.raises(AssertionError):
        require_shown(tmp_path, {"never-written": "stored"})


def test_unlock_frames_are_found_however_the_log_was_cut(tmp_path: Path) -> None:
    log = tmp_path / "wire.log"
    heard = ("8A0103119980010033B2", "80010033B28A01", "01119B", "8A01", "80010033B2", "8A01081192")
    lines = [json.dumps({"direction": "in", "port": "bus", "hex": each}) for each in heard]
    log.write_text("\n".join([*lines, lines[0][:40]]), encoding="utf-8")
    assert [frame[2] for frame in unlock_frames(log)] == [3, 1, 8]
