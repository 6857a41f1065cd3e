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
lamps and burn a solenoid, the manual warns. Only 10 and 12 are built here.

The manual contradicts itself: its tables give the answers to 10 and 11 two bytes, its examples one
(`DC FE 01 10 01 01 13`); its example of an answer to 18 has a wrong sum. The tables are followed;
only the answer to 12, where both agree, is used for doors.

Sources: the manufacturer's manual DC_12 V0.2 (likangjie110/lockboard:protocol.txt) and that
repository's program (src/protocol/protocol485.cpp). The vectors, each with its source, are in
`tests/vectors/dingchang_dc.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.boards.board import FramedBoard
from drivers.boards.family import Answer, Evidence, LineTiming
from drivers.frames import FrameError, bits_of, check_sum, hexed, sum_of, within

ADDRESSES: Final = range(1, 16)
LOCKS: Final = 12
CHANNEL_COUNTS: Final = range(1, LOCKS + 1)

HEAD: Final = 0xDC
ASKS: Final = 0x02
ANSWERS: Final = 0xFE

UNLOCK: Final = 0x10
READ_ALL: Final = 0x12

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

EVIDENCE: Final = Evidence(
    by_manual="everything; its examples for 10, 11 and 18 contradict its tables",
    by_capture="nothing",
    uncertain="times",
)


@dataclass(frozen=True, slots=True)
class ReadAllReply:
    """All locks, the first is lock 1."""

    address: int
    is_open: tuple[bool, ...]


def encode_unlock(address: int, channel: int) -> bytes:
    """The frame that pulses one lock."""
    return _request(address, UNLOCK, within("lock", channel, CHANNEL_COUNTS))


def encode_read_all(address: int) -> bytes:
    """The frame that asks for all locks; it moves nothing."""
    return _request(address, READ_ALL)


def decode_read_all_reply(frame: bytes) -> ReadAllReply:
    """A board's answer with all its locks."""
    address, command, data = parts_of(frame, ANSWERS)
    if command != READ_ALL or len(data) != 2:
        raise FrameError(f"{hexed(frame)} is no answer with all locks: expected DC FE .. 12 02 ..")
    return ReadAllReply(address, locks_of(data))


def _request(address: int, command: int, *data: int) -> bytes:
    return build(ASKS, address, command, *data)


def build(direction: int, address: int, command: int, *data: int) -> bytes:
    """A whole frame with its length and sum."""
    within("board address", address, ADDRESSES)
    body = bytes((address, command, len(data), *data))
    return bytes((HEAD, direction, *body, sum_of(body)))


def parts_of(frame: bytes, direction: int) -> tuple[int, int, bytes]:
    """The address, command and data of a whole frame."""
    if len(frame) < FRAME_WITHOUT_DATA or frame[:2] != bytes((HEAD, direction)):
        raise FrameError(f"{hexed(frame)} is no frame that begins with DC {direction:02X}")
    expected_length = FRAME_WITHOUT_DATA + frame[LENGTH_AT]
    if len(frame) != expected_length:
        raise FrameError(f"{hexed(frame)} has {len(frame)} bytes, expected {expected_length}")
    check_sum(frame, sum_of(frame[2:-1]))
    within("board address", frame[2], ADDRESSES)
    return frame[2], frame[3], frame[5:-1]


def locks_of(data: bytes) -> tuple[bool, ...]:
    """The locks that a high and a low byte name."""
    if data[0] >> LOCKS - 8:
        raise FrameError(f"{hexed(data)} names locks beyond {LOCKS}")
    return bits_of(data, LOCKS, "big")


class DingchangDC(FramedBoard):
    """One board of this family; `invert` is False when a 1 is an open door, as the manual says."""

    name: ClassVar[str] = "dingchang-dc"
    addresses: ClassVar[range] = ADDRESSES
    channel_counts: ClassVar[range] = CHANNEL_COUNTS
    evidence: ClassVar[Evidence] = EVIDENCE
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
        is_open = decode_read_all_reply(frame).is_open
        return Answer(self._doors([not each for each in is_open]))
