"""Writes what was found at the machine into a site file, and leaves its comments where they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomlkit

from config.labels import same_label
from config.loader import ConfigError, check_site

BACKUP_SUFFIX = ".bak"


def rewire(
    path: Path, inverted: Mapping[str, bool], wires: Mapping[str, tuple[str, int]]
) -> Path | None:
    """Set each board's polarity by its name, and each slot's board and channel by its label.

    The file is replaced as a whole, or not at all. Returns where the old one was kept; None when
    the file says all this already.

    Raises:
        ConfigError: the result would be no right site file; nothing was changed.
    """
    path = path.resolve()
    before = path.read_text(encoding="utf-8-sig")
    document = tomlkit.parse(before)
    for board in document["boards"]:
        _set_polarity(board, inverted)
    for slot in _slots(document):
        found = wires.get(str(same_label(slot["label"])))
        if found is not None:
            _set(slot, "board", found[0])
            _set(slot, "channel", found[1])
    after = tomlkit.dumps(document)
    return None if after == before else _replace(path, after)


def _slots(document: Any) -> Iterator[Any]:
    for locker in document["lockers"]:
        yield from locker["slots"]


def _set_polarity(board: Any, inverted: Mapping[str, bool]) -> None:
    wanted = inverted.get(board["name"])
    if wanted is not None and wanted is not board.get("invert", False):
        board["invert"] = wanted


def _set(table: Any, key: str, value: object) -> None:
    if table[key] != value:
        table[key] = value


def _replace(path: Path, text: str) -> Path:
    new, backup = path.with_name(path.name + ".new"), path.with_name(path.name + BACKUP_SUFFIX)
    try:
        with os.fdopen(_made_like(path, new), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if mistakes := check_site(new):
            raise ConfigError(mistakes)
        os.close(_made_like(path, backup))
        shutil.copy2(path, backup)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return backup


def _made_like(path: Path, other: Path) -> int:
    """An empty file that nobody may read who may not read this one: there are PIN hashes in it."""
    other.unlink(missing_ok=True)
    mode = path.stat().st_mode & 0o777
    descriptor = os.open(other, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & 0o700)
    os.fchmod(descriptor, mode)  # what the umask took away; it is empty yet
    return descriptor
