"""What comes in from outside, before any route reads it: who asks is known first, and no body is
longer than its route needs.

A request with a body is refused without a byte of it read when its token is not known (RFC 9110,
15.5.2) or its announced length is beyond the bound, and as soon as the bytes that arrive pass the
bound. What a token may do is decided by the route, as before.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from central import schema
from central.auth import api_key_of, bearer
from central.context import Central
from central.errors import RequestError
from central.sync import enrolment
from central.tokens import token_hash
from kiosk.model.wrapping import bare
from kiosk.sync.bodies import BODY_MAX_BYTES

FORM_MAX_BYTES: Final = 64 * 1024
"""Of a body of anybody but a known kiosk: of a program's request, of a form."""
ENROL_MAX_BYTES: Final = 512 * 1024
"""Of an enrolment whose token is known: the layout of 2,000 doors is in it."""
BODY_WITHIN_S: Final = 120.0
"""In which a whole body has to arrive: a locker's line may carry a few kilobytes a second."""
_SYNC = re.compile(r"/v1/locations/([^/]+)/sync")
_ENROL = "/v1/enrol"
_RECEIPTS = "/v1/receipts/"
_API = "/v1/"
_READS_NO_BODY = ("GET", "HEAD", "OPTIONS")
"""What no route reads the body of."""
Check = Callable[[Connection, str], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """How long a body may be, and whether its sender's token is known."""

    max_bytes: int
    is_known: Check | None = None
    """None: the route itself finds out who asks, by what stands in the body or the address."""
    refusal: str = (
        "this token is not known here, or was revoked: send a header: Authorization: Bearer <token>"
    )


def rule_of(path: str, has_token: bool) -> Rule:
    """The rule for a body that is sent to an address."""
    if found := _SYNC.fullmatch(path):
        return Rule(BODY_MAX_BYTES, _is_kiosk(found[1]))
    if path == _ENROL:
        # Kiosks of version 0.1 send their token in the body alone.
        return (
            Rule(ENROL_MAX_BYTES, _may_enrol, enrolment.UNKNOWN_TOKEN)
            if has_token
            else Rule(FORM_MAX_BYTES)
        )
    if path.startswith(_API) and not path.startswith(_RECEIPTS):
        return Rule(FORM_MAX_BYTES, _is_program)
    return Rule(FORM_MAX_BYTES)


def _is_kiosk(location: str) -> Check:
    def check(connection: Connection, token: str) -> bool:
        try:
            enrolment.kiosk_of(connection, location, token)
        except RequestError:
            return False
        return True

    return check


def _may_enrol(connection: Connection, token: str) -> bool:
    column = schema.location.c.enrol_token_hash
    known = select(column).where(column == token_hash(bare(token)))
    return connection.execute(known).first() is not None


def _is_program(connection: Connection, token: str) -> bool:
    return api_key_of(connection, token) is not None


class Intake:
    """Takes in every body, within its rule, and hands it on whole."""

    def __init__(self, app: ASGIApp, central: Central) -> None:
        self._app, self._central = app, central

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request with its body, or refuse it."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        try:
            body = await self._body(scope, receive)
        except RequestError as error:
            # What is left of the body is not waited for.
            headers = {"connection": "close"}
            if error.status == 401:
                headers["www-authenticate"] = "Bearer"
            await JSONResponse(error.body(), error.status, headers)(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _replayed(body, receive), send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body; None when the sender went away. Raises `RequestError`."""
        headers = Headers(scope=scope)
        has_token = "authorization" in headers
        rule = rule_of(scope["path"], has_token)
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > rule.max_bytes:
            raise _too_large(rule)
        if rule.is_known is not None:
            token = bearer(Request(scope))
            if not await self._central.database.look(rule.is_known, token):
                raise RequestError(401, "unauthorised", rule.refusal)
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                return await _within(rule, receive)
        except TimeoutError as error:
            raise RequestError(
                408, "too_slow", f"a body has to arrive within {BODY_WITHIN_S:.0f} s"
            ) from error


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    is_empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    return scope["method"] not in _READS_NO_BODY and not is_empty


async def _within(rule: Rule, receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > rule.max_bytes:
            raise _too_large(rule)
        if not message.get("more_body"):
            return bytes(body)


def _too_large(rule: Rule) -> RequestError:
    problem = f"a body for this address has at most {rule.max_bytes} bytes"
    return RequestError(413, "too_large", problem, max_bytes=rule.max_bytes)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more, and then what comes after it."""
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return parts.pop() if parts else await receive()

    return replay
