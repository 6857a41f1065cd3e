"""What the server does by itself, every minute: tell of what nobody joined, forget what it may."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from sqlalchemy import Connection, exists, func, insert, select, update

from central import privacy, rates, schema
from central.bites import bite
from central.context import Central, alarm
from central.database.bulk import add_many
from central.database.locks import lock_name
from central.feed import bounds
from central.locking import lock_location, lock_locations_of
from central.notify import spool
from central.notify.outbox import Kind, tell_operators
from central.operators import passwords, sessions, throttle
from central.packages import reservations
from central.retention import drop_old_months, prune
from central.schema import LIVE
from central.settings import Notifications, Settings
from central.sums import forget_days, sum_up
from kiosk.model.clock import DAY_MS, HOUR_MS

LOG = logging.getLogger("central")
EVERY_S = 60.0
BITES_A_ROUND = 200
"""Of each part; what is left waits for the next round."""
PEOPLE_A_BITE = 100


async def keep(central: Central) -> None:
    silence = partial(_tell_of_silence, began_ms=central.clock.now_ms())
    others = (silence, drop_old_months, prune, sum_up, _empty_log)
    while True:
        for work in (_tidy, *others):
            try:
                await work(central)
            except Exception:
                LOG.exception("the tables could not be looked after; again in %.0f s", EVERY_S)
        await asyncio.sleep(EVERY_S)


async def _tidy(central: Central) -> None:
    await tidy(central, central.clock.now_ms())


async def _empty_log(central: Central) -> None:
    """What was forgotten is gone from SQLite's log, too."""
    await asyncio.to_thread(central.database.empty_log)


async def _tell_of_silence(central: Central, began_ms: int) -> None:
    settings, now_ms = central.settings, central.clock.now_ms()
    silent = {"silent_after_s": settings.silent_after_s}
    rules = settings.notifications.model_copy(update=silent)
    await central.database.write(tell_of_silence, rules, began_ms, now_ms)


async def tidy(central: Central, now_ms: int) -> None:
    """One round in small bites, each a write of its own, so that no kiosk waits for all of it; what
    fails holds up nothing else."""
    settings = central.settings
    erase_before_ms = now_ms - settings.erase_after_days * DAY_MS
    for step in (
        partial(_tell_unjoined, settings=settings, now_ms=now_ms),
        partial(erase, before_ms=erase_before_ms, now_ms=now_ms),
        partial(spool.forget, folder=settings.sms.folder if settings.sms else None),
        partial(sessions.forget, rules=settings.sign_in, now_ms=now_ms),
        partial(passwords.forget_links, now_ms=now_ms),
        partial(throttle.forget, now_ms=now_ms),
        rates.forget,
        partial(reservations.end_over, now_ms=now_ms),
        partial(reservations.forget, before_ms=now_ms - settings.retention.commands_days * DAY_MS),
        partial(bounds.keep, rules=settings.feed, now_ms=now_ms),
        partial(roll_up, now_ms=now_ms),
    ):
        try:
            for _ in range(BITES_A_ROUND):
                is_more = await bite(central, step)
                if is_more is not True:
                    break
        except Exception:
            LOG.exception("a part of the tables could not be looked after")


def roll_up(connection: Connection, now_ms: int) -> bool:
    """Add up the minutes of the first hour that is over and not added up; whether there are more
    such hours."""
    minute, hour, slot = schema.minute_status, schema.hour_status, schema.slot
    lock_name(connection, "roll-up")
    last_ms = connection.execute(select(func.max(hour.c.hour_ms))).scalar()
    behind_ms = (last_ms or -HOUR_MS) + HOUR_MS
    first = select(func.min(minute.c.minute_ms)).where(minute.c.minute_ms >= behind_ms)
    first_ms, now_hour_ms = connection.execute(first).scalar(), now_ms - now_ms % HOUR_MS
    if first_ms is None or first_ms >= now_hour_ms:
        return False
    from_ms = first_ms - first_ms % HOUR_MS
    until_ms = from_ms + HOUR_MS
    of_here = slot.c.location == minute.c.location
    all_slots = select(func.count()).where(of_here)
    hour_ms = minute.c.minute_ms - minute.c.minute_ms % HOUR_MS
    sums = (
        select(
            minute.c.location,
            hour_ms,
            func.count(),
            func.sum(minute.c.syncs),
            func.sum(minute.c.events),
            func.max(minute.c.queue),
            func.max(minute.c.doors_open),
            func.max(minute.c.boards_away),
            all_slots.where(slot.c.status != "EMPTY").scalar_subquery(),
            all_slots.scalar_subquery(),
        )
        .where(minute.c.minute_ms >= from_ms, minute.c.minute_ms < until_ms)
        .group_by(minute.c.location, hour_ms)
    )
    connection.execute(insert(hour).from_select(list(hour.c), sums))
    _add_to_days(connection, from_ms, now_ms)
    return bool(until_ms < now_hour_ms)


def _add_to_days(connection: Connection, hour_ms: int, now_ms: int) -> None:
    """Add an hour that was added up to its day, of which reports are made."""
    hour, day = schema.hour_status, schema.day_status
    names = ("location", "minutes", "taken", "slots")
    of_hour = select(*(hour.c[name] for name in names)).where(hour.c.hour_ms == hour_ms)
    rows = [
        {**row, "day_ms": hour_ms - hour_ms % DAY_MS}
        for row in connection.execute(of_hour.order_by(hour.c.location)).mappings()
    ]
    add_many(connection, day, ("location", "day_ms"), rows)
    forget_days(connection, [hour_ms - hour_ms % DAY_MS], now_ms)


def tell_of_silence(
    connection: Connection, rules: Notifications, began_ms: int, now_ms: int
) -> None:
    """Tell operators once of each kiosk that is not heard of any more, and once when it is again.

    Nobody was heard of while this server did not run: it listens for a while first.
    """
    table, silent_ms = schema.location, rules.silent_after_s * 1000
    if now_ms - began_ms < silent_ms:
        return
    is_silent = table.c.last_sync_ms < now_ms - silent_ms
    is_gone = (table.c.token_hash != "") & table.c.silent_told_ms.is_(None) & is_silent
    is_back = table.c.silent_told_ms.is_not(None) & ~is_silent
    lock_location(
        connection, *connection.execute(select(table.c.id).where(is_gone | is_back)).scalars()
    )
    gone = connection.execute(
        update(table)
        .where(is_gone)
        .values(silent_told_ms=now_ms)
        .returning(table.c.id, table.c.last_sync_ms)
    ).all()
    for row in gone:
        minutes = (now_ms - row.last_sync_ms) // 60_000
        alarm(connection, now_ms, "silent", row.id, row.id, minutes=minutes)
        details = {"what": f"its kiosk was not heard of for {minutes} minutes"}
        tell_operators(connection, rules, Kind.SILENT, row.id, details, now_ms)
    back = connection.execute(
        update(table).where(is_back).values(silent_told_ms=None).returning(table.c.id)
    ).scalars()
    for name in back.all():
        details = {"what": "its kiosk is heard of again"}
        tell_operators(connection, rules, Kind.HEARD_AGAIN, name, details, now_ms)


def _tell_unjoined(connection: Connection, settings: Settings, now_ms: int) -> None:
    """A package lies somewhere, and nobody said whose it is."""
    table = schema.package
    rows = connection.execute(
        update(table)
        .where(
            table.c.status == "STORED",
            table.c.recipient.is_(None),
            table.c.acknowledged_ms < now_ms - settings.unjoined_after_s * 1000,
            table.c.unjoined_told_ms.is_(None),
        )
        .values(unjoined_told_ms=now_ms)
        .returning(table.c.id, table.c.location, table.c.barcode)
    ).all()
    for row in rows:
        details = {"location": row.location, "barcode": row.barcode}
        alarm(connection, now_ms, "unjoined", row.id, row.location, **details)


def erase(connection: Connection, before_ms: int, now_ms: int) -> bool:
    """Erase the personal fields of some people all of whose packages ended before a time; whether
    there are more of them."""
    person, package = schema.recipient, schema.package
    of_person = package.c.recipient == func.coalesce(person.c.beside, person.c.id)
    is_needed = exists(
        select(package.c.id).where(
            of_person,
            package.c.status.in_(LIVE)
            | package.c.finished_ms.is_(None)
            | (package.c.finished_ms >= before_ms),
        )
    )
    is_due = person.c.erased_ms.is_(None) & (person.c.created_ms < before_ms) & ~is_needed
    some = select(person.c.id).where(is_due)
    due = connection.execute(some.limit(PEOPLE_A_BITE)).scalars().all()
    is_full = len(due) == PEOPLE_A_BITE
    lock_locations_of(connection, due)
    # Once more: what a kiosk said meanwhile may have begun a package of theirs again.
    due = connection.execute(some.where(person.c.id.in_(due))).scalars().all()
    privacy.forget(connection, person.c.id.in_(due), now_ms)
    return is_full
