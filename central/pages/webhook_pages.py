"""The pages about webhooks: who is sent what happens, what was sent, and what was given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy import Connection

from central.areas.visible import everything
from central.carriers import carriers
from central.carriers.visible import Visible
from central.context import Central, central_of
from central.errors import RequestError
from central.pages.forms import Text, carry_out
from central.pages.listing import Listed, Wanted, WantedList, by, of_query, of_rows
from central.pages.naming import Names, names
from central.pages.paths import HOME
from central.pages.rendering import page
from central.pages.said import saying
from central.pages.session import ActingAsAdminOfAll, AdministeringAll, Operator
from central.webhooks import deliveries, endpoints
from central.webhooks.destinations import URL_MAX
from central.webhooks.events import EVERYTHING, SAID
from kiosk.model.carriers import OPERATOR
from kiosk.model.urls import path

router = APIRouter(prefix=HOME, include_in_schema=False)
BY_RECEIVER: Final = by("url", "carrier_name", "disabled_ms")
BY_DELIVERY: Final = by("kind", "status", "attempts", "created_ms")
Url = Annotated[str, Form(max_length=URL_MAX)]
Status = Annotated[str, Query(pattern="^(queued|sent|dead)?$")]


@router.get("/webhooks")
async def receivers(request: Request, operator: AdministeringAll, wanted: WantedList) -> Response:
    return await _receivers(request, operator, wanted)


async def _receivers(request: Request, operator: Operator, wanted: Wanted, **more: Any) -> Response:
    central = central_of(request)
    rows = await central.database.look(endpoints.rows)
    now_ms = central.clock.now_ms()
    shown = [{**endpoints.described(row, now_ms), "carrier": row.carrier} for row in rows]
    known = await central.database.look(carriers.rows)
    names = Names(carriers={each["id"]: each["name"] for each in known})
    for row in shown:
        row["carrier_name"] = names.carrier(row["carrier"])
    listed = of_rows(shown, wanted, BY_RECEIVER, lambda row: f"{row['url']} {row['carrier_name']}")
    more |= {"listed": listed, "names": names, "carriers": known, "events": SAID}
    return page(request, "webhooks.html", operator=operator, **more)


@router.get("/webhooks/{name}")
async def receiver(
    request: Request,
    name: str,
    operator: AdministeringAll,
    wanted: WantedList,
    status: Status = "",
) -> Response:
    def look(connection: Connection) -> tuple[Any, Listed, Names]:
        row = endpoints.find(connection, name)
        query = deliveries.wanted(name, status)
        listed = of_query(connection, query, wanted, BY_DELIVERY)
        return row, listed, names(connection, operator.reach, [dict(row._mapping)])

    central = central_of(request)
    row, listed, known = await central.database.look(look)
    of = endpoints.described(row, central.clock.now_ms()) | {"carrier": row.carrier}
    more: dict[str, Any] = {"receiver": of, "listed": listed, "status": status, "names": known}
    return page(request, "webhook.html", operator=operator, **more)


@router.post("/webhooks")
async def add(
    request: Request,
    operator: ActingAsAdminOfAll,
    url: Url,
    carrier: Text = OPERATOR,
    events: Annotated[str, Form(max_length=2000)] = EVERYTHING,
) -> Response:
    """Make a receiver; its secret is shown on the page that answers, and never again."""
    wanted = events.replace(",", " ").split()

    def do(connection: Connection, central: Central) -> dict[str, Any]:
        whose = Visible(carrier, None)
        return endpoints.add(connection, central, operator.email, whose, url.strip(), wanted)

    return await _with_secret(request, operator, "/webhooks", do)


@router.post("/webhooks/{name}/secret")
async def rotate(request: Request, name: str, operator: ActingAsAdminOfAll) -> Response:
    def do(connection: Connection, central: Central) -> dict[str, Any]:
        return endpoints.rotate(connection, central, operator.email, name, None)

    return await _with_secret(request, operator, path("webhooks", name), do)


async def _with_secret(
    request: Request,
    operator: Operator,
    back: str,
    operation: Callable[[Connection, Central], dict[str, Any]],
) -> Response:
    central = central_of(request)
    try:
        made = await central.database.write(operation, central)
    except RequestError as error:
        return saying(request, f"{HOME}{back}", problem=error.message)
    request.app.state.wake()
    return await _receivers(request, operator, Wanted(), made=made)


@router.post("/webhooks/{name}/state")
async def change(
    request: Request, name: str, operator: ActingAsAdminOfAll, disabled: Annotated[bool, Form()]
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        by = operator.email
        endpoints.change(connection, central, by, name, None, disabled=disabled)

    done = "Nothing is sent there." if disabled else "What happens from now on is sent there."
    return await carry_out(request, everything(operator.reach), path("webhooks", name), done, do)


@router.post("/webhooks/{name}/remove")
async def remove(request: Request, name: str, operator: ActingAsAdminOfAll) -> Response:
    def do(connection: Connection, central: Central) -> None:
        endpoints.remove(connection, central, operator.email, name, None)

    return await carry_out(request, everything(operator.reach), "/webhooks", "It is removed.", do)


@router.post("/webhooks/{name}/test")
async def try_out(request: Request, name: str, operator: ActingAsAdminOfAll) -> Response:
    def do(connection: Connection, central: Central) -> None:
        endpoints.try_out(connection, central, operator.email, name, None)

    done = "A test event is on its way; what comes of it stands below."
    return await carry_out(request, everything(operator.reach), path("webhooks", name), done, do)


@router.post("/webhooks/{name}/replay")
async def replay(
    request: Request, name: str, operator: ActingAsAdminOfAll, webhook: Text = "", since: Text = ""
) -> Response:
    """Send again what was given up: one, or what is as old as a day or younger."""
    by, back = operator.email, path("webhooks", name)

    def one(connection: Connection, central: Central) -> None:
        deliveries.replay_one(connection, central, by, name, None, webhook)

    def some(connection: Connection, central: Central) -> int:
        since_ms = _day_ms(since)
        return deliveries.replay_since(connection, central, by, name, None, since_ms)

    if webhook:
        return await carry_out(request, everything(operator.reach), back, "It is sent again.", one)
    central, count = central_of(request), 0
    try:
        for _ in range(deliveries.BITES_MAX):
            bite = await central.database.write(some, central)
            count += bite
            if bite < deliveries.BITE:
                break
    except RequestError as error:
        return saying(request, f"{HOME}{back}", problem=error.message)
    request.app.state.wake()
    return saying(request, f"{HOME}{back}", done=f"{count} are sent again.")


def _day_ms(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError as error:
        raise RequestError(422, "invalid", f"{text!r}: a day, as 2026-11-29") from error
