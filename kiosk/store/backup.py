"""Backups of the database: made while it runs, checked, kept in number and age.

The full check runs on the fresh copy, so that it keeps nobody waiting, and so that what is kept is
known to be sound.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from kiosk.model.actor import KIOSK
from kiosk.model.clock import Clock
from kiosk.model.event_bodies import BackupChecked
from kiosk.private_files import make_private
from kiosk.store import evidence, journal, meta
from kiosk.store.durable import make_durable
from kiosk.store.errors import StoreError
from kiosk.store.remains import BACKUP_NAME
from kiosk.store.store import Store
from kiosk.store.writer import Writer

KEY_CHECK = "location_key_check"
LAST_BACKUP = "last_backup"


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """Where backups go and how long they are kept."""

    folder: Path
    keep: int = 14
    """The newest so many are kept, if they are not too old."""
    keep_days: int = 30


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup and what its check found."""

    file: str
    at_ms: int
    size_bytes: int = 0
    problem: str = ""
    """What is wrong with it, or why there is none; "" when it is sound."""


async def make(store: Store, plan: BackupPlan, clock: Clock) -> Backup:
    """Make a backup, check all of it, journal what was found, and remove old ones.

    What fails stands in `Backup.problem`. An unsound backup pushes no older one out.
    """
    now = clock.now()
    path = plan.folder / now.utc.strftime(BACKUP_NAME)
    try:
        await store.run(evidence.sign, store.path)
        await _copy(store, path)
        problem = await asyncio.to_thread(check, path, await store.run(_key))
        size_bytes = path.stat().st_size
        if not problem:
            await asyncio.to_thread(_remove_old, plan, path)
    except (OSError, StoreError) as error:
        problem, size_bytes = str(error), 0
    backup = Backup(str(path), now.wall_ms, size_bytes, problem)
    await store.run(_note, backup)
    return backup


async def _copy(store: Store, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".part")
    draft.unlink(missing_ok=True)
    make_private(draft)
    try:
        await store.back_up(draft)
        await asyncio.to_thread(make_durable, draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _key(writer: Writer) -> bytes | None:
    return writer.journal_key


def check(path: Path, journal_key: bytes | None = None) -> str:
    """What is wrong with a database file that nobody uses; "" when it is sound.

    All of it is read: every page and index, every reference, every link of the journal's chain.
    With the journal's key also whether each event, and the journal's end, are signed with it.
    """
    try:
        with contextlib.closing(open_still(path)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                return f"{path}: the database is damaged: {found}"
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                return f"{path}: the database is damaged: a row refers to one that is not there"
            chain = _chain_check(connection, path, journal_key)
            wrong = journal.verify_rows(Database(connection).query(journal.IN_ORDER), chain)
            return f"{path}: the journal is not whole: {wrong}" if wrong else ""
    except evidence.HeadError as error:
        return str(error)
    except (sqlite3.Error, OSError) as error:
        return f"{path}: the database cannot be read: {error}"


def _chain_check(
    connection: sqlite3.Connection, path: Path, journal_key: bytes | None
) -> journal.ChainCheck:
    """What the journal of a backup is held to. Raises `HeadError`."""
    if journal_key is None:
        return journal.ChainCheck()
    row = connection.execute(
        "SELECT value FROM meta WHERE key = ?", (evidence.SIGNED_HEAD,)
    ).fetchone()
    if row is None:
        return journal.ChainCheck(key=journal_key)  # of a version before 0.3
    head = evidence.read_head(row[0], journal_key, f"{path}: its signed head")
    known = {head.seq: head.hash} if head.seq else {}
    return journal.ChainCheck(key=journal_key, keyed_from=head.keyed_from, known=known)


def key_check_of(path: Path) -> str | None:
    """What the location's key of a database file is known by; None where that cannot be read."""
    try:
        with contextlib.closing(open_still(path)) as connection:
            row = connection.execute(
                "SELECT value FROM meta WHERE key = ?", (KEY_CHECK,)
            ).fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else str(row[0])


def open_still(path: Path) -> sqlite3.Connection:
    """A file that nothing changes; nothing is written beside it either."""
    name = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(name, uri=True, isolation_level=None)


def _note(writer: Writer, backup: Backup) -> None:
    writer.record(
        BackupChecked(
            actor=KIOSK,
            file=backup.file,
            at_ms=backup.at_ms,
            size_bytes=backup.size_bytes,
            problem=backup.problem,
        )
    )
    meta.set_value(writer, LAST_BACKUP, json.dumps(asdict(backup)))


def last(writer: Writer) -> Backup | None:
    """The newest backup, for the technician's screen and for when the next is due."""
    found = meta.value(writer, LAST_BACKUP)
    return None if found is None else meta.read_as(Backup, found)


def kept(folder: Path) -> list[Path]:
    """The backups in a folder, the newest first."""
    return sorted(folder.glob("kiosk-*Z.db"), reverse=True)


def _remove_old(plan: BackupPlan, newest: Path) -> None:
    """Remove what is too many or too old; the one that was just made stays."""
    made = datetime.strptime(newest.name, BACKUP_NAME).replace(tzinfo=UTC)
    oldest = (made - timedelta(days=plan.keep_days)).strftime(BACKUP_NAME)
    others = [path for path in kept(plan.folder) if path != newest]
    for place, path in enumerate(others, 2):
        if place > plan.keep or path.name < oldest:
            path.unlink(missing_ok=True)
