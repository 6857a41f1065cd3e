"""Which share of a location's doors a carrier has, by size: so many are kept for it, and so many it
has at most.

One rule for both ends. The server judges by it what is announced and reserved; the kiosk what is
brought that nobody announced, also while no server is reached. What a carrier uses is what lies
there, what is announced and has not come, and what is reserved; it is counted when it is asked for.
A door that is free and promised to nobody may still be kept for somebody: for as much of a least
share as its carrier does not use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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

    def left_at_the_machine(self, size: str, carrier: str, free: int) -> int:
        """How many of so many free doors a carrier may have for what it brings unannounced. None of
        them waits for an announced package in particular: what others' least shares keep stays
        free, whether it was announced or not."""
        return self.left(size, carrier, free, 0)

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
