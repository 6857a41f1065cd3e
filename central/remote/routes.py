"""The route by which kiosks send files that they were asked for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from central.context import central_of
from central.programs import bearer
from central.remote import files

router = APIRouter(prefix="/v1", tags=["kiosks"])


@router.put(
    "/locations/{location}/files",
    summary="A kiosk sends a file that a command asked for",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {} for kind in ("image/png", "application/zip")},
        }
    },
    responses={400: {}, 401: {}, 409: {}, 413: {}, 422: {}},
)
async def file(
    location: str, request: Request, command: Annotated[str, Query(max_length=64)]
) -> Response:
    """A picture of its screen (PNG) or a support file (ZIP), once for each command."""
    central, token = central_of(request), bearer(request)
    content = await request.body()
    await central.database.write(files.take_in, central, location, token, command, content)
    return Response("{}", media_type="application/json")
