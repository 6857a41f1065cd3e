"""The page of carriers: made, changed, given places and shares, disabled and enabled again."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import Connection

from central import carrier_changes
from central.areas.visible import everything
from central.carriers import carriers
from central.context import Central, central_of
from central.errors import RequestError
from central.pages.forms import Text, carry_out
from central.pages.listing import Listed, WantedList, by, of_rows
from central.pages.naming import Names, names
from central.pages.paths import HOME
from central.pages.rendering import page
from central.pages.session import ActingAsAdminOfAll, AdministeringAll

router = APIRouter(prefix=HOME, include_in_schema=False)
PAGE = "/carriers"
BY_CARRIER: Final = by("id", "name", "disabled_ms")
Countries = Annotated[str, Form(max_length=2000)]


@router.get("/carriers")
async def all_carriers(
    request: Request, operator: AdministeringAll, wanted: WantedList
) -> Response:
    def look(connection: Connection) -> tuple[Listed, Names]:
        rows = carriers.rows(connection)
        listed = of_rows(rows, wanted, BY_CARRIER, lambda row: f"{row['id']} {row['name']}")
        places = {each for row in listed.rows for each in row["locations"] or ()}
        places |= {share["location"] for row in listed.rows for share in row["shares"]}
        known = names(connection, operator.reach, [{"location": each} for each in sorted(places)])
        return listed, known

    listed, known = await central_of(request).database.look(look)
    return page(request, "carriers.html", operator=operator, listed=listed, names=known)


@router.post("/carriers")
async def add(
    request: Request,
    operator: ActingAsAdminOfAll,
    carrier: Text,
    name: Text,
    countries: Countries = "",
    colour: Text = "",
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        codes = countries.split(",")
        carrier_changes.add(connection, central, operator.email, carrier, name, codes, colour)

    return await carry_out(
        request,
        everything(operator.reach),
        PAGE,
        f"{carrier} is a carrier: give it keys, and staff.",
        do,
    )


@router.post("/carriers/{name}/change")
async def change(
    request: Request,
    name: str,
    operator: ActingAsAdminOfAll,
    title: Text,
    countries: Countries = "",
    colour: Text = "",
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        codes = countries.split(",")
        carrier_changes.change(connection, central, operator.email, name, title, codes, colour)

    return await carry_out(request, everything(operator.reach), PAGE, f"{name} is changed.", do)


@router.post("/carriers/{name}/disable")
async def disable(request: Request, name: str, operator: ActingAsAdminOfAll) -> Response:
    def do(connection: Connection, central: Central) -> None:
        carrier_changes.disable(connection, central, operator.email, name)

    done = f"{name} works no more: its keys are refused, and the kiosks are informed."
    return await carry_out(request, everything(operator.reach), PAGE, done, do)


@router.post("/carriers/{name}/enable")
async def enable(request: Request, name: str, operator: ActingAsAdminOfAll) -> Response:
    def do(connection: Connection, central: Central) -> None:
        carrier_changes.enable(connection, central, operator.email, name)

    return await carry_out(request, everything(operator.reach), PAGE, f"{name} works again.", do)


@router.post("/carriers/{name}/places")
async def places(
    request: Request,
    name: str,
    operator: ActingAsAdminOfAll,
    locations: Annotated[str, Form(max_length=20_000)] = "",
    areas: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        carrier_changes.set_places(connection, central, operator.email, name, locations, areas)

    done = f"It is said where {name} works."
    return await carry_out(request, everything(operator.reach), PAGE, done, do)


@router.post("/carriers/{name}/share")
async def share(
    request: Request,
    name: str,
    operator: ActingAsAdminOfAll,
    location: Text,
    size: Text,
    least: Annotated[int, Form(ge=0, le=100_000)] = 0,
    most: Text = "",
) -> Response:
    """Doors kept for a carrier, and the most that it has; no word of the most is any number."""

    def do(connection: Connection, central: Central) -> None:
        if most and not (most.isascii() and most.isdigit() and len(most) < 10):
            raise RequestError(422, "invalid", f"most {most!r}: a number of doors, or nothing")
        number = int(most) if most else None
        carrier_changes.set_share(
            connection, central, operator.email, name, location, size, least, number
        )

    done = f"The share of {name} is set."
    return await carry_out(request, everything(operator.reach), PAGE, done, do)
