"""Which sizes of door a location has, which of them take a package, and how much room is left.

What is announced to a location and has not come takes a door in the count. In the eyes of a sender
the others' announcements take only a share of the doors, each other's alone: nobody who announces
what never comes fills a location for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from central import schema
from central.carriers.shares import of_location
from central.errors import FieldError, RequestError
from central.sync.room import promises
from kiosk.model.carriers import OPERATOR
from kiosk.model.shares import Shares

_PROMISES = promises(lambda location: location == bindparam("location")).subquery()
_ANNOUNCED = select(_PROMISES.c.size, _PROMISES.c.sender, func.count().label("number")).group_by(
    _PROMISES.c.size, _PROMISES.c.sender
)
_SIZES = (
    select(schema.location_size)
    .where(schema.location_size.c.location == bindparam("location"))
    .order_by(schema.location_size.c.rank)
)


@dataclass(frozen=True, slots=True)
class Dimensions:
    """A package's three edges, in whichever order."""

    width_mm: int
    height_mm: int
    depth_mm: int

    @property
    def edges_mm(self) -> list[int]:
        """The edges, the shortest first."""
        return sorted((self.width_mm, self.height_mm, self.depth_mm))


@dataclass(frozen=True, slots=True)
class Asker:
    """A sender who asks for room, and the share of the doors that any other one may take."""

    sender: str
    share: float
    carrier: str = OPERATOR

    def taken(self, announced: dict[str | None, int], total: int) -> int:
        """How many of these doors are taken by what senders announced."""
        most = self.counted(total)
        return sum(
            number if sender == self.sender else min(number, most)
            for sender, number in announced.items()
        )

    def counted(self, total: int) -> int:
        """How many of another sender's announcements count, at so many doors."""
        return max(1, int(total * self.share))


@dataclass(frozen=True, slots=True)
class SizeOfDoor:
    """One size of a location's doors."""

    name: str
    inside: Dimensions
    max_weight_kg: float
    total: int
    free: int
    """How many are empty and wait for no announced package."""

    def takes(self, package: Dimensions | None, weight_kg: float | None) -> bool:
        """Whether a package fits in, turned as it may be, and is not too heavy."""
        is_light = weight_kg is None or weight_kg <= self.max_weight_kg
        if package is None:
            return is_light
        pairs = zip(package.edges_mm, self.inside.edges_mm, strict=True)
        return is_light and all(edge <= room for edge, room in pairs)


def announced_to(connection: Connection, location: str) -> dict[str | None, dict[str | None, int]]:
    """How many packages are announced to a location and have not come, or have room reserved, by
    size and by sender."""
    found: dict[str | None, dict[str | None, int]] = {}
    for row in connection.execute(_ANNOUNCED, {"location": location}):
        found.setdefault(row.size, {})[row.sender] = row.number
    return found


def sizes_of(connection: Connection, location: str, asker: Asker | None = None) -> list[SizeOfDoor]:
    """A location's sizes, the smallest first, with their room in the eyes of a sender or of an
    operator; none before its kiosk has sent them."""
    shares = None if asker is None else of_location(connection, location)
    return sizes_with(connection, location, asker, shares)


def sizes_with(
    connection: Connection, location: str, asker: Asker | None, shares: Shares | None
) -> list[SizeOfDoor]:
    """The same of a location whose shares are known."""
    announced = announced_to(connection, location)

    def left(size: str, free: int, total: int) -> int:
        if asker is None or shares is None:
            return max(0, free)
        return shares.left(size, asker.carrier, max(0, free), asker.counted(total))

    def expected(size: str, total: int) -> int:
        senders = announced.get(size, {})
        return sum(senders.values()) if asker is None else asker.taken(senders, total)

    return [
        SizeOfDoor(
            row.size,
            Dimensions(row.width_mm, row.height_mm, row.depth_mm),
            row.max_weight_kg,
            row.total,
            left(row.size, row.free - expected(row.size, row.total), row.total),
        )
        for row in connection.execute(_SIZES, {"location": location})
    ]


def size_for(
    location: str,
    sizes: list[SizeOfDoor],
    name: str | None,
    package: Dimensions | None,
    weight_kg: float | None,
) -> str | None:
    """The size of door that an announced package is to get; None leaves it to the courier.

    Raises `RequestError` when no door of the location takes it.
    """
    # Before a kiosk has sent its layout its slots are known by the names of their sizes only.
    sizes = [size for size in sizes if size.inside.depth_mm > 0]
    if not sizes and package is not None:
        raise RequestError(
            409,
            "not_ready",
            f"location {location!r} has not reported its sizes yet: give the field size",
        )
    if not sizes or (name is None and package is None and weight_kg is None):
        return name
    if name is not None and name not in {size.name for size in sizes}:
        known = ", ".join(size.name for size in sizes)
        refused = RequestError(422, "invalid", f"size {name!r} is none of {location!r}: {known}")
        raise refused.with_errors(FieldError("size", name, f"one of {known}"))
    fitting = [
        size for size in sizes if size.takes(package, weight_kg) and name in (None, size.name)
    ]
    if not fitting:
        why = _why_not(location, sizes, name, package, weight_kg)
        field = "weight_kg" if package is None else "dimensions"
        value = weight_kg if package is None else " × ".join(map(str, package.edges_mm))
        refused = RequestError(422, "too_large", why)
        raise refused.with_errors(FieldError(field, value, _limits(sizes, name)))
    return name if package is None else fitting[0].name


def _why_not(
    location: str,
    sizes: list[SizeOfDoor],
    name: str | None,
    package: Dimensions | None,
    weight_kg: float | None,
) -> str:
    what = "a package"
    if package is not None:
        what += " of " + " × ".join(str(edge) for edge in package.edges_mm) + " mm"
    if weight_kg is not None:
        what += f" of {weight_kg:g} kg"
    return f"no door of {location!r} takes {what}: {_limits(sizes, name)}"


def _limits(sizes: list[SizeOfDoor], name: str | None) -> str:
    """What the doors of a size, or of all, take at most."""
    return "; ".join(
        f"{size.name} takes {' × '.join(str(edge) for edge in size.inside.edges_mm)} mm and"
        f" {size.max_weight_kg:g} kg"
        for size in sizes
        if name in (None, size.name)
    )


def room_for(sizes: list[SizeOfDoor], name: str | None) -> int:
    """How many doors are left for one more package of a size, or of any; a larger door will do."""
    names = [size.name for size in sizes]
    first = names.index(name) if name in names else 0
    return sum(size.free for size in sizes[first:])
