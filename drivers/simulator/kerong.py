"""Simulated boards of Kerong's families: `kerong-cu16`, `kerong-cu48` and `kerong-cu48b`.

They answer questions and never an unlock, as the manual and most sources have it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, TypeVar

from drivers.boards import kerong, kerong_cu16, kerong_cu48, kerong_cu48b
from drivers.boards.board import FramedBoard
from drivers.boards.kerong import Request
from drivers.boards.kerong_cu16 import KerongCU16
from drivers.boards.kerong_cu48 import KerongCU48
from drivers.boards.kerong_cu48b import KerongCU48B
from drivers.simulator.board import ANSWER_AFTER_S, Reply, SimulatedBoard

KerongT = TypeVar("KerongT", bound=FramedBoard)


class SimulatedKerong(SimulatedBoard[KerongT, Request]):
    """What the three have in common."""

    locks: ClassVar[int]
    request_length: ClassVar[int]

    def _request_length(self, heard: bytes) -> int | None:
        return self.request_length if heard[0] == kerong.HEAD else 0

    def _obey(self, request: Request, at_s: float) -> Iterable[Reply]:
        address = getattr(request, "address", self.board.address)
        if address != self.board.address:
            return ()
        match request:
            case kerong.StatusRequest():
                return (Reply(at_s + ANSWER_AFTER_S, lambda: self._status(among_all=False)),)
            case kerong.StatusOfAllBoardsRequest():
                # The boards take turns by their address, or they would talk at once.
                answers_at_s = at_s + ANSWER_AFTER_S * (1 + 4 * self.board.address)
                return (Reply(answers_at_s, lambda: self._status(among_all=True)),)
            case kerong.UnlockRequest(_, channel) | kerong.UnlockOnAllBoardsRequest(channel):
                self._pulse([channel], at_s)
            case kerong.UnlockAllRequest() | kerong.UnlockAllBoardsRequest():
                self._pulse(range(1, self.locks + 1), at_s)
        return ()

    @abstractmethod
    def _status(self, *, among_all: bool) -> bytes:
        """The answer to a question; `among_all` when it was for every board."""


class SimulatedCU16(SimulatedKerong[KerongCU16]):
    """One board of the family `kerong-cu16`."""

    locks = kerong_cu16.LOCKS
    request_length = kerong_cu16.REQUEST_LENGTH

    def _decode(self, frame: bytes) -> Request:
        return kerong_cu16.decode_request(frame)

    def _status(self, *, among_all: bool) -> bytes:
        locks, items = self._closed_bits(self.locks), self._item_bits(self.locks)
        reply = kerong_cu16.StatusReply(self.board.address, locks, items, among_all)
        return kerong_cu16.encode_status_reply(reply)


class SimulatedCU48(SimulatedKerong[KerongCU48]):
    """One board of the family `kerong-cu48`."""

    locks = kerong_cu48.LOCKS
    request_length = kerong_cu48.REQUEST_LENGTH

    def _decode(self, frame: bytes) -> Request:
        return kerong_cu48.decode_request(frame)

    def _status(self, *, among_all: bool) -> bytes:
        reply = kerong_cu48.StatusReply(self.board.address, self._closed_bits(self.locks))
        return kerong_cu48.encode_status_reply(reply)


class SimulatedCU48B(SimulatedKerong[KerongCU48B]):
    """One board of the family `kerong-cu48b`."""

    locks = kerong_cu48b.LOCKS
    request_length = kerong_cu48.REQUEST_LENGTH

    def _decode(self, frame: bytes) -> Request:
        return kerong_cu48b.decode_request(frame)

    def _status(self, *, among_all: bool) -> bytes:
        locks, items = self._closed_bits(self.locks), self._item_bits(self.locks)
        reply = kerong_cu48b.StatusReply(self.board.address, locks, items)
        return kerong_cu48b.encode_status_reply(reply)
