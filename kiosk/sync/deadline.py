"""A whole exchange with the server has an end, however slowly its answer drips.

The time-outs of a socket are for each piece that arrives: a server that sends a byte now and then
would hold the thread for ever. So the connection is cut when the exchange takes too long in all.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Final
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

EXCHANGE_WITHIN_S: Final = 180.0
"""What a long message takes on a line of a few kilobytes a second, and its answer."""


class _Lines:
    """The lines of the connections that a session made; an answer may outlive its connection."""

    def __init__(self) -> None:
        self.count = 0
        """How many were made so far."""
        self._made: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()
        self._is_over: Callable[[], bool] = bool

    def add(self, line: socket.socket) -> None:
        with self._lock:
            self.count += 1
            self._made.add(line)
        if self._is_over():
            self.cut()

    def cut(self) -> None:
        """End what is under way on them, from any thread."""
        with self._lock:
            for line in list(self._made):
                with suppress(OSError):
                    # Below TLS, which would wait for the other side's good-bye.
                    socket.socket.shutdown(line, socket.SHUT_RDWR)

    @contextmanager
    def until(self, is_over: Callable[[], bool]) -> Iterator[None]:
        """Cut each line that is made when it is over: `cut` may come before it is there."""
        self._is_over = is_over
        try:
            yield
        finally:
            self._is_over = bool


class _Adapter(HTTPAdapter):
    """Notes the lines of the connections that it makes."""

    def __init__(self, made: _Lines) -> None:
        self._made = made
        super().__init__()

    def init_poolmanager(self, *sizes: Any, **more: Any) -> None:
        super().init_poolmanager(*sizes, **more)
        self.poolmanager.pool_classes_by_scheme = self._pools()

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **more)
        manager.pool_classes_by_scheme = self._pools()
        return manager

    def _pools(self) -> dict[str, type[HTTPConnectionPool]]:
        made = self._made

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                made.add(self.sock)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                made.add(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        return {"http": PlainPool, "https": SecurePool}


class BoundedSession(requests.Session):
    """A session of requests whose exchanges end."""

    def __init__(self) -> None:
        super().__init__()
        self._made = _Lines()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(self._made))

    @property
    def connections(self) -> int:
        """How many connections it made so far."""
        return self._made.count

    def cut(self) -> None:
        """End what is under way, from any thread: it fails as if the other side had hung up."""
        self._made.cut()

    def interruptible(self, is_over: Callable[[], bool]) -> AbstractContextManager[None]:
        """Around an exchange that `cut` may end before its connection is there: it is over, then,
        as soon as it is there."""
        return self._made.until(is_over)

    @contextmanager
    def exchange(self, within_s: float = EXCHANGE_WITHIN_S) -> Iterator[None]:
        """Around one exchange, the reading of its answer included. Raises `requests.Timeout` when
        it took too long, whatever came of it."""
        is_late = threading.Event()

        def cut() -> None:
            is_late.set()
            self._made.cut()

        timer = threading.Timer(within_s, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except requests.RequestException as error:
            if is_late.is_set():
                raise _late(within_s) from error
            raise
        finally:
            timer.cancel()
        if is_late.is_set():
            raise _late(within_s)


def _late(within_s: float) -> requests.Timeout:
    return requests.Timeout(f"the whole exchange took longer than {within_s:g} s")
