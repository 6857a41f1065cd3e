"""`sim://FAMILY?board=1&channels=12`: simulated boards inside the process, behind a port's name.

Whoever opens the name sees a serial port and nothing else. The same name is the same steel for as
long as the process lives: doors stay as they were when the port is closed and opened again.

| in the URL | means |
|---|---|
| `board=N` | a board's address; give it several times for several boards on one line |
| `channels=K` | how many locks each board has; all of them have doors |
| `invert=true` | the sensors are wired the other way round |
| `seed=N` | makes the doors' springs the same each time |
| `do=COMMAND` | a command of the simulator, done at the start: `do=jam+3`, `do=close-after+2` |
| anything else | an option of the family |

A door is named by its channel; with several boards by `BOARD-CHANNEL`, as in `2-7`.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Mapping
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import serial
from serial.urlhandler import protocol_socket

from drivers.boards import FAMILIES
from drivers.boards.family import BoardFamily
from drivers.boards.options import parse_option
from drivers.door import DriverError
from drivers.simulator.commands import Command, parse_command
from drivers.simulator.line_end import InnerEnd
from drivers.simulator.simulation import SimulatedSite, Simulation
from drivers.wiring import BoardWiring, DoorWiring

START_TIMEOUT_S: Final = 5.0
USAGE: Final = "write sim://FAMILY?board=N&channels=K"

_ends: dict[str, InnerEnd] = {}
_ends_lock = threading.Lock()


def end_of(url: str) -> InnerEnd:
    """The running simulation's end for a URL; started at its first use.

    Raises `ValueError`, as pyserial wants it, when the URL describes no board that there can be.
    """
    with _ends_lock:
        if url not in _ends:
            try:
                _ends[url] = _start(url)
            except DriverError as error:
                raise ValueError(f"{error} ({USAGE})") from error
        return _ends[url]


def _start(url: str) -> InnerEnd:
    site, rng, script = read_url(url)
    end = InnerEnd(url)
    simulation = Simulation(site, rng, time.monotonic, make_end=lambda _: end)
    simulation.play(script)
    is_ready = threading.Event()
    simulation.listen(lambda _: is_ready.set())
    threading.Thread(target=simulation.run, name=url, daemon=True).start()
    is_ready.wait(START_TIMEOUT_S)
    return end


def read_url(url: str) -> tuple[SimulatedSite, Random, list[Command]]:
    """The site, its `rng` and the commands that a URL describes, or a `DriverError`."""
    parts = urlsplit(url)
    # The text as written: a host name would be taken as lower case, which families are anyway.
    family = FAMILIES.get(parts.netloc)
    if family is None or parts.path not in ("", "/"):
        raise DriverError(f"{parts.netloc!r} is no family; there are {', '.join(FAMILIES)}")
    given = parse_qs(parts.query, keep_blank_values=True)
    addresses = [_number("board", text) for text in given.pop("board", [])]
    channels = _number("channels", _one(given, "channels", str(family.channel_counts[-1])))
    is_inverted = _one(given, "invert", "false")
    if is_inverted not in ("true", "false"):
        raise DriverError(f"invert={is_inverted} is neither true nor false")
    seed = _one(given, "seed", "")
    rng = Random(_number("seed", seed)) if seed else Random()
    script = [found for line in given.pop("do", []) if (found := parse_command(line)) is not None]
    options = _options(family, {name: values[-1] for name, values in given.items()})
    boards = tuple(
        BoardWiring(
            f"board {address}", family.name, url, address, channels, is_inverted == "true", options
        )
        for address in addresses or [family.addresses[0]]
    )
    return SimulatedSite(boards, _doors(boards)), rng, script


def _doors(boards: tuple[BoardWiring, ...]) -> tuple[DoorWiring, ...]:
    return tuple(
        DoorWiring(
            f"{channel}" if len(boards) == 1 else f"{board.address}-{channel}", board.name, channel
        )
        for board in boards
        for channel in range(1, board.channels + 1)
    )


def _one(given: dict[str, list[str]], name: str, otherwise: str) -> str:
    return given.pop(name, [otherwise])[-1]


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise DriverError(f"{name}={text} is no whole number")
    return int(text)


def _options(family: BoardFamily, given: Mapping[str, str]) -> Mapping[str, object]:
    return dict(parse_option(family.name, family.options, *item) for item in given.items())


class Serial(protocol_socket.Serial):
    """The port that pyserial makes for the URL."""

    def open(self) -> None:
        """Connect to the simulation. Raises `SerialException`, or `ValueError` for the URL."""
        if self.is_open:
            raise serial.SerialException("Port is already open.")
        end = end_of(str(self.portstr))
        try:
            self._socket: Any = end.connect()
        except OSError as error:
            # Reported by its number, as a real port reports it.
            raise serial.SerialException(error.errno or errno.EIO, str(error)) from error
        except DriverError as error:
            raise serial.SerialException(errno.ENOENT, os.strerror(errno.ENOENT)) from error
        self._socket.setblocking(False)
        self.logger = None
        self.is_open = True

    def close(self) -> None:
        """Hang up; unlike a network's connection it need not be waited for."""
        if self.is_open:
            self.is_open = False
            self._socket.close()
            self._socket = None
