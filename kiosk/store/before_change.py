"""A copy of the database, kept before another program than the one before changes it.

With it the program before can go on, whatever the other one does.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from kiosk.model.clock import Clock
from kiosk.private_files import make_private
from kiosk.store import compatibility
from kiosk.store.durable import make_durable
from kiosk.store.errors import CannotOpenError
from kiosk.store.remains import BACKUP_NAME

LOG = logging.getLogger("kiosk")


def keep_copy(path: Path, database: Database, version: str, folder: Path, clock: Clock) -> None:
    """Keep a copy among the backups where a program of another version opened this one last, or
    where tables are to be changed.

    Raises `CannotOpenError` when they are to be changed and there is no room for a copy; where none
    is changed, the start is worth more than the copy.
    """
    if not compatibility.is_other_program(database, version):
        return
    try:
        copy = _copy(database.conn, folder, clock)
    except (OSError, OverflowError, ValueError, sqlite3.Error) as error:
        why = f"{path}: no copy can be kept in {folder} before version {version} opens it: {error}"
        if compatibility.is_to_change(database):
            raise CannotOpenError(
                f"{why}; make room there and start again. The database was left as it was"
            ) from error
        LOG.warning("%s", why)
    else:
        LOG.info("%s: kept as %s before version %s opens it", path, copy, version)


def _copy(connection: sqlite3.Connection, folder: Path, clock: Clock) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / _moment(connection, clock).strftime(BACKUP_NAME)
    if target.exists():
        return target  # a start before came no further than this
    draft = target.with_suffix(".part")
    draft.unlink(missing_ok=True)
    make_private(draft)
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            connection.backup(copy)
        make_durable(draft, target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return target


def _moment(connection: sqlite3.Connection, clock: Clock) -> datetime:
    """When the last event was: the same again at a start that is tried again, so that no copies
    heap up, whatever a clock says that is not set yet. Now where there is none."""
    last = connection.execute("SELECT wall_ms FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
    return datetime.fromtimestamp((clock.now().wall_ms if last is None else last[0]) / 1000, UTC)
