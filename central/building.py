"""The parts of a server, built from its settings: for who serves, and for commands beside it."""

from __future__ import annotations

from sqlalchemy import Connection, select

from central import privacy, resealing, schema, tokens
from central.adapters import Clock, SystemClock
from central.context import Central
from central.database import Database
from central.errors import CannotServeError
from central.settings import Settings
from kiosk.private_files import private_folder


def build(
    settings: Settings,
    clock: Clock | None = None,
    *,
    may_be_beside: bool = False,
    may_be_new: bool = True,
) -> Central:
    """The parts of a server, or with `may_be_beside` of a command that works beside one.

    `may_be_new`: where nothing of a server lies, one is made. Raises `CannotServeError` when they
    cannot be had.
    """
    for folder in (settings.data, *settings.data.parents):
        if folder.exists() and not folder.is_dir():
            raise CannotServeError(f"{folder} is no folder; name the right one with --data")
    database = Database(
        settings.url,
        settings.key_path,
        may_be_beside=may_be_beside,
        may_be_new=may_be_new,
        writers=settings.lanes,
        read_url=settings.read_url,
        read_behind_max_ms=settings.read_behind_max_ms,
    )
    try:
        private_folder(settings.data)
        known = tokens.load(settings.key_path, may_be_new=database.read(_is_empty))
        database.seal_with(known.sealing)
        central = Central(settings, database, known, clock or SystemClock())
        if not database.is_beside:
            resealing.bring_up(database, known)
            if database.submit(privacy.forget_again, central).result():
                database.wipe_free_space()
    except BaseException:
        database.close()
        raise
    return central


def _is_empty(connection: Connection) -> bool:
    """Whether nothing was ever made that the server's key is needed for."""
    tables = (schema.location, schema.user, schema.staff, schema.api_key)
    return not resealing.is_claimed(connection) and all(
        connection.execute(select(*table.primary_key).limit(1)).first() is None for table in tables
    )
