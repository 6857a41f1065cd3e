"""Signing in at the provider of single sign-on, and coming back."""

from __future__ import annotations

import json
import logging
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from central.context import Central, audit, central_of
from central.errors import CannotServeError, not_found
from central.operators import single_sign_on
from central.operators.sessions import Way
from central.operators.single_sign_on import Person, Provider, ProviderError, RefusedError
from central.pages.paths import HOME, SIGN_IN
from central.pages.proving import address_of, address_wait_s, slow
from central.pages.rendering import page
from central.pages.session import end_provider_state, provider_state, set_provider_state
from central.pages.sign_in import begun
from kiosk.model.invariants import present
from kiosk.model.urls import asking

router = APIRouter(prefix=HOME, include_in_schema=False)
LOG = logging.getLogger("central.single_sign_on")
CALLBACK = f"{SIGN_IN}/provider/callback"
STATE_S = 600
"""How long somebody may be at the provider's pages."""


def _provider(request: Request) -> Provider:
    found: Provider | None = request.app.state.provider
    if found is None:
        raise not_found("page", request.url.path)
    return found


@router.get("/sign-in/provider")
async def to_provider(request: Request) -> Response:
    """Send the browser to the provider; what has to come back with it goes along, sealed."""
    provider, central = _provider(request), central_of(request)
    if (wait_s := await address_wait_s(request)) > 0:
        return slow(SIGN_IN, wait_s)
    request.scope["session"] = {}
    try:
        url = await provider.begin(request, f"{central.settings.base_url}{CALLBACK}")
    except ProviderError as error:
        LOG.error("single sign-on: %s", error)
        return RedirectResponse(f"{SIGN_IN}?problem=provider", 303)
    state = {"at_ms": central.clock.now_ms(), "session": request.session}
    answer = RedirectResponse(url, 303)
    sealed = central.secrets.seal(json.dumps(state).encode()).decode()
    set_provider_state(request, answer, sealed, STATE_S)
    return answer


def _known_state(request: Request) -> dict[str, Any]:
    """What went along with this browser; nothing if none did, or too long ago."""
    central = central_of(request)
    try:
        state = json.loads(central.secrets.open(provider_state(request).encode()))
    except (CannotServeError, ValueError):
        return {}
    is_late = central.clock.now_ms() - state["at_ms"] > STATE_S * 1000
    return {} if is_late else dict(state["session"])


@router.get("/sign-in/provider/callback")
async def from_provider(request: Request) -> Response:
    """Whoever comes back from the provider signs in to their account."""
    provider, central = _provider(request), central_of(request)
    if (wait_s := await address_wait_s(request)) > 0:
        return slow(SIGN_IN, wait_s)
    request.scope["session"] = _known_state(request)
    try:
        person = await provider.finish(request)
        row = await central.database.write(_account, central, person)
    except ProviderError as error:
        LOG.warning("single sign-on: %s", error)
        return await _refused(request, "provider", "somebody")
    except RefusedError as error:
        return await _refused(request, error.code, "somebody")
    rules = central.settings.single_sign_on
    has_factor = rules is not None and rules.has_second_factor
    way = Way.PROVIDER_WITH_FACTOR if has_factor else Way.PROVIDER
    answer = await begun(request, row, way, [])
    # A redirect would still count as one of the provider's site, and the browser would keep back
    # the session's cookie: it goes on from a page of this one.
    entered = page(request, "entered.html", operator=None, to=answer.headers["location"])
    for name, value in answer.raw_headers:
        if name == b"set-cookie":
            entered.raw_headers.append((name, value))
    end_provider_state(request, entered)
    return entered


def _account(connection: Connection, central: Central, person: Person) -> Any:
    rules = present(central.settings.single_sign_on, "no provider signs anybody in here")
    return single_sign_on.account_of(connection, central, rules, person)


async def _refused(request: Request, code: str, who: str) -> Response:
    central = central_of(request)

    def do(connection: Connection, central: Central) -> None:
        now_ms, address = central.clock.now_ms(), address_of(request)
        audit(connection, now_ms, who, "sign-in.refused", who, address, provider=code)

    await central.database.write(do, central)
    answer = RedirectResponse(asking(SIGN_IN, problem=code), 303)
    end_provider_state(request, answer)
    return answer
