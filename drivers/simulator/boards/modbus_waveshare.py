"""The board's side of `modbus-waveshare`, described in `drivers/boards/modbus_waveshare.py`.

Pulsed relays read as off: pulses are short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.boards.modbus_waveshare import (
    CHANNEL_COUNTS,
    FLASH_ON,
    FLASH_TENTHS,
    ModbusWaveshare,
)
from drivers.frames import FrameError, hexed
from drivers.modbus import OFF, ON
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.boards import modbus
from drivers.simulator.boards.modbus import (
    ILLEGAL_PLACE,
    ILLEGAL_VALUE,
    RefusedError,
    SimulatedModbus,
)

FLASH_OFF: Final = 0x0400
EVERY_RELAY: Final = 0x00FF
TOGGLE: Final = 0x5500
MODE: Final = 0x1000
MODES: Final = range(4)
REQUEST_LENGTHS: Final = (modbus.SHORT_REQUEST_LENGTH,)


@dataclass(frozen=True, slots=True)
class FlashOnRequest:
    """Switch a relay on, and off again after so many tenths of a second."""

    address: int
    channel: int
    tenths: int


@dataclass(frozen=True, slots=True)
class FlashOffRequest:
    """Switch a relay off, and on again after so many tenths of a second."""

    address: int
    channel: int
    tenths: int


@dataclass(frozen=True, slots=True)
class SwitchOnRequest:
    """Switch a relay on for good."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class SwitchOffRequest:
    """Switch a relay off."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class ToggleRequest:
    """Switch a relay to the other state."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class SwitchAllOnRequest:
    """Switch every relay on."""

    address: int


@dataclass(frozen=True, slots=True)
class SwitchAllOffRequest:
    """Switch every relay off."""

    address: int


@dataclass(frozen=True, slots=True)
class WriteModeRequest:
    """Set how a relay follows its input; 0 is not at all."""

    address: int
    channel: int
    mode: int


@dataclass(frozen=True, slots=True)
class ReadAddressRequest:
    """Ask the only board on the line for its address."""


Request = (
    FlashOnRequest
    | FlashOffRequest
    | SwitchOnRequest
    | SwitchOffRequest
    | ToggleRequest
    | SwitchAllOnRequest
    | SwitchAllOffRequest
    | WriteModeRequest
    | ReadAddressRequest
    | modbus.Request
)


_SWITCHES: Final[
    Mapping[int, type[SwitchOnRequest] | type[SwitchOffRequest] | type[ToggleRequest]]
] = {ON: SwitchOnRequest, OFF: SwitchOffRequest, TOGGLE: ToggleRequest}


def decode_request(frame: bytes) -> Request:
    """What a board is asked by a whole frame; anything else is a `FrameError`.

    What is plain Modbus comes as a request of `modbus.py`.
    """
    request = modbus.decode_request(frame)
    match request:
        case modbus.WriteCoilRequest(address, coil, value):
            try:
                return meaning_of(address, coil, value, CHANNEL_COUNTS)
            except RefusedError as refused:
                raise FrameError(f"{hexed(frame)} is no request of this family") from refused
        case modbus.WriteRegisterRequest(address, register, mode) if mode in MODES:
            if register - MODE + 1 in CHANNEL_COUNTS:
                return WriteModeRequest(address, register - MODE + 1, mode)
        case modbus.ReadRegistersRequest(0, 0, 1):
            return ReadAddressRequest()
    return request


def meaning_of(address: int, coil: int, value: int, relays: range) -> Request:
    """What function 05 asks of a board with these relays; it may refuse."""
    if coil == EVERY_RELAY:
        if value not in (ON, OFF):
            raise RefusedError(ILLEGAL_VALUE)
        return SwitchAllOnRequest(address) if value == ON else SwitchAllOffRequest(address)
    place, relay = coil & 0xFF00, (coil & 0x00FF) + 1
    if relay not in relays or place not in (0, FLASH_ON, FLASH_OFF):
        raise RefusedError(ILLEGAL_PLACE)
    if place == 0:
        if value not in _SWITCHES:
            raise RefusedError(ILLEGAL_VALUE)
        return _SWITCHES[value](address, relay)
    if value not in FLASH_TENTHS:
        raise RefusedError(ILLEGAL_VALUE)
    flash = FlashOnRequest if place == FLASH_ON else FlashOffRequest
    return flash(address, relay, value)


class SimulatedWaveshare(SimulatedModbus[ModbusWaveshare]):
    """One board."""

    def __init__(
        self,
        board: ModbusWaveshare,
        bank: SimulatedBank,
        slots: Mapping[int, str],
        *,
        deaf_after_pulse_s: float = 0.0,
    ) -> None:
        super().__init__(board, bank, slots, deaf_after_pulse_s=deaf_after_pulse_s)
        self._held: set[int] = set()

    @property
    def held(self) -> frozenset[int]:
        """The relays that are switched on for good."""
        return frozenset(self._held)

    def _coils(self) -> dict[int, bool]:
        return {place: place + 1 in self._held for place in range(self.board.inputs)}

    def _inputs(self) -> dict[int, bool]:
        return dict(enumerate(self._closed_bits(self.board.inputs)))

    def _write_coil(self, coil: int, value: int, at_s: float) -> None:
        relays = range(1, self.board.inputs + 1)
        match meaning_of(self.board.address, coil, value, relays):
            case FlashOnRequest(_, relay) | FlashOffRequest(_, relay):
                self._pulse([relay], at_s)
            case SwitchOnRequest(_, relay):
                self._held.add(relay)
                self._pulse([relay], at_s)
            case SwitchOffRequest(_, relay):
                self._held.discard(relay)
            case ToggleRequest(_, relay):
                self._held ^= {relay}
                self._pulse([relay], at_s)
            case SwitchAllOnRequest():
                self._pulse(relays, at_s)

    def _write_coils(self, start: int, states: Sequence[bool], at_s: float) -> None:
        if start + len(states) > self.board.inputs:
            raise RefusedError(ILLEGAL_PLACE)
        self._pulse([start + place + 1 for place, is_on in enumerate(states) if is_on], at_s)

    def _write_register(self, register: int, value: int) -> None:
        relay = register - MODE
        if relay not in range(self.board.inputs):
            raise RefusedError(ILLEGAL_PLACE)
        if value not in MODES:
            raise RefusedError(ILLEGAL_VALUE)

    def _registers(self, start: int, count: int) -> tuple[int, ...]:
        if (start, count) != (0, 1):
            raise RefusedError(ILLEGAL_PLACE)
        return (self.board.address,)


SIMULATED: Final = SimulatedWaveshare
