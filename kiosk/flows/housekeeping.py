"""What the machine does for itself, minute by minute, whoever stands before it."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from kiosk.flows.context import Kiosk
from kiosk.model.actor import KIOSK
from kiosk.model.clock import DAY_MS, JUMP_MS, Instant
from kiosk.model.event_bodies import ClockChanged
from kiosk.store import backup, counters, erasure, holds, remote_help, tries
from kiosk.store.writer import Writer

LOG = logging.getLogger("kiosk.housekeeping")
TICK_S = 60
SAMPLE_EVERY = 5
"""A sample of the bank's occupancy every so many ticks."""
ERASE_EVERY = 60
"""How often, in ticks, personal fields are looked for whose time is over."""
NIGHT_HOUR = 3
"""The local hour from which a night's backup is made."""
RETRY_MS = 3_600_000
"""How long after a backup the next is tried at the earliest."""
AT_ONCE = 50
"""How many packages one transaction expires or cancels, and how many people it erases."""


async def keep(kiosk: Kiosk) -> None:
    """Do what is due, every minute and every night, until cancelled."""
    await asyncio.gather(_minutes(kiosk), _nights(kiosk))


async def _minutes(kiosk: Kiosk) -> None:
    """Whatever fails is tried again in a minute."""
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
        except Exception:
            LOG.exception("housekeeping could not be done; it is tried again in a minute")
        ticks += 1
        await asyncio.sleep(TICK_S)


async def minute(kiosk: Kiosk) -> None:
    """Holds: give back what they missed, then end those that are over."""
    while await kiosk.store.run(_holds, kiosk.location.time_zone, kiosk.contact()) == AT_ONCE:
        continue


def _holds(writer: Writer, time_zone: str, contact: holds.Contact | None) -> int:
    pause = remote_help.paused(writer)
    is_closed = pause is not None and pause.is_closed
    holds.tick(writer, time_zone, contact, is_closed=is_closed)
    tries.keep_clock(writer)
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


async def _nights(kiosk: Kiosk) -> None:
    """The backup, at the first minute at which it is due; one that failed is tried again."""
    if kiosk.backup is None:
        return
    tried_ms: int | None = None
    while True:
        try:
            last = await kiosk.store.run(backup.last)
            if is_backup_due(kiosk.clock.now(), last, tried_ms, kiosk.location.time_zone):
                tried_ms = kiosk.clock.now().monotonic_ms
                await erase(kiosk)  # a backup keeps nobody who is to be forgotten by now
                made = await backup.make(kiosk.store, kiosk.backup, kiosk.clock)
                level = logging.ERROR if made.problem else logging.INFO
                LOG.log(level, "backup %s: %s", made.file, made.problem or "sound")
        except Exception:
            LOG.exception("the backup failed; it is tried again")
        await asyncio.sleep(TICK_S)


def is_backup_due(
    now: Instant, last: backup.Backup | None, tried_ms: int | None, time_zone: str
) -> bool:
    """Whether to make a backup now: once a night, and when there is none.

    `tried_ms` is the monotonic time of this run's last try. A clock that is not trusted knows no
    night: then it is a day after the last try.
    """
    since_try_ms = None if tried_ms is None else now.monotonic_ms - tried_ms
    if since_try_ms is not None and since_try_ms < RETRY_MS:
        return False
    if last is None or last.problem:
        return True
    if not now.is_trusted:
        return since_try_ms is None or since_try_ms >= DAY_MS
    zone = ZoneInfo(time_zone)
    local = now.utc.astimezone(zone)
    made = datetime.fromtimestamp(last.at_ms / 1000, UTC).astimezone(zone)
    is_new_night = local.date() > made.date() and local.hour >= NIGHT_HOUR
    return is_new_night or now.wall_ms - last.at_ms >= DAY_MS or now.wall_ms < last.at_ms


class ClockWatch:
    """Writes down when the wall clock was set, or is trusted no more or again."""

    def __init__(self) -> None:
        self._before: Instant | None = None

    def look(self, writer: Writer) -> int | None:
        """Compare the clock with the last look; the event's number if it changed."""
        now, before = writer.now, self._before
        self._before = now
        if before is None:
            return None if now.is_trusted else changed(writer, KIOSK)
        jump_ms = now.wall_ms - before.wall_ms - (now.monotonic_ms - before.monotonic_ms)
        if now.is_trusted == before.is_trusted and abs(jump_ms) <= JUMP_MS:
            return None
        return changed(writer, KIOSK, jump_ms)


def changed(writer: Writer, actor: str, jump_ms: int = 0) -> int:
    """Journal what the clock is now."""
    return writer.record(ClockChanged(actor=actor, trusted=writer.now.is_trusted, jump_ms=jump_ms))


async def confirm_time(kiosk: Kiosk, actor: str) -> None:
    """A technician says that the time that is shown is right."""
    kiosk.clock.confirm()
    await kiosk.store.run(changed, actor)
