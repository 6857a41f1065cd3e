"""A thing that only one process does at a time, on whichever machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from central.database.leadership import AdvisoryLock
from central.database.sqlite import sqlite_file
from central.errors import CannotServeError

Held = Callable[[], bool]
"""Whether it is still held."""


@contextlib.contextmanager
def held_alone(url: str, name: str) -> Iterator[Held | None]:
    """Hold `name` while the `with` block lasts; None where another process has it.

    On SQLite by a lock file beside the database, for its processes are on one machine. On
    PostgreSQL by an advisory lock of one connection: where that is lost, so is the lock; None also
    where there is no connection.
    """
    file = sqlite_file(url)
    with _by_file(file, name) if file is not None else _by_connection(url, name) as held:
        yield held


@contextlib.contextmanager
def _by_file(file: Path, name: str) -> Iterator[Held | None]:
    lock = os.open(file.with_suffix(f".{name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        made = file.stat().st_ino

        def is_the_same() -> bool:
            if not file.exists() or file.stat().st_ino != made:
                raise CannotServeError(f"{file}: the database is another than before; start again")
            return True

        yield is_the_same
    finally:
        os.close(lock)


@contextlib.contextmanager
def _by_connection(url: str, name: str) -> Iterator[Held | None]:
    number = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
    lock = AdvisoryLock(url, number)
    try:
        yield lock.claim if lock.claim() else None
    finally:
        lock.give_up()
