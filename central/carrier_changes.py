"""What the operator does with carriers: make one, change it, say where it works and which share of
the doors it has, let it work no more, or again."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from central import schema, simulated
from central.areas import tree
from central.carriers import places
from central.carriers.appearance import kept_look
from central.context import Central, audit
from central.errors import RequestError, not_found, require_plain
from central.locking import lock_location
from central.sync.staff_list import EVERYWHERE, count_change, list_again, serves
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
    colour: str = "",
) -> None:
    """Make a carrier, which has no keys, couriers or packages yet. Raises `RequestError`."""
    table, now_ms = schema.carrier, central.clock.now_ms()
    if re.fullmatch(CARRIER_ID, carrier) is None:
        right = "1 to 32 of a to z, 0 to 9 and hyphens, no hyphen first"
        raise RequestError(422, "invalid", f"carrier {carrier!r}: right are {right}")
    values = _values(name, countries, colour)
    if connection.execute(select(table.c.id).where(table.c.id == carrier)).first() is not None:
        raise RequestError(409, "exists", f"carrier {carrier!r} is there already")
    real = select(func.count()).where(table.c.id.not_in(sorted(simulated.carriers(connection))))
    if connection.execute(real).scalar_one() >= CARRIERS_MAX:
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
    colour: str = "",
) -> None:
    """Give a carrier another name, other countries, another look. Raises `RequestError`."""
    row_of(connection, carrier)
    table, values = schema.carrier, _values(name, countries, colour)
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


def set_places(
    connection: Connection,
    central: Central,
    by: str,
    carrier: str,
    locations: str,
    areas: str = "",
) -> None:
    """Let a carrier work at some locations and in some areas alone, by their ids with commas, or
    everywhere: `*` in the place of the locations.

    What it has at others already stays there, and is seen by its programs. Raises `RequestError`.
    """
    row_of(connection, carrier)
    table, now_ms = schema.carrier, central.clock.now_ms()
    is_limited = locations.strip() != EVERYWHERE
    at, within = (_ids(text) if is_limited else [] for text in (locations, areas))
    if carrier == OPERATOR and is_limited:
        raise RequestError(409, "always_there", f"carrier {OPERATOR!r} works everywhere")
    if is_limited and not at + within:
        right = f"ids of locations or areas with commas, or {EVERYWHERE} for all locations"
        raise RequestError(422, "invalid", f"locations: nothing is named; right are {right}")
    for each in at:
        _require_location(connection, each)
    tree.lock(connection)
    for each in within:
        tree.require_known(connection, each)
    with places.noted(connection, [carrier], ~simulated.IS_SANDBOX):
        for named, column, ids in (
            (schema.carrier_location, "location", at),
            (schema.carrier_area, "area", within),
        ):
            connection.execute(delete(named).where(named.c.carrier == carrier))
            if ids:
                rows = [{"carrier": carrier, column: each} for each in ids]
                connection.execute(insert(named), rows)
        connection.execute(update(table).where(table.c.id == carrier).values(is_limited=is_limited))
    list_again(connection, serves(carrier), now_ms)
    said: dict[str, Any] = (
        {"locations": at, "areas": within} if is_limited else {"locations": EVERYWHERE}
    )
    audit(connection, now_ms, by, "carrier.places", carrier, **said)


def _ids(text: str) -> list[str]:
    return list(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))


def set_share(
    connection: Connection,
    central: Central,
    by: str,
    carrier: str,
    location: str,
    size: str,
    least: int,
    most: int | None,
) -> None:
    """Keep so many of a location's doors of one size for a carrier, and let it have so many at
    most; 0 and None: nothing is said of it any more. Raises `RequestError`."""
    row_of(connection, carrier)
    _require_location(connection, location)
    lock_location(connection, location)
    table, now_ms = schema.door_share, central.clock.now_ms()
    if least < 0 or (most is not None and most < least):
        right = "right are 0 doors or more, and no fewer at most than are kept"
        raise RequestError(422, "invalid", f"least {least}, most {most}: {right}")
    others = select(func.coalesce(func.sum(table.c.least), 0)).where(
        table.c.location == location, table.c.size == size, table.c.carrier != carrier
    )
    doors = _doors(connection, location, size)
    kept = int(connection.execute(others).scalar_one())
    if least + kept > doors:
        problem = f"least {least}: {location!r} has {doors} doors of size {size!r}, and {kept} of"
        raise RequestError(409, "too_many", f"{problem} them are kept for others")
    connection.execute(
        delete(table).where(
            table.c.location == location, table.c.size == size, table.c.carrier == carrier
        )
    )
    values: dict[str, Any] = {
        "location": location,
        "size": size,
        "carrier": carrier,
        "least": least,
        "most": most,
    }
    if least or most is not None:
        connection.execute(insert(table).values(**values))
    # Kiosks hear of it with the list of staff.
    count_change(connection, now_ms)
    audit(connection, now_ms, by, "carrier.share", carrier, **values)


def _doors(connection: Connection, location: str, size: str) -> int:
    """How many doors of a size a location has. Raises `RequestError`."""
    table = schema.location_size
    found = select(table.c.total).where(table.c.location == location, table.c.size == size)
    doors = connection.execute(found).scalar()
    if doors is None:
        known = select(table.c.size).where(table.c.location == location).order_by(table.c.rank)
        names = ", ".join(connection.execute(known).scalars()) or "none yet, its kiosk has not come"
        raise RequestError(422, "invalid", f"size {size!r} is none of {location!r}: {names}")
    return int(doors)


def _require_location(connection: Connection, location: str) -> None:
    table = schema.location
    if connection.execute(select(table.c.id).where(table.c.id == location)).first() is None:
        raise not_found("location", location)


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
    table, now_ms = schema.carrier, central.clock.now_ms()
    connection.execute(update(table).where(table.c.id == carrier).values(disabled_ms=disabled_ms))
    list_again(connection, serves(carrier), now_ms)
    audit(connection, now_ms, by, action, carrier)


def _values(name: str, countries: Sequence[str], colour: str) -> dict[str, str]:
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
    return {"name": name, "countries": json.dumps(codes), "look": kept_look(colour)}
