"""A person names a delegate, and takes it back: the kiosk is asked, and says when it is so."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, func, insert, select

from central import kept, limits, schema
from central.adapters import new_id
from central.context import Central, audit
from central.delegates import following
from central.delegates.tables import delegate
from central.errors import RequestError
from central.packages.service import find_locked
from central.sync import commands
from kiosk.model.clock import DAY_MS, end_of_day_ms
from kiosk.model.commands import EndDelegate, NameDelegate
from kiosk.model.package import PackageStatus

DAYS_MAX: Final = 7
"""For how many days somebody may be named."""
NAMED_A_DAY: Final = 5
"""How often a day somebody may be named for one package."""
NAME_MAX: Final = 40


def name(
    connection: Connection, central: Central, by: str, package: str, who: str, days: int
) -> str:
    """Let somebody fetch a package until the end of a day; they take the place of whoever might
    before. Their id. Raises `RequestError`."""
    row = find_locked(connection, package)
    table, now_ms, named = delegate, central.clock.now_ms(), " ".join(who.split())
    if not named or len(named) > NAME_MAX:
        raise RequestError(422, "invalid", f"name: it has 1 to {NAME_MAX} signs")
    if not 0 <= days <= DAYS_MAX:
        raise RequestError(422, "invalid", f"days: {days}: right is 0 to {DAYS_MAX}")
    is_held = row.status in (PackageStatus.STORED, PackageStatus.EXPIRED)
    if not is_held or row.disputed_ms is not None:
        raise RequestError(409, "not_held", f"the package is {row.status}: nobody can fetch it")
    lately = (table.c.package == row.id) & (table.c.created_ms > now_ms - DAY_MS)
    if connection.execute(select(func.count()).where(lately)).scalar_one() >= NAMED_A_DAY:
        raise RequestError(429, "too_often", "not so often", retry_after_s=DAY_MS // 1000)
    limits.require_change(connection, central, row.location, row.id, by)
    place = select(schema.location.c.time_zone).where(schema.location.c.id == row.location)
    zone = kept.zone_of(connection.execute(place).scalar_one())
    until_ms = end_of_day_ms(now_ms + days * DAY_MS + 1, zone)
    following.end(connection, row.id, now_ms)
    values = {"id": new_id(), "package": row.id, "name": named, "until_ms": until_ms}
    connection.execute(insert(table).values(**values, created_ms=now_ms))
    command = NameDelegate(package=row.id, delegate=values["id"], until_ms=until_ms)
    commands.queue(connection, row.location, command, by, now_ms, row.id)
    audit(connection, now_ms, by, "package.delegate", row.id, place=row.location)
    return str(values["id"])


def end(connection: Connection, central: Central, by: str, package: str) -> None:
    """Nobody but its owner may fetch a package any more. Raises `RequestError`."""
    row = find_locked(connection, package)
    named, now_ms = following.current(connection, row.id), central.clock.now_ms()
    if named is None or named.ended_ms is not None or named.fetched_ms is not None:
        return
    limits.require_change(connection, central, row.location, row.id, by)
    following.end(connection, row.id, now_ms)
    command = EndDelegate(package=row.id, delegate=named.id)
    commands.queue(connection, row.location, command, by, now_ms, row.id)
    audit(connection, now_ms, by, "package.delegate-end", row.id, place=row.location)
