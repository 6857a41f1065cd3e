"""What Prometheus scrapes, and whether the server is well."""

from __future__ import annotations

import asyncio
import shutil

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, Connection, case, func, select
from sqlalchemy.exc import SQLAlchemyError

from central import limits, schema
from central.adapters import monotonic_s
from central.context import Central, central_of
from central.database.bulk import upsert
from central.feed import readers
from central.feed.figures import FeedFigures
from central.notify import outbox
from central.operators import throttle
from central.sync import commands
from kiosk.model.clock import DAY_MS

router = APIRouter(tags=["health"])


def figures(
    connection: Connection, now_ms: int, silent_after_s: int, disk_free: int
) -> dict[str, float | dict[str, float]]:
    """The server's figures; a mapping where a figure has a label."""
    location, package = schema.location, schema.package
    notification, slot = schema.notification, schema.slot
    enrolled = location.c.token_hash != ""
    lag_ms = func.coalesce(func.max(now_ms - location.c.last_sync_ms), 0)
    is_silent = (location.c.last_sync_ms.is_(None)) | (
        location.c.last_sync_ms < now_ms - silent_after_s * 1000
    )
    places = connection.execute(
        select(
            func.count().label("all"),
            func.count().filter(enrolled).label("enrolled"),
            func.count().filter(enrolled & is_silent).label("silent"),
            lag_ms.label("lag_ms"),
        )
    ).one()
    since_ms = now_ms - DAY_MS
    delivered = connection.execute(
        select(
            func.count().filter(notification.c.status == "sent").label("sent"),
            func.count().filter(notification.c.status == "dead").label("dead"),
            func.count().filter(notification.c.delivered_ms.is_not(None)).label("confirmed"),
            func.avg(
                case(
                    (
                        notification.c.status == "sent",
                        notification.c.sent_ms - notification.c.due_ms,
                    )
                )
            ).label("latency_ms"),
        ).where(notification.c.created_ms >= since_ms)
    ).one()
    ended = delivered.sent + delivered.dead
    return {
        "locations": places.all,
        "locations_enrolled": places.enrolled,
        "locations_silent": places.silent,
        "sync_lag_seconds_max": float(places.lag_ms) / 1000,
        "slots": _by(connection, slot.c.status),
        "slots_out_of_service": connection.execute(
            select(func.count()).where(slot.c.service != "IN_SERVICE")
        ).scalar_one(),
        "packages": _packages(connection, since_ms),
        "packages_disputed": connection.execute(
            select(func.count()).where(package.c.disputed_ms > 0, package.c.status.in_(schema.LIVE))
        ).scalar_one(),
        "allocation_seconds_avg": _seconds_between(
            connection, package.c.announced_ms, package.c.stored_ms, since_ms
        ),
        "pickup_seconds_avg": _seconds_between(
            connection, package.c.stored_ms, package.c.finished_ms, since_ms
        ),
        "outbox": _floats(outbox.count_by_status(connection, now_ms)),
        "outbox_due": connection.execute(
            select(func.count()).where(
                notification.c.status.in_([schema.fixed("queued"), schema.fixed("leased")]),
                notification.c.due_ms <= now_ms,
            )
        ).scalar_one(),
        "messages_held": connection.execute(
            select(func.count()).where(
                notification.c.status == "queued", notification.c.held != schema.fixed("")
            )
        ).scalar_one(),
        "notifications_confirmed_ratio": delivered.confirmed / ended if ended else 0.0,
        "notifications_delivered_ratio": delivered.sent / ended if ended else 1.0,
        "notification_latency_seconds_avg": float(delivered.latency_ms or 0) / 1000,
        "events_quarantined": connection.execute(
            select(func.count()).where(schema.quarantine.c.settled_ms.is_(None))
        ).scalar_one(),
        "error_ratio": _error_ratio(connection, since_ms),
        "disk_free_bytes": float(disk_free),
        "commands_waiting": commands.count_waiting(connection, now_ms),
        "operators_signed_in": connection.execute(
            select(func.count(schema.operator_session.c.account.distinct()))
        ).scalar_one(),
        "sign_ins_refused": connection.execute(
            select(func.count()).where(
                schema.audit.c.action.in_(("sign-in.refused", "factor.refused")),
                schema.audit.c.at_ms >= since_ms,
            )
        ).scalar_one(),
        "sign_ins_waiting": throttle.waiting(connection, now_ms),
    }


def _by(
    connection: Connection, column: ColumnElement[str], *where: ColumnElement[bool]
) -> dict[str, float]:
    rows = connection.execute(select(column, func.count()).where(*where).group_by(column))
    return {str(name): float(count) for name, count in rows}


def _packages(connection: Connection, since_ms: int) -> dict[str, float]:
    """Those that are under way, and those that ended since then."""
    table = schema.package
    ended = _by(
        connection,
        table.c.status,
        table.c.finished_ms >= since_ms,
        table.c.status.not_in(schema.LIVE),
    )
    return ended | _by(connection, table.c.status, schema.is_live())


def _floats(counts: dict[str, int]) -> dict[str, float]:
    return {name: float(count) for name, count in counts.items()}


def _seconds_between(
    connection: Connection, begin: ColumnElement[int], end: ColumnElement[int], since_ms: int
) -> float:
    mean = connection.execute(
        select(func.avg(end - begin)).where(end >= since_ms, begin.is_not(None))
    ).scalar()
    return float(mean or 0) / 1000


def _error_ratio(connection: Connection, since_ms: int) -> float:
    """Openings of the last day that did not end as they should."""
    event = schema.event
    outcomes = connection.execute(
        select(
            func.count().label("all"),
            func.count().filter(event.c.body.like('%"FAILED"%')).label("failed"),
        ).where(event.c.kind == schema.fixed("DOOR_OUTCOME"), event.c.received_ms >= since_ms)
    ).one()
    return outcomes.failed / outcomes.all if outcomes.all else 0.0


HELP = {
    "locations": "Locations that are known.",
    "locations_enrolled": "Locations whose kiosk has enrolled.",
    "locations_silent": "Enrolled locations that were not heard of for too long.",
    "sync_lag_seconds_max": "How long ago the kiosk was heard of that was silent longest.",
    "slots": "Doors by what is inside.",
    "slots_out_of_service": "Doors that are out of service.",
    "packages": "Packages under way by status, and those that ended within a day.",
    "packages_disputed": "Packages of which an operator has to say whose they are.",
    "allocation_seconds_avg": "From announcement to deposit, mean of a day.",
    "pickup_seconds_avg": "From deposit to pickup, mean of a day.",
    "outbox": "Messages by status, those of later among them; sent and dropped: a day's.",
    "outbox_due": "Messages that should have gone out by now.",
    "messages_held": "Messages that wait because too many went out.",
    "notifications_confirmed_ratio": "Share of a day's messages that a gateway confirmed.",
    "notifications_delivered_ratio": "Share of a day's messages that were not refused.",
    "notification_latency_seconds_avg": "From due to sent, mean of a day.",
    "events_quarantined": "Events that were not believed and that nobody has settled.",
    "error_ratio": "Share of a day's openings that did not end as they should.",
    "disk_free_bytes": "Room on the disk of the data folder.",
    "operators_signed_in": "Operators with a session.",
    "sign_ins_refused": "A day's wrong passwords, codes, passkeys and answers of a provider.",
    "sign_ins_waiting": "Accounts by address and devices that wait after wrong tries.",
    "commands_waiting": "Commands that wait for their kiosks, but for openings that came too late.",
}


class _Figures(Collector):
    def __init__(self, values: dict[str, float | dict[str, float]]) -> None:
        self._values = values

    def collect(self) -> list[Metric]:
        families: list[Metric] = []
        for name, value in self._values.items():
            if isinstance(value, dict):
                family = GaugeMetricFamily(f"locker_{name}", HELP[name], labels=["status"])
                for label, number in value.items():
                    family.add_metric([label], number)
            else:
                family = GaugeMetricFamily(f"locker_{name}", HELP[name], value=value)
            families.append(family)
        return families


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    central = central_of(request)
    settings = central.settings
    values = await central.database.look(
        figures,
        central.clock.now_ms(),
        settings.notifications.silent_after_s,
        shutil.disk_usage(settings.data).free,
    )
    registry = CollectorRegistry()
    registry.register(_Figures(values))
    states = await central.database.look(readers.states)
    registry.register(FeedFigures(states, central.clock.now_ms()))
    said = generate_latest(registry) + generate_latest(limits.REGISTRY)
    return Response(said, media_type=CONTENT_TYPE_LATEST)


@router.get("/healthz", summary="Whether the process lives")
async def health() -> dict[str, str]:
    return {"status": "ok"}


READY_WITHIN_S = 10.0
READY_FOR_S = 1.0
"""How long an answer holds: who asks more often costs no more."""


@router.get("/readyz", summary="Whether the database can write and has room", responses={503: {}})
async def ready(request: Request) -> Response:
    central, state = central_of(request), request.app.state
    at_s, problem = getattr(state, "readiness", (-READY_FOR_S, ""))
    if monotonic_s() - at_s >= READY_FOR_S:
        problem = await _why_not_ready(central)
        state.readiness = (monotonic_s(), problem)
    roles: dict[str, str] = state.roles()
    ended = [role for role, how in roles.items() if how == "ended"]
    problem = problem or (f"the {ended[0]} has ended; start this process again" if ended else "")
    if problem:
        return JSONResponse({"status": "unavailable", "message": problem}, 503)
    return JSONResponse({"status": "ready", "roles": roles})


async def _why_not_ready(central: Central) -> str:
    """What keeps the server from its work; "" while nothing does."""
    least_mb, folder = central.settings.disk_free_min_mb, central.settings.data
    try:
        free_mb = shutil.disk_usage(folder).free // 1_000_000
        if free_mb < least_mb:
            return f"{folder}: {free_mb} MB are free, disk_free_min_mb is {least_mb}: make room"
        now_ms = central.clock.now_ms()
        written = central.database.submit(_write_something, now_ms)
        async with asyncio.timeout(READY_WITHIN_S):
            await asyncio.shield(asyncio.wrap_future(written))
    except TimeoutError:
        return f"the database did not write within {READY_WITHIN_S:g} s"
    except (SQLAlchemyError, OSError) as error:
        return f"the database cannot write: {error}"
    return ""


def _write_something(connection: Connection, now_ms: int) -> None:
    """What has to come to the disk: also a database that only reads answers otherwise."""
    upsert(connection, schema.meta, {"key": "ready"}, {"value": str(now_ms)})
