"""An operator's own account: password, second factors, recovery codes, sessions."""

from __future__ import annotations

from typing import Annotated, Any

import segno
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from central.areas.visible import nothing_of_others
from central.context import Central, audit, central_of
from central.errors import RequestError
from central.operators import accounts, factors, passkeys, passwords, sessions
from central.operators.sessions import Proof, Session, Standing
from central.pages.forms import carry_out
from central.pages.paths import ACCOUNT, ENROL, HOME, SIGN_IN
from central.pages.proving import address_of
from central.pages.rendering import page
from central.pages.said import saying
from central.pages.session import (
    FRESH_S,
    ActingAsViewer,
    ActingBeginner,
    Beginner,
    Operator,
    Viewing,
    is_fresh,
    operator,
    require_fresh,
    set_known_device,
    set_session,
)
from central.pages.sign_in import Secret, own_password

router = APIRouter(prefix=HOME, include_in_schema=False)
APP = "app"


def _shown(connection: Connection, central: Central, session: Session) -> dict[str, Any]:
    rules, now_ms = central.settings.sign_in, central.clock.now_ms()
    return {
        "sessions": sessions.of_account(connection, session.account, rules, now_ms),
        "passkeys": passkeys.of_account(connection, session.account),
        "codes_left": factors.recovery_codes_left(connection, session.account),
    }


@router.get("/account")
async def account(request: Request, operator: Viewing) -> Response:
    central = central_of(request)
    shown = await central.database.look(_shown, central, operator.session)
    is_admin = operator.may("admin")
    return page(
        request,
        "account.html",
        operator=operator,
        session=operator.session,
        must_have=central.settings.sign_in.needs_factor(is_admin),
        is_fresh=is_fresh(request, operator.session.proved_ms, FRESH_S),
        few=factors.FEW,
        passkeys_possible=passkeys.are_possible(central),
        least=passwords.LEAST,
        **shown,
    )


def _said(request: Request, problem: str) -> Response:
    return saying(request, ACCOUNT, problem=problem)


# --- the password ------------------------------------------------------------------------------


@router.post("/account/password")
async def change_password(
    request: Request, operator: ActingAsViewer, current: Secret, password: Secret, again: Secret
) -> Response:
    """Set another password; every other session of the account ends."""
    central = central_of(request)
    wait_s, is_right = await own_password(request, operator, current)
    if wait_s > 0:
        return _said(request, f"Too many tries. The next one may come in {wait_s:.0f} s.")
    if not is_right:
        return _said(request, "Your password now is another one.")
    if password != again:
        return _said(request, "The two new passwords are not the same.")
    try:
        password_hash = await passwords.hashed(central, password)
    except RequestError as error:
        return _said(request, error.message)

    def do(connection: Connection, central: Central) -> str | None:
        session = operator.session
        by = operator.email
        passwords.change(connection, central, by, operator.id, password_hash, kept=session)
        return sessions.renew(connection, central, session, Proof.NONE)

    token = await central.database.write(do, central)
    return _renewed(request, token, "The password is changed; your other sessions have ended.")


def _renewed(request: Request, token: str | None, done: str) -> Response:
    if token is None:
        return RedirectResponse(SIGN_IN, 303)
    answer = saying(request, ACCOUNT, done=done, token=token)
    set_session(request, answer, token)
    return answer


# --- sessions ----------------------------------------------------------------------------------


@router.post("/account/sign-out-others")
async def sign_out_others(request: Request, operator: ActingAsViewer) -> Response:
    """End every other session, and what has copied this one's cookie."""

    def do(connection: Connection, central: Central) -> str | None:
        ended = sessions.end_all(connection, operator.id, but=operator.session)
        now_ms, who, address = central.clock.now_ms(), operator.email, address_of(request)
        audit(connection, now_ms, who, "user.sign-out", who, address, sessions_ended=ended)
        return sessions.renew(connection, central, operator.session, Proof.NONE)

    token = await central_of(request).database.write(do, central_of(request))
    return _renewed(request, token, "Your other sessions have ended.")


# --- the app -----------------------------------------------------------------------------------


def require_may_set_up(request: Request, who: Operator) -> None:
    """Somebody who has just signed in sets the first one up; whoever has one gives it before."""
    rules = central_of(request).settings.sign_in
    if who.session.standing(rules) is Standing.FULL:
        require_fresh(request, who)


@router.get("/account/app")
async def app_page(request: Request, who: Beginner) -> Response:
    """Show the secret for an app, as a QR code and as text, until it has been confirmed."""
    require_may_set_up(request, who)
    central, session = central_of(request), who.session

    def do(connection: Connection, central: Central) -> str:
        secret = sessions.offered(connection, central, session, APP) or factors.new_app_secret()
        sessions.offer(connection, central, session, APP, secret)
        return secret

    secret = await central.database.write(do, central)
    drawing = segno.make(factors.app_uri(central, who.email, secret)).svg_data_uri(
        scale=4, border=4
    )
    is_done = session.standing(central.settings.sign_in) is Standing.FULL
    return page(
        request,
        "app.html",
        operator=who if is_done else None,
        who=who,
        drawing=drawing,
        secret=" ".join(secret[n : n + 4] for n in range(0, len(secret), 4)),
        must_have=not is_done,
        passkeys_possible=passkeys.are_possible(central),
    )


@router.post("/account/app")
async def app_confirm(
    request: Request, who: ActingBeginner, code: Annotated[str, Form(max_length=40)]
) -> Response:
    """Take the app once it shows the right code; the recovery codes come with the first factor."""
    require_may_set_up(request, who)

    def do(connection: Connection, central: Central) -> None:
        secret = sessions.offered(connection, central, who.session, APP)
        if secret is None:
            raise RequestError(409, "old", "this page was left open too long; scan the code again")
        factors.set_app(connection, central, who.session, secret, code)
        sessions.take_offer(connection, central, who.session, APP)

    return await added(request, who, ENROL, do)


async def added(request: Request, who: Operator, here: str, add: Any) -> Response:
    """Add a second factor; a new token for the session, and recovery codes with the first one."""
    central = central_of(request)

    def do(connection: Connection, central: Central) -> tuple[str | None, list[str]]:
        accounts.lock(connection, who.id)
        add(connection, central)
        codes = []
        if not factors.recovery_codes_left(connection, who.id):
            codes = factors.new_recovery_codes(connection, central, who.session)
        return sessions.renew(connection, central, who.session, Proof.FACTOR), codes

    try:
        token, codes = await central.database.write(do, central)
    except RequestError as error:
        return saying(request, here, problem=error.message)
    if token is None:
        return RedirectResponse(SIGN_IN, 303)
    if not codes:
        answer = _renewed(request, token, "The second factor is set up.")
    else:
        found = await central.database.look(sessions.find, central, token)
        if found is None:
            return RedirectResponse(SIGN_IN, 303)
        answer = _codes_page(request, operator(central, found), codes)
        set_session(request, answer, token)
    set_known_device(request, answer, who.id)
    return answer


def _codes_page(request: Request, who: Operator, codes: list[str]) -> Response:
    return page(request, "recovery_codes.html", operator=who, codes=codes)


@router.post("/account/app/remove")
async def app_remove(request: Request, operator: ActingAsViewer) -> Response:
    require_fresh(request, operator)

    def do(connection: Connection, central: Central) -> None:
        accounts.lock(connection, operator.id)
        is_other = bool(passkeys.of_account(connection, operator.id))
        require_another(central, operator, is_other=is_other)
        factors.remove_app(connection, central, operator.session)

    return await carry_out(
        request, nothing_of_others, "/account", "The app's codes are taken no more.", do
    )


def require_another(central: Central, operator: Operator, *, is_other: bool) -> None:
    """Keep the last second factor of somebody who must have one. Raises `RequestError`."""
    if not is_other and central.settings.sign_in.needs_factor(operator.may("admin")):
        raise RequestError(409, "last_factor", "set another second factor up first")


@router.post("/account/recovery")
async def new_recovery_codes(request: Request, operator: ActingAsViewer) -> Response:
    """New recovery codes in place of those before, shown on the page that answers."""
    require_fresh(request, operator)
    if not operator.session.has_factor:
        return _said(request, "Set a second factor up first; recovery codes come with it.")
    central = central_of(request)
    codes = await central.database.write(factors.new_recovery_codes, central, operator.session)
    return _codes_page(request, operator, codes)
