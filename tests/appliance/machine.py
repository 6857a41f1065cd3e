"""A machine for the keeper: real files below a folder, and a kiosk that says what a test wants."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from random import Random
from typing import Any

from config.base.parcel_keeper import Gate, Keeper, Machine

FACTORY = "0.9.0"
CONTENT = {
    version: Random(version).randbytes(2_500)
    for version in (FACTORY, "1.0.0", "1.1.0", "1.2.0", "1.3.0")
}
"""The files of some releases."""
WELL = {"is_well": True, "why": "", "is_idle": True}


def sha256_of(version: str) -> str:
    return hashlib.sha256(CONTENT[version]).hexdigest()


class TriedMachine(Machine):
    """Mounts in memory, and counts how often the kiosk was started again."""

    def __init__(self) -> None:
        super().__init__("/nowhere")
        self.mounted = b""
        self.boot = "boot 1"
        self.restarts = 0
        self.cannot_mount: set[bytes] = set()

    def mount(self, file: str, at: str) -> str:
        content = Path(file).read_bytes() if Path(file).exists() else b""
        if not content or content in self.cannot_mount:
            return "wrong fs type"
        self.mounted = content
        return ""

    def restart_kiosk(self) -> None:
        self.restarts += 1

    def boot_id(self) -> str:
        return self.boot


class TriedKeeper(Keeper):
    """The keeper of a machine below a folder, and what the kiosk there says."""

    def __init__(self, root: Path) -> None:
        self.tried = TriedMachine()
        self.said: dict[str, Any] = {}
        super().__init__(str(root), self.tried)

    def health(self) -> dict[str, Any]:
        return self.said

    def runs(self) -> str:
        """Which release a start of the kiosk runs."""
        self.choose()
        return next(name for name, data in CONTENT.items() if data == self.tried.mounted)

    def put(self, version: str) -> None:
        """Install a release from a file outside."""
        import os
        import tempfile

        with tempfile.TemporaryFile() as file:
            file.write(CONTENT[version])
            file.flush()
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            self.install(file.fileno(), version, sha256_of(version))

    def is_well(self, version: str) -> None:
        """The kiosk says that it is well, for as long as a trial wants."""
        self.said = {"version": version, **WELL}
        self.look(Gate(well_s=0))

    def is_ill(self, version: str, why: str) -> None:
        """The kiosk says that it is not, for as long as a trial lets it."""
        self.said = {"version": version, "is_well": False, "why": why}
        self.look(Gate(ill_s=0))


def new_machine(root: Path) -> TriedKeeper:
    """A machine with the base installed, and nothing else."""
    for name in ("var/lib/parcel-keeper/releases", "var/lib/parcel-kiosk/updates"):
        (root / name).mkdir(parents=True, exist_ok=True)
    base = root / "usr/lib/parcel-kiosk"
    base.mkdir(parents=True, exist_ok=True)
    (base / "factory.squashfs").write_bytes(CONTENT[FACTORY])
    (base / "factory.json").write_text(json.dumps({"version": FACTORY}))
    return TriedKeeper(root)


def machine_with(root: Path, good: str) -> TriedKeeper:
    """A machine on which a release has proven itself."""
    keeper = new_machine(root)
    keeper.put(good)
    keeper.try_release(good)
    assert keeper.runs() == good
    keeper.is_well(good)
    assert keeper.load().good == good
    return keeper


def hand_over(root: Path, version: str, **other: Any) -> Path:
    """What the kiosk does: the file, then the request; the request's path."""
    spool = root / "var/lib/parcel-kiosk/updates"
    spool.mkdir(parents=True, exist_ok=True)
    (spool / "new.squashfs").unlink(missing_ok=True)
    (spool / "new.squashfs").write_bytes(CONTENT[version])
    asked = {"version": version, "file": "new.squashfs", "sha256": sha256_of(version), **other}
    (spool / "request.json").write_text(json.dumps(asked))
    return spool / "request.json"
