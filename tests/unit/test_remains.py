"""Only `kiosk init` makes a kiosk: no command does where there is none, or where one was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import DEMO_PACKAGES, DEMO_SITE, load_site
from kiosk.app import CannotRunError, init
from kiosk.model.person import Role, Staff
from kiosk.store.errors import StoreError
from kiosk.store.remains import backups

SITE = load_site(DEMO_SITE)
SAM = Staff("98", "Sam", Role.TECHNICIAN, "$argon2id$never-checked-here")
COMMANDS = {
    "run": ["run"],
    "announce": ["announce", str(DEMO_PACKAGES)],
    "enrol": ["enrol", "http://127.0.0.1:9", "token"],
    "backup": ["backup"],
    "code": ["code", "P"],
    "verify": ["verify"],
    "report": ["report"],
    "export": ["export"],
}
INIT = ["init", "--technician", "98", "Sam", "--pin-stdin"]
DAMAGE = {"missing": None, "empty": b"", "short": b"SQLite", "no database": b"\0" * 8192}


def kiosk(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command as people type it, where there is no screen."""
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    environment.pop("SDL_VIDEODRIVER", None)
    command = [sys.executable, "-m", "kiosk", arguments[0], "--data", str(data), *arguments[1:]]
    return subprocess.run(
        command, input="808011\n", text=True, capture_output=True, env=environment, check=False
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_in_a_folder_that_is_no_kiosk_nothing_is_made(tmp_path: Path, name: str) -> None:
    done = kiosk(tmp_path / "none", *COMMANDS[name])
    assert done.returncode == 2
    assert "kiosk init" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", [*COMMANDS, "init"])
def test_where_a_kiosk_was_it_is_said_how_to_restore(
    tmp_path: Path, name: str, damage: str
) -> None:
    init(SITE, tmp_path, SAM)
    (tmp_path / "centre.json").write_text("{}")
    database = tmp_path / "kiosk.db"
    newest = tmp_path / "backups" / "kiosk-20260102T000000Z.db"
    newest.parent.mkdir()
    newest.write_bytes(database.read_bytes())
    newest.with_name("kiosk-20260101T000000Z.db").write_bytes(database.read_bytes())
    newest.with_name("kiosk-20260103T000000Z.db").write_bytes(b"")
    database.unlink()
    if (left := DAMAGE[damage]) is not None:
        database.write_bytes(left)
    before = files(tmp_path)
    done = kiosk(tmp_path, *COMMANDS.get(name, INIT))
    assert done.returncode == 2
    assert f"kiosk restore {newest}" in done.stderr
    assert "Traceback" not in done.stderr
    assert files(tmp_path) == before


@pytest.mark.parametrize("left", [None, b""])
def test_who_lost_database_and_token_enrols_before_the_restore(
    tmp_path: Path, left: bytes | None
) -> None:
    """The restore takes what is newer than the backup back from the server."""
    init(SITE, tmp_path, SAM)
    (tmp_path / "kiosk.db").unlink()
    if left is not None:
        (tmp_path / "kiosk.db").write_bytes(left)
    done = kiosk(tmp_path, *COMMANDS["enrol"])
    assert done.returncode == 2
    assert "127.0.0.1:9" in done.stderr
    assert "restore" not in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "location.key",
        "centre.json",
        "kiosk.db-wal",
        "kiosk.db-journal",
        "kiosk.db-running",
        "kiosk-20260101T000000Z.db",
    ],
)
def test_each_single_remain_keeps_a_new_kiosk_away(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(StoreError, match="kiosk restore"):
        init(SITE, tmp_path, SAM)
    assert files(tmp_path) == {name: b""}


def test_an_init_that_fails_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("kiosk.app.slots.configure", None)
        with pytest.raises(TypeError):
            init(SITE, tmp_path, SAM)
    assert files(tmp_path) == {}
    init(SITE, tmp_path, SAM)
    with pytest.raises((StoreError, CannotRunError), match="made before"):
        init(SITE, tmp_path, SAM)
    assert backups(tmp_path / "kiosk.db") == []


def test_without_a_display_run_says_so_in_a_sentence(tmp_path: Path) -> None:
    init(SITE, tmp_path, SAM)
    done = kiosk(tmp_path, "run")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "there is no display" in done.stderr
