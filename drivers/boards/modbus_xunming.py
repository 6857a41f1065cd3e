"""Xunming's 16-lock board in its Modbus mode (boards shipped after 2024).

Line: RS-485, 115200 baud as delivered (settable), 8 data bits, no parity, 1 stop bit. Node 1 as
delivered; FE is a node number that every board obeys, so addresses end at 247, as in Modbus.
Frames are Modbus RTU (`drivers/modbus.py`).

| request | frame | answer |
|---|---|---|
| pulse lock n | 05, coil 0064 + n, value = time in ms | not known; an echo, as usual |
| pulse lock n for the board's own time | 05, coil 0064 + n, value FF00 | the same |
| hold lock n on | 05, coil 0064 + n, value FFFF (burns a solenoid) | the same |
| lock n off | 05, coil 0064 + n, value 0000 | the same |
| change the node number | 06, register 03E9 | the same |
| change the speed | 06, register 03EA (two editions number the speeds differently) | the same |
| restart | 06, register 03E8, value 00FF | the same |

Not known: how locks are read. The part of the text that was at hand does not tell. Taken here is
the nearest guess, discrete inputs numbered as the coils are, and both halves of the guess are
options: `read_by` and `first_place`. A board that refuses the question counts as one that does not
answer, and nothing is ever pulsed on it. Nor is known what a set bit means: here, with `invert`
False, a shut door.

Sources: the manufacturer's text, www.showdoc.com.cn/1014034257250686/11319768189783169. The
vectors, each with its source, are in `tests/vectors/modbus_xunming.json`.
"""

from __future__ import annotations

from typing import ClassVar, Final

from drivers import modbus
from drivers.boards.board import FramedBoard
from drivers.boards.family import Answer, Evidence, LineTiming
from drivers.boards.options import Option
from drivers.frames import within

ADDRESSES: Final = range(1, 248)
LOCKS: Final = 16
CHANNEL_COUNTS: Final = range(1, LOCKS + 1)

FIRST_LOCK: Final = 0x0065
PULSE_MS: Final = range(1, 0xFF00)
"""FF00 is the board's own time, FFFF holds a lock's current on: neither is built here."""

TIMING: Final = LineTiming(
    baud=115200,
    gap_s=0.005,
    quiet_s=0.025,
    read_timeout_s=0.3,
    unlock_settle_s=1.0,
    unlock_answer_s=0.05,
)
"""Silence between frames by Modbus's rule; the rest is as with other boards of this kind."""

EVIDENCE: Final = Evidence(
    by_manual="unlocking",
    by_capture="nothing",
    uncertain=(
        "**how doors are read is a guess** (`read_by`, `first_place`): try it before you trust it"
    ),
)

OPTIONS: Final = (
    Option(
        "pulse_ms",
        "how long the board holds a lock's current, in milliseconds",
        500,
        range(100, 5001, 100),
    ),
    Option("read_by", "by which Modbus function the doors are read", "inputs", ("inputs", "coils")),
    Option(
        "first_place",
        "the number of the first lock's input or coil, counted from 0",
        FIRST_LOCK,
        range(0xFFF0),
    ),
    Option(
        "baud",
        "the speed that is set on the board",
        115200,
        (9600, 14400, 19200, 38400, 57600, 115200),
    ),
)


def encode_unlock(address: int, channel: int, pulse_ms: int) -> bytes:
    """The frame that pulses one lock for so many milliseconds."""
    lock = within("lock", channel, CHANNEL_COUNTS)
    within("pulse in ms", pulse_ms, PULSE_MS)
    return modbus.encode_write_coil(_board(address), FIRST_LOCK + lock - 1, pulse_ms)


def _board(address: int) -> int:
    return within("board address", address, ADDRESSES)


class ModbusXunming(FramedBoard):
    """One board of this family.

    `invert` is False when a set bit is a shut door. Options: see `OPTIONS`.
    """

    name: ClassVar[str] = "modbus-xunming"
    addresses: ClassVar[range] = ADDRESSES
    channel_counts: ClassVar[range] = CHANNEL_COUNTS
    evidence: ClassVar[Evidence] = EVIDENCE
    options: ClassVar[tuple[Option, ...]] = OPTIONS
    timing: LineTiming = TIMING

    @property
    def first_place(self) -> int:
        """The number of the first lock's input or coil."""
        return int(self.settings["first_place"])

    @property
    def reads_coils(self) -> bool:
        """Whether doors are read as coils and not as inputs."""
        return self.settings["read_by"] == "coils"

    def _status_request(self) -> bytes:
        if self.reads_coils:
            return modbus.encode_read_coils(self.address, self.first_place, LOCKS)
        return modbus.encode_read_inputs(self.address, self.first_place, LOCKS)

    def _unlock_request(self, channel: int) -> bytes:
        return encode_unlock(self.address, channel, int(self.settings["pulse_ms"]))

    def _answer_length(self) -> int:
        return modbus.bits_reply_length(LOCKS)

    def _has_shape(self, frame: bytes) -> bool:
        function = modbus.READ_COILS if self.reads_coils else modbus.READ_INPUTS
        return frame.startswith(bytes((self.address, function, LOCKS // 8)))

    def _sum_is_right(self, frame: bytes) -> bool:
        return modbus.crc_is_right(frame)

    def _read(self, frame: bytes) -> Answer:
        if self.reads_coils:
            return Answer(self._doors(modbus.decode_coils_reply(frame).states))
        return Answer(self._doors(modbus.decode_inputs_reply(frame).states))
