"""The tree of areas at the pages: looked at, and changed by who administers there."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import Connection

from central.areas import tree
from central.areas.visible import of_area
from central.context import Central, central_of
from central.pages import queries
from central.pages.forms import Text, carry_out
from central.pages.listing import WantedList, by, of_rows
from central.pages.paths import HOME
from central.pages.rendering import page
from central.pages.session import ActingAsAdmin, Administering
from central.sync import moving

router = APIRouter(prefix=HOME, include_in_schema=False)
BY_AREA: Final = by("id", "name", "locations")
AreaId = Annotated[str, Form(max_length=32)]


@router.get("/areas")
async def areas(request: Request, operator: Administering, wanted: WantedList) -> Response:
    rows = await central_of(request).database.show(queries.areas, operator.reach)
    listed = of_rows(rows, wanted, BY_AREA, lambda row: f"{row['id']} {row['name']}")
    return page(request, "areas.html", operator=operator, rows=rows, listed=listed)


@router.post("/areas")
async def area_add(
    request: Request, operator: ActingAsAdmin, area: AreaId, name: Text = "", parent: AreaId = ""
) -> Response:
    """Make an area, within another or within none."""

    def do(connection: Connection, central: Central) -> None:
        now_ms, reach = central.clock.now_ms(), operator.reach
        tree.add(connection, area, name, parent, operator.email, now_ms, reach)

    about = of_area(operator.reach, parent)
    return await carry_out(request, about, "/areas", f"The area {area} is there.", do)


@router.post("/areas/{name}/rename")
async def area_rename(
    request: Request, name: str, operator: ActingAsAdmin, title: Text = ""
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        now_ms, reach = central.clock.now_ms(), operator.reach
        tree.rename(connection, name, title, operator.email, now_ms, reach)

    about = of_area(operator.reach, name)
    return await carry_out(request, about, "/areas", "It is called so now.", do)


@router.post("/areas/{name}/move")
async def area_move(
    request: Request, name: str, operator: ActingAsAdmin, parent: AreaId = ""
) -> Response:
    """Have an area, with all within it, lie in another, or in none."""

    def do(connection: Connection, central: Central) -> None:
        now_ms, reach = central.clock.now_ms(), operator.reach
        moving.put_area(connection, name, parent, operator.email, now_ms, reach)

    about = of_area(operator.reach, name)
    return await carry_out(request, about, "/areas", "The area lies there now.", do)


@router.post("/areas/{name}/remove")
async def area_remove(request: Request, name: str, operator: ActingAsAdmin) -> Response:
    """Take an area away in which nothing is."""

    def do(connection: Connection, central: Central) -> None:
        tree.remove(connection, name, operator.email, central.clock.now_ms(), operator.reach)

    about = of_area(operator.reach, name)
    return await carry_out(request, about, "/areas", "The area is taken away.", do)
