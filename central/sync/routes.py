"""The routes that kiosks call."""

from __future__ import annotations

import asyncio
import gzip
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection

from central import problems
from central.connections import standing_aside
from central.context import alarm_daily, central_of
from central.errors import RequestError
from central.locking import lock_location
from central.programs import bearer
from central.sync import (
    directory_answer,
    enrolment,
    journal_export,
    retirement,
    service,
    staff_answer,
)
from central.sync.bells import Bell, Bells, Heard, end
from kiosk.sync.bodies import BodyError, BodyTooLargeError, text_of
from kiosk.sync.contract import (
    DirectoryAnswer,
    EnrolAnswer,
    EnrolRequest,
    EventsAnswer,
    M,
    RetireAnswer,
    RetireRequest,
    ServerKeys,
    StaffAnswer,
    SyncAnswer,
    SyncRequest,
    WaitAnswer,
    read_message,
)

router = APIRouter(prefix="/v1", tags=["kiosks"])
GZIP_FROM = 1024
AGAIN_A_SECOND = 200
"""When this server stops, so many of those who wait should come back in each second."""


def bells_of(request: Request) -> Bells:
    """Who waits at this server."""
    bells: Bells = request.app.state.bells
    return bells


async def _body(request: Request, model: type[M]) -> M:
    """The message of a request, plain or gzipped. Raises `RequestError` for anything else."""
    body, encoding = await request.body(), request.headers.get("content-encoding", "")
    try:
        # A long message takes a while to read: nobody else waits for it.
        return await asyncio.to_thread(lambda: read_message(model, text_of(body, encoding)))
    except ValidationError as error:
        # What a kiosk sends is about people, and is not said back.
        found = error.errors(include_url=False, include_input=False)
        raise problems.invalid(found, what="the message is not valid") from error
    except BodyTooLargeError as error:
        raise RequestError(413, "too_large", str(error)) from error
    except BodyError as error:
        raise RequestError(400, "bad_encoding", str(error)) from error


def _answer(request: Request, message: BaseModel) -> Response:
    text = message.model_dump_json().encode()
    headers = {"cache-control": "no-store"}
    if len(text) >= GZIP_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        text = gzip.compress(text, 5)
        headers["content-encoding"] = "gzip"
    return Response(text, media_type="application/json", headers=headers)


def _described(model: type[BaseModel]) -> dict[str, Any]:
    """A message's JSON schema that stands alone: what it refers to is put in its place."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})

    def whole(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return whole(parts[node["$ref"].removeprefix("#/$defs/")])
            return {name: whole(value) for name, value in node.items()}
        return [whole(each) for each in node] if isinstance(node, list) else node

    described: dict[str, Any] = whole(schema)
    return described


@router.post(
    "/locations/{location}/sync",
    response_model=SyncAnswer,
    summary="A kiosk sends its journal and takes its commands",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _described(SyncRequest)}},
        }
    },
    responses={400: {}, 401: {}, 413: {}, 422: {}, 429: {}},
)
async def sync(location: str, request: Request) -> Response:
    central = central_of(request)
    token = bearer(request)
    message = await _body(request, SyncRequest)
    try:
        writing = central.database.at(location, may_repeat=True)
        answer = await writing.write(service.sync, central, location, token, message)
    except RequestError as error:
        if error.status == 429:
            now_ms, limit = central.clock.now_ms(), str(error.detail["limit"])
            await central.database.write(_alarm_of_flood, location, limit, now_ms)
        raise
    return _answer(request, answer)


def _alarm_of_flood(connection: Connection, location: str, limit: str, now_ms: int) -> None:
    lock_location(connection, location)
    alarm_daily(connection, now_ms, "events-flood", location, location, limit=limit)


@router.get(
    "/locations/{location}/wait",
    response_model=WaitAnswer,
    summary="A kiosk waits until something is there for it",
    responses={401: {}, 409: {}, 422: {}, 503: {}},
)
async def wait(
    location: str,
    request: Request,
    cursor: Annotated[int, Query(ge=0, le=2**53)] = 0,
    staff_version: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    within_s: Annotated[float, Query(ge=0, le=3600, allow_inf_nan=False)] = 3600,
) -> Response:
    """Answered at once when a command above `cursor` is there, or another version of the list of
    staff, or an operator looks, and else when that comes; with nothing after `within_s`, or sooner,
    as the server likes."""
    central, token, bells = central_of(request), bearer(request), bells_of(request)
    with bells.hung(location) as bell:
        is_due = await central.database.look(
            service.is_due, central, location, token, cursor, staff_version, within_s
        )
        if not is_due:
            bells.leave_alone(location, bell)
            with standing_aside(request.scope, partial(end, bell, Heard.GONE)):
                is_due = await _rings(bells, bell, min(within_s, central.settings.wait_s))
    return _answer(request, WaitAnswer(is_due=is_due))


async def _rings(bells: Bells, bell: Bell, within_s: float) -> bool:
    """Whether something came. Raises `RequestError` where nobody may wait any longer."""
    heard = await bells.heard(bell, within_s)
    if heard is Heard.AGAIN:
        problem = "another request of this location waits: only the newest one does"
        raise RequestError(409, "waits_already", problem)
    if heard is Heard.STOPPING:
        again_s = bells.count / AGAIN_A_SECOND + 1
        problem = "this server stops: wait at another, or try again"
        raise RequestError(503, "stopping", problem, retry_after_s=round(again_s, 1))
    return heard is Heard.DUE


@router.get(
    "/enrol",
    response_model=ServerKeys,
    summary="A kiosk that is about to enrol learns the server's keys",
    responses={401: {}},
)
async def server_keys(request: Request) -> Response:
    central = central_of(request)
    answer = await central.database.look(enrolment.server_keys, central, bearer(request))
    return _answer(request, answer)


@router.post(
    "/enrol",
    response_model=EnrolAnswer,
    summary="A kiosk exchanges its one-time token for its own",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _described(EnrolRequest)}},
        }
    },
    responses={400: {}, 401: {}, 409: {}, 413: {}, 422: {}},
)
async def enrol(request: Request) -> Response:
    central = central_of(request)
    message = await _body(request, EnrolRequest)
    return _answer(request, await central.database.write(enrolment.enrol, central, message))


@router.post(
    "/locations/{location}/retire",
    response_model=RetireAnswer,
    summary="A kiosk goes out of service for good",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _described(RetireRequest)}},
        }
    },
    responses={400: {}, 401: {}, 413: {}, 422: {}},
)
async def retire(location: str, request: Request) -> Response:
    central = central_of(request)
    token = bearer(request)
    await central.database.look(enrolment.kiosk_of, location, token)
    message = await _body(request, RetireRequest)
    answer = await central.database.write(retirement.retire, central, location, token, message)
    return _answer(request, answer)


@router.get(
    "/locations/{location}/events",
    response_model=EventsAnswer,
    summary="A restored kiosk fetches its own events back",
    responses={401: {}, 422: {}},
)
async def events(
    location: str,
    request: Request,
    epoch: str = Query(max_length=64),
    after: int = Query(default=0, ge=0, le=2**53),
    limit: int = Query(default=500, ge=1, le=500),
) -> Response:
    central = central_of(request)
    answer = await central.database.look(
        journal_export.events_of, location, bearer(request), epoch, after, limit
    )
    return _answer(request, answer)


@router.get(
    "/locations/{location}/staff",
    response_model=StaffAnswer,
    summary="A kiosk fetches what changed in its list of staff",
    responses={401: {}, 422: {}},
)
async def staff(
    location: str,
    request: Request,
    question: str = Query(pattern=r"^[0-9a-f]{32,64}$"),
    since: int = Query(default=0, ge=0, le=2**53),
    knows_carriers: bool = Query(
        default=False, description="Whether this kiosk keeps the packages of carriers apart."
    ),
) -> Response:
    central = central_of(request)
    answer = await central.database.look(
        staff_answer.answer,
        central,
        location,
        bearer(request),
        since,
        question,
        knows_carriers=knows_carriers,
    )
    return _answer(request, answer)


@router.get(
    "/locations/{location}/directory",
    response_model=DirectoryAnswer,
    summary="A kiosk fetches the directory of its house",
    responses={401: {}, 422: {}},
)
async def house_directory(
    location: str,
    request: Request,
    question: str = Query(pattern=r"^[0-9a-f]{32,64}$"),
    after: str = Query(default="", max_length=64),
) -> Response:
    central = central_of(request)
    answer = await central.database.look(
        directory_answer.answer, central, location, bearer(request), after, question
    )
    return _answer(request, answer)
