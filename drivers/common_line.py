"""What boards that share a line must agree on, and what the line is then used with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.boards.family import LockBoard
from drivers.door import DriverError


@dataclass(frozen=True, slots=True)
class CommonLine:
    """How a line is used that suits every board on it."""

    baud: int
    gap_s: float
    """The longest that any board on it needs: a frame for one is heard by all."""
    quiet_s: float


def common_line(port: str, boards: Sequence[LockBoard]) -> CommonLine:
    """The line for these boards. Refuses boards of two speeds, two with one address, and none."""
    if not boards:
        raise DriverError(f"port {port} has no board: give it one or leave the port out")
    rates = {board.timing.baud for board in boards}
    if len(rates) > 1:
        raise DriverError(
            f"the boards on port {port} need different baud rates {sorted(rates)}: "
            f"put them on ports of their own"
        )
    addresses = [board.address for board in boards]
    if len(set(addresses)) < len(addresses):
        raise DriverError(f"two boards on port {port} have one address; set {addresses} apart")
    quiet_s = max(board.timing.quiet_s for board in boards)
    gap_s = max(board.timing.gap_s for board in boards)
    (rate,) = rates
    return CommonLine(rate, gap_s, quiet_s)
