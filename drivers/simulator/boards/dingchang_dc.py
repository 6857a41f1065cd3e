"""The board's side of `dingchang-dc`, whose frames `drivers/boards/dingchang_dc.py` describes.

It answers every request, an unlock after its door has sprung open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.boards.dingchang_dc import (
    ANSWERS,
    ASKS,
    CHANNEL_COUNTS,
    FRAME_WITHOUT_DATA,
    HEAD,
    LENGTH_AT,
    READ_ALL,
    UNLOCK,
    DingchangDC,
    build,
    locks_of,
    parts_of,
)
from drivers.frames import FrameError, bytes_of, hexed
from drivers.simulator.bank import SPRING_S
from drivers.simulator.board import ANSWER_AFTER_S, Reply, SimulatedBoard

VERSION: Final = 0x01
READ_ONE: Final = 0x11
UNLOCK_ALL: Final = 0x14
UNLOCK_SEVERAL: Final = 0x15
HOLD: Final = 0x16
UNLOCK_AT_ONCE: Final = 0x18
OUTPUTS: Final = 0x1A
REQUEST_LENGTHS: Final = (6, 7, 8)

UNLOCK_ANSWER_AFTER_S: Final = SPRING_S[1] + ANSWER_AFTER_S
"""The manual's answer to an unlock tells whether the lock opened: so the board looks first."""
SIMULATED_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class VersionRequest:
    """Ask for the firmware's version."""

    address: int


@dataclass(frozen=True, slots=True)
class UnlockRequest:
    """Pulse one lock."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class ReadOneRequest:
    """Ask for one lock."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class ReadAllRequest:
    """Ask for all locks."""

    address: int


@dataclass(frozen=True, slots=True)
class UnlockAllRequest:
    """Pulse every lock of the board."""

    address: int


@dataclass(frozen=True, slots=True)
class UnlockSeveralRequest:
    """Pulse several locks, one after another."""

    address: int
    locks: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class UnlockAtOnceRequest:
    """Pulse several locks of one big door at the same time."""

    address: int
    locks: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class HoldOnRequest:
    """Hold an output on."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class HoldOffRequest:
    """End the holding of an output."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class OutputsRequest:
    """Hold these outputs on and the others off."""

    address: int
    locks: tuple[bool, ...]


Request = (
    VersionRequest
    | UnlockRequest
    | ReadOneRequest
    | ReadAllRequest
    | UnlockAllRequest
    | UnlockSeveralRequest
    | UnlockAtOnceRequest
    | HoldOnRequest
    | HoldOffRequest
    | OutputsRequest
)


def decode_request(frame: bytes) -> Request:
    """What a board is asked by a whole frame; anything else is a `FrameError`."""
    address, command, data = parts_of(frame, ASKS)
    match command, *data:
        case [0x01]:
            return VersionRequest(address)
        case [0x10, channel] if channel in CHANNEL_COUNTS:
            return UnlockRequest(address, channel)
        case [0x11, channel] if channel in CHANNEL_COUNTS:
            return ReadOneRequest(address, channel)
        case [0x12]:
            return ReadAllRequest(address)
        case [0x14]:
            return UnlockAllRequest(address)
        case [0x15, _, _]:
            return UnlockSeveralRequest(address, locks_of(data))
        case [0x16, channel, 1] if channel in CHANNEL_COUNTS:
            return HoldOnRequest(address, channel)
        case [0x16, channel, 0] if channel in CHANNEL_COUNTS:
            return HoldOffRequest(address, channel)
        case [0x18, _, _]:
            return UnlockAtOnceRequest(address, locks_of(data))
        case [0x1A, _, _]:
            return OutputsRequest(address, locks_of(data))
    raise FrameError(f"{hexed(frame)} is no request of this family")


def encode_version_reply(address: int, version: int, reserved: int = 0) -> bytes:
    """The firmware's version."""
    return build(ANSWERS, address, VERSION, version, reserved)


def encode_unlock_reply(address: int, channel: int, is_open: bool) -> bytes:
    """What the board says of a lock some time after its pulse."""
    return build(ANSWERS, address, UNLOCK, channel, is_open)


def encode_read_one_reply(address: int, channel: int, is_open: bool) -> bytes:
    """One lock."""
    return build(ANSWERS, address, READ_ONE, channel, is_open)


def encode_read_all_reply(address: int, is_open: Sequence[bool]) -> bytes:
    """All locks, the first is lock 1."""
    return encode_locks_reply(address, READ_ALL, is_open)


def encode_locks_reply(address: int, command: int, is_open: Sequence[bool]) -> bytes:
    """All locks after several were pulsed; `command` is what was asked."""
    return build(ANSWERS, address, command, *bytes_of(is_open, 2, "big"))


def encode_done_reply(address: int, command: int, is_done: bool) -> bytes:
    """Whether outputs were set; `command` is what was asked."""
    return build(ANSWERS, address, command, is_done)


class SimulatedDC(SimulatedBoard[DingchangDC, Request]):
    """One board."""

    def _request_length(self, heard: bytes) -> int | None:
        if heard[0] != HEAD or heard[1:2] not in (b"", bytes((ASKS,))):
            return 0
        if len(heard) <= LENGTH_AT:
            return None
        return FRAME_WITHOUT_DATA + heard[LENGTH_AT]

    def _decode(self, frame: bytes) -> Request:
        return decode_request(frame)

    def _obey(self, request: Request, at_s: float) -> Iterable[Reply]:
        if request.address != self.board.address:
            return ()
        match request:
            case VersionRequest(address):
                return self._answer(at_s, lambda: encode_version_reply(address, SIMULATED_VERSION))
            case ReadOneRequest(address, channel):
                return self._answer(at_s, lambda: self._read_one(address, channel))
            case ReadAllRequest(address):
                return self._answer(at_s, lambda: self._locks(address, READ_ALL))
            case HoldOnRequest(address, channel) | HoldOffRequest(address, channel):
                is_on = isinstance(request, HoldOnRequest)
                self._pulse([channel] if is_on else [], at_s)
                return self._answer(at_s, lambda: encode_done_reply(address, HOLD, is_done=True))
            case OutputsRequest(address, locks):
                self._pulse(_numbers(locks), at_s)
                return self._answer(at_s, lambda: encode_done_reply(address, OUTPUTS, is_done=True))
        return self._unlock(request, at_s)

    def _unlock(self, request: Request, at_s: float) -> Iterable[Reply]:
        answers_at_s = at_s + UNLOCK_ANSWER_AFTER_S
        address = request.address
        match request:
            case UnlockRequest(_, channel):
                self._pulse([channel], at_s)
                return (Reply(answers_at_s, lambda: self._unlock_reply(address, channel)),)
            case UnlockAllRequest():
                command = UNLOCK_ALL
                self._pulse(CHANNEL_COUNTS, at_s)
            case UnlockSeveralRequest(_, locks):
                command = UNLOCK_SEVERAL
                self._pulse(_numbers(locks), at_s)
            case UnlockAtOnceRequest(_, locks):
                command = UNLOCK_AT_ONCE
                self._pulse(_numbers(locks), at_s)
            case _:
                return ()
        return (Reply(answers_at_s, lambda: self._locks(address, command)),)

    def _answer(self, at_s: float, make_frame: Callable[[], bytes]) -> tuple[Reply, ...]:
        return (Reply(at_s + ANSWER_AFTER_S, make_frame),)

    def _unlock_reply(self, address: int, channel: int) -> bytes:
        return encode_unlock_reply(address, channel, self._open_bit(channel))

    def _read_one(self, address: int, channel: int) -> bytes:
        return encode_read_one_reply(address, channel, self._open_bit(channel))

    def _locks(self, address: int, command: int) -> bytes:
        is_open = tuple(self._open_bit(channel) for channel in CHANNEL_COUNTS)
        return encode_locks_reply(address, command, is_open)

    def _open_bit(self, channel: int) -> bool:
        # In the manual's answer for 12 shut locks no bit is set; nor is it without a lock.
        return self._door(channel) is not None and not self._closed_bit(channel)


def _numbers(locks: tuple[bool, ...]) -> list[int]:
    return [place + 1 for place, is_set in enumerate(locks) if is_set]


SIMULATED: Final = SimulatedDC
