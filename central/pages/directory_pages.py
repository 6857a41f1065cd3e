"""The page of a house's directory: how large it is, what an import would change, and the import.

Names are shown only in the answer to whoever pasted them.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from markupsafe import escape
from sqlalchemy import Connection, select

from central import schema
from central.areas.visible import of_location
from central.context import Central, central_of
from central.errors import RequestError
from central.pages.forms import carry_out
from central.pages.paths import HOME
from central.pages.rendering import page
from central.pages.said import saying
from central.pages.session import ActingAsAdmin, Operator, Viewing
from central.residents import directory
from central.residents.directory import Plan
from central.residents.reading import COLUMNS, Households, read_directory
from kiosk.model.urls import path

router = APIRouter(prefix=HOME, include_in_schema=False)
PASTED_MAX = 60_000
"""In characters: a larger file goes by the command line."""
Rows = Annotated[str, Form(max_length=PASTED_MAX)]


def _country(connection: Connection, location: str) -> str | None:
    table = schema.location
    query = select(table.c.country).where(table.c.id == location)
    return connection.execute(query).scalar() or None


def _wanted(connection: Connection, location: str, rows: str) -> Households:
    return read_directory(rows.encode(), "the directory", _country(connection, location))


def _seen(connection: Connection, operator: Operator, location: str) -> dict[str, Any]:
    """What is shown of a location's directory. Raises `RequestError` for one that the operator does
    not reach."""
    of_location(operator.reach, location)(connection)
    return {
        "location": location,
        "households": directory.size_of(connection, location),
        "columns": ",".join(COLUMNS),
    }


@router.get("/locations/{name:path}/directory")
async def house_directory(request: Request, name: str, operator: Viewing) -> Response:
    shown = await central_of(request).database.look(_seen, operator, name)
    return page(request, "directory.html", operator=operator, **shown)


@router.post("/locations/{name:path}/directory")
async def directory_plan(
    request: Request, name: str, operator: ActingAsAdmin, rows: Rows = ""
) -> Response:
    """Show what the pasted rows would change."""

    def look(connection: Connection) -> tuple[dict[str, Any], Plan]:
        shown = _seen(connection, operator, name)
        wanted = _wanted(connection, name, rows)
        return shown, directory.plan(connection, name, wanted)

    try:
        shown, plan = await central_of(request).database.look(look)
    except RequestError as error:
        shown = await central_of(request).database.look(_seen, operator, name)
        named = error.detail.get("problems")
        problems = [error.message]
        if isinstance(named, list):
            problems = [str(each["problem"]) for each in named]
        return page(
            request,
            "directory.html",
            error.status,
            operator=operator,
            problems=problems,
            rows=escape(rows),
            **shown,
        )
    return page(request, "directory.html", operator=operator, plan=plan, rows=escape(rows), **shown)


@router.post("/locations/{name:path}/directory/take")
async def directory_take(
    request: Request,
    name: str,
    operator: ActingAsAdmin,
    version: Annotated[int, Form(ge=0, le=2**53)],
    rows: Rows = "",
) -> Response:
    """Take the rows whose plan was shown."""

    def do(connection: Connection, central: Central) -> None:
        wanted = _wanted(connection, name, rows)
        directory.replace(connection, central, operator.email, name, wanted, version)

    back = path("locations", name, "directory")
    about = of_location(operator.reach, name)
    done = "The directory is taken; the kiosk is informed."
    return await carry_out(request, about, back, done, do)


@router.post("/locations/{name:path}/directory/empty")
async def directory_empty(
    request: Request, name: str, operator: ActingAsAdmin, sure: Annotated[str, Form()] = ""
) -> Response:
    """Forget all of it, if somebody says that they are sure."""
    back = path("locations", name, "directory")
    if sure != "yes":
        return saying(request, f"{HOME}{back}", problem="Nothing was done: say that you are sure.")

    def do(connection: Connection, central: Central) -> None:
        directory.empty(connection, central, operator.email, name)

    about = of_location(operator.reach, name)
    done = "The directory is empty; the kiosk is informed."
    return await carry_out(request, about, back, done, do)
