"""How a simulation says that something which must hold does not."""

from __future__ import annotations


class BrokenInvariantError(Exception):
    """Something that must never be was found."""


def require(condition: object, message: str) -> None:
    """Raise `BrokenInvariantError` where a condition does not hold."""
    if not condition:
        raise BrokenInvariantError(message)
