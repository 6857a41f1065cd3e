"""`make run` on a machine without a display: real processes, one end for all of them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kiosk.demo.demo import side_by_side
from kiosk.demo.folder import DemoRunsError, demo_folder, tell_address
from kiosk.demo.processes import DemoError
from tests.support.running_demo import CHECKOUT, PATIENCE_S, Demo


@pytest.mark.parametrize("screen", [(1366, 768), (1480, 1000), (1920, 1080), (5120, 1440)])
@pytest.mark.parametrize("panel", [(1080, 1920), (1280, 800), (1024, 600)])
def test_kiosk_and_bank_stand_side_by_side_on_the_screen(
    screen: tuple[int, int], panel: tuple[int, int]
) -> None:
    kiosk, bank = side_by_side(screen, panel)
    assert kiosk.left + kiosk.width < bank.left
    assert bank.left + bank.width <= screen[0]
    assert bank.width >= 400
    for window in (kiosk, bank):
        assert window.top + window.height <= screen[1]
    assert kiosk.width / kiosk.height == pytest.approx(panel[0] / panel[1], rel=0.01)


def test_fresh_removes_what_the_demo_made_and_nothing_else(tmp_path: Path) -> None:
    data = tmp_path / "demo data"
    with demo_folder(data, fresh=False):
        (data / "kiosk.db").write_text("a first start, cut short")
    with demo_folder(data, fresh=False):
        assert not (data / "kiosk.db").exists()

    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DemoError, match="not the demo's"), demo_folder(tmp_path, fresh=True):
        pass
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_is_one_demos_alone(tmp_path: Path, fresh: bool) -> None:
    data = tmp_path / "demo"
    with demo_folder(data, fresh=False):
        tell_address(data, "http://localhost:6080/")
        (data / "kiosk.db").write_text("the first one's")
        second = demo_folder(data, fresh=fresh)
        with pytest.raises(DemoRunsError, match="already runs: http://localhost:6080/"), second:
            pass
        assert (data / "kiosk.db").read_text() == "the first one's"
    with demo_folder(data, fresh=fresh):
        pass


def is_running(pid: int) -> bool:
    """Whether a process lives; one that ended and was not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_the_server(phones: Path) -> None:
    """Until the three people whose packages lie inside have heard of it from the server, once."""
    patience_ends = time.monotonic() + 2 * PATIENCE_S
    while True:
        texts = [path.read_text() for path in phones.glob("*")] if phones.is_dir() else []
        if len(texts) == 3 and all(", until " in text for text in texts):
            return
        assert time.monotonic() < patience_ends, texts
        time.sleep(0.2)


def wait_until_gone(pids: list[int]) -> None:
    patience_ends = time.monotonic() + PATIENCE_S
    while any(map(is_running, pids)):
        assert time.monotonic() < patience_ends, "left behind: " + ", ".join(
            Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            for pid in pids
            if is_running(pid)
        )
        time.sleep(0.05)


@pytest.mark.window
@pytest.mark.skipif(sys.platform != "linux", reason="the virtual screen is Linux's")
def test_the_demo_runs_without_a_display_and_leaves_no_process(tmp_path: Path) -> None:
    data = tmp_path / "demo data"
    first = Demo(data, tmp_path)
    assert "11 4711" in first.said
    assert "99 8080" in first.said
    assert re.search(r"A code +\d{3} \d{3} \d{3}\n", first.said)
    assert "ssh -L" in first.said
    assert "noVNC" in first.page()
    children = first.children()
    assert len(children) == 6, "the kiosk, the bank, the server, the screen, two for the browser"
    wait_for_the_server(data / "phones")
    again = [sys.executable, "-m", "kiosk", "demo", "--window", "--data", str(data)]
    done = subprocess.run(again, cwd=CHECKOUT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert f"The demo already runs: {first.address}" in done.stderr
    assert first.children() == children
    assert all(map(is_running, children))
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(PATIENCE_S) == 0
    wait_until_gone(children)

    second = Demo(data, tmp_path)
    assert "First start" not in second.said
    children = second.children()
    second.process.kill()
    second.process.wait(PATIENCE_S)
    wait_until_gone(children)
