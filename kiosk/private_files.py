"""Files and folders that are nobody's but their owner's, from their first byte on."""

from __future__ import annotations

import logging
import os
from pathlib import Path

LOG = logging.getLogger("private_files")
OTHERS = 0o077
"""The rights of everybody but the owner."""


def is_open_to_others(path: Path) -> bool:
    """Whether something is there that somebody else may read or enter."""
    return path.exists() and bool(path.stat().st_mode & OTHERS)


def make_private(path: Path) -> None:
    """Make an empty file; SQLite's other files follow the database's rights. Raises `OSError`,
    where something is there already, too."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def write_private(path: Path, text: str) -> None:
    """Write a file in the place of any before."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def keep_private(path: Path, text: str) -> None:
    """Write a file whole, so that after a power cut it is there as before or as now. Raises
    `OSError`."""
    draft = path.with_name(f"{path.name}.part")
    write_private(draft, text)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have what files a folder holds outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
