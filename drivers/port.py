"""What the bus and the scanner need of a serial port, and when to open it again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from drivers.door import DriverError

try:
    from termios import error as termios_error
except ImportError:  # a system without termios cannot raise its error
    termios_error = OSError  # type: ignore[misc, assignment]

PORT_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, termios_error)
"""All that an open port may raise. pyserial's own error is an OSError, termios's is not."""


class PortProblem(StrEnum):
    """Why a port does not open."""

    MISSING = "MISSING"
    BUSY = "BUSY"
    NOT_PERMITTED = "NOT_PERMITTED"
    OTHER = "OTHER"


class PortUnavailableError(DriverError):
    """A port does not open; the message tells a technician what to do."""

    def __init__(self, problem: PortProblem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


def port_in(folder: Path, port: str) -> str:
    """A port's name as it is opened: a URL or an absolute path as it is, any other in `folder`."""
    return port if "://" in port else str(folder / port)


TTYS: Final = Path("/sys/class/tty")


def device_of(port: str, ttys: Path = TTYS) -> str:
    """The place of the device behind a port's name: the socket of the adapter, whatever its number.

    `/dev/ttyUSB0` may be another adapter tomorrow, and the same adapter may be `/dev/ttyUSB1`; what
    says whether the cables are as they were is where it is plugged in. A port of which the system
    tells no place is its own name.
    """
    if "://" in port:
        return port
    name = Path(port).resolve().name
    place = ttys / name / "device"
    if not place.exists():
        return port
    device = place.resolve()
    # A USB serial adapter has a device of the number's name below its own.
    return str(device.parent if device.name == name else device)


class Port(Protocol):
    """An open serial port. Any of `PORT_ERRORS` means that it is gone: close and open again."""

    def read(self, timeout_s: float) -> bytes:
        """What has come, as soon as anything has; empty when nothing came in time."""

    def write(self, data: bytes) -> None:
        """Send all of it."""

    def close(self) -> None:
        """Give the port back; never raises."""


class PortOpener(Protocol):
    """The way to one port, open or not."""

    @property
    def name(self) -> str:
        """The path or address as it stands in the config."""

    def open(self, baud: int) -> Port:
        """Open it for this process alone, or raise `PortUnavailableError`."""

    def is_present(self) -> bool:
        """Whether there is something by this name now."""


@dataclass(frozen=True, slots=True)
class ReconnectPlan:
    """When to try again: some quick tries, then a rest between tries, for as long as it takes."""

    quick_tries: int = 5
    pause_s: float = 1.0
    rest_s: float = 60.0
    look_s: float = 0.5
    """How often to look whether a missing port is there again."""

    def delay_s(self, failed_tries: int) -> float:
        """How long to wait after so many tries have failed."""
        return self.pause_s if failed_tries < self.quick_tries else self.rest_s
