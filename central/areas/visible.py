"""What somebody may see and act on: the one place that says so.

Every query of the operators' pages and every one of their actions goes through here. Whatever lies
beyond somebody's reach is to them as if it were not there: it is neither listed, counted, found,
given out nor acted on, and is refused in the words of what does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, exists, not_, select, true

from central import schema
from central.areas.tables import area_within, operator_grant
from central.auth import Role
from central.errors import RequestError, not_found
from kiosk.model.person import kept_number

EVERYWHERE: Final = ""
"""As an area: that which all others lie in."""
RANK: Final = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}
NETWORK_ONLY: Final = "this needs the role {role} for all locations, not for some areas"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """A role in an area and all within it."""

    area: str
    role: Role

    def __str__(self) -> str:
        return self.role.value if self.area == EVERYWHERE else f"{self.role.value}@{self.area}"


@dataclass(frozen=True, slots=True)
class Reach:
    """Where somebody may do what they ask for: in these areas and all within them."""

    areas: tuple[str, ...]
    within: str = EVERYWHERE
    """Of that only what lies in this area, too: what they want to look at."""

    @property
    def is_everywhere(self) -> bool:
        """Whether nothing is beyond it."""
        return EVERYWHERE in self.areas

    def covers(self, connection: Connection, area: str) -> bool:
        """Whether an area lies in it."""
        if self.is_everywhere:
            return True
        above = area_within.c.above
        query = select(above).where(area_within.c.area == area, above.in_(self.areas))
        return connection.execute(query.limit(1)).first() is not None


NETWORK: Final = Reach((EVERYWHERE,))
"""That of the console, and of whoever has a role everywhere."""


NOWHERE: Final = Reach(())


def reach_of(grants: Sequence[Grant], role: Role) -> Reach:
    """Where somebody with these grants may do what needs that role."""
    return Reach(tuple(each.area for each in grants if RANK[each.role] >= RANK[role]))


def visible_to(reach: Reach, column: Any) -> ColumnElement[bool]:
    """Whether the location that a column names is within somebody's reach. What names none is of
    the whole network."""
    place = schema.location.c
    if all(EVERYWHERE in areas for areas in _narrowed(reach)):
        return true()
    seen: ColumnElement[bool] = column.in_(select(place.id).where(lies_in(reach, place.area)))
    return seen


def lies_in(reach: Reach, column: Any) -> ColumnElement[bool]:
    """The same of a column that names the area in which a location lies, empty where it lies in
    none."""
    conditions = [
        column.in_(subtree(areas)) for areas in _narrowed(reach) if EVERYWHERE not in areas
    ]
    return and_(true(), *conditions)


def _narrowed(reach: Reach) -> tuple[Sequence[str], ...]:
    return reach.areas, (reach.within,)


def subtree(areas: Sequence[str]) -> Any:
    """The ids of these areas and of all within them."""
    return select(area_within.c.area).where(area_within.c.above.in_(areas))


def areas_visible_to(reach: Reach, column: Any) -> ColumnElement[bool]:
    """The same for a column that names an area; an empty one is of the whole network."""
    return true() if reach.is_everywhere else column.in_(subtree(reach.areas))


def accounts_visible_to(reach: Reach) -> ColumnElement[bool]:
    """Whether an account may do nothing anywhere but where somebody administers."""
    if reach.is_everywhere:
        return true()
    grant = operator_grant.c
    of_account = grant.account == schema.user.c.id
    beyond = not_(grant.area.in_(subtree(reach.areas)))
    return exists().where(of_account) & ~exists().where(of_account, beyond)


def role_at(connection: Connection, grants: Sequence[Grant], location: str) -> Role | None:
    """The most that somebody may do at a location."""
    here = around(connection, location)
    roles = [each.role for each in grants if each.area in here]
    return max(roles, key=RANK.__getitem__) if roles else None


def around(connection: Connection, location: str) -> frozenset[str]:
    """The areas that a location lies in, and that which all others lie in."""
    place = schema.location.c
    of_place = select(place.area).where(place.id == location)
    query = select(area_within.c.above).where(area_within.c.area.in_(of_place))
    return frozenset({EVERYWHERE, *connection.execute(query).scalars()})


# --- what an action is about ------------------------------------------------------------------

About = Callable[[Connection], None]
"""Refuses an action on what somebody may not act on. Raises `RequestError`."""


def nothing_of_others(_connection: Connection) -> None:
    """For an action on what is one's own."""


def everything(reach: Reach, role: Role = Role.ADMIN) -> About:
    """An action on what is of the whole network."""

    def require(_connection: Connection) -> None:
        require_everywhere(reach, role)

    return require


def require_everywhere(reach: Reach, role: Role) -> None:
    """Raises `RequestError` for who may do so in some areas only."""
    if not reach.is_everywhere:
        raise RequestError(403, "forbidden", NETWORK_ONLY.format(role=role))


def _of(table: Any, column: str, what: str, reach: Reach, name: str) -> About:
    def require(connection: Connection) -> None:
        found = select(table.c.id).where(table.c.id == name, visible_to(reach, table.c[column]))
        if connection.execute(found).first() is None:
            raise not_found(what, name)

    return require


def of_location(reach: Reach, name: str) -> About:
    """An action on a location."""
    return _of(schema.location, "id", "location", reach, name)


def of_package(reach: Reach, name: str) -> About:
    """An action on a package."""
    return _of(schema.package, "location", "package", reach, name)


def of_message(reach: Reach, name: str) -> About:
    """An action on a message."""
    return _of(schema.notification, "location", "message", reach, name)


def of_quarantined(reach: Reach, name: str) -> About:
    """An action on an event in quarantine."""
    return _of(schema.quarantine, "location", "open event in quarantine", reach, name)


def of_account(reach: Reach, name: str) -> About:
    """An action on an account."""

    def require(connection: Connection) -> None:
        user = schema.user
        found = select(user.c.id).where(user.c.id == name, accounts_visible_to(reach))
        if connection.execute(found).first() is None:
            raise not_found("account", name)

    return require


def of_area(reach: Reach, name: str) -> About:
    """An action in an area; that which all others lie in is for whoever may act everywhere."""

    def require(connection: Connection) -> None:
        if not reach.covers(connection, name):
            raise not_found("area", name)

    return require


def of_staff(reach: Reach, number: str) -> About:
    """An action on somebody who is listed."""

    def require(connection: Connection) -> None:
        table = schema.staff
        is_it = table.c.number == kept_number(number)
        found = select(table.c.number).where(is_it, areas_visible_to(reach, table.c.area))
        if connection.execute(found).first() is None:
            raise not_found("staff member", kept_number(number))

    return require
