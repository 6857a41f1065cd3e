"""What programs may ask for: would it fit, keep room for it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from central.packages.requests import ApiRequest, Measured, Reference, Words
from kiosk.model.fields import YEAR_2000_MS, YEAR_2100_MS


class Room(ApiRequest):
    """A package that has no number yet."""

    size: Words | None = Field(default=None, min_length=1, max_length=16)
    """A size of the location's doors; or `dimensions`, and the smallest that fits is taken."""
    dimensions: Measured | None = None
    """The package's edges, in place of `size`."""
    weight_kg: float | None = Field(default=None, gt=0, le=1000)
    """A size whose doors carry less is not given."""


class Reserve(Room):
    """Room for a package that is to be announced."""

    location: Words = Field(min_length=1, max_length=64)
    """A location's id."""
    kind: Literal["soft", "hard"] = "soft"
    """`soft`: it counts as a door that is taken wherever room is counted. `hard`: its kiosk keeps a
    door as well, so that nobody who comes unannounced gets the last one."""
    until_ms: int = Field(ge=YEAR_2000_MS, lt=YEAR_2100_MS)
    """When it ends by itself, milliseconds since 1970 UTC."""
    reference: Reference | None = None
    """Your own number of it."""


class Renew(ApiRequest):
    """Another end of a reservation."""

    until_ms: int = Field(ge=YEAR_2000_MS, lt=YEAR_2100_MS)
    """When it ends by itself, milliseconds since 1970 UTC."""
