"""The routes for carriers and shops."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import Connection, insert, select

from central import schema
from central.addresses import address_or_none
from central.auth import Announcing, Changing, Finding, Program, Reading
from central.context import Central, central_of
from central.errors import RequestError, not_found, one_line
from central.packages import service
from central.packages.nearest import COUNT_MAX, nearest, neighbours
from central.packages.sizes import room_for, sizes_of
from kiosk.model.barcode import BARCODE_LENGTH_MAX, barcode_text

router = APIRouter(prefix="/v1", tags=["packages"])
PackageId = Path(max_length=64)
REFUSALS: dict[int | str, dict[str, Any]] = {code: {} for code in (401, 403, 404, 409, 422, 429)}


Words = Annotated[str, AfterValidator(one_line)]
"""What people read and operators type."""


class Wish(BaseModel):
    """What a program sends; an unknown field is a mistake that is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(Wish):
    """Who a package is for, and how to reach them."""

    name: Words = Field(default="", max_length=120)
    email: Annotated[str, Field(max_length=254), AfterValidator(address_or_none)] = ""
    phone: str = Field(default="", max_length=64)
    """With its country code, or as people dial it in the location's country."""
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    channels: tuple[Literal["email", "sms", "apprise"], ...] = Field(default=(), max_length=3)
    user_id: Words = Field(default="", max_length=120)
    """The person's id at the sender; packages of one person open with one code."""


class Measured(Wish):
    """The three edges of a package, in millimetres, in whichever order."""

    width_mm: int = Field(ge=1, le=10_000)
    height_mm: int = Field(ge=1, le=10_000)
    depth_mm: int = Field(ge=1, le=10_000)


class Announcement(Wish):
    """A package that is to come."""

    barcode: Annotated[
        str, Field(min_length=1, max_length=BARCODE_LENGTH_MAX), AfterValidator(barcode_text)
    ]
    """In whichever spelling; blanks at the ends are left out."""
    location: Words = Field(min_length=1, max_length=64)
    """A location's id, or `nearest` with `latitude` and `longitude`."""
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    size: Words | None = Field(default=None, min_length=1, max_length=16)
    """A size of the location's doors; or `dimensions`, and the smallest that fits is taken."""
    dimensions: Measured | None = None
    weight_kg: float | None = Field(default=None, gt=0, le=1000)
    low_door: bool = False
    alone: bool = False
    recipient: Person


class Recall(Wish):
    """Why a package is recalled."""

    why: Words = Field(default="recalled by the sender", max_length=200)


class Longer(Wish):
    """By how many days a hold is lengthened."""

    days: int = Field(ge=1, le=7)


class Owner(Wish):
    """The person's id at the sender: only the owner of a package gets a new code."""

    user_id: Words = Field(min_length=1, max_length=120)


async def _once(
    request: Request,
    program: Program,
    key: str | None,
    wish: BaseModel,
    status: int,
    work: Callable[[Connection, Central], dict[str, Any]],
) -> Response:
    """Do a thing once per idempotency key: the same request again gets the same answer."""
    central = central_of(request)
    digest = sha256(f"{request.url.path}\n{wish.model_dump_json()}".encode()).hexdigest()

    def run(connection: Connection) -> tuple[int, str]:
        table = schema.idempotency
        if key is not None:
            before = connection.execute(
                select(table).where(table.c.api_key == program.id, table.c.key == key)
            ).first()
            if before is not None and before.request_hash != digest:
                raise RequestError(
                    409, "key_reused", f"the key {key!r} was used for another request"
                )
            if before is not None:
                return before.status, before.response
        answer = json.dumps(work(connection, central))
        if key is not None:
            connection.execute(
                insert(table).values(
                    api_key=program.id,
                    key=key,
                    request_hash=digest,
                    status=status,
                    response=answer,
                    created_ms=central.clock.now_ms(),
                )
            )
        return status, answer

    code, answer = await central.database.write(run)
    request.app.state.wake()
    return Response(answer, code, media_type="application/json")


IdempotencyKey = Header(default=None, max_length=120, alias="Idempotency-Key")


@router.post("/packages", status_code=201, responses=REFUSALS, summary="Announce a package")
async def announce(
    wish: Announcement,
    request: Request,
    program: Announcing,
    key: str | None = IdempotencyKey,
) -> Response:
    return await _once(
        request,
        program,
        key,
        wish,
        201,
        lambda connection, central: service.announce(connection, central, program.id, wish),
    )


@router.get("/packages/{package}", responses=REFUSALS, summary="How a package is doing")
async def status(request: Request, program: Reading, package: str = PackageId) -> dict[str, Any]:
    return await central_of(request).database.look(service.describe, package, program.id)


@router.get("/packages/{package}/history", responses=REFUSALS, summary="What happened to it")
async def history(
    request: Request, program: Reading, package: str = PackageId
) -> list[dict[str, Any]]:
    return await central_of(request).database.look(service.history, package, program.id)


@router.post("/packages/{package}/cancel", responses=REFUSALS, summary="Recall a package")
async def cancel(
    wish: Recall,
    request: Request,
    program: Changing,
    package: str = PackageId,
    key: str | None = IdempotencyKey,
) -> Response:
    return await _once(
        request,
        program,
        key,
        wish,
        200,
        lambda connection, central: service.cancel(
            connection, central, program.id, package, wish.why, program.id
        ),
    )


@router.post("/packages/{package}/extend", responses=REFUSALS, summary="Hold it longer")
async def extend(
    wish: Longer,
    request: Request,
    program: Changing,
    package: str = PackageId,
    key: str | None = IdempotencyKey,
) -> Response:
    return await _once(
        request,
        program,
        key,
        wish,
        200,
        lambda connection, central: service.extend(
            connection, central, program.id, package, wish.days, program.id
        ),
    )


@router.post("/packages/{package}/code", responses=REFUSALS, summary="Send a new pickup code")
async def reissue(
    wish: Owner,
    request: Request,
    program: Changing,
    package: str = PackageId,
    key: str | None = IdempotencyKey,
) -> Response:
    return await _once(
        request,
        program,
        key,
        wish,
        200,
        lambda connection, central: service.reissue(
            connection, central, program.id, package, wish.user_id, sender=program.id
        ),
    )


@router.put("/packages/{package}/recipient", responses=REFUSALS, summary="Another contact")
async def change_contact(
    wish: Person,
    request: Request,
    program: Changing,
    package: str = PackageId,
    key: str | None = IdempotencyKey,
) -> Response:
    return await _once(
        request,
        program,
        key,
        wish,
        200,
        lambda connection, central: service.change_contact(
            connection, central, program.id, package, wish, program.id
        ),
    )


@router.get("/locations/nearest", responses=REFUSALS, summary="The nearest with a free slot")
async def find_nearest(
    request: Request,
    _program: Finding,
    lat: float = Query(ge=-90, le=90),
    lon: float = Query(ge=-180, le=180),
    size: str | None = Query(default=None, max_length=16),
    count: int = Query(default=5, ge=1, le=COUNT_MAX),
) -> list[dict[str, Any]]:
    return await central_of(request).database.look(nearest, lat, lon, size, count)


@router.get("/locations/{location}", responses=REFUSALS, summary="How much room a location has")
async def location(
    request: Request, _program: Finding, location: str = Path(max_length=64)
) -> Response:
    found = await central_of(request).database.look(_room, location)
    return JSONResponse(found)


def _room(connection: Connection, location: str) -> dict[str, Any]:
    table = schema.location
    row = connection.execute(select(table).where(table.c.id == location)).first()
    if row is None:
        raise not_found("location", location)
    sizes = sizes_of(connection, location)
    return {
        "id": row.id,
        "name": row.name,
        "address": row.address,
        "latitude": row.latitude,
        "longitude": row.longitude,
        "sizes": [{"size": s.name, "free": s.free, "total": s.total} for s in sizes],
        "neighbours": neighbours(connection, location) if room_for(sizes, None) == 0 else [],
    }
