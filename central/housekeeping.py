"""What the server does by itself, every minute: tell of what nobody joined, forget what it may."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import Connection, delete, exists, select, update

from central import schema
from central.parts import Central, alarm
from central.settings import Settings

LOG = logging.getLogger("central")
EVERY_S = 60.0
DAY_MS = 24 * 3_600_000
IDEMPOTENCY_DAYS = 7
MINUTES_DAYS = 7
HELD = ("PENDING", "STORED", "EXPIRED")


async def keep(central: Central) -> None:
    """Look after the tables for ever."""
    while True:
        try:
            now_ms = central.clock.now_ms()
            await central.database.write(tidy, central.settings, now_ms)
        except Exception:
            LOG.exception("the tables could not be looked after; again in %.0f s", EVERY_S)
        await asyncio.sleep(EVERY_S)


def tidy(connection: Connection, settings: Settings, now_ms: int) -> None:
    """One round."""
    _tell_unjoined(connection, settings, now_ms)
    erase(connection, now_ms - settings.erase_after_days * DAY_MS, now_ms)
    table = schema.idempotency
    connection.execute(delete(table).where(table.c.created_ms < now_ms - IDEMPOTENCY_DAYS * DAY_MS))
    minutes = schema.minute_status
    connection.execute(delete(minutes).where(minutes.c.minute_ms < now_ms - MINUTES_DAYS * DAY_MS))


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
        alarm(connection, now_ms, "unjoined", row.id, location=row.location, barcode=row.barcode)


def erase(connection: Connection, before_ms: int, now_ms: int) -> int:
    """Erase the personal fields of people all of whose packages ended before a time."""
    person, package = schema.recipient, schema.package
    of_person = package.c.recipient == person.c.id
    is_needed = exists(
        select(package.c.id).where(
            of_person,
            package.c.status.in_(HELD)
            | package.c.finished_ms.is_(None)
            | (package.c.finished_ms >= before_ms),
        )
    )
    changed = connection.execute(
        update(person)
        .where(person.c.erased_ms.is_(None), person.c.created_ms < before_ms, ~is_needed)
        .values(name="", email="", phone="", channels="[]", erased_ms=now_ms)
    )
    return changed.rowcount
