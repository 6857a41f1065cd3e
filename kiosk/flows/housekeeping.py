"""What the machine does for itself, minute by minute, whoever stands before it."""

from __future__ import annotations

import asyncio
import logging

from kiosk.flows.kiosk import Kiosk
from kiosk.model.clock import JUMP_MS, Instant
from kiosk.model.events import EventKind
from kiosk.store import counters, erasure, holds
from kiosk.store.errors import StoreError
from kiosk.store.writer import Writer

LOG = logging.getLogger("kiosk.housekeeping")
TICK_S = 60
SAMPLE_EVERY = 5
"""A sample of the bank's occupancy every so many ticks."""
ERASE_EVERY = 60
"""How often, in ticks, personal fields are looked for whose time is over."""
AT_ONCE = 50
"""How many packages one transaction expires or cancels, and how many people it erases."""


async def keep(kiosk: Kiosk) -> None:
    """Do what is due, every minute, until cancelled; a store that fails is tried again."""
    clock = ClockWatch()
    ticks = 0
    while True:
        try:
            await kiosk.store.run(clock.look)
            await minute(kiosk)
            if ticks % SAMPLE_EVERY == 0:
                await kiosk.store.run(counters.sample_occupancy, kiosk.location.time_zone)
            if ticks % ERASE_EVERY == 0:
                await erase(kiosk)
        except StoreError:
            LOG.exception("housekeeping could not be done; it is tried again in a minute")
        ticks += 1
        await asyncio.sleep(TICK_S)


async def minute(kiosk: Kiosk) -> None:
    """Holds: give back what they missed, then end those that are over."""
    while await kiosk.store.run(_holds, kiosk.location.time_zone) == AT_ONCE:
        continue


def _holds(writer: Writer, time_zone: str) -> int:
    holds.tick(writer, time_zone)
    return max(holds.expire_due(writer, AT_ONCE), holds.lapse_announcements(writer, AT_ONCE))


async def erase(kiosk: Kiosk) -> None:
    """Forget people whose packages have been finished for as long as the site keeps them."""
    erased = 0
    while True:
        some = await kiosk.store.run(erasure.erase_due, kiosk.policy.erase_after_days, AT_ONCE)
        erased += some
        if some < AT_ONCE:
            break
    if erased:
        await kiosk.store.forget_old_pages()


class ClockWatch:
    """Writes down when the wall clock was set, or is trusted no more or again."""

    def __init__(self) -> None:
        self._before: Instant | None = None

    def look(self, writer: Writer) -> int | None:
        """Compare the clock with the last look; the event's number if it changed."""
        now, before = writer.now, self._before
        self._before = now
        if before is None:
            return None if now.is_trusted else changed(writer, "start")
        jump_ms = now.wall_ms - before.wall_ms - (now.monotonic_ms - before.monotonic_ms)
        if now.is_trusted == before.is_trusted and abs(jump_ms) <= JUMP_MS:
            return None
        return changed(writer, "kiosk", jump_ms)


def changed(writer: Writer, actor: str, jump_ms: int = 0) -> int:
    """Journal what the clock is now."""
    return writer.record(
        EventKind.CLOCK_CHANGED, trusted=writer.now.is_trusted, jump_ms=jump_ms, actor=actor
    )


async def confirm_time(kiosk: Kiosk, actor: str) -> None:
    """A technician says that the time that is shown is right."""
    kiosk.clock.confirm()
    await kiosk.store.run(changed, actor)
