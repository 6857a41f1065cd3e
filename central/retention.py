"""What is deleted when it is old: in small batches, so that nobody waits for it.

Kept for evidence: the events of a journal and the audit log, for as long as somebody may ask who
took a package or who opened a door; of packages that are still under way everything, and of each
journal its last event, to which the next is chained. What nobody has settled in quarantine stays.
How far a journal was pruned is noted, so that a kiosk which sends such an event again is not
taken for a second one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    func,
    not_,
    or_,
    select,
    true,
    update,
)

from central import counted_tables, limits, schema
from central.bites import bite
from central.context import Central
from central.counters import ROWS_PRUNED
from central.database import partitions
from central.database.partitions import Month
from central.links import VALID_MS
from central.locking import lock_location
from central.remote import files
from central.schema import LIVE
from central.settings import Retention
from kiosk.model.clock import DAY_MS
from kiosk.model.commands import CommandType
from kiosk.model.events import EventKind
from kiosk.private_files import private_folder

BATCH: Final = 100
"""Rows that are deleted in one transaction."""
BATCHES_A_ROUND: Final = 100
"""Of each table; what is left waits for the next round."""
IDEMPOTENCY_DAYS: Final = 7
MINUTES_DAYS: Final = 7
HOURS_DAYS: Final = 366
DAYS_DAYS: Final = 3 * 366
STAFF_VERSIONS_DAYS: Final = 90
"""A kiosk that was away for longer fetches the whole list of staff, as a new one does."""
Prune = Callable[[Connection, Retention, int], int]


async def prune(central: Central) -> None:
    """One round over all tables."""
    rules, now_ms = central.settings.retention, central.clock.now_ms()
    for table, some in PRUNED.items():
        for _ in range(BATCHES_A_ROUND):
            count = await bite(central, some, rules, now_ms)
            ROWS_PRUNED.labels(table=table).inc(count)
            if count < BATCH:
                break


async def drop_old_months(central: Central) -> None:
    """On PostgreSQL, where events, messages and the audit log are by months: make those that come,
    and drop those that are old, but for what is still needed of them."""
    database, rules = central.database, central.settings.retention
    now_ms = central.clock.now_ms()
    await database.write(partitions.make_ahead, now_ms)
    for table, days, free in (
        (schema.event, rules.events_days, _is_free()),
        (schema.notification, rules.messages_days, _is_gone()),
        (schema.audit, rules.audit_days, true()),
    ):
        before_ms = now_ms - days * DAY_MS
        for month in await database.look(partitions.old_months, table.name, before_ms):
            if rules.archive is not None:
                private_folder(rules.archive)
                await database.look(partitions.write_out, table.name, month, rules.archive)
            await database.write(_drop_month, table, month, free)


def _drop_month(
    connection: Connection, table: Table, month: Month, free: ColumnElement[bool]
) -> None:
    if table is schema.event:
        place = (table.c.location, table.c.epoch)
        gone = select(*place, func.max(table.c.seq).label("seq")).where(
            partitions.of_month(table, month), free
        )
        _note_pruned(connection, list(connection.execute(gone.group_by(*place))))
    partitions.drop(connection, table, month, not_(free))


def _delete(connection: Connection, table: Table, where: ColumnElement[bool]) -> int:
    keys = list(table.primary_key.columns)
    # Locked, so that nothing is deleted that somebody has just begun again.
    some = select(*keys).where(where).limit(BATCH).with_for_update(skip_locked=True, of=table)
    rows = connection.execute(some).all()
    _delete_rows(connection, table, keys, rows)
    return len(rows)


def _delete_rows(
    connection: Connection, table: Table, keys: Sequence[Any], rows: Sequence[Any]
) -> None:
    """Delete the rows with these keys, all in one call of the driver."""
    same = and_(*(key == bindparam(f"of_{key.name}") for key in keys))
    named = [{f"of_{k.name}": v for k, v in zip(keys, row, strict=True)} for row in rows]
    if named:
        connection.execute(delete(table).where(same), named)


def _is_over(package: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether nothing is under way with this package."""
    table = schema.package
    under_way = table.c.status.in_(LIVE)
    return ~select(table.c.id).where(table.c.id == package, under_way).exists()


def _note_pruned(connection: Connection, rows: list[Any]) -> None:
    """Note how far these events' journals were pruned."""
    table, last = schema.location_epoch, dict[tuple[str, str], int]()
    for row in rows:
        key = (row.location, row.epoch)
        last[key] = max(last.get(key, 0), row.seq)
    for (location, epoch), seq in last.items():
        connection.execute(
            update(table)
            .where(
                table.c.location == location,
                table.c.epoch == epoch,
                table.c.pruned_seq < seq,
                table.c.seq >= seq,
            )
            .values(pruned_seq=seq)
        )


def _is_free() -> ColumnElement[bool]:
    """The events that nothing needs any more."""
    table, epoch = schema.event, schema.location_epoch
    is_last = (
        select(epoch.c.seq)
        .where(
            epoch.c.location == table.c.location,
            epoch.c.epoch == table.c.epoch,
            epoch.c.seq == table.c.seq,
        )
        .exists()
    )
    # Which life of a journal comes from which is known for ever.
    is_no_turn = table.c.kind != EventKind.DATABASE_RESTORED.value
    return ~is_last & or_(table.c.package == "", _is_over(table.c.package)) & is_no_turn


def _is_gone() -> ColumnElement[bool]:
    """The messages that went out or were given up, of packages that have left."""
    table = schema.notification
    return table.c.status.in_(("sent", "dropped", "dead")) & _is_over(table.c.package)


def events(connection: Connection, rules: Retention, now_ms: int) -> int:
    """The events of journals."""
    table = schema.event
    is_old = table.c.received_ms < now_ms - rules.events_days * DAY_MS
    place = (table.c.location, table.c.epoch, table.c.seq)
    rows = connection.execute(
        select(*place).where(is_old, _is_free()).order_by(table.c.received_ms).limit(BATCH)
    ).all()
    for row in rows:
        connection.execute(delete(table).where(*(c == v for c, v in zip(place, row, strict=True))))
    _note_pruned(connection, list(rows))
    return len(rows)


def quarantine(connection: Connection, rules: Retention, now_ms: int) -> int:
    """The events in quarantine that somebody has settled."""
    table = schema.quarantine
    rows = connection.execute(
        select(table.c.id, table.c.location, table.c.epoch, table.c.seq)
        .where(table.c.settled_ms < now_ms - rules.quarantine_days * DAY_MS)
        .limit(BATCH)
    ).all()
    lock_location(connection, *(row.location for row in rows))
    connection.execute(delete(table).where(table.c.id.in_([row.id for row in rows])))
    _note_pruned(connection, list(rows))
    return len(rows)


def audit(connection: Connection, rules: Retention, now_ms: int) -> int:
    """Who did what."""
    table = schema.audit
    return _delete(connection, table, table.c.at_ms < now_ms - rules.audit_days * DAY_MS)


def messages(connection: Connection, rules: Retention, now_ms: int) -> int:
    """The messages that went out or were given up, of packages that have left."""
    table = schema.notification
    is_old = table.c.created_ms < now_ms - rules.messages_days * DAY_MS
    return _delete(connection, table, _is_gone() & is_old)


def commands(connection: Connection, rules: Retention, now_ms: int) -> int:
    """The commands that were answered; but those that a kiosk which was restored gets again,
    and the last one, behind which the next is numbered."""
    table, package = schema.command, schema.package
    other = table.alias()
    is_needed = select(package.c.id).where(
        package.c.id == table.c.package, package.c.status.in_(LIVE) | package.c.joined.is_not(None)
    )
    last = select(func.max(other.c.n)).where(other.c.location == table.c.location)
    last_list = last.where(other.c.type == CommandType.STAFF.value, other.c.state == "APPLIED")
    return _delete(
        connection,
        table,
        (table.c.answered_ms < now_ms - rules.commands_days * DAY_MS)
        & (table.c.state != "QUEUED")
        & ~is_needed.exists()
        & (table.c.n < last.scalar_subquery())
        & (table.c.n != func.coalesce(last_list.scalar_subquery(), 0)),
    )


def idempotency(connection: Connection, _rules: Retention, now_ms: int) -> int:
    """The answers that were kept for requests that come again."""
    table = schema.idempotency
    return _delete(connection, table, table.c.created_ms < now_ms - IDEMPOTENCY_DAYS * DAY_MS)


def short_links(connection: Connection, _rules: Retention, now_ms: int) -> int:
    """The short links that are as old as a link may be."""
    table = schema.short_link
    return _delete(connection, table, table.c.created_ms < now_ms - VALID_MS)


def minutes(connection: Connection, _rules: Retention, now_ms: int) -> int:
    """How each location was in each minute."""
    table = schema.minute_status
    return _delete(connection, table, table.c.minute_ms < now_ms - MINUTES_DAYS * DAY_MS)


def hours(connection: Connection, _rules: Retention, now_ms: int) -> int:
    """How each location was in each hour."""
    table = schema.hour_status
    return _delete(connection, table, table.c.hour_ms < now_ms - HOURS_DAYS * DAY_MS)


def days(connection: Connection, _rules: Retention, now_ms: int) -> int:
    """What happened at each location on each day."""
    table = schema.day_status
    return _delete(connection, table, table.c.day_ms < now_ms - DAYS_DAYS * DAY_MS)


def carrier_days(connection: Connection, _rules: Retention, now_ms: int) -> int:
    """What happened to each carrier's packages on each day."""
    table = schema.carrier_day
    return _delete(connection, table, table.c.day_ms < now_ms - DAYS_DAYS * DAY_MS)


def sums(connection: Connection, _rules: Retention, now_ms: int) -> int:
    """The sums of days and hours that are pruned."""
    before_ms = now_ms - DAYS_DAYS * DAY_MS
    tables = (counted_tables.area_day, counted_tables.area_carrier_day, counted_tables.summed_day)
    count = sum(_delete(connection, table, table.c.day_ms < before_ms) for table in tables)
    table = counted_tables.area_hour
    return count + _delete(connection, table, table.c.hour_ms < now_ms - HOURS_DAYS * DAY_MS)


def staff_versions(connection: Connection, _rules: Retention, now_ms: int) -> int:
    """The versions that the list of staff once had; the one that counts stays."""
    table, counts = schema.staff_list_version, select(schema.staff_list.c.version).scalar_subquery()
    is_old = table.c.made_ms < now_ms - STAFF_VERSIONS_DAYS * DAY_MS
    return _delete(connection, table, is_old & (table.c.version < counts))


def budgets(connection: Connection, _rules: Retention, now_ms: int) -> int:
    """The budgets that are full again."""
    return limits.forget_unused(connection, now_ms, BATCH)


def revoked_badges(connection: Connection, _rules: Retention, now_ms: int) -> int:
    """What was revoked and has ended by itself."""
    table = schema.revoked_badge
    return _delete(connection, table, table.c.until_ms <= now_ms)


def location_files(connection: Connection, _rules: Retention, now_ms: int) -> int:
    """Pictures of screens, and support files."""
    return files.forget(connection, now_ms, BATCH)


PRUNED: Final[dict[str, Prune]] = {
    "event": events,
    "quarantine": quarantine,
    "audit": audit,
    "notification": messages,
    "command": commands,
    "idempotency": idempotency,
    "short_link": short_links,
    "budget": budgets,
    "revoked_badge": revoked_badges,
    "location_file": location_files,
    "minute_status": minutes,
    "hour_status": hours,
    "day_status": days,
    "carrier_day": carrier_days,
    "area_day": sums,
    "staff_list_version": staff_versions,
}
"""What is pruned, by its table."""
