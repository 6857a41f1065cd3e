"""The routes for carriers and shops."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Connection, select

from central import schema, simulated
from central.api_pages.answers import REFUSALS
from central.auth import Program
from central.carriers import places
from central.context import Central, central_of
from central.errors import not_found
from central.packages import service
from central.packages.nearest import COUNT_MAX, nearest, neighbours
from central.packages.once import IdempotencyKey, once
from central.packages.requests import Announcement, Longer, Owner, Person, Recall
from central.packages.sizes import Asker, room_for, sizes_of
from central.programs import Announcing, Changing, Finding, Reading
from central.regions import directory
from central.settings import Settings

router = APIRouter(prefix="/v1", tags=["packages"])
PackageId = Path(
    max_length=64, description="As the announcement's answer names it; of one's own packages only."
)


@router.post("/packages", status_code=201, responses=REFUSALS, summary="Announce a package")
async def announce(
    announcement: Announcement,
    request: Request,
    program: Announcing,
    key: str | None = IdempotencyKey,
) -> Response:
    return await once(
        request,
        program,
        key,
        announcement,
        201,
        lambda connection, central: service.announce(connection, central, program.id, announcement),
        "" if announcement.location == service.NEAREST else announcement.location,
    )


@router.get("/packages/{package}", responses=REFUSALS, summary="How a package is doing")
async def status(request: Request, program: Reading, package: str = PackageId) -> dict[str, Any]:
    return await central_of(request).database.show(service.describe, package, program.id)


@router.get("/packages/{package}/history", responses=REFUSALS, summary="What happened to it")
async def history(
    request: Request, program: Reading, package: str = PackageId
) -> list[dict[str, Any]]:
    return await central_of(request).database.show(service.history, package, program.id)


@router.post("/packages/{package}/cancel", responses=REFUSALS, summary="Recall a package")
async def cancel(
    recall: Recall,
    request: Request,
    program: Changing,
    package: str = PackageId,
    key: str | None = IdempotencyKey,
) -> Response:
    return await once(
        request,
        program,
        key,
        recall,
        200,
        lambda connection, central: service.cancel(
            connection, central, program.id, package, recall.why, program.id
        ),
    )


@router.post("/packages/{package}/extend", responses=REFUSALS, summary="Hold it longer")
async def extend(
    extension: Longer,
    request: Request,
    program: Changing,
    package: str = PackageId,
    key: str | None = IdempotencyKey,
) -> Response:
    return await once(
        request,
        program,
        key,
        extension,
        200,
        lambda connection, central: service.extend(
            connection, central, program.id, package, extension.days, program.id
        ),
    )


@router.post("/packages/{package}/code", responses=REFUSALS, summary="Send a new pickup code")
async def reissue(
    owner: Owner,
    request: Request,
    program: Changing,
    package: str = PackageId,
    key: str | None = IdempotencyKey,
) -> Response:
    return await once(
        request,
        program,
        key,
        owner,
        200,
        lambda connection, central: service.reissue(
            connection, central, program.id, package, owner.user_id, sender=program.id
        ),
    )


@router.put("/packages/{package}/recipient", responses=REFUSALS, summary="Another contact")
async def change_contact(
    person: Person,
    request: Request,
    program: Changing,
    package: str = PackageId,
    key: str | None = IdempotencyKey,
) -> Response:
    return await once(
        request,
        program,
        key,
        person,
        200,
        lambda connection, central: service.change_contact(
            connection, central, program.id, package, person, program.id
        ),
    )


@router.get("/locations/nearest", responses=REFUSALS, summary="The nearest with a free slot")
async def find_nearest(
    request: Request,
    program: Finding,
    lat: float = Query(ge=-90, le=90, description="Where the person is, in degrees."),
    lon: float = Query(ge=-180, le=180, description="Where the person is, in degrees."),
    size: str | None = Query(default=None, max_length=16, description="Of a door that is free."),
    count: int = Query(default=5, ge=1, le=COUNT_MAX, description="How many are listed at most."),
) -> list[dict[str, Any]]:
    central = central_of(request)
    if program.sandbox:
        return [await central.database.show(_simulated, program.sandbox, lat, lon, size)]
    found = await central.database.show(nearest, lat, lon, size, count, _asker(central, program))
    if not central.settings.regions:
        return found
    elsewhere = await central.database.show(
        directory.nearest_elsewhere, central.settings, lat, lon, size, count
    )
    here = {"region": central.settings.region, "url": central.settings.base_url}
    both = [*({**place, **here} for place in found), *elsewhere]
    return sorted(both, key=lambda place: (place["distance_km"], place["id"]))[:count]


@router.get("/locations/{location}", responses=REFUSALS, summary="How much room a location has")
async def location(
    request: Request, program: Finding, location: str = Path(max_length=64, description="Its id.")
) -> Response:
    central = central_of(request)
    simulated.require_own(program, location)
    found = await central.database.show(_room, central.settings, location, _asker(central, program))
    return JSONResponse(found)


def _simulated(
    connection: Connection, location: str, latitude: float, longitude: float, size: str | None
) -> dict[str, Any]:
    """A sandbox's own locker: it is wherever it is looked for."""
    table = schema.location
    row = connection.execute(select(table).where(table.c.id == location)).one()
    sizes = sizes_of(connection, location)
    place = {"id": row.id, "name": row.name, "address": row.address}
    place |= {"latitude": latitude, "longitude": longitude, "free": room_for(sizes, size)}
    return place | {"distance_km": 0.0}


def _asker(central: Central, program: Program) -> Asker:
    return Asker(program.id, central.settings.limits.promised_share, program.carrier)


def _room(
    connection: Connection, settings: Settings, location: str, asker: Asker
) -> dict[str, Any]:
    directory.require_here(connection, settings, location)
    table = schema.location
    row = connection.execute(select(table).where(table.c.id == location)).first()
    if row is None:
        raise not_found("location", location)
    places.require_works(connection, asker.carrier, location)
    sizes = sizes_of(connection, location, asker)
    return {
        "id": row.id,
        "name": row.name,
        "address": row.address,
        "latitude": row.latitude,
        "longitude": row.longitude,
        "sizes": [{"size": s.name, "free": s.free, "total": s.total} for s in sizes],
        "neighbours": neighbours(connection, location, asker) if room_for(sizes, None) == 0 else [],
    }
