"""Simulated boards that speak Modbus RTU: `modbus-waveshare` and `modbus-xunming`.

A relay that is switched on releases its lock, as a pulse does. What a board does not have is
answered by an exception; a broadcast is obeyed and not answered.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

from drivers import modbus
from drivers.boards import modbus_waveshare, modbus_xunming
from drivers.boards.board import FramedBoard
from drivers.boards.modbus_waveshare import ModbusWaveshare
from drivers.boards.modbus_xunming import ModbusXunming
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.board import ANSWER_AFTER_S, Reply, SimulatedBoard

BROADCAST: Final = 0
ILLEGAL_FUNCTION: Final = 1
ILLEGAL_PLACE: Final = 2
ILLEGAL_VALUE: Final = 3

ModbusT = TypeVar("ModbusT", bound=FramedBoard)


class RefusedError(Exception):
    """The board refuses a request; the number is the code of the exception that it answers."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class SimulatedModbus(SimulatedBoard[ModbusT, modbus.Request]):
    """What the two have in common."""

    everyone: frozenset[int] = frozenset({BROADCAST})
    """Addresses that mean every board."""

    def _request_length(self, heard: bytes) -> int | None:
        return modbus.request_length(heard)

    def _decode(self, frame: bytes) -> modbus.Request:
        return modbus.decode_request(frame)

    def _obey(self, request: modbus.Request, at_s: float) -> Iterable[Reply]:
        if request.address not in (self.board.address, *self.everyone):
            return ()
        try:
            frame = self._do(request, at_s)
        except RefusedError as refused:
            function = _function(request)
            refusal = modbus.ExceptionReply(self.board.address, function, refused.code)
            frame = modbus.encode_exception_reply(refusal)
        is_answered = request.address != BROADCAST or self._is_read(request)
        return (Reply(at_s + ANSWER_AFTER_S, lambda: frame),) if is_answered else ()

    def _is_read(self, request: modbus.Request) -> bool:
        return isinstance(request, modbus.ReadRegistersRequest)

    def _do(self, request: modbus.Request, at_s: float) -> bytes:
        address = self.board.address
        match request:
            case modbus.ReadCoilsRequest(_, start, count):
                coils = self._slice(self._coils(), start, count)
                return modbus.encode_coils_reply(modbus.CoilsReply(address, coils))
            case modbus.ReadInputsRequest(_, start, count):
                inputs = self._slice(self._inputs(), start, count)
                return modbus.encode_inputs_reply(modbus.InputsReply(address, inputs))
            case modbus.ReadRegistersRequest(asked, start, count):
                values = self._registers(start, count)
                return modbus.encode_registers_reply(modbus.RegistersReply(asked, values))
            case modbus.WriteCoilRequest(_, coil, value):
                self._write_coil(coil, value, at_s)
                echo = modbus.WriteCoilReply(address, coil, value)
                return modbus.encode_write_coil_reply(echo)
            case modbus.WriteCoilsRequest(_, start, states):
                self._write_coils(start, states, at_s)
                done = modbus.WriteCoilsReply(address, start, len(states))
                return modbus.encode_write_coils_reply(done)
            case modbus.WriteRegisterRequest(_, register, value):
                self._write_register(register, value)
                written = modbus.WriteRegisterReply(address, register, value)
                return modbus.encode_write_register_reply(written)

    def _slice(self, states: dict[int, bool], start: int, count: int) -> tuple[bool, ...]:
        places = range(start, start + count)
        if any(place not in states for place in places):
            raise RefusedError(ILLEGAL_PLACE)
        return tuple(states[place] for place in places)

    @abstractmethod
    def _coils(self) -> dict[int, bool]:
        """What each coil reads as."""

    @abstractmethod
    def _inputs(self) -> dict[int, bool]:
        """What each discrete input reads as."""

    @abstractmethod
    def _write_coil(self, coil: int, value: int, at_s: float) -> None:
        """Obey function 05, or raise `RefusedError`."""

    def _registers(self, start: int, count: int) -> tuple[int, ...]:
        raise RefusedError(ILLEGAL_PLACE)

    def _write_coils(self, start: int, states: Sequence[bool], at_s: float) -> None:
        raise RefusedError(ILLEGAL_FUNCTION)

    def _write_register(self, register: int, value: int) -> None:
        raise RefusedError(ILLEGAL_PLACE)


class SimulatedWaveshare(SimulatedModbus[ModbusWaveshare]):
    """One board of the family `modbus-waveshare`. Pulsed relays read as off: pulses are short."""

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
        if coil == modbus_waveshare.EVERY_RELAY:
            self._pulse(relays if value == modbus.ON else [], at_s)
            return
        place, relay = coil & 0xFF00, (coil & 0x00FF) + 1
        is_flash = place in (modbus_waveshare.FLASH_ON, modbus_waveshare.FLASH_OFF)
        if relay not in relays or not (is_flash or place == 0):
            raise RefusedError(ILLEGAL_PLACE)
        allowed: Sequence[int] = modbus_waveshare.FLASH_TENTHS
        if not is_flash:
            allowed = (modbus.ON, modbus.OFF, modbus_waveshare.TOGGLE)
        if value not in allowed:
            raise RefusedError(ILLEGAL_VALUE)
        if not is_flash:
            self._hold(relay, value)
        self._pulse([relay] if is_flash or value != modbus.OFF else [], at_s)

    def _hold(self, relay: int, value: int) -> None:
        is_toggle = value == modbus_waveshare.TOGGLE
        is_on = relay not in self._held if is_toggle else value == modbus.ON
        (self._held.add if is_on else self._held.discard)(relay)

    def _write_coils(self, start: int, states: Sequence[bool], at_s: float) -> None:
        if start + len(states) > self.board.inputs:
            raise RefusedError(ILLEGAL_PLACE)
        self._pulse([start + place + 1 for place, is_on in enumerate(states) if is_on], at_s)

    def _write_register(self, register: int, value: int) -> None:
        relay = register - modbus_waveshare.MODE
        if relay not in range(self.board.inputs):
            raise RefusedError(ILLEGAL_PLACE)
        if value not in modbus_waveshare.MODES:
            raise RefusedError(ILLEGAL_VALUE)

    def _registers(self, start: int, count: int) -> tuple[int, ...]:
        if (start, count) != (0, 1):
            raise RefusedError(ILLEGAL_PLACE)
        return (self.board.address,)


class SimulatedXunming(SimulatedModbus[ModbusXunming]):
    """One board of the family `modbus-xunming`, read as the board's options have it."""

    everyone = frozenset({BROADCAST, 0xFE})

    def _coils(self) -> dict[int, bool]:
        return self._doors_if(self.board.reads_coils)

    def _inputs(self) -> dict[int, bool]:
        return self._doors_if(not self.board.reads_coils)

    def _doors_if(self, are_here: bool) -> dict[int, bool]:
        bits = self._closed_bits(modbus_xunming.LOCKS) if are_here else ()
        return dict(enumerate(bits, start=self.board.first_place))

    def _write_coil(self, coil: int, value: int, at_s: float) -> None:
        lock = coil - modbus_xunming.FIRST_LOCK + 1
        if lock not in modbus_xunming.CHANNEL_COUNTS:
            raise RefusedError(ILLEGAL_PLACE)
        self._pulse([lock] if value != modbus.OFF else [], at_s)

    def _write_register(self, register: int, value: int) -> None:
        if register not in (modbus_xunming.NODE, modbus_xunming.RESTART):
            raise RefusedError(ILLEGAL_PLACE)


_FUNCTIONS: Final[dict[type[modbus.Request], int]] = {
    modbus.ReadCoilsRequest: modbus.READ_COILS,
    modbus.ReadInputsRequest: modbus.READ_INPUTS,
    modbus.ReadRegistersRequest: modbus.READ_REGISTERS,
    modbus.WriteCoilRequest: modbus.WRITE_COIL,
    modbus.WriteRegisterRequest: modbus.WRITE_REGISTER,
    modbus.WriteCoilsRequest: modbus.WRITE_COILS,
}


def _function(request: modbus.Request) -> int:
    return _FUNCTIONS[type(request)]
