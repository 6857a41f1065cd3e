"""The thin layer that touches the machine: its clock, handed in everywhere, and its randomness."""

from __future__ import annotations

import secrets
import time
import uuid
from typing import Protocol


class Clock(Protocol):
    """Where the server gets the time from."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        ...


class SystemClock:
    """The computer's own clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


def monotonic_s() -> float:
    """Seconds that only go forward, to measure how long something takes."""
    return time.monotonic()


RNG = secrets.SystemRandom()
"""The computer's own, for what nobody may guess."""


def new_id() -> str:
    """A random UUID."""
    return str(uuid.uuid4())
