"""Files that are there after a power cut, all of one or nothing, and that nobody else may read."""

from __future__ import annotations

import logging
import os
from pathlib import Path

LOG = logging.getLogger("central")
OTHERS = 0o077
"""The rights of everybody but the owner."""


def make_private(path: Path) -> None:
    """Make an empty file for its owner alone; SQLite's other files follow the database's rights.
    Raises `OSError`, where something is there already, too."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def write_private(path: Path, text: str) -> None:
    """Write a file for its owner alone, in the place of any before."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def private_folder(folder: Path) -> None:
    """Have a folder; one that others may enter is shut to them, or said to be open where it is
    somebody else's."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = folder.stat().st_mode & 0o777
    if not mode & OTHERS:
        return
    try:
        folder.chmod(mode & ~OTHERS)
    except OSError as error:
        LOG.warning("%s: others may enter this folder (%s); run: chmod 700 it", folder, error)
    else:
        LOG.warning("%s: others could enter this folder; now they cannot", folder)


def move_durably(draft: Path, path: Path) -> None:
    """Give a whole file its name, and be sure of both."""
    _sync(draft)
    draft.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
