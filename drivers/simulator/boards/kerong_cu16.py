"""The board's side of `kerong-cu16`, whose frames `drivers/boards/kerong_cu16.py` describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from drivers.boards import kerong
from drivers.boards.kerong_cu16 import (
    ADDRESSES,
    LOCKS,
    STATUS,
    STATUS_OF_ONE_AMONG_ALL,
    KerongCU16,
)
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

EVERY_BOARD: Final = 0x0F
"""In the high nibble; so a board that is set to 15 cannot be distinguished from all of them."""
REQUEST_LENGTHS: Final = (5,)


def decode_request(frame: bytes) -> Request:
    """What a board is asked by a whole frame; anything else is a `FrameError`."""
    place, command = kerong.body_of(frame, *REQUEST_LENGTHS)
    address, lock = place >> 4, place & 0x0F
    match command, place:
        case (0x32, 0xF0 | 0x00):
            return StatusOfAllBoardsRequest()
        case (0x33, 0xF0):
            return UnlockAllBoardsRequest()
        case (0x31, _) if address == EVERY_BOARD:
            return UnlockOnAllBoardsRequest(lock + 1)
    if address in ADDRESSES:
        match command, lock:
            case (0x30, 0):
                return StatusRequest(address)
            case (0x31, _):
                return UnlockRequest(address, lock + 1)
            case (0x33, 0):
                return UnlockAllRequest(address)
    raise FrameError(f"{hexed(frame)} is no request of this family")


def encode_status_reply(
    address: int, locks: Sequence[bool], items: Sequence[bool], among_all: bool = False
) -> bytes:
    """What a board answers; `among_all` when every board was asked."""
    command = STATUS_OF_ONE_AMONG_ALL if among_all else STATUS
    return kerong.build(address << 4, command, *bytes_of((*locks, *items), 2 * LOCKS // 8))


class SimulatedCU16(SimulatedKerong[KerongCU16]):
    """One board."""

    everyone: ClassVar[frozenset[int]] = frozenset({EVERY_BOARD})
    locks = LOCKS
    request_length = REQUEST_LENGTHS[0]

    def _decode(self, frame: bytes) -> Request:
        return decode_request(frame)

    def _status(self, *, among_all: bool) -> bytes:
        locks, items = self._closed_bits(LOCKS), self._item_bits(LOCKS)
        return encode_status_reply(self.board.address, locks, items, among_all)


SIMULATED: Final = SimulatedCU16
