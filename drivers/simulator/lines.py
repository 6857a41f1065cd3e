"""From a site's wiring to simulated lines with their boards."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.bank import BoardWiring, DoorWiring
from drivers.boards.lockboard_8a import LockBoard8A
from drivers.door import DriverError
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.line import SimulatedLine
from drivers.simulator.lockboard_8a import SimulatedBoard8A


def simulate_lines(
    boards: Sequence[BoardWiring],
    doors: Sequence[DoorWiring],
    steel: SimulatedBank,
    *,
    deaf_after_pulse_s: float = 0.0,
) -> tuple[dict[str, SimulatedLine], dict[str, SimulatedBoard8A]]:
    """The lines by port and the boards by name that a site's wiring describes."""
    by_name: dict[str, SimulatedBoard8A] = {}
    on_port: dict[str, list[SimulatedBoard8A]] = {}
    for wiring in boards:
        if wiring.family != LockBoard8A.name:
            raise DriverError(
                f"board {wiring.name}: the simulator speaks {LockBoard8A.name}, "
                f"not {wiring.family!r}"
            )
        board = LockBoard8A(
            wiring.address, wiring.channels, invert=wiring.invert, options=wiring.options
        )
        slots = {door.channel: door.slot for door in doors if door.board == wiring.name}
        simulated = SimulatedBoard8A(board, steel, slots, deaf_after_pulse_s=deaf_after_pulse_s)
        by_name[wiring.name] = simulated
        on_port.setdefault(wiring.port, []).append(simulated)
    lines = {
        port: SimulatedLine(steel, simulated, simulated[0].board.timing.baud)
        for port, simulated in on_port.items()
    }
    return lines, by_name
