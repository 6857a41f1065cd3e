"""What comes in from outside, before any route reads it: who asks is known first, and no body is
longer than its route needs.

A request with a body is refused without a byte of it read when its token is not known (RFC 9110,
15.5.2) or its announced length is beyond the bound, and as soon as the bytes that arrive pass the
bound. What a token may do is decided by the route, as before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from central import limits, problems, schema
from central.adapters import monotonic_s
from central.auth import api_key_of
from central.connections import whose
from central.context import Central
from central.database import faults
from central.errors import RequestError
from central.programs import bearer
from central.regions import directory
from central.sync import enrolment
from central.tokens import token_hash
from kiosk.model.wrapping import bare
from kiosk.sync.bodies import BODY_MAX_BYTES
from kiosk.sync.contract import FILE_MAX_BYTES

LOG = logging.getLogger("central")
AWAY: Final = {"connection": "close", "retry-after": "5"}
"""What is answered with, where the database is away."""
FORM_MAX_BYTES: Final = 64 * 1024
"""Of a body of anybody but a known kiosk: of a program's request, of a form."""
ENROL_MAX_BYTES: Final = 512 * 1024
"""Of an enrolment whose token is known: the layout of 2,000 doors is in it."""
RETIRE_MAX_BYTES: Final = 256 * 1024
"""Of a kiosk that goes: the ids of the packages in 2,000 slots are in it."""
BULK_MAX_BYTES: Final = 2 * 1024 * 1024
"""Of a thousand announcements."""
_BULK = "/v1/packages/bulk"
REMEMBERED_S: Final = 120.0
REMEMBERED_MAX: Final = 50_000
"""So many tokens are kept in mind, each under the name of what it was known for."""
_SYNC = re.compile(r"/v1/locations/([^/]+)/sync")
_NEARBY = re.compile(r"/v1/locations/([^/]+)/nearby")
_RETIRE = re.compile(r"/v1/locations/([^/]+)/retire")
_FILES = re.compile(r"/v1/locations/([^/]+)/files")
_ENROL = "/v1/enrol"
_OF_GATEWAYS = ("/v1/receipts/", "/v1/sms/")
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
    location: str = ""
    """Whose kiosk asks: where that is of another region, it hears of which."""
    remembered_as: str = ""
    """Who was known under this name a moment ago is not looked up here: the route does that."""


def rule_of(path: str, has_token: bool) -> Rule:
    """The rule for a body that is sent to an address."""
    if found := _SYNC.fullmatch(path):
        is_kiosk, name = _is_kiosk(found[1]), f"kiosk {found[1]}"
        return Rule(BODY_MAX_BYTES, is_kiosk, location=found[1], remembered_as=name)
    if found := _NEARBY.fullmatch(path):
        return Rule(FORM_MAX_BYTES, _is_kiosk(found[1]))
    if found := _RETIRE.fullmatch(path):
        return Rule(RETIRE_MAX_BYTES, _is_kiosk(found[1]))
    if found := _FILES.fullmatch(path):
        return Rule(FILE_MAX_BYTES, _is_kiosk(found[1]))
    if path == _ENROL:
        # Kiosks of version 0.1 send their token in the body alone.
        return (
            Rule(ENROL_MAX_BYTES, _may_enrol, enrolment.UNKNOWN_TOKEN)
            if has_token
            else Rule(FORM_MAX_BYTES)
        )
    if path == _BULK:
        return Rule(BULK_MAX_BYTES, _is_program, remembered_as="program")
    if path.startswith(_API) and not path.startswith(_OF_GATEWAYS):
        return Rule(FORM_MAX_BYTES, _is_program, remembered_as="program")
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


class Recent:
    """Whose token was known a moment ago. Their next body is read without asking the database; one
    whose token was revoked since is refused by the route, as ever, and has had it read in vain."""

    def __init__(self) -> None:
        self._until_s: dict[tuple[str, str], float] = {}

    def holds(self, name: str, token: str) -> bool:
        """Whether a token, by its hash, was known under a rule's name."""
        return self._until_s.get((name, token), 0.0) > monotonic_s()

    def add(self, name: str, token: str) -> None:
        """One is known; whoever was so longest ago is forgotten when they are many."""
        self._until_s.pop((name, token), None)
        self._until_s[name, token] = monotonic_s() + REMEMBERED_S
        if len(self._until_s) > REMEMBERED_MAX:
            del self._until_s[next(iter(self._until_s))]


class Waiting:
    """The bodies that are waited for. Who has too many of them under way loses the oldest, and so
    does everybody whose token is not known, when those are too many: what arrives at once, as from
    a browser, is never among them."""

    def __init__(self, by_sender: int, in_all: int) -> None:
        self._by_sender, self._in_all = by_sender, in_all
        self._unknown: dict[asyncio.Timeout, None] = {}
        self._of: dict[str, dict[asyncio.Timeout, None]] = {}

    @contextlib.asynccontextmanager
    async def place(self, sender: str, *, is_known: bool, within_s: float) -> AsyncIterator[None]:
        """Wait for a body; raises `TimeoutError` when it is late or another takes its place."""
        async with asyncio.timeout(within_s) as timeout:
            own = self._of.setdefault(sender, {})
            _make_room(own, self._by_sender)
            if not is_known:
                _make_room(self._unknown, self._in_all)
                self._unknown[timeout] = None
            own[timeout] = None
            try:
                yield
            finally:
                self._unknown.pop(timeout, None)
                own.pop(timeout, None)
                if not own and self._of.get(sender) is own:
                    del self._of[sender]


def _make_room(some: dict[asyncio.Timeout, None], most: int) -> None:
    while len(some) >= most:
        oldest = next(iter(some))
        del some[oldest]
        oldest.reschedule(asyncio.get_running_loop().time())
        limits.reached("connections.bodies_by_sender")


class Intake:
    """Takes in every body, within its rule, and hands it on whole."""

    def __init__(self, app: ASGIApp, central: Central) -> None:
        self._app, self._central = app, central
        self._rules = central.settings.connections
        self._recent = Recent()
        self._waiting = Waiting(self._rules.bodies_by_sender, max(2, self._rules.most // 4))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request with its body, or refuse it."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        try:
            body = await self._body(scope, receive)
        except RequestError as error:
            # What is left of the body is not waited for.
            refused = problems.response(error, {"connection": "close"})
            await refused(scope, receive, send)
            return
        except SQLAlchemyError as error:
            LOG.error("the database did not say whose a token is: %s", error)
            refused = problems.response(faults.refusal(error), AWAY)
            await refused(scope, receive, send)
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
        sender = f"address {whose(scope['client'][0])}" if scope.get("client") else ""
        within_s, is_known = self._rules.form_within_s, rule.is_known is not None
        if rule.is_known is not None:
            token = bearer(Request(scope))
            sender, within_s = token_hash(token), self._rules.body_within_s
            name = rule.remembered_as
            if not (name and self._recent.holds(name, sender)):
                await self._require_known(rule, token)
                if name:
                    self._recent.add(name, sender)
        try:
            async with self._waiting.place(sender, is_known=is_known, within_s=within_s):
                return await _within(rule, receive)
        except TimeoutError as error:
            limits.reached(f"connections.{'body' if is_known else 'form'}_within_s")
            raise RequestError(
                408, "too_slow", f"a body has to arrive within {within_s:g} s"
            ) from error

    async def _require_known(self, rule: Rule, token: str) -> None:
        database, settings = self._central.database, self._central.settings
        if rule.is_known is not None and not await database.at_once(rule.is_known, token):
            if rule.location and settings.regions:
                await database.look(directory.require_here, settings, rule.location)
            raise RequestError(401, "unauthorised", rule.refusal)


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
