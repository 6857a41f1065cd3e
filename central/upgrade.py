"""A server brought up to this version: a backup, the migrations, and a look at everything.

What it refuses it refuses before anything is changed; what it finds wrong afterwards it says
together with the way back.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
from sqlalchemy import Connection, Text, select, type_coerce
from sqlalchemy.exc import SQLAlchemyError

from central import backup, schema, tokens
from central.building import build
from central.context import Central
from central.database import is_postgresql, upgrading
from central.errors import CannotServeError
from central.sealing import Sealed, sealed_columns
from central.settings import Settings
from kiosk.model.sealing import UnsealError

MB: Final = 1_000_000
LOOKED_AT_MAX: Final = 500
"""So many rows of each table are read, and what is sealed in them is opened."""
NAME: Final = "central-before-%Y%m%dT%H%M%SZ.backup"
FOLDER: Final = "backups"
"""In the data folder, where none is named."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What was done."""

    before: str
    """At which migration the tables were."""
    after: str
    file: Path
    """The backup from before."""
    tables: int
    """So many were read."""
    sealed: int
    """So many sealed values were opened."""


def upgrade(
    settings: Settings, folder: Path | None, now_ms: int, say: Callable[[str], None]
) -> Upgraded:
    """Back up, migrate, look at everything; `say` gets a sentence for each step.

    Raises `CannotServeError`, which says what was changed and how to go back.
    """
    with upgrading.upgrading(settings.url, settings.key_path) as engine:
        before, newest = upgrading.require_upgradable(engine)
        tokens.load(settings.key_path, may_be_new=False)  # without it nothing could be read
        file = _backup_file(settings, folder, now_ms)
        _require_room(settings, file.parent, upgrading.size_bytes(engine, settings.url))
        size = backup.backup(settings, file)
        say(f"{file}: {size / MB:.1f} MB, the backup from before, read through and sound.")
        after = upgrading.migrate(engine)
        say(f"The tables are at {after} (before: {before}).")
    if after != newest:
        raise CannotServeError(f"the tables are at {after} and not at {newest}; {_back(file)}")
    try:
        tables, sealed = _look(settings)
    except (CannotServeError, SQLAlchemyError) as error:
        raise CannotServeError(f"{error}; no server was started. {_back(file)}") from error
    say(f"{tables} tables were read and {sealed} sealed values opened; a server would be ready.")
    return Upgraded(before, after, file, tables, sealed)


def _backup_file(settings: Settings, folder: Path | None, now_ms: int) -> Path:
    into = settings.data / FOLDER if folder is None else folder
    try:
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CannotServeError(
            f"{into}: {error.strerror}: no backup can be made there; name another folder with"
            " --into. Nothing was changed"
        ) from error
    return into / datetime.fromtimestamp(now_ms / 1000, UTC).strftime(NAME)


def _require_room(settings: Settings, folder: Path, size: int) -> None:
    """Refuse where the backup, and on SQLite tables that are written again, could fill a disk."""
    least_mb = settings.disk_free_min_mb
    wanted = {folder: size}
    if not is_postgresql(settings.url):
        is_one_disk = folder.stat().st_dev == settings.data.stat().st_dev
        wanted = {folder: 2 * size} if is_one_disk else {folder: size, settings.data: size}
    for place, needed in wanted.items():
        free_mb, needed_mb = shutil.disk_usage(place).free // MB, -(-needed // MB) + least_mb
        if free_mb < needed_mb:
            raise CannotServeError(
                f"{place}: {free_mb} MB are free, and {needed_mb} MB are needed (the database has"
                f" {size / MB:.0f} MB, and disk_free_min_mb is {least_mb}): make room, or name"
                " another folder with --into. Nothing was changed"
            )


def _back(file: Path) -> str:
    return (
        "To go back: install the version before again, stop every server, then central restore"
        f" {file}"
    )


def _look(settings: Settings) -> tuple[int, int]:
    """Start what a server is made of, without its work, and read what it reads."""
    central = build(settings.model_copy(update={"roles": ("api",)}), may_be_new=False)
    try:
        sealed = central.database.read(_read_everything, central)
        problem = asyncio.run(_why_not_ready(central))
    finally:
        central.database.close()
    if problem:
        raise CannotServeError(f"a server would not be ready: {problem}")
    return len(schema.metadata.sorted_tables), sealed


def _read_everything(connection: Connection, central: Central) -> int:
    """Read some of each table, and open what is sealed; how many values that were."""
    opened = 0
    for table in schema.metadata.sorted_tables:
        connection.execute(select(table).limit(LOOKED_AT_MAX)).all()
        for name, kind in sealed_columns(table).items():
            key = table.c[name if isinstance(kind, Sealed) else kind.key]
            values = select(key, type_coerce(table.c[name], Text)).limit(LOOKED_AT_MAX)
            for row, value in connection.execute(values):
                if not value:
                    continue
                context = kind.context if isinstance(kind, Sealed) else kind.context_of(row)
                try:
                    central.secrets.sealing.open(value, context)
                except UnsealError as error:
                    raise CannotServeError(f"{table.name}.{name} does not open: {error}") from error
                opened += 1
    return opened


async def _why_not_ready(central: Central) -> str:
    """What `/readyz` and the list of routes say; "" where a server would be ready."""
    from central.app import create_app  # only once everything else went well

    app = create_app(central)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for path in ("/healthz", "/readyz", "/openapi.json"):
            answer = await client.get(path)
            if answer.status_code != 200:
                return f"{path} is answered {answer.status_code}: {answer.text[:300]}"
    return ""


def next_steps(settings: Settings, done: Upgraded) -> Iterator[str]:
    """What is to be done now, in sentences."""
    if is_postgresql(settings.url):
        yield "Start the servers again one after the other, each with this version; the others"
        yield "go on meanwhile: systemctl restart parcel-central, then wait for /readyz."
    else:
        yield "Start the server with this version: systemctl start parcel-central"
    yield _back(done.file)
    yield "What came in after the backup is then sent again by the kiosks; announcements are not."
