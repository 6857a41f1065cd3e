"""The board that speaks frames headed "WKLY": up to 24 locks, sold under several names in China.

Line: RS-485, 9600 baud, 8 data bits, no parity, 1 stop bit. Boards 0..31, locks counted from 1. A
frame is `57 4B 4C 59 length board command data xor`: the length is that of the whole frame, the
last byte the XOR of all before it.

| request | frame's data | answer's data |
|---|---|---|
| 82 unlock one | lock | done, lock, state |
| 83 read one | lock | done, lock, state |
| 84 read all | none | done, how many, a state for each |
| 80, 87 unlock several, at once or in turn | how many, locks | done |
| 86 unlock all, in turn | none | done |
| 81 flash a lock's light | lock | done, lock |
| 88, 89 hold a lock's current on, off | lock | done, lock |
| none: 85 comes unasked when a door moves | | lock, state |

`done` is 00, or FF when it failed. A state is 00 for open, 01 for shut, FF for unknown. Only 82 and
84 are built here; 88 burns a solenoid.

An answer for all locks says how many there are: it may be more than the config tells, not fewer. A
lock whose state is FF, or any other byte, is unknown.

Not certain: whether an unlock is answered. The text's example has an answer; one program's notes of
its board say that none comes. It is not waited for. Two programs take the XOR of less than the
whole frame: one of them is right by luck, as the head and a length of 9 cancel out.

Sources: junerver/LockDemo (Apache-2.0: lock_control_board_communication_instructions.md, and its
tests, which hold the examples of the manufacturer's text), www.cnblogs.com/chen1880/p/15762065.html
(the same example of an unlock), Artcen-Design/Arcen-Locker (README.md). The text itself was not at
hand. The vectors, each with its source, are in `tests/vectors/wkly.json`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.boards.board import FramedBoard
from drivers.boards.family import Answer, Evidence, LineTiming
from drivers.door import DoorState
from drivers.frames import FrameError, check_sum, hexed, within, xor_of

ADDRESSES: Final = range(32)
LOCKS: Final = 24
CHANNEL_COUNTS: Final = range(1, LOCKS + 1)

HEAD: Final = b"WKLY"
UNLOCK: Final = 0x82
READ_ALL: Final = 0x84
DONE: Final = 0x00
OPEN: Final = 0x00
SHUT: Final = 0x01

LENGTH_AT: Final = 4
FRAME_WITHOUT_DATA: Final = 8
DATA_AT: Final = 7
READ_ALL_REPLY_WITHOUT_STATES: Final = FRAME_WITHOUT_DATA + 2

TIMING: Final = LineTiming(
    baud=9600,
    gap_s=0.005,
    quiet_s=0.025,
    read_timeout_s=0.5,
    unlock_settle_s=1.5,
    unlock_answer_s=0.05,
)
"""The baud rate is that of two programs; no source tells times. The answer is long, and an adapter
may hand it on byte by byte: so it has more time than with other boards of this kind."""

EVIDENCE: Final = Evidence(
    by_manual="nothing",
    by_capture="nothing",
    uncertain=(
        "an unlock and its answer are in several programs; the rest is by one program's tests, "
        "which hold the examples of the manufacturer's text; times"
    ),
)


@dataclass(frozen=True, slots=True)
class ReadAllReply:
    """The states of all locks, the first is lock 1: 0 open, 1 shut, 255 unknown."""

    address: int
    states: tuple[int, ...]


def build(address: int, command: int, *data: int) -> bytes:
    """A whole frame around a command and its data."""
    within("board address", address, ADDRESSES)
    body = bytes((*HEAD, FRAME_WITHOUT_DATA + len(data), address, command, *data))
    return bytes((*body, xor_of(body)))


def parts_of(frame: bytes) -> tuple[int, int, bytes]:
    """The address, command and data of a whole frame."""
    if len(frame) < FRAME_WITHOUT_DATA or not frame.startswith(HEAD):
        raise FrameError(f"{hexed(frame)} is no frame that begins with 57 4B 4C 59")
    if len(frame) != frame[LENGTH_AT]:
        raise FrameError(f"{hexed(frame)} has {len(frame)} bytes, expected {frame[LENGTH_AT]}")
    check_sum(frame, xor_of(frame[:-1]))
    within("board address", frame[5], ADDRESSES)
    return frame[5], frame[6], frame[DATA_AT:-1]


def encode_unlock(address: int, channel: int) -> bytes:
    """The frame that pulses one lock."""
    return build(address, UNLOCK, within("lock", channel, CHANNEL_COUNTS))


def encode_read_all(address: int) -> bytes:
    """The frame that asks for all locks; it moves nothing."""
    return build(address, READ_ALL)


def decode_read_all_reply(frame: bytes) -> ReadAllReply:
    """A board's answer with all its locks."""
    address, command, data = parts_of(frame)
    if command != READ_ALL or len(data) < 2 or data[0] != DONE or len(data) != 2 + data[1]:
        raise FrameError(f"{hexed(frame)} is no answer for all locks: expected .. 84 00 count ..")
    return ReadAllReply(address, tuple(data[2:]))


class WKLY(FramedBoard):
    """One board of this family; `invert` is False when a 1 is a shut door, as the text says."""

    name: ClassVar[str] = "wkly"
    addresses: ClassVar[range] = ADDRESSES
    channel_counts: ClassVar[range] = CHANNEL_COUNTS
    sought_channels: ClassVar[tuple[int, ...]] = tuple(reversed(CHANNEL_COUNTS))
    evidence: ClassVar[Evidence] = EVIDENCE
    timing: LineTiming = TIMING

    def _status_request(self) -> bytes:
        return encode_read_all(self.address)

    def _unlock_request(self, channel: int) -> bytes:
        return encode_unlock(self.address, channel)

    def _answer_length(self) -> int:
        return READ_ALL_REPLY_WITHOUT_STATES + self.channels

    def _shaped(self, received: bytes) -> Iterator[bytes]:
        """An answer is as long as it says, not as the config has locks."""
        for start in range(len(received) - self._answer_length(), -1, -1):
            length = received[start + LENGTH_AT]
            frame = received[start : start + length]
            if len(frame) == length and self._has_shape(frame):
                yield frame

    def _has_shape(self, frame: bytes) -> bool:
        if len(frame) < self._answer_length():
            return False
        begins = bytes((*HEAD, len(frame), self.address, READ_ALL, DONE))
        return frame.startswith(begins) and len(frame) == READ_ALL_REPLY_WITHOUT_STATES + frame[8]

    def _sum_is_right(self, frame: bytes) -> bool:
        return frame[-1] == xor_of(frame[:-1])

    def _read(self, frame: bytes) -> Answer:
        states = decode_read_all_reply(frame).states
        doors = dict(self._doors([state == SHUT for state in states]))
        for channel in doors:
            if states[channel - 1] not in (OPEN, SHUT):
                doors[channel] = DoorState.UNKNOWN
        return Answer(doors)
