"""Ports behind serial servers: `socket://host:port`, the raw bytes of a line over TCP.

The line's speed is set on the server itself. Most servers take one connection at a time, which is
what keeps the port ours.
"""

from __future__ import annotations

import re
import select
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from drivers.port import PORT_ERRORS, Port, PortProblem, PortUnavailableError

SCHEME: Final = "socket"
CONNECT_TIMEOUT_S: Final = 3.0
UNACKNOWLEDGED_LIMIT_MS: Final = 10_000
"""A server that acknowledges nothing for so long is gone: the connection is given up."""
IDLE_BEFORE_PROBES_S: Final = 10
READ_LIMIT_BYTES: Final = 4096


def host_and_port(url: str) -> tuple[str, int]:
    """The parts of `socket://host:port`, or a `PortUnavailableError` that says how it is written.

    A host that is an IPv6 address stands in brackets.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    else:
        if parts.scheme != SCHEME or parts.path not in ("", "/") or parts.query or parts.fragment:
            host = None
        if parts.username is not None or (host and not _is_host(host)):
            host = None
    if not host or not port:
        raise PortUnavailableError(
            PortProblem.OTHER,
            f"{url!r} is no port of a serial server: write socket://HOST:PORT, "
            f"as in socket://192.168.1.20:4001.",
        )
    return host, port


def _is_host(host: str) -> bool:
    """Whether this is an address, or a name that is none gone wrong."""
    if ":" in host:
        return True  # in brackets: the standard library has looked at it
    labels = host.rstrip(".").split(".")
    if labels[-1].isdigit() or not labels[-1]:
        return (
            re.fullmatch(r"(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}", host)
            is not None
        )
    return all(re.fullmatch(r"(?!-)[\w-]{1,63}(?<!-)", label) for label in labels)


class NetworkPort:
    """An open connection to a serial server."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, timeout_s: float) -> bytes:
        readable, _, _ = select.select([self._connection], [], [], max(timeout_s, 0.0))
        if not readable:
            return b""
        data = self._connection.recv(READ_LIMIT_BYTES)
        if not data:
            raise ConnectionResetError("the serial server closed the connection")
        return data

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)

    def close(self) -> None:
        try:
            self._connection.close()
        except PORT_ERRORS:
            # The other end is gone; the descriptor is closed by the system all the same.
            return


@dataclass(frozen=True, slots=True)
class NetworkPortOpener:
    """Connects to one serial server by its URL."""

    name: str

    def is_present(self) -> bool:
        """Nothing tells but a try."""
        return True

    def open(self, baud: int) -> Port:
        host, port = host_and_port(self.name)
        try:
            connection = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
        except OSError as error:
            raise _unavailable(self.name, error) from error
        # A frame is small and must leave at once; a server that lost its power must be noticed.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            connection.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_LIMIT_MS
            )
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_BEFORE_PROBES_S)
        return NetworkPort(connection)


def _unavailable(name: str, error: OSError) -> PortUnavailableError:
    if isinstance(error, socket.gaierror):
        return PortUnavailableError(
            PortProblem.MISSING,
            f"The host of {name} is not known: correct its name in the port, or give its address.",
        )
    if isinstance(error, ConnectionRefusedError):
        return PortUnavailableError(
            PortProblem.BUSY,
            f"Nothing takes a connection at {name}: is the serial server set to raw TCP (TCP "
            f"server) on this port, and does no other program hold it?",
        )
    return PortUnavailableError(
        PortProblem.MISSING,
        f"{name} does not answer ({error}): check the serial server's power, cable and address.",
    )
