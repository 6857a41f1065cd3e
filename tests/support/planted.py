"""What was planted is looked for in every file, however it may be written there."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

ENCODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "utf-32-le")


def spelled(needle: str) -> set[bytes]:
    """A text as it may lie in a file, in small letters."""
    found = set()
    for form in (needle, needle.upper(), json.dumps(needle)[1:-1], quote(needle)):
        for encoding in ENCODINGS:
            with contextlib.suppress(UnicodeEncodeError):
                found.add(form.encode(encoding).lower())
    plain = needle.encode()
    found.add(plain.hex().encode())
    return found


def in_base64(needle: str) -> set[bytes]:
    """The same in base64, wherever in a text it begins; case counts."""
    found = set()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + needle.encode())
        middle = whole[4 if before else 0 : len(whole) - 4]
        if len(middle) >= 12:
            found |= {middle, middle.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def texts_of(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what they hold packed or in a database's rows."""
    held = path.read_bytes()
    yield held
    if held[:2] == b"\x1f\x8b":
        with contextlib.suppress(OSError, EOFError, zlib.error):
            yield gzip.decompress(held)
    if held.startswith(b"SQLite format 3\x00"):
        yield from rows_of(path)


def rows_of(path: Path) -> Iterator[bytes]:
    """Each row of a database, in which a value may lie on several pages."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
        db.text_factory = bytes
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in db.execute(f'SELECT * FROM "{table.decode()}"'):
                yield b"\0".join(each for each in row if isinstance(each, bytes))


def leaks(folder: Path, needles: list[str], *but_not: Path) -> list[str]:
    """Which needle lies in which file under a folder, but for some files and folders."""
    spellings = {needle: spelled(needle) for needle in needles}
    packed = {needle: in_base64(needle) for needle in needles}
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or any(path.is_relative_to(each) for each in but_not):
            continue
        name = str(path.relative_to(folder))
        for held in (name.encode(), *texts_of(path)):
            small = held.lower()
            found += [
                f"{name}: {needle}"
                for needle in needles
                if any(each in small for each in spellings[needle])
                or any(each in held for each in packed[needle])
            ]
    return sorted(set(found))
