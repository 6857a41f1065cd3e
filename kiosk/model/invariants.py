"""Checks of what must always hold, kept on in production."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class BrokenInvariantError(Exception):
    """Something that can never be true was true; nothing was changed."""


def require(condition: object, message: str) -> None:
    """Raise `BrokenInvariantError(message)` unless the condition holds."""
    if not condition:
        raise BrokenInvariantError(message)


def present(value: T | None, message: str) -> T:
    """A value that is always there. Raises `BrokenInvariantError(message)` where it is not."""
    if value is None:
        raise BrokenInvariantError(message)
    return value
