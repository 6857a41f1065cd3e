"""Modbus RTU, as far as lock boards speak it: pure functions between bytes and their meaning.

Some boards give the value of function 05 a meaning of their own (the length of a pulse), which
libraries refuse to send; here it is sent as it is. A frame is `address function data crc`, with the
low byte of the CRC-16 first; there is no header, so frames are told apart by silence on the line.

Requests: 01 read coils, 02 read discrete inputs, 03 read holding registers, 05 write one coil,
06 write one register, 0F write coils. An answer with the function's top bit set is an exception.

Source: MODBUS Application Protocol V1.1b3 and MODBUS over Serial Line V1.02 (modbus.org).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from drivers.frames import FrameError, bits_of, bytes_of, check_length, hexed, within

ADDRESSES: Final = range(1, 256)
"""One board each. 0 is a broadcast to all of them; the standard ends at 247, some boards do not."""
NUMBERS: Final = range(0x10000)

READ_COILS: Final = 0x01
READ_INPUTS: Final = 0x02
READ_REGISTERS: Final = 0x03
WRITE_COIL: Final = 0x05
WRITE_REGISTER: Final = 0x06
WRITE_COILS: Final = 0x0F
EXCEPTION: Final = 0x80

ON: Final = 0xFF00
OFF: Final = 0x0000

SHORT_REQUEST_LENGTH: Final = 8
MOST_BITS_READ: Final = 2000
MOST_BITS_WRITTEN: Final = 1968
MOST_REGISTERS: Final = 125
EXCEPTION_LENGTH: Final = 5


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


@dataclass(frozen=True, slots=True)
class CoilsReply:
    """Coils in whole bytes: those beyond what was asked for are False."""

    address: int
    states: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class InputsReply:
    """Discrete inputs in whole bytes: those beyond what was asked for are False."""

    address: int
    states: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class RegistersReply:
    """Holding registers."""

    address: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WriteCoilReply:
    """The echo of a written coil: the request was understood, nothing more."""

    address: int
    coil: int
    value: int


@dataclass(frozen=True, slots=True)
class WriteRegisterReply:
    """The echo of a written register."""

    address: int
    register: int
    value: int


@dataclass(frozen=True, slots=True)
class WriteCoilsReply:
    """How many coils were written, and from where."""

    address: int
    start: int
    count: int


@dataclass(frozen=True, slots=True)
class ExceptionReply:
    """A request was refused: 1 unknown function, 2 wrong place, 3 wrong value, 4 it failed."""

    address: int
    function: int
    code: int


def crc_of(body: bytes) -> int:
    """The CRC-16 of Modbus: polynomial A001 reflected, from FFFF."""
    crc = 0xFFFF
    for byte in body:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


_CRC_TABLE: Final = tuple(_crc_of_byte(byte) for byte in range(256))


def build(body: bytes) -> bytes:
    """A whole frame: the body and its CRC."""
    return body + crc_of(body).to_bytes(2, "little")


def crc_is_right(frame: bytes) -> bool:
    """Whether the last two bytes are the CRC of those before."""
    return frame[-2:] == crc_of(frame[:-2]).to_bytes(2, "little")


# --- requests ----------------------------------------------------------------------------------


def encode_read_coils(address: int, start: int, count: int) -> bytes:
    """The frame that asks for coils."""
    return _short(address, READ_COILS, start, within("count", count, range(1, MOST_BITS_READ + 1)))


def encode_read_inputs(address: int, start: int, count: int) -> bytes:
    """The frame that asks for discrete inputs."""
    return _short(address, READ_INPUTS, start, within("count", count, range(1, MOST_BITS_READ + 1)))


def encode_read_registers(address: int, start: int, count: int) -> bytes:
    """The frame that asks for holding registers."""
    within("count", count, range(1, MOST_REGISTERS + 1))
    return _short(address, READ_REGISTERS, start, count)


def encode_write_coil(address: int, coil: int, value: int) -> bytes:
    """The frame that sets one coil; the standard knows the values `ON` and `OFF` only."""
    return _short(address, WRITE_COIL, coil, value)


def encode_write_register(address: int, register: int, value: int) -> bytes:
    """The frame that sets one holding register."""
    return _short(address, WRITE_REGISTER, register, value)


def encode_write_coils(address: int, start: int, states: Sequence[bool]) -> bytes:
    """The frame that sets coils that follow each other."""
    within("address", address, ADDRESSES)
    within("count", len(states), range(1, MOST_BITS_WRITTEN + 1))
    data = bytes_of(states, _byte_count(len(states)))
    head = bytes((address, WRITE_COILS)) + _numbers(start, len(states))
    return build(head + bytes((len(data),)) + data)


def decode_request(frame: bytes) -> Request:
    """What is asked by a whole frame; anything else is a `FrameError`."""
    _check(frame)
    address, function = frame[0], frame[1]
    if function == WRITE_COILS:
        return _decode_write_coils(frame)
    check_length(frame, SHORT_REQUEST_LENGTH)
    first, second = _number(frame, 2), _number(frame, 4)
    match function:
        case 0x01 if 1 <= second <= MOST_BITS_READ:
            return ReadCoilsRequest(address, first, second)
        case 0x02 if 1 <= second <= MOST_BITS_READ:
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
    is_known = begun[1] in (READ_COILS, READ_INPUTS, READ_REGISTERS, WRITE_COIL, WRITE_REGISTER)
    return SHORT_REQUEST_LENGTH if is_known else 0


# --- answers -----------------------------------------------------------------------------------


def encode_coils_reply(reply: CoilsReply) -> bytes:
    """The answer to a question for coils."""
    return _bits_reply(reply.address, READ_COILS, reply.states)


def encode_inputs_reply(reply: InputsReply) -> bytes:
    """The answer to a question for discrete inputs."""
    return _bits_reply(reply.address, READ_INPUTS, reply.states)


def encode_registers_reply(reply: RegistersReply) -> bytes:
    """The answer to a question for registers."""
    data = _numbers(*reply.values)
    return build(bytes((reply.address, READ_REGISTERS, len(data))) + data)


def encode_write_coil_reply(reply: WriteCoilReply) -> bytes:
    """The echo of a written coil."""
    head = bytes((reply.address, WRITE_COIL))
    return build(head + _numbers(reply.coil, reply.value))


def encode_write_register_reply(reply: WriteRegisterReply) -> bytes:
    """The echo of a written register."""
    head = bytes((reply.address, WRITE_REGISTER))
    return build(head + _numbers(reply.register, reply.value))


def encode_write_coils_reply(reply: WriteCoilsReply) -> bytes:
    """The answer when coils were written."""
    return build(bytes((reply.address, WRITE_COILS)) + _numbers(reply.start, reply.count))


def encode_exception_reply(reply: ExceptionReply) -> bytes:
    """The answer to a request that is refused."""
    return build(bytes((reply.address, reply.function | EXCEPTION, reply.code)))


def decode_coils_reply(frame: bytes) -> CoilsReply:
    """The answer to a question for coils."""
    states = _bits(frame, READ_COILS)
    return CoilsReply(frame[0], states)


def decode_inputs_reply(frame: bytes) -> InputsReply:
    """The answer to a question for discrete inputs."""
    states = _bits(frame, READ_INPUTS)
    return InputsReply(frame[0], states)


def decode_registers_reply(frame: bytes) -> RegistersReply:
    """The answer to a question for registers."""
    data = _counted(frame, READ_REGISTERS)
    if len(data) % 2:
        raise FrameError(f"{hexed(frame)} has half a register")
    return RegistersReply(frame[0], tuple(_number(data, place) for place in range(0, len(data), 2)))


def decode_write_coil_reply(frame: bytes) -> WriteCoilReply:
    """The echo of a written coil; the request itself reads the same."""
    return WriteCoilReply(*_echo(frame, WRITE_COIL))


def decode_write_register_reply(frame: bytes) -> WriteRegisterReply:
    """The echo of a written register."""
    return WriteRegisterReply(*_echo(frame, WRITE_REGISTER))


def decode_write_coils_reply(frame: bytes) -> WriteCoilsReply:
    """The answer when coils were written."""
    return WriteCoilsReply(*_echo(frame, WRITE_COILS))


def decode_exception_reply(frame: bytes) -> ExceptionReply:
    """The answer to a request that was refused."""
    _check(frame)
    check_length(frame, EXCEPTION_LENGTH)
    if not frame[1] & EXCEPTION:
        raise FrameError(f"{hexed(frame)} is no exception: the function's top bit is not set")
    return ExceptionReply(frame[0], frame[1] & ~EXCEPTION, frame[2])


def bits_reply_length(count: int) -> int:
    """The length of the answer to a question for so many coils or inputs."""
    return 5 + _byte_count(count)


# --- parts -------------------------------------------------------------------------------------


def _short(address: int, function: int, first: int, second: int) -> bytes:
    within("address", address, ADDRESSES)
    return build(bytes((address, function)) + _numbers(first, second))


def _numbers(*numbers: int) -> bytes:
    return b"".join(within("number", each, NUMBERS).to_bytes(2, "big") for each in numbers)


def _number(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 2], "big")


def _byte_count(bits: int) -> int:
    return (bits + 7) // 8


def _bits_reply(address: int, function: int, states: Sequence[bool]) -> bytes:
    data = bytes_of(states, _byte_count(len(states)))
    return build(bytes((address, function, len(data))) + data)


def _bits(frame: bytes, function: int) -> tuple[bool, ...]:
    data = _counted(frame, function)
    return bits_of(data, 8 * len(data))


def _counted(frame: bytes, function: int) -> bytes:
    _check(frame)
    if frame[1] != function or frame[2] == 0 or len(frame) != 5 + frame[2]:
        raise FrameError(f"{hexed(frame)} is no answer to function {function:02X}")
    return frame[3:-2]


def _echo(frame: bytes, function: int) -> tuple[int, int, int]:
    _check(frame)
    check_length(frame, SHORT_REQUEST_LENGTH)
    if frame[1] != function:
        raise FrameError(f"{hexed(frame)} is no answer to function {function:02X}")
    return frame[0], _number(frame, 2), _number(frame, 4)


def _decode_write_coils(frame: bytes) -> WriteCoilsRequest:
    if len(frame) < 10 or len(frame) != 9 + frame[6]:
        raise FrameError(f"{hexed(frame)} is no request to write coils: its length is wrong")
    count, data = _number(frame, 4), frame[7:-2]
    if count not in range(1, MOST_BITS_WRITTEN + 1) or len(data) != _byte_count(count):
        raise FrameError(f"{hexed(frame)} has {len(data)} bytes for {count} coils")
    return WriteCoilsRequest(frame[0], _number(frame, 2), bits_of(data, count))


def _check(frame: bytes) -> None:
    if len(frame) < EXCEPTION_LENGTH:
        raise FrameError(f"{hexed(frame)} is too short for a Modbus frame")
    if not crc_is_right(frame):
        right = crc_of(frame[:-2]).to_bytes(2, "little")
        raise FrameError(f"{hexed(frame)} has CRC {hexed(frame[-2:])}, expected {hexed(right)}")
