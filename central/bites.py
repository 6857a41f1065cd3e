"""Work that comes in bites: each a write of its own, with room for everybody else behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from central.adapters import monotonic_s
from central.context import Central

T = TypeVar("T")

PAUSES = 4.0
"""After each bite there is a pause that is so many times as long: kiosks have the writer for four
fifths of the time, however slow the disk."""
PAUSE_MAX_S = 2.0


async def bite(central: Central, operation: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Write one bite, and leave the writer to the others for a while."""
    began_s = monotonic_s()
    answer = await central.database.write(operation, *arguments, **named)
    await asyncio.sleep(min(PAUSE_MAX_S, PAUSES * (monotonic_s() - began_s)))
    return answer
