"""A sender's own number of a package: no other live one of theirs has it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, select

from central import schema
from central.carriers.visible import Visible
from central.database.locks import lock_name
from central.errors import RequestError
from kiosk.model.carriers import OPERATOR
from kiosk.model.package import PackageStatus

_PACKAGE = schema.package


def _named(*, of_sender: bool) -> Select[Any]:
    """A package with a number, said with the words of the index of those that have one."""
    operator = schema.fixed(OPERATOR)
    whose: Any = bindparam("whose")
    is_theirs = (_PACKAGE.c.carrier != operator) & (_PACKAGE.c.carrier == whose)
    if of_sender:
        is_theirs = (_PACKAGE.c.carrier == operator) & (_PACKAGE.c.sender == whose)
    found = select(_PACKAGE.c.id, _PACKAGE.c.known_as).where(
        is_theirs,
        _PACKAGE.c.reference == bindparam("reference"),
        _PACKAGE.c.joined.is_(None),
        _PACKAGE.c.status != PackageStatus.CANCELLED.value,
    )
    return found.limit(1)


_NAMED: Final = {each: _named(of_sender=each) for each in (True, False)}


def require_new(connection: Connection, visible: Visible, reference: str | None) -> None:
    """Refuse a number that a package of theirs has, but for one that was recalled. Raises
    `RequestError`."""
    if reference is None:
        return
    # Whoever announces with the same number just now, at whichever location, waits here.
    lock_name(connection, f"reference {visible.carrier} {visible.sender} {reference}")
    of_sender = visible.sender is not None
    whose = visible.sender if of_sender else visible.carrier
    named = {"whose": whose, "reference": reference}
    found = connection.execute(_NAMED[of_sender], named).first()
    if found is not None:
        known = found.known_as or found.id
        raise RequestError(
            409, "exists", f"reference {reference!r} is a package's already", id=known
        )
