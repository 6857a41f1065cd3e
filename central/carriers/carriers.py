"""The carriers that there are: who a key belongs to, and which a member of staff may serve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Table, bindparam, select

from central import kept, schema
from central.carriers.appearance import colour_of
from central.errors import RequestError, not_found
from kiosk.model.carriers import OPERATOR, SERVED_MAX

_OF_KEY = select(schema.api_key.c.carrier).where(schema.api_key.c.id == bindparam("key"))


def of_key(connection: Connection, key: str) -> str:
    """The carrier of a program, by its key's id; the operator's own for whoever has none."""
    found = connection.execute(_OF_KEY, {"key": key}).scalar()
    return OPERATOR if found is None else str(found)


def require_known(connection: Connection, carrier: str) -> str:
    """The id of a carrier that is in use. Raises `RequestError`."""
    table = schema.carrier
    in_use = (table.c.id == carrier) & table.c.disabled_ms.is_(None)
    if connection.execute(select(table.c.id).where(in_use)).first() is None:
        raise not_found("carrier", carrier)
    return carrier


def rows(connection: Connection) -> list[dict[str, Any]]:
    """All carriers with where they work, None for everywhere, and their shares; the operator's own
    first, then by name."""
    table, place, share = schema.carrier, schema.carrier_location, schema.door_share
    places, areas = _named(connection, place), _named(connection, schema.carrier_area)
    shares: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for of in connection.execute(select(share).order_by(share.c.location)).mappings():
        shares[of["carrier"]].append(dict(of))
    known = [
        {
            **row,
            "countries": kept.names_of(row["countries"]),
            "locations": places[row["id"]] if row["is_limited"] else None,
            "areas": areas[row["id"]],
            "colour": colour_of(row["look"]),
            "shares": shares[row["id"]],
        }
        for row in connection.execute(select(table)).mappings()
    ]
    return sorted(known, key=lambda row: (row["id"] != OPERATOR, row["name"].casefold()))


def _named(connection: Connection, table: Table) -> dict[str, list[str]]:
    """What is named beside each carrier, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for carrier, named in connection.execute(select(table)):
        found[carrier].append(named)
    return defaultdict(list, {carrier: sorted(each) for carrier, each in found.items()})


def disabled(connection: Connection) -> frozenset[str]:
    """The carriers that are not in use any more."""
    table = schema.carrier
    ended = select(table.c.id).where(table.c.disabled_ms.is_not(None))
    return frozenset(connection.execute(ended).scalars())


def require_served(connection: Connection, carriers: Iterable[str]) -> list[str]:
    """The carriers that somebody is to serve, each once, the own one first. Raises
    `RequestError`."""
    wanted = list(dict.fromkeys(each.strip() for each in carriers if each.strip()))
    if not 1 <= len(wanted) <= SERVED_MAX:
        raise RequestError(
            422, "invalid", f"carriers: {len(wanted)} are named; right are 1 to {SERVED_MAX}"
        )
    return [require_known(connection, each) for each in wanted]


def known_or_operator(connection: Connection, carriers: Iterable[str]) -> dict[str, str]:
    """Of carriers that kiosks name, which one each counts as here: one that is not known, as after
    a restore, is the operator's."""
    wanted = set(carriers)
    table = schema.carrier
    known = set(connection.execute(select(table.c.id).where(table.c.id.in_(wanted))).scalars())
    return {each: each if each in known else OPERATOR for each in sorted(wanted)}
