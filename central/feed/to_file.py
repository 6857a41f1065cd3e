"""Documents in a file, one on each line: for a region that carries its feed by hand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from central.errors import CannotServeError
from central.feed.document import Document
from central.feed.publisher import NotPublishedError
from kiosk.private_files import make_private


class ToFile:
    """Appends, and returns after the disk has it. The file may be moved away between batches."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            if path.exists():
                _cut_half_line(path)
        except OSError as error:
            raise CannotServeError(f"{path}: it cannot be written: {error.strerror}") from error

    def publish(self, documents: Sequence[Document]) -> None:
        text = "".join(f"{each.text()}\n" for each in documents).encode()
        try:
            if not self._path.exists():
                make_private(self._path)
            before = self._path.stat().st_size
            with self._path.open("ab") as file:
                try:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    os.ftruncate(file.fileno(), before)
                    raise
        except OSError as error:
            raise NotPublishedError(f"{self._path}: {error.strerror}") from error

    def end(self) -> None:
        return

    def close(self) -> None:
        return


def _cut_half_line(path: Path) -> None:
    """What a kill left behind the last whole line was not acknowledged, and comes again."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        at = size
        while at > 0:
            begin = max(0, at - 65_536)
            file.seek(begin)
            found = file.read(at - begin).rfind(b"\n")
            if found >= 0:
                at = begin + found + 1
                break
            at = begin
        if at < size:
            file.truncate(at)
            os.fsync(file.fileno())
