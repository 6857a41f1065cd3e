"""Who calls a route of the API: a program, by the key that it sends, and what the key may."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection, update

from central import kept, schema
from central.auth import SANDBOX_PATH, Program, Scope, api_key_of
from central.context import central_of
from central.errors import RequestError


def bearer(request: Request) -> str:
    """The token of the Authorization header (RFC 6750). Raises `RequestError` without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RequestError(401, "unauthorised", "send a header: Authorization: Bearer <token>")
    return token.strip()


class _Programs:
    """The dependency of a route that asks for a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Program:
        central = central_of(request)
        row = await central.database.at_once(api_key_of, bearer(request))
        if row is None:
            raise RequestError(401, "unauthorised", "this API key is not known, or was revoked")
        wait_s = await request.app.state.rates.wait_s(row.id, row.rate_per_min)
        if wait_s > 0:
            raise RequestError(
                429,
                "too_many_requests",
                f"this key may send {row.rate_per_min} requests a minute",
                retry_after_s=round(wait_s, 1),
            )
        scopes = frozenset(kept.names_of(row.scopes))
        program = Program(row.id, row.name, scopes, row.carrier, row.sandbox)
        if self.scope not in program.scopes:
            raise RequestError(403, "forbidden", f"this key lacks the scope {self.scope}")
        if row.refuses and not request.url.path.startswith(SANDBOX_PATH):
            raise await central.database.write(_refused_once, row.id, row.refuses)
        return program


def _refused_once(connection: Connection, key: str, refuses: str) -> RequestError:
    """The refusal that a sandbox's key is to get, which it gets once."""
    table = schema.api_key
    connection.execute(update(table).where(table.c.id == key).values(refuses=""))
    status, _, code = refuses.partition(" ")
    message = "the sandbox was asked to answer this once: nothing was done"
    return RequestError(int(status), code, message, retry_after_s=1)


may_read = _Programs(Scope.READ)
may_announce = _Programs(Scope.ANNOUNCE)
may_change = _Programs(Scope.CHANGE)
may_find = _Programs(Scope.LOCATIONS)
may_hook = _Programs(Scope.WEBHOOKS)
may_badge = _Programs(Scope.COURIERS)


Reading = Annotated[Program, Depends(may_read)]
Announcing = Annotated[Program, Depends(may_announce)]
Changing = Annotated[Program, Depends(may_change)]
Finding = Annotated[Program, Depends(may_find)]
Hooking = Annotated[Program, Depends(may_hook)]
Couriers = Annotated[Program, Depends(may_badge)]
