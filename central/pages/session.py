"""An operator's session at the pages: its cookie, who may see or do what, forged forms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Form, Request
from itsdangerous import BadSignature
from starlette.responses import Response

from central.adapters import new_id
from central.areas.visible import NOWHERE, RANK, Reach, reach_of, require_everywhere
from central.auth import Role
from central.context import Central, central_of
from central.errors import RequestError
from central.operators import sessions
from central.operators.sessions import TOUCHED_EVERY_MS, Session, Standing
from central.pages.paths import CONFIRM, ENROL, FACTOR
from central.tokens import same
from kiosk.model.urls import asking

COOKIE = "operator"
DEVICE_COOKIE = "operator_device"
PROVIDER_COOKIE = "operator_provider"
DEVICE_S = 400 * 86_400
"""As long as browsers keep a cookie at most."""
FRESH_S = 600
"""What guards the account itself is changed only so soon after its owner proved who they are."""


class NotSignedInError(Exception):
    """Whoever asks for the page has to sign in first."""


class StepNeededError(Exception):
    """Whoever asks for the page has to do something else before, at another page."""

    def __init__(self, page: str) -> None:
        super().__init__(page)
        self.page = page


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is signed in."""

    id: str
    email: str
    name: str
    role: Role
    """The most that they may: anywhere, or at the place that a page is about."""
    form_token: str
    """Goes with every form, so that no other site can send one."""
    session: Session
    reach: Reach = NOWHERE
    """Where they may do what the page or form asks for."""

    def may(self, role: str) -> bool:
        """Whether this operator may do what needs that role."""
        return RANK[self.role] >= RANK[Role(role)]

    def may_everywhere(self, role: str) -> bool:
        """Whether they may do so with what is of the whole network."""
        return reach_of(self.session.grants, Role(role)).is_everywhere


# --- cookies -----------------------------------------------------------------------------------


def _is_secure(request: Request) -> bool:
    return (
        central_of(request).settings.base_url.startswith("https:") or request.url.scheme == "https"
    )


def _cookie(request: Request, name: str) -> str:
    """A cookie's name: with https one that no other host of the domain can set."""
    return f"__Host-{name}" if _is_secure(request) else name


def token_of(request: Request) -> str:
    """The token of the session that a browser has; empty without one."""
    return request.cookies.get(_cookie(request, COOKIE), "")


def set_session(request: Request, answer: Response, token: str) -> None:
    """Hand a session to the browser."""
    # Longer than it is good for: what was typed into a form is kept for whose session it was.
    longest_s = central_of(request).settings.sign_in.session_s + sessions.KNOWN_S
    _set(request, answer, COOKIE, token, longest_s)


def end_session(request: Request, answer: Response) -> None:
    """Take it away from the browser."""
    secure = _is_secure(request)
    answer.delete_cookie(_cookie(request, COOKIE), secure=secure, httponly=True, samesite="strict")


def _set(request: Request, answer: Response, name: str, value: str, age_s: int) -> None:
    answer.set_cookie(
        _cookie(request, name),
        value,
        max_age=age_s,
        httponly=True,
        samesite="strict",
        secure=_is_secure(request),
    )


def set_known_device(request: Request, answer: Response, account: str) -> None:
    """Remember that an account's owner has signed in with this browser."""
    value = central_of(request).secrets.serializer("device").dumps([account, new_id()])
    _set(request, answer, DEVICE_COOKIE, value, DEVICE_S)


def known_device(request: Request, account: str) -> str | None:
    """What this browser is called by, if that account's owner has signed in with it."""
    central, value = central_of(request), request.cookies.get(_cookie(request, DEVICE_COOKIE), "")
    try:
        of, device = central.secrets.serializer("device").loads(value, max_age=DEVICE_S)
    except (BadSignature, ValueError, TypeError):
        return None
    return str(device) if of == account else None


def set_provider_state(request: Request, answer: Response, sealed: str, age_s: int) -> None:
    """Keep in the browser what has to come back from the provider. Its cookie comes along from
    another site, as the session's never does."""
    answer.set_cookie(
        _cookie(request, PROVIDER_COOKIE),
        sealed,
        max_age=age_s,
        httponly=True,
        samesite="lax",
        secure=_is_secure(request),
    )


def provider_state(request: Request) -> str:
    """What the browser kept of it."""
    return request.cookies.get(_cookie(request, PROVIDER_COOKIE), "")


def end_provider_state(request: Request, answer: Response) -> None:
    """Take it away from the browser."""
    name, secure = _cookie(request, PROVIDER_COOKIE), _is_secure(request)
    answer.delete_cookie(name, secure=secure, httponly=True, samesite="lax")


# --- who asks ----------------------------------------------------------------------------------


async def session_of(request: Request) -> Session:
    """The session of a request, however far it has come. Raises `NotSignedInError`."""
    central, token = central_of(request), token_of(request)
    found = await central.database.look(sessions.find, central, token) if token else None
    if found is None:
        raise NotSignedInError
    now_ms = central.clock.now_ms()
    # What a page asks for by itself is no use of it: a screen that is left alone signs out.
    if "hx-request" not in request.headers and now_ms - found.seen_ms >= TOUCHED_EVERY_MS:
        await central.database.write(sessions.touch, found, now_ms)
        return replace(found, seen_ms=now_ms)
    return found


def operator(central: Central, session: Session) -> Operator:
    """Who is signed in by a session."""
    form_token = form_token_of(central, session.id)
    return Operator(session.account, session.email, session.name, session.role, form_token, session)


def form_token_of(central: Central, session: str) -> str:
    """What goes with every form of a session."""
    return central.secrets.mark("form", session)


async def operator_of(request: Request) -> Operator:
    """Who is signed in, as far as this account has to. Raises `NotSignedInError`, or
    `StepNeededError`."""
    central, session = central_of(request), await session_of(request)
    standing = session.standing(central.settings.sign_in)
    if standing is Standing.ASKS_FACTOR:
        raise StepNeededError(FACTOR)
    if standing is Standing.ASKS_ENROLMENT:
        raise StepNeededError(ENROL)
    return operator(central, session)


async def _anybody(request: Request) -> Operator:
    """Whoever has a session, also one that still asks for the second factor."""
    return operator(central_of(request), await session_of(request))


async def _beginner(request: Request) -> Operator:
    """Whoever is signed in, or has to set a second factor up first."""
    central, session = central_of(request), await session_of(request)
    if session.standing(central.settings.sign_in) is Standing.ASKS_FACTOR:
        raise StepNeededError(FACTOR)
    return operator(central, session)


class _Allowed:
    """The dependency of a page or a form that asks for a role: somewhere, or for what is of the
    whole network, everywhere."""

    def __init__(self, role: Role, *, is_everywhere: bool = False) -> None:
        self.role, self.is_everywhere = role, is_everywhere

    async def __call__(self, request: Request) -> Operator:
        operator = await operator_of(request)
        reach = reach_of(operator.session.grants, self.role)
        if not reach.areas:
            raise RequestError(403, "forbidden", f"this needs the role {self.role}")
        if self.is_everywhere:
            require_everywhere(reach, self.role)
        return replace(operator, reach=reach)


def require_own_form(operator: Operator, form_token: str) -> None:
    """Refuse a form that is not of this session. Raises `RequestError`."""
    if not same(form_token, operator.form_token):
        raise RequestError(403, "forged", "this form is not of this session; load it again")


class _Acting(_Allowed):
    """The same for a form, which carries the token of the session."""

    async def __call__(self, request: Request, form_token: Annotated[str, Form()] = "") -> Operator:
        operator = await super().__call__(request)
        require_own_form(operator, form_token)
        return operator


async def _acting_anybody(request: Request, form_token: Annotated[str, Form()] = "") -> Operator:
    found = await _anybody(request)
    require_own_form(found, form_token)
    return found


async def _acting_beginner(request: Request, form_token: Annotated[str, Form()] = "") -> Operator:
    found = await _beginner(request)
    require_own_form(found, form_token)
    return found


def is_fresh(request: Request, at_ms: int | None, within_s: int) -> bool:
    """Whether something was proved so lately."""
    return at_ms is not None and central_of(request).clock.now_ms() - at_ms <= within_s * 1000


def require_fresh(request: Request, operator: Operator) -> None:
    """Ask once more who it is before what guards the account is changed. Raises
    `StepNeededError`."""
    if not is_fresh(request, operator.session.proved_ms, FRESH_S):
        raise StepNeededError(CONFIRM)


def require_opening_factor(request: Request, operator: Operator, location: str) -> None:
    """Ask for the second factor before a door is opened, where that is set and none was given
    lately. Raises `StepNeededError`."""
    within_s, session = central_of(request).settings.sign_in.opening_factor_s, operator.session
    if within_s == 0 or is_fresh(request, session.factor_ms, within_s):
        return
    raise StepNeededError(asking(CONFIRM, door=location) if session.has_factor else ENROL)


Viewing = Annotated[Operator, Depends(_Allowed(Role.VIEWER))]
Administering = Annotated[Operator, Depends(_Allowed(Role.ADMIN))]
AdministeringAll = Annotated[Operator, Depends(_Allowed(Role.ADMIN, is_everywhere=True))]
"""An administrator of all locations, for what belongs to none of them."""
LookingAsOperator = Annotated[Operator, Depends(_Allowed(Role.OPERATOR))]
ActingAsViewer = Annotated[Operator, Depends(_Acting(Role.VIEWER))]
ActingAsOperator = Annotated[Operator, Depends(_Acting(Role.OPERATOR))]
ActingAsAdmin = Annotated[Operator, Depends(_Acting(Role.ADMIN))]
ActingAsAdminOfAll = Annotated[Operator, Depends(_Acting(Role.ADMIN, is_everywhere=True))]
Anybody = Annotated[Operator, Depends(_anybody)]
"""Somebody with a session, who may still owe the second factor."""
ActingAnybody = Annotated[Operator, Depends(_acting_anybody)]
Beginner = Annotated[Operator, Depends(_beginner)]
"""Somebody who is signed in, but for a second factor that is to be set up."""
ActingBeginner = Annotated[Operator, Depends(_acting_beginner)]
