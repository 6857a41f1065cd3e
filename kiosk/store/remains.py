"""Is a database file one, and if not: what lies beside it that tells of a kiosk that was here?

A new database calls every slot empty, so none may be made where packages may lie inside.
"""

from __future__ import annotations

from pathlib import Path

from kiosk.store.errors import CannotOpenError, DamagedError

DATABASE = "kiosk.db"
"""In the data folder."""
NEWEST_FILE = "newest-version"
"""In the data folder: the newest version that has run on it."""
SQLITE_HEADER = b"SQLite format 3\x00"
PAGE_BYTES_MIN = 512
"""No SQLite database is smaller than its smallest page."""
MARK_SUFFIX = "-running"
"""Of the mark that a kiosk is in use: see `kiosk.store.running`."""
HEAD_SUFFIX = "-head"
"""Of the signed end of its journal: see `kiosk.store.evidence`."""
SIDE_FILES = ("-wal", "-shm", "-journal", HEAD_SUFFIX, MARK_SUFFIX)
"""What lies beside a database in use; with another database in its place they would spoil that."""
_OF_A_KIOSK = ("location.key", "centre.json")
BACKUP_NAME = "kiosk-%Y%m%dT%H%M%SZ.db"
"""How a backup is called: by when it was made, UTC."""
_BACKUPS = "kiosk-*Z.db"


def remains(database: Path, known: tuple[Path, ...] = ()) -> list[Path]:
    """What a kiosk left beside its database.

    `known`: further files and folders that tell of one, like a key that lies elsewhere.
    """
    folder = database.parent
    found = [folder / name for name in _OF_A_KIOSK]
    found += [database.with_name(database.name + suffix) for suffix in SIDE_FILES]
    found += folder.glob(f"{database.name}.before-restore-*")
    found += backups(database, known)
    found += [path for path in known if not path.is_dir()]
    found += _backups(database, known)
    return list(dict.fromkeys(path for path in found if path.exists()))


def backups(database: Path, known: tuple[Path, ...] = ()) -> list[Path]:
    """The backups beside a database, in the folders there and in those of `known`; newest first."""
    # A backup that was cut short itself is no way out.
    return [path for path in _backups(database, known) if _begins_well(path)]


def _backups(database: Path, known: tuple[Path, ...]) -> list[Path]:
    folder = database.parent
    found = {*folder.glob(_BACKUPS), *folder.glob(f"*/{_BACKUPS}")}
    found.update(*(path.glob(_BACKUPS) for path in known if path.is_dir()))
    return sorted(found, key=lambda path: path.name, reverse=True)


def fault_of(database: Path) -> str:
    """Why a file is no SQLite database, by its size; "" when it may be one.

    It is not opened: closing a file drops all locks that this process has on it (POSIX), SQLite's
    own among them.
    """
    if not database.exists():
        return "the database is missing"
    if not database.is_file():
        return "this is no file"
    size = database.stat().st_size
    if not size:
        return "the database is empty (0 bytes)"
    return "" if size >= PAGE_BYTES_MIN else f"the database was cut short ({size} bytes)"


def _begins_well(backup: Path) -> bool:
    with backup.open("rb") as file:
        return file.read(len(SQLITE_HEADER)) == SQLITE_HEADER


def way_back(database: Path, known: tuple[Path, ...] = ()) -> str:
    """The command that brings the newest backup back."""
    newest = next(iter(backups(database, known)), None)
    return f"kiosk restore {newest}" if newest else "kiosk restore FILE (no backup was found here)"


def require_database(database: Path, known: tuple[Path, ...] = ()) -> None:
    """Refuse what is no database. Raises `CannotOpenError` that says how to come back to one."""
    fault = fault_of(database)
    if not fault:
        return
    if not database.exists() and not remains(database, known):
        raise CannotOpenError(
            f"{database}: there is no database, so {database.parent} is no kiosk's data folder;"
            " name the right one with --data, or make a new kiosk: kiosk init"
        )
    raise DamagedError(_refusal(database, fault, known))


def require_nothing(database: Path, known: tuple[Path, ...] = ()) -> None:
    """Refuse to make a database where a kiosk is or was. Raises `CannotOpenError`."""
    fault = fault_of(database)
    if not fault:
        raise CannotOpenError(
            f"{database}: this kiosk was made before; nothing was changed."
            f" Is the database damaged? Then: {way_back(database, known)}"
        )
    if database.exists() or remains(database, known):
        raise DamagedError(_refusal(database, fault, known))


def _refusal(database: Path, fault: str, known: tuple[Path, ...]) -> str:
    left = ", ".join(path.name for path in remains(database, known)[:4])
    beside = f" and beside it lies {left}" if left else ""
    return (
        f"{database}: {fault}{beside}: a kiosk was here, and its slots may be full. Nothing was"
        f" changed. Restore the newest backup: {way_back(database, known)}. Only if all"
        " slots are empty: move what is left to another folder, then kiosk init"
    )
