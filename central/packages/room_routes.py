"""The routes for room: would it fit, keep it, keep it longer, give it back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from central.api_pages.answers import REFUSALS
from central.context import central_of
from central.packages import reservation_list, reservations
from central.packages.list_routes import Cursor, Limit
from central.packages.once import IdempotencyKey, once
from central.packages.reservation_list import Asked
from central.packages.room_requests import Renew, Reserve, Room
from central.programs import Announcing, Finding

router = APIRouter(prefix="/v1", tags=["room"])
LocationId = Path(max_length=64, description="The location's id.")
ReservationId = Path(max_length=64, description="As the answer that made it names it.")


@router.post(
    "/locations/{location}/check", responses=REFUSALS, summary="Would a package fit, until when"
)
async def check(
    room: Room, request: Request, program: Finding, location: str = LocationId
) -> dict[str, Any]:
    """`until_ms` is how long its room could be kept by a reservation that is made now."""
    central = central_of(request)
    return await central.database.show(reservations.check, central, program, location, room)


@router.post("/reservations", status_code=201, responses=REFUSALS, summary="Keep room")
async def reserve(
    wanted: Reserve, request: Request, program: Announcing, key: str | None = IdempotencyKey
) -> Response:
    """The announcement that names it uses it; else it ends by itself."""
    return await once(
        request,
        program,
        key,
        wanted,
        201,
        lambda connection, central: reservations.reserve(connection, central, program, wanted),
        wanted.location,
    )


@router.get("/reservations", responses=REFUSALS, summary="Your reservations, page by page")
async def listed(
    request: Request,
    program: Announcing,
    state: Annotated[
        str | None,
        Query(max_length=60, description="One state or several, with commas between them."),
    ] = None,
    location: Annotated[str | None, Query(max_length=64, description="Where room is kept.")] = None,
    reference: Annotated[str | None, Query(max_length=80, description="Your own number.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """In the order in which they were made; those that ended some time ago are in it no more."""
    states = tuple(each.strip() for each in state.split(",")) if state else ()
    asked, central = Asked(states, location, reference), central_of(request)
    return await central.database.show(
        reservation_list.page, central.secrets, program, asked, cursor, limit
    )


@router.get("/reservations/{reservation}", responses=REFUSALS, summary="How a reservation is doing")
async def status(
    request: Request, program: Announcing, reservation: str = ReservationId
) -> dict[str, Any]:
    return await central_of(request).database.show(reservations.find, program, reservation)


@router.put("/reservations/{reservation}", responses=REFUSALS, summary="Keep it until later")
async def renew(
    wanted: Renew,
    request: Request,
    program: Announcing,
    reservation: str = ReservationId,
    key: str | None = IdempotencyKey,
) -> Response:
    return await once(
        request,
        program,
        key,
        wanted,
        200,
        lambda connection, central: reservations.renew(
            connection, central, program, reservation, wanted
        ),
    )


@router.delete("/reservations/{reservation}", responses=REFUSALS, summary="Give it back")
async def give_back(
    request: Request, program: Announcing, reservation: str = ReservationId
) -> dict[str, Any]:
    """Done twice it is done once."""
    central = central_of(request)
    given = await central.database.write(reservations.give_back, central, program, reservation)
    request.app.state.wake()
    return given
