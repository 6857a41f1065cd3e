"""Ceilings on connections: how many, of whom, and how long one may take for what it sends or reads.

Who only holds connections open is the first to lose them: where there are too many, the oldest that
asks for nothing makes room for the new one, so that who does ask is always let in. A proxy that is
trusted speaks for many, and is counted only in the whole. Kiosks that are known and wait stand
aside, with a ceiling of their own: they take nobody's place, and nobody takes theirs. Each
connection that is ended so is counted by the setting that ended it, and the log says it once a
minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import resource
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, ClassVar, Final

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from central import limits, problems
from central.adapters import monotonic_s
from central.counters import CONNECTIONS
from central.errors import RequestError
from central.settings import ConnectionLimits

LOG = logging.getLogger("central.connections")
HEAD_MAX_BYTES: Final = 64 * 1024
"""Of a request's line and headers together."""
FILES_KEPT: Final = 256
"""Open files that are no connections: the database, the readers, what goes out."""
LOG_EVERY_S: Final = 60.0
SITE_BITS: Final = 64
"""An IPv6 network of one customer is one address here (RFC 6177)."""
EXTENSION: Final = "connection"
"""Under this name a request finds its connection in its scope."""
_CODES: Final = {
    400: "unreadable",
    408: "too_slow",
    429: "too_many_requests",
    431: "head_too_large",
    503: "unavailable",
}
TOO_MANY_WAIT: Final = "too many kiosks wait here (connections.waiting): come every few seconds"
WAIT_AGAIN_S: Final = 60
HEADERS: Final = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; base-uri 'none';"
    " object-src 'none'; frame-ancestors 'none'; form-action 'self'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
"""What every answer says to browsers."""
HSTS: Final = ("strict-transport-security", "max-age=31536000")


def headers_for(base_url: str) -> dict[str, str]:
    """The headers of every answer of a server that people reach at this address."""
    return HEADERS | (dict([HSTS]) if base_url.startswith("https:") else {})


def whose(address: str) -> str:
    """Who an address counts for."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
        return str(ip_network((known, SITE_BITS), strict=False))
    return address


def most_possible(most: int, waiting: int) -> tuple[int, int]:
    """How many connections this process can hold of those wanted, and how many kiosks that wait
    beside them; it asks for as many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = most + waiting + FILES_KEPT
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return most, waiting
    may_be = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
    resource.setrlimit(resource.RLIMIT_NOFILE, (may_be, hard))
    room = max(1, may_be - FILES_KEPT)
    if room < most:
        LOG.warning(
            "this system lets the server open %d files: it takes %d connections at a time,"
            " not the %d of the setting connections.most",
            *(may_be, room, most),
        )
    return min(most, room), min(waiting, max(0, room - most))


class Connections:
    """All connections of a process."""

    def __init__(self, rules: ConnectionLimits, trusted: Iterable[str], base_url: str) -> None:
        self.rules = rules
        self.most, self.most_waiting = most_possible(rules.most, rules.waiting)
        self.headers = headers_for(base_url)
        self._trusted: list[IPv4Network | IPv6Network] = [ip_network(each) for each in trusted]
        self._open: dict[Connection, str] = {}  # the oldest first
        self._by_address: dict[str, dict[Connection, None]] = {}
        self._aside: set[Connection] = set()
        self._said_s: dict[str, float] = {}

    def enter(self, connection: Connection) -> str:
        """Let a connection in; the name of the setting that keeps it out, or "" where there is
        room, which the oldest that asks for nothing may have to make."""
        who = self._whose(connection)
        here = self._by_address.get(who, {})
        if who and len(here) >= self.rules.by_address and not self._make_room(here, "by_address"):
            return "by_address"
        if len(self._open) >= self.most and not self._make_room(self._open, "most"):
            return "most"
        self._count(connection, who)
        return ""

    def stand_aside(self, connection: Connection) -> bool:
        """This one is a kiosk's that is known and waits: from here on it is not counted with the
        others. False where too many do."""
        if len(self._aside) >= self.most_waiting:
            self.note("waiting", connection)
            return False
        self.leave(connection)
        self._aside.add(connection)
        return True

    def come_back(self, connection: Connection) -> None:
        """It waits no more, and is counted as any other; who asks for nothing makes room."""
        if connection not in self._aside:  # it is over
            return
        self._aside.remove(connection)
        who = self._whose(connection)
        here = self._by_address.get(who, {})
        if who and len(here) >= self.rules.by_address:
            self._make_room(here, "by_address")
        if len(self._open) >= self.most:
            self._make_room(self._open, "most")
        self._count(connection, who)

    def _whose(self, connection: Connection) -> str:
        address = connection.client[0] if connection.client else ""
        return "" if self.is_trusted(address) else whose(address)

    def _count(self, connection: Connection, who: str) -> None:
        self._open[connection] = who
        self._by_address.setdefault(who, {})[connection] = None
        CONNECTIONS.set(len(self._open))

    def leave(self, connection: Connection) -> None:
        """A connection is over."""
        self._aside.discard(connection)
        who = self._open.pop(connection, None)
        if who is not None:
            here = self._by_address[who]
            here.pop(connection, None)
            if not here:
                del self._by_address[who]
        CONNECTIONS.set(len(self._open))

    def is_trusted(self, address: str) -> bool:
        """Whether a proxy that is trusted has this address."""
        try:
            known = ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._trusted)

    def _make_room(self, some: Iterable[Connection], setting: str) -> bool:
        for each in some:
            if each.asks_for_nothing:
                self.note(setting, each)
                each.transport.abort()
                self.leave(each)
                return True
        return False

    def note(self, setting: str, connection: Connection) -> None:
        """Count that a connection was ended by a setting, and say it once a minute."""
        limits.reached(f"connections.{setting}")
        now_s = monotonic_s()
        if now_s - self._said_s.get(setting, -LOG_EVERY_S) >= LOG_EVERY_S:
            self._said_s[setting] = now_s
            value = getattr(self.rules, setting, HEAD_MAX_BYTES)
            LOG.warning(
                "connections.%s = %s was reached; connections are ended, this one from %s"
                " (%d are open); the metric locker_limit_reached counts them",
                *(setting, value, connection.client[0] if connection.client else "?"),
                len(self._open),
            )


class Connection(HttpToolsProtocol):
    """One connection, with an end to each of its waits."""

    all: ClassVar[Connections]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._answered_s = 0.0
        self.when_gone: Callable[[], None] | None = None
        """Called when it is over while its request waits."""

    @property
    def asks_for_nothing(self) -> bool:
        """Whether no request of it is being answered."""
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        kept_out_by = self.all.enter(self)
        if kept_out_by:
            self.all.note(kept_out_by, self)
            self._refuse(503 if kept_out_by == "most" else 429, "Too many connections.")
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.all.leave(self)
        if self.when_gone is not None:
            self.when_gone()
        for timer in (self._head_timer, self._answer_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing() or self.parser is None:
            return
        if self.asks_for_nothing:
            self._head_bytes += len(data)
            if self._head_timer is None:
                self._await_head()
        super().data_received(data)
        if self.asks_for_nothing and self._head_bytes > HEAD_MAX_BYTES:
            self.all.note("head", self)
            self._refuse(431, f"A request's head has at most {HEAD_MAX_BYTES} bytes.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: self}  # type: ignore[dict-item]

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None

    def _await_head(self) -> None:
        within_s = self.all.rules.head_within_s
        self._head_timer = self.loop.call_later(within_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self.all.note("head_within_s", self)
        self._refuse(408, "The head of a request has to arrive sooner.")

    def _await_reading(self) -> None:
        """What is answered has to be read, too: it stands in memory until then."""
        self._answered_s = self.loop.time()
        if self._answer_timer is None:
            self._answer_timer = self.loop.call_at(self._late_s, self._is_read)

    @property
    def _late_s(self) -> float:
        return self._answered_s + self.all.rules.answer_within_s

    def _is_read(self) -> None:
        self._answer_timer = None
        if self.transport.get_write_buffer_size() == 0:
            return
        if self.loop.time() < self._late_s:  # of another answer than the one it was set for
            self._answer_timer = self.loop.call_at(self._late_s, self._is_read)
            return
        self.all.note("answer_within_s", self)
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Also what cannot be read is answered with the headers of every answer."""
        self._refuse(400, msg)

    def _refuse(self, status: int, text: str) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps(problems.body_of(RequestError(status, _CODES[status], text))).encode()
        headers = self.all.headers | {"content-type": problems.MEDIA_TYPE}
        headers |= {"content-length": str(len(body)), "connection": "close"}
        if status in (429, 503):
            headers["retry-after"] = "5"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[status] + f"{lines}\r\n".encode("ascii") + body)
        self.transport.close()
        self._await_reading()


@contextlib.contextmanager
def standing_aside(scope: Scope, when_gone: Callable[[], None]) -> Iterator[None]:
    """While a kiosk that is known waits: its connection takes nobody's place. `when_gone` is called
    when it hangs up. Raises `RequestError` where too many wait."""
    connection: Connection | None = (scope.get("extensions") or {}).get(EXTENSION)
    if connection is None:  # another web server's
        yield
        return
    if connection.transport.is_closing():
        # It hung up before it waited: it has left already, and nobody would count it out again.
        when_gone()
        yield
        return
    if not connection.all.stand_aside(connection):
        raise RequestError(503, "too_many_wait", TOO_MANY_WAIT, retry_after_s=WAIT_AGAIN_S)
    connection.when_gone = when_gone
    try:
        yield
    finally:
        connection.when_gone = None
        connection.all.come_back(connection)


def guarded(connections: Connections) -> type[Connection]:
    """The class of the connections of one server."""
    return type("GuardedConnection", (Connection,), {"all": connections})
