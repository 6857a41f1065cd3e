"""How long a package may be held, and until when it is held as soon as its kiosk has heard of what
was asked for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select

from central import kept, schema
from central.context import Central
from central.errors import RequestError
from kiosk.model.clock import Instant, days_later_ms, hold_until_ms
from kiosk.model.commands import CommandType
from kiosk.model.fields import is_in_time
from kiosk.model.package import PackageStatus

_COMMAND = schema.command
_ZONE = select(schema.location.c.time_zone).where(schema.location.c.id == bindparam("location"))


def require_extendable(connection: Connection, central: Central, row: Any, days: int) -> None:
    """A package may be held so many days longer, within the most that is allowed in all. Raises
    `RequestError`."""
    if row.status not in (PackageStatus.STORED, PackageStatus.EXPIRED):
        raise RequestError(409, "not_held", f"the package is {row.status}: nothing holds it")
    zone = _zone_of(connection, row)
    times = (row.stored_ms, row.hold_until_ms)
    if not all(at_ms and is_in_time(at_ms, is_trusted=False) for at_ms in times):
        raise RequestError(409, "not_held", "its kiosk has not said until when it is held")
    begun = Instant(row.stored_ms, 0, "", True)
    last_ms = hold_until_ms(begun, central.settings.hold_days_max, zone)
    asked = _days_asked_for(connection, row.location, row.id)
    if days_later_ms(row.hold_until_ms, asked + days, zone) > last_ms:
        most = central.settings.hold_days_max
        raise RequestError(409, "too_long", f"a package is held {most} days at most, in all")


def may_extend(connection: Connection, central: Central, row: Any) -> bool:
    """Whether a package may be held a day longer."""
    try:
        require_extendable(connection, central, row, 1)
    except RequestError:
        return False
    return True


def promised_until_ms(connection: Connection, row: Any) -> int | None:
    """Until when a package is held, with the days that its kiosk has yet to hear of."""
    asked = _days_asked_for(connection, row.location, row.id)
    if not asked or row.hold_until_ms is None:
        return None if row.hold_until_ms is None else int(row.hold_until_ms)
    if not is_in_time(row.hold_until_ms, is_trusted=False):
        return int(row.hold_until_ms)
    zone = _zone_of(connection, row)
    # A hold ends at midnight in the zone of its kiosk, which the server may have another one of.
    into_day_ms = row.hold_until_ms - days_later_ms(row.hold_until_ms, 0, zone)
    return int(days_later_ms(row.hold_until_ms, asked, zone) + into_day_ms)


def _zone_of(connection: Connection, row: Any) -> str:
    return kept.zone_of(connection.execute(_ZONE, {"location": row.location}).scalar_one())


def _days_asked_for(connection: Connection, location: str, package: str) -> int:
    """By how many days a hold is to be lengthened by commands that are not answered yet."""
    bodies: Any = connection.execute(
        select(_COMMAND.c.body).where(
            _COMMAND.c.location == location,
            _COMMAND.c.package == package,
            _COMMAND.c.type == CommandType.EXTEND.value,
            _COMMAND.c.state == "QUEUED",
        )
    ).scalars()
    return sum(days_in(kept.object_of(body)) for body in bodies)


def days_in(body: dict[str, Any]) -> int:
    """By how many days a command lengthens a hold."""
    days = body.get("days")
    return days if isinstance(days, int) else 0
