"""Where a simulated line ends: a pseudo-terminal, a TCP port, or a socket inside the process."""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Protocol

from drivers.door import DriverError
from drivers.network_port import SCHEME, host_and_port
from drivers.simulator.pseudo_terminal import PseudoTerminal


class LineEnd(Protocol):
    """The far end of a port, as the simulation holds it."""

    @property
    def name(self) -> str:
        """The port's name in the wiring."""

    @property
    def is_plugged(self) -> bool: ...

    def plug(self) -> None:
        """Make the port openable."""

    def unplug(self) -> None:
        """Take it away: whoever has it open gets an error."""

    def fileno(self) -> int:
        """The descriptor to wait on for what the computer writes; the same while plugged in."""

    def read(self) -> bytes:
        """What the computer has written."""

    def write(self, data: bytes) -> None:
        """Send to the computer; what it does not take is lost, as on a wire."""


class _SocketEnd(ABC):
    """An end that holds one connection at a time, and waits for the next when that is gone."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._selector: selectors.BaseSelector | None = None
        self._connection: socket.socket | None = None

    @property
    def is_plugged(self) -> bool:
        return self._selector is not None

    def plug(self) -> None:
        if self._selector is None:
            self._selector = selectors.DefaultSelector()

    def unplug(self) -> None:
        self._hang_up()
        if self._selector is not None:
            self._selector.close()
            self._selector = None

    def fileno(self) -> int:
        """A descriptor that stands for all that is waited for."""
        descriptor: int = self._open_selector().fileno()  # type: ignore[attr-defined]
        return descriptor

    def read(self) -> bytes:
        self._look_for_connections()
        if self._connection is None:
            return b""
        try:
            data = self._connection.recv(4096)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._hang_up()
        return data

    def write(self, data: bytes) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.send(data)

    def _open_selector(self) -> selectors.BaseSelector:
        if self._selector is None:
            raise DriverError(f"{self.name} is not plugged in")
        return self._selector

    def _adopt(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._open_selector().register(connection, selectors.EVENT_READ)
        self._connection = connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._open_selector().unregister(self._connection)
            self._connection.close()
            self._connection = None

    @abstractmethod
    def _look_for_connections(self) -> None:
        """Take a connection that waits."""


class NetworkEnd(_SocketEnd):
    """A TCP port, as a serial server offers one; a second caller is refused."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._place = host_and_port(name)
        self._listener: socket.socket | None = None

    def plug(self) -> None:
        if self.is_plugged:
            return
        try:
            self._listener = socket.create_server(self._place)
        except OSError as error:
            raise DriverError(
                f"the simulator cannot listen at {self.name}: {error.strerror}; give the config "
                f"a free port of this machine"
            ) from error
        self._listener.setblocking(False)
        super().plug()
        self._open_selector().register(self._listener, selectors.EVENT_READ)

    def unplug(self) -> None:
        super().unplug()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _look_for_connections(self) -> None:
        while self._listener is not None:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            if self._connection is not None and _is_gone(self._connection):
                self._hang_up()
            if self._connection is None:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._adopt(connection)
            else:
                connection.close()


class InnerEnd(_SocketEnd):
    """An end inside this process: `connect` gives the computer's side."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._lock = threading.Lock()

    def read(self) -> bytes:
        with self._lock:
            return super().read()

    def connect(self) -> socket.socket:
        """The near side of a new connection, for any thread. One at a time: else EBUSY."""
        with self._lock:
            if self._connection is not None and not _is_gone(self._connection):
                raise OSError(errno.EBUSY, f"{self.name} is open already")
            self._hang_up()
            near, far = socket.socketpair()
            self._adopt(far)
            return near

    def _look_for_connections(self) -> None:
        """Connections are handed in."""


def _is_gone(connection: socket.socket) -> bool:
    """Whether the other side has hung up and nothing of it is left to read."""
    with contextlib.suppress(BlockingIOError):
        try:
            return connection.recv(1, socket.MSG_PEEK) == b""
        except ConnectionError:
            return True
    return False


def line_end(port: str) -> LineEnd:
    """The end for a port's name: TCP for `socket://`, else a pseudo-terminal at that path."""
    if port.startswith(f"{SCHEME}://"):
        return NetworkEnd(port)
    if "://" in port:
        raise DriverError(
            f"the simulator cannot be {port!r}: give the config a path or socket://HOST:PORT"
        )
    return PseudoTerminal(Path(port))
