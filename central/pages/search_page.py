"""One search over everything that an operator may see: locations, packages, staff, pages."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection, func, or_, select

from central import schema
from central.areas.visible import Reach, areas_visible_to, visible_to
from central.context import central_of
from central.pages import lists, naming
from central.pages.paths import HOME
from central.pages.proving import write_down_views
from central.pages.rendering import page
from central.pages.session import Viewing
from kiosk.model.person import kept_number

router = APIRouter(prefix=HOME, include_in_schema=False)
EACH = 10
"""How many of each kind are shown at most."""

Row = dict[str, Any]


@router.get("/search")
async def search(
    request: Request, operator: Viewing, q: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    text = q.strip()
    found = await central_of(request).database.show(everything, operator.reach, text)
    await write_down_views(request, operator.email, "search", found["packages"])
    show = central_of(request).database.show
    names = await show(naming.names, operator.reach, found["packages"])
    shown: Row = {"operator": operator, "q": q, "each": EACH, "names": names, **found}
    return page(request, "search.html", **shown)


def everything(connection: Connection, reach: Reach, text: str) -> dict[str, list[Row]]:
    """What is found of each kind, one more than is shown where there is more; nothing of nothing.

    Packages by barcode, id, or their recipient's name, phone or e-mail; locations by id, name or
    address; staff by the beginning of their number.
    """
    if not text:
        return {"locations": [], "packages": [], "staff": []}
    return {
        "locations": _locations(connection, reach, text),
        "packages": _packages(connection, reach, text),
        "staff": _staff(connection, reach, text),
    }


def _locations(connection: Connection, reach: Reach, text: str) -> list[Row]:
    table = schema.location
    query = (
        select(table.c.id, table.c.name, table.c.address, table.c.retired_ms)
        .where(
            visible_to(reach, table.c.id),
            or_(*(_has(table.c[name], text) for name in ("id", "name", "address"))),
        )
        .order_by(table.c.id)
        .limit(EACH + 1)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _packages(connection: Connection, reach: Reach, text: str) -> list[Row]:
    query = lists.found(connection, reach, text).limit(EACH + 1)
    return [dict(row) for row in connection.execute(query).mappings()]


def _staff(connection: Connection, reach: Reach, text: str) -> list[Row]:
    """By number alone: names are sealed."""
    if not (text.isascii() and text.isdecimal()):
        return []
    table = schema.staff
    is_it = table.c.number.startswith(kept_number(text), autoescape=True)
    query = (
        select(table.c.number, table.c.name, table.c.role)
        .where(table.c.removed_ms.is_(None), areas_visible_to(reach, table.c.area), is_it)
        .order_by(table.c.number)
        .limit(EACH + 1)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _has(column: Any, text: str) -> Any:
    """Whether a text stands in a column, upper and lower case being one."""
    return func.lower(column).contains(text.lower(), autoescape=True)
