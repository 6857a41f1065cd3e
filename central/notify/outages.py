"""Who hears that a package cannot be fetched, and that it can be again: each person once.

The keeper looks every half minute which locations and packages are out, and writes the row of an
outage, and the messages about it, in one transaction. Who was notified stands in that row: a server
that starts, or another one, goes on from there. An outage that lasts (`outage_notified_after_s`) is
said; it is over when it has been over for a while (`outage_over_after_s`): what goes again before
that is the same outage.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, or_, select, update

from central import schema
from central.bites import bite
from central.context import Central
from central.database.bulk import upsert
from central.feed import writing as feeding
from central.feed.document import ServerKind
from central.locking import lock_location
from central.notify import outbox
from central.notify.outbox import Kind
from central.outages import reach
from central.outages.reach import REPORTED, WAITS, Why
from central.outages.tables import location_outage, package_outage
from central.settings import Settings
from kiosk.model.clock import HOUR_MS
from kiosk.model.package import PackageStatus

LOG = logging.getLogger("central.outages")
EVERY_S: Final = 30.0
AT_ONCE: Final = 50
"""So many locations are looked for at a time."""
ROUNDS_MAX: Final = 200
_LOCATION, _SLOT, _PACKAGE = schema.location, schema.slot, schema.package


async def watch(central: Central) -> None:
    """A duty of the keeper's, for ever."""
    began_ms = central.clock.now_ms()
    while True:
        try:
            await look_round(central, began_ms)
        except Exception:
            LOG.exception("outages could not be looked after; again in %.0f s", EVERY_S)
        await asyncio.sleep(EVERY_S)


async def look_round(central: Central, began_ms: int) -> None:
    """Begin, tell and end outages. Nobody was heard of while no server ran: it listens first."""
    now_ms = central.clock.now_ms()
    if now_ms - began_ms < central.settings.silent_after_s * 1000:
        return
    for _ in range(ROUNDS_MAX):
        due = await central.database.look(_due, central.settings, now_ms)
        for location in due:
            await bite(central, settle, central.settings, location, now_ms)
        if len(due) < AT_ONCE:
            break


def _due(connection: Connection, settings: Settings, now_ms: int) -> Sequence[str]:
    """Some locations at which an outage begins, ends, or is to be said."""
    found: dict[str, None] = {}
    for query in _due_queries(settings, now_ms):
        found |= dict.fromkeys(connection.execute(query.distinct().limit(AT_ONCE)).scalars())
    return sorted(found)[:AT_ONCE]


def _due_queries(settings: Settings, now_ms: int) -> tuple[Select[str], ...]:
    location_row, package_row = location_outage, package_outage
    out = reach.why_location_is_out(reach.silent_before_ms(settings, now_ms))
    why = reach.why_not(reach.silent_before_ms(settings, now_ms))
    lies_there = _PACKAGE.c.status == schema.fixed(PackageStatus.STORED.value)
    is_new = package_row.c.package.is_(None)
    of_location = package_row.c.package == _PACKAGE.c.id
    return (
        select(_LOCATION.c.id)
        .join(location_row, location_row.c.location == _LOCATION.c.id, isouter=True)
        .where(location_row.c.location.is_(None), out.is_not(None)),
        select(location_row.c.location)
        .join(_LOCATION, _LOCATION.c.id == location_row.c.location)
        .where(_changes(location_row, out, settings, now_ms)),
        # Where a whole location is out, and where one door is.
        select(_LOCATION.c.id)
        .join(_PACKAGE, and_(_PACKAGE.c.location == _LOCATION.c.id, lies_there))
        .join(package_row, of_location, isouter=True)
        .where(out.is_not(None), is_new),
        select(_SLOT.c.location)
        .join(_PACKAGE, and_(reach.has_slot(), lies_there))
        .join(package_row, of_location, isouter=True)
        .where(reach.is_shut(), is_new),
        select(package_row.c.location)
        .join(_PACKAGE, of_location)
        .join(_LOCATION, _LOCATION.c.id == _PACKAGE.c.location)
        .join(_SLOT, reach.has_slot(), isouter=True)
        .where(or_(~lies_there, _changes(package_row, why, settings, now_ms))),
    )


def _changes(
    table: Any, why: ColumnElement[Any], settings: Settings, now_ms: int
) -> ColumnElement[bool]:
    """Whether something is to be done with the row of an outage, which is `why` now."""
    rules = settings.notifications
    return or_(
        and_(why.is_(None), table.c.back_ms.is_(None)),
        and_(why.is_not(None), table.c.back_ms.is_not(None)),
        and_(why.is_(None), table.c.back_ms <= now_ms - rules.outage_over_after_s * 1000),
        and_(
            why.is_not(None),
            table.c.notified_ms.is_(None),
            table.c.since_ms <= now_ms - rules.outage_notified_after_s * 1000,
        ),
    )


def settle(connection: Connection, settings: Settings, location: str, now_ms: int) -> None:
    """Begin, tell and end what is out at one location."""
    lock_location(connection, location)
    out = reach.why_location_is_out(reach.silent_before_ms(settings, now_ms))
    place = connection.execute(
        select(_LOCATION, out.label("why_out")).where(_LOCATION.c.id == location)
    ).first()
    if place is None:
        return
    _settle_location(connection, settings, place, now_ms)
    for row in connection.execute(_packages(settings, location, now_ms)).mappings().all():
        _settle_package(connection, settings, place, dict(row), now_ms)


def _packages(settings: Settings, location: str, now_ms: int) -> Select[Any]:
    """The packages of a location that are out of reach, or were."""
    why = reach.why_not(reach.silent_before_ms(settings, now_ms))
    table = package_outage
    return (
        select(_PACKAGE, why.label("why_now"), *_named(table))
        .join(_LOCATION, _LOCATION.c.id == _PACKAGE.c.location)
        .join(_SLOT, reach.has_slot(), isouter=True)
        .join(table, table.c.package == _PACKAGE.c.id, isouter=True)
        .where(
            _PACKAGE.c.location == location,
            or_(
                table.c.package.is_not(None),
                and_(
                    _PACKAGE.c.status == PackageStatus.STORED.value,
                    why.in_([each.value for each in REPORTED]),
                ),
            ),
        )
        .order_by(_PACKAGE.c.id)
    )


def _named(table: Any) -> list[ColumnElement[Any]]:
    names = ("why", "since_ms", "notified_ms", "back_ms")
    return [table.c[name].label(f"outage_{name}") for name in names]


# --- a location ----------------------------------------------------------------------------------


def _settle_location(connection: Connection, settings: Settings, place: Any, now_ms: int) -> None:
    table, rules = location_outage, settings.notifications
    row = connection.execute(select(table).where(table.c.location == place.id)).first()
    of_it = table.c.location == place.id
    if row is None:
        if place.why_out is not None:
            values = {"why": place.why_out, "since_ms": _since(place, place.why_out, now_ms)}
            upsert(connection, table, {"location": place.id}, values)
        return
    if place.why_out is None:
        if row.back_ms is None:
            connection.execute(update(table).where(of_it).values(back_ms=now_ms))
        elif now_ms - row.back_ms >= rules.outage_over_after_s * 1000:
            connection.execute(delete(table).where(of_it))
            if row.notified_ms is not None:
                _say_location(connection, ServerKind.LOCATION_BACK, place.id, row, now_ms)
        return
    changed = {"back_ms": None, "why": place.why_out}
    if row.notified_ms is None and now_ms - row.since_ms >= rules.outage_notified_after_s * 1000:
        changed["notified_ms"] = now_ms
        _say_location(connection, ServerKind.LOCATION_OUT, place.id, row, now_ms)
    connection.execute(update(table).where(of_it).values(**changed))


def _since(place: Any, why: str, now_ms: int) -> int:
    """Since when a location or one of its packages is out: the kiosk was heard of last then."""
    return int(place.last_sync_ms) if why == Why.SILENT and place.last_sync_ms else now_ms


def _say_location(
    connection: Connection, kind: ServerKind, location: str, row: Any, now_ms: int
) -> None:
    said = {"id": location, "why": row.why, "since_ms": row.since_ms}
    feeding.say(connection, location, [(kind, said)], now_ms)


# --- a package -----------------------------------------------------------------------------------


def _settle_package(
    connection: Connection,
    settings: Settings,
    place: Any,
    row: Mapping[str, Any],
    now_ms: int,
) -> None:
    table, rules = package_outage, settings.notifications
    is_known, why = row["outage_since_ms"] is not None, row["why_now"]
    of_it = table.c.package == row["id"]
    if row["status"] != PackageStatus.STORED:
        # It was fetched, or taken back: there is nothing to say any more.
        connection.execute(delete(table).where(of_it))
    elif not is_known:
        since_ms = max(_since(place, why, now_ms), row["stored_ms"] or 0)
        # Who is about to hear that it works again still believes that it does not.
        notified_ms = now_ms if _unsay(connection, row["id"], Kind.WORKS_AGAIN) else None
        values = {
            "location": place.id,
            "why": why,
            "since_ms": since_ms,
            "notified_ms": notified_ms,
        }
        upsert(connection, table, {"package": row["id"]}, values)
    elif why is None:
        if row["outage_back_ms"] is None:
            connection.execute(update(table).where(of_it).values(back_ms=now_ms))
        elif now_ms - row["outage_back_ms"] >= rules.outage_over_after_s * 1000:
            connection.execute(delete(table).where(of_it))
            _end(connection, settings, row, now_ms)
    else:
        changed: dict[str, Any] = {"back_ms": None}
        if why in REPORTED:
            changed["why"] = why
        lasts_ms = now_ms - row["outage_since_ms"]
        if row["outage_notified_ms"] is None and lasts_ms >= rules.outage_notified_after_s * 1000:
            changed["notified_ms"] = now_ms
            outbox.tell(connection, rules, Kind.OUT_OF_REACH, row["id"], now_ms)
            _say_package(connection, ServerKind.HOLD_PAUSED, row, now_ms)
        connection.execute(update(table).where(of_it).values(**changed))


def _end(connection: Connection, settings: Settings, row: Mapping[str, Any], now_ms: int) -> None:
    """A package can be fetched again: who heard that it cannot hears it, what waited goes on."""
    rules, table = settings.notifications, schema.notification
    waits = update(table).where(table.c.package == row["id"], table.c.status == "queued")
    if row["hold_until_ms"] is not None:
        warn_ms = max(now_ms, row["hold_until_ms"] - rules.about_to_expire_h * HOUR_MS)
        is_warning = table.c.kind == Kind.ABOUT_TO_EXPIRE.value
        connection.execute(waits.where(is_warning).values(due_ms=warn_ms))
    # That it works again reminds them: no reminder that is due, or waited, comes beside it.
    is_due = or_(table.c.reason == WAITS, table.c.due_ms <= now_ms)
    is_overdue = (table.c.kind == Kind.REMINDER.value) & is_due
    if row["outage_notified_ms"] is None:
        connection.execute(waits.where(is_overdue).values(due_ms=now_ms, reason=""))
        return
    _say_package(connection, ServerKind.HOLD_RESUMED, row, now_ms)
    if _unsay(connection, row["id"], Kind.OUT_OF_REACH):
        connection.execute(waits.where(is_overdue).values(due_ms=now_ms, reason=""))
        return
    dropped = {"status": "dropped", "reason": "they hear that it works again"}
    connection.execute(waits.where(is_overdue).values(**dropped))
    outbox.tell(connection, rules, Kind.WORKS_AGAIN, row["id"], now_ms)


def _unsay(connection: Connection, package: str, kind: Kind) -> bool:
    """Whether a message waited that is not true any more; it goes to nobody."""
    table = schema.notification
    waiting = update(table).where(
        table.c.package == package, table.c.kind == kind.value, table.c.status == "queued"
    )
    dropped = waiting.values(status="dropped", reason="it is not so any more")
    return bool(connection.execute(dropped).rowcount)


def _say_package(
    connection: Connection, kind: ServerKind, row: Mapping[str, Any], now_ms: int
) -> None:
    names = ("id", "sender", "hold_until_ms")
    said = {name: row[name] for name in names} | {
        "why": row["outage_why"],
        "since_ms": row["outage_since_ms"],
    }
    feeding.say(connection, row["location"], [(kind, said)], now_ms)
