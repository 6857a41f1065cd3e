"""A release is tried on a copy of everything before it may run: unpacked from its file and started
by itself, drawing where nobody sees it."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import DEMO_SITE, load_site
from kiosk import app
from kiosk.adapters import SystemClock, hash_pin, key_path
from kiosk.data_folder import open_store
from kiosk.model.person import Role, Staff
from kiosk.store.store import Store
from kiosk.updates.rehearsal import Rehearsal

ROOT = Path(__file__).parents[2]
PACKAGES = ("assets", "central", "config", "drivers", "kiosk")

pytestmark = pytest.mark.skipif(
    shutil.which("mksquashfs") is None or shutil.which("unsquashfs") is None,
    reason="squashfs-tools are not installed here: .ci/install test brings them",
)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a release holds, but for the packages of others."""
    folder = tmp_path_factory.mktemp("release") / "app"
    for name in PACKAGES:
        skipped = shutil.ignore_patterns("__pycache__", "base", "tests")
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    shutil.copyfile(ROOT / "pyproject.toml", folder / "pyproject.toml")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "kiosk"
    person = Staff("98", "Kim", Role.TECHNICIAN, hash_pin("808080"))
    app.init(load_site(DEMO_SITE), folder, person)
    return folder


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    opened = open_store(data, (key_path(data),), SystemClock(), secrets.SystemRandom())
    yield opened
    opened.close()


def pack(folder: Path, to: Path) -> Path:
    """A release's file."""
    to.parent.mkdir(exist_ok=True)
    command = ["mksquashfs", str(folder), str(to), "-comp", "gzip", "-Xcompression-level", "1"]
    subprocess.run([*command, "-quiet", "-no-progress"], check=True, capture_output=True)
    return to


def rehearsed(store: Store, data: Path, unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DISPLAY", ":4711")  # the panel is the running kiosk's: it is not drawn on
    release = pack(unpacked, data / "updates" / "release.squashfs")
    before = (data / "kiosk.db").read_bytes()
    problem = Rehearsal(store, data, DEMO_SITE, key_path(data))(release)
    assert (data / "kiosk.db").read_bytes() == before
    assert [path.name for path in (data / "updates").iterdir()] == ["release.squashfs"]
    return problem


def test_a_release_that_is_well(
    store: Store, data: Path, unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rehearsed(store, data, unpacked, monkeypatch) == ""


def test_a_release_whose_first_screen_is_another(
    store: Store, data: Path, unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It draws in other colours than its golden picture."""
    changed = tmp_path / "changed"
    shutil.copytree(unpacked, changed)
    theme = changed / "kiosk" / "ui" / "widgets" / "__init__.py"
    theme.write_text(
        theme.read_text()
        + "\nfrom kivy.graphics import Color\n_set = Color.__init__\n"
        + "def _black(self, *values, **more):\n    _set(self, 0, 0, 0, 1)\n"
        + "Color.__init__ = _black\n"
    )
    problem = rehearsed(store, data, changed, monkeypatch)
    assert "first screen" in problem


def test_a_release_that_does_not_start(
    store: Store, data: Path, unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(unpacked, changed)
    (changed / "kiosk" / "store" / "journal.py").write_text("import nowhere_to_be_found\n")
    problem = rehearsed(store, data, changed, monkeypatch)
    assert "nowhere_to_be_found" in problem


def test_a_file_that_is_no_release(store: Store, data: Path) -> None:
    release = data / "updates" / "release.squashfs"
    release.parent.mkdir()
    release.write_bytes(b"nothing")
    assert "cannot be unpacked" in Rehearsal(store, data, DEMO_SITE, key_path(data))(release)
