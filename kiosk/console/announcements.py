"""Packages that are expected, from a CSV file.

A row that cannot be taken is said, and stops no other; a file that cannot be read surely is refused
as a whole, before anything of it is kept.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from config import Site
from kiosk.adapters import SystemClock
from kiosk.app import CannotRunError, copies_of, known_of
from kiosk.csv_file import NoTableError, Row, read_table, shown
from kiosk.data_folder import open_store
from kiosk.model import bidi
from kiosk.model.actor import CONSOLE
from kiosk.model.barcode import (
    BARCODE_LENGTH_MAX,
    NotABarcodeError,
    barcode_key,
    barcode_text,
    kept_key,
)
from kiosk.model.person import Recipient
from kiosk.store import packages
from kiosk.store.errors import RefusedError
from kiosk.store.packages import Announcement
from kiosk.store.store import Store

COLUMNS = ("barcode", "size", "name", "phone")
NAME_LENGTH_MAX = 120
CELL_LENGTH_MAX = {"barcode": BARCODE_LENGTH_MAX, "name": NAME_LENGTH_MAX}
OTHER_LENGTH_MAX = 64
GROUP_SEPARATOR = "\x1d"

AS_TEXT = "set the column's format to text and put it in again"
_SPREADSHEET = (
    (
        re.compile(r"[+-]?\d+(?:[.,]\d+E[+-]?|E[+-])\d+", re.IGNORECASE),
        "is a number that a spreadsheet rounded, its digits are lost",
    ),
    (re.compile(r"\d+(?:[.,]\d+)+"), "is a number that a spreadsheet gave decimals or separators"),
    (re.compile(r"#.*[!?/#].*"), "is what a spreadsheet shows for what it cannot show"),
)
"""What spreadsheets make of numbers that are names."""
_FORMULA_TEXT = re.compile(r'="([^"]*)"')
"""How some programs keep a spreadsheet from taking digits for a number."""
_MARKED_NAME = re.compile(r"'[=+@＝＋－＠-]")
_ROUNDED_FROM = 15
"""After so many digits, a spreadsheet puts zeros."""


class Outcome(StrEnum):
    """What became of a row."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row, for the person who handed over the file."""

    line: int
    outcome: Outcome
    barcode: str = ""
    why: str = ""

    def __str__(self) -> str:
        named = f" {self.barcode}" if self.barcode else ""
        return f"line {self.line}:{named} {self.outcome}" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says: what is expected, by its line, and the rows that cannot be taken."""

    expected: dict[int, Announcement]
    results: tuple[RowResult, ...]
    unknown: tuple[str, ...] = ()
    """Columns that are not used."""


class _RowError(Exception):
    """A row cannot be taken; the message says why."""


def read_announcements(path: Path, site: Site) -> Reading:
    """Expected packages from a CSV file with the columns barcode, size, name, phone.

    Raises `CannotRunError` for a file that cannot be read surely.
    """
    try:
        table = read_table(path, COLUMNS, needed="barcode")
    except NoTableError as error:
        raise CannotRunError(str(error)) from error
    expected: dict[int, Announcement] = {}
    lines: dict[str, int] = {}
    results = []
    for row in table.rows:
        try:
            announcement = _announcement(row, site)
            first = lines.setdefault(barcode_key(announcement.barcode), row.line)
            if first != row.line:
                results.append(_again(row.line, announcement, first, expected[first]))
            else:
                expected[row.line] = announcement
        except _RowError as error:
            results.append(RowResult(row.line, Outcome.REFUSED, why=str(error)))
    return Reading(expected, tuple(results), table.unknown)


def announce(site: Site, data: Path, announcements: Iterable[Announcement]) -> list[RowResult]:
    """Expect packages, with no kiosk running; what became of each, numbered from 1."""
    return announce_lines(site, data, dict(enumerate(announcements, 1)))


def announce_lines(site: Site, data: Path, expected: dict[int, Announcement]) -> list[RowResult]:
    """Expect the packages of a file's lines, with no kiosk running; what became of each."""
    clock, rng = SystemClock(), secrets.SystemRandom()
    store = open_store(
        data, known_of(site, data), clock, rng, threaded=False, copies=copies_of(site, data)
    )
    try:
        return [_expect(store, line, each) for line, each in expected.items()]
    finally:
        store.close()


def summary(results: Sequence[RowResult]) -> str:
    """How many rows became what."""
    if not results:
        return "there are no packages in this file: it has no rows below the header"
    counts = [f"{sum(each.outcome is one for each in results)} {one}" for one in Outcome]
    return f"{len(results)} rows: {', '.join(counts)}"


def _expect(store: Store, line: int, announcement: Announcement) -> RowResult:
    try:
        if store.submit(packages.announce, announcement, CONSOLE).result():
            return RowResult(line, Outcome.NEW, announcement.barcode)
        changed = store.submit(packages.correct, announcement).result()
    except RefusedError as error:
        return RowResult(line, Outcome.REFUSED, announcement.barcode, str(error))
    if changed:
        return RowResult(line, Outcome.UPDATED, announcement.barcode, ", ".join(changed))
    return RowResult(line, Outcome.UNCHANGED, announcement.barcode, "it is known already")


def _again(line: int, second: Announcement, first: int, known: Announcement) -> RowResult:
    """A barcode that stands in the file once more."""
    if _said(second) == _said(known):
        why = f"the same package as in line {first}"
        return RowResult(line, Outcome.UNCHANGED, second.barcode, why)
    why = f"line {first} has this barcode and says otherwise; line {first} counts"
    return RowResult(line, Outcome.REFUSED, second.barcode, why)


def _said(announcement: Announcement) -> tuple[str | None, str, str]:
    person = announcement.recipient or Recipient("")
    return announcement.size, person.name, person.phone


# --- one row -------------------------------------------------------------------------------------


def _announcement(row: Row, site: Site) -> Announcement:
    """Raises `_RowError`."""
    if row.problem:
        raise _RowError(row.problem)
    cells = {name: _cell(name, row.cells.get(name, "")) for name in COLUMNS}
    barcode = _barcode(cells["barcode"])
    size = _size(cells["size"], site)
    name = " ".join(cells["name"].split())
    phone = _phone(cells["phone"], site.location.country)
    recipient = Recipient(str(uuid.uuid4()), name, phone) if name or phone else None
    return Announcement(str(uuid.uuid4()), barcode, size, recipient)


def _cell(column: str, text: str) -> str:
    """A cell without blanks at its ends and without what a spreadsheet puts around digits."""
    if column == "barcode":
        text = text.strip("\r\n \t")
    if column == "phone":
        # These come along when a number is copied from a phone's contacts.
        text = "".join(sign for sign in text if sign not in bidi.CONTROLS)
    for sign in text:
        if _is_control(sign) and not (sign == GROUP_SEPARATOR and column == "barcode"):
            what = "a line break" if sign in "\n\r\u2028\u2029" else f"a control character {sign!r}"
            raise _RowError(f"column {column}: there is {what} in {shown(text)}")
        if sign == "\ufffd":
            raise _RowError(f"column {column}: letters were lost in {shown(text)}")
    plain = text.replace("\ufeff", "").strip(" \t\u00a0\u2007\u202f\u3000")
    length_max = CELL_LENGTH_MAX.get(column, OTHER_LENGTH_MAX)
    if len(plain) > length_max:
        raise _RowError(
            f"column {column}: {shown(plain)} has {len(plain)} characters;"
            f" at most {length_max} are right"
        )
    if column == "name":
        # An export of ours, or of another careful program, marks these as text.
        return plain[1:] if _MARKED_NAME.match(plain) else plain
    formula = _FORMULA_TEXT.fullmatch(plain)
    return formula[1].strip() if formula else plain.removeprefix("'").lstrip()


def _is_control(sign: str) -> bool:
    """A control character, or a mark that turns the text around it over; a tab is a blank."""
    is_control = unicodedata.category(sign) == "Cc" and sign != "\t"
    return is_control or sign in "\u2028\u2029" or sign in bidi.CONTROLS


def _require_whole(column: str, text: str) -> None:
    for pattern, problem in _SPREADSHEET:
        if pattern.fullmatch(text):
            raise _RowError(f"column {column}: {text} {problem}: {AS_TEXT}")


def _barcode(text: str) -> str:
    if not text:
        raise _RowError("column barcode: it is empty")
    if text.startswith("="):
        raise _RowError(f"column barcode: {shown(text)} is a formula, not what it gives: {AS_TEXT}")
    if not kept_key(text).isalnum():
        # Else its dots are a carrier's own, in a form that is sure.
        _require_whole("barcode", text)
    try:
        barcode = barcode_text(text)
        key = barcode_key(text)
    except NotABarcodeError as error:
        raise _RowError(f"column barcode: {shown(text)}: {error}") from error
    if _is_rounded(key):
        raise _RowError(
            f"column barcode: {text} ends as a spreadsheet rounds long numbers"
            f" ({_ROUNDED_FROM} digits, then zeros): {AS_TEXT}"
        )
    return barcode.replace(" ", "")


def _is_rounded(key: str) -> bool:
    """Whether a long number ends in zeros where a spreadsheet knows no more digits. With two zeros
    or fewer that may well be an accident."""
    is_long = key.isdigit() and len(key) >= _ROUNDED_FROM + 3 and not key.startswith("0")
    return is_long and not key[_ROUNDED_FROM:].strip("0")


def _size(text: str, site: Site) -> str | None:
    if not text or text in site.sizes:
        return text or None
    alike = [name for name in site.sizes if name.casefold() == text.casefold()]
    if len(alike) != 1:
        there = ", ".join(site.sizes)
        raise _RowError(f"column size: {shown(text)} is none of this site's: {there}")
    return alike[0]


def _phone(text: str, country: str | None) -> str:
    """In E.164. A number without country code belongs to the site's country."""
    # Loaded when first needed: its tables take long, and most commands need none.
    from kiosk.model.phone import PhoneNumberError, phone_number

    if not text:
        return ""
    _require_whole("phone", text)
    try:
        return phone_number(text, country)
    except PhoneNumberError as error:
        raise _RowError(f"column phone: {error}") from error
