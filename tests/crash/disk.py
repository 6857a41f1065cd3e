"""A disk that loses power: what may be found on it afterwards, given what was written and synced.

What was synced is there. Of what was not, each write may be there, not, or in part, in any order,
cut into sectors, some of them garbage. A name that was made or removed is certain only when the
folder was synced, which SQLite does with the first sync of a journal or with a synced deletion, and
the kiosk with its mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from tests.crash.recording_vfs import Deleted, Opened, Operation, Synced, Truncated, Written

SECTOR_BYTES = 512
GARBAGE = 0.1
"""How often a sector that did not land is garbage and not what was there before."""

NAMES_LOST = "names lost"
"""A way to be found: a removed file is back, or a new one is gone."""

Files = dict[str, bytes]


@dataclass(eq=False)
class File:
    """One file: what a reader sees, what is certain, and the changes between the two."""

    live: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    pending: list[Written | Truncated] = field(default_factory=list)


@dataclass
class Disk:
    """The files of one folder, by their names."""

    live: dict[str, File] = field(default_factory=dict)
    certain: dict[str, File] = field(default_factory=dict)
    """The names that are on the disk for certain, and the files behind them."""
    _syncs_folder: set[str] = field(default_factory=set)

    @classmethod
    def holding(cls, files: Files) -> Disk:
        """A disk on which these files have lain for long."""
        held = {name: File(bytearray(data), data) for name, data in files.items()}
        return cls(dict(held), dict(held))

    def apply(self, operation: Operation) -> None:
        """Something was done to a file."""
        match operation:
            case Opened(name, is_new):
                if is_new:
                    self.live[name] = File()
                if name.endswith(("-wal", "-journal", "-running")):
                    self._syncs_folder.add(name)
            case Written(name):
                file = self.live[name]
                write_into(file.live, operation)
                file.pending.append(operation)
            case Truncated(name):
                file = self.live[name]
                truncate_to(file.live, operation.size)
                file.pending.append(operation)
            case Synced(name):
                file = self.live[name]
                file.durable, file.pending = bytes(file.live), []
                if name in self._syncs_folder:
                    self._syncs_folder.discard(name)
                    self.certain = dict(self.live)
            case Deleted(name, is_synced):
                self.live.pop(name, None)
                if is_synced:
                    self.certain = dict(self.live)

    # --- what may be found ---------------------------------------------------------------------

    def all_applied(self) -> Files:
        """Everything landed: what a killed process leaves."""
        return {name: bytes(file.live) for name, file in self.live.items()}

    def only_synced(self) -> Files:
        """Nothing landed that was not synced."""
        return {name: file.durable for name, file in self.certain.items()}

    def names_lost(self) -> Files:
        """All writes landed; no change of a name did, unless it was synced."""
        return {name: bytes(file.live) for name, file in self.certain.items()}

    def torn(self, random: Random, *, garbage: bool) -> Files:
        """Some of what was not synced landed, cut into sectors, in any order."""
        names = self.live if random.random() < 0.5 else self.certain
        return {name: torn_file(file, random, garbage) for name, file in names.items()}

    def reordered(self, random: Random) -> Files:
        """Whole writes landed or did not, the later perhaps without the earlier."""
        names = self.live if random.random() < 0.5 else self.certain
        return {name: reordered_file(file, random) for name, file in names.items()}

    @property
    def has_pending(self) -> bool:
        """Whether anything is uncertain."""
        return self.certain != self.live or any(file.pending for file in self.live.values())

    def kinds(self) -> Iterator[tuple[str, Callable[[Random], Files]]]:
        """The ways in which this disk may be found, by name."""
        yield "all applied", lambda random: self.all_applied()
        if self.has_pending:
            yield "only synced", lambda random: self.only_synced()
            yield "torn", lambda random: self.torn(random, garbage=False)
            yield "torn with garbage", lambda random: self.torn(random, garbage=True)
            yield "reordered", self.reordered
        if self.certain != self.live:
            yield NAMES_LOST, lambda random: self.names_lost()


def write_into(content: bytearray, written: Written) -> None:
    end = written.offset + len(written.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[written.offset : end] = written.data


def truncate_to(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def reordered_file(file: File, random: Random) -> bytes:
    content = bytearray(file.durable)
    for change in file.pending:
        if random.random() < 0.5:
            continue
        if isinstance(change, Truncated):
            truncate_to(content, change.size)
        else:
            write_into(content, change)
    return bytes(content)


def torn_file(file: File, random: Random, garbage: bool) -> bytes:
    content = bytearray(file.durable)
    for change in file.pending:
        share = random.choice((0.0, 0.5, 0.5, 1.0))
        if isinstance(change, Truncated):
            if random.random() < 0.5:
                truncate_to(content, change.size)
            continue
        for start in range(0, len(change.data), SECTOR_BYTES):
            sector = change.data[start : start + SECTOR_BYTES]
            if random.random() >= share:
                if not garbage or random.random() >= GARBAGE:
                    continue
                sector = random.randbytes(len(sector))
            write_into(content, Written(change.name, change.offset + start, sector))
    return bytes(content)
