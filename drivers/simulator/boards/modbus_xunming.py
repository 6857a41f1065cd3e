"""The board's side of `modbus-xunming`, whose frames `drivers/boards/modbus_xunming.py` describes.

Its doors are read as the board's options have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.boards.modbus_xunming import (
    ADDRESSES,
    CHANNEL_COUNTS,
    FIRST_LOCK,
    LOCKS,
    PULSE_MS,
    ModbusXunming,
)
from drivers.frames import FrameError, hexed
from drivers.simulator.boards import modbus
from drivers.simulator.boards.modbus import (
    ILLEGAL_PLACE,
    ILLEGAL_VALUE,
    RefusedError,
    SimulatedModbus,
)

OWN_TIME: Final = 0xFF00
FOR_EVER: Final = 0xFFFF
RESTART: Final = 0x03E8
NODE: Final = 0x03E9
REQUEST_LENGTHS: Final = (modbus.SHORT_REQUEST_LENGTH,)


@dataclass(frozen=True, slots=True)
class UnlockRequest:
    """Pulse one lock for so many milliseconds."""

    address: int
    channel: int
    pulse_ms: int


@dataclass(frozen=True, slots=True)
class UnlockForOwnTimeRequest:
    """Pulse one lock for as long as is set on the board."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class HoldOnRequest:
    """Hold a lock's current on until it is switched off."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class HoldOffRequest:
    """Switch a lock's current off."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class WriteNodeRequest:
    """Give a board another node number."""

    address: int
    node: int


@dataclass(frozen=True, slots=True)
class RestartRequest:
    """Restart a board."""

    address: int


Request = (
    UnlockRequest
    | UnlockForOwnTimeRequest
    | HoldOnRequest
    | HoldOffRequest
    | WriteNodeRequest
    | RestartRequest
    | modbus.Request
)


def decode_request(frame: bytes) -> Request:
    """What a board is asked by a whole frame; anything else is a `FrameError`.

    What is plain Modbus comes as a request of `modbus.py`.
    """
    request = modbus.decode_request(frame)
    match request:
        case modbus.WriteCoilRequest(address, coil, value):
            try:
                return meaning_of(address, coil, value)
            except RefusedError as refused:
                raise FrameError(f"{hexed(frame)} is no request of this family") from refused
        case modbus.WriteRegisterRequest(address, 0x03E9, node) if node in ADDRESSES:
            return WriteNodeRequest(address, node)
        case modbus.WriteRegisterRequest(address, 0x03E8, 0x00FF):
            return RestartRequest(address)
    return request


def meaning_of(address: int, coil: int, value: int) -> Request:
    """What function 05 asks of a board; it may refuse."""
    channel = coil - FIRST_LOCK + 1
    if channel not in CHANNEL_COUNTS:
        raise RefusedError(ILLEGAL_PLACE)
    match value:
        case 0x0000:
            return HoldOffRequest(address, channel)
        case 0xFF00:
            return UnlockForOwnTimeRequest(address, channel)
        case 0xFFFF:
            return HoldOnRequest(address, channel)
        case _ if value in PULSE_MS:
            return UnlockRequest(address, channel, value)
    raise RefusedError(ILLEGAL_VALUE)


class SimulatedXunming(SimulatedModbus[ModbusXunming]):
    """One board."""

    everyone: ClassVar[frozenset[int]] = frozenset({modbus.BROADCAST, 0xFE})

    def _coils(self) -> dict[int, bool]:
        return self._doors_if(self.board.reads_coils)

    def _inputs(self) -> dict[int, bool]:
        return self._doors_if(not self.board.reads_coils)

    def _doors_if(self, are_here: bool) -> dict[int, bool]:
        bits = self._closed_bits(LOCKS) if are_here else ()
        return dict(enumerate(bits, start=self.board.first_place))

    def _write_coil(self, coil: int, value: int, at_s: float) -> None:
        match meaning_of(self.board.address, coil, value):
            case (
                UnlockRequest(_, channel)
                | UnlockForOwnTimeRequest(_, channel)
                | HoldOnRequest(_, channel)
            ):
                self._pulse([channel], at_s)

    def _write_register(self, register: int, value: int) -> None:
        if register not in (NODE, RESTART):
            raise RefusedError(ILLEGAL_PLACE)


SIMULATED: Final = SimulatedXunming
