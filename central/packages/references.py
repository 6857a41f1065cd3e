"""A sender's own number of a package: no other live one of theirs has it."""

from __future__ import annotations

from sqlalchemy import Connection, select

from central import schema
from central.carriers.visible import Visible
from central.database.locks import lock_name
from central.errors import RequestError
from kiosk.model.package import PackageStatus


def require_new(connection: Connection, visible: Visible, reference: str | None) -> None:
    """Refuse a number that a package of theirs has, but for one that was recalled. Raises
    `RequestError`."""
    if reference is None:
        return
    # Whoever announces with the same number just now, at whichever location, waits here.
    lock_name(connection, f"reference {visible.carrier} {visible.sender} {reference}")
    table = schema.package
    found = connection.execute(
        select(table.c.id, table.c.known_as)
        .where(
            visible.condition(),
            table.c.reference == reference,
            table.c.joined.is_(None),
            table.c.status != PackageStatus.CANCELLED.value,
        )
        .limit(1)
    ).first()
    if found is not None:
        known = found.known_as or found.id
        raise RequestError(
            409, "exists", f"reference {reference!r} is a package's already", id=known
        )
