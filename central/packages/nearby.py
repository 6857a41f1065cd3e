"""What a courier at a full machine is shown: the nearest other locations with room, and a
reservation there, as `central.packages` finds and keeps it for any sender."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection, select

from central import schema
from central.auth import Program
from central.context import Central, central_of
from central.errors import wrong_field
from central.packages import reservations
from central.packages.nearest import nearest
from central.packages.requests import Words
from central.packages.room_requests import Reserve
from central.packages.sizes import Asker
from central.programs import bearer
from central.sync import enrolment
from kiosk.model.carriers import CARRIER_ID, OPERATOR
from kiosk.model.clock import HOUR_MS
from kiosk.sync.contract import NearbyAnswer, NearbyPlace, NearbyReserved

router = APIRouter(prefix="/v1", tags=["kiosks"])
PLACES = 3
"""How many are shown for each size."""
KEPT_H = 3
"""So long room is kept for a courier who is on the way."""


def answer(
    connection: Connection, central: Central, location: str, token: str, carrier: str
) -> NearbyAnswer:
    """Where else there is room, for each size. Raises `RequestError` for a wrong token."""
    row = enrolment.kiosk_of(connection, location, token)
    if row.latitude is None or row.longitude is None:
        return NearbyAnswer()
    asker = Asker(_sender(location), central.settings.limits.promised_share, carrier)
    table = schema.location_size
    names = connection.execute(
        select(table.c.size).where(table.c.location == location).order_by(table.c.rank)
    ).scalars()
    found: dict[str, tuple[NearbyPlace, ...]] = {}
    for size in names.all():
        places = nearest(connection, row.latitude, row.longitude, size, PLACES + 1, asker)
        found[size] = tuple(
            NearbyPlace(
                id=place["id"],
                name=place["name"],
                address=place["address"],
                distance_m=round(place["distance_km"] * 1000),
                free=place["free"],
            )
            for place in places
            if place["id"] != location
        )[:PLACES]
    return NearbyAnswer(sizes=found)


def reserve(
    connection: Connection,
    central: Central,
    location: str,
    token: str,
    place: str,
    size: str,
    carrier: str,
) -> NearbyReserved:
    """Keep room at another location for a courier who stands at this one. Raises `RequestError`
    for a wrong token, and where there is no room any more."""
    enrolment.kiosk_of(connection, location, token)
    # Who asks is known first: only then is it said what is missing.
    if not place:
        raise wrong_field("place", place, "the id of the location at which room is kept")
    if not size:
        raise wrong_field("size", size, "a size of that location's doors")
    until_ms = central.clock.now_ms() + KEPT_H * HOUR_MS
    program = Program(_sender(location), location, frozenset(), carrier)
    wanted = Reserve(location=place, size=size, until_ms=until_ms)
    reservations.reserve(connection, central, program, wanted)
    return NearbyReserved(until_ms=until_ms)


def _sender(location: str) -> str:
    """Who asks for room: the kiosk, for whoever stands there."""
    return f"kiosk:{location}"


@router.get(
    "/locations/{location}/nearby",
    response_model=NearbyAnswer,
    summary="A kiosk asks where else there is room",
    responses={401: {}, 422: {}},
)
async def nearby_room(
    location: str, request: Request, carrier: str = Query(default=OPERATOR, pattern=CARRIER_ID)
) -> NearbyAnswer:
    central = central_of(request)
    return await central.database.look(answer, central, location, bearer(request), carrier)


@router.post(
    "/locations/{location}/nearby",
    response_model=NearbyReserved,
    summary="A kiosk keeps room elsewhere for the courier who stands there",
    responses={401: {}, 404: {}, 409: {}, 422: {}},
)
async def nearby_reserve(
    location: str,
    request: Request,
    place: Annotated[Words, Query(max_length=64)] = "",
    size: Annotated[Words, Query(max_length=16)] = "",
    carrier: str = Query(default=OPERATOR, pattern=CARRIER_ID),
) -> NearbyReserved:
    central = central_of(request)
    return await central.database.write(
        reserve, central, location, bearer(request), place, size, carrier
    )
