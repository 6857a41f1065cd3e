"""Checks of what must always hold, kept on in production."""

from __future__ import annotations


class BrokenInvariantError(Exception):
    """Something that can never be true was true; nothing was changed."""


def require(condition: object, message: str) -> None:
    """Raise `BrokenInvariantError(message)` unless the condition holds."""
    if not condition:
        raise BrokenInvariantError(message)
