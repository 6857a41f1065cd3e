"""The board's side of Modbus RTU: what is asked, what is answered, and what such boards do.

A relay that is switched on releases its lock, as a pulse does. What a board does not have is
answered by an exception; a broadcast is obeyed and not answered. Beside what `drivers/modbus.py`
builds, boards know 03 read holding registers, 06 write one register and 0F write coils.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

from drivers import modbus
from drivers.boards.board import FramedBoard
from drivers.frames import FrameError, bits_of, bytes_of, check_length, hexed
from drivers.simulator.board import ANSWER_AFTER_S, Reply, SimulatedBoard

READ_REGISTERS: Final = 0x03
WRITE_REGISTER: Final = 0x06
WRITE_COILS: Final = 0x0F
EXCEPTION: Final = 0x80

SHORT_REQUEST_LENGTH: Final = 8
MOST_BITS_WRITTEN: Final = 1968
MOST_REGISTERS: Final = 125

BROADCAST: Final = 0
ILLEGAL_FUNCTION: Final = 1
ILLEGAL_PLACE: Final = 2
ILLEGAL_VALUE: Final = 3

ModbusT = TypeVar("ModbusT", bound=FramedBoard)


@dataclass(frozen=True, slots=True)
class ReadCoilsRequest:
    """Ask what so many coils are set to."""

    address: int
    start: int
    count: int


@dataclass(frozen=True, slots=True)
class ReadInputsRequest:
    """Ask for so many discrete inputs."""

    address: int
    start: int
    count: int


@dataclass(frozen=True, slots=True)
class ReadRegistersRequest:
    """Ask for so many holding registers."""

    address: int
    start: int
    count: int


@dataclass(frozen=True, slots=True)
class WriteCoilRequest:
    """Set one coil; the value is taken as it stands."""

    address: int
    coil: int
    value: int


@dataclass(frozen=True, slots=True)
class WriteRegisterRequest:
    """Set one holding register."""

    address: int
    register: int
    value: int


@dataclass(frozen=True, slots=True)
class WriteCoilsRequest:
    """Set coils that follow each other."""

    address: int
    start: int
    states: tuple[bool, ...]


Request = (
    ReadCoilsRequest
    | ReadInputsRequest
    | ReadRegistersRequest
    | WriteCoilRequest
    | WriteRegisterRequest
    | WriteCoilsRequest
)


_FUNCTIONS: Final[Mapping[type[Request], int]] = {
    ReadCoilsRequest: modbus.READ_COILS,
    ReadInputsRequest: modbus.READ_INPUTS,
    ReadRegistersRequest: READ_REGISTERS,
    WriteCoilRequest: modbus.WRITE_COIL,
    WriteRegisterRequest: WRITE_REGISTER,
    WriteCoilsRequest: WRITE_COILS,
}


def decode_request(frame: bytes) -> Request:
    """What is asked by a whole frame; anything else is a `FrameError`."""
    modbus.check_frame(frame)
    address, function = frame[0], frame[1]
    if function == WRITE_COILS:
        return _write_coils_request(frame)
    check_length(frame, SHORT_REQUEST_LENGTH)
    first, second = _number(frame, 2), _number(frame, 4)
    match function:
        case 0x01 if 1 <= second <= modbus.MOST_BITS_READ:
            return ReadCoilsRequest(address, first, second)
        case 0x02 if 1 <= second <= modbus.MOST_BITS_READ:
            return ReadInputsRequest(address, first, second)
        case 0x03 if 1 <= second <= MOST_REGISTERS:
            return ReadRegistersRequest(address, first, second)
        case 0x05:
            return WriteCoilRequest(address, first, second)
        case 0x06:
            return WriteRegisterRequest(address, first, second)
    raise FrameError(f"{hexed(frame)} is no request that a lock board knows")


def request_length(begun: bytes) -> int | None:
    """How long the request that begins here is; None when too little has come to tell.

    0 when no known request begins so.
    """
    if len(begun) < 2:
        return None
    if begun[1] == WRITE_COILS:
        return None if len(begun) < 7 else 9 + begun[6]
    is_known = begun[1] in _FUNCTIONS.values()
    return SHORT_REQUEST_LENGTH if is_known else 0


def _write_coils_request(frame: bytes) -> WriteCoilsRequest:
    if len(frame) < 10 or len(frame) != 9 + frame[6]:
        raise FrameError(f"{hexed(frame)} is no request to write coils: its length is wrong")
    count, data = _number(frame, 4), frame[7:-2]
    if count not in range(1, MOST_BITS_WRITTEN + 1) or len(data) != modbus.byte_count(count):
        raise FrameError(f"{hexed(frame)} has {len(data)} bytes for {count} coils")
    return WriteCoilsRequest(frame[0], _number(frame, 2), bits_of(data, count))


def encode_coils_reply(address: int, states: Sequence[bool]) -> bytes:
    """The answer to a question for coils."""
    return _bits_reply(address, modbus.READ_COILS, states)


def encode_inputs_reply(address: int, states: Sequence[bool]) -> bytes:
    """The answer to a question for discrete inputs."""
    return _bits_reply(address, modbus.READ_INPUTS, states)


def encode_registers_reply(address: int, values: Sequence[int]) -> bytes:
    """The answer to a question for registers."""
    data = modbus.bytes_of_numbers(*values)
    return modbus.build(bytes((address, READ_REGISTERS, len(data))) + data)


def encode_write_coil_reply(address: int, coil: int, value: int) -> bytes:
    """The echo of a written coil: the request was understood, nothing more."""
    return _echo(address, modbus.WRITE_COIL, coil, value)


def encode_write_register_reply(address: int, register: int, value: int) -> bytes:
    """The echo of a written register."""
    return _echo(address, WRITE_REGISTER, register, value)


def encode_write_coils_reply(address: int, start: int, count: int) -> bytes:
    """How many coils were written, and from where."""
    return _echo(address, WRITE_COILS, start, count)


def encode_exception_reply(address: int, function: int, code: int) -> bytes:
    """A refusal: 1 unknown function, 2 wrong place, 3 wrong value, 4 it failed."""
    return modbus.build(bytes((address, function | EXCEPTION, code)))


def _bits_reply(address: int, function: int, states: Sequence[bool]) -> bytes:
    data = bytes_of(states, modbus.byte_count(len(states)))
    return modbus.build(bytes((address, function, len(data))) + data)


def _echo(address: int, function: int, first: int, second: int) -> bytes:
    return modbus.build(bytes((address, function)) + modbus.bytes_of_numbers(first, second))


def _number(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 2], "big")


class RefusedError(Exception):
    """The board refuses a request; the number is the code of the exception that it answers."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class SimulatedModbus(SimulatedBoard[ModbusT, Request]):
    """What boards that speak Modbus have in common."""

    everyone: ClassVar[frozenset[int]] = frozenset({BROADCAST})

    def _request_length(self, heard: bytes) -> int | None:
        return request_length(heard)

    def _decode(self, frame: bytes) -> Request:
        return decode_request(frame)

    def _obey(self, request: Request, at_s: float) -> Iterable[Reply]:
        if request.address not in (self.board.address, *self.everyone):
            return ()
        try:
            frame = self._do(request, at_s)
        except RefusedError as refused:
            function = _FUNCTIONS[type(request)]
            frame = encode_exception_reply(self.board.address, function, refused.code)
        is_answered = request.address != BROADCAST or self._is_read(request)
        return (Reply(at_s + ANSWER_AFTER_S, lambda: frame),) if is_answered else ()

    def _is_read(self, request: Request) -> bool:
        return isinstance(request, ReadRegistersRequest)

    def _do(self, request: Request, at_s: float) -> bytes:
        address = self.board.address
        match request:
            case ReadCoilsRequest(_, start, count):
                coils = self._slice(self._coils(), start, count)
                return encode_coils_reply(address, coils)
            case ReadInputsRequest(_, start, count):
                inputs = self._slice(self._inputs(), start, count)
                return encode_inputs_reply(address, inputs)
            case ReadRegistersRequest(asked, start, count):
                values = self._registers(start, count)
                return encode_registers_reply(asked, values)
            case WriteCoilRequest(_, coil, value):
                self._write_coil(coil, value, at_s)
                return encode_write_coil_reply(address, coil, value)
            case WriteCoilsRequest(_, start, states):
                self._write_coils(start, states, at_s)
                return encode_write_coils_reply(address, start, len(states))
            case WriteRegisterRequest(_, register, value):
                self._write_register(register, value)
                return encode_write_register_reply(address, register, value)

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
