"""Dingchang's "DC" board (DC_12): 12 locks.

Line: RS-485, 9600 baud, 8 data bits, no parity, 1 stop bit. Boards 1..15 by DIP switch; 0 is not
valid. A request is `DC 02 addr command length data sum`, an answer `DC FE addr command length data
sum`; the sum is the low byte of all from `addr` to the end of the data.

| command | request's data | answer's data |
|---|---|---|
| 01 version | none | version, reserved |
| 10 unlock one | lock | lock, state |
| 11 read one | lock | lock, state |
| 12 read all | none | high byte, low byte |
| 14 unlock all | none | high byte, low byte |
| 15 unlock several by mask | high byte, low byte | high byte, low byte |
| 16 hold an output on or off | output, 1 or 0 | 1 done, 0 failed |
| 18 unlock several at once | high byte, low byte | high byte, low byte |
| 1A outputs on by mask, others off | high byte, low byte | 1 done, 0 failed |

Locks are counted from 1; in `high, low` the lowest bit is lock 1. A state is 1 for open, 0 for
shut: here `invert` False. 16 and 1A hold a current for as long as nobody ends it: they are for
lamps and burn a solenoid, the manual warns.

The manual contradicts itself: its tables give the answers to 10 and 11 two bytes, its examples one
(`DC FE 01 10 01 01 13`); its example of an answer to 18 has a wrong sum. The tables are followed;
only the answer to 12, where both agree, is used for doors.

Sources: the manufacturer's manual DC_12 V0.2 (likangjie110/lockboard:protocol.txt) and that
repository's program (src/protocol/protocol485.cpp). The vectors, each with its source, are in
`tests/vectors/dingchang_dc.json`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.boards.board import FramedBoard
from drivers.boards.family import Answer, LineTiming
from drivers.frames import (
    FrameError,
    bits_of,
    bits_with,
    bytes_of,
    check_sum,
    hexed,
    require_meant,
    sum_of,
    within,
)

ADDRESSES: Final = range(1, 16)
LOCKS: Final = 12
CHANNEL_COUNTS: Final = range(1, LOCKS + 1)

HEAD: Final = 0xDC
ASKS: Final = 0x02
ANSWERS: Final = 0xFE

VERSION: Final = 0x01
UNLOCK: Final = 0x10
READ_ONE: Final = 0x11
READ_ALL: Final = 0x12
UNLOCK_ALL: Final = 0x14
UNLOCK_SEVERAL: Final = 0x15
HOLD: Final = 0x16
UNLOCK_AT_ONCE: Final = 0x18
OUTPUTS: Final = 0x1A

FRAME_WITHOUT_DATA: Final = 6
LENGTH_AT: Final = 4
STATUS_LENGTH: Final = 8

TIMING: Final = LineTiming(
    baud=9600,
    gap_s=0.005,
    quiet_s=0.025,
    read_timeout_s=0.3,
    unlock_settle_s=1.5,
    unlock_answer_s=0.05,
)
"""Only the baud rate is the manual's; it says nothing of times. The rest is as with other boards of
this kind."""


@dataclass(frozen=True, slots=True)
class VersionRequest:
    """Ask for the firmware's version."""

    address: int


@dataclass(frozen=True, slots=True)
class UnlockRequest:
    """Pulse one lock."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class ReadOneRequest:
    """Ask for one lock."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class ReadAllRequest:
    """Ask for all locks."""

    address: int


@dataclass(frozen=True, slots=True)
class UnlockAllRequest:
    """Pulse every lock of the board."""

    address: int


@dataclass(frozen=True, slots=True)
class UnlockSeveralRequest:
    """Pulse several locks, one after another."""

    address: int
    locks: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class UnlockAtOnceRequest:
    """Pulse several locks of one big door at the same time."""

    address: int
    locks: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class HoldOnRequest:
    """Hold an output on."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class HoldOffRequest:
    """End the holding of an output."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class OutputsRequest:
    """Hold these outputs on and the others off."""

    address: int
    locks: tuple[bool, ...]


Request = (
    VersionRequest
    | UnlockRequest
    | ReadOneRequest
    | ReadAllRequest
    | UnlockAllRequest
    | UnlockSeveralRequest
    | UnlockAtOnceRequest
    | HoldOnRequest
    | HoldOffRequest
    | OutputsRequest
)


@dataclass(frozen=True, slots=True)
class VersionReply:
    """The firmware's version."""

    address: int
    version: int
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class UnlockReply:
    """What the board says of a lock some time after its pulse. Never proof of an open door."""

    address: int
    channel: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class ReadOneReply:
    """One lock."""

    address: int
    channel: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class LocksReply:
    """All locks, the first is lock 1; `command` is what was asked: 12, 14, 15 or 18."""

    address: int
    command: int
    is_open: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class DoneReply:
    """Whether outputs were set; `command` is what was asked: 16 or 1A."""

    address: int
    command: int
    is_done: bool


_MASK_COMMANDS: Final = (READ_ALL, UNLOCK_ALL, UNLOCK_SEVERAL, UNLOCK_AT_ONCE)


def encode_version(address: int) -> bytes:
    """The frame that asks for the firmware's version."""
    return _request(address, VERSION)


def encode_unlock(address: int, channel: int) -> bytes:
    """The frame that pulses one lock."""
    return _request(address, UNLOCK, within("lock", channel, CHANNEL_COUNTS))


def encode_read_one(address: int, channel: int) -> bytes:
    """The frame that asks for one lock."""
    return _request(address, READ_ONE, within("lock", channel, CHANNEL_COUNTS))


def encode_read_all(address: int) -> bytes:
    """The frame that asks for all locks; it moves nothing."""
    return _request(address, READ_ALL)


def encode_unlock_all(address: int, *, every_door_of_the_board: bool) -> bytes:
    """The frame that opens EVERY door of a board; must be told so."""
    require_meant(every_door_of_the_board, "opens every door of a board")
    return _request(address, UNLOCK_ALL)


def encode_unlock_several(address: int, channels: Collection[int], *, several_doors: bool) -> bytes:
    """The frame that opens several doors one after another; must be told so."""
    require_meant(several_doors, "opens several doors")
    return _request(address, UNLOCK_SEVERAL, *_mask(bits_with(channels, LOCKS)))


def encode_unlock_at_once(address: int, channels: Collection[int], *, several_doors: bool) -> bytes:
    """The frame that pulses several locks of one big door at once; must be told so."""
    require_meant(several_doors, "opens several doors")
    return _request(address, UNLOCK_AT_ONCE, *_mask(bits_with(channels, LOCKS)))


def encode_hold_on(address: int, channel: int, *, is_no_solenoid: bool) -> bytes:
    """The frame that holds an output on; must be told that it drives no lock, which would burn."""
    require_meant(is_no_solenoid, "burns a solenoid")
    return _request(address, HOLD, within("output", channel, CHANNEL_COUNTS), 1)


def encode_hold_off(address: int, channel: int) -> bytes:
    """The frame that ends the holding of an output."""
    return _request(address, HOLD, within("output", channel, CHANNEL_COUNTS), 0)


def encode_outputs(address: int, channels: Collection[int], *, are_no_solenoids: bool) -> bytes:
    """The frame that holds these outputs on and the others off; must be told as `encode_hold_on`.

    With no channels, all outputs go off.
    """
    require_meant(are_no_solenoids, "burns solenoids")
    bits = bits_with(channels, LOCKS) if channels else (False,) * LOCKS
    return _request(address, OUTPUTS, *_mask(bits))


def encode_version_reply(reply: VersionReply) -> bytes:
    """What a board answers when asked for its version."""
    return _reply(reply.address, VERSION, reply.version, reply.reserved)


def encode_unlock_reply(reply: UnlockReply) -> bytes:
    """What a board answers to an unlock."""
    return _reply(reply.address, UNLOCK, reply.channel, reply.is_open)


def encode_read_one_reply(reply: ReadOneReply) -> bytes:
    """What a board answers when asked for one lock."""
    return _reply(reply.address, READ_ONE, reply.channel, reply.is_open)


def encode_locks_reply(reply: LocksReply) -> bytes:
    """What a board answers with all its locks."""
    return _reply(reply.address, reply.command, *_mask(reply.is_open))


def encode_done_reply(reply: DoneReply) -> bytes:
    """What a board answers when its outputs were set."""
    return _reply(reply.address, reply.command, reply.is_done)


def decode_request(frame: bytes) -> Request:
    """What a board is asked by a whole frame; anything else is a `FrameError`."""
    address, command, data = _parts(frame, ASKS)
    match command, *data:
        case [0x01]:
            return VersionRequest(address)
        case [0x10, channel] if channel in CHANNEL_COUNTS:
            return UnlockRequest(address, channel)
        case [0x11, channel] if channel in CHANNEL_COUNTS:
            return ReadOneRequest(address, channel)
        case [0x12]:
            return ReadAllRequest(address)
        case [0x14]:
            return UnlockAllRequest(address)
        case [0x15, _, _]:
            return UnlockSeveralRequest(address, _locks(data))
        case [0x16, channel, 1] if channel in CHANNEL_COUNTS:
            return HoldOnRequest(address, channel)
        case [0x16, channel, 0] if channel in CHANNEL_COUNTS:
            return HoldOffRequest(address, channel)
        case [0x18, _, _]:
            return UnlockAtOnceRequest(address, _locks(data))
        case [0x1A, _, _]:
            return OutputsRequest(address, _locks(data))
    raise FrameError(f"{hexed(frame)} is no request of this family")


def decode_version_reply(frame: bytes) -> VersionReply:
    """A board's answer when asked for its version."""
    address, data = _reply_data(frame, (VERSION,), 2)
    return VersionReply(address, data[0], data[1])


def decode_unlock_reply(frame: bytes) -> UnlockReply:
    """A board's answer to an unlock."""
    address, data = _reply_data(frame, (UNLOCK,), 2)
    return UnlockReply(address, _channel(data[0]), _state(data[1]))


def decode_read_one_reply(frame: bytes) -> ReadOneReply:
    """A board's answer for one lock."""
    address, data = _reply_data(frame, (READ_ONE,), 2)
    return ReadOneReply(address, _channel(data[0]), _state(data[1]))


def decode_locks_reply(frame: bytes) -> LocksReply:
    """A board's answer with all its locks."""
    address, data = _reply_data(frame, _MASK_COMMANDS, 2)
    return LocksReply(address, frame[3], _locks(data))


def decode_done_reply(frame: bytes) -> DoneReply:
    """A board's answer when its outputs were set."""
    address, data = _reply_data(frame, (HOLD, OUTPUTS), 1)
    return DoneReply(address, frame[3], _state(data[0]))


def _request(address: int, command: int, *data: int) -> bytes:
    return _frame(ASKS, address, command, *data)


def _reply(address: int, command: int, *data: int) -> bytes:
    return _frame(ANSWERS, address, command, *data)


def _frame(direction: int, address: int, command: int, *data: int) -> bytes:
    within("board address", address, ADDRESSES)
    body = bytes((address, command, len(data), *data))
    return bytes((HEAD, direction, *body, sum_of(body)))


def _parts(frame: bytes, direction: int) -> tuple[int, int, bytes]:
    if len(frame) < FRAME_WITHOUT_DATA or frame[:2] != bytes((HEAD, direction)):
        raise FrameError(f"{hexed(frame)} is no frame that begins with DC {direction:02X}")
    expected_length = FRAME_WITHOUT_DATA + frame[LENGTH_AT]
    if len(frame) != expected_length:
        raise FrameError(f"{hexed(frame)} has {len(frame)} bytes, expected {expected_length}")
    check_sum(frame, sum_of(frame[2:-1]))
    within("board address", frame[2], ADDRESSES)
    return frame[2], frame[3], frame[5:-1]


def _reply_data(frame: bytes, commands: Collection[int], length: int) -> tuple[int, bytes]:
    address, command, data = _parts(frame, ANSWERS)
    if command not in commands or len(data) != length:
        wanted = " or ".join(f"{each:02X}" for each in commands)
        raise FrameError(f"{hexed(frame)} is no answer to {wanted} with {length} bytes of data")
    return address, data


def _mask(locks: tuple[bool, ...]) -> bytes:
    return bytes_of(locks, 2, "big")


def _locks(data: bytes) -> tuple[bool, ...]:
    if data[0] >> LOCKS - 8:
        raise FrameError(f"{hexed(data)} names locks beyond {LOCKS}")
    return bits_of(data, LOCKS, "big")


def _channel(number: int) -> int:
    return within("lock", number, CHANNEL_COUNTS)


def _state(byte: int) -> bool:
    return within("state", byte, range(2)) == 1


class DingchangDC(FramedBoard):
    """One board of this family; `invert` is False when a 1 is an open door, as the manual says."""

    name: ClassVar[str] = "dingchang-dc"
    addresses: ClassVar[range] = ADDRESSES
    channel_counts: ClassVar[range] = CHANNEL_COUNTS
    timing: LineTiming = TIMING

    def _status_request(self) -> bytes:
        return encode_read_all(self.address)

    def _unlock_request(self, channel: int) -> bytes:
        return encode_unlock(self.address, channel)

    def _answer_length(self) -> int:
        return STATUS_LENGTH

    def _has_shape(self, frame: bytes) -> bool:
        return frame.startswith(bytes((HEAD, ANSWERS, self.address, READ_ALL, 2)))

    def _sum_is_right(self, frame: bytes) -> bool:
        return frame[-1] == sum_of(frame[2:-1])

    def _read(self, frame: bytes) -> Answer:
        is_open = decode_locks_reply(frame).is_open
        return Answer(self._doors([not each for each in is_open]))
