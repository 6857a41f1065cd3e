"""Kerong's CU48B: 48 locks with a sensor for what lies in each compartment.

Line: RS-485, 19200 baud, 8 data bits, no parity, 1 stop bit. Frames are those of the CU48
(`kerong_cu48.py`) with other commands: `02 addr lock command 03 sum`, boards 0..9, locks from 0.

| request | frame | answer |
|---|---|---|
| read a board | `02 addr 00 60 03 sum` | `02 addr lock 75 D1 .. D6 S1 .. S6 03 sum` |
| unlock one | `02 addr lock 61 03 sum` | not known; nothing here waits for one |

D1 bit 0 is the lock of compartment 1, S1 bit 0 its item sensor. A set lock bit is a closed lock in
the captures (see `invert`, as with the CU48), a set item bit a sensor that sees something (see the
option `invert_items`). Where not every compartment has its sensor, `item_sensors` must be false: an
input with none reads as "nothing there".

Not certain: the meaning of an answer with 77 and address 0A in one capture (it is not taken for an
answer); that address 0A and lock 30 mean all, as with the CU48 (they are never built here).

Sources: AshurkovAV/KerongConsole (a text of requests and answers captured on a board; its
CodesClass.cs puts the lock in place of the address and contradicts that capture),
rhalf/smart-parcel-locker_locker-tool (ElectronicLockerTool/Cu48b.cs). The vectors, each with its
source, are in `tests/vectors/kerong_cu48b.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.boards import kerong
from drivers.boards.family import Answer, Evidence, LineTiming
from drivers.boards.options import Option, yes_or_no
from drivers.frames import FrameError, bits_of, hexed, within

ADDRESSES: Final = range(10)
LOCKS: Final = 48
CHANNEL_COUNTS: Final = range(1, LOCKS + 1)

READ: Final = 0x60
UNLOCK: Final = 0x61
STATUS: Final = 0x75

STATUS_LENGTH: Final = 18

TIMING: Final = LineTiming(
    baud=19200, gap_s=0.005, quiet_s=0.025, read_timeout_s=0.3, unlock_settle_s=1.0
)
"""The baud rate is that of the CU48; the rest is as with other boards of this kind."""

EVIDENCE: Final = Evidence(
    by_manual="nothing",
    by_capture="all frames used",
    uncertain='that its addresses and "all" frames are those of the CU48',
)

OPTIONS: Final = (
    yes_or_no("item_sensors", "sensors for items are wired in every compartment", default=True),
    yes_or_no("invert_items", "the item sensors say present for absent", default=False),
)


@dataclass(frozen=True, slots=True)
class StatusReply:
    """A board's locks and item sensors, the first is lock 1; what a bit means is wiring."""

    address: int
    locks: tuple[bool, ...]
    items: tuple[bool, ...]
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
        raise FrameError(f"{hexed(frame)} is no answer of this family: expected 02 .. 75 .. 03 sum")
    states = bits_of(bytes(bits), 2 * LOCKS)
    return StatusReply(address, states[:LOCKS], states[LOCKS:], lock_byte)


def _board(address: int) -> int:
    return within("board address", address, ADDRESSES)


class KerongCU48B(kerong.KerongBoard):
    """One board of this family.

    `invert` is False when a set bit is a closed lock. Options: see `OPTIONS`.
    """

    name: ClassVar[str] = "kerong-cu48b"
    addresses: ClassVar[range] = ADDRESSES
    channel_counts: ClassVar[range] = CHANNEL_COUNTS
    evidence: ClassVar[Evidence] = EVIDENCE
    options: ClassVar[tuple[Option, ...]] = OPTIONS
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
        reply = decode_status_reply(frame)
        return self._locks_and_items(reply.locks, reply.items)
