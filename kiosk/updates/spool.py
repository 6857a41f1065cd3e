"""The folder through which a release goes to the machine's keeper, and what that one says.

The keeper runs as root and is never called: it takes what lies here, checks it itself, and says in
a file of its own what came of it.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.updates.durable import remove, replace_durably, sync_folder

LOG = logging.getLogger("kiosk.updates")
FOLDER: Final = "updates"
"""In the data folder."""
REQUEST: Final = "request.json"
DOCUMENTS: Final = "trusted.json"
STATUS: Final = Path("/run/parcel-keeper/status.json")
RELEASES: Final = Path("/var/lib/parcel-keeper/releases")
"""Where the keeper has its releases: a delta starts from one of them."""
ROOT: Final = Path("/usr/lib/parcel-kiosk/root.json")
"""Whom this machine trusts to say what is a release, as its base was made."""
_KEPT: Final = re.compile(
    r"(?P<version>\d{1,6}\.\d{1,6}\.\d{1,6})-(?P<sha256>[0-9a-f]{64})\.squashfs"
)
STATUS_BYTES_MAX: Final = 65_536
ROOM_BYTES: Final = 200_000_000
"""What an update leaves on the disk, for the kiosk's own data."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What the keeper did not take over."""

    version: str
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Keeper:
    """The machine's keeper, by its files."""

    status_file: Path = STATUS
    releases: Path = RELEASES
    root_file: Path = ROOT

    def refused(self) -> Refused | None:
        """What the keeper refused last."""
        found = (self._said() or {}).get("refused")
        if not isinstance(found, dict):
            return None
        at_ms = found.get("at_ms")
        return Refused(
            str(found.get("version", ""))[:64],
            str(found.get("reason", ""))[:300],
            at_ms if isinstance(at_ms, int) else 0,
        )

    def _said(self) -> dict[str, object] | None:
        try:
            with self.status_file.open("rb") as file:
                said = json.loads(file.read(STATUS_BYTES_MAX))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            LOG.warning("%s cannot be read: %s", self.status_file, error)
            return None
        return said if isinstance(said, dict) else None

    def root(self) -> bytes | None:
        """Whom this machine trusts; None where its base does not say."""
        try:
            return self.root_file.read_bytes()
        except OSError as error:
            LOG.warning("%s cannot be read: %s", self.root_file, error)
            return None

    def kept(self) -> Iterator[tuple[str, str, Path]]:
        """Version, SHA-256 and file of each release that the keeper has, the newest first."""
        paths = self.releases.iterdir() if self.releases.is_dir() else ()
        found = [(named, path) for path in paths if (named := _KEPT.fullmatch(path.name))]
        for named, path in sorted(found, key=lambda each: -_number(each[0]["version"])):
            yield named["version"], named["sha256"], path


def _number(version: str) -> int:
    """By which versions are put in order."""
    first, second, third = map(int, version.split("."))
    return (first * 1_000_000 + second) * 1_000_000 + third


class Spool:
    """This kiosk's side of it."""

    def __init__(self, data: Path) -> None:
        self.folder = data / FOLDER

    def prepare(self) -> None:
        """Have the folder, shut to others; the keeper is root."""
        self.folder.mkdir(mode=0o700, exist_ok=True)

    @property
    def is_handed_over(self) -> bool:
        """Whether a request lies there that nobody has taken."""
        return (self.folder / REQUEST).exists()

    def hand_over(self, version: str, file: Path, sha256: str) -> None:
        """Ask the keeper to take a file that lies here; durable when this returns."""
        said = {"version": version, "file": file.name, "sha256": sha256}
        sync_folder(self.folder)
        replace_durably(self.folder / REQUEST, json.dumps(said).encode())

    def withdraw(self) -> None:
        """Take back what nobody has taken yet."""
        remove(self.folder / REQUEST)

    def clear(self, *, kept: tuple[str, ...] = ()) -> None:
        """Remove what an update left behind, but for what was believed of releases, and `kept`."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if path.name in (DOCUMENTS, *kept):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                remove(path)

    def clear_folders(self) -> None:
        """Remove what a rehearsal or a check was working in when the kiosk ended."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)

    def lacks_bytes(self, needed: int) -> int:
        """How much room is lacking for so much more; 0 where it is there."""
        return max(0, needed + ROOM_BYTES - shutil.disk_usage(self.folder).free)
