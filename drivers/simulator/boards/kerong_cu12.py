"""The board's side of `kerong-cu12`, whose frames `drivers/boards/kerong_cu12.py` describes.

It answers an unlock when it has pulsed, as the text's example does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.boards.kerong_cu12 import (
    ADDRESSES,
    ASKS,
    CHANNEL_COUNTS,
    DONE,
    HEAD,
    HEADER_LENGTH,
    LOCKS,
    READ,
    TAIL,
    TAIL_AT,
    UNLOCK,
    KerongCU12,
    build,
    check_frame,
)
from drivers.frames import FrameError, bytes_of, hexed
from drivers.simulator.board import ANSWER_AFTER_S, Reply, SimulatedBoard
from drivers.simulator.boards.kerong import (
    StatusOfAllBoardsRequest,
    StatusRequest,
    UnlockAllBoardsRequest,
    UnlockAllRequest,
    UnlockOnAllBoardsRequest,
    UnlockRequest,
)

EVERY_BOARD: Final = 0x10
EVERY_LOCK: Final = (0x0C, 0x64)
"""The sources disagree: it obeys either, so that a test would see it."""
VERSION: Final = 0x8F
SIMULATED_VERSION: Final = (0x10, 0x12)
REQUEST_LENGTHS: Final = (HEADER_LENGTH,)


@dataclass(frozen=True, slots=True)
class VersionRequest:
    """Ask for the versions of software and hardware."""

    address: int


Request = (
    StatusRequest
    | StatusOfAllBoardsRequest
    | UnlockRequest
    | UnlockAllRequest
    | UnlockAllBoardsRequest
    | UnlockOnAllBoardsRequest
    | VersionRequest
)


def decode_request(frame: bytes) -> Request:
    """What a board is asked by a whole frame; anything else is a `FrameError`."""
    check_frame(frame)
    _, address, lock, command, ask, length = frame[:TAIL_AT]
    is_for_all = address == EVERY_BOARD
    if (ask, length) == (ASKS, 0) and (is_for_all or address in ADDRESSES):
        if command == READ and lock == 0:
            return StatusOfAllBoardsRequest() if is_for_all else StatusRequest(address)
        if command == UNLOCK and lock in EVERY_LOCK:
            return UnlockAllBoardsRequest() if is_for_all else UnlockAllRequest(address)
        if command == UNLOCK and lock + 1 in CHANNEL_COUNTS:
            channel = lock + 1
            return (
                UnlockOnAllBoardsRequest(channel) if is_for_all else UnlockRequest(address, channel)
            )
        if command == VERSION and lock == 0 and not is_for_all:
            return VersionRequest(address)
    raise FrameError(f"{hexed(frame)} is no request of this family")


def encode_status_reply(address: int, locks: Sequence[bool]) -> bytes:
    """What a board answers when asked for its locks."""
    return build(address, 0, READ, DONE, bytes_of(locks, 2))


def encode_unlock_reply(address: int, channel: int) -> bytes:
    """What a board answers when it has pulsed one lock. Never proof of an open door."""
    return build(address, channel - 1, UNLOCK, DONE)


def encode_unlock_all_reply(address: int) -> bytes:
    """What a board answers when it has pulsed all its locks."""
    return build(address, EVERY_LOCK[0], UNLOCK, DONE)


def encode_version_reply(address: int, software: int, hardware: int) -> bytes:
    """The versions of software and hardware."""
    return build(address, 0, VERSION, DONE, bytes((software, hardware)))


class SimulatedCU12(SimulatedBoard[KerongCU12, Request]):
    """One board."""

    everyone: ClassVar[frozenset[int]] = frozenset({EVERY_BOARD})

    def _request_length(self, heard: bytes) -> int | None:
        if heard[0] != HEAD:
            return 0
        if len(heard) <= TAIL_AT:
            return None
        return HEADER_LENGTH + heard[5] if heard[TAIL_AT] == TAIL else 0

    def _decode(self, frame: bytes) -> Request:
        return decode_request(frame)

    def _obey(self, request: Request, at_s: float) -> Iterable[Reply]:
        own = self.board.address
        if getattr(request, "address", own) != own:
            return ()
        match request:
            case StatusRequest():
                return (Reply(at_s + ANSWER_AFTER_S, self._status),)
            case StatusOfAllBoardsRequest():
                # The boards take turns by their address, or they would talk at once.
                return (Reply(at_s + ANSWER_AFTER_S * (1 + 4 * own), self._status),)
            case VersionRequest(address):
                version = encode_version_reply(address, *SIMULATED_VERSION)
                return (Reply(at_s + ANSWER_AFTER_S, lambda: version),)
        return self._unlock(request, at_s)

    def _unlock(self, request: Request, at_s: float) -> Iterable[Reply]:
        match request:
            case UnlockRequest(address, channel):
                self._pulse([channel], at_s)
                return (
                    Reply(at_s + ANSWER_AFTER_S, lambda: encode_unlock_reply(address, channel)),
                )
            case UnlockAllRequest(address):
                self._pulse(CHANNEL_COUNTS, at_s)
                return (Reply(at_s + ANSWER_AFTER_S, lambda: encode_unlock_all_reply(address)),)
            case UnlockOnAllBoardsRequest(channel):
                self._pulse([channel], at_s)
            case UnlockAllBoardsRequest():
                self._pulse(CHANNEL_COUNTS, at_s)
        return ()

    def _status(self) -> bytes:
        return encode_status_reply(self.board.address, self._closed_bits(LOCKS))


SIMULATED: Final = SimulatedCU12
