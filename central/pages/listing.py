"""A list on a page: its pages, by which of its columns it is ordered, and what it is narrowed to.

A list has an order of its own, along an index of its table, in which it goes on for as long as
there are rows. By another column its first `AMONG` rows are ordered, so that no list reads a whole
table, however much is asked of it; the page says so where there are more.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from sqlalchemy import Connection, Select

from central.errors import wrong_field

SHOWN: Final = 20
"""How many rows a page of a list has."""
AMONG: Final = 1000
"""So many rows at most are ordered by another column than the list's own, or looked through."""

Row = Mapping[str, Any]
Key = Callable[[Row], Any]
"""What a row is ordered by; None, where there is nothing, comes last."""
PageNumber = Annotated[int, Query(ge=1, le=1000)]
"""Of a list that is shown page by page; further back one searches."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to see of a list."""

    q: str = ""
    """What stands in its rows, or what is searched."""
    sort: str = ""
    """The column that it is ordered by, with a `-` before it the other way round; empty: its own
    order."""
    number: int = 1
    """Which page."""


async def _wanted(
    q: Annotated[str, Query(max_length=200)] = "",
    sort: Annotated[str, Query(max_length=40)] = "",
    number: PageNumber = 1,
) -> Wanted:
    return Wanted(q.strip(), sort, number)


WantedList = Annotated[Wanted, Depends(_wanted)]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list."""

    rows: list[dict[str, Any]]
    wanted: Wanted
    has_more: bool
    is_cut: bool = False
    """Whether it was ordered among its first `AMONG` rows, and there are more."""
    is_long: bool = False
    """Whether there are so many rows that something to narrow them by helps."""

    @property
    def number(self) -> int:
        """Which page it is."""
        return self.wanted.number


def of_query(
    connection: Connection, query: Select[Any], wanted: Wanted, keys: Mapping[str, Key]
) -> Listed:
    """A page of a list whose query has its own order, along an index."""
    key = _key(wanted, keys)
    if key is not None:
        found = [dict(row) for row in connection.execute(query.limit(AMONG + 1)).mappings()]
        among = _ordered(found[:AMONG], key, wanted)
        return replace(_page(among, wanted), is_cut=len(found) > AMONG)
    # Of rows of one moment each database has an order of its own, that of its index, in which they
    # stay.
    some = query.limit(SHOWN + 1).offset((wanted.number - 1) * SHOWN)
    rows = [dict(row) for row in connection.execute(some).mappings()]
    return Listed(rows[:SHOWN], wanted, len(rows) > SHOWN)


def of_rows(
    rows: Sequence[Row],
    wanted: Wanted,
    keys: Mapping[str, Key],
    words: Callable[[Row], str] | None = None,
) -> Listed:
    """A page of a list that is read whole, for it is short. `words`: what stands in a row, which
    the list can be narrowed by."""
    found = [dict(row) for row in rows]
    is_long = words is not None and (len(found) > 2 * SHOWN or wanted.q != "")
    if words is not None and wanted.q:
        found = [row for row in found if wanted.q.casefold() in words(row).casefold()]
    key = _key(wanted, keys)
    found = found if key is None else _ordered(found, key, wanted)
    return replace(_page(found, wanted), is_long=is_long)


def _key(wanted: Wanted, keys: Mapping[str, Key]) -> Key | None:
    if not wanted.sort:
        return None
    key = keys.get(wanted.sort.removeprefix("-"))
    if key is None:
        right = f"one of {', '.join(keys)}, or with - before it the other way round"
        raise wrong_field("sort", wanted.sort, right)
    return key


def _ordered(rows: Sequence[dict[str, Any]], key: Key, wanted: Wanted) -> list[dict[str, Any]]:
    """Numbers by their size, words by their letters; rows without anything stand last."""
    known = [row for row in rows if key(row) is not None]
    known.sort(key=lambda row: _comparable(key(row)), reverse=wanted.sort.startswith("-"))
    return known + [row for row in rows if key(row) is None]


def _comparable(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _page(rows: Sequence[dict[str, Any]], wanted: Wanted) -> Listed:
    begin = (wanted.number - 1) * SHOWN
    return Listed(list(rows[begin : begin + SHOWN]), wanted, begin + SHOWN < len(rows))


def by(*names: str) -> dict[str, Key]:
    """The columns that a list is ordered by, each by what its rows say under that name."""
    return {name: operator.itemgetter(name) for name in names}
