"""Counts every request by its route's template, and how long its answer took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from central.adapters import monotonic_s
from central.counters import HTTP_REQUESTS, HTTP_SECONDS

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE: Final = "none"


class CountedRequests:
    """Hands a request on, and counts it when it is answered."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request; what fails with no answer counts as 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, status = monotonic_s(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = self._template(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            HTTP_REQUESTS.labels(route=route, method=method, status=str(status)).inc()
            HTTP_SECONDS.labels(route=route).observe(monotonic_s() - began_s)

    def _template(self, scope: Scope) -> str:
        """The template of the route that a request is for, also where it was refused before it
        came there; never its path, of which there are as many as somebody likes to send."""
        found: Any = scope.get("route")
        if found is None:
            matching = (each for each in self._routes if each.matches(scope)[0] != Match.NONE)
            found = next(matching, None)
        return str(getattr(found, "path", NO_ROUTE))
