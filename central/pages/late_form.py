"""How long a session lasts, for who is warned of its end; and forms that come after it.

The answer to a form that came too late holds what was typed, sealed by this server, so that it can
be sent once its author has signed in again. Nothing of it is kept here, and nobody else gets it.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from cryptography.fernet import InvalidToken
from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from central.context import Central, central_of
from central.errors import RequestError
from central.operators import sessions
from central.pages.paths import ACCOUNT, CONFIRM, HOME, SIGN_IN
from central.pages.rendering import HEADERS, page
from central.pages.session import (
    Beginner,
    NotSignedInError,
    StepNeededError,
    form_token_of,
    operator_of,
    token_of,
)
from central.tokens import same, token_hash

router = APIRouter(prefix=HOME, include_in_schema=False)
AGAIN = "/again"
SECRET = (SIGN_IN, f"{HOME}/link", f"{HOME}/sign-out", CONFIRM, f"{ACCOUNT}/")
"""Forms of which nothing is kept: passwords and codes are typed into them, or nothing is."""
KIND = "late form"
SIZE_MAX = 4_000_000


@router.get("/session")
async def session(request: Request, operator: Beginner) -> Response:
    """In how many seconds the session ends, and the token of its forms."""
    central = central_of(request)
    ends_ms = operator.session.ends_ms(central.settings.sign_in)
    ends_s = max(0, (ends_ms - central.clock.now_ms()) // 1000)
    return JSONResponse({"ends_s": ends_s, "form_token": operator.form_token}, headers=HEADERS)


async def late_form(request: Request) -> Response | None:
    """A page with what was typed into a form whose session has ended; None where it is not a form
    that this server gave to that session, or one of which nothing is kept."""
    central, path = central_of(request), request.url.path
    if request.method != "POST" or not path.startswith(HOME) or path.startswith(SECRET):
        return None
    form, token = await request.form(), token_of(request)
    is_ours = same(str(form.get("form_token", "")), form_token_of(central, token_hash(token)))
    account = await central.database.look(sessions.account_of, token) if is_ours else None
    if account is None:
        return None
    items = [(name, value) for name, value in form.multi_items() if name != "form_token"]
    fields = [[name, value] for name, value in items if isinstance(value, str)]
    typed: dict[str, Any] = {"kind": KIND, "account": account, "path": path, "fields": fields}
    typed["has_file"] = len(fields) < len(items)
    sealed = central.secrets.seal(json.dumps(typed).encode()).decode()
    return _shown(request, typed, sealed, is_over=True)


@router.post(AGAIN)
async def again(request: Request, kept: Annotated[str, Form(max_length=SIZE_MAX)] = "") -> Response:
    """Show what was typed to who has signed in again; a form of the new session sends it."""
    central = central_of(request)
    try:
        found = await operator_of(request)
    except (NotSignedInError, StepNeededError):
        if not kept:
            raise
        typed = _opened(central, kept)
        problem = "You are not signed in yet, or not all the way."
        return _shown(request, typed, kept, is_over=True, problem=problem)
    typed = _opened(central, kept)
    if found.id != typed["account"]:
        raise RequestError(403, "forbidden", "somebody else typed this: it is theirs to send")
    return _shown(request, typed, "", is_over=False, operator=found)


def _opened(central: Central, kept: str) -> dict[str, Any]:
    """What was sealed for a form that came too late, and nothing else that this server seals."""
    try:
        typed = json.loads(central.secrets.opened_within(kept.encode(), sessions.KNOWN_S))
    except (InvalidToken, ValueError) as error:
        raise RequestError(422, "invalid", "what was typed is too old, or not whole") from error
    if not isinstance(typed, dict) or typed.get("kind") != KIND:
        raise RequestError(422, "invalid", "this is no form that came too late")
    return typed


def _shown(
    request: Request, typed: dict[str, Any], kept: str, *, is_over: bool, **more: Any
) -> Response:
    shown = {"operator": None, "typed": typed, "kept": kept, "is_over": is_over, **more}
    return page(request, "late_form.html", 403 if is_over else 200, **shown)
