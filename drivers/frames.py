"""What frames of several protocols have in common: their error, sums, and locks as bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import xor
from typing import Literal

from drivers.door import DriverError

ByteOrder = Literal["big", "little"]


class FrameError(DriverError):
    """Bytes that are not the frame they were taken for, or a frame that may not be built."""


def xor_of(body: bytes) -> int:
    """The XOR of all bytes."""
    return reduce(xor, body, 0)


def sum_of(body: bytes) -> int:
    """The low byte of the sum of all bytes."""
    return sum(body) & 0xFF


def hexed(frame: bytes) -> str:
    """The bytes as they stand in manuals."""
    return frame.hex(" ").upper()


def within(what: str, number: int, allowed: range) -> int:
    """The number, or a `FrameError` that names it and what is right.

    Refused are also True and 1.0, which Python takes for the number 1.
    """
    if type(number) is not int or number not in allowed:
        raise FrameError(f"{what} {number!r} is not within {allowed[0]}..{allowed[-1]}")
    return number


def require_meant(is_meant: bool, what: str) -> None:
    """Stop a frame that must never be built by a wrong number or by a default."""
    if is_meant is not True:
        raise FrameError(f"a frame that {what} was asked for without meaning it")


def check_length(frame: bytes, *expected: int) -> None:
    """Refuse a frame that is cut or too long."""
    if len(frame) not in expected:
        lengths = " or ".join(map(str, expected))
        raise FrameError(f"{hexed(frame)} has {len(frame)} bytes, expected {lengths}")


def check_sum(frame: bytes, expected: int) -> None:
    """Refuse a frame whose last byte is not its checksum."""
    if frame[-1] != expected:
        raise FrameError(f"{hexed(frame)} has checksum {frame[-1]:02X}, expected {expected:02X}")


def bits_of(data: bytes, count: int, byte_order: ByteOrder = "little") -> tuple[bool, ...]:
    """The lowest `count` bits, lock 1 first; `little` when the first byte holds locks 1 to 8."""
    number = int.from_bytes(data, byte_order)
    return tuple(bool(number >> place & 1) for place in range(count))


def bytes_of(bits: Sequence[bool], length: int, byte_order: ByteOrder = "little") -> bytes:
    """The reverse of `bits_of`."""
    number = sum(1 << place for place, is_set in enumerate(bits) if is_set)
    return number.to_bytes(length, byte_order)


def newest_first(received: bytes, length: int) -> Iterator[bytes]:
    """Every stretch of so many bytes, the one that came last first."""
    for start in range(len(received) - length, -1, -1):
        yield received[start : start + length]
