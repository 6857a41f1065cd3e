"""The page of a location's site file: what its kiosk is given when it is set up."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import Connection

from central.areas.visible import of_location
from central.context import Central, central_of
from central.errors import RequestError
from central.locations import site_files
from central.pages.forms import only
from central.pages.paths import HOME
from central.pages.rendering import page
from central.pages.said import saying
from central.pages.session import ActingAsAdmin, Operator, Viewing
from kiosk.model.urls import path

router = APIRouter(prefix=HOME, include_in_schema=False)
PASTED_MAX = 50_000
"""In characters: a larger file goes by the command line."""


def _seen(connection: Connection, operator: Operator, location: str) -> dict[str, Any]:
    """What is shown. Raises `RequestError` for a location that the operator does not reach."""
    of_location(operator.reach, location)(connection)
    return {"location": location, "kept": site_files.of_location(connection, location)}


@router.get("/locations/{name:path}/site-file")
async def site_file(request: Request, name: str, operator: Viewing) -> Response:
    shown = await central_of(request).database.look(_seen, operator, name)
    return page(request, "site_file.html", operator=operator, **shown)


@router.post("/locations/{name:path}/site-file")
async def site_file_keep(
    request: Request,
    name: str,
    operator: ActingAsAdmin,
    content: Annotated[str, Form(max_length=PASTED_MAX)] = "",
) -> Response:
    """Keep what was pasted or edited; with mistakes nothing is kept, and all of them are shown."""
    central = central_of(request)

    def do(connection: Connection, central: Central) -> None:
        site_files.keep(connection, name, content, operator.email, central.clock.now_ms())

    try:
        await central.database.write(only(of_location(operator.reach, name), do), central)
    except RequestError as error:
        shown = await central.database.look(_seen, operator, name)
        mistakes = error.message.splitlines()
        return page(
            request,
            "site_file.html",
            error.status,
            operator=operator,
            mistakes=mistakes,
            content=content,
            **shown,
        )
    back = f"{HOME}{path('locations', name, 'site-file')}"
    return saying(request, back, done="It is kept. The next kiosk that is set up here is given it.")
