"""An operator's session: signing in, the cookie, who may see or do what, forged forms.

The cookie names the account and is signed; a changed password or a disabled account ends it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from fastapi.responses import RedirectResponse
from itsdangerous import BadSignature
from sqlalchemy import Connection, select
from starlette.responses import Response

from central import schema
from central.addresses import spellings
from central.auth import Role
from central.context import audit, central_of
from central.errors import RequestError
from central.tokens import same

COOKIE = "operator"
SESSION_S = 12 * 3600
TRIES_PER_MINUTE = 6
"""How often a minute one account is tried from one address."""
TRIES_PER_ADDRESS = 60
"""How often a minute all accounts are tried from one address, behind which many may work."""
RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}
HOME = "/operators"
SIGN_IN = f"{HOME}/sign-in"


class NotSignedInError(Exception):
    """Whoever asks for the page has to sign in first."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is signed in."""

    id: str
    email: str
    name: str
    role: Role
    form_token: str
    """Goes with every form, so that no other site can send one."""

    def may(self, role: str) -> bool:
        """Whether this operator may do what needs that role."""
        return RANK[self.role] >= RANK[Role(role)]


def _account(connection: Connection, column: str, *values: str) -> Any:
    table = schema.user
    return connection.execute(
        select(table).where(table.c[column].in_(values), table.c.disabled_ms.is_(None))
    ).first()


def _mark(password_hash: str) -> str:
    return sha256(password_hash.encode()).hexdigest()[:16]


async def sign_in(request: Request, email: str, password: str) -> Response:
    """Check a password, slowly enough; the first page, or the form with what was wrong."""
    central = central_of(request)
    address = request.client.host if request.client else ""
    # Not by the account alone: whoever knows an owner's address could lock the owner out.
    limit = request.app.state.rate_limit
    for who, most in (
        (f"account {email.strip().casefold()} from {address}", TRIES_PER_MINUTE),
        (f"address {address}", TRIES_PER_ADDRESS),
    ):
        if limit.take(who, most) > 0:
            return RedirectResponse(f"{SIGN_IN}?problem=slow", 303)
    row = await central.database.look(_account, "email", *spellings(email))
    password_hash = row.password_hash if row is not None else ""
    check = central.secrets.check_password
    if not await asyncio.to_thread(check, password_hash, password) or row is None:
        await central.database.write(
            lambda connection: audit(
                connection, central.clock.now_ms(), email, "sign-in.refused", email, address
            )
        )
        return RedirectResponse(f"{SIGN_IN}?problem=wrong", 303)
    await central.database.write(
        lambda connection: audit(
            connection, central.clock.now_ms(), email, "sign-in", email, address
        )
    )
    answer = RedirectResponse(HOME, 303)
    answer.set_cookie(
        COOKIE,
        central.secrets.serializer("session").dumps([row.id, _mark(row.password_hash)]),
        max_age=SESSION_S,
        httponly=True,
        samesite="strict",
        secure=central.settings.base_url.startswith("https:"),
    )
    return answer


async def operator_of(request: Request) -> Operator:
    """Whose session this is. Raises `NotSignedInError`."""
    central = central_of(request)
    try:
        account, mark = central.secrets.serializer("session").loads(
            request.cookies.get(COOKIE, ""), max_age=SESSION_S
        )
        row = await central.database.look(_account, "id", str(account))
    except (BadSignature, ValueError, TypeError) as error:
        raise NotSignedInError from error
    if row is None or not same(str(mark), _mark(row.password_hash)):
        raise NotSignedInError
    token = central.secrets.mark("form", f"{row.id} {mark}")
    return Operator(row.id, row.email, row.name or row.email, Role(row.role), token)


class _Allowed:
    """The dependency of a page or a form that asks for a role."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> Operator:
        operator = await operator_of(request)
        if not operator.may(self.role):
            raise RequestError(403, "forbidden", f"this needs the role {self.role}")
        return operator


class _Acting(_Allowed):
    """The same for a form, which carries the token of the session."""

    async def __call__(self, request: Request, form_token: Annotated[str, Form()] = "") -> Operator:
        operator = await super().__call__(request)
        if not same(form_token, operator.form_token):
            raise RequestError(403, "forged", "this form is not of this session; load it again")
        return operator


Viewing = Annotated[Operator, Depends(_Allowed(Role.VIEWER))]
Administering = Annotated[Operator, Depends(_Allowed(Role.ADMIN))]
ActingAsViewer = Annotated[Operator, Depends(_Acting(Role.VIEWER))]
ActingAsOperator = Annotated[Operator, Depends(_Acting(Role.OPERATOR))]
ActingAsAdmin = Annotated[Operator, Depends(_Acting(Role.ADMIN))]
