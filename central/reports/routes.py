"""The route of a carrier's own report."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from central.api_pages.answers import REFUSALS
from central.context import central_of
from central.packages.list_routes import Cursor, Limit
from central.periods import period_of
from central.programs import Reading
from central.reports import by_carrier

router = APIRouter(prefix="/v1", tags=["packages"])
DAYS: Final = 30
"""So many days before today are reported where no day is named."""
Day = Annotated[str, Query(max_length=20, description="A day (UTC), as 2026-11-29.")]


@router.get("/reports/days", responses=REFUSALS, summary="What happened, by day and location")
async def days(
    request: Request,
    program: Reading,
    since: Day = "",
    until: Day = "",
    location: Annotated[str | None, Query(max_length=64, description="One location's id.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """How many packages of your carrier were stored, picked up, not picked up in time, taken back
    and missed, for each day (UTC) on which something happened at a location; the last 30 days
    unless you say, 366 at most. A locker that was offline adds to days that are over."""
    central = central_of(request)
    period = period_of(since, until, central.clock.now_ms(), DAYS)
    return await central.database.show(
        by_carrier.page, central.secrets, program, period, location, cursor, limit
    )
