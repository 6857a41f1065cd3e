"""The pages that are looked at; what they show comes from `queries`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy import Connection, select, update

from central import schema
from central.areas.visible import reach_of, role_at
from central.auth import Role
from central.context import central_of
from central.database import wake
from central.errors import not_found
from central.pages import (
    bank_svg,
    doors,
    lists,
    location_history,
    location_map,
    naming,
    places,
    queries,
)
from central.pages.listing import PageNumber
from central.pages.paths import HOME
from central.pages.proving import write_down_views
from central.pages.rendering import page
from central.pages.session import Operator, Viewing
from kiosk.model.clock import DAY_MS

router = APIRouter(prefix=HOME, include_in_schema=False)
HERE = Path(__file__).parent
STATIC = {
    path.name: kind
    for pattern, kind in (
        ("*.css", "text/css"),
        ("*.js", "text/javascript"),
        ("*.svg", "image/svg+xml"),
    )
    for path in (HERE / "static").glob(pattern)
}
Area = Annotated[str, Query(max_length=32)]
"""What of somebody's reach they want to look at; an area beyond it has nothing in it."""
WATCHED_MS = 15_000
"""How long after a look at its page a location's kiosk comes more often."""


async def _look(request: Request, look: Any, *arguments: Any) -> Any:
    return await central_of(request).database.show(look, *arguments)


@router.get("/static/{name}")
async def static(name: str) -> Response:
    if name not in STATIC:
        raise not_found("file", name)
    return FileResponse(HERE / "static" / name, media_type=STATIC[name])


# --- looking -----------------------------------------------------------------------------------


Health = Annotated[str, Query(pattern=f"^({'|'.join(queries.HEALTH)}|)$")]
Question = Annotated[str, Query(max_length=200)]


async def _asked(
    q: Question = "",
    area: Area = "",
    health: Health = "",
    order: places.Order = places.Order.HEALTH,
    number: PageNumber = 1,
) -> places.Asked:
    return places.Asked(q.strip(), area, health, order, number)


Asked = Annotated[places.Asked, Depends(_asked)]


@router.get("")
async def overview(request: Request, operator: Viewing, asked: Asked) -> Response:
    shown = await _places(request, operator, asked)
    now_ms, reach = shown["now_ms"], replace(operator.reach, within=asked.area)
    return page(
        request,
        "overview.html",
        operator=operator,
        new_in=await _look(request, queries.areas, reach_of(operator.session.grants, Role.ADMIN)),
        map=location_map.drawn(shown["all"]),
        alarms=await _look(request, queries.alarms, reach, now_ms - 7 * DAY_MS),
        **shown,
    )


@router.get("/places")
async def places_live(request: Request, operator: Viewing, asked: Asked) -> Response:
    """The part of the overview that is asked for again and again."""
    shown = await _places(request, operator, asked)
    return page(request, "places.html", operator=operator, **shown)


async def _places(request: Request, operator: Operator, asked: places.Asked) -> dict[str, Any]:
    central = central_of(request)
    now_ms, reach = central.clock.now_ms(), replace(operator.reach, within=asked.area)
    known = await _look(request, queries.locations, reach, now_ms, central.settings)
    return {
        "all": known,
        "asked": asked,
        "area": asked.area,
        "listed": places.listed(known, asked),
        "tiles": places.tiles(known),
        "reasons": places.reasons,
        "now_ms": now_ms,
        "areas": await _look(request, queries.areas, operator.reach),
        "quarantined": await _look(request, queries.quarantined, reach),
        "disputed": await _look(request, queries.count_disputed, reach),
        "dead": await _look(request, queries.dead, reach),
        "unjoined": await _look(request, lists.count_unjoined, reach),
    }


@router.get("/locations/{name:path}/live")
async def location_live(request: Request, name: str, operator: Viewing) -> Response:
    """The part of the page that is asked for again and again; the kiosk comes more often then."""
    shown = await _place(request, operator, name)
    await central_of(request).database.write(_watch, name, shown["place"]["now_ms"])
    return page(request, "location_live.html", operator=operator, **shown)


@router.get("/locations/{name:path}/doors/{label}")
async def door(request: Request, name: str, label: str, operator: Viewing) -> Response:
    """A door, put beside its bank by whoever touches it there; without scripts on its own page."""
    shown = {"door": await _look(request, doors.door, operator.reach, name, label)}
    await write_down_views(request, operator.email, "door", shown["door"]["packages"])
    central = central_of(request)
    now_ms = central.clock.now_ms()
    look = (queries.location, operator.reach, name, now_ms, central.settings)
    shown |= {"place": await _look(request, *look), "here": await _here(request, operator, name)}
    is_part = request.headers.get("hx-request") == "true" and "hx-select" not in request.headers
    shown["names"] = await _look(request, naming.names, operator.reach, shown["door"]["history"])
    name = "door.html" if is_part else "door_page.html"
    return page(request, name, operator=operator, is_part=is_part, **shown)


@router.get("/locations/{name:path}")
async def location(request: Request, name: str, operator: Viewing) -> Response:
    shown = await _place(request, operator, name)
    mine = reach_of(operator.session.grants, Role.ADMIN)
    shown["areas"] = await _look(request, queries.areas, mine)
    now_ms = shown["place"]["now_ms"]
    look = (location_history.history, operator.reach, name, now_ms)
    shown |= {"history": await _look(request, *look), "attribute_of": getattr}
    return page(request, "location.html", operator=operator, **shown)


async def _place(request: Request, operator: Operator, name: str) -> dict[str, Any]:
    central = central_of(request)
    now_ms = central.clock.now_ms()
    place = await _look(request, queries.location, operator.reach, name, now_ms, central.settings)
    place["now_ms"] = now_ms
    here = await _here(request, operator, name)
    said = [*place["events"], *place["commands"], *place["settings"]]
    return {
        "place": place,
        "here": here,
        "bank": bank_svg.bank(place["layout"], place["slots"]),
        "names": await _look(request, naming.names, operator.reach, said),
    }


async def _here(request: Request, operator: Operator, location: str) -> Operator:
    """An operator with the role that they have at a location."""
    role = await _look(request, role_at, operator.session.grants, location)
    return replace(operator, role=role or Role.VIEWER)


def _watch(connection: Connection, name: str, now_ms: int) -> None:
    """Somebody looks at a location: its kiosk comes now, where nobody looked before, and then more
    often."""
    table = schema.location
    of_here = table.c.id == name
    before_ms = connection.execute(select(table.c.watched_until_ms).where(of_here)).scalar()
    until_ms = now_ms + WATCHED_MS
    connection.execute(update(table).where(of_here).values(watched_until_ms=until_ms))
    if (before_ms or 0) <= now_ms:
        wake(connection, name)


@router.get("/disputed")
async def disputed(request: Request, operator: Viewing) -> Response:
    found = await _look(request, queries.disputed, operator.reach)
    names = await _look(request, naming.names, operator.reach, found)
    return page(request, "disputed.html", operator=operator, questions=found, names=names)


@router.get("/packages/{name:path}")
async def package(request: Request, name: str, operator: Viewing) -> Response:
    now_ms = central_of(request).clock.now_ms()
    found = await _look(request, queries.package, operator.reach, name, now_ms)
    await write_down_views(request, operator.email, "package", [found])
    here = await _here(request, operator, found["location"])
    said = [found, *found["events"], *found["commands"]]
    names = await _look(request, naming.names, operator.reach, said)
    return page(request, "package.html", operator=operator, here=here, package=found, names=names)
