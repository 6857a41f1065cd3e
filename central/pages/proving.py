"""What the steps of signing in have in common: slowing tries down, and going on afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection
from starlette.responses import Response

from central import viewed
from central.context import Central, audit, central_of
from central.operators import factors, sessions, throttle
from central.operators.sessions import Proof, Session, Standing
from central.pages.paths import ACCOUNT, CONFIRM, FACTOR, HOME, SIGN_IN
from central.pages.session import Operator, known_device, set_known_device, set_session
from central.rates import Rates
from kiosk.model.urls import asking, path

TRIES_PER_ADDRESS = 60
"""How often a minute all accounts are tried from one address, behind which many may work."""
BACK = {"account": ACCOUNT, "accounts": f"{HOME}/accounts"}
"""Where a page may lead back to, by its name: nobody else's address is ever followed."""


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


async def write_down_views(
    request: Request, by: str, where: str, packages: Sequence[Mapping[str, Any]]
) -> None:
    """Write down whose data is about to be shown to whom."""
    central, address = central_of(request), address_of(request)
    if any(each["recipient"] is not None for each in packages):
        await central.database.write(viewed.write_down, central, by, address, where, packages)


def browser_of(request: Request) -> str:
    """What a browser says it is."""
    return "".join(filter(str.isprintable, request.headers.get("user-agent", "")))


def slow(page: str, wait_s: float) -> Response:
    """Too many tries; when the next one may come."""
    return RedirectResponse(asking(page, problem="slow", wait_s=math.ceil(wait_s)), 303)


async def address_wait_s(request: Request) -> float:
    """In how many seconds this address may try again; 0 for now."""
    network = throttle.network(address_of(request))
    rates: Rates = request.app.state.rates
    return await rates.wait_s(f"address {network}", TRIES_PER_ADDRESS)


def password_buckets(request: Request, account: str, device: str | None) -> list[str]:
    """Where a try of a password counts: a known device has a bucket of its own."""
    elsewhere = f"account {account} from {throttle.network(address_of(request))}"
    return [elsewhere] if device is None else [f"device {device}", elsewhere]


async def slowed(request: Request, buckets: list[str], device: str | None) -> float:
    """Count a try of a password; in how many seconds the next one may come, 0 for this one."""
    if device is None and (wait_s := await address_wait_s(request)) > 0:
        return wait_s
    central = central_of(request)
    return await central.database.write(throttle.take, central, *buckets)


def factor_buckets(request: Request, session: Session, is_full: bool) -> list[str]:
    """Where a try of an app's code counts. From a device that nobody has signed in with, all tries
    of an account count together: whoever comes so far knows its password."""
    if is_full:
        return [f"factor session {session.id}"]
    device = known_device(request, session.account)
    shared = factors.guessing_bucket(session.account)
    return [shared] if device is None else [f"factor device {device}", shared]


def back_to(back: str, door: str, is_full: bool) -> str:
    """Where somebody goes on who has proved who they are."""
    if not is_full:
        return HOME
    return f"{HOME}{path('locations', door)}" if door else BACK.get(back, ACCOUNT)


async def proved(request: Request, operator: Operator, proof: Proof, by: str, to: str) -> Response:
    """Go on with a new token, once somebody has proved who they are."""
    central, session = central_of(request), operator.session

    def do(connection: Connection, central: Central) -> str | None:
        audit(
            connection,
            central.clock.now_ms(),
            operator.email,
            "sign-in.factor" if proof is Proof.FACTOR else "sign-in.confirm",
            operator.email,
            address_of(request),
            proof=by,
        )
        return sessions.renew(connection, central, session, proof)

    token = await central.database.write(do, central)
    if token is None:
        return RedirectResponse(SIGN_IN, 303)
    answer = RedirectResponse(to, 303)
    set_session(request, answer, token)
    if known_device(request, operator.id) is None:
        set_known_device(request, answer, operator.id)
    return answer


def refused(connection: Connection, central: Central, who: Any, action: str, address: str) -> None:
    """Write down a wrong try."""
    audit(connection, central.clock.now_ms(), who, action, who, address)


def is_full(request: Request, operator: Operator) -> bool:
    """Whether somebody owes nothing and only confirms who they are."""
    rules = central_of(request).settings.sign_in
    return operator.session.standing(rules) is Standing.FULL


def page_that_asks(request: Request, operator: Operator, back: str, door: str) -> str:
    """The page that asks, again."""
    if not is_full(request, operator):
        return FACTOR
    return asking(CONFIRM, door=door) if door else asking(CONFIRM, back=back)


def problem_at(page: str, problem: str) -> Response:
    """Back to a page, with what was wrong."""
    mark = "&" if "?" in page else "?"
    return RedirectResponse(f"{page}{mark}problem={problem}", 303)


def slow_on(page: str, wait_s: float) -> Response:
    """Too many tries at a page that has an address with a query."""
    where, _, query = page.partition("?")
    answer = slow(where, wait_s)
    if query:
        answer.headers["location"] += f"&{query}"
    return answer
