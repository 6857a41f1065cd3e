"""The "485 lock control board" that speaks frames headed 8A and 80: the most common cheap board.

Line: RS-485, 9600 baud, 8 data bits, no parity, 1 stop bit. Boards 1..31 by DIP switch; 2, 8, 12,
18, 24, 36 or 50 locks, numbered from 1. The last byte of a frame is the XOR of all before it.

| request | frame | answer |
|---|---|---|
| unlock one | `8A board lock 11 xor` | `8A board lock contact xor`, after 0.5 to 1 s |
| unlock all, in turn | `8A board 00 11 xor` | one per lock |
| read one | `80 board lock 33 xor` | `80 board lock contact xor` |
| read all | `80 board 00 33 xor` | `80 board Sn .. S1 33 xor`, S1 = locks 1..8, low bit first |

A contact is 11 (shorted) or 00 (open circuit); in `Sn .. S1` a bit is 1 for shorted. What that says
of the door depends on the lock: most are shorted while locked, some while open: see `invert`. There
are three state bytes up to 24 locks, then one for each eight. One 50-lock driver reads the low byte
first: see the option `low_byte_first`.

With locks that are shorted while open, the answer to a good unlock is byte for byte the request: an
echo of an RS-485 adapter looks the same. So that answer is never taken for an open door.

Boards were seen to send garbage before a frame (`FA FD 99 99`). Other frames of this family exist
and are not offered: `90` unlocks by bitmap, `9A`/`9B` hold a lock's current on and off (it burns a
solenoid), `81`/`82` come unasked from some boards.

Another firmware (KS1062, 2025) unlocks with 33 instead of 11, and its text and its field notes
contradict each other on the contact of a single lock; only `Sn .. S1` is used here for doors.

Sources: the manufacturer's protocol text (blog.csdn.net/u012909822/article/details/147892413), an
older manual (blog.csdn.net/qiwenmingshiwo/article/details/50717517), one captured answer for all
locks of an 8-lock board in Open-Locker (locker-client/docs/rs485-lock-board.md). The vectors, each
with its source, are in `tests/vectors/lockboard_8a.json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import ClassVar, Final, Literal

from drivers.boards.family import BoardSettingError, LineTiming, Question
from drivers.door import DoorState, DriverError

ByteOrder = Literal["big", "little"]

ADDRESSES: Final = range(1, 32)
CHANNEL_COUNTS: Final = range(2, 51)

UNLOCK_HEADER: Final = 0x8A
READ_HEADER: Final = 0x80
UNLOCK: Final = 0x11
READ: Final = 0x33
SHORTED: Final = 0x11
OPEN_CIRCUIT: Final = 0x00
ALL_LOCKS: Final = 0x00

SHORT_FRAME_LENGTH: Final = 5
FEWEST_STATE_BYTES: Final = 3

TIMING: Final = LineTiming(
    baud=9600, gap_s=0.005, quiet_s=0.025, read_timeout_s=0.3, unlock_settle_s=1.5
)
"""Gap, quiet and the 1.5 s within which an unlock is answered are Open-Locker's settings, which it
calls not yet validated on hardware; a read is answered sooner than an unlock by all accounts."""


class FrameError(DriverError):
    """Bytes that are not the frame they were taken for, or a frame that may not be built."""


@dataclass(frozen=True, slots=True)
class UnlockRequest:
    """Pulse one lock."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class UnlockAllRequest:
    """Pulse every lock of a board, one after another."""

    address: int


@dataclass(frozen=True, slots=True)
class ReadOneRequest:
    """Ask for one lock's contact."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class ReadAllRequest:
    """Ask for the contacts of all locks."""

    address: int


Request = UnlockRequest | UnlockAllRequest | ReadOneRequest | ReadAllRequest


@dataclass(frozen=True, slots=True)
class UnlockReply:
    """A lock's contact some time after its pulse. Never proof of an open door."""

    address: int
    channel: int
    shorted: bool


@dataclass(frozen=True, slots=True)
class ReadOneReply:
    """One lock's contact."""

    address: int
    channel: int
    shorted: bool


@dataclass(frozen=True, slots=True)
class ReadAllReply:
    """The contacts of all locks, the first is lock 1."""

    address: int
    shorted: tuple[bool, ...]


def checksum(body: bytes) -> int:
    """The XOR of all bytes."""
    return reduce(xor, body, 0)


def _with_checksum(*body: int) -> bytes:
    return bytes((*body, checksum(bytes(body))))


def _checked_address(address: int) -> int:
    if address not in ADDRESSES:
        raise FrameError(f"board address {address} is not within 1..31")
    return address


def _checked_channel(channel: int) -> int:
    # 0 would be every lock of the board: it has functions of its own.
    if channel not in range(1, CHANNEL_COUNTS[-1] + 1):
        raise FrameError(f"lock {channel} is not within 1..{CHANNEL_COUNTS[-1]}")
    return channel


def encode_unlock(address: int, channel: int) -> bytes:
    """The frame that pulses one lock."""
    return _with_checksum(
        UNLOCK_HEADER, _checked_address(address), _checked_channel(channel), UNLOCK
    )


def encode_unlock_all(address: int, *, every_door_of_the_board: bool) -> bytes:
    """The frame that opens EVERY door of a board. Built nowhere but here.

    `every_door_of_the_board` must be given as True: no number and no default leads to this frame.
    """
    if every_door_of_the_board is not True:
        raise FrameError("a frame that opens every door was asked for without meaning it")
    return _with_checksum(UNLOCK_HEADER, _checked_address(address), ALL_LOCKS, UNLOCK)


def encode_read_one(address: int, channel: int) -> bytes:
    """The frame that asks for one lock's contact."""
    return _with_checksum(READ_HEADER, _checked_address(address), _checked_channel(channel), READ)


def encode_read_all(address: int) -> bytes:
    """The frame that asks for the contacts of all locks; it moves nothing."""
    return _with_checksum(READ_HEADER, _checked_address(address), ALL_LOCKS, READ)


def encode_unlock_reply(reply: UnlockReply) -> bytes:
    """What a board answers some time after an unlock."""
    return _with_checksum(UNLOCK_HEADER, reply.address, reply.channel, _contact(reply.shorted))


def encode_read_one_reply(reply: ReadOneReply) -> bytes:
    """What a board answers when asked for one lock."""
    return _with_checksum(READ_HEADER, reply.address, reply.channel, _contact(reply.shorted))


def encode_read_all_reply(reply: ReadAllReply, *, low_byte_first: bool = False) -> bytes:
    """What a board answers when asked for all locks."""
    bits = sum(1 << place for place, shorted in enumerate(reply.shorted) if shorted)
    states = bits.to_bytes(state_byte_count(len(reply.shorted)), _byte_order(low_byte_first))
    return _with_checksum(READ_HEADER, reply.address, *states, READ)


def decode_request(frame: bytes) -> Request:
    """What a board is asked by a whole frame; anything else is a `FrameError`."""
    address, channel, function = _short_frame(frame)
    match frame[0], function:
        case (0x8A, 0x11):
            is_all = channel == ALL_LOCKS
            return UnlockAllRequest(address) if is_all else UnlockRequest(address, channel)
        case (0x80, 0x33):
            is_all = channel == ALL_LOCKS
            return ReadAllRequest(address) if is_all else ReadOneRequest(address, channel)
    raise FrameError(f"{frame.hex(' ')} is no request of this family")


def decode_unlock_reply(frame: bytes) -> UnlockReply:
    """A board's answer to an unlock; an echo of the request reads as `shorted`."""
    address, channel, contact = _short_frame(frame, UNLOCK_HEADER)
    return UnlockReply(address, channel, _is_shorted(contact))


def decode_read_one_reply(frame: bytes) -> ReadOneReply:
    """A board's answer for one lock."""
    address, channel, contact = _short_frame(frame, READ_HEADER)
    return ReadOneReply(address, channel, _is_shorted(contact))


def decode_read_all_reply(
    frame: bytes, channels: int, *, low_byte_first: bool = False
) -> ReadAllReply:
    """A board's answer for all of its `channels` locks."""
    expected_length = read_all_reply_length(channels)
    if len(frame) != expected_length:
        raise FrameError(f"{frame.hex(' ')} has {len(frame)} bytes, expected {expected_length}")
    if frame[0] != READ_HEADER or frame[-2] != READ:
        raise FrameError(f"{frame.hex(' ')} is no answer for all locks: expected 80 .. 33 xor")
    _check_sum(frame)
    bits = int.from_bytes(frame[2:-2], _byte_order(low_byte_first))
    return ReadAllReply(frame[1], tuple(bool(bits >> place & 1) for place in range(channels)))


def state_byte_count(channels: int) -> int:
    """How many state bytes the answer for all locks has."""
    return max(FEWEST_STATE_BYTES, (channels + 7) // 8)


def read_all_reply_length(channels: int) -> int:
    """The length of the answer for all locks: header, address, states, 33, checksum."""
    return state_byte_count(channels) + 4


def _short_frame(frame: bytes, header: int | None = None) -> tuple[int, int, int]:
    if len(frame) != SHORT_FRAME_LENGTH:
        raise FrameError(f"{frame.hex(' ')} has {len(frame)} bytes, expected {SHORT_FRAME_LENGTH}")
    if header is not None and frame[0] != header:
        raise FrameError(f"{frame.hex(' ')} begins with {frame[0]:02X}, expected {header:02X}")
    _check_sum(frame)
    return frame[1], frame[2], frame[3]


def _check_sum(frame: bytes) -> None:
    expected = checksum(frame[:-1])
    if frame[-1] != expected:
        raise FrameError(f"{frame.hex(' ')} has checksum {frame[-1]:02X}, expected {expected:02X}")


def _contact(shorted: bool) -> int:
    return SHORTED if shorted else OPEN_CIRCUIT


def _is_shorted(contact: int) -> bool:
    if contact not in (SHORTED, OPEN_CIRCUIT):
        raise FrameError(f"contact {contact:02X} is neither 11 (shorted) nor 00 (open circuit)")
    return contact == SHORTED


def _byte_order(low_byte_first: bool) -> ByteOrder:
    return "little" if low_byte_first else "big"


class LockBoard8A:
    """One board of this family.

    `invert` is False for locks whose contact is shorted while the door is shut, True for those
    shorted while it is open. Options: `low_byte_first` (bool, default False).
    """

    name: ClassVar[str] = "lockboard-8a"
    addresses: ClassVar[range] = ADDRESSES
    channel_counts: ClassVar[range] = CHANNEL_COUNTS

    def __init__(
        self,
        address: int,
        channels: int,
        *,
        invert: bool = False,
        options: Mapping[str, object] | None = None,
    ) -> None:
        if address not in ADDRESSES:
            raise BoardSettingError(f"address {address}: a {self.name} has an address of 1..31")
        if channels not in CHANNEL_COUNTS:
            raise BoardSettingError(f"channels {channels}: a {self.name} has 2..50 locks")
        self.address = address
        self.channels = channels
        self.invert = invert
        self.timing = TIMING
        self.low_byte_first = _read_options(options or {})

    def __repr__(self) -> str:
        return f"LockBoard8A(address={self.address}, channels={self.channels})"

    def questions(self) -> tuple[Question, ...]:
        """One frame reads every lock."""
        channels = tuple(range(1, self.channels + 1))
        return (Question(encode_read_all(self.address), channels),)

    def unlock_request(self, channel: int) -> bytes:
        """The frame that pulses one lock of this board."""
        if channel not in range(1, self.channels + 1):
            raise FrameError(
                f"lock {channel} is not on this board: it has 1..{self.channels}, "
                f"address {self.address}"
            )
        return encode_unlock(self.address, channel)

    def find_answer(self, question: Question, received: bytes) -> Mapping[int, DoorState] | None:
        """The doors told by the newest whole answer of this board."""
        for frame in self._answer_shapes(received):
            if frame[-1] == checksum(frame[:-1]):
                return self._doors(frame)
        return None

    def has_wrong_sum(self, question: Question, received: bytes) -> bool:
        """Whether something shaped as this board's answer has a wrong checksum."""
        return any(frame[-1] != checksum(frame[:-1]) for frame in self._answer_shapes(received))

    def _answer_shapes(self, received: bytes) -> Iterator[bytes]:
        """Every stretch shaped as an answer of this board, the newest first."""
        length = read_all_reply_length(self.channels)
        for start in range(len(received) - length, -1, -1):
            frame = received[start : start + length]
            if frame[0] == READ_HEADER and frame[1] == self.address and frame[-2] == READ:
                yield frame

    def _doors(self, frame: bytes) -> Mapping[int, DoorState]:
        reply = decode_read_all_reply(frame, self.channels, low_byte_first=self.low_byte_first)
        return {
            channel: DoorState.CLOSED if shorted != self.invert else DoorState.OPEN
            for channel, shorted in enumerate(reply.shorted, start=1)
        }


def _read_options(options: Mapping[str, object]) -> bool:
    for name, value in options.items():
        if name != "low_byte_first":
            raise BoardSettingError(f"option {name!r}: a lockboard-8a only has low_byte_first")
        if not isinstance(value, bool):
            raise BoardSettingError(f"option low_byte_first {value!r}: must be true or false")
    return options.get("low_byte_first") is True
