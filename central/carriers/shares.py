"""Which share of a location's doors a carrier has, and what it uses of it, read from the tables.

The rule is the kiosk's, too (`kiosk.model.shares`), which hears of them with the list of staff.
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, bindparam, func, select, union_all

from central import schema
from central.errors import RequestError
from kiosk.model.shares import Share, Shares
from kiosk.sync.contract import DOOR_SHARES_MAX, DoorShare

_PACKAGE, _SLOT, _SHARE = schema.package, schema.slot, schema.door_share
_RESERVED = schema.reservation
_SHARES = select(_SHARE).where(_SHARE.c.location == bindparam("location"))
_LYING = (
    select(_SLOT.c.size, _PACKAGE.c.carrier, func.count().label("number"))
    .join(_SLOT, (_SLOT.c.location == _PACKAGE.c.location) & (_SLOT.c.label == _PACKAGE.c.slot))
    .where(_PACKAGE.c.location == bindparam("location"), _PACKAGE.c.slot.is_not(None))
    .group_by(_SLOT.c.size, _PACKAGE.c.carrier)
)
_PROMISED = union_all(
    select(_PACKAGE.c.size, _PACKAGE.c.carrier).where(
        _PACKAGE.c.location == bindparam("location"),
        _PACKAGE.c.status == schema.fixed("PENDING"),
        _PACKAGE.c.is_announced,
        _PACKAGE.c.slot.is_(None),
    ),
    select(_RESERVED.c.size, _RESERVED.c.carrier).where(
        _RESERVED.c.location == bindparam("location"), _RESERVED.c.state == schema.fixed("HELD")
    ),
).subquery()
_ANNOUNCED = select(_PROMISED.c.size, _PROMISED.c.carrier, func.count().label("number")).group_by(
    _PROMISED.c.size, _PROMISED.c.carrier
)
_FREE = select(schema.location_size.c.size, schema.location_size.c.free).where(
    schema.location_size.c.location == bindparam("location")
)


def of_location(connection: Connection, location: str) -> Shares | None:
    """The shares of a location; None where nothing is kept for anybody."""
    asked = {"location": location}
    shares = {
        (row.size, row.carrier): Share(row.least, row.most)
        for row in connection.execute(_SHARES, asked)
    }
    if not shares:
        return None
    lying = {(row.size, row.carrier): int(row.number) for row in connection.execute(_LYING, asked)}
    announced = {
        (row.size, row.carrier): int(row.number) for row in connection.execute(_ANNOUNCED, asked)
    }
    return Shares(shares, lying, announced)


def said_to_kiosk(connection: Connection, location: str) -> tuple[DoorShare, ...]:
    """The shares as a location's kiosk hears of them."""
    asked = _SHARES.order_by(_SHARE.c.size, _SHARE.c.carrier).limit(DOOR_SHARES_MAX)
    return tuple(
        DoorShare(carrier=row.carrier, size=row.size, least=row.least, most=row.most)
        for row in connection.execute(asked, {"location": location})
    )


def require_left(
    connection: Connection, location: str, shares: Shares | None, carrier: str, size: str | None
) -> None:
    """One more announcement of a carrier at a location, which is locked and has these shares.
    Raises `RequestError` where its share of the doors is used, or what is left is kept for others.

    That all doors are taken or promised is no refusal in itself: they empty until the courier
    comes.
    """
    if shares is None:
        return
    free = {row.size: row.free for row in connection.execute(_FREE, {"location": location})}
    promised: Counter[str | None] = Counter()
    for (of_size, _), number in shares.announced.items():
        promised[of_size] += number
    left = 0
    for each in sorted(free) if size is None else [size]:
        bound = shares.bound(each, carrier, max(0, free.get(each, 0) - promised[each]))
        if bound is None:
            return
        left += bound
    if size is None:
        left -= shares.announced.get((None, carrier), 0)
    if left <= 0:
        of = "any size" if size is None else f"size {size!r}"
        problem = f"carrier {carrier!r} has no door of {of} left of its share at {location!r}"
        raise RequestError(409, "share_used", problem)
