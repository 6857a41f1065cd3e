"""The simulated board of each family, found by the family's name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from drivers.boards.board import FramedBoard
from drivers.boards.family import LockBoard
from drivers.door import DriverError
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.board import SimulatedBoard

AnySimulatedBoard = SimulatedBoard[Any, Any]


@cache
def simulated_class(family: str) -> type[AnySimulatedBoard]:
    """The class that plays a family's boards: `SIMULATED` in the file named as the family's."""
    module = import_module(f"drivers.simulator.boards.{family.replace('-', '_')}")
    simulated: type[AnySimulatedBoard] = module.SIMULATED
    return simulated


def simulate_board(
    board: LockBoard,
    steel: SimulatedBank,
    slots: Mapping[int, str],
    *,
    deaf_after_pulse_s: float = 0.0,
) -> AnySimulatedBoard:
    """A simulated board that speaks the bytes of the given one."""
    if not isinstance(board, FramedBoard):
        raise DriverError(f"the simulator does not speak the bytes of {board!r}")
    return simulated_class(board.name)(board, steel, slots, deaf_after_pulse_s=deaf_after_pulse_s)
