"""The routes of the feed of locations."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from central.api_pages.answers import REFUSALS
from central.context import central_of
from central.locations import feed
from central.locations.feed import Asked
from central.packages.list_routes import Cursor, Limit, Moment
from central.programs import Finding

router = APIRouter(prefix="/v1", tags=["locations"])


@router.get(
    "/locations",
    responses={**REFUSALS, 304: {"description": "It says what it said when you had this ETag."}},
    summary="All locations, or those that changed since",
)
async def locations(
    request: Request,
    program: Finding,
    country: Annotated[
        str | None, Query(pattern=r"^[A-Z]{2}$", description="Of two letters, ISO 3166.")
    ] = None,
    changed_since_ms: Annotated[int | None, Moment] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
    if_none_match: Annotated[
        str | None, Header(max_length=400, description="The ETag of the answer you have.")
    ] = None,
) -> Response:
    """For check-outs: name, place, hours, sizes, live room. Keep a copy by asking for what changed
    since the `next_since_ms` of the time before; `gone` says that a location is no more."""
    central = central_of(request)
    answer = await central.database.show(
        feed.page,
        central.secrets,
        program,
        Asked(country, changed_since_ms),
        cursor,
        limit,
    )
    tag = feed.tag_of(answer)
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    asked = {each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")}
    if tag in asked or "*" in asked:
        return Response(status_code=304, headers=headers)
    return JSONResponse(answer, headers=headers)
