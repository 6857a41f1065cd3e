"""From a site's wiring to simulated lines with their boards."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.building import make_board
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.families import AnySimulatedBoard, simulate_board
from drivers.simulator.line import SimulatedLine
from drivers.wiring import BoardWiring, DoorWiring


def simulate_lines(
    boards: Sequence[BoardWiring],
    doors: Sequence[DoorWiring],
    steel: SimulatedBank,
    *,
    deaf_after_pulse_s: float = 0.0,
) -> tuple[dict[str, SimulatedLine], dict[str, AnySimulatedBoard]]:
    """The lines by port and the boards by name that a site's wiring describes."""
    by_name: dict[str, AnySimulatedBoard] = {}
    on_port: dict[str, list[AnySimulatedBoard]] = {}
    for wiring in boards:
        board = make_board(wiring)
        slots = {door.channel: door.slot for door in doors if door.board == wiring.name}
        simulated = simulate_board(board, steel, slots, deaf_after_pulse_s=deaf_after_pulse_s)
        by_name[wiring.name] = simulated
        on_port.setdefault(wiring.port, []).append(simulated)
    lines = {
        port: SimulatedLine(steel, simulated, simulated[0].board.timing.baud)
        for port, simulated in on_port.items()
    }
    return lines, by_name
