"""A proxy between a kiosk and its server: it passes every byte, and cuts its lines on demand."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOOPBACK = "127.0.0.1"


class CuttingProxy:
    """Forwards connections to a port of this machine."""

    def __init__(self, port: int, own_port: int = 0) -> None:
        self.target = port
        self.made = 0
        """How many connections came."""
        self._lines: list[socket.socket] = []
        self._rotten: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((LOOPBACK, own_port))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{LOOPBACK}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection."""
        with self._lock:
            for line in self._lines:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
            self._lines.clear()

    def let_rot(self) -> None:
        """Every connection is found to be over by who sends the next byte."""
        with self._lock:
            self._rotten.update(self._lines)

    def stop(self) -> None:
        """Take no more, and end those there are."""
        # A thread that accepts is not woken by closing what it listens on.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self.made += 1
                self._join(line)

    def _join(self, line: socket.socket) -> None:
        try:
            other = socket.create_connection((LOOPBACK, self.target), 10)
        except OSError:
            line.close()
            return
        other.settimeout(None)
        with self._lock:
            self._lines += [line, other]
        for one, two in ((line, other), (other, line)):
            threading.Thread(target=self._pass_on, args=(one, two), daemon=True).start()

    def _pass_on(self, one: socket.socket, two: socket.socket) -> None:
        with suppress(OSError):
            while (data := one.recv(65536)) and one not in self._rotten:
                two.sendall(data)
        for line in (one, two):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting_proxy(port: int) -> Iterator[CuttingProxy]:
    """One while the block lasts."""
    made = CuttingProxy(port)
    try:
        yield made
    finally:
        made.stop()
