"""What operators do with packages, messages, people and programs: each a form of its own, carried
out in one transaction with its audit line."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request, Response
from pydantic import ValidationError
from sqlalchemy import Connection, select

from central import schema
from central.areas.visible import (
    everything,
    nothing_of_others,
    of_message,
    of_package,
    of_quarantined,
    of_staff,
)
from central.auth import Scope
from central.context import Central, audit, central_of
from central.errors import RequestError
from central.notify.worker import resend
from central.operators import accounts
from central.packages import service
from central.packages.requests import Person
from central.pages import lists, queries
from central.pages.forms import Text, carry_out, only
from central.pages.list_pages import keys_page, staff_page
from central.pages.listing import Wanted
from central.pages.paths import HOME
from central.pages.said import saying
from central.pages.session import ActingAsAdmin, ActingAsAdminOfAll, ActingAsOperator
from central.sandbox.making import make
from central.sync import claims, quarantine, staff
from central.sync.staff_list import EVERYWHERE
from kiosk.model.carriers import OPERATOR
from kiosk.model.person import typed_number
from kiosk.model.urls import path

router = APIRouter(prefix=HOME, include_in_schema=False)


# --- packages ----------------------------------------------------------------------------------


@router.post("/packages/{name:path}/cancel")
async def cancel(request: Request, name: str, operator: ActingAsOperator, why: Text) -> Response:
    def do(connection: Connection, central: Central) -> None:
        service.cancel(connection, central, operator.email, name, why, None)

    return await carry_out(
        request,
        of_package(operator.reach, name),
        path("packages", name),
        "The kiosk is asked to recall it.",
        do,
    )


@router.post("/packages/{name:path}/extend")
async def extend(
    request: Request, name: str, operator: ActingAsOperator, days: Annotated[int, Form(ge=1, le=7)]
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        service.extend(connection, central, operator.email, name, days, None)

    return await carry_out(
        request,
        of_package(operator.reach, name),
        path("packages", name),
        "The kiosk is asked to keep it.",
        do,
    )


@router.post("/packages/{name:path}/reissue")
async def reissue(request: Request, name: str, operator: ActingAsOperator) -> Response:
    def do(connection: Connection, central: Central) -> None:
        service.reissue(connection, central, operator.email, name, None)

    done = "A new code is on its way to the recipient."
    return await carry_out(
        request, of_package(operator.reach, name), path("packages", name), done, do
    )


@router.post("/packages/{name:path}/decide")
async def decide(request: Request, name: str, operator: ActingAsOperator, why: Text) -> Response:
    """It is theirs: of several announcements of a barcode, or of what lies there unannounced."""

    def do(connection: Connection, central: Central) -> None:
        rules, now_ms = central.settings.notifications, central.clock.now_ms()
        claims.decide(connection, rules, operator.email, name, why, now_ms)

    return await carry_out(
        request,
        of_package(operator.reach, name),
        "/disputed",
        "It is theirs; the kiosk is informed.",
        do,
    )


@router.post("/notifications/{name}/resend")
async def send_again(request: Request, name: str, operator: ActingAsOperator) -> Response:
    def do(connection: Connection, central: Central) -> None:
        now_ms = central.clock.now_ms()
        if not resend(connection, name, now_ms):
            raise RequestError(409, "not_dead", "this message was not given up")
        table = schema.notification
        place = connection.execute(select(table.c.location).where(table.c.id == name)).scalar()
        audit(connection, now_ms, operator.email, "notification.resend", name, place=place or "")

    return await carry_out(
        request, of_message(operator.reach, name), "/notifications", "It is tried once more.", do
    )


@router.post("/packages/{name:path}/contact")
async def contact(
    request: Request,
    name: str,
    operator: ActingAsOperator,
    person: Annotated[str, Form(alias="name", max_length=120)] = "",
    email: Annotated[str, Form(max_length=254)] = "",
    phone: Annotated[str, Form(max_length=32)] = "",
    language: Annotated[str, Form(max_length=2)] = "en",
) -> Response:
    """Where a message could not be delivered, or somebody said that it was the wrong address."""

    def do(connection: Connection, central: Central) -> None:
        given = {"name": person, "email": email.strip(), "phone": phone.strip()}
        if not (given["email"] or given["phone"]):
            raise RequestError(422, "invalid", "an e-mail address or a telephone number, or both")
        try:
            contact = Person(language=language, **given)
        except ValidationError as error:
            field = error.errors()[0]
            problem = f"{field['loc'][0]} {field['input']!r} is not right"
            raise RequestError(422, "invalid", problem) from error
        service.change_contact(connection, central, operator.email, name, contact, None)

    done = "The new contact is notified; the kiosk, too."
    return await carry_out(
        request, of_package(operator.reach, name), path("packages", name), done, do
    )


@router.post("/quarantine/{name}/settle")
async def settle(request: Request, name: str, operator: ActingAsOperator, why: Text) -> Response:
    def do(connection: Connection, central: Central) -> None:
        quarantine.settle(connection, name, operator.email, why, central.clock.now_ms())

    return await carry_out(
        request, of_quarantined(operator.reach, name), "/quarantine", "It is settled.", do
    )


# --- people and programs -----------------------------------------------------------------------


@router.post("/staff")
async def staff_add(
    request: Request,
    operator: ActingAsAdmin,
    number: Text,
    name: Text,
    role: Text,
    pin: Text,
    locations: Annotated[str, Form(max_length=2000)] = EVERYWHERE,
    carriers: Annotated[str, Form(max_length=2000)] = OPERATOR,
    area: Text = "",
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        by, reach = operator.email, operator.reach
        of = (number, name, role, pin, locations, carriers)
        staff.add(connection, central, by, *of, area=area, reach=reach)

    return await carry_out(
        request, nothing_of_others, "/staff", f"{number} is listed; the kiosks are informed.", do
    )


@router.post("/staff/{number}/badge")
async def staff_badge(request: Request, number: str, operator: ActingAsAdmin) -> Response:
    """Give somebody a new badge; it is shown on the page that answers, and never again."""
    central, about = central_of(request), of_staff(operator.reach, number)

    def do(connection: Connection, central: Central) -> str:
        return staff.give_badge(connection, central, operator.email, number)

    try:
        text = await central.database.write(only(about, do), central)
    except RequestError as error:
        return saying(request, f"{HOME}/staff", problem=error.message)
    request.app.state.wake()
    drawing = segno.make(text, micro=False).svg_data_uri(scale=4, border=4)
    found = await central.database.look(lists.staff, operator.reach, Wanted())
    badge = {"number": typed_number(number, found["digits"]), "text": text, "drawing": drawing}
    return await staff_page(request, operator, found, badge=badge)


@router.post("/staff/{number}/remove")
async def staff_remove(request: Request, number: str, operator: ActingAsAdmin) -> Response:
    def do(connection: Connection, central: Central) -> None:
        staff.remove(connection, central, operator.email, number)

    return await carry_out(
        request,
        of_staff(operator.reach, number),
        "/staff",
        f"{number} is no longer listed; the kiosks are informed.",
        do,
    )


@router.post("/keys")
async def key_add(
    request: Request,
    operator: ActingAsAdminOfAll,
    name: Text,
    scopes: Annotated[list[Scope], Form()],
    rate: Annotated[int, Form(ge=1, le=100_000)] = 600,
    carrier: Text = OPERATOR,
    sandbox: Annotated[bool, Form()] = False,
) -> Response:
    """Make an API key, or a sandbox with its own; it is shown on the page that answers, and never
    again."""
    central, by = central_of(request), operator.email
    write = central.database.write
    try:
        if sandbox:
            token = await write(make, central, by, name, rate)
        else:
            token = await write(accounts.add_key, central, by, name, scopes, rate, carrier)
    except RequestError as error:
        return saying(request, f"{HOME}/keys", problem=error.message)
    rows = await central.database.look(queries.keys, operator.reach)
    return await keys_page(request, operator, rows, Wanted(), token=token)


@router.post("/keys/{name}/revoke")
async def key_revoke(request: Request, name: str, operator: ActingAsAdminOfAll) -> Response:
    def do(connection: Connection, central: Central) -> None:
        accounts.revoke_key(connection, central, operator.email, name)

    return await carry_out(
        request, everything(operator.reach), "/keys", "The key opens nothing any more.", do
    )
