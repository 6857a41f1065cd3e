"""What Kerong's boards share: the frame `02 .. 03 sum`.

The sum is the low byte of all bytes before it. No family of its own: `kerong_cu16.py`,
`kerong_cu48.py` and others use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from drivers.boards.board import FramedBoard
from drivers.boards.family import Answer
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


class KerongBoard(FramedBoard):
    """What boards with such frames have in common."""

    status_length: ClassVar[int]

    def _answer_length(self) -> int:
        return self.status_length

    def _sum_is_right(self, frame: bytes) -> bool:
        return frame[-1] == sum_of(frame[:-1])

    def _locks_and_items(self, locks: Sequence[bool], items: Sequence[bool]) -> Answer:
        """The answer of a board whose options say whether its item sensors are believed."""
        if not self.settings["item_sensors"]:
            return Answer(self._doors(locks))
        inverted = self.settings["invert_items"] is True
        return Answer(self._doors(locks), self._items([bit != inverted for bit in items]))
