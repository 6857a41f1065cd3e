"""From a site's wiring to a bank that runs: boards, a bus and a port for each line."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from drivers.bank import Bank, BankTiming
from drivers.boards import FAMILIES
from drivers.boards.family import LockBoard
from drivers.bus import Bus, BusBoard, BusTiming
from drivers.door import DriverError
from drivers.port import PortOpener
from drivers.runners import BusRunner, ThreadRunner
from drivers.serial_port import SerialPortOpener
from drivers.wiring import BoardWiring, DoorWiring, check_wiring


def make_board(wiring: BoardWiring) -> LockBoard:
    """The board of its family, or a `DriverError` that names what is wrong."""
    if wiring.family not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise DriverError(f"board {wiring.name}: family {wiring.family!r} is none of {known}")
    family = FAMILIES[wiring.family]
    return family(wiring.address, wiring.channels, invert=wiring.invert, options=wiring.options)


def join_bank(
    boards: Sequence[BoardWiring],
    doors: Sequence[DoorWiring],
    make_runner: Callable[[str, Sequence[BusBoard]], BusRunner],
    timing: BankTiming,
) -> Bank:
    """A bank over one bus per distinct port; `make_runner` builds each from its port's name."""
    check_wiring(boards, doors)
    on_port: dict[str, list[BoardWiring]] = {}
    for wiring in boards:
        on_port.setdefault(wiring.port, []).append(wiring)
    runners: dict[str, BusRunner] = {}
    for port, wirings in on_port.items():
        bus_boards = [BusBoard(each.name, each.family, make_board(each)) for each in wirings]
        runner = make_runner(port, bus_boards)
        runners.update({each.name: runner for each in wirings})
    blind = frozenset(wiring.name for wiring in boards if not wiring.has_door_sensors)
    return Bank({wiring.name: runners[wiring.name] for wiring in boards}, doors, timing, blind)


def open_bank(
    boards: Sequence[BoardWiring],
    doors: Sequence[DoorWiring],
    *,
    open_port: Callable[[str], PortOpener] = SerialPortOpener,
    bus_timing: BusTiming | None = None,
    timing: BankTiming | None = None,
) -> Bank:
    """The bank of a real site: a thread and a serial port for each distinct port."""

    def make_runner(port: str, bus_boards: Sequence[BusBoard]) -> BusRunner:
        # The loop's clock is the same monotonic clock, so that ages and windows agree.
        return ThreadRunner(
            Bus(open_port(port), bus_boards, time.monotonic, bus_timing or BusTiming())
        )

    return join_bank(boards, doors, make_runner, timing or BankTiming())
