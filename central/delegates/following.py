"""What is known of delegates: whose code a kiosk takes, no more takes, and who fetched what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, select, update

from central.delegates.tables import delegate
from kiosk.model.events import EventKind
from kiosk.model.images import known_images

FOLLOWED: Final = frozenset(
    {
        EventKind.DELEGATE_NAMED.value,
        EventKind.DELEGATE_ENDED.value,
        EventKind.CODE_REISSUED.value,
        EventKind.CONTACT_CHANGED.value,
        EventKind.PACKAGE_RETRIEVED.value,
    }
)


def follow(
    connection: Connection, kind: str, body: Mapping[str, Any], package: str, now_ms: int
) -> bool:
    """Take what an event says of a package's delegate; whether their code is good since now."""
    table = delegate
    if kind == EventKind.PACKAGE_RETRIEVED:
        if body.get("delegate"):
            fetched = table.c.id == str(body["delegate"]), table.c.package == package
            connection.execute(update(table).where(*fetched).values(fetched_ms=now_ms))
        return False
    images = [row for name, row in known_images(body) if name == "package" and "delegate" in row]
    is_new = False
    for image in images:
        named = image["delegate"]
        of_it = (table.c.package == image["id"]) & table.c.closed_ms.is_(None)
        others = of_it & (table.c.id != (named or ""))
        known = others & table.c.known_ms.is_not(None)
        connection.execute(update(table).where(known).values(closed_ms=now_ms))
        if named:
            newly = update(table).where(of_it, table.c.id == named, table.c.known_ms.is_(None))
            is_new = bool(connection.execute(newly.values(known_ms=now_ms)).rowcount)
    return is_new


def current(connection: Connection, package: str) -> Any:
    """The delegate of a package, the last that was named; None where there was none."""
    table = delegate
    newest = select(table).where(table.c.package == package).order_by(table.c.created_ms.desc())
    return connection.execute(newest.limit(1)).first()


def who_fetched(connection: Connection, package: str) -> Any:
    """The delegate who fetched a package; None where it was nobody's delegate."""
    table = delegate
    fetched = select(table).where(table.c.package == package, table.c.fetched_ms.is_not(None))
    return connection.execute(fetched).first()


def end(connection: Connection, package: str, now_ms: int) -> None:
    """Nobody but its owner is to fetch a package any more; its kiosk has yet to hear of it."""
    of_it = (delegate.c.package == package) & delegate.c.ended_ms.is_(None)
    connection.execute(update(delegate).where(of_it).values(ended_ms=now_ms))
