"""Files that get their name when they are whole, and are there after a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def make_durable(draft: Path, path: Path) -> None:
    """Give a whole file its name, so that it is there after a power cut: all of it, or not."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
