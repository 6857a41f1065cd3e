"""The power goes at every write of an update: what is asked of the keeper is always whole, and the
update goes on with the next start."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from central.releases.maker import About
from kiosk.store import releases
from kiosk.updates import durable, fetching, spool, updater
from tests.appliance.recorded_disk import Point, RecordedDisk, lay_down
from tests.crash.budget import budget
from tests.crash.disk import File, Files
from tests.crash.recording_vfs import Truncated
from tests.support.central_server import Journal, Server
from tests.support.releases import ReleaseMaker, content_of, line_of
from tests.support.updated_kiosk import UpdatedKiosk

SIZES = {"1.0.0": 30_000, "1.1.0": 30_000}
TORN = max(2, budget().images // 2_000)
RESTARTS = max(12, budget().images // 1_000)
"""On so many of the disks the kiosk is started, and goes on."""


class KiosksDisk(RecordedDisk):
    """The calls of ours that the keeper does not make."""

    def ftruncate(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)
        path = self._open.get(descriptor)
        if path is not None:
            file: File = self.live[self._name(path)]
            del file.live[size:]
            file.pending.append(Truncated(self._name(path), size))


@pytest.fixture
def kiosk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UpdatedKiosk]:
    """One that is to run 1.1.0, whose file comes in pieces."""
    monkeypatch.setattr(updater, "LOOK_S", 0.01)
    monkeypatch.setattr(spool, "ROOM_BYTES", 0)
    monkeypatch.setattr(fetching, "PIECE_BYTES", 12_000)
    server = Server(tmp_path / "central")
    server.start()
    journal = Journal(tmp_path / "kiosk.db")
    assert journal.enrol(server, server.add_location()).ok
    release_maker = ReleaseMaker(tmp_path / "maker")
    root = release_maker.make_root(server)
    for version, size in SIZES.items():
        path = release_maker.build(version, content_of(version, size))
        release_maker.sign(path, about=About(deltas_from=0))
    release_maker.publish(server)
    kiosk = UpdatedKiosk(
        tmp_path / "machine",
        journal.store,
        lambda pause: line_of(server, journal.token, pause),
        server.clock.wall_ms,
        root,
    )
    kiosk.choose("1.1.0")
    yield kiosk
    journal.store.close()
    server.stop()


def record(kiosk: UpdatedKiosk, monkeypatch: pytest.MonkeyPatch, *, is_synced: bool) -> list[Point]:
    """Play an update up to what is handed over, on a recorded disk."""
    folder = kiosk.data / "updates"
    folder.mkdir(exist_ok=True)
    disk = KiosksDisk(folder, is_synced=is_synced)
    with monkeypatch.context() as patched:
        patched.setattr(durable, "os", disk)
        kiosk.updates.step()
    disk.promised("handed over")
    assert kiosk.request.exists()
    return disk.points


def images(points: list[Point]) -> Iterator[tuple[str, Files]]:
    """The disks that may be found, each once: what was promised, and the files."""
    random, seen = Random(1), set[int]()
    for point in points:
        for _, files in point.images(random, TORN):
            key = hash((point.promise, *sorted(files.items())))
            if key not in seen:
                seen.add(key)
                yield point.promise, files


def wrong_in(promise: str, files: Files) -> str:
    """What the keeper would find wrong with what is handed over."""
    if "request.json" not in files:
        return "what was handed over is lost" if promise else ""
    try:
        asked = json.loads(files["request.json"])
    except ValueError:
        return "the request cannot be read"
    content = files.get(asked["file"], b"")
    is_whole = hashlib.sha256(content).hexdigest() == asked["sha256"]
    return "" if is_whole else "the file is not whole"


def test_wherever_the_power_goes_the_update_is_whole_and_goes_on(
    kiosk: UpdatedKiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever lies there is refused or right; and the next start hands over what is right."""
    found = list(images(record(kiosk, monkeypatch, is_synced=True)))
    assert len(found) > 50
    assert [wrong for promise, files in found if (wrong := wrong_in(promise, files))] == []
    for _, files in found[:: max(1, len(found) // RESTARTS)]:
        lay_down(files, kiosk.data / "updates")
        # The database says so before the request is written, and after the file is durable.
        known = (0, 0) if any(name.endswith(".squashfs") for name in files) else None
        kiosk.store.submit(releases.note_handed_over, "c1", known).result()
        kiosk.begin()
        for _ in range(4):
            kiosk.updates.step()
            if kiosk.request.exists():
                break
        lying = kiosk.data / "updates"
        left = {path.name: path.read_bytes() for path in lying.iterdir() if path.is_file()}
        assert wrong_in("handed over", left) == "", sorted(files)


def test_a_disk_that_syncs_nothing_is_caught(
    kiosk: UpdatedKiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    found = images(record(kiosk, monkeypatch, is_synced=False))
    assert {wrong for promise, files in found if (wrong := wrong_in(promise, files))}
