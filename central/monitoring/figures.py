"""Figures of the whole network: counted by the keeper alone, kept for all that are asked.

What is counted over tables is counted here, beside the writer and not for each who asks: every 15
seconds, and less often where that takes so long that it would cost more than a twentieth of a core.
Every process of a server gives out the same text and says how old it is, so nothing counts twice.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import ColumnElement, Connection, and_, case, func, select
from sqlalchemy import text as written

from central import schema
from central.adapters import monotonic_s
from central.context import Central
from central.counters import FIGURES_SECONDS
from central.database.bulk import upsert
from central.feed import readers
from central.feed.figures import FeedFigures
from central.monitoring.exposition import Numbers, text_of
from central.notify import leasing, outbox
from central.operators import sessions, throttle
from central.outages.tables import location_outage, package_outage
from central.rollouts import keeping, standing
from central.rollouts.changes import LIVE
from central.settings import Settings
from central.sync import commands
from kiosk.model.clock import DAY_MS

LOG = logging.getLogger("central")
EVERY_S: Final = 15.0
SHARE: Final = 0.05
"""Of the time, how much counting may take."""
LATE_MS: Final = 60_000
METRICS: Final = "metrics"
"""The kept text, compressed as it goes out."""


async def keep_figures(central: Central) -> None:
    """Count for ever."""
    while True:
        began_s = monotonic_s()
        try:
            await make(central)
        except Exception:
            LOG.exception("the figures could not be counted; again in %.0f s", EVERY_S)
        took_s = monotonic_s() - began_s
        FIGURES_SECONDS.set(took_s)
        await asyncio.sleep(max(EVERY_S - took_s, took_s / SHARE))


async def make(central: Central) -> None:
    """Count once, and keep it."""
    now_ms = central.clock.now_ms()
    content = await central.database.look(_made, central.settings, now_ms)
    await central.database.write(_keep, METRICS, now_ms, content)


def _made(connection: Connection, settings: Settings, now_ms: int) -> bytes:
    network = of_network(connection, settings, now_ms)
    text = text_of(network, _places(connection, settings.region), _sizes(connection))
    registry = CollectorRegistry()
    registry.register(FeedFigures(readers.states(connection), now_ms))
    return gzip.compress(text.encode() + generate_latest(registry), 1)


def _keep(connection: Connection, name: str, now_ms: int, content: bytes) -> None:
    upsert(connection, schema.kept_figures, {"name": name}, {"made_ms": now_ms, "content": content})


@dataclass(frozen=True, slots=True)
class Kept:
    """What was counted last."""

    made_ms: int
    content: bytes


def kept(connection: Connection) -> Kept | None:
    """What was counted last; None before the first time."""
    table = schema.kept_figures
    row = connection.execute(select(table).where(table.c.name == METRICS)).first()
    return None if row is None else Kept(row.made_ms, row.content)


# --- each location -----------------------------------------------------------------------------

_PLACE = (
    *("id", "last_sync_ms", "queue", "doors_open", "boards_away", "temperature_c"),
    *("bank_temperature_c", "is_well", "is_on_mains", "battery_percent"),
    *("events", "quarantined", "openings", "openings_failed", "refusals"),
)


def _places(connection: Connection, region: str) -> list[dict[str, Any]]:
    """The locations whose kiosks have enrolled and are in service; all are of this region."""
    table = schema.location
    query = select(*(table.c[name] for name in _PLACE)).where(_is_enrolled())
    rows = connection.execute(query.order_by(table.c.id)).mappings()
    return [{**row, "region": region} for row in rows]


def _is_enrolled() -> ColumnElement[bool]:
    table = schema.location
    return and_(table.c.token_hash != "", table.c.retired_ms.is_(None))


def _sizes(connection: Connection) -> list[dict[str, Any]]:
    table = schema.location_size
    columns = (table.c.location, table.c.size, table.c.free, table.c.taken, table.c.total)
    query = select(*columns).order_by(table.c.location, table.c.size)
    return [dict(row) for row in connection.execute(query).mappings()]


# --- the network -------------------------------------------------------------------------------


def of_network(
    connection: Connection, settings: Settings, now_ms: int
) -> dict[str, tuple[str, str, Numbers]]:
    """The figures of the network, by name: the help, the name of the label, what was counted."""
    since_ms = now_ms - DAY_MS
    found: dict[str, Numbers] = {
        **_of_locations(connection, settings.silent_after_s, now_ms),
        **_of_packages(connection, since_ms),
        **_of_outages(connection, now_ms),
        **_of_messages(connection, now_ms, since_ms),
        **_of_webhooks(connection),
        **_of_operators(connection, settings, now_ms, since_ms),
        "events_quarantined": _count(connection, schema.quarantine.c.settled_ms.is_(None)),
        "error_ratio": _error_ratio(connection, since_ms),
        "commands_waiting": commands.count_waiting(connection, now_ms),
        "alarms": _alarms(connection, since_ms),
        **_of_rollouts(connection, settings, now_ms),
        "backup_timestamp_seconds": _backed_up_s(connection),
    }
    return {name: (HELP[name], LABELS.get(name, ""), value) for name, value in found.items()}


HELP: Final = {
    "locations": "Locations that are known.",
    "locations_enrolled": "Locations whose kiosk has enrolled.",
    "locations_silent": "Enrolled locations that were not heard of for too long.",
    "sync_lag_seconds_max": "How long ago the enrolled kiosk was heard of that was silent longest.",
    "locations_out": "Locations at which nothing can be fetched, by why.",
    "packages_out_of_reach": "Packages that cannot be fetched and whose holds stand still, by why.",
    "outage_seconds_max": "How long the longest outage of a package lasts.",
    "slots": "Doors by what is inside.",
    "slots_out_of_service": "Doors that are out of service.",
    "packages": "Packages under way by status, and those that ended within a day.",
    "packages_disputed": "Packages of which an operator has to say whose they are.",
    "allocation_seconds_avg": "From announcement to deposit, mean of a day.",
    "pickup_seconds_avg": "From deposit to pickup, mean of a day.",
    "outbox": "Messages by status, those of later among them; sent and dropped: a day's.",
    "outbox_due": "Messages that should have gone out by now.",
    "outbox_late": "Messages that wait and were first due more than a minute ago.",
    "webhook_outbox": "Webhooks that wait (queued) and that were given up (dead).",
    "messages_held": "Messages that wait because too many went out.",
    "notifications_confirmed_ratio": "Share of a day's messages that a gateway confirmed.",
    "notifications_delivered_ratio": "Share of a day's messages that were not refused.",
    "notification_latency_seconds_avg": "From due to sent, mean of a day.",
    "events_quarantined": "Events that were not believed and that nobody has settled.",
    "error_ratio": "Share of openings, of today and yesterday (UTC), that did not go well.",
    "operators_signed_in": "Operators with a session.",
    "sign_ins_refused": "A day's wrong passwords, codes, passkeys and answers of a provider.",
    "sign_ins_waiting": "Accounts by address and devices that wait after wrong tries.",
    "commands_waiting": "Commands that wait for their kiosks, but for openings that came too late.",
    "alarms": "A day's alarms, by what they are about.",
    "rollouts": "Rollouts that are not over, by state.",
    "rollout_locations": "Their locations, by how far each is as its kiosk reports it.",
    "backup_timestamp_seconds": "When the last backup was made; 0 where none was.",
}
LABELS: Final = {
    "slots": "status",
    "packages": "status",
    "outbox": "status",
    "webhook_outbox": "status",
    "alarms": "about",
    "rollouts": "state",
    "rollout_locations": "standing",
    "locations_out": "why",
    "packages_out_of_reach": "why",
}


def _count(connection: Connection, *where: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).where(*where)).scalar_one())


def _by(
    connection: Connection, column: ColumnElement[str], *where: ColumnElement[bool]
) -> dict[str, float]:
    rows = connection.execute(select(column, func.count()).where(*where).group_by(column))
    return {str(name): float(count) for name, count in rows}


def _of_locations(connection: Connection, silent_after_s: int, now_ms: int) -> dict[str, Numbers]:
    location, slot = schema.location, schema.slot
    is_silent = (location.c.last_sync_ms.is_(None)) | (
        location.c.last_sync_ms < now_ms - silent_after_s * 1000
    )
    enrolled = location.c.token_hash != ""
    lag_ms = func.coalesce(func.max(now_ms - location.c.last_sync_ms).filter(enrolled), 0)
    places = connection.execute(
        select(
            func.count().label("all"),
            func.count().filter(enrolled).label("enrolled"),
            func.count().filter(enrolled & is_silent).label("silent"),
            lag_ms.label("lag_ms"),
        )
    ).one()
    return {
        "locations": places.all,
        "locations_enrolled": places.enrolled,
        "locations_silent": places.silent,
        "sync_lag_seconds_max": float(places.lag_ms) / 1000,
        "slots": _by(connection, slot.c.status),
        "slots_out_of_service": _count(connection, slot.c.service != "IN_SERVICE"),
    }


def _of_packages(connection: Connection, since_ms: int) -> dict[str, Numbers]:
    """Those that are under way, and those that ended since then."""
    table = schema.package
    ended = _by(
        connection,
        table.c.status,
        table.c.finished_ms >= since_ms,
        table.c.status.not_in(schema.LIVE),
    )
    is_disputed = and_(table.c.disputed_ms > 0, table.c.status.in_(schema.LIVE))
    return {
        "packages": ended | _by(connection, table.c.status, schema.is_live()),
        "packages_disputed": _count(connection, is_disputed),
        "allocation_seconds_avg": _seconds_between(
            connection, table.c.announced_ms, table.c.stored_ms, since_ms
        ),
        "pickup_seconds_avg": _seconds_between(
            connection, table.c.stored_ms, table.c.finished_ms, since_ms
        ),
    }


def _of_outages(connection: Connection, now_ms: int) -> dict[str, Numbers]:
    location, package = location_outage, package_outage
    longest_ms = func.coalesce(func.max(now_ms - package.c.since_ms), 0)
    return {
        "locations_out": _by(connection, location.c.why, location.c.back_ms.is_(None)),
        "packages_out_of_reach": _by(connection, package.c.why),
        "outage_seconds_max": float(connection.execute(select(longest_ms)).scalar_one()) / 1000,
    }


def _seconds_between(
    connection: Connection, begin: ColumnElement[int], end: ColumnElement[int], since_ms: int
) -> float:
    mean = connection.execute(
        select(func.avg(end - begin)).where(end >= since_ms, begin.is_not(None))
    ).scalar()
    return float(mean or 0) / 1000


def _of_messages(connection: Connection, now_ms: int, since_ms: int) -> dict[str, Numbers]:
    table = schema.notification
    is_sent = table.c.status == "sent"
    waited_ms = table.c.sent_ms - func.coalesce(table.c.late_since_ms, table.c.due_ms)
    delivered = connection.execute(
        select(
            func.count().filter(is_sent).label("sent"),
            func.count().filter(table.c.status == "dead").label("dead"),
            func.count().filter(table.c.delivered_ms.is_not(None)).label("confirmed"),
            func.avg(case((is_sent, waited_ms))).label("latency_ms"),
        ).where(table.c.created_ms >= since_ms, leasing.is_message())
    ).one()
    ended = delivered.sent + delivered.dead
    is_open = leasing.is_open() & leasing.is_message()
    is_held = (table.c.status == "queued") & (table.c.held != schema.fixed(""))
    by_status = outbox.count_by_status(connection, now_ms)
    return {
        "outbox": {name: float(count) for name, count in by_status.items()},
        "outbox_due": _count(connection, is_open, table.c.due_ms <= now_ms),
        "outbox_late": _late(connection, now_ms - LATE_MS),
        "messages_held": _count(connection, is_held),
        "notifications_confirmed_ratio": delivered.confirmed / ended if ended else 0.0,
        "notifications_delivered_ratio": delivered.sent / ended if ended else 1.0,
        "notification_latency_seconds_avg": float(delivered.latency_ms or 0) / 1000,
    }


def _late(connection: Connection, before_ms: int) -> int:
    """How many wait that were due before then: as they are due now, and as they were due before
    they were put off because something was wrong."""
    table = schema.notification
    is_open = leasing.is_open() & leasing.is_message()
    is_put_off = table.c.late_since_ms.is_not(None)
    late = _count(connection, is_open, table.c.due_ms <= before_ms, ~is_put_off)
    return late + _count(connection, is_open, is_put_off, table.c.late_since_ms <= before_ms)


def _of_webhooks(connection: Connection) -> dict[str, Numbers]:
    is_webhook = leasing.is_webhook()
    is_dead = schema.notification.c.status == schema.fixed("dead")
    return {
        "webhook_outbox": {
            "queued": float(_count(connection, is_webhook, leasing.is_open())),
            "dead": float(_count(connection, is_webhook, is_dead)),
        }
    }


def _of_operators(
    connection: Connection, settings: Settings, now_ms: int, since_ms: int
) -> dict[str, Numbers]:
    session, audit = schema.operator_session, schema.audit
    is_going_on = sessions.is_going_on(settings.sign_in, now_ms)
    signed_in = select(func.count(session.c.account.distinct())).where(is_going_on)
    is_refusal = audit.c.action.in_(("sign-in.refused", "factor.refused"))
    return {
        "operators_signed_in": int(connection.execute(signed_in).scalar_one()),
        "sign_ins_refused": _count(connection, is_refusal, audit.c.at_ms >= since_ms),
        "sign_ins_waiting": throttle.waiting(connection, now_ms),
    }


def _of_rollouts(connection: Connection, settings: Settings, now_ms: int) -> dict[str, Numbers]:
    table = schema.rollout
    states = _by(connection, table.c.state, table.c.state.in_(LIVE))
    found: Counter[str] = Counter()
    silent_ms = now_ms - settings.silent_after_s * 1000
    for name in keeping.live(connection):
        for ring in standing.counts(connection, name, silent_ms, now_ms).values():
            found.update({each.value.lower(): count for each, count in ring.by.items()})
    locations = {word: float(count) for word, count in sorted(found.items())}
    return {
        "rollouts": {state.lower(): count for state, count in states.items()},
        "rollout_locations": locations,
    }


def _error_ratio(connection: Connection, since_ms: int) -> float:
    """Openings, of the days that begin with that one, that did not end as they should."""
    table = schema.day_status
    means = select(func.avg(table.c.openings), func.avg(table.c.openings_failed))
    since = means.where(table.c.day_ms >= since_ms - since_ms % DAY_MS)
    openings, failed = connection.execute(since).one()
    return float(failed) / float(openings) if openings else 0.0


def _alarms(connection: Connection, since_ms: int) -> dict[str, float]:
    """Counted here: SQLite would group them along an index of the whole log."""
    table = schema.audit
    of_day = select(table.c.action).where(written(schema.IS_ALARM), table.c.at_ms >= since_ms)
    found = Counter(connection.execute(of_day).scalars())
    return {name.removeprefix("alarm:"): float(count) for name, count in sorted(found.items())}


def _backed_up_s(connection: Connection) -> float:
    table = schema.meta
    value = connection.execute(
        select(table.c.value).where(table.c.key == schema.BACKED_UP)
    ).scalar()
    return int(value) / 1000 if value else 0.0
