"""Kerong's CU16 (also sold as KR-CU16 and NCU16L): 16 locks, with inputs for item sensors.

Line: RS-485, 19200 baud as delivered (9600 to 115200 can be set on the board), 8 data bits, no
parity, 1 stop bit. Often behind a transparent TCP unit. A frame is `02 addr command 03 sum`, the
sum being the low byte of all before it. In `addr` the high nibble is the board, 0..15, and the low
nibble the lock, counted from 0. A high nibble F is every board on the line: so a board set to 15
cannot be distinguished from all of them, and is not offered here.

| request | frame | answer |
|---|---|---|
| read a board | `02 b0 30 03 sum` | `02 b0 35 L1 L2 I1 I2 03 sum`: locks, items, low bit first |
| unlock one | `02 bl 31 03 sum` | none, by most sources |
| read all boards | `02 F0 32 03 sum` (one source: `02 00 32`) | one frame with 36 from each board |
| unlock all of a board | `02 b0 33 03 sum` | none known |
| unlock all of all boards | `02 F0 33 03 sum` | none known |

Not certain: whether a set bit is a locked or an open lock (three programs say locked, one says
open; it depends on the lock's switch in any case: see `invert`); whether an unlock is answered
(one log shows a frame with 35, which reads as any other state). One source names 37 for the pulse's
length, 39 for a delayed unlock and 40 for the speed, and no frames: they are not built here.

Item sensors are an extra: an input with no sensor reads as "nothing there", so they are believed
only with the option `item_sensors`.

Sources: jin0949/KR-CU16_locker (src/locker.py), julio-alv/lkaas-kerong (src/kerong/), mojisejr/
smc-app (main/ku16/utils/command-parser.ts), suryavirkapur/kerong-lib (README.md). No manual was
at hand. The vectors, each with its source, are in `tests/vectors/kerong_cu16.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.boards import kerong
from drivers.boards.family import Answer, Evidence, LineTiming
from drivers.boards.options import Option, yes_or_no
from drivers.frames import FrameError, bits_of, hexed, within

ADDRESSES: Final = range(15)
"""Not 15: its nibble is the one that means every board."""
LOCKS: Final = 16
CHANNEL_COUNTS: Final = range(1, LOCKS + 1)

READ: Final = 0x30
UNLOCK: Final = 0x31
STATUS: Final = 0x35
STATUS_OF_ONE_AMONG_ALL: Final = 0x36

STATUS_LENGTH: Final = 9

TIMING: Final = LineTiming(
    baud=19200,
    gap_s=0.005,
    quiet_s=0.025,
    read_timeout_s=0.3,
    unlock_settle_s=1.0,
    unlock_answer_s=0.05,
)
"""One program asks again after 25 ms; an unlock that is answered after all has 50 ms."""

EVIDENCE: Final = Evidence(
    by_manual="nothing",
    by_capture='two answers to "all boards"',
    uncertain="several programs agree on all frames; polarity is disputed; item inputs",
)

OPTIONS: Final = (
    Option(
        "baud",
        "the speed that is set on the board",
        19200,
        (9600, 19200, 38400, 57600, 115200),
    ),
    yes_or_no("item_sensors", "sensors for items are wired to every lock's input", default=False),
    yes_or_no("invert_items", "the item sensors say present for absent", default=False),
)


@dataclass(frozen=True, slots=True)
class StatusReply:
    """A board's locks and item inputs, the first is lock 1; what a bit means is wiring."""

    address: int
    locks: tuple[bool, ...]
    items: tuple[bool, ...]
    among_all: bool = False
    """True in the answer to a question for every board."""


def encode_status(address: int) -> bytes:
    """The frame that asks a board for its locks; it moves nothing."""
    return kerong.build(_board(address), READ)


def encode_unlock(address: int, channel: int) -> bytes:
    """The frame that pulses one lock, counted from 1."""
    lock = within("lock", channel, range(1, LOCKS + 1)) - 1
    return kerong.build(_board(address) | lock, UNLOCK)


def decode_status_reply(frame: bytes) -> StatusReply:
    """A board's answer; the low nibble of its address is 0."""
    place, command, *bits = kerong.body_of(frame, STATUS_LENGTH)
    address = place >> 4
    if command not in (STATUS, STATUS_OF_ONE_AMONG_ALL) or place & 0x0F or address not in ADDRESSES:
        raise FrameError(f"{hexed(frame)} is no answer of this family: expected 02 b0 35 .. 03 sum")
    states = bits_of(bytes(bits), 2 * LOCKS)
    return StatusReply(address, states[:LOCKS], states[LOCKS:], command == STATUS_OF_ONE_AMONG_ALL)


def _board(address: int) -> int:
    return within("board address", address, ADDRESSES) << 4


class KerongCU16(kerong.KerongBoard):
    """One board of this family.

    `invert` is False when a set bit is a locked lock. Options: see `OPTIONS`.
    """

    name: ClassVar[str] = "kerong-cu16"
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
        begins = bytes((kerong.HEAD, self.address << 4, STATUS))
        return frame.startswith(begins) and frame[-2] == kerong.TAIL

    def _read(self, frame: bytes) -> Answer:
        reply = decode_status_reply(frame)
        return self._locks_and_items(reply.locks, reply.items)
