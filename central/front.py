"""What stands before every route: the headers of every answer, and which address answers what."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from central import problems
from central.api_pages.document import with_examples
from central.connections import headers_for
from central.errors import RequestError

WATCHED: Final = ("/metrics", "/readyz")
"""What is for those who run the server, and may have an address of its own."""
ALSO_THERE: Final = (*WATCHED, "/healthz")

NOT_HERE: Final = RequestError(404, "not_found", "there is nothing at this address")


class Front:
    """Adds the headers; keeps what is for those who run the server at its own address."""

    def __init__(self, app: ASGIApp, base_url: str, watched_port: int | None) -> None:
        self._app, self._headers, self._port = app, headers_for(base_url), watched_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request, and its answer with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._app if self._is_here(scope) else problems.response(NOT_HERE)
        await app(scope, receive, send_with_headers)

    def _is_here(self, scope: Scope) -> bool:
        if self._port is None:
            return True
        is_watching = (scope.get("server") or ("", 0))[1] == self._port
        path = scope["path"]
        return path in ALSO_THERE if is_watching else path not in WATCHED


class Application(FastAPI):
    """The web application behind its front: no answer comes past it, that of a failure neither."""

    base_url: str
    watched_port: int | None

    def openapi(self) -> dict[str, Any]:
        """What programs read of the API, with its examples."""
        if self.openapi_schema is None:
            self.openapi_schema = with_examples(super().openapi())
        return self.openapi_schema

    def build_middleware_stack(self) -> ASGIApp:
        """All of it, the front outermost."""
        return Front(super().build_middleware_stack(), self.base_url, self.watched_port)
