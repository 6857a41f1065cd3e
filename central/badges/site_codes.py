"""The site's courier code of the day: whose couriers may type it, and what it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, delete, select

from central import schema
from central.carriers.carriers import require_known
from central.context import Central, audit
from central.database.bulk import insert_once
from central.errors import RequestError, not_found
from central.sync.staff_list import count_change, digits_of
from kiosk.model.site_code import SiteCode, code_of_day, local_day, typed

AHEAD_DAYS = 7
"""How far ahead a code is given: for who plans rounds by the week."""


@dataclass(frozen=True, slots=True)
class GivenCode:
    """A code as a carrier is given it."""

    day: date
    code: SiteCode
    typed: str
    """As it is typed at the keypad of this network's kiosks."""


def allow(
    connection: Connection, central: Central, by: str, carrier: str, *, is_allowed: bool
) -> None:
    """Whether a carrier's couriers may type the site's code. Raises `RequestError`."""
    table, now_ms = schema.site_code_carrier, central.clock.now_ms()
    require_known(connection, carrier)
    count_change(connection, now_ms)
    if is_allowed:
        insert_once(connection, table, {"carrier": carrier, "since_ms": now_ms})
    else:
        connection.execute(delete(table).where(table.c.carrier == carrier))
    audit(connection, now_ms, by, "site-codes.on" if is_allowed else "site-codes.off", carrier)


def is_allowed(connection: Connection, carrier: str) -> bool:
    """Whether a carrier's couriers may type the site's code."""
    table = schema.site_code_carrier
    known = select(table.c.carrier).where(table.c.carrier == carrier)
    return connection.execute(known).first() is not None


def code(
    connection: Connection, central: Central, carrier: str, location: str, day: date | None = None
) -> GivenCode:
    """The code of a carrier at a location today, or on another day. Raises `RequestError`."""
    if not is_allowed(connection, carrier):
        problem = f"carrier {carrier!r} uses no site codes: an operator can let it"
        raise RequestError(409, "no_site_codes", problem)
    table = schema.location
    row = connection.execute(select(table).where(table.c.id == location)).first()
    if row is None:
        raise not_found("location", location)
    if row.key_sealed is None:
        problem = f"location {location!r} has no kiosk yet: it makes the key of the codes"
        raise RequestError(409, "not_ready", problem)
    today = local_day(central.clock.now_ms(), row.time_zone)
    wanted = today if day is None else day
    if not today <= wanted <= today + timedelta(days=AHEAD_DAYS):
        problem = f"day {wanted}: from {today} on, {AHEAD_DAYS} days ahead at most"
        raise RequestError(422, "invalid", problem)
    key = central.secrets.open(row.key_sealed)
    found = code_of_day(key, location, carrier, wanted, row.time_zone)
    return GivenCode(wanted, found, typed(found.digits, digits_of(connection)))
