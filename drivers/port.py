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


def device_of(port: str) -> str:
    """What a port's name leads to now: the device behind a link, or the name of a URL itself."""
    return port if "://" in port else str(Path(port).resolve())


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
