"""The kinds of values that a journal's events are made of: their ranges, lengths and units.

A value is taken as it is, never turned into another kind: "1" is no number, and neither is `true`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field, Strict, ValidationInfo

NUMBER_MAX = 2**53
"""The largest number that every program and database holds exactly."""
YEAR_2000_MS = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1000
YEAR_2100_MS = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1000
IS_TRUSTED = "is_trusted"
"""In the context of a validation: whether the clock was trusted when the value was written."""
TEXT_MAX = 4000


_UNSOUND = re.compile(r"[\0\ud800-\udfff]").search


def is_sound(text: str) -> bool:
    """Whether every program and database can hold a text: without NUL and half characters."""
    return _UNSOUND(text) is None


def _sound(text: str) -> str:
    if not is_sound(text):
        raise ValueError("a text has no NUL and no half of a surrogate pair")
    return text


def is_in_time(wall_ms: int, *, is_trusted: bool) -> bool:
    """Whether a moment can be right: in the years 2000 to 2099, or from 1970 on while the clock is
    not trusted (a machine without a battery starts there)."""
    first_ms = YEAR_2000_MS if is_trusted else 0
    return first_ms <= wall_ms < YEAR_2100_MS


def _in_time(wall_ms: int, info: ValidationInfo) -> int:
    is_trusted = bool(info.context and info.context.get(IS_TRUSTED))
    if not is_in_time(wall_ms, is_trusted=is_trusted):
        raise ValueError("a time is in milliseconds since 1970 UTC, in the years 2000 to 2099")
    return wall_ms


Number = Annotated[int, Strict(), Field(ge=-NUMBER_MAX, le=NUMBER_MAX)]
Count = Annotated[int, Strict(), Field(ge=0, le=NUMBER_MAX)]
Flag = Annotated[bool, Strict()]
Switch = Annotated[int, Strict(), Field(ge=0, le=1)] | Flag
"""A flag of an after-image: 0 or 1."""
DurationMs = Count
"""In milliseconds."""
TimeMs = Annotated[int, Strict(), Field(ge=0, lt=YEAR_2100_MS), AfterValidator(_in_time)]
"""Wall clock, in milliseconds since 1970 UTC; in the years 2000 to 2099 while it is trusted."""

Id = Annotated[str, Strict(), Field(min_length=1, max_length=64), AfterValidator(_sound)]
SlotLabel = Annotated[str, Strict(), Field(min_length=1, max_length=64), AfterValidator(_sound)]
Name = Annotated[str, Strict(), Field(max_length=200), AfterValidator(_sound)]
"""A short text: the name of a size, a board, a file, a command."""
Words = Annotated[str, Strict(), Field(max_length=TEXT_MAX), AfterValidator(_sound)]
"""A sentence for people, or for whoever looks into the journal."""
Digest = Annotated[str, Strict(), Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256, in hexadecimal."""
