"""By its id a location is known to be simulated, wherever it is named."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "sandbox~"
"""Ids of real locations have no tilde."""


def is_sandbox(location: str | None) -> bool:
    """Whether a location is simulated."""
    return location is not None and location.startswith(PREFIX)
