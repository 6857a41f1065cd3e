"""One message of the outbox: whom it is for, what it says, what came of it.

No message is kept, so its words are made again from what it is about, as it would go out now. What
opens a door, the code and the recipient's own link, is not shown to operators: it is hidden here
whatever the words around it are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection, select

from central import schema
from central.areas.visible import Reach, visible_to
from central.context import Central, central_of
from central.delegates import following
from central.errors import not_found
from central.links import PATH, SHORT
from central.notify import leasing
from central.notify.message import Dropped, Message, Unreachable
from central.notify.messages import compose
from central.pages.list_pages import names_of
from central.pages.paths import HOME
from central.pages.proving import write_down_views
from central.pages.rendering import page
from central.pages.session import Viewing
from kiosk.model.pickup_code import delegate_code, make_code

router = APIRouter(prefix=HOME, include_in_schema=False)
Row = dict[str, Any]
HIDDEN: Final = "•••"
_BETWEEN: Final = r"[\s\u00a0\u202f\u200e\u200f\u2066-\u2069-]*"
"""What may stand between the digits of a code: gaps, and marks of which way a text runs."""


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
        **words(connection, central, row),
    }


def words(connection: Connection, central: Central, row: Any) -> dict[str, str]:
    """What a message says, without what opens a door; or why that cannot be said."""
    made = compose(connection, central, row)
    if isinstance(made, Message):
        text = made.short if row.channel == "sms" and made.short else made.text
        return {"title": made.subject, "text": _hidden(connection, central, row, text)}
    if isinstance(made, Dropped | Unreachable):
        return {"text": "", "why_not": made.reason}
    return {"text": "", "why_not": "it would not be true while the package cannot be fetched"}


def _hidden(connection: Connection, central: Central, row: Any, text: str) -> str:
    for code in _codes(connection, central, row):
        text = re.sub(_BETWEEN.join(code), HIDDEN, text)
    # The notice of what is kept of people stays: it opens nothing.
    return re.sub(rf"\S*(?:{PATH}|{SHORT})/\S+", HIDDEN, text)


def _codes(connection: Connection, central: Central, row: Any) -> Iterator[str]:
    """Every code that a message about a package can name."""
    package, location = schema.package, schema.location
    of_package = select(package).where(package.c.id == row.package)
    about = connection.execute(of_package).first()
    of_place = select(location.c.key_sealed).where(location.c.id == row.location)
    sealed = connection.execute(of_place).scalar()
    if about is None or sealed is None or not about.locator:
        return
    key = central.secrets.open(sealed)
    if about.code_counter:
        yield make_code(key, about.id, about.locator, about.code_counter)
    delegate = following.current(connection, about.id)
    if delegate is not None:
        yield delegate_code(key, about.id, delegate.id, about.locator)
