"""What a carrier's program may ask about its couriers, with the range of every field."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from central.packages.requests import ApiRequest
from kiosk.model.fields import YEAR_2100_MS
from kiosk.model.signed_badge import PLACES_MAX, PSEUDONYM

Moment = Annotated[int, Field(ge=0, lt=YEAR_2100_MS)]
Place = Annotated[str, Field(min_length=1, max_length=64)]


class BadgeWanted(ApiRequest):
    """A badge for one courier."""

    pseudonym: str = Field(pattern=PSEUDONYM)
    """What you call the courier by: a number or a made-up word, no name. The journal of each locker
    says it of whatever the courier does."""
    valid_from_ms: Moment | None = None
    """From when on it is good, in milliseconds since 1970 UTC; left out: from now on."""
    valid_until_ms: Moment | None = None
    """Until when, 31 days later at most; left out: for 7 days."""
    locations: tuple[Place, ...] = Field(default=(), max_length=PLACES_MAX)
    """At which locations; with no regions either: wherever you may work."""
    regions: tuple[Place, ...] = Field(default=(), max_length=PLACES_MAX)
    """In which regions."""


class RevocationWanted(ApiRequest):
    """A badge, or all badges of a courier, that is to be good no more."""

    badge: str = Field(default="", max_length=400)
    """The badge's text or its id; or else `pseudonym`."""
    pseudonym: str = Field(default="", max_length=24)
    """Of the courier, all of whose badges are to be good no more, and none of any made later while
    this counts; or else `badge`."""
    until_ms: Moment | None = None
    """When the last of them ends by itself; left out: when the badge does, or after 62 days."""
