"""What operators do with a location: its doors, its name and place, its kiosk's token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import Connection, select

from central import schema
from central.areas import tree
from central.areas.visible import of_location
from central.context import Central, audit, central_of
from central.errors import RequestError, not_found
from central.locations.changes import describe
from central.pages.forms import Text, carry_out, only
from central.pages.paths import HOME
from central.pages.rendering import Ways, page
from central.pages.said import saying
from central.pages.session import ActingAsAdmin, ActingAsOperator, Operator, require_opening_factor
from central.sync import commands, enrolment, moving
from kiosk.model.commands import Open, SlotService
from kiosk.model.location import GIVEN_BY_STAFF, Service
from kiosk.model.urls import path

router = APIRouter(prefix=HOME, include_in_schema=False)


def _degrees(text: str) -> float | None:
    try:
        return float(text.replace(",", ".")) if text.strip() else None
    except ValueError as error:
        raise RequestError(422, "invalid", f"{text!r}: degrees, as 52.5200") from error


@router.post("/locations")
async def location_add(
    request: Request,
    operator: ActingAsAdmin,
    location: Text,
    name: Text = "",
    address: Text = "",
    area: Text = "",
) -> Response:
    """Make a location known; its kiosk's one-time token is shown on the page that answers."""

    def do(connection: Connection, central: Central) -> str:
        now_ms, by, new = central.clock.now_ms(), operator.email, location.strip()
        tree.lock(connection)
        tree.require_place(connection, area, operator.reach)
        return enrolment.add_location(connection, new, name, by, now_ms, address=address, area=area)

    return await _with_token(request, operator, location.strip(), "", do)


@router.post("/locations/{name:path}/roll")
async def location_roll(request: Request, name: str, operator: ActingAsAdmin) -> Response:
    """A new one-time token, for a new computer; the kiosk goes on until that enrols."""

    def do(connection: Connection, central: Central) -> str:
        return enrolment.roll(connection, name, operator.email, central.clock.now_ms())

    known = only(of_location(operator.reach, name), do)
    return await _with_token(request, operator, name, path("locations", name), known)


def _printed(
    connection: Connection, central: Central, operation: Callable[[Connection, Central], str]
) -> str:
    return enrolment.printed(connection, central, operation(connection, central))


async def _with_token(
    request: Request,
    operator: Operator,
    location: str,
    back: str,
    operation: Callable[[Connection, Central], str],
) -> Response:
    central = central_of(request)
    try:
        token = await central.database.write(_printed, central, operation)
    except RequestError as error:
        return saying(request, f"{HOME}{back}", problem=error.message)
    command = f"kiosk enrol {central.settings.base_url} {token}"
    drawing = segno.make(f"{central.settings.base_url} {token}").svg_data_uri(scale=4, border=4)
    return page(
        request,
        "token.html",
        operator=operator,
        location=location,
        command=command,
        drawing=drawing,
    )


@router.post("/locations/{name:path}/revoke")
async def location_revoke(request: Request, name: str, operator: ActingAsAdmin) -> Response:
    def do(connection: Connection, central: Central) -> None:
        enrolment.revoke(connection, name, operator.email, central.clock.now_ms())

    done = "Its kiosk is not listened to any more, until it enrols again."
    return await carry_out(
        request, of_location(operator.reach, name), path("locations", name), done, do
    )


@router.post("/locations/{name:path}/area")
async def location_area(
    request: Request, name: str, operator: ActingAsAdmin, area: Text = ""
) -> Response:
    """Have a location lie in another area."""

    def do(connection: Connection, central: Central) -> None:
        now_ms, reach = central.clock.now_ms(), operator.reach
        moving.put_location(connection, name, area, operator.email, now_ms, reach)

    about = of_location(operator.reach, name)
    return await carry_out(request, about, path("locations", name), "It lies there now.", do)


@router.post("/locations/{name:path}/change")
async def location_change(
    request: Request,
    name: str,
    operator: ActingAsAdmin,
    title: Text = "",
    address: Text = "",
    latitude: Text = "",
    longitude: Text = "",
    country: Text = "",
    channels: Annotated[Ways, Form()] = Ways.AS_EVERYWHERE,
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        enrolment.change(
            connection,
            name,
            operator.email,
            central.clock.now_ms(),
            name=title,
            address=address,
            latitude=_degrees(latitude),
            longitude=_degrees(longitude),
            country=country.strip().upper(),
            channels=[way for way in channels.value.split(",") if way],
        )

    return await carry_out(
        request,
        of_location(operator.reach, name),
        path("locations", name),
        "It is written down.",
        do,
    )


@router.post("/locations/{name:path}/describe")
async def location_describe(
    request: Request,
    name: str,
    operator: ActingAsAdmin,
    directions: Text = "",
    photo_url: Text = "",
    opening_hours: Text = "",
    accessibility: Text = "",
    services: Text = "",
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        describe(
            connection,
            name,
            operator.email,
            central.clock.now_ms(),
            directions=directions,
            photo_url=photo_url,
            opening_hours=opening_hours,
            accessibility=accessibility.split(","),
            services=services.split(","),
        )

    return await carry_out(
        request,
        of_location(operator.reach, name),
        path("locations", name),
        "It is written down.",
        do,
    )


def _require_door(connection: Connection, location: str, slot: str) -> None:
    table = schema.slot
    known = select(table.c.label).where(table.c.location == location, table.c.label == slot)
    if connection.execute(known).first() is None:
        raise not_found("door", slot)


@router.post("/locations/{name:path}/service")
async def slot_service(
    request: Request,
    name: str,
    operator: ActingAsOperator,
    slot: Text,
    state: Annotated[Service, Form()],
    reason: Text = "",
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        _require_door(connection, name, slot)
        if state is not Service.IN_SERVICE and reason not in GIVEN_BY_STAFF:
            raise RequestError(422, "invalid", "say why the door goes out of service")
        now_ms = central.clock.now_ms()
        why = "" if state is Service.IN_SERVICE else reason
        command = SlotService(slot=slot, service=state, reason=why)
        commands.queue(connection, name, command, operator.email, now_ms)
        details = {"slot": slot, "service": state.value, "reason": why}
        audit(connection, now_ms, operator.email, "slot.service", name, place=name, **details)

    done = f"The kiosk is informed about door {slot}."
    return await carry_out(
        request, of_location(operator.reach, name), path("locations", name), done, do
    )


@router.post("/locations/{name:path}/open")
async def open_door(
    request: Request, name: str, operator: ActingAsOperator, slot: Text, why: Text
) -> Response:
    """Open one door remotely; signed when the kiosk fetches it, and good for a minute."""
    require_opening_factor(request, operator, name)

    def do(connection: Connection, central: Central) -> None:
        _require_door(connection, name, slot)
        now_ms = central.clock.now_ms()
        commands.queue(connection, name, Open(slot=slot), operator.email, now_ms)
        details = {"why": why, "slot": slot}
        audit(connection, now_ms, operator.email, "door.open", name, place=name, **details)

    done = f"The kiosk is asked to open door {slot}; the answer stands below within a minute."
    return await carry_out(
        request, of_location(operator.reach, name), path("locations", name), done, do
    )
