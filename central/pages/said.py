"""What a page says of the form before it: only what this server wrote, for this session.

It travels in the address of the page that comes next, signed, so that no link from elsewhere makes
a page say something.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import RedirectResponse
from itsdangerous import BadData

from central.context import central_of
from central.pages.session import COOKIE
from kiosk.model.urls import asking

PURPOSE = "said"
FOR_S = 300


def saying(request: Request, place: str, *, done: str = "", problem: str = "") -> RedirectResponse:
    """To a page that says how it went."""
    serializer = central_of(request).secrets.serializer(PURPOSE)
    said = serializer.dumps([_session(request), done, problem])
    return RedirectResponse(asking(place, said=said), 303)


def said(request: Request) -> tuple[str, str]:
    """What was done and what was wrong, as the form before said it; nothing else that somebody
    writes into an address."""
    text = request.query_params.get("said", "")
    try:
        whose, done, problem = central_of(request).secrets.serializer(PURPOSE).loads(text, FOR_S)
    except (BadData, ValueError, TypeError):
        return "", ""
    return (str(done), str(problem)) if whose == _session(request) else ("", "")


def _session(request: Request) -> str:
    return central_of(request).secrets.mark(PURPOSE, request.cookies.get(COOKIE, ""))
