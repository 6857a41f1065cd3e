"""Which free slot a package gets, behind one interface; the site's config names the strategy.

A strategy never lists the free slots: it asks a `FreeSlots` for the next one of a size and kind,
so that the answer costs the same in a bank of 24 and in one of 10,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kiosk.model.location import Location, Size


class FreeSlots(Protocol):
    """The slots that are empty, in service and reachable, as the store knows them."""

    def first(self, size: str, *, low: bool | None = None, skip: int = 0) -> str | None:
        """The label of the free slot of this size to be used next, after `skip` others.

        `low` restricts it to slots within (True) or above (False) everyone's reach. The order is:
        longest unused first, then by place in the bank.
        """
        ...


class AllocationStrategy(Protocol):
    """Chooses a slot for a package."""

    def choose(
        self, sizes: Sequence[Size], smallest: str, needs_low: bool, free: FreeSlots
    ) -> str | None:
        """The label of the slot for a package that needs at least size `smallest`; None when no
        free slot takes it. `sizes` are the location's, from the smallest."""
        ...


class BestFit:
    """The smallest free slot that takes the package.

    Low slots are kept back for those who need them: another package gets one only when no higher
    slot takes it, and never the last `low_reserve` of a size.
    """

    def __init__(self, low_reserve: int = 1) -> None:
        self.low_reserve = low_reserve

    def choose(
        self, sizes: Sequence[Size], smallest: str, needs_low: bool, free: FreeSlots
    ) -> str | None:
        fitting = sizes_from(sizes, smallest)
        if needs_low:
            return _first_of(fitting, free, low=True, skip=0)
        higher = _first_of(fitting, free, low=False, skip=0)
        return higher or _first_of(fitting, free, low=True, skip=self.low_reserve)


class FirstAvailable:
    """The longest unused free slot of the smallest size that has one; low slots like any other."""

    def choose(
        self, sizes: Sequence[Size], smallest: str, needs_low: bool, free: FreeSlots
    ) -> str | None:
        low = True if needs_low else None
        return _first_of(sizes_from(sizes, smallest), free, low=low, skip=0)


def has_low_slot(location: Location, smallest: str) -> bool:
    """Whether any slot within everybody's reach there takes a package of a size, free or not."""
    fitting = sizes_from(location.sizes, smallest)
    return any(slot.is_low and slot.size in fitting for slot in location.slots)


def sizes_from(sizes: Sequence[Size], smallest: str) -> list[str]:
    """The names of the sizes that take a package of size `smallest`, the smallest first.

    A larger slot takes it only if no inner dimension is less.
    """
    wanted = next(size for size in sizes if size.name == smallest)
    return [
        size.name
        for size in sizes
        if size.volume_mm3 >= wanted.volume_mm3
        and size.width_mm >= wanted.width_mm
        and size.height_mm >= wanted.height_mm
        and size.depth_mm >= wanted.depth_mm
    ]


def _first_of(names: Sequence[str], free: FreeSlots, low: bool | None, skip: int) -> str | None:
    for name in names:
        label = free.first(name, low=low, skip=skip)
        if label is not None:
            return label
    return None
