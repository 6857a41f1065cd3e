"""Whatever stops the kiosk's start is a sentence on its screen and one record in its log, and the
process still ends when it is asked to."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.app import make_kiosk
from tests.support.panel_spots import ROOT
from tests.support.screen import PATIENCE_S, Screen, own_screen
from tests.support.window_bench import PICTURES, SITE

IDENTITY = {"url": "http://127.0.0.1:9", "location": "a", "token": "b", "public_key": "0" * 64}
CHANGED = """
import logging, sys
from pathlib import Path
from config import DEMO_SITE, load_site
from kiosk.engine import run_window
logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
site = load_site(DEMO_SITE)
boards = (*site.boards[:1], *(each.model_copy(update={CHANGE}) for each in site.boards[1:]))
changed = site.model_copy(update={"boards": boards})
sys.exit(run_window(changed, Path(sys.argv[1]), (540, 960, 0, 0)))
"""
"""A site that no file can describe, for the check would refuse it."""
RECORD = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ (\w+) ([\w.]+): (.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with own_screen(600, 1000) as made:
        yield made


def run_command(data: Path, *more: str) -> list[str]:
    place = ("--geometry", "540x960+0+0")
    return [sys.executable, "-m", "kiosk", "run", "--data", str(data), *place, *more]


def started_in_vain(screen: Screen, command: list[str], picture: str) -> list[str]:
    """Start it, wait for its screen, end it; what it logged as a mistake or worse."""
    before = screen.pixels()
    kiosk = subprocess.Popen(command, env=screen.environment, cwd=ROOT, stderr=subprocess.PIPE)
    try:
        screen.after(before)
        screen.picture(PICTURES / f"cannot-start-{picture}.png")
        kiosk.terminate()
        log = kiosk.communicate(timeout=PATIENCE_S)[1].decode()
    finally:
        kiosk.kill()
    assert kiosk.returncode == 0, log
    return [found[3] for found in RECORD.finditer(log) if found[1] in ("ERROR", "CRITICAL")]


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    for options in (["--bind", str(folder)], ["-o", "remount,bind,ro"]):
        made = subprocess.run(["mount", *options, str(folder)], capture_output=True)
        if os.geteuid() != 0 or made.returncode != 0:
            pytest.skip("this process may not mount a disk read-only")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def lose_the_key(data: Path) -> None:
    (data / "location.key").unlink()


def damage(**changes: object) -> Callable[[Path], None]:
    return written(json.dumps(IDENTITY | changes))


def written(text: str) -> Callable[[Path], None]:
    def write(data: Path) -> None:
        (data / "centre.json").write_text(text)

    return write


FOLDERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "key-lost": (lose_the_key, "the location's key is missing"),
    "identity-token": (damage(token="schlüssel☃"), "centre.json: token is not written"),
    "identity-number": (damage(url=5), "centre.json: url is not written"),
    "identity-cut": (written('{"ur'), "enrol"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_cannot_be_used_is_said_on_the_screen(
    tmp_path: Path, screen: Screen, name: str
) -> None:
    make_kiosk(SITE, tmp_path)
    spoil, said = FOLDERS[name]
    spoil(tmp_path)
    [message] = started_in_vain(screen, run_command(tmp_path), name)
    assert message.startswith("the kiosk cannot start: ")
    assert said in message


def test_a_folder_that_cannot_be_written_is_said_on_the_screen(
    tmp_path: Path, screen: Screen
) -> None:
    folder = tmp_path / "disk"
    make_kiosk(SITE, folder)
    with read_only(folder):
        [message] = started_in_vain(screen, run_command(folder), "read-only")
    assert "may this user write to it" in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('{"family": "kerong-cu48"}', r"baud"),
        ('{"family": "no-such-board"}', r"is none of"),
        ('{"options": 5}', r"reference \d{6}$"),
    ],
)
def test_what_no_check_foresees_is_said_on_the_screen(
    tmp_path: Path, screen: Screen, change: str, said: str
) -> None:
    make_kiosk(SITE, tmp_path)
    program = CHANGED.replace("{CHANGE}", change)
    command = [sys.executable, "-c", program, str(tmp_path)]
    [message] = started_in_vain(screen, command, change.split('"')[1])
    assert message.startswith("the kiosk cannot start")
    assert re.search(said, message)


def test_a_site_file_with_mistakes_is_reported_before_any_window(tmp_path: Path) -> None:
    make_kiosk(SITE, tmp_path)
    file = tmp_path / "site.toml"
    file.write_text('[location]\nid = "a b"\n')
    command = run_command(tmp_path, "--config", str(file))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert all(line.startswith(str(file)) for line in done.stderr.splitlines())
    assert f'{file}:2: location.id = "a b": is not written like that' in done.stderr


def heard_by_systemd(screen: Screen, data: Path, wanted: int) -> list[str]:
    """Run a kiosk as a service until so much was heard and its screen is there, then end it; all
    that systemd heard, a word once however often it was said."""
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(data / "notify"))
        service = {"NOTIFY_SOCKET": str(data / "notify"), "WATCHDOG_USEC": "400000"}
        before = screen.pixels()
        kiosk = subprocess.Popen(run_command(data), env={**screen.environment, **service}, cwd=ROOT)
        try:
            screen.after(before)
            systemd.settimeout(PATIENCE_S)
            heard += [systemd.recv(100).decode() for _ in range(wanted)]
        finally:
            kiosk.terminate()
            kiosk.wait(PATIENCE_S)
        systemd.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                heard.append(systemd.recv(100).decode())
    return list(dict.fromkeys(heard))


def test_systemd_hears_that_a_kiosk_is_up_and_well(screen: Screen, tmp_path: Path) -> None:
    make_kiosk(SITE, tmp_path)
    assert heard_by_systemd(screen, tmp_path, 2) == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_one_that_only_shows_that_it_is_out_of_order_is_not_up(
    screen: Screen, tmp_path: Path
) -> None:
    make_kiosk(SITE, tmp_path)
    lose_the_key(tmp_path)
    assert heard_by_systemd(screen, tmp_path, 0) == ["STOPPING=1"]
