"""The board's side of `lockboard-8a`; its usual frames are described in
`drivers/boards/lockboard_8a.py`.

It pulses on an unlock at once and answers 0.5 s later with the contact as it is then, as the
captured board does. It knows the frames of both firmwares; which of the two unlocks it obeys is
its option `unlock_function`.

More frames, each in some boards only; the simulated board obeys them, nothing in
the product builds them:

| request | frame | answer |
|---|---|---|
| unlock all, in turn | `8A board 00 11 xor` | one per lock |
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
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.boards.lockboard_8a import (
    ADDRESSES,
    ALL_LOCKS,
    CHANNEL_COUNTS,
    READ,
    READ_HEADER,
    UNLOCK,
    UNLOCK_HEADER,
    UNLOCK_OF_KS1062,
    LockBoard8A,
    byte_order,
    state_byte_count,
    with_checksum,
)
from drivers.frames import (
    FrameError,
    bits_of,
    bytes_of,
    check_length,
    check_sum,
    hexed,
    within,
    xor_of,
)
from drivers.simulator.board import ANSWER_AFTER_S, Reply, SimulatedBoard

UNLOCK_SEVERAL_HEADER: Final = 0x90
HOLD_ON_HEADER: Final = 0x9A
HOLD_OFF_HEADER: Final = 0x9B
UNLOCK_IN_TURN_HEADER: Final = 0x9D
UNLOCKED_IN_TURN_HEADER: Final = 0x9E
REPORTING_HEADER: Final = 0x8D
UNLOCK_TIME_HEADER: Final = 0x7E
VERSION_HEADER: Final = 0x82

VERSION: Final = 0x22
ADDRESS: Final = 0x99
SHORTED: Final = 0x11
OPEN_CIRCUIT: Final = 0x00

SHORT_FRAME_LENGTH: Final = 5
LONG_FRAME_LENGTH: Final = 6
REQUEST_LENGTHS: Final = (SHORT_FRAME_LENGTH, LONG_FRAME_LENGTH)
UNLOCK_SECONDS: Final = range(1, 10)
BITMAP_LOCKS: Final = 24

UNLOCK_ANSWER_AFTER_S: Final = 0.5
SIMULATED_VERSION: Final = 0xAB

_SHORT_HEADERS: Final = (
    READ_HEADER,
    HOLD_ON_HEADER,
    HOLD_OFF_HEADER,
    UNLOCK_IN_TURN_HEADER,
    REPORTING_HEADER,
    UNLOCK_TIME_HEADER,
    VERSION_HEADER,
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
        request = _long_request(header, within("board address", address, ADDRESSES), rest)
    else:
        within("board address", address, ADDRESSES)
        request = _short_request(header, address, rest[0], rest[1], unlock_function)
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


def encode_unlock_reply(address: int, channel: int, shorted: bool) -> bytes:
    """A lock's contact some time after its pulse. Never proof of an open door."""
    return with_checksum(UNLOCK_HEADER, address, channel, _contact(shorted))


def encode_read_one_reply(address: int, channel: int, shorted: bool) -> bytes:
    """One lock's contact."""
    return with_checksum(READ_HEADER, address, channel, _contact(shorted))


def encode_read_all_reply(
    address: int, shorted: Sequence[bool], *, low_byte_first: bool = False
) -> bytes:
    """The contacts of all locks, the first is lock 1."""
    states = bytes_of(shorted, state_byte_count(len(shorted)), byte_order(low_byte_first))
    return with_checksum(READ_HEADER, address, *states, READ)


def encode_unlock_in_turn_reply(address: int, data: bytes = bytes(3)) -> bytes:
    """What a KS1062 answers when all its locks were pulsed; what its bytes say is not known."""
    return with_checksum(UNLOCKED_IN_TURN_HEADER, address, *data)


def encode_version_reply(address: int, version: int) -> bytes:
    """A KS1062's firmware version."""
    return with_checksum(VERSION_HEADER, address, 0, version)


def encode_address_reply(address: int) -> bytes:
    """The address of the only board on the line."""
    return with_checksum(READ_HEADER, 1, address, ADDRESS)


def _contact(shorted: bool) -> int:
    return SHORTED if shorted else OPEN_CIRCUIT


class SimulatedBoard8A(SimulatedBoard[LockBoard8A, Request]):
    """One board."""

    def _request_length(self, heard: bytes) -> int | None:
        if heard[0] == UNLOCK_SEVERAL_HEADER:
            return LONG_FRAME_LENGTH
        if heard[0] in _SHORT_HEADERS:
            return SHORT_FRAME_LENGTH
        if heard[0] != UNLOCK_HEADER:
            return 0
        if len(heard) < SHORT_FRAME_LENGTH:
            return None
        # Only the sum tells an unlock from one with a time behind it.
        short, long = heard[:SHORT_FRAME_LENGTH], heard[:LONG_FRAME_LENGTH]
        is_long = len(long) == LONG_FRAME_LENGTH and xor_of(long) == 0 != xor_of(short)
        return LONG_FRAME_LENGTH if is_long else self._short_or_wait(heard)

    def _short_or_wait(self, heard: bytes) -> int | None:
        is_whole = xor_of(heard[:SHORT_FRAME_LENGTH]) == 0
        if not is_whole and len(heard) < LONG_FRAME_LENGTH:
            return None
        return SHORT_FRAME_LENGTH

    def _decode(self, frame: bytes) -> Request:
        return decode_request(frame, unlock_function=self.board.unlock_function)

    def _obey(self, request: Request, at_s: float) -> Iterable[Reply]:
        if isinstance(request, AddressRequest):
            return self._answer(at_s, lambda: encode_address_reply(self.board.address))
        if request.address != self.board.address:
            return ()
        match request:
            case ReadOneRequest(_, channel):
                return self._answer(at_s, lambda: self._read_one(channel))
            case ReadAllRequest():
                return self._answer(at_s, self._read_all)
            case VersionRequest(address):
                return self._answer(at_s, lambda: encode_version_reply(address, SIMULATED_VERSION))
        return self._move(request, at_s)

    def _move(self, request: Request, at_s: float) -> Iterable[Reply]:
        every_channel = range(1, self.board.channels + 1)
        match request:
            case (
                UnlockRequest(_, channel) | UnlockForRequest(_, channel) | HoldOnRequest(_, channel)
            ):
                if channel not in every_channel:
                    return ()
                self._pulse([channel], at_s)
                answers_at_s = at_s + UNLOCK_ANSWER_AFTER_S
                return (Reply(answers_at_s, lambda: self._unlock_reply(channel)),)
            case UnlockSeveralRequest(_, locks):
                self._pulse([place + 1 for place, is_set in enumerate(locks) if is_set], at_s)
            case UnlockAllRequest():
                self._pulse(every_channel, at_s)
            case UnlockInTurnRequest(address):
                self._pulse(every_channel, at_s)
                return self._answer(at_s, lambda: encode_unlock_in_turn_reply(address))
        return ()

    def _answer(self, at_s: float, make_frame: Callable[[], bytes]) -> tuple[Reply, ...]:
        return (Reply(at_s + ANSWER_AFTER_S, make_frame),)

    def _unlock_reply(self, channel: int) -> bytes:
        return encode_unlock_reply(self.board.address, channel, self._closed_bit(channel))

    def _read_one(self, channel: int) -> bytes:
        return encode_read_one_reply(self.board.address, channel, self._closed_bit(channel))

    def _read_all(self) -> bytes:
        shorted = self._closed_bits(self.board.channels)
        return encode_read_all_reply(
            self.board.address, shorted, low_byte_first=self.board.low_byte_first
        )


SIMULATED: Final = SimulatedBoard8A
