"""The simulated board of each family, by the family's name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from drivers.boards.dingchang_dc import DingchangDC
from drivers.boards.family import LockBoard
from drivers.boards.kerong_cu16 import KerongCU16
from drivers.boards.kerong_cu48 import KerongCU48
from drivers.boards.kerong_cu48b import KerongCU48B
from drivers.boards.lockboard_8a import LockBoard8A
from drivers.boards.modbus_waveshare import ModbusWaveshare
from drivers.boards.modbus_xunming import ModbusXunming
from drivers.door import DriverError
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.board import SimulatedBoard
from drivers.simulator.dingchang_dc import SimulatedDC
from drivers.simulator.kerong import SimulatedCU16, SimulatedCU48, SimulatedCU48B
from drivers.simulator.lockboard_8a import SimulatedBoard8A
from drivers.simulator.modbus import SimulatedWaveshare, SimulatedXunming

AnySimulatedBoard = SimulatedBoard[Any, Any]

SIMULATED: Mapping[type[Any], type[AnySimulatedBoard]] = MappingProxyType(
    {
        LockBoard8A: SimulatedBoard8A,
        KerongCU16: SimulatedCU16,
        KerongCU48: SimulatedCU48,
        KerongCU48B: SimulatedCU48B,
        DingchangDC: SimulatedDC,
        ModbusWaveshare: SimulatedWaveshare,
        ModbusXunming: SimulatedXunming,
    }
)
"""By the class of the board whose bytes they speak."""


def simulate_board(
    board: LockBoard,
    steel: SimulatedBank,
    slots: Mapping[int, str],
    *,
    deaf_after_pulse_s: float = 0.0,
) -> AnySimulatedBoard:
    """A simulated board that speaks the bytes of the given one."""
    if type(board) not in SIMULATED:
        raise DriverError(f"the simulator does not speak the bytes of {board!r}")
    return SIMULATED[type(board)](board, steel, slots, deaf_after_pulse_s=deaf_after_pulse_s)
