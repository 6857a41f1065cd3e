"""Is the server's database one, and if not: what tells of a server that was here?

A new database knows no location, no package and no account. Made in a lost one's place it would
turn all kiosks away, so none is made where anything of a server lies.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path

from central.errors import CannotServeError

PAGE_BYTES_MIN = 512
"""No SQLite database is smaller than its smallest page."""
SQLITE_HEADER = b"SQLite format 3\x00"
SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; it would play them into another one in its place."""
VERSION_TABLE = "alembic_version"
"""Each server's database has it, and no kiosk's."""
MISSING = "the database is missing"
EMPTY = "the database is empty (0 bytes)"
NO_TABLES = "the database holds nothing"
"""As one is that was just being made, or whose log was lost."""
_SET_ASIDE = re.compile(r"\.\d{8}T\d{6}Z$")
"""How the end of a name looks that `restore` gave to the database from before."""


def require_database(database: Path, key: Path, *, may_be_new: bool) -> None:
    """Refuse a file that is no server's database. Raises `CannotServeError`, which says how to
    come back to one.

    `may_be_new`: a missing one is made where nothing of a server lies.
    """
    require_server(database, key, may_be_new=may_be_new)
    # Only after the size: SQLite throws the log of an empty file away.
    fault = _size_fault(database) or _content_fault(database)
    is_nothing = fault in (MISSING, EMPTY, NO_TABLES)
    if fault and not (is_nothing and may_be_new and not _remains(database, key)):
        left = ", ".join(path.name for path in _remains(database, key)[:4])
        beside = f" and beside it lies {left}" if left else ""
        raise CannotServeError(
            f"{database}: {fault}{beside}: a server was here. Nothing was changed."
            f" Restore the newest backup: {_way_back(database, key)}. Only if nothing of that"
            " server is needed: move what is left to another folder, then central init"
        )


def require_server(database: Path, key: Path, *, may_be_new: bool) -> None:
    """Refuse, before anything is made, a folder in which no server ever was."""
    if not may_be_new and not database.exists() and not _remains(database, key):
        raise CannotServeError(
            f"{database}: there is no database, so {database.parent} is no server's data folder;"
            " name the right one with --data, or make a new server: central init"
        )


def _way_back(database: Path, key: Path) -> str:
    newest = next((path for path in _copies(database, key) if _is_whole(path)), None)
    return f"central restore {newest}" if newest else "central restore FILE (none was found here)"


def _remains(database: Path, key: Path) -> list[Path]:
    found = [key, *(database.with_name(database.name + suffix) for suffix in SIDE_FILES)]
    found += sorted(database.parent.glob(f"{database.name}.*Z"))
    return [path for path in (*found, *_copies(database, key)) if path.exists()]


def _copies(database: Path, key: Path) -> list[Path]:
    """What may be a backup, sound or not; newest first."""
    folders = {database.parent, key.parent}
    found = {path for folder in folders for path in (*folder.glob("*"), *folder.glob("*/*"))}
    copies = [
        path
        for path in sorted(found)
        if path not in (database, key)
        and not _SET_ASIDE.search(path.name)
        and (path.suffix == ".db" or _begins_as_sqlite(path))
        and not _is_anothers(path)
    ]
    return sorted(copies, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _begins_as_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE_HEADER)) == SQLITE_HEADER
    except OSError:
        return False  # a folder, or another's file


def _is_anothers(copy: Path) -> bool:
    """Whether it is a sound database of something else, such as a kiosk's."""
    try:
        with contextlib.closing(_open(copy)) as connection:
            tables = _tables(connection)
    except sqlite3.Error:
        return False
    return bool(tables) and VERSION_TABLE not in tables


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows}


def _is_whole(copy: Path) -> bool:
    try:
        with contextlib.closing(_open(copy)) as connection:
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return bool(connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False


def _open(path: Path, *, is_still: bool = True) -> sqlite3.Connection:
    rule = "&immutable=1" if is_still else ""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{rule}", uri=True)


def _size_fault(database: Path) -> str:
    if not database.exists():
        return MISSING
    if not database.is_file():
        return "this is no file"
    size = database.stat().st_size
    if not size:
        return EMPTY
    return "" if size >= PAGE_BYTES_MIN else f"the database was cut short ({size} bytes)"


def _content_fault(database: Path) -> str:
    """What SQLite finds wrong. All of it is read only where a server did not end by itself: the
    pages that its log holds may hide that the file was cut short."""
    log = database.with_name(f"{database.name}-wal")
    must_read_all = log.exists() and log.stat().st_size > 0
    try:
        # Without a log it is read still: else SQLite makes new files beside it.
        with contextlib.closing(_open(database, is_still=not must_read_all)) as connection:
            tables = _tables(connection)
            found = ("ok",)
            if must_read_all:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        return ""  # locked, or not to be read: the engine tells of that by itself
    except sqlite3.DatabaseError as error:
        return f"the file is no sound database ({error})"
    if found[0] != "ok":
        return f"the database is damaged ({found[0]})"
    if not tables:
        return NO_TABLES
    return "" if VERSION_TABLE in tables else "this is no server's database"
