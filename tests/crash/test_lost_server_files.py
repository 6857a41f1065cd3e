"""A file of the central server comes back from a power cut empty, short or not at all: all that it
knew is known as before, or it refuses to start with a sentence that says what to do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from central import backup, schema
from central.building import build
from central.errors import CannotServeError
from central.settings import Settings
from central.sync import enrolment

BACKUP = "backups/monday.db"
FILES = ["central.db", "central.db-wal", "central.key", BACKUP]
DAMAGE = ["missing", "empty", "short", "zeroed"]
COMMANDS = {
    "serve": ["serve", "--port", "0"],
    "init": ["init"],
    "location": ["location", "list"],
    "key": ["key", "add", "A shop"],
}


def central(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "central", "--data", str(data), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def full_server(data: Path, *, was_killed: bool = False) -> None:
    """A server that knows a location, with a backup."""
    made = build(Settings(data=data / "made"))
    made.database.submit(
        lambda connection: enrolment.add_location(connection, "corner", "Corner", "test", 0)
    ).result()
    (data / "made" / "backups").mkdir()
    backup.backup(Settings(data=data / "made"), data / "made" / BACKUP)
    if was_killed:
        shutil.copytree(data / "made", data, dirs_exist_ok=True)
        made.database.close()
    else:
        made.database.close()
        shutil.copytree(data / "made", data, dirs_exist_ok=True)
    shutil.rmtree(data / "made")


def known(data: Path) -> list[str]:
    server = build(Settings(data=data))
    try:
        rows = server.database.read(lambda c: c.execute(schema.location.select()).all())
        return [row.id for row in rows]
    finally:
        server.database.close()


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes() if path.exists() else b"\0" * 64
    path.unlink(missing_ok=True)
    left = {"empty": b"", "short": content[: len(content) // 2], "zeroed": b"\0" * len(content)}
    if how != "missing":
        path.write_bytes(left[how])
        path.chmod(0o600)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".lock", ".db-shm")
    }


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", FILES)
def test_a_server_never_forgets_in_silence(tmp_path: Path, name: str, how: str) -> None:
    full_server(tmp_path)
    spoil(tmp_path / name, how)
    before = files(tmp_path)
    try:
        assert known(tmp_path) == ["corner"]
        assert name in ("central.db-wal", BACKUP)
    except CannotServeError as error:
        ways = ("restore", "put the copy of the key", "bring the right one back from the backup")
        assert any(way in str(error) for way in ways)
        assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "right"),
    [("central.key", "is no file.*put the copy of the key"), ("central.lock", "must be a file")],
)
def test_a_folder_in_the_place_of_a_file_is_reported(tmp_path: Path, name: str, right: str) -> None:
    full_server(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir(mode=0o755)
    with pytest.raises(CannotServeError, match=rf"{name}\b.*{right}"):
        known(tmp_path)


@pytest.mark.parametrize("how", DAMAGE)
def test_nor_when_it_was_killed(tmp_path: Path, how: str) -> None:
    """Its log holds what is not in its file yet."""
    full_server(tmp_path, was_killed=True)
    assert (tmp_path / "central.db-wal").stat().st_size > 0
    shutil.copytree(tmp_path, tmp_path / "control")
    assert known(tmp_path / "control") == ["corner"]
    shutil.rmtree(tmp_path / "control")
    spoil(tmp_path / "central.db", how)
    try:
        assert known(tmp_path) == ["corner"]
    except CannotServeError as error:
        assert f"central restore {tmp_path / BACKUP}" in str(error)


@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_file_without_the_log_that_held_its_tables_is_no_new_server(
    tmp_path: Path, how: str
) -> None:
    full_server(tmp_path, was_killed=True)
    spoil(tmp_path / "central.db-wal", how)
    with pytest.raises(CannotServeError, match="the database holds nothing and beside it"):
        known(tmp_path)


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_how_to_restore(tmp_path: Path, name: str, how: str) -> None:
    full_server(tmp_path)
    (tmp_path / "backups" / "tuesday.db").write_bytes(b"")
    spoil(tmp_path / "central.db", how)
    before = files(tmp_path)
    done = central(tmp_path, *COMMANDS[name])
    assert done.returncode == 2
    assert f"central restore {tmp_path / BACKUP}" in done.stderr
    assert "Traceback" not in done.stderr
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", ["location", "key"])
def test_only_serve_and_init_make_a_server(tmp_path: Path, name: str) -> None:
    done = central(tmp_path / "none", *COMMANDS[name])
    assert (done.returncode, done.stdout) == (2, "")
    assert "central init" in done.stderr
    assert not (tmp_path / "none").exists()
    assert central(tmp_path / "none", "init").returncode == 0
    assert central(tmp_path / "none", *COMMANDS[name]).returncode == 0


@pytest.mark.parametrize("left", ["missing", "empty", "sound"])
def test_a_restore_leaves_no_log_of_another_database(tmp_path: Path, left: str) -> None:
    full_server(tmp_path, was_killed=True)
    if left != "sound":
        spoil(tmp_path / "central.db", left)
    (tmp_path / "central.db-journal").write_bytes(b"of another")
    settings = Settings(data=tmp_path)
    aside = backup.restore(settings, tmp_path / BACKUP, 0)
    assert aside is not None
    assert not (tmp_path / "central.db-wal").exists()
    assert not (tmp_path / "central.db-journal").exists()
    assert Path(f"{aside}-wal").exists()
    assert known(tmp_path) == ["corner"]


@pytest.mark.parametrize("name", ["central.key", "central.db-wal", "central.db-journal", "old.db"])
def test_each_single_remain_keeps_a_new_server_away(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(CannotServeError, match="central restore"):
        build(Settings(data=tmp_path))
    assert files(tmp_path) == {name: b""}


def test_a_server_made_again_is_found_out(tmp_path: Path) -> None:
    """The negative control: with nothing left beside it, a new database knows no location."""
    full_server(tmp_path)
    for name in FILES:
        spoil(tmp_path / name, "missing")
    assert known(tmp_path) == []
