"""What may be wrong with a simulated board: always, or now and then."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Final, TypeVar

from drivers.boards.board import FramedBoard
from drivers.door import DriverError

SLOWEST_ANSWER_S: Final = 1.0
"""A slow board's answer comes up to this much later: too late for every family."""
GARBLED_BYTES: Final = 2
"""At most so many bytes of a garbled answer are wrong."""

BoardT = TypeVar("BoardT", bound=FramedBoard)


class Fault(StrEnum):
    """A way in which a board does not answer as it should."""

    SILENT = "silent"
    """It does not hear what is sent: neither answers nor obeys."""
    SLOW = "slow"
    """Its answer comes late, perhaps after the next question."""
    GARBLED = "garbled"
    """Some bytes of its answer are others."""
    CUT = "cut"
    """The end of its answer is missing."""
    ECHOING = "echoing"
    """What is sent to its line comes back, as with an adapter that hears itself."""
    OTHER_ADDRESS = "other-address"
    """It answers under the address of another board."""


CALLS_FOR: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.SILENT: "does not hear",
        Fault.SLOW: f"answers up to {SLOWEST_ANSWER_S:g} s late",
        Fault.GARBLED: "answers with wrong bytes",
        Fault.CUT: "answers without the end",
        Fault.ECHOING: "what is sent comes back",
        Fault.OTHER_ADDRESS: "answers as another board",
    }
)
"""What each fault does, for whoever reads the help."""


class Faults:
    """The faults of one board, each with its probability from 0 to 1 at every transaction."""

    def __init__(self, rng: Random) -> None:
        """`rng` is drawn from only for a fault that comes now and then."""
        self._rng = rng
        self._probabilities: dict[Fault, float] = {}

    def set(self, fault: Fault, probability: float) -> None:
        """From now on the fault strikes with this probability; 0 ends it."""
        if not 0 <= probability <= 1:
            raise DriverError(f"a probability of {probability:g} is not within 0..1")
        self._probabilities[fault] = probability

    def clear(self) -> None:
        """All is well again."""
        self._probabilities.clear()

    def strikes(self, fault: Fault) -> bool:
        """Whether the fault is there this time."""
        probability = self._probabilities.get(fault, 0.0)
        return probability >= 1 or (probability > 0 and self._rng.random() < probability)

    def delay_s(self) -> float:
        """How much later this answer comes."""
        if not self.strikes(Fault.SLOW):
            return 0.0
        return self._rng.uniform(SLOWEST_ANSWER_S / 10, SLOWEST_ANSWER_S)

    def spoil(self, frame: bytes) -> bytes:
        """The answer as it leaves the board."""
        if frame and self.strikes(Fault.GARBLED):
            spoiled = bytearray(frame)
            for _ in range(self._rng.randint(1, GARBLED_BYTES)):
                spoiled[self._rng.randrange(len(spoiled))] ^= self._rng.randint(1, 255)
            frame = bytes(spoiled)
        if frame and self.strikes(Fault.CUT):
            frame = frame[: self._rng.randrange(len(frame))]
        return frame


def at_another_address(board: BoardT) -> BoardT:
    """The same board as if its switches were set one further."""
    other = copy.copy(board)
    place = board.addresses.index(board.address)
    other.address = board.addresses[(place + 1) % len(board.addresses)]
    return other
