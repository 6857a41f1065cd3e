"""Where the server listens, taken before anything of it is made; and how it runs there."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette

from central.connections import Connections, guarded
from central.errors import CannotServeError
from central.settings import Settings
from central.sync.bells import Bells
from kiosk.model.urls import host as host_in_url


def listen(settings: Settings) -> tuple[list[socket.socket], Settings]:
    """Sockets on all addresses of the settings, and the settings with the ports they have.

    Raises `CannotServeError` that says what to change.
    """
    sockets = bound(settings.host, settings.port)
    port = sockets[0].getsockname()[1]
    changes: dict[str, object] = {"port": port}
    if settings.watched_at:
        parts = urlsplit(f"//{settings.watched_at}")
        own = bound(str(parts.hostname), parts.port or 0)
        own_port = own[0].getsockname()[1]
        if own_port == port:
            raise CannotServeError(
                f"watched_at {settings.watched_at!r}: the server itself has port {port};"
                " right is another"
            )
        changes["watched_at"] = f"{host_in_url(str(parts.hostname))}:{own_port}"
        sockets += own
    return sockets, settings.model_copy(update=changes)


class _Server(uvicorn.Server):
    """Lets those go who wait before it stops: it ends when every request is answered."""

    def __init__(self, config: uvicorn.Config, bells: Bells) -> None:
        super().__init__(config)
        self._bells = bells

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._bells.stop()
        await super().shutdown(sockets)


def run(app: Starlette, settings: Settings, sockets: list[socket.socket]) -> None:
    """Serve until a signal ends it."""
    web_server(app, settings).run(sockets)


def web_server(app: Starlette, settings: Settings) -> uvicorn.Server:
    """What serves the application, with its ceilings."""
    rules = settings.connections
    connections = Connections(rules, settings.trusted_proxies, settings.base_url)
    served = uvicorn.Config(
        app,
        http=guarded(connections),
        ws="none",
        log_level="warning",
        lifespan="on",
        server_header=False,
        timeout_keep_alive=rules.idle_s,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.trusted_proxies),
        **_tls(settings),
    )
    return _Server(served, app.state.bells)


def _tls(settings: Settings) -> dict[str, Any]:
    """What uvicorn is given of TLS, where the server ends it itself."""
    if settings.tls_certificate is None:
        return {}
    options: dict[str, Any] = {"ssl_certfile": settings.tls_certificate}
    options["ssl_keyfile"] = settings.tls_key
    if settings.tls_client_ca is not None:
        options["ssl_ca_certs"] = str(settings.tls_client_ca)
        options["ssl_cert_reqs"] = ssl.CERT_REQUIRED
    return options


def bound(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address of a host; port 0 is a free one. They do not listen yet: who
    reaches the server may ask it.

    Raises `CannotServeError` that says what to change.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        problem = f"host {host!r}: there is no such address; right is one of this machine's"
        raise CannotServeError(f"{problem}, like 127.0.0.1, or 0.0.0.0 for all of them") from error
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, place in dict.fromkeys((family, place[:2]) for family, _, _, _, place in found):
        number = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(_bound(family, (str(place[0]), number)))
        except OSError as error:
            # A name may stand for an address that this machine does not have: localhost for ::1.
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                missing = error
                continue
            for each in sockets:
                each.close()
            raise CannotServeError(_why(str(place[0]), number, error)) from error
    if missing is not None and not sockets:
        problem = f"host {host!r} is no address of this machine; right is one of its own"
        raise CannotServeError(f"{problem}, like 127.0.0.1, or 0.0.0.0 for all") from missing
    return sockets


def _bound(family: int, place: tuple[str, int]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(place)
    except OSError:
        made.close()
        raise
    return made


def _why(address: str, port: int, error: OSError) -> str:
    where = f"port {port} on {address}"
    if error.errno == errno.EADDRINUSE:
        return f"{where}: another program listens there; stop it, or choose another with --port"
    if error.errno == errno.EACCES:
        return f"{where}: only root may listen there; choose one from 1024 on with --port"
    return f"{where}: {error.strerror}"
