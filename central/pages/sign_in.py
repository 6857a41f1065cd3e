"""Signing in and out: the password, the second factor, a link for a new password."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection
from starlette.responses import Response

from central.addresses import folded
from central.context import Central, alarm, audit, central_of
from central.errors import RequestError
from central.operators import accounts, factors, passkeys, passwords, sessions, throttle
from central.operators.sessions import Proof, Session, Standing, Way
from central.pages.paths import FACTOR, HOME, SIGN_IN
from central.pages.proving import (
    address_of,
    address_wait_s,
    back_to,
    browser_of,
    factor_buckets,
    is_full,
    page_that_asks,
    password_buckets,
    problem_at,
    proved,
    refused,
    slow,
    slow_on,
    slowed,
)
from central.pages.rendering import page
from central.pages.session import (
    ActingAnybody,
    Anybody,
    Operator,
    end_session,
    known_device,
    set_known_device,
    set_session,
    token_of,
)
from kiosk.model.urls import path

router = APIRouter(prefix=HOME, include_in_schema=False)
PROBLEMS = {
    "wrong": "This e-mail or password is not right.",
    "code": "This code is not right, or was used already.",
    "passkey": "This passkey was not accepted.",
    "password": "This password is not right.",
    "again": "Please sign in again to do this.",
    "provider": "The provider did not say who you are. Sign in by password, or try once more.",
    "unverified": "The provider has not verified your e-mail address.",
    "no-account": "You have no account here: an administrator makes one with your address.",
    "no-role": "The provider does not say that you may do anything here.",
    "disabled": "Your account is disabled.",
    "other-identity": "The account with your address is somebody else's at the provider.",
}
DONE = {"password": "The password is set. Please sign in with it."}
GUESSES = 50
"""So many wrong passwords for one account within a day are an alarm."""
Secret = Annotated[str, Form(max_length=passwords.MOST)]
Name = Annotated[str, Form(max_length=64)]
Code = Annotated[str, Form(max_length=40)]
Seconds = Annotated[int, Query(ge=0, le=86_400)]


def problem_text(problem: str, wait_s: int) -> str:
    """What was wrong, by the name that stands in the address."""
    if problem == "slow":
        return f"Too many tries. The next one may come in {wait_s} s."
    return PROBLEMS.get(problem, "")


# --- the password ------------------------------------------------------------------------------


@router.get("/sign-in")
async def sign_in_page(
    request: Request, problem: str = "", done: str = "", wait_s: Seconds = 0
) -> Response:
    return page(
        request,
        "sign_in.html",
        problem=problem_text(problem, wait_s),
        done=DONE.get(done, ""),
        operator=None,
        provider=central_of(request).settings.single_sign_on,
    )


@router.post("/sign-in")
async def sign_in(
    request: Request, email: Annotated[str, Form(max_length=254)], password: Secret
) -> Response:
    """Check a password, slowly enough; on to the second factor where there is one."""
    central = central_of(request)
    row = await central.database.look(accounts.find, email)
    device = None if row is None else known_device(request, row.id)
    # By the account, so that no other spelling of its address has tries of its own.
    buckets = password_buckets(request, folded(email) if row is None else row.id, device)
    if (wait_s := await slowed(request, buckets, device)) > 0:
        return slow(SIGN_IN, wait_s)
    password_hash = "" if row is None else row.password_hash
    is_known = device is not None
    is_right = await passwords.is_right(central, password_hash, password, is_known=is_known)
    if row is None or not is_right:
        await central.database.write(_wrong, central, row, address_of(request))
        return RedirectResponse(f"{SIGN_IN}?problem=wrong", 303)
    return await begun(request, row, Way.PASSWORD, buckets[:1])


def _wrong(connection: Connection, central: Central, row: Any, address: str) -> None:
    """Write down a wrong password, and tell operators when there were many for one account."""
    # What nobody is called by may be a password in the wrong field: it is not written down.
    refused(
        connection, central, "somebody" if row is None else row.email, "sign-in.refused", address
    )
    if row is not None and throttle.count(connection, central, f"guesses {row.id}") == GUESSES:
        why = f"{GUESSES} wrong passwords within a day, perhaps from many addresses"
        alarm(connection, central.clock.now_ms(), "account.guessed", row.email, why=why)


async def begun(request: Request, row: Any, way: Way, buckets: list[str]) -> Response:
    """Begin the session of an account whose owner has signed in; its cookie and the next page."""
    central = central_of(request)

    def do(connection: Connection, central: Central) -> tuple[str, Session] | None:
        accounts.lock(connection, row.id)
        now = accounts.find(connection, row.email)
        if now is None or (now.id, now.password_hash) != (row.id, row.password_hash):
            return None  # disabled, or another password, since it was looked at
        throttle.forgive(connection, central, *buckets)
        address, browser = address_of(request), browser_of(request)
        had = token_of(request)
        token = sessions.begin(connection, central, row.id, way, address, browser, replaced=had)
        audit(connection, central.clock.now_ms(), row.email, "sign-in", row.email, address, way=way)
        session = sessions.find(connection, central, token)
        return None if session is None else (token, session)

    found = await central.database.write(do, central)
    if found is None:
        return RedirectResponse(f"{SIGN_IN}?problem=again", 303)
    token, session = found
    standing = session.standing(central.settings.sign_in)
    answer = RedirectResponse(FACTOR if standing is Standing.ASKS_FACTOR else HOME, 303)
    set_session(request, answer, token)
    if standing is Standing.FULL and known_device(request, row.id) is None:
        set_known_device(request, answer, row.id)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, operator: ActingAnybody) -> Response:
    """End the session, here and in the browser."""
    central = central_of(request)

    def do(connection: Connection, central: Central) -> None:
        sessions.end(connection, operator.session)
        now_ms = central.clock.now_ms()
        audit(connection, now_ms, operator.email, "sign-out", operator.email, address_of(request))

    await central.database.write(do, central)
    answer = RedirectResponse(SIGN_IN, 303)
    end_session(request, answer)
    return answer


# --- the second factor -------------------------------------------------------------------------


@router.get("/sign-in/factor")
async def factor_page(
    request: Request, operator: Anybody, problem: str = "", wait_s: Seconds = 0
) -> Response:
    """Ask for the second factor of somebody whose password was right."""
    if operator.session.standing(central_of(request).settings.sign_in) is not Standing.ASKS_FACTOR:
        return RedirectResponse(HOME, 303)
    return await _asking(request, operator, problem, wait_s, "", "")


@router.get("/confirm")
async def confirm_page(
    request: Request,
    operator: Anybody,
    problem: str = "",
    wait_s: Seconds = 0,
    back: Annotated[str, Query(max_length=20)] = "",
    door: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Ask somebody who is signed in to prove who they are once more."""
    if not is_full(request, operator):
        return RedirectResponse(HOME, 303)
    return await _asking(request, operator, problem, wait_s, back, door)


async def _asking(
    request: Request, operator: Operator, problem: str, wait_s: int, back: str, door: str
) -> Response:
    central, options = central_of(request), None
    if operator.session.has_passkey and passkeys.are_possible(central):
        options = await central.database.write(passkeys.options_to_give, central, operator.session)
    return page(
        request,
        "factor.html",
        operator=None,
        who=operator,
        options=options,
        is_full=is_full(request, operator),
        back=back,
        door=door,
        problem=problem_text(problem, wait_s),
    )


@router.post("/sign-in/factor")
async def factor(
    request: Request, operator: ActingAnybody, code: Code, back: Name = "", door: Name = ""
) -> Response:
    """Take the code of the app, once."""
    central, session = central_of(request), operator.session
    asked, was_full = page_that_asks(request, operator, back, door), is_full(request, operator)
    buckets = factor_buckets(request, session, was_full)

    def do(connection: Connection, central: Central) -> float | bool:
        wait_s = throttle.take(connection, central, *buckets)
        if wait_s > 0:
            return wait_s
        if factors.use_app_code(connection, central, session.account, code):
            throttle.forgive(connection, central, buckets[0])
            return True
        address = address_of(request)
        refused(connection, central, operator.email, "factor.refused", address)
        factors.tell_of_guesses(connection, central, session)
        return False

    said = await central.database.write(do, central)
    if said is True:
        to = back_to(back, door, was_full)
        return await proved(request, operator, Proof.FACTOR, "app", to)
    return problem_at(asked, "code") if said is False else slow_on(asked, said)


@router.post("/sign-in/recovery")
async def recovery(
    request: Request, operator: ActingAnybody, code: Code, back: Name = "", door: Name = ""
) -> Response:
    """Take a recovery code, once. They are too long to be guessed: no guesser of the app's codes
    keeps the owner from using one."""
    central, session = central_of(request), operator.session
    asked, was_full = page_that_asks(request, operator, back, door), is_full(request, operator)
    if (wait_s := await address_wait_s(request)) > 0:
        return slow_on(asked, wait_s)

    def do(connection: Connection, central: Central) -> bool:
        if factors.use_recovery_code(connection, central, session.account, code):
            return True
        refused(connection, central, operator.email, "factor.refused", address_of(request))
        return False

    if not await central.database.write(do, central):
        return problem_at(asked, "code")
    to = back_to(back, door, was_full)
    return await proved(request, operator, Proof.FACTOR, "recovery code", to)


@router.post("/confirm")
async def confirm(
    request: Request, operator: ActingAnybody, password: Secret, back: Name = "", door: Name = ""
) -> Response:
    """Take the password once more, of somebody who has no second factor."""
    if operator.session.has_factor or not is_full(request, operator):
        return RedirectResponse(HOME, 303)
    asked = page_that_asks(request, operator, back, door)
    wait_s, is_right = await own_password(request, operator, password)
    if wait_s > 0:
        return slow_on(asked, wait_s)
    if not is_right:
        return problem_at(asked, "password")
    to = back_to(back, door, is_full=True)
    return await proved(request, operator, Proof.PASSWORD, "password", to)


async def own_password(request: Request, operator: Operator, password: str) -> tuple[float, bool]:
    """How long to wait before another try, and whether the password is the operator's own."""
    central = central_of(request)
    device = known_device(request, operator.id)
    buckets = password_buckets(request, operator.id, device)
    if (wait_s := await slowed(request, buckets, device)) > 0:
        return wait_s, False
    row = await central.database.look(accounts.find, operator.email)
    password_hash = "" if row is None else row.password_hash
    is_right = await passwords.is_right(central, password_hash, password, is_known=True)
    if is_right:
        await central.database.write(throttle.forgive, central, buckets[0])
    else:
        await central.database.write(
            refused, central, operator.email, "sign-in.refused", address_of(request)
        )
    return 0, is_right


# --- a link for a new password -----------------------------------------------------------------


@router.get("/link/{token}")
async def link_page(request: Request, token: str, problem: str = "") -> Response:
    """Ask whoever has a link for a new password."""
    central = central_of(request)
    link = await central.database.look(passwords.link_of, central, token)
    said = LINK_PROBLEMS.get(problem, "")
    least = passwords.LEAST
    return page(request, "link.html", operator=None, link=link, problem=said, least=least)


LINK_PROBLEMS = {
    "twice": "The two passwords are not the same.",
    "short": f"The password is too short: {passwords.LEAST} characters at least.",
}


@router.post("/link/{token}")
async def link(request: Request, token: str, password: Secret, again: Secret) -> Response:
    """Set the password; the link is good no more, and all sessions of the account end."""
    central = central_of(request)
    here = f"{HOME}{path('link', token)}"
    await central.database.look(passwords.link_of, central, token)
    if password != again:
        return RedirectResponse(f"{here}?problem=twice", 303)
    try:
        password_hash = await passwords.hashed(central, password)
    except RequestError:
        return RedirectResponse(f"{here}?problem=short", 303)
    used = await central.database.write(passwords.use_link, central, token, password_hash)
    answer = RedirectResponse(f"{SIGN_IN}?done=password", 303)
    end_session(request, answer)
    set_known_device(request, answer, used.account)
    return answer
