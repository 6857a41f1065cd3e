"""Backup and restore of a server, by command; the key file is kept apart from both.

After a restore the kiosks send again what the server has forgotten: each tells how long its journal
is, and the server asks for the rest.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from central import schema
from central.adapters import SystemClock
from central.database import alone, dumps, migrate_shared, sqlite_file
from central.database.bulk import upsert
from central.database.postgresql import url_of
from central.durable import move_durably
from central.errors import CannotServeError
from central.remains import SIDE_FILES
from central.schema import BACKED_UP
from central.settings import Settings
from kiosk.private_files import make_private

LOG = logging.getLogger("central")


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
    if path.exists():
        raise CannotServeError(f"{path} is there already; give another name")
    draft = path.with_name(path.name + ".part")
    draft.unlink(missing_ok=True)
    source = sqlite_file(settings.url)
    if source is None:
        make_private(draft)
        dumps.dump(settings.url, draft, settings.postgresql_programs)
        dumps.require_sound(draft, settings.postgresql_programs)
    else:
        _copy_live(source, draft)
        _check(draft)
    move_durably(draft, path)
    _note_made(settings.url)
    return path.stat().st_size


def _note_made(url: str) -> None:
    """Note for those who watch the server that a backup was made; it is as good without that."""
    made = url if sqlite_file(url) is not None else url_of(url)
    engine = create_engine(made, poolclass=NullPool, hide_parameters=True)
    now_ms = str(SystemClock().now_ms())
    try:
        with engine.begin() as connection:
            upsert(connection, schema.meta, {"key": BACKED_UP}, {"value": now_ms})
    except SQLAlchemyError as error:
        LOG.warning("that a backup was made could not be noted: %s", error)


def _copy_live(source: Path, draft: Path) -> None:
    if not source.exists():
        raise CannotServeError(f"{source}: there is no database")
    make_private(draft)
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live,
        contextlib.closing(sqlite3.connect(draft)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def restore(settings: Settings, path: Path, now_ms: int) -> Path | str | None:
    """Put a backup in the database's place, with no server running; where the old one went: a
    file, or a schema of a PostgreSQL database.

    The backup is read through before anything is moved.
    """
    target = sqlite_file(settings.url)
    if target is None:
        dumps.require_sound(path, settings.postgresql_programs)
        aside = dumps.load(settings.url, path, _moment(now_ms), settings.postgresql_programs)
        migrate_shared(settings.url)
        return None if aside is None else f"the schema {aside} in the same database"
    _check(path)
    with alone(settings.url):
        draft = _copy(path, target)
        file = _set_aside(target, now_ms)
        move_durably(draft, target)
    return file


def _moment(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


def _set_aside(target: Path, now_ms: int) -> Path | None:
    # Also without a database: SQLite would play a log that stays into the restored one.
    beside = [end for end in ("", *SIDE_FILES) if Path(f"{target}{end}").exists()]
    if not beside:
        return None
    aside = target.with_name(f"{target.name}.{_moment(now_ms)}")
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
