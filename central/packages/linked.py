"""The package that a person's link leads to: it ends with the package, and when the package is for
somebody else.
"""

from __future__ import annotations

from typing import Any

from itsdangerous import BadData
from sqlalchemy import Connection, select

from central import people, schema
from central.context import Central
from central.errors import RequestError, not_found
from central.links import PURPOSE, VALID_MS
from central.packages.service import find
from central.schema import LIVE
from kiosk.model.commands import CommandType
from kiosk.model.package import PackageStatus

OVER = (PackageStatus.RETRIEVED, PackageStatus.CANCELLED, PackageStatus.COLLECTED)
"""How a package's way has ended where its person is shown that it has."""


def package_of(
    connection: Connection, central: Central, token: str, *, may_be_over: bool = False
) -> Any:
    """The row of the package of a link; `may_be_over`: also when it was fetched or has gone back.

    Raises `RequestError` when the link is none of ours or too old, when its package is not under
    way any more or is being recalled, and when it is not for the person whom the link was sent to.
    """
    ended = not_found("link", token[:12])
    named, made = _read(central, token)
    # Those of earlier versions name a package alone: they are for whom it was for at that time.
    package, sent_to = (named, None) if isinstance(named, str) else named
    try:
        row = find(connection, package)
    except RequestError as error:
        raise ended from error
    person = schema.recipient
    known = connection.execute(select(person).where(person.c.id == row.recipient)).first()
    if known is None or known.erased_ms is not None:
        raise ended
    is_theirs = (
        people.is_notified(connection, sent_to, row)
        if sent_to is not None
        else known.created_ms <= made.timestamp() * 1000 + 999
    )
    is_under_way = row.status in LIVE and not is_recalled(connection, row.id)
    is_known = may_be_over and row.status in (*LIVE, *OVER)
    if not is_theirs or not (is_under_way or is_known):
        raise ended
    return row


def person_of(connection: Connection, central: Central, token: str) -> Any:
    """The row of the person whom a link was sent to, whatever became of their package. Raises
    `RequestError` for a link that is none of ours or too old, and for somebody forgotten."""
    named, _ = _read(central, token)
    person, package = schema.recipient, schema.package
    query = select(person).where(person.c.erased_ms.is_(None))
    if isinstance(named, str):
        query = query.join(package, package.c.recipient == person.c.id).where(package.c.id == named)
    else:
        query = query.where(person.c.id == named[1])
    found = connection.execute(query).first()
    if found is None:
        raise not_found("link", token[:12])
    return found


def _read(central: Central, token: str) -> tuple[Any, Any]:
    try:
        named, made = central.secrets.serializer(PURPOSE).loads(
            token, max_age=VALID_MS // 1000, return_timestamp=True
        )
    except BadData as error:
        raise not_found("link", token[:12]) from error
    return named, made


def is_recalled(connection: Connection, package: str) -> bool:
    """Whether the kiosk was asked to recall a package, and has not said that it could not."""
    table = schema.command
    found = connection.execute(
        select(table.c.id).where(
            table.c.package == package,
            table.c.type == CommandType.CANCEL.value,
            table.c.state.in_(("QUEUED", "APPLIED")),
        )
    )
    return found.first() is not None
