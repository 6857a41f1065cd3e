"""Real serial ports, through pyserial; the way to whatever a port's name means.

A name is the path of a device (`/dev/ttyUSB0`, better `/dev/serial/by-id/...`, which stays when
the adapter is plugged in elsewhere), `socket://host:port` for a serial server, or another URL that
a handler of pyserial's kind knows; the simulator's package of handlers is one of those asked.
"""

from __future__ import annotations

import errno
import os
import select
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import serial

from drivers.network_port import SCHEME as NETWORK_SCHEME
from drivers.network_port import NetworkPortOpener
from drivers.port import PORT_ERRORS, Port, PortProblem, PortUnavailableError

WRITE_TIMEOUT_S: Final = 1.0
"""A frame takes 6 ms: an adapter that does not take it within a second is stuck."""
READ_LIMIT_BYTES: Final = 4096
URL_HANDLERS: Final = "drivers.simulator.handlers"
"""A package with a module `protocol_NAME` for each kind of URL that is ours."""


class SerialPort:
    """An open serial port."""

    def __init__(self, connection: serial.Serial) -> None:
        self._connection = connection

    def read(self, timeout_s: float) -> bytes:
        # pyserial's own time-out would reconfigure the line at every change.
        readable, _, _ = select.select([self._connection.fileno()], [], [], max(timeout_s, 0.0))
        if not readable:
            return b""
        return bytes(self._connection.read(READ_LIMIT_BYTES))

    def write(self, data: bytes) -> None:
        self._connection.write(data)

    def close(self) -> None:
        try:
            self._connection.close()
        except PORT_ERRORS:
            # The device is gone; the descriptor is closed by the system all the same.
            return


@dataclass(frozen=True, slots=True)
class SerialPortOpener:
    """Opens one port by its name, for this process alone."""

    name: str

    def is_present(self) -> bool:
        return "://" in self.name or Path(self.name).exists()

    def open(self, baud: int) -> Port:
        if self.name.lower().startswith(f"{NETWORK_SCHEME}://"):
            return NetworkPortOpener(self.name).open(baud)
        _use_own_handlers()
        try:
            connection = serial.serial_for_url(
                self.name, baud, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
        except PORT_ERRORS as error:
            raise _unavailable(self.name, error) from error
        except ValueError as error:
            # What pyserial raises for a URL that nobody handles, or that its handler refuses.
            raise PortUnavailableError(
                PortProblem.OTHER,
                f"{self.name} is no port: {error}. Give a device's path, socket://HOST:PORT for a "
                f"serial server, or sim://FAMILY.",
            ) from error
        _hold(connection.fileno())
        return SerialPort(connection)


def _hold(descriptor: int) -> None:
    """Keep every later opener out; pyserial's lock stops only programs that ask for it too.

    Not for a pseudo-terminal, which stays shut to all when its holder was killed.
    """
    is_device = os.isatty(descriptor) and not os.ttyname(descriptor).startswith("/dev/pts/")
    if sys.platform == "linux" and is_device:
        make_exclusive(descriptor)


def make_exclusive(descriptor: int) -> None:
    """Tell the system (TIOCEXCL) that nobody but root may open this terminal as well."""
    import fcntl
    import termios

    fcntl.ioctl(descriptor, termios.TIOCEXCL)


def _use_own_handlers() -> None:
    if URL_HANDLERS not in serial.protocol_handler_packages:
        serial.protocol_handler_packages.append(URL_HANDLERS)


def _unavailable(name: str, error: Exception) -> PortUnavailableError:
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return PortUnavailableError(
            PortProblem.MISSING,
            f"There is no serial port {name}: plug the adapter in, or correct the port in the "
            f"site's config.",
        )
    if number in (errno.EACCES, errno.EPERM):
        return PortUnavailableError(
            PortProblem.NOT_PERMITTED,
            f"This user may not open {name}: add the user to group dialout "
            f"(sudo usermod -a -G dialout USER) and start again.",
        )
    if number in (errno.EBUSY, errno.EAGAIN):
        finder = "" if "://" in name else f" (fuser -v {name} shows which one it is)"
        return PortUnavailableError(
            PortProblem.BUSY,
            f"Another program holds {name}: end it{finder}.",
        )
    return PortUnavailableError(
        PortProblem.OTHER, f"{name} does not open as a serial port: {error}."
    )
