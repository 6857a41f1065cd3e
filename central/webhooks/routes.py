"""The routes with which a carrier's program looks after its receivers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Connection

from central.auth import Program
from central.carriers.visible import Visible, visible_to
from central.context import Central, central_of
from central.errors import RequestError
from central.programs import Hooking
from central.webhooks import deliveries, endpoints
from central.webhooks.events import SAID
from central.webhooks.requests import ChangedReceiver, NewReceiver, NewSecret, Replay

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
REFUSALS: dict[int | str, dict[str, Any]] = {code: {} for code in (401, 403, 404, 409, 422, 429)}
ReceiverId = Path(max_length=64, description="As the answer names it that made it.")


def _whose(program: Program) -> Visible:
    return visible_to(program.id, program.carrier)


async def _write(
    request: Request, operation: Callable[[Connection, Central, str], dict[str, Any]], by: str
) -> dict[str, Any]:
    central = central_of(request)
    answer = await central.database.write(operation, central, by)
    request.app.state.wake()
    return answer


@router.get("/events", responses=REFUSALS, summary="What there is to be sent")
async def events(_program: Hooking) -> list[dict[str, str]]:
    return [{"type": type_.value, "when": said} for type_, said in SAID.items()]


@router.post("", status_code=201, responses=REFUSALS, summary="Make a receiver")
async def add(new: NewReceiver, request: Request, program: Hooking) -> dict[str, Any]:
    """The answer has its secret, which is shown only now."""

    def do(connection: Connection, central: Central, by: str) -> dict[str, Any]:
        return endpoints.add(connection, central, by, _whose(program), new.url, new.events)

    return await _write(request, do, program.id)


@router.get("", responses=REFUSALS, summary="Your receivers")
async def receivers(request: Request, program: Hooking) -> list[dict[str, Any]]:
    central = central_of(request)
    rows = await central.database.look(endpoints.rows, _whose(program))
    now_ms = central.clock.now_ms()
    return [endpoints.described(row, now_ms) for row in rows]


@router.get("/{receiver}", responses=REFUSALS, summary="One of them")
async def receiver(
    request: Request, program: Hooking, receiver: str = ReceiverId
) -> dict[str, Any]:
    central = central_of(request)
    row = await central.database.look(endpoints.find, receiver, _whose(program))
    return endpoints.described(row, central.clock.now_ms())


@router.patch("/{receiver}", responses=REFUSALS, summary="Change, disable or enable it")
async def change(
    changed: ChangedReceiver, request: Request, program: Hooking, receiver: str = ReceiverId
) -> dict[str, Any]:
    def do(connection: Connection, central: Central, by: str) -> dict[str, Any]:
        return endpoints.change(
            connection, central, by, receiver, _whose(program), **changed.model_dump()
        )

    return await _write(request, do, program.id)


@router.delete("/{receiver}", status_code=204, responses=REFUSALS, summary="Remove it")
async def remove(request: Request, program: Hooking, receiver: str = ReceiverId) -> Response:
    def do(connection: Connection, central: Central, by: str) -> dict[str, Any]:
        endpoints.remove(connection, central, by, receiver, _whose(program))
        return {}

    await _write(request, do, program.id)
    return Response(status_code=204)


@router.post("/{receiver}/rotate", responses=REFUSALS, summary="A new secret")
async def rotate(
    asked: NewSecret, request: Request, program: Hooking, receiver: str = ReceiverId
) -> dict[str, Any]:
    """The answer has it, which is shown only now. Until the time that it names both sign."""

    def do(connection: Connection, central: Central, by: str) -> dict[str, Any]:
        return endpoints.rotate(
            connection, central, by, receiver, _whose(program), asked.keep_hours
        )

    return await _write(request, do, program.id)


@router.post("/{receiver}/test", status_code=202, responses=REFUSALS, summary="Send a test event")
async def try_out(request: Request, program: Hooking, receiver: str = ReceiverId) -> dict[str, Any]:
    def do(connection: Connection, central: Central, by: str) -> dict[str, Any]:
        return {"id": endpoints.try_out(connection, central, by, receiver, _whose(program))}

    return await _write(request, do, program.id)


@router.get("/{receiver}/deliveries", responses=REFUSALS, summary="What was sent to it")
async def log(
    request: Request,
    program: Hooking,
    receiver: str = ReceiverId,
    status: Literal["", "queued", "sent", "dead"] = Query(default="", description="Of this only."),
    count: int = Query(default=50, ge=1, le=deliveries.LISTED_MAX),
    cursor: str = Query(default="", max_length=80, description="`next` of the answer before."),
) -> dict[str, Any]:
    """The newest first; `next` is where to go on, null at the end."""
    before = deliveries.place_of(cursor)

    def look(connection: Connection) -> list[Any]:
        endpoints.find(connection, receiver, _whose(program))
        return deliveries.listed(connection, receiver, status, before, count + 1)

    rows = await central_of(request).database.look(look)
    last = rows[count - 1] if len(rows) > count else None
    shown = [deliveries.described(row) for row in rows[:count]]
    return {"deliveries": shown, "next": None if last is None else deliveries.cursor_of(last)}


@router.post("/{receiver}/replay", responses=REFUSALS, summary="Send what was given up again")
async def replay(
    asked: Replay, request: Request, program: Hooking, receiver: str = ReceiverId
) -> dict[str, Any]:
    """`is_more`: there is more than one request brings back; send it again."""
    if (asked.webhook is None) == (asked.since_ms is None):
        raise RequestError(422, "invalid", "webhook and since_ms: one of the two")
    return await replayed(request, program, receiver, asked)


async def replayed(
    request: Request, program: Program, receiver: str, asked: Replay
) -> dict[str, Any]:
    """Send one again, or all since a time, in bites."""

    def do(connection: Connection, central: Central, by: str) -> dict[str, Any]:
        whose = _whose(program)
        if asked.webhook is not None:
            deliveries.replay_one(connection, central, by, receiver, whose, asked.webhook)
            return {"count": 1}
        since_ms = asked.since_ms or 0
        found = deliveries.replay_since(connection, central, by, receiver, whose, since_ms)
        return {"count": found}

    count = 0
    for _ in range(deliveries.BITES_MAX):
        bite = int((await _write(request, do, program.id))["count"])
        count += bite
        if bite < deliveries.BITE:
            return {"replayed": count, "is_more": False}
    return {"replayed": count, "is_more": True}
