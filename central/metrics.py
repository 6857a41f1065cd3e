"""What Prometheus scrapes, and whether the server is well."""

from __future__ import annotations

import asyncio
import gzip
import math
import shutil

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from central import schema
from central.adapters import monotonic_s
from central.context import Central, central_of
from central.counters import REGISTRY
from central.database.bulk import upsert
from central.monitoring import figures

router = APIRouter(tags=["health"])


AGE = "locker_figures_age_seconds"


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """What the keeper counted last, which is the same at every process, and what this one counts.

    The keeper's part lies compressed: who takes that gets it as it lies, with this process's part
    as a second member behind it (RFC 1952, 2.2).
    """
    central = central_of(request)
    kept = await central.database.look(figures.kept)
    age_s = math.inf if kept is None else (central.clock.now_ms() - kept.made_ms) / 1000
    content = b"" if kept is None else kept.content
    headers = {"vary": "accept-encoding"}
    is_compressed = content != b"" and "gzip" in request.headers.get("accept-encoding", "")
    if is_compressed:
        headers["content-encoding"] = "gzip"
    said = await asyncio.to_thread(_said, central, age_s, content, is_compressed=is_compressed)
    return Response(said, media_type=CONTENT_TYPE_LATEST, headers=headers)


def _said(central: Central, age_s: float, content: bytes, *, is_compressed: bool) -> bytes:
    """All of it, compressed or not; of ten thousand locations there are megabytes to unpack, which
    no request of a kiosk waits for."""
    own = _of_this_process(central, age_s)
    if is_compressed:
        return content + gzip.compress(own, 1)
    return (gzip.decompress(content) if content else b"") + own


def _of_this_process(central: Central, age_s: float) -> bytes:
    free = shutil.disk_usage(central.settings.data).free
    gauges = (
        (AGE, "How long ago the figures of the network were counted.", age_s),
        ("locker_disk_free_bytes", "Room on the disk of the data folder.", free),
    )
    lines = [
        line
        for name, help_text, value in gauges
        for line in (
            f"# HELP {name} {help_text}",
            f"# TYPE {name} gauge",
            f"{name} {float(value)}",
        )
    ]
    return "\n".join([*lines, ""]).encode() + generate_latest(REGISTRY)


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
