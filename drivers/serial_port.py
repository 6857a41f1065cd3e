"""Real serial ports, through pyserial."""

from __future__ import annotations

import errno
import select
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import serial

from drivers.port import PORT_ERRORS, Port, PortProblem, PortUnavailableError

WRITE_TIMEOUT_S: Final = 1.0
"""A frame takes 6 ms: an adapter that does not take it within a second is stuck."""


class SerialPort:
    """An open serial port."""

    def __init__(self, connection: serial.Serial) -> None:
        self._connection = connection

    def read(self, timeout_s: float) -> bytes:
        # pyserial's own time-out would reconfigure the line at every change.
        readable, _, _ = select.select([self._connection.fileno()], [], [], max(timeout_s, 0.0))
        if not readable:
            return b""
        return bytes(self._connection.read(max(1, self._connection.in_waiting)))

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
    """Opens one serial port by its path, for this process alone."""

    name: str

    def is_present(self) -> bool:
        return Path(self.name).exists()

    def open(self, baud: int) -> Port:
        try:
            connection = serial.Serial(
                self.name, baud, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
        except PORT_ERRORS as error:
            raise _unavailable(self.name, error) from error
        return SerialPort(connection)


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
        return PortUnavailableError(
            PortProblem.BUSY,
            f"Another program holds {name}: end it (fuser -v {name} shows which one it is).",
        )
    return PortUnavailableError(
        PortProblem.OTHER, f"{name} does not open as a serial port: {error}."
    )
