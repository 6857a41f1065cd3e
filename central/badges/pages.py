"""The operators' page of couriers who are on no list: keys, badges, what is revoked, codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import Connection

from central.areas.visible import everything
from central.badges import drawing, issuing, keys, revoking, site_codes
from central.badges.issuing import Issued, Wanted
from central.carriers import carriers
from central.context import Central, central_of
from central.errors import RequestError
from central.pages.forms import Text, carry_out
from central.pages.paths import HOME
from central.pages.rendering import page
from central.pages.said import saying
from central.pages.session import ActingAsAdminOfAll, AdministeringAll
from kiosk.model.carriers import OPERATOR
from kiosk.model.urls import path

router = APIRouter(prefix=HOME, include_in_schema=False)
Places = Annotated[str, Form(max_length=1000)]


@router.get("/badges")
async def badges_of_operator(request: Request, operator: AdministeringAll) -> Response:
    return await badges(request, OPERATOR, operator)


@router.get("/badges/{carrier}")
async def badges(request: Request, carrier: str, operator: AdministeringAll) -> Response:
    shown = await central_of(request).database.show(_shown, central_of(request), carrier)
    return page(request, "badges.html", operator=operator, **shown)


def _shown(connection: Connection, central: Central, carrier: str) -> dict[str, Any]:
    now_ms = central.clock.now_ms()
    carriers.require_known(connection, carrier)
    return {
        "carrier": carrier,
        "carriers": carriers.rows(connection),
        "keys": keys.rows(connection, carrier, now_ms),
        "revoked": revoking.rows(connection, carrier, now_ms),
        "has_codes": site_codes.is_allowed(connection, carrier),
    }


def _back(carrier: str) -> str:
    return path("badges", carrier)


@router.post("/badges/{carrier}/keys")
async def key_add(
    request: Request,
    carrier: str,
    operator: ActingAsAdminOfAll,
    public_key: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        keys.add(connection, central, operator.email, carrier, public_key)

    done = "The key is known; the kiosks are informed."
    return await carry_out(request, everything(operator.reach), _back(carrier), done, do)


@router.post("/badges/{carrier}/keys/end")
async def key_end(
    request: Request, carrier: str, operator: ActingAsAdminOfAll, public_key: Text, day: Text = ""
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        until_ms = None if not day else _end_of_ms(day)
        keys.end(connection, central, operator.email, carrier, public_key, until_ms)

    done = "The key ends; the kiosks are informed."
    return await carry_out(request, everything(operator.reach), _back(carrier), done, do)


@router.post("/badges/{carrier}")
async def issue(
    request: Request,
    carrier: str,
    operator: ActingAsAdminOfAll,
    pseudonym: Text,
    days: Annotated[int, Form(ge=1, le=31)] = 7,
    locations: Places = "",
    regions: Places = "",
) -> Response:
    """Make a badge; it is shown on the page that answers, to be printed or taken along, and never
    again."""
    central = central_of(request)

    def make(connection: Connection) -> Issued:
        until_ms = central.clock.now_ms() + round(timedelta(days=days).total_seconds() * 1000)
        places = (_names(locations), _names(regions))
        wanted = Wanted(carrier, pseudonym, None, until_ms, *places)
        return issuing.issue(connection, central, operator.email, wanted)

    try:
        made = await central.database.write(make)
    except RequestError as error:
        return saying(request, f"{HOME}{_back(carrier)}", problem=error.message)
    return page(
        request,
        "badge.html",
        operator=operator,
        badge=made.badge,
        text=made.text,
        svg=drawing.data_uri(drawing.SVG_TYPE, drawing.svg(made.text)),
        png=drawing.data_uri(drawing.PNG_TYPE, drawing.png(made.badge, made.text)),
    )


@router.post("/badges/{carrier}/revoked")
async def revoke(
    request: Request,
    carrier: str,
    operator: ActingAsAdminOfAll,
    badge: Annotated[str, Form(max_length=400)] = "",
    pseudonym: Text = "",
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        revoking.revoke(connection, central, operator.email, carrier, badge, pseudonym)

    return await carry_out(
        request, everything(operator.reach), _back(carrier), "Revoked; the kiosks are informed.", do
    )


@router.post("/badges/{carrier}/revoked/{name}/good-again")
async def good_again(
    request: Request, carrier: str, name: str, operator: ActingAsAdminOfAll
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        revoking.take_back(connection, central, operator.email, carrier, name)

    return await carry_out(
        request,
        everything(operator.reach),
        _back(carrier),
        "Good again; the kiosks are informed.",
        do,
    )


@router.post("/badges/{carrier}/codes")
async def codes(
    request: Request, carrier: str, operator: ActingAsAdminOfAll, are_on: Annotated[bool, Form()]
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        site_codes.allow(connection, central, operator.email, carrier, is_allowed=are_on)

    done = f"Codes of the day are {'on' if are_on else 'off'}; the kiosks are informed."
    return await carry_out(request, everything(operator.reach), _back(carrier), done, do)


def _names(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _end_of_ms(day: str) -> int:
    """The end of a day in UTC. Raises `RequestError`."""
    try:
        begun = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise RequestError(422, "invalid", f"day {day!r}: like 2026-12-31") from error
    return round((begun + timedelta(days=1)).timestamp() * 1000)
