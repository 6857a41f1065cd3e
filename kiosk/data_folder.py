"""A kiosk's data folder: its database, opened with the location's key that lies beside it."""

from __future__ import annotations

import logging
import re
from functools import partial
from pathlib import Path
from random import Random

from kiosk.adapters import LocationKeyError, key_check, key_path, location_key
from kiosk.model.clock import Clock
from kiosk.private_files import write_private
from kiosk.retirement import require_not_retiring
from kiosk.store import evidence, meta, staff
from kiosk.store.backup import KEY_CHECK
from kiosk.store.durable import make_durable
from kiosk.store.remains import DATABASE, NEWEST_FILE
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from kiosk.vitals import version

LOG = logging.getLogger("kiosk")
COPIES = "backups"
"""Where copies of the database are kept at a site whose file names no folder for backups."""


def was_newer_here(data: Path) -> bool:
    """Whether a newer version than this one has run on a data folder, and was taken back: then its
    site file may have settings that this one does not know."""
    return _numbers(_newest_in(data)) > _numbers(version())


def _newest_in(data: Path) -> str:
    try:
        return (data / NEWEST_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers of a release, to compare; none of what is no version."""
    found = re.match(r"\d+(\.\d+)*", text)
    return () if found is None else tuple(int(number) for number in found[0].split("."))


def _note_version(data: Path) -> None:
    if _numbers(_newest_in(data)) >= _numbers(version()):
        return
    try:
        draft = data / f"{NEWEST_FILE}.part"
        write_private(draft, f"{version()}\n")
        make_durable(draft, data / NEWEST_FILE)
    except OSError as error:  # a full disk must not keep the kiosk shut
        LOG.warning("%s: which version runs cannot be noted: %s", data, error)


def open_store(
    data: Path,
    known: tuple[Path, ...],
    clock: Clock,
    rng: Random,
    *,
    threaded: bool = True,
    copies: Path | None = None,
) -> Store:
    """The database of a kiosk, which must be there, with its key; its journal is held against its
    signed end. `known`: see `kiosk.store.remains`. `copies`: where a copy is kept before another
    version than the one before opens it; in a folder of the data folder where none is named.
    Raises `StoreError`, `LocationKeyError` or `RetireError`."""
    require_not_retiring(data)
    path = data / DATABASE
    unlock = partial(use_location_key, path=key_path(data))
    store = Store(
        path,
        clock,
        rng,
        threaded=threaded,
        must_exist=True,
        known=known,
        unlock=unlock,
        version=version(),
        copies=data / COPIES if copies is None else copies,
    )
    try:
        store.submit(evidence.begin, path, store.loss).result()
    except BaseException:
        store.close()
        raise
    _note_version(data)
    return store


def use_location_key(writer: Writer, path: Path, *, may_make: bool = False) -> bytes:
    """The location's key, the one that the database's codes were made with; `may_make` is for a
    new database. Raises `LocationKeyError` when it is lost or another.
    """
    known = meta.value(writer, KEY_CHECK)
    key = location_key(path, may_make=may_make and known is None)
    check = key_check(key)
    if known is None:
        meta.set_value(writer, KEY_CHECK, check)
    elif known != check:
        raise LocationKeyError(
            f"{path} is not the key that this database's codes were made with;"
            " bring the right one back from where it is kept"
        )
    writer.use_key(key)
    staff.seal_names(writer)
    return key
