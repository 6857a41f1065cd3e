"""A release: the same source gives the same bytes, and nothing in it says where it was built."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.crash.budget import NIGHTLY, budget

ROOT = Path(__file__).parents[2]
TAGS = ("cp311-x86_64", "cp313-x86_64", "cp311-aarch64", "cp313-aarch64")
SMALL = ("click", "cffi", "pycparser", "pyserial")
"""Packages that are enough to see what is done with each: pure ones, and one with native files."""

pytestmark = pytest.mark.skipif(
    shutil.which("mksquashfs") is None, reason="mksquashfs is missing (squashfs-tools)"
)


def build(folder: Path, tag: str, lock: Path | None = None) -> Path:
    """Build one tag; the file. What cannot be built here is skipped with what was said."""
    folder.mkdir()
    environment = {**os.environ, "RELEASE_FOLDER": str(folder)}
    if lock is not None:
        environment |= {"RELEASE_LOCK": str(lock), "RELEASE_COMPRESSION": "1"}
    done = subprocess.run(
        [ROOT / ".ci/release", tag], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode and ("is missing" in done.stderr or "NewConnectionError" in done.stderr):
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("*.squashfs")
    return file


def few_packages(folder: Path) -> Path:
    """A lock file of a few packages out of the kiosk's, with their hashes."""
    entries = re.split(r"\n(?=[a-z])", (ROOT / "requirements-kiosk.lock").read_text())
    lock = folder / "few.lock"
    lock.write_text("\n".join(each for each in entries if each.partition("==")[0] in SMALL) + "\n")
    return lock


def listed(file: Path) -> list[str]:
    line = ["unsquashfs", "-lls", "-d", "", str(file)]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()


def content(file: Path, name: str) -> bytes:
    return subprocess.run(
        ["unsquashfs", "-cat", file, name], capture_output=True, check=True
    ).stdout


def judge(file: Path, again: Path, tag: str) -> None:
    assert file.read_bytes() == again.read_bytes(), f"{tag} differs when it is built again"
    python, machine = tag.split("-")
    version = file.name.split("-")[2]
    assert file.name == f"parcel-kiosk-{version}-{tag}.squashfs"
    said = json.loads(content(file, "release.json"))
    assert said == {"version": version, "python": python, "machine": machine}
    assert f"Version: {version}\n".encode() in content(
        file, f"parcel_kiosk-{version}.dist-info/METADATA"
    )
    names = "\n".join(listed(file))
    assert f"/kiosk/__pycache__/app.cpython-{python[2:]}.pyc" in names
    assert "/config/base" not in names, "the keeper is never in a release"
    assert "/bin/" not in names
    assert " root/root " in names
    natives = re.findall(r"\S+\.so\b", names)
    assert natives and all(
        machine in each or "abi3" in each for each in natives if "cpython" in each
    )
    compiled = content(file, f"kiosk/__pycache__/app.cpython-{python[2:]}.pyc")
    assert b"/run/parcel-keeper/app/kiosk/app.py" in compiled
    assert str(ROOT).encode() not in compiled
    assert json.loads(file.with_name(file.stem + ".bom.json").read_bytes())["components"]


def test_a_release_is_built_twice_to_the_same_bytes(tmp_path: Path) -> None:
    lock = few_packages(tmp_path)
    tag = TAGS[0]
    judge(build(tmp_path / "a", tag, lock), build(tmp_path / "b", tag, lock), tag)


@pytest.mark.skipif(budget() is not NIGHTLY, reason="the whole releases are built at night")
@pytest.mark.timeout(0)
@pytest.mark.parametrize("tag", TAGS)
def test_every_whole_release_is_built_twice_to_the_same_bytes(tmp_path: Path, tag: str) -> None:
    judge(build(tmp_path / "a", tag), build(tmp_path / "b", tag), tag)


def test_no_file_of_the_build_names_a_registry() -> None:
    for name in ("release", "base"):
        assert not re.search(r"https?://", (ROOT / ".ci" / name).read_text())
