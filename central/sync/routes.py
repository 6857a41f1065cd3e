"""The routes that kiosks call."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection

from central.auth import bearer
from central.context import alarm_daily, central_of
from central.errors import RequestError
from central.locking import lock_location
from central.sync import enrolment, journal_export, retirement, service
from kiosk.sync.bodies import BodyError, BodyTooLargeError, text_of
from kiosk.sync.contract import (
    EnrolAnswer,
    EnrolRequest,
    EventsAnswer,
    M,
    RetireAnswer,
    RetireRequest,
    ServerKeys,
    SyncAnswer,
    SyncRequest,
    read_message,
)

router = APIRouter(prefix="/v1", tags=["kiosks"])
GZIP_FROM = 1024


async def _body(request: Request, model: type[M]) -> M:
    """The message of a request, plain or gzipped. Raises `RequestError` for anything else."""
    body, encoding = await request.body(), request.headers.get("content-encoding", "")
    try:
        # A long message takes a while to read: nobody else waits for it.
        return await asyncio.to_thread(lambda: read_message(model, text_of(body, encoding)))
    except ValidationError as error:
        problems = [
            {"field": ".".join(map(str, each["loc"])), "problem": each["msg"]}
            for each in error.errors(include_url=False, include_input=False)[:20]
        ]
        raise RequestError(422, "invalid", "the message is not valid", problems=problems) from error
    except BodyTooLargeError as error:
        raise RequestError(413, "too_large", str(error)) from error
    except BodyError as error:
        raise RequestError(400, "bad_encoding", str(error)) from error


def _answer(request: Request, message: BaseModel) -> Response:
    text = message.model_dump_json().encode()
    headers = {}
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
    alarm_daily(connection, now_ms, "events-flood", location, limit=limit)


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
