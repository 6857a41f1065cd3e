"""The demo's data folder: whose it is, and that only one demo runs in it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.demo.processes import DemoError
from kiosk.private_files import private_folder

_MARKER = ".parcel-kiosk-demo"
"""Says that a demo made the folder, and is locked while one runs; so it is never removed."""
_ADDRESS = ".parcel-kiosk-demo-address"
_SEEDED = "seeded"


class DemoRunsError(Exception):
    """A demo runs in this folder already; the message says where it is to be seen."""


@contextmanager
def demo_folder(data: Path, *, fresh: bool) -> Iterator[None]:
    """Have the data folder for this demo alone; `fresh`, or a first start that was cut short,
    empties it before.

    Raises:
        DemoError: when the folder holds something that no demo made.
        DemoRunsError: when another demo runs in it; nothing of that was touched.
    """
    marker = data / _MARKER
    if data.exists() and not marker.exists() and any(data.iterdir()):
        raise DemoError(
            f"{data} holds files that are not the demo's; name an empty or new folder with --data"
        )
    private_folder(data)
    # The programs that the demo starts do not inherit it: the lock ends with this process.
    lock = os.open(marker, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoRunsError(f"The demo already runs: {_written_address(data)}") from None
        if fresh or not is_seeded(data):
            _empty(data)
        (data / _ADDRESS).unlink(missing_ok=True)
        yield
        (data / _ADDRESS).unlink(missing_ok=True)
    finally:
        os.close(lock)


def is_seeded(data: Path) -> bool:
    """Whether the first packages lie inside."""
    return (data / _MARKER).read_text(encoding="utf-8") == _SEEDED


def mark_seeded(data: Path) -> None:
    """The first packages lie inside."""
    (data / _MARKER).write_text(_SEEDED, encoding="utf-8")


def tell_address(data: Path, address: str) -> None:
    """Where this demo is to be seen, for who starts another."""
    (data / _ADDRESS).write_text(address, encoding="utf-8")


def _written_address(data: Path) -> str:
    try:
        return (data / _ADDRESS).read_text(encoding="utf-8") or "it is starting"
    except FileNotFoundError:
        return "it is starting"


def _empty(data: Path) -> None:
    (data / _MARKER).write_text("", encoding="utf-8")
    for path in data.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _MARKER:
            path.unlink()
