"""The mark beside a database in use: it says that there must be a log, and how long it is at least.

What was committed since the last checkpoint is in SQLite's log alone. To SQLite, a log that is
missing or empty is one that was merged, and one that was cut short ends earlier: without the mark
a slot that was filled since would look empty. While the mark lies there the log never shrinks: it
is as long as it will get from the start on (a hole in the file, which takes no space), it is only
ever overwritten, and nothing truncates or removes it before the mark is gone for certain. So
whatever is missing is missed, and no commit waits for the mark.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from kiosk.store.errors import NotDoneError
from kiosk.store.remains import MARK_SUFFIX

LOG_HEADER_BYTES = 32
_PAGE_BYTES = 4096
_FRAME_BYTES = 24 + _PAGE_BYTES


def log_of(database: Path) -> Path:
    """SQLite's log of what is not in the database's own file yet."""
    return database.with_name(f"{database.name}-wal")


def mark_of(database: Path) -> Path:
    """Where the mark is while the database is in use, or was when its process died."""
    return database.with_name(database.name + MARK_SUFFIX)


def log_bytes(pages: int) -> int:
    """How long a log can get that is merged at so many pages: the last commit may go beyond."""
    return LOG_HEADER_BYTES + (pages + pages // 4) * _FRAME_BYTES


def loss(database: Path) -> str:
    """What is wrong with the log of a process that died; "" when it is there, or was not needed."""
    mark, log = mark_of(database), log_of(database)
    if not mark.exists():
        return ""
    size = log.stat().st_size if log.is_file() else None
    if size is None:
        return f"{log.name} is missing"
    if not size:
        return f"{log.name} is empty"
    if size < _length_in(mark):
        return f"{log.name} was cut short ({size} of at least {_length_in(mark)} bytes)"
    # SQLite holds no lock on the log's file that closing it could drop.
    with log.open("rb") as file:
        return "" if any(file.read(LOG_HEADER_BYTES)) else f"{log.name} begins with zeros"


def _length_in(mark: Path) -> int:
    """Of a mark that was damaged itself only that there must be a log is sure."""
    try:
        return max(int(mark.read_bytes()), LOG_HEADER_BYTES)
    except (OSError, ValueError):
        return LOG_HEADER_BYTES


def make(database: Path, log_bytes: int) -> int:
    """Make the log so long, unless it is longer, then the mark; how long the log is now.

    The log must hold a commit: its header is looked at. Raises `OSError`.
    """
    with log_of(database).open("r+b") as log:
        size = max(os.fstat(log.fileno()).st_size, log_bytes)
        log.truncate(size)
        os.fsync(log.fileno())
    mark = mark_of(database)
    mark.touch(mode=0o600)
    with mark.open("wb") as file:
        file.write(b"%012d\n" % size)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder_of(mark)
    return size


def is_longer(database: Path, marked_bytes: int) -> bool:
    """Whether the log has grown beyond what its mark says."""
    try:
        return log_of(database).stat().st_size > marked_bytes
    except OSError:
        return False  # the log was taken away meanwhile: the mark that there must be one stays


def remove(database: Path) -> None:
    """Remove the mark, for certain. Raises `OSError`."""
    mark = mark_of(database)
    if mark.exists():
        mark.unlink()
        _sync_folder_of(mark)


def empty_the_log(connection: sqlite3.Connection, database: Path) -> None:
    """Write the log into the database and empty it; there is no mark afterwards.

    Raises `NotDoneError`, and then the log is as long as before.
    """
    try:
        if not _is_merged(connection):
            raise NotDoneError(f"{database}: the log could not be merged; it is tried again later")
        remove(database)
    except OSError as error:
        raise NotDoneError(f"{mark_of(database)}: cannot be removed: {error}") from error
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def close(connection: sqlite3.Connection, database: Path) -> None:
    """Close the database, which removes the log, and before it the mark.

    Raises `OSError` when the mark cannot be removed; the database is closed all the same.
    """
    try:
        if _is_merged(connection):
            remove(database)
    finally:
        connection.close()
    if not log_of(database).exists():
        remove(database)  # closing could merge it after all: SQLite removes no other log


def _is_merged(connection: sqlite3.Connection) -> bool:
    """Merge the log; whether the database's file says everything now."""
    try:
        found = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.Error:
        return False
    is_busy, pages, merged = found
    return not is_busy and 0 <= pages == merged


def _sync_folder_of(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
