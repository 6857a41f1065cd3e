"""Whether a port's name and the boards on it can ever work, told without opening anything.

What is refused here is what the openers and the bus would refuse at the start, or would look for
in vain for ever; `kiosk check` asks here, so that what it passes starts.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Final, Protocol

from drivers.boards import FAMILIES
from drivers.boards.family import LineTiming
from drivers.door import DriverError
from drivers.network_port import SCHEME as NETWORK_SCHEME
from drivers.network_port import host_and_port

SIMULATOR_SCHEME: Final = "sim"
_DEVICE_NAME: Final = re.compile(r"(tty|cu[.a]|com\d|usb-|pci-|platform-)", re.IGNORECASE)
"""How systems name their serial devices; a file in the data folder is not called so."""
_WITHOUT_SERIAL: Final = re.compile(
    r"/dev/serial/by-id/usb-1a86_(?!.*_[0-9A-Fa-f]{6,}-if)", re.IGNORECASE
)


class Described(Protocol):
    """A lock board as a config describes it, as far as its bytes go."""

    @property
    def family(self) -> str: ...
    @property
    def address(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def invert(self) -> bool: ...
    @property
    def options(self) -> Mapping[str, object]: ...


def timing_of(board: Described) -> LineTiming:
    """How a board wants its line. Raises `DriverError` for a board that its family has not."""
    family = FAMILIES[board.family]
    made = family(board.address, board.channels, invert=board.invert, options=board.options)
    return made.timing


def require_port_name(port: str) -> None:
    """Raise a `DriverError` that says how a port is written, when this cannot be one."""
    scheme, is_url, _ = port.partition("://")
    if not is_url:
        _require_path(port)
    elif scheme.lower() == NETWORK_SCHEME:
        host_and_port(port)
    elif scheme == SIMULATOR_SCHEME:
        _require_simulation(port)
    else:
        raise DriverError(
            f"{scheme}:// is no kind of port: write socket://HOST:PORT for a serial server, "
            f"or a device's path"
        )


def shares_its_name(port: str) -> bool:
    """Whether two adapters of one kind get this by-id name: a CH340 has no serial number."""
    return _WITHOUT_SERIAL.match(port) is not None


def _require_path(port: str) -> None:
    right = 'write the device\'s whole path, as in "/dev/ttyUSB0" or "/dev/serial/by-id/usb-…"'
    folder, _, name = port.rpartition("/")
    if not name or port != port.strip() or posixpath.normpath(port) != port or "\\" in port:
        raise DriverError(f"{port!r} is no plain path of a device: {right}")
    is_in_dev = port.startswith("/dev/")
    if not folder or (_DEVICE_NAME.match(name) and not is_in_dev):
        raise DriverError(f"{port!r} is no path of a device: {right}")
    if folder.split("/")[0].lower() in ("dev", "~", "..") or ":" in folder.split("/")[0]:
        raise DriverError(f"{port!r} is no path of a device: {right}")


def _require_simulation(port: str) -> None:
    # Only who names a simulation loads the simulator.
    from drivers.simulator.handlers.protocol_sim import read_url

    try:
        site, _, _ = read_url(port)
    except ValueError as error:
        raise DriverError(f"{port!r} is no URL of a simulation: {error}") from error
    for board in site.boards:
        timing_of(board)
