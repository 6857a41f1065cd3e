"""The list of reservations: by state, location and reference, page by page along an index, as the
lists of packages are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select, tuple_, union_all

from central import schema
from central.auth import Program
from central.errors import wrong_field
from central.packages import cursors
from central.packages.reservations import described, states_of_commands
from central.tokens import Secrets
from kiosk.model.carriers import OPERATOR

STATES: Final = ("HELD", "USED", "GIVEN_BACK", "ENDED")
_TABLE = schema.reservation


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for; what is None is left open."""

    state: tuple[str, ...] = ()
    location: str | None = None
    reference: str | None = None


def page(
    connection: Connection,
    secrets: Secrets,
    program: Program,
    asked: Asked,
    cursor: str | None,
    limit: int,
) -> dict[str, Any]:
    """One page in the order in which they were made, and where it goes on. Raises
    `RequestError`."""
    for each in asked.state:
        if each not in STATES:
            raise wrong_field("state", each, f"one or more of {', '.join(STATES)}")
    of, place = f"reservations {program.id}", [0, ""]
    if cursor is not None:
        place = cursors.read(secrets, of, asdict(asked), cursor)
    rows = _rows(connection, program, asked, place, limit + 1)
    some, more = rows[:limit], None
    if len(rows) > limit:
        more = cursors.made(secrets, of, asdict(asked), [some[-1].created_ms, some[-1].id])
    states = states_of_commands(connection, [row.command for row in some if row.command])
    return {"reservations": [described(row, states.get(row.command)) for row in some], "next": more}


def _rows(
    connection: Connection, program: Program, asked: Asked, place: Sequence[Any], most: int
) -> Sequence[Any]:
    where = [_whose(program), tuple_(_TABLE.c.created_ms, _TABLE.c.id) > tuple_(*place)]
    if asked.location is not None:
        where.append(_TABLE.c.location == asked.location)
    states = [each for each in STATES if not asked.state or each in asked.state]
    order = (_TABLE.c.created_ms, _TABLE.c.id)
    if asked.reference is not None:  # of which there are few
        where += [_TABLE.c.reference == asked.reference, _TABLE.c.state.in_(states)]
        return connection.execute(select(_TABLE).where(*where).order_by(*order).limit(most)).all()
    branches = []
    for state in states:
        walk = select(_TABLE.c.created_ms, _TABLE.c.id)
        walk = walk.where(*where, _TABLE.c.state == schema.fixed(state))
        branches.append(select(walk.order_by(*order).limit(most).subquery()))
    found = union_all(*branches).subquery()
    ids = select(found.c.id).order_by(found.c.created_ms, found.c.id).limit(most)
    rows = select(_TABLE).where(_TABLE.c.id.in_(ids)).order_by(*order)
    return connection.execute(rows).all()


def _whose(program: Program) -> ColumnElement[bool]:
    if program.carrier == OPERATOR:
        return (_TABLE.c.sender == program.id) & (_TABLE.c.carrier == OPERATOR)
    return _TABLE.c.carrier == program.carrier
