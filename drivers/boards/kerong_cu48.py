"""Kerong's CU48: 48 locks on one board.

Line: RS-485 (A, B, Y, Z, GND on an RJ45), 19200 baud, 8 data bits, no parity, 1 stop bit; 12 to
24 V. A frame is `02 addr lock command 03 sum`, the sum being the low byte of all before it. Boards
0..9, address 0A is every board; locks are counted from 0 on the wire, 30 is all 48 of them.

| request | frame | answer |
|---|---|---|
| read a board | `02 addr 00 50 03 sum` | `02 addr lock 65 D1 .. D6 03 sum`; `lock` says nothing |
| unlock one | `02 addr lock 51 03 sum` | none |
| unlock all of a board | `02 addr 30 51 03 sum` | none |
| unlock all of all boards | `02 0A 30 51 03 sum` | none |

D1 bit 0 is lock 1, D6 bit 7 is lock 48. A set bit is a locked hook; the manual itself says that it
is the other way round with the other kind of hook switch: see `invert`. The manual once gives the
answer 32 bytes; its own example has 12.

Sources: the manufacturer's manual (cu48-protocol-and-introduction-v2.1.pdf, 2020-03-23, and
KR-CU48.pdf, in Boudha25/CasierIntelligent:Datasheet/). The vectors, each with its source, are in
`tests/vectors/kerong_cu48.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.boards import kerong
from drivers.boards.family import Answer, Evidence, LineTiming
from drivers.frames import FrameError, bits_of, hexed, within

ADDRESSES: Final = range(10)
LOCKS: Final = 48
CHANNEL_COUNTS: Final = range(1, LOCKS + 1)

READ: Final = 0x50
UNLOCK: Final = 0x51
STATUS: Final = 0x65

STATUS_LENGTH: Final = 12

TIMING: Final = LineTiming(
    baud=19200, gap_s=0.005, quiet_s=0.025, read_timeout_s=0.3, unlock_settle_s=1.0
)
"""The baud rate is the manual's, which promises a reaction within a second; the rest is as with
other boards of this kind."""

EVIDENCE: Final = Evidence(
    by_manual="everything",
    by_capture="nothing",
    uncertain="",
)


@dataclass(frozen=True, slots=True)
class StatusReply:
    """A board's locks, the first is lock 1; what a bit means is wiring."""

    address: int
    locks: tuple[bool, ...]
    lock_byte: int = 0
    """Stands in the frame and says nothing."""


def encode_status(address: int) -> bytes:
    """The frame that asks a board for its locks; it moves nothing."""
    return kerong.build(_board(address), 0, READ)


def encode_unlock(address: int, channel: int) -> bytes:
    """The frame that pulses one lock, counted from 1."""
    return kerong.build(_board(address), within("lock", channel, CHANNEL_COUNTS) - 1, UNLOCK)


def decode_status_reply(frame: bytes) -> StatusReply:
    """A board's answer."""
    address, lock_byte, command, *bits = kerong.body_of(frame, STATUS_LENGTH)
    if command != STATUS or address not in ADDRESSES:
        raise FrameError(f"{hexed(frame)} is no answer of this family: expected 02 .. 65 .. 03 sum")
    return StatusReply(address, bits_of(bytes(bits), LOCKS), lock_byte)


def _board(address: int) -> int:
    return within("board address", address, ADDRESSES)


class KerongCU48(kerong.KerongBoard):
    """One board of this family; `invert` is False when a set bit is a locked hook."""

    name: ClassVar[str] = "kerong-cu48"
    addresses: ClassVar[range] = ADDRESSES
    channel_counts: ClassVar[range] = CHANNEL_COUNTS
    evidence: ClassVar[Evidence] = EVIDENCE
    timing: LineTiming = TIMING
    status_length: ClassVar[int] = STATUS_LENGTH

    def _status_request(self) -> bytes:
        return encode_status(self.address)

    def _unlock_request(self, channel: int) -> bytes:
        return encode_unlock(self.address, channel)

    def _has_shape(self, frame: bytes) -> bool:
        begins = frame[0] == kerong.HEAD and frame[1] == self.address and frame[3] == STATUS
        return begins and frame[-2] == kerong.TAIL

    def _read(self, frame: bytes) -> Answer:
        return Answer(self._doors(decode_status_reply(frame).locks))
