"""A folder whose every change is recorded, and the disks that a power cut may leave of it.

The keeper changes files by a handful of the system's calls. Here they are made and noted. What was
synced is certain; of a file that was not, any part may be there; of names that were made, replaced
or removed since their folder was synced, any may be as before. `tests/crash/disk.py` knows the
same of SQLite's files, which lie in one folder and are never renamed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.crash.disk import File, Files, torn_file, write_into
from tests.crash.recording_vfs import Written


@dataclass
class Point:
    """The disk as it may be found after one more call, and what was promised by then."""

    live: dict[str, File]
    certain: dict[str, File]
    promise: str = ""

    def images(self, random: Random, torn: int) -> Iterator[tuple[str, Files]]:
        """What may be found, by kind."""
        yield "all applied", {name: bytes(file.live) for name, file in self.live.items()}
        yield "only synced", {name: file.durable for name, file in self.certain.items()}
        yield "names without content", {name: file.durable for name, file in self.live.items()}
        yield "content without names", {name: bytes(f.live) for name, f in self.certain.items()}
        for number in range(torn):
            yield "torn", self._torn(random, bool(number % 2))

    def _torn(self, random: Random, garbage: bool) -> Files:
        found: Files = {}
        for name in sorted({*self.live, *self.certain}):
            file = random.choice((self.live, self.certain)).get(name)
            if file is not None:
                found[name] = torn_file(file, random, garbage)
        return found


@dataclass
class RecordedDisk:
    """Stands in the place of `os` in the keeper; only what lies in `folder` is recorded."""

    folder: Path
    is_synced: bool = True
    """False: a system whose sync does nothing, the negative control."""
    live: dict[str, File] = field(default_factory=dict)
    certain: dict[str, File] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    promise: str = ""
    _open: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and self._is_ours(path):
                content = path.read_bytes()
                self.live[self._name(path)] = File(bytearray(content), content)
        self.certain = dict(self.live)
        self._keep()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def promised(self, promise: str) -> None:
        """From here on a power cut must not take this back."""
        self.promise = promise
        self._keep()

    def _name(self, path: str | Path) -> str:
        return Path(path).relative_to(self.folder).as_posix()

    def _is_ours(self, path: str | Path) -> bool:
        """What lies in `run` is in memory only."""
        is_in_memory = Path(path).is_relative_to(self.folder / "run")
        return Path(path).is_relative_to(self.folder) and not is_in_memory

    def _keep(self) -> None:
        copies: dict[int, File] = {}

        def copy(file: File) -> File:
            made = File(bytearray(file.live), file.durable, list(file.pending))
            return copies.setdefault(id(file), made)

        live = {name: copy(file) for name, file in self.live.items()}
        certain = {name: copy(file) for name, file in self.certain.items()}
        self.points.append(Point(live, certain, self.promise))

    # --- the calls by which something changes ------------------------------------------------

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        descriptor = os.open(path, flags, mode, dir_fd=dir_fd)
        if dir_fd is not None:
            path = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), path)
        if self._is_ours(path):
            self._open[descriptor] = str(path)
            if flags & os.O_CREAT:
                # Whatever was there before under this name is another file.
                self.live[self._name(path)] = File()
                self._keep()
        return descriptor

    def close(self, descriptor: int) -> None:
        self._open.pop(descriptor, None)
        os.close(descriptor)

    def write(self, descriptor: int, data: bytes) -> int:
        # A disk may take less than it is given.
        taken = os.write(descriptor, data[: max(1, len(data) // 2)])
        path = self._open.get(descriptor)
        if path is not None:
            name = self._name(path)
            file = self.live[name]
            written = Written(name, len(file.live), data[:taken])
            write_into(file.live, written)
            file.pending.append(written)
            self._keep()
        return taken

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        path = self._open.get(descriptor)
        if path is None or not self.is_synced:
            return
        if Path(path).is_dir():
            self._sync_names(Path(path))
        else:
            file = self.live[self._name(path)]
            file.durable, file.pending = bytes(file.live), []
        self._keep()

    def _sync_names(self, folder: Path) -> None:
        inside = {
            name for name in {*self.live, *self.certain} if (self.folder / name).parent == folder
        }
        for name in inside:
            self.certain.pop(name, None)
            if name in self.live:
                self.certain[name] = self.live[name]

    def replace(self, source: str, target: str) -> None:
        os.replace(source, target)
        self.live[self._name(target)] = self.live.pop(self._name(source))
        self._keep()

    def unlink(self, path: str, *, dir_fd: int | None = None) -> None:
        os.unlink(path, dir_fd=dir_fd)
        if dir_fd is not None:
            path = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), path)
        if self._is_ours(path):
            self.live.pop(self._name(path), None)
            self._keep()


def lay_down(files: Files, folder: Path) -> None:
    """Make a folder hold these files and no others."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() or path.is_symlink():
            path.unlink()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
