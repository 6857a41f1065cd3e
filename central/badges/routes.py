"""The routes for carriers' programs about their couriers: badges, what is revoked, codes of the
day."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from central import simulated
from central.auth import Program
from central.badges import drawing, issuing, keys, revoking, site_codes
from central.badges.issuing import Issued, Wanted
from central.badges.requests import BadgeWanted, RevocationWanted
from central.carriers import places
from central.carriers.carriers import of_key
from central.context import Central, central_of
from central.errors import RequestError
from central.programs import Couriers

router = APIRouter(prefix="/v1", tags=["couriers"])
REFUSALS: dict[int | str, dict[str, Any]] = {code: {} for code in (401, 403, 404, 409, 422, 429)}
PICTURES: dict[int | str, dict[str, Any]] = {
    201: {"content": {drawing.PNG_TYPE: {}, drawing.SVG_TYPE: {}}}
}
Day = Annotated[
    date | None,
    Query(description="The local day; left out: today. Seven days ahead at most."),
]
LocationId = Path(max_length=64, description="Its id.")


@router.post(
    "/couriers/badges",
    status_code=201,
    responses=REFUSALS | PICTURES,
    summary="Make a badge for a courier",
)
async def issue(
    wanted: BadgeWanted,
    request: Request,
    program: Couriers,
    picture: Literal["", "png", "svg"] = Query(
        default="", description="The QR code as a picture, in place of the text."
    ),
) -> Response:
    """Signed with the key of yours that lies at the server. It is kept nowhere: each request makes
    another one."""
    central = central_of(request)

    def make(connection: Connection) -> Issued:
        asked = Wanted(
            of_key(connection, program.id),
            wanted.pseudonym,
            wanted.valid_from_ms,
            wanted.valid_until_ms,
            wanted.locations,
            wanted.regions,
        )
        return issuing.issue(connection, central, program.id, asked)

    made = await central.database.write(make)
    headers = {"cache-control": "no-store", "x-badge-id": made.badge.id}
    if picture == "svg":
        return Response(drawing.svg(made.text), 201, headers, drawing.SVG_TYPE)
    if picture == "png":
        return Response(drawing.png(made.badge, made.text), 201, headers, drawing.PNG_TYPE)
    return JSONResponse(_shown(made), 201, headers)


@router.get("/couriers/keys", responses=REFUSALS, summary="The keys of your badges")
async def key_list(request: Request, program: Couriers) -> list[dict[str, Any]]:
    """Those that kiosks know: which of them the server signs with now, and which is yours alone."""
    central = central_of(request)

    def listed(connection: Connection) -> list[dict[str, Any]]:
        carrier = of_key(connection, program.id)
        return keys.rows(connection, carrier, central.clock.now_ms())

    return await central.database.show(listed)


@router.get("/couriers/revocations", responses=REFUSALS, summary="What you have revoked")
async def revocations(request: Request, program: Couriers) -> list[dict[str, Any]]:
    """What counts now, the newest first; never more than 500."""
    central = central_of(request)

    def listed(connection: Connection) -> list[dict[str, Any]]:
        carrier = of_key(connection, program.id)
        return revoking.rows(connection, carrier, central.clock.now_ms())

    return await central.database.show(listed)


@router.post(
    "/couriers/revocations",
    status_code=201,
    responses=REFUSALS,
    summary="Have a badge, or a courier's badges, be good no more",
)
async def revoke(wanted: RevocationWanted, request: Request, program: Couriers) -> dict[str, Any]:
    """Kiosks that are online hear of it within seconds, others when they are again; a kiosk that
    has heard nothing for a week takes no badge at all."""
    _require_real(program)
    central = central_of(request)
    named = (wanted.badge, wanted.pseudonym, wanted.until_ms)

    def write(connection: Connection) -> dict[str, Any]:
        carrier, by = of_key(connection, program.id), program.id
        made = revoking.revoke(connection, central, by, carrier, *named)
        now_ms = central.clock.now_ms()
        [row] = [each for each in revoking.rows(connection, carrier, now_ms) if each["id"] == made]
        return row

    return await central.database.write(write)


@router.delete(
    "/couriers/revocations/{revocation}",
    status_code=204,
    responses=REFUSALS,
    summary="Have it be good again",
)
async def take_back(
    request: Request, program: Couriers, revocation: str = Path(max_length=64)
) -> Response:
    _require_real(program)
    central = central_of(request)

    def write(connection: Connection) -> None:
        carrier = of_key(connection, program.id)
        revoking.take_back(connection, central, program.id, carrier, revocation)

    await central.database.write(write)
    return Response(status_code=204)


@router.get(
    "/locations/{location}/courier-code",
    responses=REFUSALS,
    summary="What your couriers type at a location on a day",
)
async def courier_code(
    request: Request,
    program: Couriers,
    location: str = LocationId,
    day: Day = None,
) -> dict[str, Any]:
    """For couriers without a badge, where the operator lets you: hand it on with the day's
    collection list."""
    central = central_of(request)
    return await central.database.show(_code, central, program, location, day)


def _code(
    connection: Connection, central: Central, program: Program, location: str, day: date | None
) -> dict[str, Any]:
    carrier = of_key(connection, program.id)
    simulated.require_own(program, location)
    places.require_works(connection, carrier, location)
    given = site_codes.code(connection, central, carrier, location, day)
    return {
        "location": location,
        "carrier": carrier,
        "day": given.day.isoformat(),
        "code": given.typed,
        "valid_from_ms": given.code.from_ms,
        "valid_until_ms": given.code.until_ms,
    }


def _require_real(program: Program) -> None:
    """Nothing that a sandbox asks for has real kiosks fetch another list. Raises `RequestError`."""
    if program.sandbox:
        problem = "a sandbox has no couriers: nothing of theirs is revoked"
        raise RequestError(403, "forbidden", problem)


def _shown(made: Issued) -> dict[str, Any]:
    badge = made.badge
    return {
        "id": badge.id,
        "carrier": badge.carrier,
        "pseudonym": badge.pseudonym,
        "valid_from_ms": badge.from_s * 1000,
        "valid_until_ms": badge.until_s * 1000,
        "locations": badge.locations,
        "regions": badge.regions,
        "text": made.text,
    }
