"""A release is tried on a copy of everything before it may run: this kiosk's side of it.

The release is unpacked into a folder of the kiosk's own and started there by the same user, in the
same sandbox: nothing that was not rehearsed runs with more rights, and the machine's keeper stays
small.
It opens a copy of the database, brings that up to its own version, follows the journal's chain,
reads the site file, and draws its first screen where nobody sees it (`kiosk rehearse`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.private_files import make_private
from kiosk.store import evidence
from kiosk.store.store import Store

LOG = logging.getLogger("kiosk.updates")
FOLDER: Final = "rehearsal"
UNPACK: Final = (
    *("unsquashfs", "-no-progress"),
    *("-processors", "1", "-data-queue", "16", "-frag-queue", "16"),
)
"""On one core, with some of the memory that it would take."""
WITHIN_S: Final = 600.0
SAID_MAX: Final = 240
HANDED_ON: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "CREDENTIALS_DIRECTORY",
)
"""Of the environment: a notice to systemd is not the rehearsal's to give."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a release is tried with."""

    store: Store
    data: Path
    site_file: Path
    key_file: Path

    def __call__(self, release: Path) -> str:
        """What is wrong with it; "" where nothing is. Nothing is left of it either way."""
        folder = release.parent / FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        try:
            unpacked = folder / "release"
            folder.mkdir(mode=0o700)
            problem = _run([*UNPACK, "-d", str(unpacked), str(release)], {})
            if problem:
                return f"it cannot be unpacked: {problem}"
            copy = self._copy(folder / "data")
            return self._try(unpacked, copy)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _copy(self, folder: Path) -> Path:
        """The data folder as the release would find it."""
        folder.mkdir(mode=0o700)
        database = self.store.path
        # The journal's signed end first: it may be behind the database, and never ahead of it.
        head = evidence.head_path(database)
        if head.exists():
            shutil.copyfile(head, folder / head.name)
        copied = folder / database.name
        make_private(copied)
        asyncio.run(self.store.back_up(copied))
        beside = self.data / self.key_file.name
        if beside.exists():
            (folder / beside.name).symlink_to(beside.absolute())
        return folder

    def _try(self, unpacked: Path, copy: Path) -> str:
        command = [sys.executable, "-m", "kiosk", "rehearse"]
        command += ["--config", str(self.site_file.absolute()), "--data", str(copy)]
        kept = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
        return _run(command, {**kept, "PYTHONPATH": str(unpacked)}, at=copy)


def _run(command: list[str], environment: dict[str, str], at: Path | None = None) -> str:
    """The last that a command said where it failed; "" where it did not."""
    try:
        done = subprocess.run(
            command,
            cwd=at,
            env=environment or None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {WITHIN_S:g} s"
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    if done.returncode == 0:
        return ""
    lines = done.stdout.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    LOG.warning("the rehearsal ended with %d:\n%s", done.returncode, "\n".join(lines[-40:]))
    return lines[-1][:SAID_MAX]
