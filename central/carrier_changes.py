"""What the operator does with carriers: make one, change it, let it work no more, or again."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from central import schema
from central.context import Central, audit
from central.errors import RequestError, not_found, require_plain
from central.sync.staff_list import count_change
from kiosk.model.carriers import CARRIER_ID, OPERATOR

NAME_MAX = 80
CARRIERS_MAX = 200
"""So many carriers one network has at most."""
_COUNTRY = re.compile(r"[A-Z]{2}")


def add(
    connection: Connection,
    central: Central,
    by: str,
    carrier: str,
    name: str,
    countries: Sequence[str] = (),
) -> None:
    """Make a carrier, which has no keys, couriers or packages yet. Raises `RequestError`."""
    table, now_ms = schema.carrier, central.clock.now_ms()
    if re.fullmatch(CARRIER_ID, carrier) is None:
        right = "1 to 32 of a to z, 0 to 9 and hyphens, no hyphen first"
        raise RequestError(422, "invalid", f"carrier {carrier!r}: right are {right}")
    values = _values(name, countries)
    if connection.execute(select(table.c.id).where(table.c.id == carrier)).first() is not None:
        raise RequestError(409, "exists", f"carrier {carrier!r} is there already")
    if connection.execute(select(func.count()).select_from(table)).scalar_one() >= CARRIERS_MAX:
        raise RequestError(409, "full", f"there are {CARRIERS_MAX} carriers already")
    connection.execute(insert(table).values(id=carrier, created_ms=now_ms, **values))
    audit(connection, now_ms, by, "carrier.add", carrier, **values)


def change(
    connection: Connection,
    central: Central,
    by: str,
    carrier: str,
    name: str,
    countries: Sequence[str] = (),
) -> None:
    """Give a carrier another name, or other countries. Raises `RequestError`."""
    row_of(connection, carrier)
    table, values = schema.carrier, _values(name, countries)
    connection.execute(update(table).where(table.c.id == carrier).values(**values))
    audit(connection, central.clock.now_ms(), by, "carrier.change", carrier, **values)


def disable(connection: Connection, central: Central, by: str, carrier: str) -> None:
    """Let a carrier work no more: its keys are refused, and couriers who serve no other are let in
    nowhere once the kiosks have heard of it. Its packages stay until they are fetched, or taken
    back by who serves it and the operator. Raises `RequestError`."""
    if carrier == OPERATOR:
        problem = f"carrier {OPERATOR!r} is the operator's own: it is always there"
        raise RequestError(409, "always_there", problem)
    _set_disabled(connection, central, by, carrier, "carrier.disable", central.clock.now_ms())


def enable(connection: Connection, central: Central, by: str, carrier: str) -> None:
    """Let a carrier work again. Raises `RequestError`."""
    _set_disabled(connection, central, by, carrier, "carrier.enable", None)


def row_of(connection: Connection, carrier: str) -> Any:
    """A carrier's row. Raises `RequestError`."""
    table = schema.carrier
    row = connection.execute(select(table).where(table.c.id == carrier)).first()
    if row is None:
        raise not_found("carrier", carrier)
    return row


def _set_disabled(
    connection: Connection,
    central: Central,
    by: str,
    carrier: str,
    action: str,
    disabled_ms: int | None,
) -> None:
    if (row_of(connection, carrier).disabled_ms is None) is (disabled_ms is None):
        return
    table, staff, now_ms = schema.carrier, schema.staff, central.clock.now_ms()
    connection.execute(update(table).where(table.c.id == carrier).values(disabled_ms=disabled_ms))
    # Who serves it stands in the list at a newer version: that is what kiosks fetch.
    serves_it = staff.c.carriers.contains(json.dumps(carrier), autoescape=True)
    version = count_change(connection, now_ms)
    connection.execute(
        update(staff).where(serves_it, staff.c.removed_ms.is_(None)).values(version=version)
    )
    audit(connection, now_ms, by, action, carrier)


def _values(name: str, countries: Sequence[str]) -> dict[str, str]:
    """The columns that a carrier is made of. Raises `RequestError`."""
    name, codes = name.strip(), [each.strip() for each in countries if each.strip()]
    require_plain(name=name)
    if not 1 <= len(name) <= NAME_MAX:
        raise RequestError(
            422, "invalid", f"name {name[:NAME_MAX]!r}: it has 1 to {NAME_MAX} characters"
        )
    wrong = [each for each in codes if _COUNTRY.fullmatch(each) is None]
    if wrong:
        problem = f"countries {wrong[0]!r}: right are two capitals each, as DE (ISO 3166-1)"
        raise RequestError(422, "invalid", problem)
    return {"name": name, "countries": json.dumps(codes)}
