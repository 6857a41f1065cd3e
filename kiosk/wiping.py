"""Files destroyed: overwritten, cut to nothing, renamed and removed, as far as a file system does.

What that cannot reach is said: flash keeps old blocks, some file systems never write in place, and
copies elsewhere are nobody's here.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

CHUNK_BYTES = 1024 * 1024
COPIES_ON_WRITE = frozenset({"btrfs", "zfs", "bcachefs", "overlay", "f2fs", "nilfs2", "apfs"})
"""File systems that write changed blocks elsewhere and leave the old ones."""
MOUNTS = Path("/proc/self/mounts")


def wipe(path: Path) -> str:
    """Destroy a file; why it could not be, or "". One that is not there is destroyed.

    Of a link only the link goes: what it points to may be another's. That it is left is said.
    """
    target = ""
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            target = str(path.resolve()) if path.exists() else ""
        if stat.S_ISREG(found.st_mode):
            _overwrite(path)
        gone = path.with_name(f".{secrets.token_hex(8)}")
        path.rename(gone)
        gone.unlink()
        _sync(path.parent)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    return f"{target}, to which {path} was a link: destroy it yourself" if target else ""


def _overwrite(path: Path) -> None:
    """Other bytes in the place of its own, down to the disk, before it is cut to nothing."""
    with path.open("r+b", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0:
            left -= file.write(secrets.token_bytes(min(left, CHUNK_BYTES)))
        os.fsync(file.fileno())
        file.truncate(0)
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_systems(folders: Iterable[Path]) -> set[str]:
    """The kinds of file systems that these folders are on; empty where nobody can say."""
    try:
        lines = [line.split() for line in MOUNTS.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return set()
    kinds = {fields[1].replace("\\040", " "): fields[2] for fields in lines if len(fields) > 2}
    found = set()
    for folder in folders:
        at = folder.resolve()
        mount = next((str(each) for each in (at, *at.parents) if str(each) in kinds), None)
        if mount is not None:
            found.add(kinds[mount])
    return found
