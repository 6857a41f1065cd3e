"""The shares of the doors that carriers have here, as the server said last, and what each uses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from kiosk.model.shares import Share, Shares
from kiosk.store import meta
from kiosk.store.writer import Writer

SHARES = "door_shares"
_LYING = (
    "SELECT slot.size, package.carrier, count(*) AS number FROM package"
    " JOIN slot ON slot.label = package.slot WHERE package.slot IS NOT NULL"
    " GROUP BY slot.size, package.carrier"
)
_ANNOUNCED = (
    "SELECT size, carrier, count(*) AS number FROM package"
    " WHERE status = 'PENDING' AND slot IS NULL GROUP BY size, carrier"
)


@dataclass(frozen=True, slots=True)
class DoorShare:
    """A carrier's share of the doors of one size."""

    carrier: str
    size: str
    least: int
    most: int | None


def take(writer: Writer, shares: Sequence[DoorShare]) -> None:
    """Keep what the server says now, in the place of all before."""
    if not shares:
        meta.forget(writer, SHARES)
        return
    said = [[each.carrier, each.size, each.least, each.most] for each in shares]
    meta.set_value(writer, SHARES, json.dumps(said))


def of_location(writer: Writer) -> Shares | None:
    """The shares with what is used of them; None where nothing is kept for anybody."""
    kept = meta.value(writer, SHARES)
    if kept is None:
        return None
    shares = {
        (size, carrier): Share(least, most) for carrier, size, least, most in json.loads(kept)
    }
    lying = {(row["size"], row["carrier"]): int(row["number"]) for row in writer.all(_LYING)}
    announced = {
        (row["size"], row["carrier"]): int(row["number"]) for row in writer.all(_ANNOUNCED)
    }
    return Shares(shares, lying, announced)
