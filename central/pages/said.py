"""What a page says of the form before it: only what this server wrote, for this session.

It travels in the address of the page that comes next, with a mark that only this server can make,
so that no link from elsewhere makes a page say something.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import RedirectResponse

from central.context import central_of
from central.pages.session import token_of
from central.tokens import same
from kiosk.model.urls import asking

MARK = "mark"


def saying(
    request: Request, place: str, *, done: str = "", problem: str = "", token: str | None = None
) -> RedirectResponse:
    """To a page that says how it went; `token` is that of a session that is renewed with it."""
    said = {name: text for name, text in (("done", done), ("problem", problem)) if text}
    session = token_of(request) if token is None else token
    mark = _mark(request, session, done, problem)
    return RedirectResponse(asking(place, **said, mark=mark), 303)


def said(request: Request) -> tuple[str, str]:
    """What was done and what was wrong, as the form before said it; nothing else that somebody
    writes into an address."""
    done, problem, mark = (request.query_params.get(name, "") for name in ("done", "problem", MARK))
    is_ours = same(mark, _mark(request, token_of(request), done, problem))
    return (done, problem) if is_ours else ("", "")


def _mark(request: Request, session: str, done: str, problem: str) -> str:
    return central_of(request).secrets.mark("said", "\n".join((session, done, problem)))
