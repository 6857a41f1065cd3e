"""Which commands that wait for a kiosk are one, and which goes first.

What was never handed out may still be changed: a newer command of a kind takes the place of the one
that waits, so that nobody fills a queue, and an opening goes before all of them, for it is good for
a minute. What was handed out keeps its number: a kiosk applies each number once.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, select, update

from central import kept, schema
from central.extending import days_in
from kiosk.model.commands import (
    HOLD_DAYS_MAX,
    ChangeSettings,
    Command,
    CommandType,
    Extend,
    Open,
    SlotService,
    body_of,
)

_TABLE = schema.command


def _unsent(location: str) -> ColumnElement[bool]:
    return (
        (_TABLE.c.location == location) & (_TABLE.c.state == "QUEUED") & _TABLE.c.sent_ms.is_(None)
    )


_PLACE = schema.location
_SEEN = case(
    (_PLACE.c.command_n > _PLACE.c.command_cursor, _PLACE.c.command_n),
    else_=_PLACE.c.command_cursor,
)
_BEHIND: Any = bindparam("behind", type_=_PLACE.c.command_n.type)
_COUNT_ON = (
    update(_PLACE)
    .where(_PLACE.c.id == bindparam("of_location"))
    .values(
        command_n=case((_SEEN > _BEHIND, _SEEN), else_=_BEHIND)
        + bindparam("count", type_=_PLACE.c.command_n.type)
    )
    .returning(_PLACE.c.command_n)
)
_SAME = (
    select(_TABLE)
    .where(
        _TABLE.c.location == bindparam("location"),
        _TABLE.c.state == "QUEUED",
        _TABLE.c.sent_ms.is_(None),
        _TABLE.c.type == bindparam("type"),
        _TABLE.c.package.is_not_distinct_from(bindparam("package")),
    )
    .order_by(_TABLE.c.n.desc())
)


def merge(
    connection: Connection,
    location: str,
    command: Command,
    by: str,
    now_ms: int,
    package: str | None,
) -> str | None:
    """Put a command in the place of one of its kind that no kiosk has seen; its id, or None where
    none waits. What is asked for of two doors, or of two packages, is never one."""
    if isinstance(command, Open):
        return None  # each opening has its own answer
    same = {"location": location, "type": command.type.value, "package": package}
    for row in connection.execute(_SAME, same):
        before = kept.object_of(row.body)
        if isinstance(command, SlotService) and before.get("slot") != command.slot:
            continue
        if isinstance(command, Extend):
            days = min(days_in(before) + command.days, HOLD_DAYS_MAX)
            command = command.model_copy(update={"days": days})
        if isinstance(command, ChangeSettings):
            both = {**kept.object_of(json.dumps(before.get("settings"))), **command.settings}
            command = command.model_copy(update={"settings": both})
        values: dict[str, Any] = {"body": json.dumps(body_of(command), sort_keys=True), "by": by}
        values |= {"created_ms": now_ms, "times": row.times + 1}
        of_row = (_TABLE.c.location == location) & (_TABLE.c.n == row.n)
        connection.execute(update(_TABLE).where(of_row).values(**values))
        return str(row.id)
    return None


def place_of(connection: Connection, location: str, command: Command) -> int:
    """The number of a new command: an opening's is before all that no kiosk has seen, any other's
    is the last."""
    number = count_on(connection, location)
    if not isinstance(command, Open):
        return number
    cursor = select(schema.location.c.command_cursor).where(schema.location.c.id == location)
    is_before = ~_unsent(location) | (_TABLE.c.type == CommandType.OPEN.value)
    last = select(func.max(_TABLE.c.n)).where(_TABLE.c.location == location, is_before)
    known = connection.execute(select(cursor.scalar_subquery(), last.scalar_subquery())).one()
    place = max(*(each or 0 for each in known)) + 1
    behind = _unsent(location) & (_TABLE.c.n >= place)
    if connection.execute(select(_TABLE.c.n).where(behind).limit(1)).first() is None:
        return number
    # By way of numbers that nobody has, for each is there once.
    connection.execute(update(_TABLE).where(behind).values(n=-(_TABLE.c.n + 1)))
    moved = (_TABLE.c.location == location) & (_TABLE.c.n < 0)
    connection.execute(update(_TABLE).where(moved).values(n=-_TABLE.c.n))
    return place


def count_on(connection: Connection, location: str, count: int = 1, behind: int = 0) -> int:
    """The next number of a command to a location, of `count` that are taken now; behind all that
    were given out, behind what its kiosk has seen, for this database may be an older one restored,
    and `behind` this one."""
    values = {"of_location": location, "count": count, "behind": behind}
    return int(connection.execute(_COUNT_ON, values).scalar_one()) - count + 1


def note_sent(connection: Connection, location: str, numbers: list[int], now_ms: int) -> None:
    """These are handed out now: from here on they stay as they are."""
    connection.execute(
        update(_TABLE)
        .where(_TABLE.c.location == location, _TABLE.c.n.in_(numbers), _TABLE.c.sent_ms.is_(None))
        .values(sent_ms=now_ms)
    )
