"""Forms of other sites are refused before any route is asked, those of signing in among them.

A browser says where a form comes from (Sec-Fetch-Site, else Origin); a program that says neither is
no browser that somebody else could use.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from central.context import Central
from central.errors import RequestError
from central.pages.paths import HOME
from central.pages.rendering import refused_page

READING = ("GET", "HEAD", "OPTIONS")


class OwnForms:
    """Hands on what a page of this server sends, and refuses what another site's does."""

    def __init__(self, app: ASGIApp, central: Central) -> None:
        self._app, self._central = app, central

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request, or refuse it."""
        is_form = scope["type"] == "http" and scope["method"] not in READING
        if is_form and scope["path"].startswith(HOME) and not self._is_own(Headers(scope=scope)):
            problem = "this form comes from another site; open the page here and send it again"
            error = RequestError(403, "foreign", problem)
            await refused_page(Request(scope), error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_own(self, headers: Headers) -> bool:
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        origin = headers.get("origin")
        if origin is None:
            return True
        own = urlsplit(self._central.settings.base_url).netloc
        return bool(origin) and urlsplit(origin).netloc in (own, headers.get("host"))
