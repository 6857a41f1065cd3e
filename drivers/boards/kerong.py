"""What Kerong's boards share: the frame `02 .. 03 sum`, and what can be asked of them.

The sum is the low byte of all bytes before it. No family of its own: `kerong_cu16.py`,
`kerong_cu48.py` and `kerong_cu48b.py` use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from drivers.frames import FrameError, check_length, check_sum, hexed, sum_of

HEAD: Final = 0x02
TAIL: Final = 0x03


def build(*body: int) -> bytes:
    """A whole frame around a body."""
    frame = bytes((HEAD, *body, TAIL))
    return bytes((*frame, sum_of(frame)))


def body_of(frame: bytes, length: int) -> bytes:
    """What stands between head and tail of a whole frame of so many bytes."""
    check_length(frame, length)
    if frame[0] != HEAD or frame[-2] != TAIL:
        raise FrameError(f"{hexed(frame)} is no Kerong frame: expected 02 .. 03 sum")
    check_sum(frame, sum_of(frame[:-1]))
    return frame[1:-2]


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
    """Pulse one lock of every board on the line; never built here."""

    channel: int


Request = (
    StatusRequest
    | StatusOfAllBoardsRequest
    | UnlockRequest
    | UnlockAllRequest
    | UnlockAllBoardsRequest
    | UnlockOnAllBoardsRequest
)
