"""Kerong's CU12 (also NCU12L): 12 locks.

Line: RS-485 on an RJ45 (A, B, Y, Z, GND), 19200 baud as delivered (settable), 8 data bits, no
parity, 1 stop bit; often behind Kerong's TCP unit, which hands the bytes on as they are. Boards
0..15; 10 is every board. Locks are counted from 0 on the wire, 0C is all 12 of them. A frame is
`02 addr lock command ask length 03 sum data`: the data stands behind the sum, which is the low byte
of all other bytes, the data among them.

| request | frame | answer |
|---|---|---|
| read a board | `02 addr 00 80 00 00 03 sum` | `02 addr 00 80 10 02 03 sum L1 L2` |
| unlock one | `02 addr lock 81 00 00 03 sum` | `02 addr lock 81 10 00 03 sum` |
| unlock all | `02 addr 0C 81 00 00 03 sum` | the same |

L1 bit 0 is lock 1, L2 bit 3 is lock 12. A set bit is a locked hook (see `invert`). `ask` is 00 in a
request; in an answer 10 done, 11 failed, 12 time-out, 13 unknown command, 14 wrong sum. Further
commands set times (82, 84, 85) and the speed (83), forget all settings (8E) and tell the version
(8F): nothing here builds them.

Not certain: another program takes 64 and not 0C for all locks; neither is ever built here. Whether
the sum covers the data is said in two ways; the one example of an answer with data has it so, and
so it is taken here. Whether bit and hook agree is wiring, as with Kerong's other boards. How soon
an unlock is answered is not known; its answer is not waited for.

Sources: mojisejr/smc-app (docs/CU12.md and docs/context/supplements/hardware-cu12.md, which retell
the manufacturer's text with its examples). The manual itself was not at hand. The vectors, each
with its source, are in `tests/vectors/kerong_cu12.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.boards.board import FramedBoard
from drivers.boards.family import Answer, Evidence, LineTiming
from drivers.boards.options import Option
from drivers.frames import FrameError, bits_of, hexed, sum_of, within

ADDRESSES: Final = range(16)
LOCKS: Final = 12
CHANNEL_COUNTS: Final = range(1, LOCKS + 1)

HEAD: Final = 0x02
TAIL: Final = 0x03
READ: Final = 0x80
UNLOCK: Final = 0x81
ASKS: Final = 0x00
DONE: Final = 0x10

HEADER_LENGTH: Final = 8
TAIL_AT: Final = 6
SUM_AT: Final = 7
STATUS_LENGTH: Final = HEADER_LENGTH + 2

TIMING: Final = LineTiming(
    baud=19200,
    gap_s=0.005,
    quiet_s=0.025,
    read_timeout_s=0.3,
    unlock_settle_s=1.0,
    unlock_answer_s=0.05,
)
"""The baud rate is the text's; the rest is as with other boards of this kind."""

EVIDENCE: Final = Evidence(
    by_manual="nothing",
    by_capture="nothing",
    uncertain="everything is by one program's retelling of the manual; its examples agree with it",
)

OPTIONS: Final = (
    Option("baud", "the speed that is set on the board", 19200, (9600, 19200, 57600, 115200)),
)


@dataclass(frozen=True, slots=True)
class StatusReply:
    """A board's locks, the first is lock 1; what a bit means is wiring."""

    address: int
    locks: tuple[bool, ...]


def build(address: int, lock: int, command: int, ask: int, data: bytes = b"") -> bytes:
    """A whole frame; its sum stands before its data."""
    within("board address", address, ADDRESSES)
    header = bytes((HEAD, address, lock, command, ask, len(data), TAIL))
    return header + bytes((sum_of(header + data),)) + data


def check_frame(frame: bytes) -> None:
    """Refuse a frame that is cut, or not framed as Kerong's, or whose sum is wrong."""
    if len(frame) < HEADER_LENGTH or frame[0] != HEAD or frame[TAIL_AT] != TAIL:
        raise FrameError(f"{hexed(frame)} is no frame of a CU12: expected 02 .. 03 sum")
    expected_length = HEADER_LENGTH + frame[5]
    if len(frame) != expected_length:
        raise FrameError(f"{hexed(frame)} has {len(frame)} bytes, expected {expected_length}")
    expected = _sum(frame)
    if frame[SUM_AT] != expected:
        raise FrameError(
            f"{hexed(frame)} has checksum {frame[SUM_AT]:02X}, expected {expected:02X}"
        )


def encode_status(address: int) -> bytes:
    """The frame that asks a board for its locks; it moves nothing."""
    return build(address, 0, READ, ASKS)


def encode_unlock(address: int, channel: int) -> bytes:
    """The frame that pulses one lock, counted from 1."""
    return build(address, within("lock", channel, CHANNEL_COUNTS) - 1, UNLOCK, ASKS)


def decode_status_reply(frame: bytes) -> StatusReply:
    """A board's answer."""
    check_frame(frame)
    _, address, lock, command, ask, length = frame[:TAIL_AT]
    if (lock, command, ask, length) != (0, READ, DONE, 2) or address not in ADDRESSES:
        raise FrameError(f"{hexed(frame)} is no answer of this family: expected 02 .. 80 10 02 03")
    return StatusReply(address, bits_of(frame[HEADER_LENGTH:], LOCKS))


def _sum(frame: bytes) -> int:
    return sum_of(frame[:SUM_AT] + frame[HEADER_LENGTH:])


class KerongCU12(FramedBoard):
    """One board of this family; `invert` is False when a set bit is a locked hook."""

    name: ClassVar[str] = "kerong-cu12"
    addresses: ClassVar[range] = ADDRESSES
    channel_counts: ClassVar[range] = CHANNEL_COUNTS
    evidence: ClassVar[Evidence] = EVIDENCE
    options: ClassVar[tuple[Option, ...]] = OPTIONS
    timing: LineTiming = TIMING

    def _status_request(self) -> bytes:
        return encode_status(self.address)

    def _unlock_request(self, channel: int) -> bytes:
        return encode_unlock(self.address, channel)

    def _answer_length(self) -> int:
        return STATUS_LENGTH

    def _has_shape(self, frame: bytes) -> bool:
        return frame.startswith(bytes((HEAD, self.address, 0, READ, DONE, 2, TAIL)))

    def _sum_is_right(self, frame: bytes) -> bool:
        return frame[SUM_AT] == _sum(frame)

    def _read(self, frame: bytes) -> Answer:
        return Answer(self._doors(decode_status_reply(frame).locks))
