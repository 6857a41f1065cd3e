"""The "485 lock control board" that speaks frames headed 8A and 80: the most common cheap board.

Line: RS-485, 9600 baud, 8 data bits, no parity, 1 stop bit. Boards 1..31 by DIP switch; 2, 8, 12,
18, 24, 36 or 50 locks, numbered from 1. The last byte of a frame is the XOR of all before it.

| request | frame | answer |
|---|---|---|
| unlock one | `8A board lock 11 xor` | `8A board lock contact xor`, after 0.5 to 1 s |
| read one | `80 board lock 33 xor` | `80 board lock contact xor` |
| read all | `80 board 00 33 xor` | `80 board Sn .. S1 33 xor`, S1 = locks 1..8, low bit first |

A contact is 11 (shorted) or 00 (open circuit); in `Sn .. S1` a bit is 1 for shorted. What that says
of the door depends on the lock: most are shorted while locked, some while open: see `invert`. There
are three state bytes up to 24 locks, then one for each eight. One 50-lock driver reads the low byte
first: see the option `low_byte_first`.

With locks that are shorted while open, the answer to a good unlock is byte for byte the request: an
echo of an RS-485 adapter looks the same. So that answer is never taken for an open door.

Boards were seen to send garbage before a frame (`FA FD 99 99`).

Another firmware (KS1062, 2025) unlocks with 33 instead of 11: see the option `unlock_function`. Its
text and its field notes contradict each other on the contact of a single lock; only `Sn .. S1` is
used here for doors.

Some boards know more frames; nothing here builds them, and the simulated board obeys them: see
`drivers/simulator/boards/lockboard_8a.py`.

Sources: the manufacturer's protocol text (blog.csdn.net/u012909822/article/details/147892413), an
older manual (blog.csdn.net/qiwenmingshiwo/article/details/50717517), one captured answer for all
locks of an 8-lock board in Open-Locker (locker-client/docs/rs485-lock-board.md), nyh3174680732/
yunle_sensors (src/lock_controller/README.md), PredditaTi/Locker-Preddita (NOTES-KS1062.md). The
vectors, each with its source, are in `tests/vectors/lockboard_8a.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.boards.board import FramedBoard
from drivers.boards.family import Answer, Evidence, LineTiming
from drivers.boards.options import Option, yes_or_no
from drivers.frames import (
    ByteOrder,
    FrameError,
    bits_of,
    check_sum,
    hexed,
    within,
    xor_of,
)

ADDRESSES: Final = range(1, 32)
CHANNEL_COUNTS: Final = range(2, 51)

UNLOCK_HEADER: Final = 0x8A
READ_HEADER: Final = 0x80

UNLOCK: Final = 0x11
UNLOCK_OF_KS1062: Final = 0x33
READ: Final = 0x33
ALL_LOCKS: Final = 0x00

FEWEST_STATE_BYTES: Final = 3

TIMING: Final = LineTiming(
    baud=9600, gap_s=0.005, quiet_s=0.025, read_timeout_s=0.3, unlock_settle_s=1.5
)
"""Gap, quiet and the 1.5 s within which an unlock is answered are Open-Locker's settings, which it
calls not yet validated on hardware; a read is answered sooner than an unlock by all accounts."""

EVIDENCE: Final = Evidence(
    by_manual=(
        'the common Chinese "485 锁控板" with headers 8A/80: line, unlock, read one, read all, '
        "checksum"
    ),
    by_capture="one answer of an 8-lock board",
    uncertain=(
        "byte order beyond 24 locks (`low_byte_first`); all of the KS1062 "
        "(`unlock_function`); gap, quiet and the unlock's late answer are another "
        "program's settings"
    ),
)

OPTIONS: Final = (
    yes_or_no("low_byte_first", "the answer for all locks begins with locks 1 to 8", default=False),
    Option(
        "unlock_function",
        "the fourth byte of an unlock: 17 (11 in hex), or 51 (33 in hex) with a KS1062 of 2025",
        UNLOCK,
        (UNLOCK, UNLOCK_OF_KS1062),
    ),
)


@dataclass(frozen=True, slots=True)
class ReadAllReply:
    """The contacts of all locks, the first is lock 1."""

    address: int
    shorted: tuple[bool, ...]


def with_checksum(*body: int) -> bytes:
    """A whole frame: the body and its XOR."""
    return bytes((*body, xor_of(bytes(body))))


def _checked_address(address: int) -> int:
    return within("board address", address, ADDRESSES)


def _checked_channel(channel: int) -> int:
    # 0 would be every lock of the board.
    return within("lock", channel, range(1, CHANNEL_COUNTS[-1] + 1))


def encode_unlock(address: int, channel: int, *, function: int = UNLOCK) -> bytes:
    """The frame that pulses one lock."""
    return with_checksum(
        UNLOCK_HEADER, _checked_address(address), _checked_channel(channel), _function(function)
    )


def encode_read_all(address: int) -> bytes:
    """The frame that asks for the contacts of all locks; it moves nothing."""
    return with_checksum(READ_HEADER, _checked_address(address), ALL_LOCKS, READ)


def decode_read_all_reply(
    frame: bytes, channels: int, *, low_byte_first: bool = False
) -> ReadAllReply:
    """A board's answer for all of its `channels` locks."""
    expected_length = read_all_reply_length(channels)
    if len(frame) != expected_length:
        raise FrameError(f"{hexed(frame)} has {len(frame)} bytes, expected {expected_length}")
    if frame[0] != READ_HEADER or frame[-2] != READ:
        raise FrameError(f"{hexed(frame)} is no answer for all locks: expected 80 .. 33 xor")
    check_sum(frame, xor_of(frame[:-1]))
    return ReadAllReply(frame[1], bits_of(frame[2:-2], channels, byte_order(low_byte_first)))


def state_byte_count(channels: int) -> int:
    """How many state bytes the answer for all locks has."""
    return max(FEWEST_STATE_BYTES, (channels + 7) // 8)


def read_all_reply_length(channels: int) -> int:
    """The length of the answer for all locks: header, address, states, 33, checksum."""
    return state_byte_count(channels) + 4


def _function(function: int) -> int:
    if function not in (UNLOCK, UNLOCK_OF_KS1062):
        raise FrameError(f"function {function:02X} is neither 11 nor 33 (a KS1062's)")
    return function


def byte_order(low_byte_first: bool) -> ByteOrder:
    """The order of the state bytes."""
    return "little" if low_byte_first else "big"


class LockBoard8A(FramedBoard):
    """One board of this family.

    `invert` is False for locks whose contact is shorted while the door is shut, True for those
    shorted while it is open. Options: see `OPTIONS`.
    """

    name: ClassVar[str] = "lockboard-8a"
    addresses: ClassVar[range] = ADDRESSES
    channel_counts: ClassVar[range] = CHANNEL_COUNTS
    evidence: ClassVar[Evidence] = EVIDENCE
    sought_channels: ClassVar[tuple[int, ...]] = (24, 32, 40, 48, 50)
    options: ClassVar[tuple[Option, ...]] = OPTIONS
    timing: LineTiming = TIMING

    @property
    def low_byte_first(self) -> bool:
        """Whether the answer for all locks begins with locks 1 to 8."""
        return self.settings["low_byte_first"] is True

    @property
    def unlock_function(self) -> int:
        """The fourth byte of an unlock."""
        return int(self.settings["unlock_function"])

    def _status_request(self) -> bytes:
        return encode_read_all(self.address)

    def _unlock_request(self, channel: int) -> bytes:
        return encode_unlock(self.address, channel, function=self.unlock_function)

    def _answer_length(self) -> int:
        return read_all_reply_length(self.channels)

    def _has_shape(self, frame: bytes) -> bool:
        return frame[0] == READ_HEADER and frame[1] == self.address and frame[-2] == READ

    def _sum_is_right(self, frame: bytes) -> bool:
        return frame[-1] == xor_of(frame[:-1])

    def _read(self, frame: bytes) -> Answer:
        reply = decode_read_all_reply(frame, self.channels, low_byte_first=self.low_byte_first)
        return Answer(self._doors(reply.shorted))
