"""Backups of the database: made while it runs, checked, kept in number and age, restored.

The full check runs on the fresh copy, so that it keeps nobody waiting, and so that what is kept is
known to be sound. A restored database begins a new epoch in which every slot is in doubt: what was
put in or taken out since the backup is not known.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from kiosk.model.clock import Clock
from kiosk.model.events import EventKind
from kiosk.model.location import SuspectReason
from kiosk.store import intents, journal, recovery, slots
from kiosk.store.errors import CannotOpenError, DamagedError, InUseError, NotDoneError, StoreError
from kiosk.store.store import Store
from kiosk.store.writer import Writer

NAME = "kiosk-%Y%m%dT%H%M%SZ.db"
"""How a backup is called: by when it was made, UTC."""
KEY_CHECK = "location_key_check"
SIDE_FILES = ("-wal", "-shm")


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

    What fails is told by `Backup.problem`. An unsound backup pushes no older one out.
    """
    now = clock.now()
    path = plan.folder / now.utc.strftime(NAME)
    try:
        await _copy(store, path)
        problem = await asyncio.to_thread(check, path)
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
    draft.touch(mode=0o600)
    try:
        await store.back_up(draft)
        await asyncio.to_thread(_make_durable, draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _make_durable(draft: Path, path: Path) -> None:
    """Give a whole file its name, so that it is there after a power cut: all of it, or not."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check(path: Path) -> str:
    """What is wrong with a database file that nobody uses; "" when it is sound.

    All of it is read: every page and index, every reference, every link of the journal's chain.
    """
    try:
        with contextlib.closing(_open_still(path)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                return f"{path}: the database is damaged: {found}"
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                return f"{path}: the database is damaged: a row refers to one that is not there"
            wrong = journal.verify_rows(Database(connection).query(journal.IN_ORDER))
            return f"{path}: the journal is not whole: {wrong}" if wrong else ""
    except (sqlite3.Error, OSError) as error:
        return f"{path}: the database cannot be read: {error}"


def _open_still(path: Path) -> sqlite3.Connection:
    """A file that nothing changes; nothing is written beside it either."""
    name = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(name, uri=True, isolation_level=None)


def _note(writer: Writer, backup: Backup) -> None:
    body = {
        "file": backup.file,
        "at_ms": backup.at_ms,
        "size_bytes": backup.size_bytes,
        "problem": backup.problem,
    }
    writer.record(EventKind.BACKUP_CHECKED, **body)
    writer.db.execute(
        "INSERT INTO meta (key, value) VALUES ('last_backup', ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (json.dumps(body),),
    )


def last(writer: Writer) -> Backup | None:
    """The newest backup, for the technician's screen and for when the next is due."""
    row = writer.one("SELECT value FROM meta WHERE key = 'last_backup'")
    return None if row is None else Backup(**json.loads(row["value"]))


def kept(folder: Path) -> list[Path]:
    """The backups in a folder, the newest first."""
    return sorted(folder.glob("kiosk-*Z.db"), reverse=True)


def _remove_old(plan: BackupPlan, newest: Path) -> None:
    """Remove what is too many or too old; the one that was just made stays."""
    made = datetime.strptime(newest.name, NAME).replace(tzinfo=UTC)
    oldest = (made - timedelta(days=plan.keep_days)).strftime(NAME)
    others = [path for path in kept(plan.folder) if path != newest]
    for place, path in enumerate(others, 2):
        if place > plan.keep or path.name < oldest:
            path.unlink(missing_ok=True)


# --- restoring -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Restored:
    """What `restore` has done."""

    slots: int
    """So many slots are in doubt now."""
    aside: Path | None
    """Where the database from before is; None when there was none."""


def restore(
    source: Path, database: Path, key_check: str, clock: Clock, chance: random.Random
) -> Restored:
    """Put a backup in the database's place, as a new epoch with every slot in doubt.

    Nothing is changed before the new database is whole; the old one is kept beside it. `key_check`
    is what the location's key is known by. Raises `CannotOpenError` (or a subclass).
    """
    problem = check(source)
    if problem:
        raise DamagedError(f"{problem}; choose another backup")
    _require_key(source, key_check)
    _empty_log_of(database)
    draft = database.with_name(f"{database.name}.restoring")
    for suffix in ("", *SIDE_FILES):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(source, draft)
    draft.chmod(0o600)
    store = Store(draft, clock, chance, threaded=False)
    try:
        epoch = f"{chance.getrandbits(64):016x}"
        count = store.submit(_begin_again, epoch, source.name).result()
    finally:
        store.close()
    if draft.with_name(f"{draft.name}-wal").exists():
        raise NotDoneError(f"{draft}: SQLite has not written everything; nothing was restored")
    aside = _keep_aside(database, clock)
    _make_durable(draft, database)
    return Restored(count, aside)


def _require_key(source: Path, key_check: str) -> None:
    with contextlib.closing(_open_still(source)) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (KEY_CHECK,)).fetchone()
    if row is not None and row[0] != key_check:
        raise CannotOpenError(
            f"{source}: its codes were made with another location key than the one here;"
            " it is the backup of another kiosk, or the key is not the right one"
        )


def _empty_log_of(database: Path) -> None:
    """Make sure that nobody uses the database, and that its file alone says everything."""
    if not database.exists():
        return
    connection = sqlite3.connect(database, isolation_level=None, timeout=0)
    try:
        connection.execute("PRAGMA locking_mode = exclusive")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise InUseError(f"{database}: a kiosk is running on it; stop it first") from error
    except sqlite3.DatabaseError:
        return  # damaged: it is kept with its log, as it is
    finally:
        connection.close()


def _keep_aside(database: Path, clock: Clock) -> Path | None:
    if not database.exists():
        return None
    stamp = clock.now().utc.strftime("%Y%m%dT%H%M%SZ")
    aside = database.with_name(f"{database.name}.before-restore-{stamp}")
    # A second name, so that at no moment there is no database under the first.
    os.link(database, aside)
    for suffix in SIDE_FILES:
        beside = database.with_name(database.name + suffix)
        if beside.exists():
            beside.replace(aside.with_name(aside.name + suffix))
    return aside


def _begin_again(writer: Writer, epoch: str, file: str) -> int:
    """Begin the new epoch: nothing is known of any slot any more. How many slots there are."""
    before = writer.head
    facts = {
        "file": file,
        "from_epoch": before.epoch,
        "from_seq": before.seq,
        "from_hash": before.hash.hex(),
    }
    writer.begin_epoch(epoch)
    writer.record(EventKind.DATABASE_RESTORED, **facts)
    for intent in intents.open_intents(writer):
        recovery.recover(writer, intent, "not looked at")
    labels = [record.label for record in slots.records(writer)]
    for label in labels:
        slots.mark_suspect(
            writer, label, SuspectReason.MAY_HOLD_ANOTHERS, f"restored from {file}", "restore"
        )
    # Holds do not get back the time since the backup: the kiosk was alive in it.
    writer.db.execute("DELETE FROM meta WHERE key = 'alive'")
    return len(labels)
