"""Passkeys at the pages: added and removed at one's own account, given as the second factor."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from central.areas.visible import nothing_of_others
from central.context import Central, central_of
from central.operators import accounts, factors, passkeys
from central.operators.sessions import Proof, Standing
from central.pages.forms import carry_out
from central.pages.own_account import added, require_another, require_may_set_up
from central.pages.paths import ACCOUNT, HOME
from central.pages.proving import (
    address_of,
    address_wait_s,
    back_to,
    is_full,
    page_that_asks,
    problem_at,
    proved,
    refused,
    slow_on,
)
from central.pages.rendering import page
from central.pages.session import (
    ActingAnybody,
    ActingAsViewer,
    ActingBeginner,
    Beginner,
    require_fresh,
)

router = APIRouter(prefix=HOME, include_in_schema=False)
PAGE = f"{ACCOUNT}/passkey"
Answer = Annotated[str, Form(max_length=32_768)]
Name = Annotated[str, Form(max_length=64)]


@router.get("/account/passkey")
async def passkey_page(request: Request, who: Beginner) -> Response:
    """Offer to make a passkey, where browsers give any to this server."""
    require_may_set_up(request, who)
    central, session = central_of(request), who.session
    if not passkeys.are_possible(central):
        return RedirectResponse(f"{ACCOUNT}/app", 303)
    options = await central.database.write(passkeys.options_to_add, central, session)
    is_done = session.standing(central.settings.sign_in) is Standing.FULL
    return page(
        request,
        "passkey.html",
        operator=who if is_done else None,
        who=who,
        options=options,
        must_have=not is_done,
    )


@router.post("/account/passkey")
async def passkey_add(
    request: Request, who: ActingBeginner, answer: Answer, name: Name = ""
) -> Response:
    require_may_set_up(request, who)

    def do(connection: Connection, central: Central) -> None:
        passkeys.add(connection, central, who.session, answer, name)

    return await added(request, who, PAGE, do)


@router.post("/account/passkeys/{name}/remove")
async def passkey_remove(request: Request, name: str, operator: ActingAsViewer) -> Response:
    require_fresh(request, operator)

    def do(connection: Connection, central: Central) -> None:
        accounts.lock(connection, operator.id)
        others = [
            each for each in passkeys.of_account(connection, operator.id) if each["id"] != name
        ]
        is_other = bool(others) or factors.has_app(connection, operator.id)
        require_another(central, operator, is_other=is_other)
        passkeys.remove(connection, central, operator.session, name)

    return await carry_out(
        request, nothing_of_others, "/account", "The passkey is taken no more.", do
    )


@router.post("/sign-in/passkey")
async def passkey(
    request: Request, operator: ActingAnybody, answer: Answer, back: Name = "", door: Name = ""
) -> Response:
    """Take a passkey as the second factor. It cannot be guessed: no guesser keeps its owner out."""
    central, session = central_of(request), operator.session
    asked, was_full = page_that_asks(request, operator, back, door), is_full(request, operator)
    if (wait_s := await address_wait_s(request)) > 0:
        return slow_on(asked, wait_s)

    def do(connection: Connection, central: Central) -> bool:
        if passkeys.use(connection, central, session, answer):
            return True
        refused(connection, central, operator.email, "factor.refused", address_of(request))
        return False

    if not await central.database.write(do, central):
        return problem_at(asked, "passkey")
    to = back_to(back, door, was_full)
    return await proved(request, operator, Proof.FACTOR, "passkey", to)
