"""A backup put back in the database's place, with what happened since, as far as it is known.

A backup is older than the last thing that happened. The events after it, which the server had
acknowledged, are written again as they were, each with what it changed, so that the journal is the
one from before. Personal fields are in no event: the server tells them again with its commands. A
restored database begins a new epoch; where nobody knows what happened since, every slot is in doubt
in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.model.clock import Clock
from kiosk.model.events import Event, EventKind, chain_hash, chain_mac, journal_key
from kiosk.model.images import known_images
from kiosk.private_files import make_private
from kiosk.store import commands, epochs, evidence, meta, openings, running
from kiosk.store.backup import KEY_CHECK, check, open_still
from kiosk.store.durable import make_durable
from kiosk.store.errors import (
    CannotOpenError,
    DamagedError,
    ForbiddenError,
    InUseError,
    NotDoneError,
    RefusedError,
)
from kiosk.store.remains import MARK_SUFFIX, SIDE_FILES, fault_of
from kiosk.store.store import Store
from kiosk.store.writer import KEY_OF_TABLE, ChainHead, RowChange, Writer


@dataclass(frozen=True, slots=True)
class Recall:
    """What the server gives back."""

    batches: Iterator[Sequence[Event]]
    """The events after the backup's last, in order."""
    is_complete: bool
    """Nothing waited to be sent when the server last heard of this kiosk."""
    heard_ms: int
    """When that was, by the server's clock, in milliseconds since 1970 UTC."""


Recaller = Callable[[ChainHead], Recall]
"""Asks the server for what comes after the end of a backup's journal."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What `restore` has done."""

    slots: int
    """So many slots are in doubt now."""
    aside: Path | None
    """Where the database from before is; None when there was none."""
    taken_back: int = 0
    """How many events that are newer than the backup the server gave back."""
    heard_ms: int | None = None
    """When the server last heard of this kiosk, by its own clock; None when it was not asked."""
    doubt: str = ""
    """Why every slot is in doubt; "" when what is inside is known."""


def restore(
    source: Path,
    database: Path,
    key_check: str,
    clock: Clock,
    rng: random.Random,
    recaller: Recaller | None = None,
    doubt: str = "",
    location_key: bytes | None = None,
) -> Restored:
    """Put a backup in the database's place, as a new epoch.

    What happened since is taken back from the server, which `recaller` asks; with what the server
    does not know in full, with `doubt` or without a server every slot is in doubt afterwards.
    Nothing is changed before the new database is whole; the old one is kept beside it. `key_check`
    is what the location's key is known by; with the `location_key` itself the backup is proven, and
    what is written is signed. Raises `CannotOpenError` (or a subclass), and whatever
    `recaller` raises.
    """
    signing = None if location_key is None else journal_key(location_key)
    problem = check(source, signing)
    if problem:
        raise DamagedError(f"{problem}; choose another backup")
    _require_key(source, key_check)
    _empty_log_of(database)
    draft = database.with_name(f"{database.name}.restoring")
    _remove(draft)
    make_private(draft)
    shutil.copyfile(source, draft)
    store = Store(draft, clock, rng, threaded=False)
    try:
        if location_key is not None:
            store.use_key(location_key)
        taken = _take_back(store, recaller, doubt)
        epoch = f"{rng.getrandbits(64):016x}"
        count = store.submit(_begin_again, epoch, source.name, taken).result()
        head = store.submit(evidence.current).result()
    except BaseException:
        store.close()
        _remove(draft)
        raise
    store.close()
    if draft.with_name(f"{draft.name}-wal").exists():
        raise NotDoneError(f"{draft}: SQLite has not written everything; nothing was restored")
    aside = _keep_aside(database, clock)
    if signing is not None:
        evidence.write_head(database, head, signing)
    make_durable(draft, database)
    _keep_mark_aside(database, aside)
    return Restored(count, aside, taken.count, taken.heard_ms, taken.doubt)


def _remove(draft: Path) -> None:
    for suffix in ("", *SIDE_FILES):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _TakenBack:
    count: int
    heard_ms: int | None
    doubt: str


def _take_back(store: Store, recaller: Recaller | None, doubt: str) -> _TakenBack:
    """Write again what the server knows that is newer than the backup."""
    if recaller is None:
        return _TakenBack(0, None, doubt or "nobody knows what happened since the backup")
    first = store.submit(_head).result()
    recall = recaller(first)
    if not recall.is_complete:
        doubt = doubt or "the server had not heard of everything"
    try:
        for events in recall.batches:
            store.submit(take_back, events).result()
    except RefusedError as error:
        doubt = f"what the server knows does not continue this backup: {error}"
    except ForbiddenError as error:  # as of a newer program, whose tables allow more
        doubt = f"what the server knows cannot be written by this version: {error}"
    return _TakenBack(store.submit(_head).result().seq - first.seq, recall.heard_ms, doubt)


def _head(writer: Writer) -> ChainHead:
    return writer.head


def _require_key(source: Path, key_check: str) -> None:
    with contextlib.closing(open_still(source)) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (KEY_CHECK,)).fetchone()
    if row is not None and row[0] != key_check:
        raise CannotOpenError(
            f"{source}: its codes were made with another location key than the one here;"
            " it is the backup of another kiosk, or the key is not the right one"
        )


def _empty_log_of(database: Path) -> None:
    """Make sure that nobody uses the database, and that its file alone says everything."""
    if fault_of(database):
        return  # SQLite would throw the log of an empty file away
    connection = sqlite3.connect(database, isolation_level=None, timeout=0)
    loss = running.loss(database)
    try:
        connection.execute("PRAGMA locking_mode = exclusive")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
        if loss:  # the mark stays with it: this database does not know what happened last
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        else:
            running.empty_the_log(connection, database)
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise InUseError(f"{database}: a kiosk is running on it; stop it first") from error
    except (sqlite3.DatabaseError, NotDoneError):
        return  # damaged: it is kept with its log, as it is
    finally:
        connection.close()


def _keep_aside(database: Path, clock: Clock) -> Path | None:
    beside = [database.with_name(database.name + suffix) for suffix in SIDE_FILES]
    if not any(path.exists() for path in (database, *beside)):
        return None
    stamp = clock.now().utc.strftime("%Y%m%dT%H%M%SZ")
    aside = database.with_name(f"{database.name}.before-restore-{stamp}")
    # A second name, so that at no moment there is no database under the first.
    if database.exists():
        os.link(database, aside)
    # Also without a database: SQLite would play a log that stays into the restored one.
    for suffix, path in zip(SIDE_FILES, beside, strict=True):
        if path.exists() and suffix != MARK_SUFFIX:
            path.replace(aside.with_name(aside.name + suffix))
    return aside


def _keep_mark_aside(database: Path, aside: Path | None) -> None:
    """The mark that the log was lost goes last: with the old database in place it must be there."""
    mark = running.mark_of(database)
    if aside is not None and mark.exists():
        mark.replace(running.mark_of(aside))


def _begin_again(writer: Writer, epoch: str, file: str, taken: _TakenBack) -> int:
    """Begin the new epoch; how many slots are in doubt in it."""
    meta.forget(writer, evidence.HEAD_KEPT)  # of the database in whose place this one comes
    why = f"restored from {file}: {taken.doubt}"
    return epochs.begin_again(
        writer,
        epoch,
        taken.doubt,
        why,
        heard_ms=taken.heard_ms,
        file=file,
        taken_back=taken.count,
    )


# --- what the server gives back ------------------------------------------------------------------


def take_back(writer: Writer, events: Sequence[Event]) -> None:
    """Write events again that are missing in this database.

    Raises `RefusedError` when they do not continue its journal, and then none is written.
    """
    for event in events:
        _require_next(writer.head, event)
        _require_signed(writer, event)
        try:
            body = json.loads(event.body)
            changes = _changes(writer, known_images(body))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RefusedError(f"event {event.seq} cannot be read: {error!r}") from error
        writer.record_again(event, changes, body)
        if event.kind == EventKind.COMMAND_APPLIED:
            commands.came_to(writer, int(body["n"]))
        openings.take_back(writer, event.kind, body, event.at.wall_ms)


def _require_next(head: ChainHead, event: Event) -> None:
    digest = chain_hash(head.hash, event.epoch, event.seq, event.kind, event.body, event.at)
    if event.seq != head.seq + 1 or event.previous != head.hash or event.hash != digest:
        raise RefusedError(f"event {event.seq} does not follow from event {head.seq}")


def _require_signed(writer: Writer, event: Event) -> None:
    """A mac that came back is this location's; one that a server before 0.3 did not keep is made
    again, as the event follows."""
    key = writer.journal_key
    if key is not None and event.mac and event.mac != chain_mac(key, event.hash):
        raise RefusedError(f"event {event.seq} is not signed with this location's key")


def _changes(writer: Writer, rows: Sequence[tuple[str, dict[str, Any]]]) -> list[RowChange]:
    """After-images as changes of what is there."""
    changes: list[RowChange] = []
    made: set[tuple[str, Any]] = set()
    for table, row in rows:
        name = (table, row[KEY_OF_TABLE[table]])
        is_new = name not in made and not _is_there(writer, *name)
        made.add(name)
        changes.append(RowChange(table, row, is_new))
        if table == "package" and row.get("recipient") is not None:
            # Who it is comes with the commands; that it is somebody must be known before.
            writer.db.execute(
                "INSERT INTO recipient (id, name, phone) VALUES (?, '', '') ON CONFLICT DO NOTHING",
                (row["recipient"],),
            )
    return changes


def _is_there(writer: Writer, table: str, key: Any) -> bool:
    column = KEY_OF_TABLE[table]
    return writer.one(f"SELECT 1 FROM {table} WHERE {column} = ?", (key,)) is not None
