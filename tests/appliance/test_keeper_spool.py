"""What lies in the kiosk's folder is trusted in nothing: whoever took over the kiosk wrote it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config.base import parcel_keeper
from config.base.parcel_keeper import RefusedError
from tests.appliance.machine import CONTENT, TriedKeeper, hand_over, machine_with, sha256_of


def replaced_by_link(request: Path) -> None:
    target = request.parents[4] / "secret.json"
    request.rename(target)
    request.symlink_to(target)


def file_by_link(request: Path) -> None:
    target = request.parents[4] / "secret"
    (request.parent / "new.squashfs").rename(target)
    (request.parent / "new.squashfs").symlink_to(target)


def file_is_a_pipe(request: Path) -> None:
    (request.parent / "new.squashfs").unlink()
    os.mkfifo(request.parent / "new.squashfs")


def request_is_a_pipe(request: Path) -> None:
    request.unlink()
    os.mkfifo(request)


def asks(**other: object) -> Callable[[Path], None]:
    def change(request: Path) -> None:
        request.write_text(json.dumps({**json.loads(request.read_text()), **other}))

    return change


def holds(content: bytes) -> Callable[[Path], None]:
    def change(request: Path) -> None:
        request.write_bytes(content)

    return change


def file_is_gone(request: Path) -> None:
    (request.parent / "new.squashfs").unlink()


def file_is_endless(request: Path) -> None:
    os.truncate(request.parent / "new.squashfs", parcel_keeper.RELEASE_BYTES_MAX + 1)


BAD: dict[str, Callable[[Path], None]] = {
    "a request by a link": replaced_by_link,
    "a release by a link": file_by_link,
    "a release that is a pipe": file_is_a_pipe,
    "a request that is a pipe": request_is_a_pipe,
    "a release that is gone": file_is_gone,
    "a release without end": file_is_endless,
    "a folder above": asks(file="../../../../secret.squashfs"),
    "a whole path": asks(file="/etc/shadow.squashfs"),
    "a file of another kind": asks(file="request.json"),
    "a version that is a path": asks(version="../../1.1.0"),
    "a version of four numbers": asks(version="1.1.0.1"),
    "a version with a line": asks(version="1.1.0\n"),
    "no version": asks(version=None),
    "another hash": asks(sha256=sha256_of("1.2.0")),
    "no hash": asks(sha256=""),
    "a hash with a path": asks(sha256="/" * 64),
    "nothing": holds(b""),
    "a list": holds(b"[]"),
    "half": holds(b'{"version": "1.1'),
    "no text": holds(b"\xff\xfe\x00"),
    "deep": holds(b"[" * 60_000),
    "long": holds(b" " * 1_000_000 + b"{}"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_as_it_must_be_is_refused_and_removed(tmp_path: Path, kind: str) -> None:
    keeper = machine_with(tmp_path, "1.0.0")
    request = hand_over(tmp_path, "1.1.0")
    BAD[kind](request)
    with pytest.raises((RefusedError, OSError)):
        keeper.take()
    assert not os.path.lexists(request), "it would be taken again for ever"
    assert keeper.runs() == "1.0.0"
    assert keeper.load().trial == ""
    assert keeper.status()["refused"]["reason"]
    assert [path.name[:5] for path in Path(keeper.releases).iterdir()] == ["1.0.0"]
    hand_over(tmp_path, "1.1.0")
    keeper.take()
    assert keeper.runs() == "1.1.0", "the next good one is taken"


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    keeper = machine_with(tmp_path, "1.0.0")
    request = hand_over(tmp_path, "1.1.0")
    elsewhere = tmp_path / "elsewhere"
    request.parent.rename(elsewhere)
    request.parent.symlink_to(elsewhere)
    with pytest.raises(OSError):
        keeper.take()
    assert keeper.runs() == "1.0.0"
    assert (elsewhere / "request.json").exists(), "nothing outside is touched"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of somebody else's")
def test_a_file_of_somebody_else_is_not_read(tmp_path: Path) -> None:
    keeper = machine_with(tmp_path, "1.0.0")
    request = hand_over(tmp_path, "1.1.0")
    os.chown(tmp_path / "var/lib/parcel-kiosk", 12_345, 12_345)
    with pytest.raises(RefusedError, match="no file of the kiosk's"):
        keeper.take()
    assert not request.exists()


def test_a_request_that_came_meanwhile_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = machine_with(tmp_path, "1.0.0")
    hand_over(tmp_path, "1.1.0")
    install = TriedKeeper.install

    def and_another(self: TriedKeeper, source: int, version: str, sha256: str) -> None:
        install(self, source, version, sha256)
        spool = Path(self.data) / "updates"
        (spool / "newer.squashfs").write_bytes(CONTENT["1.2.0"])
        asked = {"version": "1.2.0", "file": "newer.squashfs", "sha256": sha256_of("1.2.0")}
        (spool / "request.part").write_text(json.dumps(asked))
        (spool / "request.part").replace(spool / "request.json")

    with monkeypatch.context() as patched:
        patched.setattr(TriedKeeper, "install", and_another)
        keeper.take()
    assert keeper.load().trial == "1.1.0"
    keeper.take()
    assert keeper.load().trial == "1.2.0"


def test_nobody_is_interrupted_by_a_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = machine_with(tmp_path, "1.0.0")
    hand_over(tmp_path, "1.1.0")
    keeper.said = {"version": "1.0.0", "is_well": True, "is_idle": False}
    waited = []

    def sleep(duration_s: float) -> None:
        waited.append(keeper.load().trial)
        keeper.said["is_idle"] = len(waited) >= 5

    monkeypatch.setattr(time, "sleep", sleep)
    keeper.take()
    assert waited == [""] * 5
    assert keeper.load().trial == "1.1.0"


def test_the_same_request_again_changes_nothing(tmp_path: Path) -> None:
    keeper = machine_with(tmp_path, "1.0.0")
    hand_over(tmp_path, "1.1.0")
    keeper.take()
    assert keeper.runs() == "1.1.0"
    before = keeper.load()
    hand_over(tmp_path, "1.1.0")
    keeper.take()
    assert keeper.load() == before
    keeper.is_ill("1.1.0", "the database is closed")
    hand_over(tmp_path, "1.1.0")
    with pytest.raises(RefusedError, match="tried here"):
        keeper.take()
    hand_over(tmp_path, "1.1.0", again=True)
    keeper.take()
    assert keeper.runs() == "1.1.0"
