"""What operators do: each a form of its own, carried out in one transaction with its audit line.

The answer is a redirect to where the form stood, with what was done or why it was not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

import segno
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection, select

from central import accounts, schema, staffing
from central.auth import Role, Scope
from central.errors import RequestError, not_found
from central.notify.worker import resend
from central.packages import service
from central.pages import looks
from central.pages.paper import page
from central.pages.session import HOME, ActingAsAdmin, ActingAsOperator
from central.parts import Central, audit, central_of
from central.sync import commands
from kiosk.model.location import TOLD_BY_STAFF, Service
from kiosk.sync.contract import CommandType

router = APIRouter(prefix=HOME, include_in_schema=False)
Text = Annotated[str, Form(max_length=200)]


async def _do(
    request: Request, back: str, done: str, operation: Callable[[Connection, Central], Any]
) -> Response:
    """Carry something out and go back to the page, which says how it went."""
    central = central_of(request)
    try:
        await central.database.write(operation, central)
    except RequestError as error:
        return RedirectResponse(f"{HOME}{back}?problem={quote(error.message)}", 303)
    request.app.state.wake()
    return RedirectResponse(f"{HOME}{back}?done={quote(done)}", 303)


# --- packages ----------------------------------------------------------------------------------


@router.post("/packages/{name}/cancel")
async def cancel(request: Request, name: str, operator: ActingAsOperator, why: Text) -> Response:
    def do(connection: Connection, central: Central) -> None:
        service.cancel(connection, central, operator.email, name, why, None)

    return await _do(request, f"/packages/{quote(name)}", "The kiosk is told to recall it.", do)


@router.post("/packages/{name}/extend")
async def extend(
    request: Request, name: str, operator: ActingAsOperator, days: Annotated[int, Form(ge=1, le=7)]
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        service.extend(connection, central, operator.email, name, days, None)

    return await _do(request, f"/packages/{quote(name)}", "The kiosk is told to keep it.", do)


@router.post("/packages/{name}/reissue")
async def reissue(request: Request, name: str, operator: ActingAsOperator) -> Response:
    def do(connection: Connection, central: Central) -> None:
        service.reissue(connection, central, operator.email, name, None)

    done = "A new code is on its way to the recipient."
    return await _do(request, f"/packages/{quote(name)}", done, do)


@router.post("/notifications/{name}/resend")
async def send_again(request: Request, name: str, operator: ActingAsOperator) -> Response:
    def do(connection: Connection, central: Central) -> None:
        now_ms = central.clock.now_ms()
        if not resend(connection, name, now_ms):
            raise RequestError(409, "not_dead", "this message was not given up")
        audit(connection, now_ms, operator.email, "notification.resend", name)

    return await _do(request, "/notifications", "It is tried once more.", do)


# --- locations ---------------------------------------------------------------------------------


def _require_door(connection: Connection, location: str, slot: str) -> None:
    table = schema.slot
    known = select(table.c.label).where(table.c.location == location, table.c.label == slot)
    if connection.execute(known).first() is None:
        raise not_found("door", slot)


@router.post("/locations/{name}/service")
async def slot_service(
    request: Request,
    name: str,
    operator: ActingAsOperator,
    slot: Text,
    state: Annotated[Service, Form()],
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        _require_door(connection, name, slot)
        if state is not Service.IN_SERVICE and reason not in TOLD_BY_STAFF:
            raise RequestError(422, "invalid", "say why the door goes out of service")
        now_ms = central.clock.now_ms()
        why = "" if state is Service.IN_SERVICE else reason
        body = {"slot": slot, "service": state.value, "reason": why}
        commands.queue(connection, name, CommandType.SLOT_SERVICE, body, operator.email, now_ms)
        audit(connection, now_ms, operator.email, "slot.service", name, **body)

    done = f"The kiosk is told about door {slot}."
    return await _do(request, f"/locations/{quote(name)}", done, do)


@router.post("/locations/{name}/open")
async def open_door(
    request: Request, name: str, operator: ActingAsOperator, slot: Text, why: Text
) -> Response:
    """Open one door from afar; signed when the kiosk fetches it, and good for a minute."""

    def do(connection: Connection, central: Central) -> None:
        _require_door(connection, name, slot)
        now_ms, body = central.clock.now_ms(), {"slot": slot}
        commands.queue(connection, name, CommandType.OPEN, body, operator.email, now_ms)
        audit(connection, now_ms, operator.email, "door.open", name, why=why, **body)

    done = f"The kiosk is asked to open door {slot}; the answer stands below within a minute."
    return await _do(request, f"/locations/{quote(name)}", done, do)


# --- people and programs -----------------------------------------------------------------------


@router.post("/staff")
async def staff_add(
    request: Request,
    operator: ActingAsAdmin,
    number: Text,
    name: Text,
    role: Text,
    pin: Text,
    locations: Annotated[str, Form(max_length=2000)] = staffing.EVERYWHERE,
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        staffing.add(connection, central, operator.email, number, name, role, pin, locations)

    return await _do(request, "/staff", f"{number} is listed; the kiosks are told.", do)


@router.post("/staff/{number}/badge")
async def staff_badge(request: Request, number: str, operator: ActingAsAdmin) -> Response:
    """Give somebody a new badge; it is shown on the page that answers, and never again."""
    central = central_of(request)
    try:
        text = await central.database.write(staffing.give_badge, central, operator.email, number)
    except RequestError as error:
        return RedirectResponse(f"{HOME}/staff?problem={quote(error.message)}", 303)
    request.app.state.wake()
    drawing = segno.make(text, micro=False).svg_data_uri(scale=4, border=4)
    rows = await central.database.look(looks.staff)
    badge = {"number": number, "text": text, "drawing": drawing}
    return page(request, "staff.html", operator=operator, rows=rows, badge=badge)


@router.post("/staff/{number}/remove")
async def staff_remove(request: Request, number: str, operator: ActingAsAdmin) -> Response:
    def do(connection: Connection, central: Central) -> None:
        staffing.remove(connection, central, operator.email, number)

    return await _do(request, "/staff", f"{number} is no longer listed; the kiosks are told.", do)


@router.post("/keys")
async def key_add(
    request: Request,
    operator: ActingAsAdmin,
    name: Text,
    scopes: Annotated[list[Scope], Form()],
    rate: Annotated[int, Form(ge=1, le=100_000)] = 600,
) -> Response:
    """Make an API key; it is shown on the page that answers, and never again."""
    central = central_of(request)
    token = await central.database.write(
        accounts.add_key, central, operator.email, name, scopes, rate
    )
    rows = await central.database.look(looks.keys)
    return page(request, "keys.html", operator=operator, rows=rows, token=token)


@router.post("/keys/{name}/revoke")
async def key_revoke(request: Request, name: str, operator: ActingAsAdmin) -> Response:
    def do(connection: Connection, central: Central) -> None:
        accounts.revoke_key(connection, central, operator.email, name)

    return await _do(request, "/keys", "The key opens nothing any more.", do)


@router.post("/accounts")
async def account_add(
    request: Request,
    operator: ActingAsAdmin,
    email: Text,
    name: Text,
    role: Annotated[Role, Form()],
    password: Text,
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        accounts.add_user(connection, central, operator.email, email, name, role, password)

    return await _do(request, "/accounts", f"{email} may sign in.", do)


@router.post("/accounts/{name}/disable")
async def account_disable(request: Request, name: str, operator: ActingAsAdmin) -> Response:
    def do(connection: Connection, central: Central) -> None:
        if name == operator.id:
            raise RequestError(409, "own", "nobody disables their own account")
        accounts.disable_user(connection, central, operator.email, name)

    return await _do(request, "/accounts", "The account is disabled; its sessions have ended.", do)
