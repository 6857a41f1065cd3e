"""Whether a port's name and the boards on it can ever work, found out without opening anything.

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
_NUMBERED: Final = re.compile(r"tty(usb|acm|ama|s)(\d*)", re.IGNORECASE)
"""The usual serial devices: of one spelling, with a number, directly in /dev."""
_NOT_IN_NAMES: Final = frozenset("*?,;$%\"'<>|…")
"""What comes of a pattern, a list, a variable or an example; no device is called so."""
_NO_SERIAL_LINE: Final = frozenset(
    f"/dev/{name}"
    for name in (
        *("null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"),
        *("stdin", "stdout", "stderr", "pts", "shm", "input", "bus", "disk", "usb"),
        *("serial", "serial/by-id", "serial/by-path"),
    )
)
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


def same_port(port: str) -> str:
    """What every way of writing this port has in common."""
    scheme, is_url, _ = port.partition("://")
    if not is_url or scheme.lower() != NETWORK_SCHEME:
        return port
    try:
        host, number = host_and_port(port)
    except DriverError:
        return port
    return f"{NETWORK_SCHEME}://{host.lower().rstrip('.')}:{number}"


def shares_its_name(port: str) -> bool:
    """Whether two adapters of one kind get this by-id name: a CH340 has no serial number."""
    return _WITHOUT_SERIAL.match(port) is not None


def _require_path(port: str) -> None:
    right = 'write the device\'s whole path, as in "/dev/ttyUSB0" or "/dev/serial/by-id/usb-…"'
    folder, _, name = port.rpartition("/")
    if any(not sign.isprintable() or sign in _NOT_IN_NAMES or sign == " " for sign in port):
        raise DriverError(f"{port!r} is no plain path of a device: {right}")
    if not name or posixpath.normpath(port) != port or "\\" in port:
        raise DriverError(f"{port!r} is no plain path of a device: {right}")
    is_in_dev = port.startswith("/dev/")
    if not folder or (_DEVICE_NAME.match(name) and not is_in_dev):
        raise DriverError(f"{port!r} is no path of a device: {right}")
    if folder.split("/")[0].lower() in ("dev", "~", "..") or ":" in folder.split("/")[0]:
        raise DriverError(f"{port!r} is no path of a device: {right}")
    numbered = _NUMBERED.fullmatch(name)
    if is_in_dev and numbered:
        spelled = f"/dev/tty{numbered[1].upper()}{numbered[2]}"
        if port != spelled or not numbered[2]:
            raise DriverError(f"{port!r} is no path of a device: {right}")
    if port in _NO_SERIAL_LINE or (is_in_dev and re.fullmatch(r"com\d+", name, re.IGNORECASE)):
        raise DriverError(f"{port!r} is no serial device: {right}")


def _require_simulation(port: str) -> None:
    # Only who names a simulation loads the simulator.
    from drivers.simulator.handlers.protocol_sim import read_url

    try:
        site, _, _ = read_url(port)
    except ValueError as error:
        raise DriverError(f"{port!r} is no URL of a simulation: {error}") from error
    for board in site.boards:
        timing_of(board)
