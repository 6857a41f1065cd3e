"""A thing that only one process does at a time, on whichever machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from hashlib import sha256

from sqlalchemy import Engine, text

from central.database.sqlite import sqlite_file

Held = Callable[[], bool]
"""Whether it is still held."""


@contextlib.contextmanager
def held_alone(engine: Engine, url: str, name: str) -> Iterator[Held | None]:
    """Hold `name` while the `with` block lasts; None where another process has it.

    On SQLite by a lock file beside the database, for its processes are on one machine. On
    PostgreSQL by an advisory lock of one connection: where that is lost, so is the lock.
    """
    file = sqlite_file(url)
    if file is None:
        with _by_connection(engine, name) as held:
            yield held
        return
    lock = os.open(file.with_suffix(f".{name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
        else:
            made = file.stat().st_ino
            yield lambda: file.exists() and file.stat().st_ino == made
    finally:
        os.close(lock)


@contextlib.contextmanager
def _by_connection(engine: Engine, name: str) -> Iterator[Held | None]:
    number = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        taken = text("SELECT pg_try_advisory_lock(:number)")
        if not connection.execute(taken, {"number": number}).scalar_one():
            yield None
            return

        def is_held() -> bool:
            # A connection that broke raises here; its lock went with it.
            return bool(connection.execute(text("SELECT 1")).scalar_one())

        try:
            yield is_held
        finally:
            with contextlib.suppress(Exception):
                released = text("SELECT pg_advisory_unlock(:number)")
                connection.execute(released, {"number": number})
