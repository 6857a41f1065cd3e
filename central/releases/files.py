"""The files of releases on this server's disk, under their hashes; whole ones only."""

from __future__ import annotations

import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Final

from central.durable import move_durably
from central.settings import Settings

PIECE: Final = 1024 * 1024
OURS: Final = re.compile(r"\.?[0-9a-f]{64}\.[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
"""How files are called that were put here, drafts among them."""


def folder_of(settings: Settings) -> Path:
    """Where they lie."""
    return settings.releases_folder or settings.data / "releases"


def place_of(settings: Settings, name: str, digest: str) -> Path:
    """Where the file of this name and SHA-256 lies, if it is here."""
    return folder_of(settings) / f"{digest}.{name}"


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def take_in(settings: Settings, source: Path, name: str, digest: str) -> None:
    """Copy a file that was checked; under its name it is whole, also after a power cut."""
    target = place_of(settings, name, digest)
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # Begins with a dot: no request can name it.
    draft = target.with_name(f".{target.name}.part")
    draft.unlink(missing_ok=True)
    shutil.copyfile(source, draft)
    draft.chmod(0o600)
    move_durably(draft, target)


def forget(settings: Settings, kept: set[str]) -> list[str]:
    """Delete what was put here and is none of these, named as they lie; which. What somebody else
    keeps in the folder stays."""
    folder = folder_of(settings)
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    gone = [path for path in found if path.name not in kept and OURS.fullmatch(path.name)]
    for path in gone:
        path.unlink()
    return [path.name for path in gone]
