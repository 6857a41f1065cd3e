"""One message of the outbox: whom it is for, what it says, what came of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection, select

from central import schema
from central.areas.visible import Reach, visible_to
from central.context import Central, central_of
from central.errors import not_found
from central.notify import leasing
from central.pages.list_pages import names_of
from central.pages.proving import write_down_views
from central.pages.rendering import page
from central.pages.session import HOME, Viewing

router = APIRouter(prefix=HOME, include_in_schema=False)
Row = dict[str, Any]


@router.get("/notifications/{name}")
async def message(request: Request, name: str, operator: Viewing) -> Response:
    central = central_of(request)
    found = await central.database.show(one, central, operator.reach, name)
    package = {"recipient": found["recipient"], "id": found["package"]}
    seen = [{**package, "location": found["location"]}]
    await write_down_views(request, operator.email, "message", seen)
    names = await names_of(request, operator, [found])
    return page(request, "message.html", operator=operator, message=found, names=names)


def one(connection: Connection, central: Central, reach: Reach, name: str) -> Row:
    """A message with whom it is for and what it says. Raises `RequestError`."""
    table, person, package = schema.notification, schema.recipient, schema.package
    is_it = (table.c.id == name) & leasing.is_message() & visible_to(reach, table.c.location)
    row = connection.execute(select(table).where(is_it)).first()
    if row is None:
        raise not_found("message", name)
    of_person = select(person).where(person.c.id == row.recipient)
    of_package = select(package.c.barcode).where(package.c.id == row.package)
    return {
        **row._mapping,
        "person": connection.execute(of_person).mappings().first(),
        "barcode": connection.execute(of_package).scalar(),
    }
