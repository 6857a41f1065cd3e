"""How much is tried: little enough for every `make test`, or all that a night has room for.

`TEST_BUDGET=nightly` chooses the second.
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """How far each search goes."""

    images: int
    """Disks that are rebuilt after a power cut."""
    fault_stride: int
    """Every so many calls of the disk one is made to fail."""
    sticky: bool
    """Whether each call also fails from then on."""
    refusal_stride: int
    """Every so many writes of a story one is refused; at 1 in every way that there is."""


EVERY_TEST = Budget(images=1_000, fault_stride=61, sticky=False, refusal_stride=11)
NIGHTLY = Budget(images=1_000_000, fault_stride=1, sticky=True, refusal_stride=1)


def budget() -> Budget:
    """The budget that the environment asks for."""
    return NIGHTLY if os.environ.get("TEST_BUDGET") == "nightly" else EVERY_TEST
