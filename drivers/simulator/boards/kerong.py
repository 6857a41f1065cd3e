"""What Kerong's simulated boards share: what can be asked of them, and what they do then.

They answer questions and never an unlock, as the manual and most sources have it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from drivers.boards import kerong
from drivers.simulator.board import ANSWER_AFTER_S, Reply, SimulatedBoard


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Ask one board for its locks."""

    address: int


@dataclass(frozen=True, slots=True)
class StatusOfAllBoardsRequest:
    """Ask every board on the line."""


@dataclass(frozen=True, slots=True)
class UnlockRequest:
    """Pulse one lock."""

    address: int
    channel: int


@dataclass(frozen=True, slots=True)
class UnlockAllRequest:
    """Pulse every lock of a board."""

    address: int


@dataclass(frozen=True, slots=True)
class UnlockAllBoardsRequest:
    """Pulse every lock of every board on the line."""


@dataclass(frozen=True, slots=True)
class UnlockOnAllBoardsRequest:
    """Pulse one lock of every board on the line."""

    channel: int


Request = (
    StatusRequest
    | StatusOfAllBoardsRequest
    | UnlockRequest
    | UnlockAllRequest
    | UnlockAllBoardsRequest
    | UnlockOnAllBoardsRequest
)

KerongT = TypeVar("KerongT", bound=kerong.KerongBoard)


class SimulatedKerong(SimulatedBoard[KerongT, Request]):
    """What the boards have in common."""

    locks: ClassVar[int]
    request_length: ClassVar[int]

    def _request_length(self, heard: bytes) -> int | None:
        return self.request_length if heard[0] == kerong.HEAD else 0

    def _obey(self, request: Request, at_s: float) -> Iterable[Reply]:
        address = getattr(request, "address", self.board.address)
        if address != self.board.address:
            return ()
        match request:
            case StatusRequest():
                return (Reply(at_s + ANSWER_AFTER_S, lambda: self._status(among_all=False)),)
            case StatusOfAllBoardsRequest():
                # The boards take turns by their address, or they would talk at once.
                answers_at_s = at_s + ANSWER_AFTER_S * (1 + 4 * self.board.address)
                return (Reply(answers_at_s, lambda: self._status(among_all=True)),)
            case UnlockRequest(_, channel) | UnlockOnAllBoardsRequest(channel):
                self._pulse([channel], at_s)
            case UnlockAllRequest() | UnlockAllBoardsRequest():
                self._pulse(range(1, self.locks + 1), at_s)
        return ()

    @abstractmethod
    def _status(self, *, among_all: bool) -> bytes:
        """The answer to a question; `among_all` when it was for every board."""
