"""Which share of a location's doors a carrier has, by size: so many are kept for it, and so many it
has at most.

What a carrier uses is what lies there, what is announced and has not come, and what is reserved,
counted when it is asked for. A door that is free and promised to nobody may still be kept for
somebody: for as much of a least share as its carrier does not use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, union_all

from central import schema
from central.errors import RequestError

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


@dataclass(frozen=True, slots=True)
class Share:
    """How many doors of one size are kept for a carrier, and how many it has at most."""

    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of a location's doors, and how many each carrier uses."""

    shares: Mapping[tuple[str, str], Share]
    """By size and carrier."""
    lying: Mapping[tuple[str, str], int]
    """How many packages of a carrier lie in doors of a size."""
    announced: Mapping[tuple[str | None, str], int]
    """How many are announced and have not come, or are reserved; by no size those that were
    announced without."""

    def used(self, size: str, carrier: str) -> int:
        """How many doors a carrier uses."""
        return self.lying.get((size, carrier), 0) + self.announced.get((size, carrier), 0)

    def kept_for_others(self, size: str, carrier: str, counted: int | None = None) -> int:
        """How many doors are kept for other carriers than this one, and are promised to nobody. Of
        what each announced no more than `counted` is taken for promised, if that is given."""
        kept = 0
        for (of_size, other), share in self.shares.items():
            if of_size == size and other != carrier:
                announced = self.announced.get((size, other), 0)
                if counted is not None:
                    announced = min(announced, counted)
                kept += max(0, share.least - self.lying.get((size, other), 0) - announced)
        return kept

    def left(self, size: str, carrier: str, free: int, counted: int) -> int:
        """How many a carrier may have of so many doors that are free and wait for nobody, where of
        others' announcements no more than `counted` each are taken for promised."""
        share, used = self._of(size, carrier)
        # What is kept for it is kept from the others, and so is there for it.
        kept = self.kept_for_others(size, carrier, counted)
        left = max(min(free, share.least - used), free - kept)
        return max(0, left if share.most is None else min(left, share.most - used))

    def bound(self, size: str, carrier: str, free: int) -> int | None:
        """How many more packages a carrier may announce of a size; None: as many as anybody, also
        where all doors are taken now."""
        share, used = self._of(size, carrier)
        kept = 0 if used < share.least else self.kept_for_others(size, carrier)
        bounds = [] if share.most is None else [share.most - used]
        bounds += [free - kept] if kept else []
        return max(0, min(bounds)) if bounds else None

    def _of(self, size: str, carrier: str) -> tuple[Share, int]:
        share = self.shares.get((size, carrier), Share(0, None))
        return share, self.used(size, carrier)


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


def require_left(connection: Connection, location: str, carrier: str, size: str | None) -> None:
    """One more announcement of a carrier at a location, which is locked. Raises `RequestError`
    where its share of the doors is used, or what is left is kept for others.

    That all doors are taken or promised is no refusal in itself: they empty until the courier
    comes.
    """
    shares = of_location(connection, location)
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
