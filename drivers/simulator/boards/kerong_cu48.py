"""The board's side of `kerong-cu48`, whose frames `drivers/boards/kerong_cu48.py` describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from drivers.boards import kerong
from drivers.boards.kerong_cu48 import ADDRESSES, LOCKS, READ, STATUS, UNLOCK, KerongCU48
from drivers.frames import FrameError, bytes_of, hexed
from drivers.simulator.boards.kerong import (
    Request,
    SimulatedKerong,
    StatusOfAllBoardsRequest,
    StatusRequest,
    UnlockAllBoardsRequest,
    UnlockAllRequest,
    UnlockOnAllBoardsRequest,
    UnlockRequest,
)

EVERY_BOARD: Final = 0x0A
EVERY_LOCK: Final = 0x30
REQUEST_LENGTHS: Final = (6,)


def decode_request(frame: bytes, *, read: int = READ, unlock: int = UNLOCK) -> Request:
    """What a board is asked by a whole frame; anything else is a `FrameError`."""
    address, lock, command = kerong.body_of(frame, *REQUEST_LENGTHS)
    is_for_all = address == EVERY_BOARD
    if is_for_all or address in ADDRESSES:
        if command == read and lock == 0:
            return StatusOfAllBoardsRequest() if is_for_all else StatusRequest(address)
        if command == unlock and lock == EVERY_LOCK:
            return UnlockAllBoardsRequest() if is_for_all else UnlockAllRequest(address)
        if command == unlock and lock < LOCKS:
            channel = lock + 1
            return (
                UnlockOnAllBoardsRequest(channel) if is_for_all else UnlockRequest(address, channel)
            )
    raise FrameError(f"{hexed(frame)} is no request of this family")


def encode_status_reply(address: int, locks: Sequence[bool], lock_byte: int = 0) -> bytes:
    """What a board answers; `lock_byte` says nothing."""
    return kerong.build(address, lock_byte, STATUS, *bytes_of(locks, LOCKS // 8))


class SimulatedCU48(SimulatedKerong[KerongCU48]):
    """One board."""

    everyone: ClassVar[frozenset[int]] = frozenset({EVERY_BOARD})
    locks = LOCKS
    request_length = REQUEST_LENGTHS[0]

    def _decode(self, frame: bytes) -> Request:
        return decode_request(frame)

    def _status(self, *, among_all: bool) -> bytes:
        return encode_status_reply(self.board.address, self._closed_bits(LOCKS))


SIMULATED: Final = SimulatedCU48
