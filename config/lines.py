"""Where a key stands in a TOML file, for mistakes that a person must find again.

The standard parser keeps no positions. This reads headers and keys line by line; it knows the way
people write such files (a key per line, an inline table per line), and where it does not know, it
says nothing.
"""

from __future__ import annotations

import re

Key = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-\"' ]+?)\s*\]")
_KEY = re.compile(r"^\s*([A-Za-z0-9_-]+|\"[^\"]*\")\s*=\s*(.*)$")
_INLINE_KEY = re.compile(r"[{,]\s*([A-Za-z0-9_-]+)\s*=")


def key_lines(text: str) -> dict[Key, int]:
    """The line, counted from 1, of each table and key that could be found."""
    lines: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    array: Key | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if array is not None:
            if line.strip().startswith("]"):
                array = None
            elif line.strip().startswith("{"):
                element = (*array, counts.get(array, 0))
                counts[array] = counts.get(array, 0) + 1
                _note_inline(lines, element, line, number)
        elif header := _HEADER.match(line):
            table = _table_key(counts, header.group(2), is_array=header.group(1) == "[[")
            lines.setdefault(table, number)
        elif pair := _KEY.match(line):
            key = (*table, pair.group(1).strip('"'))
            lines.setdefault(key, number)
            if pair.group(2).split("#")[0].strip() == "[":
                array = key
    return lines


def nearest_line(lines: dict[Key, int], key: Key) -> int | None:
    """The line of `key`, or of the innermost thing around it that was found."""
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return lines[key[:length]]
    return None


def _note_inline(lines: dict[Key, int], element: Key, line: str, number: int) -> None:
    lines[element] = number
    for match in _INLINE_KEY.finditer(line):
        lines[(*element, match.group(1))] = number


def _table_key(counts: dict[Key, int], dotted: str, *, is_array: bool) -> Key:
    """The full key of a header: the last of each array of tables is meant."""
    parts = [part.strip().strip("\"'") for part in dotted.split(".")]
    key: Key = ()
    for position, part in enumerate(parts):
        key = (*key, part)
        if is_array and position == len(parts) - 1:
            counts[key] = counts.get(key, 0) + 1
        if key in counts:
            key = (*key, counts[key] - 1)
    return key
