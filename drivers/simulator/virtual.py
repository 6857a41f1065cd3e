"""Simulated boards under the real bus and the real bank, in virtual time and without a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from drivers.bank import Bank, BankTiming
from drivers.building import join_bank
from drivers.bus import Bus, BusBoard, BusTiming
from drivers.port import Port, PortProblem, PortUnavailableError
from drivers.runners import BusRunner, MovableClock, TaskRunner
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.families import AnySimulatedBoard
from drivers.simulator.line import SimulatedLine
from drivers.simulator.lines import simulate_lines
from drivers.wiring import BoardWiring, DoorWiring

BURST_GAP_S = 0.002
"""Bytes that follow each other within this reach the computer together, as USB adapters do it."""


class VirtualPort:
    """An open port to a simulated line; waiting moves the bus's clock instead of taking time."""

    def __init__(self, line: SimulatedLine, clock: MovableClock, *, in_bursts: bool = True) -> None:
        self._line = line
        self._clock = clock
        self._in_bursts = in_bursts

    def read(self, timeout_s: float) -> bytes:
        self._check()
        until_s = self._clock.now_s + timeout_s
        received = self._line.take(self._clock.now_s)
        while not received:
            next_s = self._line.next_due_s()
            if next_s is None or next_s > until_s:
                self._clock.now_s = until_s
                return b""
            self._clock.now_s = max(self._clock.now_s, next_s)
            received = self._line.take(self._clock.now_s)
        while self._in_bursts:
            next_s = self._line.next_due_s()
            if next_s is None or next_s > min(until_s, self._clock.now_s + BURST_GAP_S):
                break
            self._clock.now_s = next_s
            received += self._line.take(next_s)
        return received

    def write(self, data: bytes) -> None:
        self._check()
        self._line.write(data, self._clock.now_s)

    def close(self) -> None:
        """Nothing is held."""

    def _check(self) -> None:
        if not self._line.is_plugged:
            raise OSError("the simulated adapter was unplugged")


@dataclass(frozen=True, slots=True)
class VirtualPortOpener:
    """The way to a simulated line by its port's name."""

    name: str
    line: SimulatedLine
    clock: MovableClock
    in_bursts: bool = True

    def is_present(self) -> bool:
        return self.line.is_plugged

    def open(self, baud: int) -> Port:
        if not self.line.is_plugged:
            raise PortUnavailableError(
                PortProblem.MISSING, f"There is no serial port {self.name}: plug the adapter in."
            )
        if baud != self.line.baud:
            raise PortUnavailableError(
                PortProblem.OTHER, f"{self.name} runs at {self.line.baud} baud, not {baud}."
            )
        self.line.clear()
        return VirtualPort(self.line, self.clock, in_bursts=self.in_bursts)


@dataclass(frozen=True, slots=True)
class VirtualSite:
    """A bank, the steel behind it, and the lines between, by port."""

    bank: Bank
    steel: SimulatedBank
    lines: dict[str, SimulatedLine]
    """By the ports' names in the wiring."""
    boards: dict[str, AnySimulatedBoard]
    """By their names in the wiring."""


def virtual_site(
    boards: Sequence[BoardWiring],
    doors: Sequence[DoorWiring],
    rng: Random,
    *,
    clock: Callable[[], float] | None = None,
    bus_timing: BusTiming | None = None,
    timing: BankTiming | None = None,
    in_bursts: bool = True,
    deaf_after_pulse_s: float = 0.0,
    find_device: Callable[[str], str] = str,
) -> VirtualSite:
    """A real bank over simulated boards; call it on the virtual loop it shall live on.

    `find_device` says where a port is plugged in, as `drivers/port.py` does for a real one.
    `site.steel` is where the script plays the person: `close`, `jam`, `open_by_force`, ...
    """
    people_clock = clock or asyncio.get_running_loop().time
    steel = SimulatedBank([door.slot for door in doors], rng, people_clock)
    lines, by_name = simulate_lines(boards, doors, steel, deaf_after_pulse_s=deaf_after_pulse_s)

    def make_runner(port: str, bus_boards: Sequence[BusBoard]) -> BusRunner:
        bus_clock = MovableClock()
        opener = VirtualPortOpener(port, lines[port], bus_clock, in_bursts)
        bus = Bus(opener, bus_boards, bus_clock, bus_timing or BusTiming(), find_device)
        return TaskRunner(bus, bus_clock)

    bank = join_bank(boards, doors, make_runner, timing or BankTiming())
    return VirtualSite(bank, steel, lines, by_name)
