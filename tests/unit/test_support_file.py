"""The file for whoever looks for a fault: what helps is in it, nobody is, and it is never long."""

from __future__ import annotations

import io
import json
import random
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config import DEMO_SITE, load_site
from kiosk.adapters import SystemClock, location_key
from kiosk.app import init
from kiosk.command_line import main
from kiosk.engine import KioskEngine
from kiosk.model.allocation import BestFit
from kiosk.model.person import Recipient, Role, Staff
from kiosk.store import deposits, packages
from kiosk.store.deposits import DepositRequest
from kiosk.store.packages import Announcement
from kiosk.store.store import Store
from kiosk.support_file import packed
from kiosk.sync.contract import FILE_MAX_BYTES
from tests.support.flow_site import LOCATION
from tests.support.planted import leaks
from tests.unit.test_supply import Panel

SITE = load_site(DEMO_SITE)
NAME, PHONE, MAIL = "Adelheid Sonnenschein", "+49 171 5550199", "adelheid@example.org"
PIN_HASH = "$argon2id$planted-hash-of-nobody"
NEEDLES = [
    *(NAME, PHONE, MAIL, PIN_HASH, "Planted Technician"),
    *(person.name for person in SITE.staff),
    *(person.pin_hash for person in SITE.staff),
]
LOG = f"2026-11-29T20:00:00 kiosk: mail to {MAIL} refused, so was the SMS to {PHONE}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A kiosk's data folder with people in it."""
    folder = tmp_path / "data"
    init(SITE, folder, Staff("98", "Planted Technician", Role.TECHNICIAN, PIN_HASH))
    store = Store(folder / "kiosk.db", SystemClock(), random.Random(1), threaded=False)
    store.use_key(location_key(folder / "location.key", may_make=False))
    ada = Recipient("r-1", NAME, PHONE)
    store.submit(packages.announce, Announcement("P", "JD0001", "S", ada)).result()
    request = DepositRequest("P", "JD0001", "S", "in-P", "staff:98")
    deposit = store.submit(deposits.begin_deposit, request, LOCATION, BestFit()).result()
    assert deposit is not None
    store.submit(deposits.store_package, deposit, LOCATION, 5, random.Random(1)).result()
    store.close()
    return folder


@pytest.fixture(autouse=True)
def log_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log in which another program wrote somebody's contact."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "journalctl"
    program.write_text(f"#!/bin/sh\necho '{LOG}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")


@pytest.fixture(params=["running", "not running", "damaged"])
def folder(request: pytest.FixtureRequest, data: Path) -> Iterator[Path]:
    """The data folder of a kiosk that runs, of one that does not, and of one that cannot."""
    if request.param == "damaged":
        (data / "kiosk.db").write_bytes(b"no database" * 1000)
    if request.param != "running":
        yield data
        return
    opened = threading.Event()
    engine = KioskEngine(SITE, data, Panel())
    engine.opened = opened.set
    engine.start()
    assert opened.wait(60)
    yield data
    engine.stop()


def support(data: Path, file: Path) -> Result:
    return CliRunner().invoke(main, ["support", "--data", str(data), str(file)])


def test_what_helps_is_in_it_and_nobody_is(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "support.zip"
    result = support(folder, file)
    assert result.exit_code == 0, result.output
    assert file.stat().st_mode & 0o077 == 0
    content = file.read_bytes()
    assert len(content) < FILE_MAX_BYTES
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path / "shown")
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert leaks(tmp_path / "shown", NEEDLES) == []
    assert {"site.json", "vitals.json", "health.json", "keeper.json", "log.txt"} <= parts.keys()
    assert "refused, so was the SMS to" in parts["log.txt"]
    assert json.loads(parts["site.json"])["location"]["id"] == SITE.location.id
    if "journal.jsonl" in parts:
        assert "PACKAGE_STORED" in parts["journal.jsonl"]
        assert json.loads(parts["verify.json"])["problem"] == ""
    else:
        assert "Restore the newest backup" in json.loads(parts["health.json"])["why"]
    again = support(folder, file)
    assert isinstance(again.exception, FileExistsError), "no file that is there is written over"
    assert file.read_bytes() == content


def test_the_search_finds_what_is_planted(tmp_path: Path) -> None:
    folder = tmp_path / "shown"
    folder.mkdir()
    (folder / "log.txt").write_text(LOG)
    assert leaks(folder, NEEDLES) == [f"log.txt: {PHONE}", f"log.txt: {MAIL}"]


def test_of_what_is_too_long_the_oldest_is_left_out() -> None:
    rng = random.Random(1)
    long = [f"{number} {rng.randbytes(60).hex()}" for number in range(60_000)]
    made = packed({"long.txt": long, "short.txt": ["what is short stays"]})
    assert len(made) <= FILE_MAX_BYTES
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        kept = archive.read("long.txt").decode().splitlines()
        assert archive.read("short.txt") == b"what is short stays\n"
    assert kept == long[-len(kept) :]
    assert len(kept) > 5000
    assert len(packed({"one": ["x" + rng.randbytes(300).hex()], "two": ["y"]}, 400)) <= 400
