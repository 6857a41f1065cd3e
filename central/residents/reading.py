"""A house's directory as a CSV file says it: each row one way to reach somebody.

A row that is wrong is named with its line, its field, its value and what would be right; a file
with such a row is not taken at all.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from central.addresses import address_or_none
from central.errors import RequestError
from central.notify.words import languages
from kiosk.csv_file import NoTableError, Row, shown, table_of
from kiosk.model.directory import FLAT_LENGTH_MAX, HOUSEHOLDS_MAX, NAMES_MAX, flat_key
from kiosk.model.phone import PhoneNumberError, phone_number

COLUMNS = ("flat", "name", "phone", "email", "language")
NAME_LENGTH_MAX = 120
PROBLEMS_MAX = 20
"""So many wrong rows are named; behind them it is said how many more there are."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: somebody in a household, and one way or two to reach them."""

    flat: str
    name: str
    phone: str
    email: str
    language: str

    @property
    def key(self) -> str:
        """What its household has in common: the flat, or the name where there is none."""
        return f"flat {flat_key(self.flat)}" if self.flat else f"name {self.name.casefold()}"


Households = dict[str, list[Entry]]
"""The entries of each household, by its key."""


def read_directory(raw: bytes, name: str, country: str | None) -> Households:
    """The households of a file. Raises `RequestError` that names each row that is wrong."""
    try:
        table = table_of(raw, name, COLUMNS, needed="name")
    except NoTableError as error:
        raise RequestError(422, "invalid", str(error)) from error
    problems = [f"line 1: there is no column {each}" for each in table.unknown]
    found: Households = defaultdict(list)
    lines: dict[Entry, int] = {}
    for row in table.rows:
        entry, wrong = _entry(row, country)
        first = lines.setdefault(entry, row.line)
        if first != row.line and not wrong:
            wrong = [f"the row is the same as line {first}: leave one of them out"]
        problems += [f"line {row.line}: {each}" for each in wrong]
        # A flat is spelled as its first row spells it.
        home = found[entry.key]
        home.append(replace(entry, flat=home[0].flat) if home else entry)
    problems += _too_many(found, lines)
    if not table.rows:
        problems.append(f"{name} has no rows: to empty a directory, say so")
    _require_none(problems)
    return dict(found)


def _entry(row: Row, country: str | None) -> tuple[Entry, list[str]]:
    """A row as it is kept, and what is wrong with it."""
    if row.problem:
        return Entry("", "", "", "", str(row.line)), [row.problem]
    # The mark in front is what an export puts there, so that no spreadsheet runs a number.
    cells = {
        column: " ".join(row.cells.get(column, "").split()).removeprefix("'") for column in COLUMNS
    }
    wrong = _lengths(cells)
    try:
        cells["phone"] = phone_number(cells["phone"], country) if cells["phone"] else ""
    except PhoneNumberError as error:
        wrong.append(f"phone {error}")
    try:
        cells["email"] = address_or_none(cells["email"])
    except ValueError as error:
        wrong.append(f"email {error}")
    if not cells["phone"] and not cells["email"] and not wrong:
        wrong.append("phone and email are both empty: one of them is needed")
    if not cells["flat"] and not cells["name"]:
        wrong.append("flat and name are both empty: one of them is needed")
    if cells["flat"] and not flat_key(cells["flat"]):
        wrong.append(f"flat {shown(cells['flat'])}: it has a letter or a figure, as 12 or 3B")
    cells["language"] = cells["language"].casefold()
    if cells["language"] and cells["language"] not in languages():
        right = ", ".join(languages())
        wrong.append(f"language {shown(cells['language'])}: right are {right}, or nothing")
    return Entry(**cells), wrong


def _lengths(cells: dict[str, str]) -> list[str]:
    most = {"flat": FLAT_LENGTH_MAX, "name": NAME_LENGTH_MAX}
    return [
        f"{column} {shown(cells[column])}: it has at most {length} characters"
        for column, length in most.items()
        if len(cells[column]) > length
    ]


def _too_many(found: Households, lines: dict[Entry, int]) -> list[str]:
    problems = [
        f"line {lines.get(entries[0], 1)}: its household has {len(entries)} rows, at most"
        f" {NAMES_MAX} are right"
        for entries in found.values()
        if len(entries) > NAMES_MAX
    ]
    if len(found) > HOUSEHOLDS_MAX:
        problems.append(f"{len(found)} households: at most {HOUSEHOLDS_MAX} are right")
    return problems


def _require_none(problems: list[str]) -> None:
    if not problems:
        return
    more = len(problems) - PROBLEMS_MAX
    said = problems[:PROBLEMS_MAX] + ([f"and {more} more"] if more > 0 else [])
    fields = [{"field": "directory", "problem": each} for each in said]
    message = f"nothing was taken: {'; '.join(said)}"
    raise RequestError(422, "invalid", message, problems=fields)
