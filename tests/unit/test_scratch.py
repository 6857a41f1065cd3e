"""The demo's temporary folder: gone at its end, and after a kill at the next demo's start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.scratch import scratch_folder

HOLDING = """
import sys
from kiosk.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "vnc").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@contextmanager
def another() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that has such a folder."""
    command = [sys.executable, "-c", HOLDING]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_it_is_for_its_owner_only_and_gone_at_the_end(temporary: Path) -> None:
    with scratch_folder() as folder:
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_behind_is_removed(temporary: Path) -> None:
    with another() as (process, left):
        process.kill()
        process.wait()
        assert (left / "vnc").exists()
        with scratch_folder() as folder:
            assert list(temporary.iterdir()) == [folder]


def test_what_a_living_process_uses_stays(temporary: Path) -> None:
    with another() as (_, used), scratch_folder() as first, scratch_folder() as second:
        assert sorted(temporary.iterdir()) == sorted([used, first, second])


def test_nothing_else_is_removed(temporary: Path) -> None:
    kept = temporary / "elsewhere"
    kept.mkdir()
    (temporary / "parcel-kiosk-link").symlink_to(kept)
    (temporary / "parcel-kiosk-file").touch()
    (temporary / "parcel-kiosks").mkdir()
    before = sorted(temporary.iterdir())
    with scratch_folder():
        pass
    assert sorted(temporary.iterdir()) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_another_users_folder_stays(temporary: Path) -> None:
    theirs = temporary / "parcel-kiosk-theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    with scratch_folder():
        assert theirs.exists()
