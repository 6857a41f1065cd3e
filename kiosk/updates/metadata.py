"""Which files are genuine releases, by The Update Framework: the one file that knows its client.

What the client lacks stands here. It has no clock that could be handed in: an expiry counts only
while the kiosk's clock is trusted. It keeps its documents without syncing them: here they are read
from one durable file, and handed to it in a folder of its own for each refresh. It forgets the
newest versions with its files: they are kept in the kiosk's database, too, and anything older is
refused, unless the root has since given that role other keys.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import requests
from pydantic import ValidationError
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    RepositoryError,
)
from tuf.api.metadata import Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from kiosk.model.clock import Instant
from kiosk.model.release_files import SAFE_NAME, Description
from kiosk.updates.durable import replace_durably

LOG = logging.getLogger("kiosk.updates")
BASE: Final = "releases:/"
"""What stands before the name of a document that the client asks for."""
ROLES: Final = (Root.type, Timestamp.type, Snapshot.type, Targets.type)
NEVER_EXPIRED: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""By which nothing has ended: for a clock that is not trusted."""
ROOTS_AT_ONCE: Final = 256
Open = Callable[[str], Iterator[bytes]]
"""Opens a document by its name. Raises `requests.RequestException`; an `HTTPError` with the answer
where it is not there."""


class UntrustedError(Exception):
    """What the server says of releases is not believed; the message says why."""


@dataclass(frozen=True, slots=True)
class Genuine:
    """A file that the release maker has signed."""

    name: str
    sha256: str
    size: int
    what: Description


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest version of a role that was seen, and by which keys."""

    version: int
    keys: tuple[str, ...]


Seen = Mapping[str, Newest]


@dataclass
class Documents:
    """The documents that were believed last, as one durable file; a lost or damaged one costs a few
    requests."""

    path: Path
    kept: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Documents:
        """Those of a file; none where it cannot be read."""
        try:
            kept = json.loads(path.read_bytes())
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError, RecursionError) as error:
            LOG.warning("%s cannot be read, and is made again: %s", path, error)
            return cls(path)
        is_right = isinstance(kept, dict) and all(isinstance(each, str) for each in kept.values())
        return cls(path, kept if is_right else {})

    def lay_out(self, folder: Path) -> None:
        """As the client wants them."""
        (folder / "root_history").mkdir()
        for name, content in self.kept.items():
            if SAFE_NAME.fullmatch(name) is None:
                continue
            place = folder / "root_history" if name.endswith(".root.json") else folder
            (place / name).write_text(content, encoding="utf-8")

    def take_back(self, folder: Path) -> None:
        """What the client has checked since."""
        paths = [*(folder / "root_history").glob("*.root.json")]
        paths += [folder / f"{role}.json" for role in ROLES if role != Root.type]
        found = {path.name: path.read_text(encoding="utf-8") for path in paths if path.is_file()}
        if found != self.kept:
            self.kept = found
            replace_durably(self.path, json.dumps(found).encode())


class _Fetcher(FetcherInterface):
    """The client's requests by our own line."""

    def __init__(self, open_document: Open) -> None:
        self._open = open_document

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            return self._open(url.removeprefix(f"{BASE}/"))
        except requests.HTTPError as error:
            status = 0 if error.response is None else error.response.status_code
            raise DownloadHTTPError(str(error), status) from error


class Catalogue:
    """What is genuine, as it was believed just now."""

    def __init__(self, updater: Updater, seen: Seen) -> None:
        self._updater, self.seen = updater, seen

    def file(self, name: str) -> Genuine | None:
        """A genuine file by its name; None where none is called so."""
        target = self._updater.get_targetinfo(name)
        return None if target is None else _genuine(name, target)


def _genuine(name: str, target: TargetFile) -> Genuine:
    try:
        what = Description.model_validate(target.custom or {})
    except ValidationError as error:
        raise UntrustedError(f"{name}: what is signed about it cannot be read") from error
    digest = target.hashes.get("sha256", "")
    if SAFE_NAME.fullmatch(name) is None or len(digest) != 64 or target.length <= 0:
        raise UntrustedError(f"{name}: a file is signed by a plain name, its SHA-256 and its size")
    return Genuine(name, digest, target.length, what)


def refresh(
    root: bytes, documents: Documents, seen: Seen, open_document: Open, now: Instant, scratch: Path
) -> Catalogue:
    """Ask for what is new, and believe it or not. `root` is built into the machine's base.

    Raises `UntrustedError`, or `requests.RequestException` where the server is not reached; what
    was proven before that is kept either way.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        place = Path(folder)
        documents.lay_out(place)
        try:
            updater = _client(root, place, open_document, now)
            try:
                updater.refresh()
                newest = _require_not_older(updater, seen)
            finally:
                _believe(documents, place, updater, seen)
        except DownloadLengthMismatchError as error:
            raise UntrustedError(f"a document is longer than it may be: {error}") from error
        except DownloadError as error:
            raise requests.ConnectionError(f"what is signed of releases: {error}") from error
        except RepositoryError as error:
            raise UntrustedError(f"{type(error).__name__}: {error}") from error
    return Catalogue(updater, newest)


def _client(root: bytes, place: Path, open_document: Open, now: Instant) -> Updater:
    config = UpdaterConfig(max_root_rotations=ROOTS_AT_ONCE)
    fetcher = _Fetcher(open_document)
    updater = Updater(os.fspath(place), f"{BASE}/", fetcher=fetcher, config=config, bootstrap=root)
    # Its clock is private, and asked when it is made.
    updater._trusted_set.reference_time = now.utc if now.is_trusted else NEVER_EXPIRED
    return updater


def _versions(updater: Updater) -> dict[str, Newest]:
    """What the client believes now, role by role."""
    trusted: Any = updater._trusted_set
    roles = trusted.root.roles
    return {
        role: Newest(trusted[role].version, tuple(sorted(roles[role].keyids)))
        for role in ROLES
        if role in trusted._trusted_set
    }


def _require_not_older(updater: Updater, seen: Seen) -> Seen:
    """Refuse what is older than what was seen before, also after our files were lost."""
    found = _versions(updater)
    for role, newest in found.items():
        last = seen.get(role)
        if last is None or newest.version >= last.version:
            continue
        # Whoever had the stolen key counted far ahead with it: other keys count from the start.
        if role == Root.type or last.keys == newest.keys:
            raise UntrustedError(
                f"the server shows version {newest.version} of {role}, and {last.version} was seen"
            )
    return {**seen, **found}


def _believe(documents: Documents, place: Path, updater: Updater, seen: Seen) -> None:
    try:
        _require_not_older(updater, seen)
    except UntrustedError:
        return  # nothing of it is kept: it is genuine, and older than what is
    documents.take_back(place)
