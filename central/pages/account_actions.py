"""What administrators do with accounts: make them, let them do more or less, help their owners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy import Connection

from central.areas.visible import nothing_of_others, of_account
from central.auth import Role
from central.context import Central, central_of
from central.errors import RequestError
from central.operators import accounts, factors, passwords
from central.pages import queries
from central.pages.forms import Text, carry_out, only
from central.pages.listing import Wanted, WantedList, by, of_rows
from central.pages.paths import CONFIRM, HOME
from central.pages.rendering import page
from central.pages.said import saying
from central.pages.session import (
    FRESH_S,
    ActingAsAdmin,
    Administering,
    Operator,
    StepNeededError,
    is_fresh,
)
from kiosk.model.urls import asking, path

router = APIRouter(prefix=HOME, include_in_schema=False)

BY_ACCOUNT: Final = by("email", "name", "role", "sessions")


async def _fresh(request: Request, operator: ActingAsAdmin) -> Operator:
    """An administrator who has proved lately who they are: accounts open everything else."""
    if not is_fresh(request, operator.session.proved_ms, FRESH_S):
        raise StepNeededError(asking(CONFIRM, back="accounts"))
    return operator


ActingAsFreshAdmin = Annotated[Operator, Depends(_fresh)]


@router.get("/accounts")
async def all_accounts(request: Request, operator: Administering, wanted: WantedList) -> Response:
    return await _page(request, operator, wanted)


async def _page(request: Request, operator: Operator, wanted: Wanted, **shown: Any) -> Response:
    central = central_of(request)
    rows = await central.database.look(queries.accounts, operator.reach, central)
    shown["listed"] = of_rows(rows, wanted, BY_ACCOUNT, lambda row: f"{row['email']} {row['name']}")
    shown["areas"] = await central.database.look(queries.areas, operator.reach)
    rules, least = central.settings.sign_in, passwords.LEAST
    return page(request, "accounts.html", operator=operator, rules=rules, least=least, **shown)


@router.post("/accounts")
async def account_add(
    request: Request,
    operator: ActingAsFreshAdmin,
    email: Text,
    name: Text,
    role: Annotated[Role, Form()],
    password: Text = "",
    area: Text = "",
) -> Response:
    """Make an account; without a password its owner sets one by the link that is shown."""

    def do(connection: Connection, central: Central) -> str:
        by, reach = operator.email, operator.reach
        account = accounts.add_user(
            connection, central, by, email, name, role, password, area, reach
        )
        return "" if password else passwords.make_link(connection, central, by, account)

    if password:
        return await carry_out(request, nothing_of_others, "/accounts", f"{email} may sign in.", do)
    return await _with_link(request, operator, email, do)


@router.post("/accounts/{name}/link")
async def account_link(request: Request, name: str, operator: ActingAsFreshAdmin) -> Response:
    """A link with which the owner sets a new password, shown on the page that answers."""
    central, about = central_of(request), of_account(operator.reach, name)

    def email_of(connection: Connection) -> str:
        about(connection)
        return accounts.email_of(connection, name)

    def do(connection: Connection, central: Central) -> str:
        return passwords.make_link(connection, central, operator.email, name)

    email = await central.database.look(email_of)
    return await _with_link(request, operator, email, only(about, do))


async def _with_link(
    request: Request,
    operator: Operator,
    email: str,
    operation: Callable[[Connection, Central], str],
) -> Response:
    central = central_of(request)
    try:
        token = await central.database.write(operation, central)
    except RequestError as error:
        return saying(request, f"{HOME}/accounts", problem=error.message)
    address = f"{central.settings.base_url}{HOME}{path('link', token)}"
    return await _page(request, operator, Wanted(), link={"email": email, "address": address})


@router.post("/accounts/{name}/role")
async def account_role(
    request: Request,
    name: str,
    operator: ActingAsFreshAdmin,
    role: Annotated[Role, Form()],
    area: Text = "",
) -> Response:
    """Give a role in an area, or everywhere, in place of the one that the account has right
    there."""

    def do(connection: Connection, central: Central) -> None:
        _require_other(operator, name, "nobody changes their own role")
        by, reach = operator.email, operator.reach
        accounts.set_role(connection, central, by, name, role, area, reach)

    done = "The role is changed; the account's sessions have ended."
    return await carry_out(request, of_account(operator.reach, name), "/accounts", done, do)


@router.post("/accounts/{name}/take-role")
async def account_take_role(
    request: Request, name: str, operator: ActingAsFreshAdmin, area: Text = ""
) -> Response:
    """Take the role away that an account has right in an area, or everywhere."""

    def do(connection: Connection, central: Central) -> None:
        _require_other(operator, name, "nobody changes their own role")
        accounts.take_role(connection, central, operator.email, name, area)

    done = "The role is taken away; the account's sessions have ended."
    return await carry_out(request, of_account(operator.reach, name), "/accounts", done, do)


@router.post("/accounts/{name}/factor")
async def account_factor(request: Request, name: str, operator: ActingAsFreshAdmin) -> Response:
    """Take the second factors of somebody away who has lost them."""

    def do(connection: Connection, central: Central) -> None:
        _require_other(operator, name, "your own stand at Your account")
        factors.reset(connection, central, operator.email, name)

    done = "The second factors are taken away; the account's sessions have ended."
    return await carry_out(request, of_account(operator.reach, name), "/accounts", done, do)


@router.post("/accounts/{name}/sign-out")
async def account_sign_out(request: Request, name: str, operator: ActingAsAdmin) -> Response:
    def do(connection: Connection, central: Central) -> None:
        accounts.sign_out_everywhere(connection, central, operator.email, name)

    return await carry_out(
        request,
        of_account(operator.reach, name),
        "/accounts",
        "The account's sessions have ended.",
        do,
    )


@router.post("/accounts/{name}/disable")
async def account_disable(request: Request, name: str, operator: ActingAsAdmin) -> Response:
    def do(connection: Connection, central: Central) -> None:
        _require_other(operator, name, "nobody disables their own account")
        accounts.disable_user(connection, central, operator.email, name)

    return await carry_out(
        request,
        of_account(operator.reach, name),
        "/accounts",
        "The account is disabled; its sessions have ended.",
        do,
    )


@router.post("/accounts/{name}/enable")
async def account_enable(request: Request, name: str, operator: ActingAsFreshAdmin) -> Response:
    def do(connection: Connection, central: Central) -> None:
        accounts.enable_user(connection, central, operator.email, name)

    return await carry_out(
        request, of_account(operator.reach, name), "/accounts", "The account may sign in again.", do
    )


def _require_other(operator: Operator, account: str, problem: str) -> None:
    if account == operator.id:
        raise RequestError(409, "own", problem)
