"""CSV files as office programs write them: which letters, which separator, which line.

What can be read surely is read: the marks of UTF-8 and UTF-16 in front, semicolons and tabs,
capital letters and blanks in the header, blank rows, every end of a line. A file that cannot is
refused as a whole, in one sentence that names the line.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE_BYTES_MAX = 20_000_000
SHOWN_MAX = 40
"""How much of a cell is shown in a message."""
SEPARATORS = (",", ";", "\t", "|")
AS_UTF_8 = 'save it as "CSV UTF-8"'

_MARKS = (
    # UTF-32 first: its mark begins with the one of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FILES = {b"PK\x03\x04": "a workbook", b"\xd0\xcf\x11\xe0": "a workbook", b"%PDF": "a PDF"}
_SEPARATOR_LINE = re.compile(r"\ufeff?sep=([,;\t|])[\r\n]+", re.IGNORECASE)


class NoTableError(Exception):
    """A file is no table that can be read surely; the message says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is not blank."""

    line: int
    """The line of the file on which it begins, counted from 1."""
    cells: Mapping[str, str]
    """The cells of the known columns, as they stand in the file."""
    problem: str = ""
    """Why its cells cannot be distinguished; "" when they can."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows, and the columns that nobody asked for."""

    rows: tuple[Row, ...]
    unknown: tuple[str, ...]


def read_table(path: Path, columns: Sequence[str], needed: str) -> Table:
    """The rows of a CSV file whose header names `columns`, of which `needed` must be there.

    Raises `NoTableError`.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise NoTableError(f"{path} cannot be read: {error.strerror}") from error
    return table_of(raw, str(path), columns, needed)


def table_of(raw: bytes, path: str, columns: Sequence[str], needed: str) -> Table:
    """The same of what stands in a file, or was pasted; `path` is what it is called in messages."""
    text = _text(raw, path)
    # A program may say the separator in a line of its own, for spreadsheets.
    said = _SEPARATOR_LINE.match(text)
    tables = (SEPARATORS if said is None else (said[1],)) if text.strip() else ()
    header = _header_line(text, skipped=said is not None)
    separator = max(
        tables,
        key=lambda each: len(set(_names(header, each)) & set(columns)),
        default=",",
    )
    rows = _rows(path, text, separator)
    if said is not None:
        next(rows, None)
    first = next(rows, None)
    if first is None:
        raise NoTableError(f"{path} is empty: its first line should be {','.join(columns)}")
    names = [_name(cell) for cell in first[1]]
    _require_header(path, first, names, columns, needed)
    return Table(
        tuple(_row(line, cells, names, columns, separator) for line, cells in rows),
        tuple(
            shown(cell) for cell, name in zip(first[1], names, strict=True) if _odd(name, columns)
        ),
    )


def shown(text: str) -> str:
    """A cell as it stands in a message: in quotes, on one line, not too long."""
    return repr(text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…")


def _odd(name: str, columns: Sequence[str]) -> bool:
    return bool(name) and name not in columns


def _text(raw: bytes, path: str) -> str:
    """The file's letters. An older code page is not guessed at: a name would change its letters."""
    if len(raw) > FILE_BYTES_MAX:
        raise NoTableError(f"{path} is larger than {FILE_BYTES_MAX // 1_000_000} MB: split it")
    for begin, what in _OTHER_FILES.items():
        if raw.startswith(begin):
            raise NoTableError(f"{path} is {what}, not CSV: {AS_UTF_8}")
    coding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(coding)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(coding, errors="replace")
        line = len(re.findall(r"\r\n|\r|\n", before)) + 1
        column = len(re.split(r"[\r\n]", before)[-1]) + 1
        raise NoTableError(
            f"{path}, line {line}, character {column}: byte {raw[error.start]:#04x} is no letter in"
            f" {coding.upper().removesuffix('-SIG')}: {AS_UTF_8}"
        ) from error


def _header_line(text: str, *, skipped: bool) -> str:
    """The first line that is not blank, from which the separator is known."""
    lines = [line for line in re.split(r"[\r\n]+", text[:100_000]) if line.strip(" ,;\t|\ufeff")]
    return next(iter(lines[1 if skipped else 0 :]), "")


def _names(header: str, separator: str) -> list[str]:
    return [_name(cell.strip('" ')) for cell in header.split(separator)]


def _name(cell: str) -> str:
    """A column's name however it is written: "Barcode", " barcode ", "BARCODE"."""
    return "".join(cell.replace("\ufeff", "").split()).casefold()


def _require_header(
    path: str,
    first: tuple[int, list[str]],
    names: Sequence[str],
    columns: Sequence[str],
    needed: str,
) -> None:
    line, cells = first
    where = f"{path}, line {line}"
    if needed not in names:
        there = ", ".join(shown(cell.strip()) for cell in cells[:20] if cell.strip())
        raise NoTableError(
            f"{where}: there is no column {needed!r}; there are {there};"
            f" the first line should be {','.join(columns)}"
        )
    twice = sorted({name for name in names if name in columns and names.count(name) > 1})
    if twice:
        raise NoTableError(f"{where}: there are two columns {twice[0]!r}: leave one out")


def _rows(path: str, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the line on which it begins."""
    # One pass of ours over the lines: `csv` counts those that a quoted cell spans as well.
    lines = re.sub(r"\r\n|\r", "\n", text).split("\n")
    csv.field_size_limit(FILE_BYTES_MAX)
    reader = csv.reader(
        (f"{line}\n" for line in lines), delimiter=separator, strict=True, skipinitialspace=True
    )
    begin = 1
    try:
        for cells in reader:
            if any(cell.replace("\ufeff", "").strip() for cell in cells):
                yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        raise NoTableError(
            f'{path}, line {begin}: a quote (") that opens in this row is not closed as it should'
            " be, so that the rows below cannot be distinguished; nothing of this file was taken"
        ) from error


def _row(
    line: int, cells: Sequence[str], names: Sequence[str], columns: Sequence[str], separator: str
) -> Row:
    known = {name: cell for name, cell in zip(names, cells, strict=False) if name in columns}
    beyond = [cell for cell in cells[len(names) :] if cell.strip()]
    problem = ""
    if beyond:
        problem = (
            f"the row has more cells than the header ({shown(beyond[0])} is beyond the last):"
            ' put a cell with a separator in it in quotes (")'
        )
    elif len(cells) == 1 < len(names) and any(
        other in cells[0].strip() for other in SEPARATORS if other != separator
    ):
        problem = (
            f"the row is written with another separator than the header, which has"
            f" {separator!r}: {shown(cells[0])}"
        )
    return Row(line, known, problem)
