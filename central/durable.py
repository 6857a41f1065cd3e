"""Files that are there after a power cut, all of one or nothing."""

from __future__ import annotations

import os
from pathlib import Path


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
