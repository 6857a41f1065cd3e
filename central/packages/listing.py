"""Lists of packages: by state, location, reference, time of change, and what is to be collected.

Each list is read along an index, as many rows as a page has: of each status that is wanted so many,
put together in their order. So a page costs the same at ten million packages as at ten, wherever in
the list it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    select,
    tuple_,
    union_all,
)

from central import schema
from central.auth import Program
from central.database.own_clock import NowMs
from central.errors import wrong_field
from central.packages import cursors
from central.packages.service import described, stopped
from central.tokens import Secrets
from kiosk.model.barcode import kept_key
from kiosk.model.carriers import OPERATOR
from kiosk.model.package import PackageStatus

MOST: Final = 500
STATUSES: Final = tuple(status.value for status in PackageStatus)
LYING: Final = (PackageStatus.STORED.value, PackageStatus.EXPIRED.value)
OVERLAP_MS: Final = 60_000
"""So long after a change is written it may come to light: longer than any transaction takes."""
_PACKAGE = schema.package
_NOW = select(NowMs())


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for; what is None is left open."""

    status: tuple[str, ...] = ()
    location: str | None = None
    reference: str | None = None
    barcode: str | None = None
    changed_since_ms: int | None = None
    due_by_ms: int | None = None

    @property
    def order(self) -> str:
        """The column that the list is ordered by, before the id."""
        if self.due_by_ms is not None:
            return "hold_until_ms"
        return "known_ms" if self.changed_since_ms is None else "changed_ms"

    @property
    def statuses(self) -> tuple[str, ...]:
        """Those that are wanted: of what is to be collected those that lie in a door."""
        offered = STATUSES if self.due_by_ms is None else LYING
        return tuple(each for each in offered if not self.status or each in self.status)


def page(
    connection: Connection,
    secrets: Secrets,
    program: Program,
    asked: Asked,
    cursor: str | None,
    limit: int,
) -> dict[str, Any]:
    """One page of a list, and where it goes on. Raises `RequestError`."""
    _require_known(asked)
    place = _begin(asked)
    if cursor is not None:
        place = cursors.read(secrets, program.id, asdict(asked), cursor)
    now_ms = int(connection.execute(_NOW).scalar_one())
    rows = _rows(connection, program, asked, place, limit)
    is_more = len(rows) > limit
    rows = rows[:limit]
    have_stopped = stopped(connection, rows)
    shown = [described(row, have_stopped) for row in rows]
    answer: dict[str, Any] = {"packages": shown, "next": None}
    if is_more:
        last = [getattr(rows[-1], asked.order), rows[-1].id]
        answer["next"] = cursors.made(secrets, program.id, asdict(asked), last)
    if asked.changed_since_ms is not None:
        since_ms = max(asked.changed_since_ms, now_ms - OVERLAP_MS)
        answer["next_since_ms"] = None if is_more else since_ms
    return answer


def _require_known(asked: Asked) -> None:
    for each in asked.status:
        if each not in STATUSES:
            raise wrong_field("status", each, f"one or more of {', '.join(STATUSES)}")
    if asked.due_by_ms is not None and not asked.statuses:
        raise wrong_field("status", ",".join(asked.status), "STORED or EXPIRED beside due_by_ms")
    if asked.due_by_ms is not None and asked.changed_since_ms is not None:
        raise wrong_field("due_by_ms", asked.due_by_ms, "one of due_by_ms and changed_since_ms")


def _begin(asked: Asked) -> list[Any]:
    """Before the first row."""
    return [asked.changed_since_ms or 0, ""]


def _rows(
    connection: Connection, program: Program, asked: Asked, place: Sequence[Any], limit: int
) -> Sequence[Any]:
    after, after_id = place
    values: dict[str, Any] = {"after": after, "after_id": after_id, "most": limit + 1}
    values |= {"place": asked.location, "due_by_ms": asked.due_by_ms}
    is_operators = program.carrier == OPERATOR
    values["whose"] = program.id if is_operators else program.carrier
    if asked.reference is None and asked.barcode is None:
        is_at_one = asked.location is not None
        found = _walked(is_operators, asked.order, asked.statuses, is_at_one)
        return connection.execute(found, values).all()
    named = _PACKAGE.c.reference == asked.reference
    if asked.reference is None:
        named = _PACKAGE.c.barcode_key == kept_key(asked.barcode or "")
    return connection.execute(_found(is_operators, asked, named), values).all()


def _whose(is_operators: bool) -> ColumnElement[bool]:
    """Whose packages these are: an operator's key sees what it announced, any other its carrier's.
    Said with the very words of the indexes, which are of some rows only."""
    operator = schema.fixed(OPERATOR)
    if is_operators:
        return (_PACKAGE.c.carrier == operator) & (_PACKAGE.c.sender == bindparam("whose"))
    return (_PACKAGE.c.carrier != operator) & (_PACKAGE.c.carrier == bindparam("whose"))


def _is_behind(order: str) -> ColumnElement[bool]:
    """Behind the last row that was seen, in one comparison, which each database finds by its
    index."""
    here = tuple_(_PACKAGE.c[order], _PACKAGE.c.id)
    return here > tuple_(bindparam("after"), bindparam("after_id"))


@cache
def _walked(
    is_operators: bool, order: str, statuses: tuple[str, ...], is_at_one: bool
) -> Select[Any]:
    """The next rows of each status, put together in their order."""
    branches = [_walk(is_operators, order, status, is_at_one) for status in statuses]
    some = union_all(*branches).subquery()
    ids = select(some.c.id).order_by(some.c.place, some.c.id).limit(bindparam("most"))
    rows = select(_PACKAGE).where(_PACKAGE.c.id.in_(ids))
    return rows.order_by(_PACKAGE.c[order], _PACKAGE.c.id)


def _walk(is_operators: bool, order: str, status: str, is_at_one: bool) -> Select[Any]:
    where = [_whose(is_operators), _PACKAGE.c.status == schema.fixed(status), _is_behind(order)]
    if order == "hold_until_ms":
        where.append(_PACKAGE.c.status.in_([schema.fixed(each) for each in LYING]))
        where.append(_PACKAGE.c.hold_until_ms <= bindparam("due_by_ms"))
    if status == PackageStatus.CANCELLED:
        # An announcement that is the package that lay there already goes on as that.
        where.append(_PACKAGE.c.joined.is_(None))
    if is_at_one:
        where.append(_PACKAGE.c.location == bindparam("place"))
    some = select(_PACKAGE.c[order].label("place"), _PACKAGE.c.id).where(*where)
    some = some.order_by(_PACKAGE.c[order], _PACKAGE.c.id).limit(bindparam("most"))
    return select(some.subquery())


def _found(is_operators: bool, asked: Asked, named: ColumnElement[bool]) -> Select[Any]:
    """What has a reference or a barcode, of which there are few."""
    where = [_whose(is_operators), named, _is_behind(asked.order), _PACKAGE.c.joined.is_(None)]
    where.append(_PACKAGE.c.status.in_(asked.statuses))
    if asked.location is not None:
        where.append(_PACKAGE.c.location == bindparam("place"))
    if asked.due_by_ms is not None:
        where.append(_PACKAGE.c.hold_until_ms <= bindparam("due_by_ms"))
    found = select(_PACKAGE).where(*where)
    return found.order_by(_PACKAGE.c[asked.order], _PACKAGE.c.id).limit(bindparam("most"))
