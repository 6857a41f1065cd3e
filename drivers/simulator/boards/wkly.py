"""The board's side of `wkly`, whose frames `drivers/boards/wkly.py` describes.

It answers every request, an unlock after its door has sprung open. It does not tell by itself that
a door moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.boards.wkly import (
    CHANNEL_COUNTS,
    DONE,
    FRAME_WITHOUT_DATA,
    HEAD,
    LENGTH_AT,
    LOCKS,
    OPEN,
    READ_ALL,
    SHUT,
    UNLOCK,
    WKLY,
    build,
    parts_of,
)
from drivers.frames import FrameError, hexed
from drivers.simulator.bank import SPRING_S
from drivers.simulator.board import ANSWER_AFTER_S, Reply, SimulatedBoard

UNLOCK_AT_ONCE: Final = 0x80
FLASH: Final = 0x81
READ_ONE: Final = 0x83
UNLOCK_ALL: Final = 0x86
UNLOCK_SEVERAL: Final = 0x87
HOLD_ON: Final = 0x88
HOLD_OFF: Final = 0x89

LONGEST_REQUEST: Final = FRAME_WITHOUT_DATA + 1 + LOCKS
REQUEST_LENGTHS: Final = tuple(range(FRAME_WITHOUT_DATA, LONGEST_REQUEST + 1))

UNLOCK_ANSWER_AFTER_S: Final = SPRING_S[1] + ANSWER_AFTER_S
"""The answer to an unlock tells whether the door opened: so the board looks first."""


@dataclass(frozen=True, slots=True)
class UnlockRequest:
    """Pulse one lock."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class UnlockAtOnceRequest:
    """Pulse several locks at the same time."""

    address: int
    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UnlockSeveralRequest:
    """Pulse several locks, one after another."""

    address: int
    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UnlockAllRequest:
    """Pulse every lock of the board, one after another."""

    address: int


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
class FlashRequest:
    """Let a lock's light flash."""

    address: int
    channel: int


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


Request = (
    UnlockRequest
    | UnlockAtOnceRequest
    | UnlockSeveralRequest
    | UnlockAllRequest
    | ReadOneRequest
    | ReadAllRequest
    | FlashRequest
    | HoldOnRequest
    | HoldOffRequest
)

_OF_ONE_LOCK: Final[Mapping[int, Callable[[int, int], Request]]] = {
    UNLOCK: UnlockRequest,
    READ_ONE: ReadOneRequest,
    FLASH: FlashRequest,
    HOLD_ON: HoldOnRequest,
    HOLD_OFF: HoldOffRequest,
}


def decode_request(frame: bytes) -> Request:
    """What a board is asked by a whole frame; anything else is a `FrameError`."""
    address, command, data = parts_of(frame)
    match command, *data:
        case [0x84]:
            return ReadAllRequest(address)
        case [0x86]:
            return UnlockAllRequest(address)
        case [(0x80 | 0x87), count, *channels] if _are_locks(channels) and count == len(channels):
            several = UnlockAtOnceRequest if command == UNLOCK_AT_ONCE else UnlockSeveralRequest
            return several(address, tuple(channels))
        case [_, channel] if command in _OF_ONE_LOCK and channel in CHANNEL_COUNTS:
            return _OF_ONE_LOCK[command](address, channel)
    raise FrameError(f"{hexed(frame)} is no request of this family")


def _are_locks(channels: Sequence[int]) -> bool:
    return bool(channels) and all(channel in CHANNEL_COUNTS for channel in channels)


def encode_unlock_reply(address: int, channel: int, state: int) -> bytes:
    """What a board says of a lock some time after its pulse."""
    return build(address, UNLOCK, DONE, channel, state)


def encode_read_one_reply(address: int, channel: int, state: int) -> bytes:
    """One lock."""
    return build(address, READ_ONE, DONE, channel, state)


def encode_read_all_reply(address: int, states: Sequence[int]) -> bytes:
    """All locks, the first is lock 1."""
    return build(address, READ_ALL, DONE, len(states), *states)


def encode_done_reply(address: int, command: int, channel: int | None = None) -> bytes:
    """That something was done; `command` is what was asked, `channel` for which lock."""
    return build(address, command, DONE, *(() if channel is None else (channel,)))


class SimulatedWKLY(SimulatedBoard[WKLY, Request]):
    """One board."""

    def _request_length(self, heard: bytes) -> int | None:
        begun = heard[: len(HEAD)]
        if not HEAD.startswith(begun):
            return 0
        if len(heard) <= LENGTH_AT:
            return None
        return heard[LENGTH_AT] if heard[LENGTH_AT] in REQUEST_LENGTHS else 0

    def _decode(self, frame: bytes) -> Request:
        return decode_request(frame)

    def _obey(self, request: Request, at_s: float) -> Iterable[Reply]:
        if request.address != self.board.address:
            return ()
        match request:
            case ReadOneRequest(address, channel):
                return self._answer(
                    at_s, lambda: encode_read_one_reply(address, channel, self._state(channel))
                )
            case ReadAllRequest(address):
                return self._answer(at_s, lambda: encode_read_all_reply(address, self._states()))
            case FlashRequest(address, channel):
                return self._answer(at_s, lambda: encode_done_reply(address, FLASH, channel))
            case HoldOffRequest(address, channel):
                return self._answer(at_s, lambda: encode_done_reply(address, HOLD_OFF, channel))
        return self._move(request, at_s)

    def _move(self, request: Request, at_s: float) -> Iterable[Reply]:
        match request:
            case UnlockRequest(address, channel):
                self._pulse([channel], at_s)
                answers_at_s = at_s + UNLOCK_ANSWER_AFTER_S
                return (
                    Reply(
                        answers_at_s,
                        lambda: encode_unlock_reply(address, channel, self._state(channel)),
                    ),
                )
            case HoldOnRequest(address, channel):
                self._pulse([channel], at_s)
                return self._answer(at_s, lambda: encode_done_reply(address, HOLD_ON, channel))
            case UnlockAtOnceRequest(address, channels):
                self._pulse(channels, at_s)
                return self._answer(at_s, lambda: encode_done_reply(address, UNLOCK_AT_ONCE))
            case UnlockSeveralRequest(address, channels):
                self._pulse(channels, at_s)
                return self._answer(at_s, lambda: encode_done_reply(address, UNLOCK_SEVERAL))
            case UnlockAllRequest(address):
                self._pulse(range(1, self.board.channels + 1), at_s)
                return self._answer(at_s, lambda: encode_done_reply(address, UNLOCK_ALL))
        return ()

    def _answer(self, at_s: float, make_frame: Callable[[], bytes]) -> tuple[Reply, ...]:
        return (Reply(at_s + ANSWER_AFTER_S, make_frame),)

    def _state(self, channel: int) -> int:
        return SHUT if self._closed_bit(channel) else OPEN

    def _states(self) -> list[int]:
        return [self._state(channel) for channel in range(1, self.board.channels + 1)]


SIMULATED: Final = SimulatedWKLY
