"""A machine taken out of service for good: its server is notified, and all it knew is wiped.

A mark in the data folder says how far it has come. With it there no kiosk starts on the folder, and
the same command goes on where it was stopped; the mark goes last.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kiosk.adapters import KEY_FILE, key_check
from kiosk.model.urls import path as url_path
from kiosk.remote_helper import SETTINGS_FILE
from kiosk.scratch import remove_left_behind
from kiosk.store.backup import key_check_of
from kiosk.store.remains import DATABASE, NEWEST_FILE, backups
from kiosk.sync.client import Identity
from kiosk.sync.contract import RetireRequest
from kiosk.sync.enrol import IDENTITY_FILE
from kiosk.sync.reaching import is_out_of_reach
from kiosk.sync.servers import Answered, NotReachedError, servers_of
from kiosk.sync.transport import PlainLineError, Transport
from kiosk.updates.spool import FOLDER as UPDATES
from kiosk.wiping import COPIES_ON_WRITE, file_systems, wipe

MARK = "retiring.json"
OWN_FILES = (
    KEY_FILE,
    f"{Path(IDENTITY_FILE).stem}.part",
    IDENTITY_FILE,
    "kiosk.sock",
    f"{Path(SETTINGS_FILE).stem}.part",
    SETTINGS_FILE,
    f"{NEWEST_FILE}.part",
    NEWEST_FILE,
)
"""Of a kiosk's data folder, beside its database and what is named as that is."""


MESSAGE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-\d+)?(\.part)?")
"""How a message's file is named: see `kiosk.messages`."""


class RetireError(Exception):
    """The machine is not retired; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come."""

    key_check: str
    """Of the location's key: by it this kiosk's own backups are known."""
    packages: tuple[str, ...] = ()
    """The ids of those that lay inside."""
    is_server_notified: bool = False
    is_asking: bool = False
    """The server is being notified: a token that it does not know any more says that it was."""


@dataclass(frozen=True, slots=True)
class Retired:
    """What was done, and what was not."""

    wiped: int
    """How many files."""
    left: tuple[str, ...]
    """What could not be wiped, and why."""
    beyond: tuple[str, ...]
    """What nobody can wipe from here."""


def require_not_retiring(data: Path) -> None:
    """Refuse to use a folder whose machine is being retired. Raises `RetireError`."""
    if (data / MARK).exists():
        raise RetireError(
            f"{data / MARK}: this machine is being retired; kiosk retire again goes on with it"
        )


def progress_in(data: Path) -> Progress | None:
    """How far an earlier call came; None where none was begun. Raises `RetireError`."""
    mark = data / MARK
    if not mark.exists():
        return None
    try:
        read = json.loads(mark.read_text(encoding="utf-8"))
        return Progress(**{**read, "packages": tuple(read["packages"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RetireError(f"{mark}: cannot be read: {error}; remove it and begin again") from error


def keep_progress(data: Path, progress: Progress) -> None:
    """Write down how far it has come, so that it is there after a power cut."""
    draft = data / f"{MARK}.part"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(progress), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(data / MARK)
    folder = os.open(data, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def begin(location_key: bytes, lying: dict[str, str], *, is_forced: bool) -> Progress:
    """The first step. Raises `RetireError` while packages lie inside, unless it is forced."""
    if lying and not is_forced:
        raise RetireError(
            f"{len(lying)} packages lie inside (slots {', '.join(lying)}): take them out first, or"
            " retire with --force, and nobody knows any more whose they are"
        )
    return Progress(key_check(location_key), tuple(lying.values()))


def notify(
    data: Path, identity: Identity | None, transport: Transport, progress: Progress
) -> Progress:
    """Have the server revoke this kiosk's token. Raises `RetireError` when it is not reached."""
    if progress.is_server_notified or identity is None:
        return progress
    was_asking = progress.is_asking
    progress = replace(progress, is_asking=True)
    keep_progress(data, progress)
    answer = _ask(identity, transport, progress)
    # An address that did not answer may have been asked all the same.
    was_asking |= not all(is_out_of_reach(each) for each in answer.before)
    if answer.status != 200 and not (answer.status == 401 and was_asking):
        said = answer.text[:200].decode(errors="replace")
        raise RetireError(
            f"{answer.url}: the server refuses: {answer.status} {said}; retire with"
            " --without-server, and revoke the location there: central location revoke"
        )
    progress = replace(progress, is_server_notified=True)
    keep_progress(data, progress)
    return progress


def _ask(identity: Identity, transport: Transport, progress: Progress) -> Answered:
    message = RetireRequest(packages=progress.packages).model_dump_json()
    where = url_path("v1", "locations", identity.location, "retire")
    with servers_of(transport, identity.url) as servers:
        try:
            return servers.ask("POST", where, identity.token, data=message)
        except PlainLineError as error:
            raise RetireError(str(error)) from error
        except NotReachedError as error:
            raise RetireError(
                f"{servers.urls[0]}: the server is not reached: {error}\n"
                "Try again when it is, or retire with --without-server, and revoke the location"
                " there"
            ) from error


def wipe_all(
    data: Path, progress: Progress, folders: Sequence[Path], secrets: Sequence[Path] = ()
) -> Retired:
    """Destroy all that this kiosk kept. `folders`: where its backups and messages went; `secrets`:
    further files, such as the key of its certificate. The location's key goes first: without it
    what is left of the rest is sealed for ever."""
    left: list[str] = []
    wiped = 0
    for file in list(_files(data, progress, folders, secrets)):
        problem = wipe(file)
        wiped += not problem
        if problem:
            left.append(problem)
    shutil.rmtree(data / UPDATES, ignore_errors=True)
    remove_left_behind()
    others = sorted(each.name for each in data.glob("*") if each.name != MARK)
    if others:
        left.append(f"{data}: not this program's, and left: {', '.join(others[:20])}")
    beyond = tuple(_beyond(data, folders))
    problem = wipe(data / MARK)
    if problem:
        left.append(problem)
    with contextlib.suppress(OSError):
        data.rmdir()  # where nothing else is in it
    return Retired(wiped, tuple(left), beyond)


def _files(
    data: Path, progress: Progress, folders: Sequence[Path], secrets: Sequence[Path]
) -> Iterator[Path]:
    database = data / DATABASE
    for name in OWN_FILES:
        if (data / name).exists() or (data / name).is_symlink():
            yield data / name
    yield from (each for each in secrets if each.exists())
    own = [
        each
        for each in backups(database, tuple(folders))
        if key_check_of(each) == progress.key_check
    ]
    yield from sorted(data.glob(f"{DATABASE}*"))
    # Releases that came, and what a power cut left of a rehearsal's copy of the database.
    yield from sorted(each for each in (data / UPDATES).rglob("*") if each.is_file())
    yield from own
    for folder in (data, *folders):
        yield from sorted(folder.glob("kiosk-*Z.part"))
    for folder in folders:
        yield from sorted(each for each in folder.glob("*-*") if MESSAGE.fullmatch(each.name))


def _beyond(data: Path, folders: Sequence[Path]) -> Iterator[str]:
    kinds = file_systems([data, *folders]) & COPIES_ON_WRITE
    if kinds:
        yield (
            f"the file system ({', '.join(sorted(kinds))}) never writes in place: what was"
            " overwritten is on the disk until its blocks are used again"
        )
    yield "flash memory keeps old blocks: erase the whole disk, or destroy it"
    yield "copies elsewhere: backups on other disks, the copy of location.key, snapshots"
    yield "the system's own log (journalctl --rotate, journalctl --vacuum-time=1s), and the swap"
    yield "the site file, which has the hashes of PINs, is nobody's to remove but yours"
