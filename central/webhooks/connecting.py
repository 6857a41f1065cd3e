"""Connections to receivers: made to an address that was checked, for as long as one answer takes.

The TLS certificate is held against the host of the URL, whatever address that has. No proxy of the
environment is used, no redirect is followed, and of an answer no more is read than is needed.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import httpcore

from central.webhooks.destinations import Address, Named, allowed, literal_of

ANSWER_MAX_BYTES: Final = 8 * 1024
"""Of an answer's body so much is read at most; with more to come the connection is given up."""
SHOWN_MAX: Final = 200
CONNECT_S: Final = 5.0
BODY_S: Final = 1.0
RESOLVERS: Final = 32
"""So many names are asked for at a time: of a receiver never more than one."""
_FAILED: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
    UnicodeError,
)
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


class NotAllowedError(Exception):
    """All addresses of a receiver are such that webhooks do not go there."""


class NotReachedError(Exception):
    """No answer came; it is tried again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said."""

    status: int
    text: str
    retry_after: str = ""
    """As the header of that name has it."""


class Resolver:
    """What the system says a name stands for, asked for on threads of its own: a name server that
    does not answer holds up nobody else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVERS, "resolver")

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, _asked, host, port)
        except (OSError, UnicodeError) as error:
            raise NotReachedError(f"{host} has no address: {error}") from error
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Wait for nobody who is still asked for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _asked(host: str, port: int) -> list[Address]:
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(row[4][0])) for row in rows]


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that may be connected to, and to no other."""

    def __init__(self, named: Named, resolve: Resolve, *, is_tls: bool) -> None:
        self._named, self._resolve, self._is_tls = named, resolve, is_tls
        self._inner = httpcore.AnyIOBackend()
        self._asking = asyncio.Lock()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        problem: Exception = NotReachedError(f"{host} has no address")
        for address in await self._addresses(host, port):
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem

    async def _addresses(self, host: str, port: int) -> Sequence[Address]:
        literal = literal_of(host)
        if literal is not None:
            found: Sequence[Address] = [literal]
        else:
            async with self._asking:
                found = await self._resolve(host, port)
        usable = allowed(found, self._named, is_tls=self._is_tls)
        if found and not usable:
            raise NotAllowedError(
                f"{host} is at {', '.join(map(str, found[:3]))}: webhooks go to public addresses"
                " by https, and to those that webhooks.addresses names"
            )
        return usable

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Connections:
    """Those to one receiver, as long as something is sent there."""

    def __init__(
        self, url: str, named: Named, resolve: Resolve, tls: ssl.SSLContext, *, most: int
    ) -> None:
        self._url = url
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=most,
            max_keepalive_connections=most,
            network_backend=_Checked(named, resolve, is_tls=url.startswith("https:")),
        )

    async def post(self, payload: bytes, headers: Mapping[str, str], within_s: float) -> Answer:
        """What the receiver answers. Raises `NotReachedError`, `NotAllowedError`."""
        try:
            async with asyncio.timeout(within_s):
                return await self._post(payload, headers)
        except TimeoutError as error:
            raise NotReachedError(f"no answer within {within_s:g} s") from error
        except _FAILED as error:
            raise NotReachedError(f"{type(error).__name__}: {error}"[:SHOWN_MAX]) from error

    async def _post(self, payload: bytes, headers: Mapping[str, str]) -> Answer:
        sent = {"content-type": "application/json", "user-agent": "parcel-lockers", **headers}
        async with self._pool.stream(
            "POST",
            self._url,
            headers=list(sent.items()),
            content=payload,
            extensions={"timeout": {"connect": CONNECT_S}},
        ) as response:
            text = await _begin_of(response)
            later = [v for name, v in response.headers if name.lower() == b"retry-after"]
            shown = later[0].decode("ascii", "replace").strip() if later else ""
            return Answer(response.status, text, shown)

    async def close(self) -> None:
        """Give them up."""
        await self._pool.aclose()


async def _begin_of(response: httpcore.Response) -> str:
    """How an answer's body begins. What it is worth stands in its status: however slowly the rest
    comes, nobody waits for it for long."""
    body = bytearray()
    with suppress(TimeoutError, *_FAILED):
        async with asyncio.timeout(BODY_S):
            async for part in response.aiter_stream():
                body += part
                if len(body) > ANSWER_MAX_BYTES:
                    break
    return bytes(body[:SHOWN_MAX]).decode(errors="replace")


def retry_after_ms(text: str, now_ms: int) -> int | None:
    """When a receiver asks to be tried again (RFC 9110, 10.2.3); None where it does not."""
    if text.isdecimal():
        return now_ms + int(text[:9]) * 1000
    with suppress(ValueError, TypeError, OverflowError):
        at = parsedate_to_datetime(text)
        return int(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000)
    return None


@functools.cache
def tls_of(ca: Path | None) -> ssl.SSLContext:
    """What holds certificates against the host of a URL, made once: it reads all that the machine
    trusts."""
    return ssl.create_default_context(cafile=None if ca is None else str(ca))
