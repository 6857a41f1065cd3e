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

Boards were seen to send garbage before a frame (`FA FD 99 99`).

Another firmware (KS1062, 2025) unlocks with 33 instead of 11: see the option `unlock_function`. Its
text and its field notes contradict each other on the contact of a single lock; only `Sn .. S1` is
used here for doors.

More frames, each in some boards only; the codec knows them, a bank never sends them:

| request | frame | answer |
|---|---|---|
| unlock one for so many seconds, 1..9 | `8A board lock 11 seconds xor` | as unlock |
| unlock several by bitmap | `90 board S1 S2 S3 xor`, S1 = locks 1..8 | not known |
| hold a lock's current on, off | `9A` / `9B board lock 11 xor` (KS1062: 33) | not known |
| unlock all, in turn (KS1062) | `9D board 01 33 xor` | `9E board 00 00 00 xor` |
| report every close unasked (KS1062) | `8D board 01 00/01 xor` | not known |
| set an unlock's time (KS1062) | `7E board lock seconds xor` | not known |
| version (KS1062) | `82 board 00 22 xor` | `82 board 00 version xor` |
| address (old boards) | `80 01 00 99 xor` | `80 01 address 99 xor` |
| none: comes unasked from some boards | | `81` or `82 board lock contact xor` |

Holding a current burns a solenoid; it is for magnets. One encoder of `90` has its bytes the other
way round: see `low_byte_first` there.

Sources: the manufacturer's protocol text (blog.csdn.net/u012909822/article/details/147892413), an
older manual (blog.csdn.net/qiwenmingshiwo/article/details/50717517), one captured answer for all
locks of an 8-lock board in Open-Locker (locker-client/docs/rs485-lock-board.md), nyh3174680732/
yunle_sensors (src/lock_controller/README.md), PredditaTi/Locker-Preddita (NOTES-KS1062.md). The
vectors, each with its source, are in `tests/vectors/lockboard_8a.json`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.boards.board import FramedBoard
from drivers.boards.family import Answer, LineTiming
from drivers.boards.options import Option, yes_or_no
from drivers.frames import (
    ByteOrder,
    FrameError,
    bits_of,
    bits_with,
    bytes_of,
    check_length,
    check_sum,
    hexed,
    require_meant,
    within,
    xor_of,
)

ADDRESSES: Final = range(1, 32)
CHANNEL_COUNTS: Final = range(2, 51)

UNLOCK_HEADER: Final = 0x8A
READ_HEADER: Final = 0x80
UNLOCK_SEVERAL_HEADER: Final = 0x90
HOLD_ON_HEADER: Final = 0x9A
HOLD_OFF_HEADER: Final = 0x9B
UNLOCK_IN_TURN_HEADER: Final = 0x9D
UNLOCKED_IN_TURN_HEADER: Final = 0x9E
REPORTING_HEADER: Final = 0x8D
UNLOCK_TIME_HEADER: Final = 0x7E
VERSION_HEADER: Final = 0x82
REPORT_HEADERS: Final = (0x81, 0x82)

UNLOCK: Final = 0x11
UNLOCK_OF_KS1062: Final = 0x33
READ: Final = 0x33
VERSION: Final = 0x22
ADDRESS: Final = 0x99
SHORTED: Final = 0x11
OPEN_CIRCUIT: Final = 0x00
ALL_LOCKS: Final = 0x00

SHORT_FRAME_LENGTH: Final = 5
LONG_FRAME_LENGTH: Final = 6
UNLOCK_SECONDS: Final = range(1, 10)
BITMAP_LOCKS: Final = 24
FEWEST_STATE_BYTES: Final = 3

TIMING: Final = LineTiming(
    baud=9600, gap_s=0.005, quiet_s=0.025, read_timeout_s=0.3, unlock_settle_s=1.5
)
"""Gap, quiet and the 1.5 s within which an unlock is answered are Open-Locker's settings, which it
calls not yet validated on hardware; a read is answered sooner than an unlock by all accounts."""


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


@dataclass(frozen=True, slots=True)
class UnlockForRequest:
    """Pulse one lock for so many seconds."""

    address: int
    channel: int
    seconds: int


@dataclass(frozen=True, slots=True)
class UnlockSeveralRequest:
    """Pulse several locks of the first 24."""

    address: int
    locks: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class UnlockInTurnRequest:
    """Pulse every lock of a board, one after another (KS1062)."""

    address: int


@dataclass(frozen=True, slots=True)
class HoldOnRequest:
    """Hold a lock's current on."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class HoldOffRequest:
    """End the holding of a lock's current."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class ReportingRequest:
    """Have every close reported unasked, or not."""

    address: int
    is_on: bool


@dataclass(frozen=True, slots=True)
class UnlockTimeRequest:
    """Set how long an unlock of one lock lasts."""

    address: int
    channel: int
    seconds: int


@dataclass(frozen=True, slots=True)
class VersionRequest:
    """Ask for the firmware's version."""

    address: int


@dataclass(frozen=True, slots=True)
class AddressRequest:
    """Ask the only board on the line for its address."""


Request = (
    UnlockRequest
    | UnlockAllRequest
    | ReadOneRequest
    | ReadAllRequest
    | UnlockForRequest
    | UnlockSeveralRequest
    | UnlockInTurnRequest
    | HoldOnRequest
    | HoldOffRequest
    | ReportingRequest
    | UnlockTimeRequest
    | VersionRequest
    | AddressRequest
)


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


@dataclass(frozen=True, slots=True)
class StateReport:
    """One lock's contact, told unasked."""

    address: int
    channel: int
    shorted: bool
    header: int = REPORT_HEADERS[0]


@dataclass(frozen=True, slots=True)
class UnlockInTurnReply:
    """What a KS1062 answers when all its locks were pulsed; what its bytes say is not known."""

    address: int
    data: bytes = bytes(3)


@dataclass(frozen=True, slots=True)
class VersionReply:
    """The firmware's version."""

    address: int
    version: int


@dataclass(frozen=True, slots=True)
class AddressReply:
    """The address of the only board on the line."""

    address: int


def _with_checksum(*body: int) -> bytes:
    return bytes((*body, xor_of(bytes(body))))


def _checked_address(address: int) -> int:
    return within("board address", address, ADDRESSES)


def _checked_channel(channel: int) -> int:
    # 0 would be every lock of the board: it has functions of its own.
    return within("lock", channel, range(1, CHANNEL_COUNTS[-1] + 1))


def encode_unlock(address: int, channel: int, *, function: int = UNLOCK) -> bytes:
    """The frame that pulses one lock."""
    return _with_checksum(
        UNLOCK_HEADER, _checked_address(address), _checked_channel(channel), _function(function)
    )


def encode_unlock_all(
    address: int, *, every_door_of_the_board: bool, function: int = UNLOCK
) -> bytes:
    """The frame that opens EVERY door of a board. Built nowhere but here.

    `every_door_of_the_board` must be given as True: no number and no default leads to this frame.
    """
    require_meant(every_door_of_the_board, "opens every door of a board")
    return _with_checksum(UNLOCK_HEADER, _checked_address(address), ALL_LOCKS, _function(function))


def encode_unlock_in_turn(address: int, *, every_door_of_the_board: bool) -> bytes:
    """A KS1062's own frame that opens EVERY door of a board; must be told so."""
    require_meant(every_door_of_the_board, "opens every door of a board")
    return _with_checksum(UNLOCK_IN_TURN_HEADER, _checked_address(address), 1, UNLOCK_OF_KS1062)


def encode_unlock_for(address: int, channel: int, seconds: int) -> bytes:
    """The frame that pulses one lock for 1 to 9 seconds."""
    return _with_checksum(
        UNLOCK_HEADER,
        _checked_address(address),
        _checked_channel(channel),
        UNLOCK,
        within("seconds", seconds, UNLOCK_SECONDS),
    )


def encode_unlock_several(
    address: int, channels: Collection[int], *, several_doors: bool, low_byte_first: bool = True
) -> bytes:
    """The frame that opens several doors of the first 24; must be told so."""
    require_meant(several_doors, "opens several doors")
    bitmap = bytes_of(bits_with(channels, BITMAP_LOCKS), 3, _byte_order(low_byte_first))
    return _with_checksum(UNLOCK_SEVERAL_HEADER, _checked_address(address), *bitmap)


def encode_hold_on(
    address: int, channel: int, *, is_no_solenoid: bool, function: int = UNLOCK
) -> bytes:
    """The frame that holds a lock's current on; must be told that it is a magnet."""
    require_meant(is_no_solenoid, "burns a solenoid")
    return _with_checksum(
        HOLD_ON_HEADER, _checked_address(address), _checked_channel(channel), _function(function)
    )


def encode_hold_off(address: int, channel: int, *, function: int = UNLOCK) -> bytes:
    """The frame that ends the holding of a lock's current."""
    return _with_checksum(
        HOLD_OFF_HEADER, _checked_address(address), _checked_channel(channel), _function(function)
    )


def encode_reporting(address: int, is_on: bool) -> bytes:
    """The frame by which a KS1062 reports every close unasked, or no longer."""
    return _with_checksum(REPORTING_HEADER, _checked_address(address), 1, 1 if is_on else 0)


def encode_unlock_time(address: int, channel: int, seconds: int) -> bytes:
    """The frame that sets how long a KS1062 pulses one lock."""
    return _with_checksum(
        UNLOCK_TIME_HEADER,
        _checked_address(address),
        _checked_channel(channel),
        within("seconds", seconds, range(1, 256)),
    )


def encode_version(address: int) -> bytes:
    """The frame that asks a KS1062 for its version."""
    return _with_checksum(VERSION_HEADER, _checked_address(address), 0, VERSION)


def encode_address() -> bytes:
    """The frame that asks an old board for its address; only for a line with a single board."""
    return _with_checksum(READ_HEADER, 1, 0, ADDRESS)


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
    length = state_byte_count(len(reply.shorted))
    states = bytes_of(reply.shorted, length, _byte_order(low_byte_first))
    return _with_checksum(READ_HEADER, reply.address, *states, READ)


def encode_state_report(report: StateReport) -> bytes:
    """What some boards send unasked."""
    return _with_checksum(report.header, report.address, report.channel, _contact(report.shorted))


def encode_unlock_in_turn_reply(reply: UnlockInTurnReply) -> bytes:
    """What a KS1062 answers when all its locks were pulsed."""
    return _with_checksum(UNLOCKED_IN_TURN_HEADER, reply.address, *reply.data)


def encode_version_reply(reply: VersionReply) -> bytes:
    """What a KS1062 answers when asked for its version."""
    return _with_checksum(VERSION_HEADER, reply.address, 0, reply.version)


def encode_address_reply(reply: AddressReply) -> bytes:
    """What an old board answers when asked for its address."""
    return _with_checksum(READ_HEADER, 1, reply.address, ADDRESS)


def decode_request(frame: bytes, *, unlock_function: int = UNLOCK) -> Request:
    """What a board is asked by a whole frame; anything else is a `FrameError`.

    `unlock_function` is what this board unlocks by. The bitmap's first byte holds locks 1 to 8.
    """
    check_length(frame, SHORT_FRAME_LENGTH, LONG_FRAME_LENGTH)
    check_sum(frame, xor_of(frame[:-1]))
    header, address, *rest = frame[:-1]
    if header == READ_HEADER and rest == [ALL_LOCKS, ADDRESS]:
        return AddressRequest()
    if len(frame) == LONG_FRAME_LENGTH:
        request = _long_request(header, _checked_address(address), rest)
    else:
        request = _short_request(
            header, _checked_address(address), rest[0], rest[1], unlock_function
        )
    if request is None:
        raise FrameError(f"{hexed(frame)} is no request of this family")
    return request


def _short_request(
    header: int, address: int, channel: int, function: int, unlock: int
) -> Request | None:
    is_lock = channel in range(1, CHANNEL_COUNTS[-1] + 1)
    match header:
        case 0x8A if function == unlock and channel == ALL_LOCKS:
            return UnlockAllRequest(address)
        case 0x8A if function == unlock and is_lock:
            return UnlockRequest(address, channel)
        case 0x80 if function == READ and channel == ALL_LOCKS:
            return ReadAllRequest(address)
        case 0x80 if function == READ and is_lock:
            return ReadOneRequest(address, channel)
        case 0x9A if function == unlock and is_lock:
            return HoldOnRequest(address, channel)
        case 0x9B if function == unlock and is_lock:
            return HoldOffRequest(address, channel)
        case 0x9D if (channel, function) == (1, UNLOCK_OF_KS1062):
            return UnlockInTurnRequest(address)
        case 0x8D if channel == 1 and function in (0, 1):
            return ReportingRequest(address, function == 1)
        case 0x7E if is_lock and function > 0:
            return UnlockTimeRequest(address, channel, function)
        case 0x82 if (channel, function) == (0, VERSION):
            return VersionRequest(address)
    return None


def _long_request(header: int, address: int, rest: list[int]) -> Request | None:
    if header == UNLOCK_SEVERAL_HEADER and any(rest):
        return UnlockSeveralRequest(address, bits_of(bytes(rest), BITMAP_LOCKS))
    channel, function, seconds = rest
    is_lock = channel in range(1, CHANNEL_COUNTS[-1] + 1)
    if header == UNLOCK_HEADER and function == UNLOCK and is_lock and seconds in UNLOCK_SECONDS:
        return UnlockForRequest(address, channel, seconds)
    return None


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
        raise FrameError(f"{hexed(frame)} has {len(frame)} bytes, expected {expected_length}")
    if frame[0] != READ_HEADER or frame[-2] != READ:
        raise FrameError(f"{hexed(frame)} is no answer for all locks: expected 80 .. 33 xor")
    _check_sum(frame)
    return ReadAllReply(frame[1], bits_of(frame[2:-2], channels, _byte_order(low_byte_first)))


def decode_state_report(frame: bytes) -> StateReport:
    """What some boards send unasked."""
    address, channel, contact = _short_frame(frame, *REPORT_HEADERS)
    return StateReport(address, _checked_channel(channel), _is_shorted(contact), frame[0])


def decode_unlock_in_turn_reply(frame: bytes) -> UnlockInTurnReply:
    """What a KS1062 answers when all its locks were pulsed."""
    check_length(frame, LONG_FRAME_LENGTH)
    if frame[0] != UNLOCKED_IN_TURN_HEADER:
        raise FrameError(f"{hexed(frame)} begins with {frame[0]:02X}, expected 9E")
    _check_sum(frame)
    return UnlockInTurnReply(frame[1], frame[2:-1])


def decode_version_reply(frame: bytes) -> VersionReply:
    """What a KS1062 answers when asked for its version."""
    address, zero, version = _short_frame(frame, VERSION_HEADER)
    if zero:
        raise FrameError(f"{hexed(frame)} is a report of lock {zero}, no version")
    return VersionReply(address, version)


def decode_address_reply(frame: bytes) -> AddressReply:
    """What an old board answers when asked for its address."""
    _, address, function = _short_frame(frame, READ_HEADER)
    if function != ADDRESS or address == 0:
        raise FrameError(f"{hexed(frame)} tells no address: expected 80 01 address 99 xor")
    return AddressReply(address)


def state_byte_count(channels: int) -> int:
    """How many state bytes the answer for all locks has."""
    return max(FEWEST_STATE_BYTES, (channels + 7) // 8)


def read_all_reply_length(channels: int) -> int:
    """The length of the answer for all locks: header, address, states, 33, checksum."""
    return state_byte_count(channels) + 4


def _short_frame(frame: bytes, *headers: int) -> tuple[int, int, int]:
    check_length(frame, SHORT_FRAME_LENGTH)
    if frame[0] not in headers:
        expected = " or ".join(f"{header:02X}" for header in headers)
        raise FrameError(f"{hexed(frame)} begins with {frame[0]:02X}, expected {expected}")
    _check_sum(frame)
    return frame[1], frame[2], frame[3]


def _check_sum(frame: bytes) -> None:
    check_sum(frame, xor_of(frame[:-1]))


def _function(function: int) -> int:
    if function not in (UNLOCK, UNLOCK_OF_KS1062):
        raise FrameError(f"function {function:02X} is neither 11 nor 33 (a KS1062's)")
    return function


def _contact(shorted: bool) -> int:
    return SHORTED if shorted else OPEN_CIRCUIT


def _is_shorted(contact: int) -> bool:
    if contact not in (SHORTED, OPEN_CIRCUIT):
        raise FrameError(f"contact {contact:02X} is neither 11 (shorted) nor 00 (open circuit)")
    return contact == SHORTED


def _byte_order(low_byte_first: bool) -> ByteOrder:
    return "little" if low_byte_first else "big"


class LockBoard8A(FramedBoard):
    """One board of this family.

    `invert` is False for locks whose contact is shorted while the door is shut, True for those
    shorted while it is open. Options: see `OPTIONS`.
    """

    name: ClassVar[str] = "lockboard-8a"
    addresses: ClassVar[range] = ADDRESSES
    channel_counts: ClassVar[range] = CHANNEL_COUNTS
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
