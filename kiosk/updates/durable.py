"""Files that are there after a power cut, all of one or nothing: every change that an update makes
to the disk is made here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(str(path), flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_durably(draft: Path, path: Path) -> None:
    """Give a whole file its name, and be sure of both."""
    _sync(draft, os.O_RDONLY)
    os.replace(str(draft), str(path))  # noqa: PTH105 - one place, so that it can be recorded
    sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    try:
        os.unlink(str(path))  # noqa: PTH108
    except FileNotFoundError:
        return


def replace_durably(path: Path, content: bytes) -> None:
    """Put a file in a file's place, whole or not at all."""
    draft = path.with_name(f"{path.name}.part")
    with new_file(draft) as write:
        write(content)
    move_durably(draft, path)


@contextmanager
def new_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A file in the place of any before, nobody's but its owner's; what writes to it."""
    remove(path)
    descriptor = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        yield lambda data: _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_piece(path: Path, at: int, piece: bytes) -> None:
    """Have a file end with this piece, `at` bytes behind its beginning; durable when this
    returns."""
    made = 0 if path.exists() else os.O_CREAT
    descriptor = os.open(str(path), os.O_WRONLY | made, 0o600)
    try:
        os.ftruncate(descriptor, at)
        os.lseek(descriptor, at, os.SEEK_SET)
        _write_all(descriptor, piece)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
