"""The route by which a kiosk that is about to enrol fetches its site file."""

from __future__ import annotations

from fastapi import APIRouter, Query, Request, Response

from central.context import central_of
from central.locations import site_files
from central.programs import bearer
from kiosk.sync.contract import SiteFileAnswer

router = APIRouter(prefix="/v1", tags=["kiosks"])


@router.get(
    "/enrol/site",
    response_model=SiteFileAnswer,
    summary="A kiosk that is about to enrol fetches its site file",
    responses={401: {}, 404: {}, 422: {}},
)
async def site_file(
    request: Request, question: str = Query(pattern=r"^[0-9a-f]{32,64}$")
) -> Response:
    central = central_of(request)
    answer = await central.database.look(site_files.answer, central, bearer(request), question)
    headers = {"cache-control": "no-store"}
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)
