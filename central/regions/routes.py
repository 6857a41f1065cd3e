"""What a region says to the others."""

from __future__ import annotations

from fastapi import APIRouter, Query, Request

from central.context import central_of
from central.programs import Finding
from central.regions import directory

router = APIRouter(prefix="/v1", tags=["regions"])


@router.get(
    "/directory",
    response_model=directory.Page,
    responses={code: {} for code in (401, 403, 422, 429)},
    summary="This region's locations, for other regions",
)
async def page(
    request: Request,
    program: Finding,
    after: str = Query(default="", max_length=64, description="Those behind this id."),
) -> directory.Page:
    central = central_of(request)
    if program.sandbox:
        return directory.Page(region=central.settings.region, locations=(), has_more=False)
    region, carrier = central.settings.region, program.carrier
    return await central.database.look(directory.own_page, region, after, carrier)
