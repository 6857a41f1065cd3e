"""Backup and restore of a server on SQLite, by command; the key file is kept apart from both.

After a restore the kiosks send again what the server has forgotten: each tells how long its journal
is, and the server asks for the rest.
"""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from central.database import alone, sqlite_file
from central.durable import move_durably
from central.errors import CannotServeError
from central.remains import SIDE_FILES
from central.settings import Settings
from kiosk.private_files import make_private


def _file_of(settings: Settings) -> Path:
    path = sqlite_file(settings.url)
    if path is None:
        raise CannotServeError(
            "this server's database is not SQLite: back it up with the database's own tools"
        )
    return path


def _check(path: Path) -> None:
    """Read a database through. Raises `CannotServeError` when it is damaged or none of ours."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as copy:
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
            copy.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise CannotServeError(f"{path} is no backup of a central server: {error}") from error
    if found != "ok":
        raise CannotServeError(f"{path} is damaged: {found}")


def backup(settings: Settings, path: Path) -> int:
    """Copy the database, beside a running server or without one, and read the copy through.

    Returns its size in bytes. A file that is there already is never overwritten.
    """
    source = _file_of(settings)
    if path.exists():
        raise CannotServeError(f"{path} is there already; give another name")
    if not source.exists():
        raise CannotServeError(f"{source}: there is no database")
    draft = path.with_name(path.name + ".part")
    draft.unlink(missing_ok=True)
    make_private(draft)
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live,
        contextlib.closing(sqlite3.connect(draft)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    _check(draft)
    move_durably(draft, path)
    return path.stat().st_size


def restore(settings: Settings, path: Path, now_ms: int) -> Path | None:
    """Put a backup in the database's place, with no server running; where the old one went.

    The backup is read through before anything is moved.
    """
    target = _file_of(settings)
    _check(path)
    with alone(settings.url):
        draft = _copy(path, target)
        aside = _set_aside(target, now_ms)
        move_durably(draft, target)
    return aside


def _set_aside(target: Path, now_ms: int) -> Path | None:
    # Also without a database: SQLite would play a log that stays into the restored one.
    beside = [end for end in ("", *SIDE_FILES) if Path(f"{target}{end}").exists()]
    if not beside:
        return None
    moment = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = target.with_name(f"{target.name}.{moment}")
    for end in beside:
        Path(f"{target}{end}").rename(f"{aside}{end}")
    return aside


def _copy(path: Path, target: Path) -> Path:
    draft = target.with_name(target.name + ".part")
    for end in ("", *SIDE_FILES):
        Path(f"{draft}{end}").unlink(missing_ok=True)
    make_private(draft)
    with (
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(draft)) as copy,
    ):
        source.backup(copy)
        # What the kiosks last said of themselves is old: until they come, nobody knows how much of
        # their journals is missing here.
        copy.execute("UPDATE location SET status = '{}'")
        copy.commit()
        # The copy is renamed: nothing of it may lie in a file with another name.
        copy.execute("PRAGMA journal_mode = DELETE")
    return draft
