"""Which role an account has where: given, taken away, and no more than who gives it has.

`user_account.role` is the most that an account may do anywhere; it says whether a second factor
must be had, and changes with the grants, in their transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, func, select, update

from central import schema
from central.areas import tree
from central.areas.tables import operator_grant
from central.areas.visible import EVERYWHERE, NETWORK, RANK, Grant, Reach
from central.auth import Role
from central.database.bulk import upsert_many
from central.errors import RequestError, not_found


def of(connection: Connection, account: str) -> tuple[Grant, ...]:
    """What an account may do, and where."""
    table = operator_grant
    rows = connection.execute(
        select(table).where(table.c.account == account).order_by(table.c.area)
    )
    return tuple(Grant(row.area, Role(row.role)) for row in rows)


def of_all(connection: Connection) -> dict[str, list[Grant]]:
    """The same of every account."""
    found: dict[str, list[Grant]] = {}
    for row in connection.execute(select(operator_grant).order_by(operator_grant.c.area)):
        found.setdefault(row.account, []).append(Grant(row.area, Role(row.role)))
    return found


def put(
    connection: Connection, account: str, grant: Grant, reach: Reach = NETWORK
) -> tuple[Grant, ...]:
    """Give an account a role in an area, in place of the one that it has right there; what it has
    then. Raises `RequestError`."""
    tree.lock(connection)
    tree.require_place(connection, grant.area, reach)
    _keep(connection, account, [grant])
    return _note_most(connection, account)


def take(connection: Connection, account: str, area: str) -> tuple[Grant, ...]:
    """Take the role away that an account has right in an area; what is left. Raises
    `RequestError`."""
    table = operator_grant
    known = of(connection, account)
    if all(each.area != area for each in known):
        raise not_found("role in the area", area)
    if len(known) == 1:
        problem = "it is the account's only role: disable the account instead"
        raise RequestError(409, "last_grant", problem)
    is_it = (table.c.account == account) & (table.c.area == area)
    connection.execute(delete(table).where(is_it))
    return _note_most(connection, account)


def replace(
    connection: Connection, account: str, grants: Sequence[Grant], reach: Reach = NETWORK
) -> None:
    """Give an account these roles in place of all that it has. Raises `RequestError`."""
    if not grants:
        raise RequestError(422, "invalid", "an account has one role at least")
    tree.lock(connection)
    for each in grants:
        tree.require_place(connection, each.area, reach)
    table = operator_grant
    connection.execute(delete(table).where(table.c.account == account))
    _keep(connection, account, grants)
    _note_most(connection, account)


def _keep(connection: Connection, account: str, grants: Iterable[Grant]) -> None:
    rows = [{"account": account, "area": each.area, "role": each.role.value} for each in grants]
    upsert_many(connection, operator_grant, ("account", "area"), rows)


def _note_most(connection: Connection, account: str) -> tuple[Grant, ...]:
    user, known = schema.user, of(connection, account)
    most = max((each.role for each in known), key=RANK.__getitem__)
    connection.execute(update(user).where(user.c.id == account).values(role=most.value))
    return known


def count_administrators(connection: Connection) -> int:
    """How many accounts administer everything."""
    table, user = operator_grant, schema.user
    query = (
        select(func.count())
        .select_from(table)
        .join(user, user.c.id == table.c.account)
        .where(
            table.c.area == EVERYWHERE,
            table.c.role == Role.ADMIN.value,
            user.c.disabled_ms.is_(None),
        )
    )
    return int(connection.execute(query).scalar_one())


def administers_everything(connection: Connection, account: str) -> bool:
    """Whether an account is one of those."""
    return Grant(EVERYWHERE, Role.ADMIN) in of(connection, account)


def read(text: str) -> Grant:
    """A grant as settings and commands say it: `operator`, or `operator@berlin`. Raises
    `ValueError`."""
    role, at, area = text.strip().partition("@")
    roles = ", ".join(Role)
    if role not in tuple(Role):
        raise ValueError(
            f"{text!r}: a role is one of {roles}, or one with an area, as viewer@north"
        )
    if at and not tree.ID.fullmatch(area):
        raise ValueError(f"{text!r}: behind @ stands the id of an area, as in viewer@north")
    return Grant(area, Role(role))
