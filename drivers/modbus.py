"""Modbus RTU, as far as lock boards speak it: pure functions between bytes and their meaning.

Some boards give the value of function 05 a meaning of their own (the length of a pulse), which
libraries refuse to send; here it is sent as it is. A frame is `address function data crc`, with the
low byte of the CRC-16 first; there is no header, so frames are separated by silence on the line.

Built here: 01 read coils, 02 read discrete inputs, 05 write one coil. What boards understand beside
them is in `drivers/simulator/boards/modbus.py`. An answer with the function's top bit set is an
exception.

Source: MODBUS Application Protocol V1.1b3 and MODBUS over Serial Line V1.02 (modbus.org).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from drivers.frames import FrameError, bits_of, hexed, within

ADDRESSES: Final = range(1, 256)
"""One board each. 0 is a broadcast to all of them; the standard ends at 247, some boards do not."""
NUMBERS: Final = range(0x10000)

READ_COILS: Final = 0x01
READ_INPUTS: Final = 0x02
WRITE_COIL: Final = 0x05

ON: Final = 0xFF00
OFF: Final = 0x0000

MOST_BITS_READ: Final = 2000
SHORTEST_FRAME_LENGTH: Final = 5


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


def encode_read_coils(address: int, start: int, count: int) -> bytes:
    """The frame that asks for coils."""
    return _request(
        address, READ_COILS, start, within("count", count, range(1, MOST_BITS_READ + 1))
    )


def encode_read_inputs(address: int, start: int, count: int) -> bytes:
    """The frame that asks for discrete inputs."""
    return _request(
        address, READ_INPUTS, start, within("count", count, range(1, MOST_BITS_READ + 1))
    )


def encode_write_coil(address: int, coil: int, value: int) -> bytes:
    """The frame that sets one coil; the standard knows the values `ON` and `OFF` only."""
    return _request(address, WRITE_COIL, coil, value)


def decode_coils_reply(frame: bytes) -> CoilsReply:
    """The answer to a question for coils."""
    states = _bits(frame, READ_COILS)
    return CoilsReply(frame[0], states)


def decode_inputs_reply(frame: bytes) -> InputsReply:
    """The answer to a question for discrete inputs."""
    states = _bits(frame, READ_INPUTS)
    return InputsReply(frame[0], states)


def bits_reply_length(count: int) -> int:
    """The length of the answer to a question for so many coils or inputs."""
    return 5 + byte_count(count)


def byte_count(bits: int) -> int:
    """How many bytes hold so many bits."""
    return (bits + 7) // 8


def bytes_of_numbers(*numbers: int) -> bytes:
    """Numbers of two bytes each, the high byte first."""
    return b"".join(within("number", each, NUMBERS).to_bytes(2, "big") for each in numbers)


def check_frame(frame: bytes) -> None:
    """Refuse a frame that is too short or whose CRC is wrong."""
    if len(frame) < SHORTEST_FRAME_LENGTH:
        raise FrameError(f"{hexed(frame)} is too short for a Modbus frame")
    if not crc_is_right(frame):
        right = crc_of(frame[:-2]).to_bytes(2, "little")
        raise FrameError(f"{hexed(frame)} has CRC {hexed(frame[-2:])}, expected {hexed(right)}")


def _request(address: int, function: int, first: int, second: int) -> bytes:
    within("address", address, ADDRESSES)
    return build(bytes((address, function)) + bytes_of_numbers(first, second))


def _bits(frame: bytes, function: int) -> tuple[bool, ...]:
    check_frame(frame)
    if frame[1] != function or frame[2] == 0 or len(frame) != 5 + frame[2]:
        raise FrameError(f"{hexed(frame)} is no answer to function {function:02X}")
    data = frame[3:-2]
    return bits_of(data, 8 * len(data))
