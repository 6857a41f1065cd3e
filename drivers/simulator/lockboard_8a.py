"""A simulated board of the family `lockboard-8a`: hears frames, moves locks, answers.

It pulses on an unlock at once and answers 0.5 s later with the contact as it is then, as the
captured board does. Frames that this family does not offer are ignored. It also obeys the frame
that opens all doors, so that a test would see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from drivers.boards.lockboard_8a import (
    READ_HEADER,
    SHORT_FRAME_LENGTH,
    UNLOCK_HEADER,
    FrameError,
    LockBoard8A,
    ReadAllReply,
    ReadAllRequest,
    ReadOneReply,
    ReadOneRequest,
    UnlockAllRequest,
    UnlockReply,
    UnlockRequest,
    decode_request,
    encode_read_all_reply,
    encode_read_one_reply,
    encode_unlock_reply,
)
from drivers.simulator.bank import SimulatedBank

ANSWER_AFTER_S: Final = 0.003
UNLOCK_ANSWER_AFTER_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Reply:
    """What a board will send: when, and the frame as the doors are by then."""

    at_s: float
    make_frame: Callable[[], bytes]


class SimulatedBoard8A:
    """One board; `slots` says which channel is wired to which slot's door."""

    def __init__(
        self,
        board: LockBoard8A,
        bank: SimulatedBank,
        slots: Mapping[int, str],
        *,
        deaf_after_pulse_s: float = 0.0,
    ) -> None:
        """`deaf_after_pulse_s`: how long after a pulse the board hears nothing."""
        self.board = board
        self.is_silent = False
        """True as if its power were off: it hears nothing and says nothing."""
        self._bank = bank
        self._slots = slots
        self._deaf_after_pulse_s = deaf_after_pulse_s
        self._deaf_until_s = 0.0
        self._heard = b""

    def hear(self, data: bytes, at_s: float) -> list[Reply]:
        """Take bytes off the wire; the last of them came at `at_s`."""
        if self.is_silent or at_s < self._deaf_until_s:
            self._heard = b""
            return []
        self._heard += data
        replies = []
        while len(self._heard) >= SHORT_FRAME_LENGTH:
            reply = self._take_frame(at_s)
            if reply is not None:
                replies.append(reply)
        return replies

    def _take_frame(self, at_s: float) -> Reply | None:
        frame = self._heard[:SHORT_FRAME_LENGTH]
        try:
            if frame[0] not in (UNLOCK_HEADER, READ_HEADER):
                raise FrameError("no header here")
            request = decode_request(frame)
        except FrameError:
            self._heard = self._heard[1:]
            return None
        self._heard = self._heard[SHORT_FRAME_LENGTH:]
        if request.address != self.board.address:
            return None
        match request:
            case UnlockRequest(_, channel):
                return self._unlock(channel, at_s)
            case UnlockAllRequest():
                for channel in self._slots:
                    self._unlock(channel, at_s)
                return None
            case ReadOneRequest(_, channel):
                return Reply(at_s + ANSWER_AFTER_S, lambda: self._read_one(channel))
            case ReadAllRequest():
                return Reply(at_s + ANSWER_AFTER_S, self._read_all)

    def _unlock(self, channel: int, at_s: float) -> Reply | None:
        if channel > self.board.channels:
            return None
        if channel in self._slots:
            self._bank.pulse(self._slots[channel], at_s)
        self._deaf_until_s = at_s + self._deaf_after_pulse_s
        return Reply(at_s + UNLOCK_ANSWER_AFTER_S, lambda: self._unlock_reply(channel))

    def _unlock_reply(self, channel: int) -> bytes:
        return encode_unlock_reply(
            UnlockReply(self.board.address, channel, self._is_shorted(channel))
        )

    def _read_one(self, channel: int) -> bytes:
        return encode_read_one_reply(
            ReadOneReply(self.board.address, channel, self._is_shorted(channel))
        )

    def _read_all(self) -> bytes:
        channels = range(1, self.board.channels + 1)
        reply = ReadAllReply(self.board.address, tuple(map(self._is_shorted, channels)))
        return encode_read_all_reply(reply, low_byte_first=self.board.low_byte_first)

    def _is_shorted(self, channel: int) -> bool:
        # A channel with no lock has nothing to short it: it reads as an open circuit.
        if channel not in self._slots:
            return False
        is_open = self._bank.door(self._slots[channel]).reads_open
        return is_open == self.board.invert
