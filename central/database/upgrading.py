"""What an upgrade needs of either database: nobody else who upgrades it, its size, its tables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from central.database import migrating, postgresql, sqlite
from central.errors import CannotServeError
from central.remains import SIDE_FILES, require_database, require_server

LOCK: Final = 0x706172_757067
"""The advisory lock of who upgrades."""


@contextlib.contextmanager
def upgrading(url: str, key: Path) -> Iterator[Engine]:
    """Connections to a database that nobody else upgrades meanwhile; on SQLite no server runs, on
    PostgreSQL they go on. `key` is the server's key file. Raises `CannotServeError`."""
    file = sqlite.sqlite_file(url)
    with contextlib.ExitStack() as held:
        if file is None:
            engine = create_engine(postgresql.url_of(url), hide_parameters=True, poolclass=NullPool)
            held.callback(engine.dispose)
        else:
            require_server(file, key, may_be_new=False)
            _hold(held, url)
            require_database(file, key, may_be_new=False)
            engine = sqlite.engine_of(url)
            held.callback(engine.dispose)
        try:
            if file is None:
                _claim(held.enter_context(engine.connect()))
            yield engine
        except SQLAlchemyError as error:
            raise CannotServeError(f"the database could not be upgraded: {error}") from error


def _hold(held: contextlib.ExitStack, url: str) -> None:
    try:
        held.enter_context(sqlite.alone(url))
    except CannotServeError as error:
        raise CannotServeError(
            f"{error}. For an upgrade no server runs on SQLite, and nobody else upgrades; nothing"
            " was changed"
        ) from error


def _claim(connection: Connection) -> None:
    asked = text("SELECT pg_try_advisory_lock(:lock)")
    if not connection.execute(asked, {"lock": LOCK}).scalar_one():
        raise CannotServeError(
            "somebody else upgrades this database just now: wait until that has ended, then"
            " central upgrade says whether anything is left to do"
        )
    connection.commit()  # the lock is the session's; what stood in it is not held up


def size_bytes(engine: Engine, url: str) -> int:
    """How large a database is, with what belongs to it."""
    file = sqlite.sqlite_file(url)
    if file is None:
        with engine.connect() as connection:
            asked = text("SELECT pg_database_size(current_database())")
            return int(connection.execute(asked).scalar_one())
    files = (file, *(file.with_name(file.name + end) for end in SIDE_FILES))
    return sum(each.stat().st_size for each in files if each.exists())


def require_upgradable(engine: Engine) -> tuple[str, str]:
    """At which migration the tables are, and at which they are to be. Raises `CannotServeError`
    where there are none, or those of a newer version."""
    with engine.connect() as connection:
        found, newest = migrating.found_at(connection), migrating.newest()
    if found is None:
        raise CannotServeError("the database has no tables yet; make them: central init")
    if found not in migrating.known():
        raise CannotServeError(
            f"the database's tables are at {found}, and this version knows them up to {newest}: a"
            " newer version made them, and only that one upgrades them further; nothing was changed"
        )
    return found, newest


def migrate(engine: Engine) -> str:
    """Bring the tables up; at which migration they are then."""
    return migrating.migrate(engine)
