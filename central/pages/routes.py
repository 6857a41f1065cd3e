"""The pages that are looked at; what they show comes from `queries`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy import Connection, select, update

from central import schema, viewed
from central.areas.visible import reach_of, role_at
from central.auth import Role
from central.context import central_of
from central.database import wake
from central.errors import not_found
from central.pages import bank_svg, doors, location_map, places, queries
from central.pages.proving import write_down_views
from central.pages.rendering import page
from central.pages.session import HOME, Administering, AdministeringAll, Operator, Viewing
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


def _paged(rows: list[dict[str, Any]], number: int) -> dict[str, Any]:
    """A page of a list, as `pages_of_list` shows it."""
    return {"rows": rows[: queries.SHOWN], "number": number, "has_more": len(rows) > queries.SHOWN}


async def _look(request: Request, look: Any, *arguments: Any) -> Any:
    return await central_of(request).database.show(look, *arguments)


@router.get("/static/{name}")
async def static(name: str) -> Response:
    if name not in STATIC:
        raise not_found("file", name)
    return FileResponse(HERE / "static" / name, media_type=STATIC[name])


# --- looking -----------------------------------------------------------------------------------


Health = Annotated[str, Query(pattern=f"^({'|'.join(queries.HEALTH)}|)$")]
PageNumber = Annotated[int, Query(ge=1, le=1000)]
"""Of a list that is shown page by page; further back one searches."""
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
        "unjoined": await _look(request, queries.count_unjoined, reach),
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
    is_part = request.headers.get("hx-request") == "true"
    return page(request, "door.html" if is_part else "door_page.html", operator=operator, **shown)


@router.get("/locations/{name:path}")
async def location(request: Request, name: str, operator: Viewing) -> Response:
    shown = await _place(request, operator, name)
    mine = reach_of(operator.session.grants, Role.ADMIN)
    shown["areas"] = await _look(request, queries.areas, mine)
    return page(request, "location.html", operator=operator, **shown)


async def _place(request: Request, operator: Operator, name: str) -> dict[str, Any]:
    central = central_of(request)
    now_ms = central.clock.now_ms()
    place = await _look(request, queries.location, operator.reach, name, now_ms, central.settings)
    place["now_ms"] = now_ms
    here = await _here(request, operator, name)
    return {"place": place, "here": here, "bank": bank_svg.bank(place["layout"], place["slots"])}


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


@router.get("/packages")
async def packages(
    request: Request, operator: Viewing, q: Question = "", number: PageNumber = 1
) -> Response:
    shown = _paged(await _look(request, queries.search, operator.reach, q.strip(), number), number)
    await write_down_views(request, operator.email, "list of packages", shown["rows"])
    return page(request, "packages.html", operator=operator, q=q, **shown)


@router.get("/unjoined")
async def unjoined(request: Request, operator: Viewing, number: PageNumber = 1) -> Response:
    found = await _look(request, queries.unjoined, operator.reach, number)
    return page(request, "unjoined.html", operator=operator, **_paged(found, number))


@router.get("/disputed")
async def disputed(request: Request, operator: Viewing) -> Response:
    found = await _look(request, queries.disputed, operator.reach)
    return page(request, "disputed.html", operator=operator, questions=found)


@router.get("/packages/{name:path}")
async def package(request: Request, name: str, operator: Viewing) -> Response:
    now_ms = central_of(request).clock.now_ms()
    found = await _look(request, queries.package, operator.reach, name, now_ms)
    await write_down_views(request, operator.email, "package", [found])
    here = await _here(request, operator, found["location"])
    return page(request, "package.html", operator=operator, here=here, package=found)


@router.get("/notifications")
async def notifications(
    request: Request, operator: Viewing, status: str = "", number: PageNumber = 1
) -> Response:
    now_ms = central_of(request).clock.now_ms()
    counts, rows = await _look(
        request, queries.notifications, operator.reach, status, now_ms, number
    )
    shown = {"counts": counts, "status": status, **_paged(rows, number)}
    return page(request, "notifications.html", operator=operator, **shown)


@router.get("/quarantine")
async def quarantine(request: Request, operator: Viewing, number: PageNumber = 1) -> Response:
    rows = await _look(request, queries.quarantine, operator.reach, number)
    return page(request, "quarantine.html", operator=operator, **_paged(rows, number))


@router.get("/staff")
async def staff(
    request: Request, operator: Viewing, after: Annotated[str, Query(max_length=12)] = ""
) -> Response:
    shown = await _look(request, queries.staff, operator.reach, after)
    return page(request, "staff.html", operator=operator, **shown)


@router.get("/keys")
async def keys(request: Request, operator: AdministeringAll) -> Response:
    rows = await _look(request, queries.keys, operator.reach)
    return page(request, "keys.html", operator=operator, rows=rows)


@router.get("/audit")
async def audit(
    request: Request, operator: Viewing, q: str = "", number: PageNumber = 1
) -> Response:
    rows = await _look(request, queries.audit_log, operator.reach, q.strip(), number)
    return page(request, "audit.html", operator=operator, q=q, **_paged(rows, number))


@router.get("/views")
async def views(
    request: Request, operator: Administering, q: Annotated[str, Query(max_length=254)] = ""
) -> Response:
    """Who looked at whose personal data."""
    rows = await _look(request, viewed.views, operator.reach, q.strip())
    once_min = central_of(request).settings.sign_in.views_once_s // 60
    return page(request, "views.html", operator=operator, rows=rows, q=q, once_min=once_min)
