"""The simulated wire: bytes take their time on it, boards hear them, faults distort the answers."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from drivers.boards.family import BITS_PER_BYTE_ON_THE_WIRE
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.board import Reply
from drivers.simulator.families import AnySimulatedBoard
from drivers.simulator.faults import Fault

Distortion = Callable[[bytes], Sequence[tuple[float, bytes]]]
"""Turns a frame into pieces, each with a delay in seconds before its first byte."""


def undistorted(frame: bytes) -> Sequence[tuple[float, bytes]]:
    """The frame as it is, at once."""
    return ((0.0, frame),)


class SimulatedLine:
    """One serial line and the boards on it, seen from the computer's end."""

    def __init__(self, bank: SimulatedBank, boards: Sequence[AnySimulatedBoard], baud: int) -> None:
        self.boards = tuple(boards)
        self.baud: Final = baud
        self.is_plugged = True
        self.echoes = False
        """True as with an RS-485 adapter that hears itself."""
        self.distort: Distortion = undistorted
        self.heard: list[tuple[float, bytes]] = []
        """Every piece that the computer wrote, with its time, while `keeps_record`."""
        self.keeps_record = False
        self._bank = bank
        self._byte_s = BITS_PER_BYTE_ON_THE_WIRE / baud
        self._replies: list[tuple[float, int, Reply]] = []
        self._order = itertools.count()
        self._coming: deque[tuple[float, int]] = deque()
        self._in_free_at_s = 0.0
        self._out_free_at_s = 0.0

    def write(self, data: bytes, at_s: float) -> None:
        """The computer sends bytes."""
        if self.keeps_record:
            self.heard.append((at_s, data))
        begins_s = max(at_s, self._out_free_at_s)
        ends_s = self._out_free_at_s = begins_s + len(data) * self._byte_s
        if self.echoes or any(board.faults.strikes(Fault.ECHOING) for board in self.boards):
            self._send(data, begins_s)
        for board in self.boards:
            for reply in board.hear(data, ends_s):
                heapq.heappush(self._replies, (reply.at_s, next(self._order), reply))

    def take(self, until_s: float) -> bytes:
        """The bytes that have reached the computer by then."""
        self._run(until_s)
        taken = bytearray()
        while self._coming and self._coming[0][0] <= until_s:
            taken.append(self._coming.popleft()[1])
        return bytes(taken)

    def next_due_s(self) -> float | None:
        """When the line has something to do or to give; None when it is idle."""
        times = [queue[0][0] for queue in (self._replies, self._coming) if queue]
        return min(times, default=None)

    @property
    def is_sending(self) -> bool:
        """Whether bytes are on their way to the computer."""
        return bool(self._coming)

    def clear(self) -> None:
        """Drop everything under way, as a pulled plug does."""
        self._replies.clear()
        self._coming.clear()

    def _run(self, until_s: float) -> None:
        while self._replies and self._replies[0][0] <= until_s:
            at_s, _, reply = heapq.heappop(self._replies)
            self._bank.advance(at_s)
            frame = reply.make_frame()
            for delay_s, piece in self.distort(frame):
                at_s += delay_s
                self._send(piece, at_s)
        self._bank.advance(until_s)

    def _send(self, data: bytes, at_s: float) -> None:
        arrives_s = max(at_s, self._in_free_at_s)
        for byte in data:
            arrives_s += self._byte_s
            self._coming.append((arrives_s, byte))
        self._in_free_at_s = arrives_s
