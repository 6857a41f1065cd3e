"""What is asked for with an Idempotency-Key is done once: the same again gets the same answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from fastapi import Header, Request, Response
from sqlalchemy import Connection, bindparam, select, update

from central import schema
from central.auth import Program
from central.context import Central, central_of
from central.database.bulk import insert_once
from central.errors import RequestError
from central.packages.requests import ApiRequest
from central.sandbox.obeying import obey

_TABLE = schema.idempotency
_IS_NAMED = (_TABLE.c.api_key == bindparam("whose")) & (_TABLE.c.key == bindparam("named"))
_BEFORE = select(_TABLE).where(_IS_NAMED)
_ANSWERED = update(_TABLE).where(_IS_NAMED).values(response=bindparam("answer"))
Work = Callable[[Connection, Central], dict[str, Any]]
IdempotencyKey = Header(
    default=None,
    max_length=120,
    alias="Idempotency-Key",
    description="The same key with the same body gets the same answer for 7 days.",
)


async def once(
    request: Request,
    program: Program,
    key: str | None,
    message: ApiRequest,
    status: int,
    work: Work,
    location: str = "",
) -> Response:
    """Do a thing once per idempotency key: the same request again gets the same answer."""
    central = central_of(request)
    asked = f"{request.url.path}\n{message.asked()}"

    def run(connection: Connection) -> tuple[int, str]:
        done = kept(connection, central, program.id, key, asked, status, work)
        obey(connection, central, program)
        return done

    # With a key it is done once, however often it is asked for.
    writing = central.database.at(location, may_repeat=key is not None)
    code, answer = await writing.write(run)
    request.app.state.wake()
    return Response(answer, code, media_type="application/json")


def kept(
    connection: Connection,
    central: Central,
    api_key: str,
    key: str | None,
    asked: str,
    status: int,
    work: Work,
) -> tuple[int, str]:
    """The status and the answer of what is asked for: done now, or kept of the time before. Raises
    `RequestError` where the key is of another request."""
    if key is None:
        return status, json.dumps(work(connection, central))
    digest = sha256(asked.encode()).hexdigest()
    # Marks: what was asked for, and how a shop names it, may tell of somebody.
    mark = central.secrets.mark
    known_key, known_digest = mark("idempotency", key), mark("idempotency", digest)
    claimed: dict[str, Any] = {"api_key": api_key, "key": known_key, "status": status}
    claimed |= {"request_hash": known_digest, "created_ms": central.clock.now_ms()}
    # First of all: whoever comes with the same key meanwhile waits here for the answer.
    is_first = insert_once(connection, schema.idempotency, claimed)
    earlier = before(connection, api_key, key if is_first else known_key)
    if earlier is None:
        answer = json.dumps(work(connection, central))
        _keep(connection, api_key, known_key, answer)
        return status, answer
    if earlier.request_hash not in (known_digest, digest):
        raise RequestError(409, "key_reused", f"the key {key!r} was used for another request")
    if is_first:
        _keep(connection, api_key, known_key, earlier.response)
    return earlier.status, earlier.response


def before(connection: Connection, api_key: str, key: str) -> Any:
    """What was answered under a key. Earlier versions kept the key as it is."""
    return connection.execute(_BEFORE, {"whose": api_key, "named": key}).first()


def _keep(connection: Connection, api_key: str, key: str, answer: str) -> None:
    named = {"whose": api_key, "named": key, "answer": answer}
    connection.execute(_ANSWERED, named)
