"""Another user of the same computer reads nothing: not in a moment, not in what was there before.

All is made with a umask that takes no right away. Who only tightens a file after it was made would
have to change its rights: nobody here does.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from central import backup as server_backup
from central.building import build
from central.notify.message import Message
from central.notify.outbox import Kind
from central.notify.senders import SpoolNotifier
from central.settings import Settings
from config import DEMO_SITE, load_site
from config.rewriting import rewire
from kiosk import app
from kiosk.demo.player import Player
from kiosk.messages import MessageSpool
from kiosk.model.person import Role, Staff
from kiosk.store import backup, journal
from tests.support.flow_site import Running
from tests.support.invariants import Witness
from tests.support.stories.people import have_stored
from tests.support.visits import play

OTHERS = 0o077
TECHNICIAN = Staff("98", "Sam", Role.TECHNICIAN, "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA")


@pytest.fixture(autouse=True)
def nothing_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """A umask of 0, and the files whose rights were changed after they were made."""
    changed: list[Path] = []
    chmod = os.chmod

    def noted(path: Any, mode: int, **how: Any) -> None:
        if not Path(path).is_dir():
            changed.append(Path(path))
        chmod(path, mode, **how)

    monkeypatch.setattr(os, "chmod", noted)
    before = os.umask(0)
    yield changed
    os.umask(before)


def open_to_others(folder: Path) -> dict[str, str]:
    """Everything in a folder, and the folder, that somebody else may read."""
    every = [folder, *folder.rglob("*")]
    return {
        path.name: oct(path.stat().st_mode & 0o777)
        for path in every
        if path.stat().st_mode & OTHERS and not path.is_symlink()
    }


def made_kiosk(data: Path) -> Path:
    app.init(load_site(DEMO_SITE), data, TECHNICIAN)
    return data


def run_kiosk(data: Path, backups: Path) -> None:
    """A kiosk that starts, makes a backup and ends."""

    async def whole() -> None:
        async with app.open_kiosk(load_site(DEMO_SITE), data, Player()) as kiosk:
            plan = backup.BackupPlan(backups, 2, 2)
            made = await backup.make(kiosk.store, plan, kiosk.clock)
            assert made.problem == ""
            assert open_to_others(data) == {}, "while it runs, with its log"

    asyncio.run(whole())


def test_what_a_kiosk_makes_is_its_own(tmp_path: Path, nothing_is_taken_away: list[Path]) -> None:
    data, backups = tmp_path / "data", tmp_path / "backups"
    made_kiosk(data)
    run_kiosk(data, backups)
    [copy] = backups.iterdir()
    app.restore(data, copy, with_server=False)
    run_kiosk(data, backups)
    assert open_to_others(data) == open_to_others(backups) == {}
    assert nothing_is_taken_away == []


def test_a_data_folder_that_others_could_enter_is_shut_to_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = made_kiosk(tmp_path / "data")
    data.chmod(0o755)
    run_kiosk(data, tmp_path / "backups")
    assert data.stat().st_mode & OTHERS == 0
    assert f"{data}: others could enter this folder" in caplog.text


def test_a_kiosks_messages_are_its_own(tmp_path: Path, nothing_is_taken_away: list[Path]) -> None:
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o755)

    async def story(kiosk: Running) -> None:
        await have_stored(kiosk, Witness())
        observer = MessageSpool(kiosk.kiosk, spool)
        observer.is_ending = True
        for event in await kiosk.kiosk.store.run(journal.after, 0, 1_000):
            if event.kind in observer.kinds:
                await observer.take(event)

    play(tmp_path, story)
    assert len(list(spool.iterdir())) == 1
    assert open_to_others(spool) == {}
    assert nothing_is_taken_away == []


def test_what_a_server_makes_is_its_own(tmp_path: Path, nothing_is_taken_away: list[Path]) -> None:
    settings = Settings(data=tmp_path / "server")
    build(settings).database.close()
    copy = tmp_path / "copy.db"
    server_backup.backup(settings, copy)
    server_backup.restore(settings, copy, 1_794_000_000_000)
    server = build(settings)
    assert open_to_others(settings.data) == {}, "while it runs, with its log"
    server.database.close()
    assert open_to_others(settings.data) == {}
    assert copy.stat().st_mode & OTHERS == 0
    spool = SpoolNotifier(settings.data / "outgoing")
    asyncio.run(spool.send(Message("1", Kind.CODE, "sms", "+491711", "", "", short="code 1")))
    assert open_to_others(settings.data) == {}
    assert nothing_is_taken_away == []


def test_a_servers_folder_that_others_could_enter_is_shut_to_them(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "server")
    build(settings).database.close()
    settings.data.chmod(0o777)
    build(settings).database.close()
    assert settings.data.stat().st_mode & OTHERS == 0


def test_a_site_file_is_read_by_no_more_people_after_it_was_rewired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site.toml"
    shutil.copyfile(DEMO_SITE, site)
    site.chmod(0o600)
    seen: list[int] = []
    fsync = os.fsync

    def noted(file: int) -> None:
        seen.append(os.fstat(file).st_mode & 0o777)
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    kept = rewire(site, {"left": True}, {})
    assert kept is not None
    assert set(seen) == {0o600}
    assert open_to_others(tmp_path).keys() <= {tmp_path.name}


def check(file: Path, data: Path) -> str:
    command = [sys.executable, "-m", "kiosk", "check", "--data", str(data), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_check_says_what_others_may_read(tmp_path: Path) -> None:
    data, site = made_kiosk(tmp_path / "data"), tmp_path / "site.toml"
    shutil.copyfile(DEMO_SITE, site)
    site.chmod(0o600)
    assert "others may" not in check(site, data)
    for path in (site, data, data / "location.key"):
        rights = path.stat().st_mode & 0o777
        path.chmod(rights | 0o044)
        assert f"{path}: others may" in check(site, data)
        path.chmod(rights)
