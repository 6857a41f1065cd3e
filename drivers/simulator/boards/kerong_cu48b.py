"""The board's side of `kerong-cu48b`, whose frames `drivers/boards/kerong_cu48b.py` describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from drivers.boards import kerong
from drivers.boards.kerong_cu48b import LOCKS, READ, STATUS, UNLOCK, KerongCU48B
from drivers.frames import bytes_of
from drivers.simulator.boards import kerong_cu48
from drivers.simulator.boards.kerong import Request, SimulatedKerong

REQUEST_LENGTHS: Final = kerong_cu48.REQUEST_LENGTHS


def decode_request(frame: bytes) -> Request:
    """What a board is asked by a whole frame; anything else is a `FrameError`."""
    return kerong_cu48.decode_request(frame, read=READ, unlock=UNLOCK)


def encode_status_reply(
    address: int, locks: Sequence[bool], items: Sequence[bool], lock_byte: int = 0
) -> bytes:
    """What a board answers; `lock_byte` says nothing."""
    bits = bytes_of((*locks, *items), 2 * LOCKS // 8)
    return kerong.build(address, lock_byte, STATUS, *bits)


class SimulatedCU48B(SimulatedKerong[KerongCU48B]):
    """One board."""

    everyone: ClassVar[frozenset[int]] = frozenset({kerong_cu48.EVERY_BOARD})
    locks = LOCKS
    request_length = REQUEST_LENGTHS[0]

    def _decode(self, frame: bytes) -> Request:
        return decode_request(frame)

    def _status(self, *, among_all: bool) -> bytes:
        locks, items = self._closed_bits(LOCKS), self._item_bits(LOCKS)
        return encode_status_reply(self.board.address, locks, items)


SIMULATED: Final = SimulatedCU48B
