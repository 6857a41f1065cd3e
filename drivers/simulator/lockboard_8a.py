"""A simulated board of the family `lockboard-8a`.

It pulses on an unlock at once and answers 0.5 s later with the contact as it is then, as the
captured board does. It knows the frames of both firmwares; which of the two unlocks it obeys is
its option `unlock_function`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from drivers.boards import lockboard_8a as codec
from drivers.boards.lockboard_8a import LockBoard8A, Request
from drivers.frames import xor_of
from drivers.simulator.board import ANSWER_AFTER_S, Reply, SimulatedBoard

UNLOCK_ANSWER_AFTER_S: Final = 0.5
SIMULATED_VERSION: Final = 0xAB

_LONG_HEADERS: Final = (codec.UNLOCK_SEVERAL_HEADER,)
_SHORT_HEADERS: Final = (
    codec.READ_HEADER,
    codec.HOLD_ON_HEADER,
    codec.HOLD_OFF_HEADER,
    codec.UNLOCK_IN_TURN_HEADER,
    codec.REPORTING_HEADER,
    codec.UNLOCK_TIME_HEADER,
    codec.VERSION_HEADER,
)


class SimulatedBoard8A(SimulatedBoard[LockBoard8A, Request]):
    """One board."""

    def _request_length(self, heard: bytes) -> int | None:
        if heard[0] in _LONG_HEADERS:
            return codec.LONG_FRAME_LENGTH
        if heard[0] in _SHORT_HEADERS:
            return codec.SHORT_FRAME_LENGTH
        if heard[0] != codec.UNLOCK_HEADER:
            return 0
        if len(heard) < codec.SHORT_FRAME_LENGTH:
            return None
        # Only the sum tells an unlock from one with a time behind it.
        short, long = heard[: codec.SHORT_FRAME_LENGTH], heard[: codec.LONG_FRAME_LENGTH]
        is_long = len(long) == codec.LONG_FRAME_LENGTH and xor_of(long) == 0 != xor_of(short)
        return codec.LONG_FRAME_LENGTH if is_long else self._short_or_wait(heard)

    def _short_or_wait(self, heard: bytes) -> int | None:
        is_whole = xor_of(heard[: codec.SHORT_FRAME_LENGTH]) == 0
        if not is_whole and len(heard) < codec.LONG_FRAME_LENGTH:
            return None
        return codec.SHORT_FRAME_LENGTH

    def _decode(self, frame: bytes) -> Request:
        return codec.decode_request(frame, unlock_function=self.board.unlock_function)

    def _obey(self, request: Request, at_s: float) -> Iterable[Reply]:
        if isinstance(request, codec.AddressRequest):
            reply = codec.AddressReply(self.board.address)
            return (Reply(at_s + ANSWER_AFTER_S, lambda: codec.encode_address_reply(reply)),)
        if request.address != self.board.address:
            return ()
        match request:
            case codec.ReadOneRequest(_, channel):
                return self._answer(at_s, lambda: self._read_one(channel))
            case codec.ReadAllRequest():
                return self._answer(at_s, self._read_all)
            case codec.VersionRequest(address):
                version = codec.VersionReply(address, SIMULATED_VERSION)
                return self._answer(at_s, lambda: codec.encode_version_reply(version))
        return self._move(request, at_s)

    def _move(self, request: Request, at_s: float) -> Iterable[Reply]:
        every_channel = range(1, self.board.channels + 1)
        match request:
            case (
                codec.UnlockRequest(_, channel)
                | codec.UnlockForRequest(_, channel)
                | codec.HoldOnRequest(_, channel)
            ):
                if channel not in every_channel:
                    return ()
                self._pulse([channel], at_s)
                answers_at_s = at_s + UNLOCK_ANSWER_AFTER_S
                return (Reply(answers_at_s, lambda: self._unlock_reply(channel)),)
            case codec.UnlockSeveralRequest(_, locks):
                self._pulse([place + 1 for place, is_set in enumerate(locks) if is_set], at_s)
            case codec.UnlockAllRequest():
                self._pulse(every_channel, at_s)
            case codec.UnlockInTurnRequest(address):
                self._pulse(every_channel, at_s)
                done = codec.UnlockInTurnReply(address)
                return self._answer(at_s, lambda: codec.encode_unlock_in_turn_reply(done))
        return ()

    def _answer(self, at_s: float, make_frame: Callable[[], bytes]) -> tuple[Reply, ...]:
        return (Reply(at_s + ANSWER_AFTER_S, make_frame),)

    def _unlock_reply(self, channel: int) -> bytes:
        reply = codec.UnlockReply(self.board.address, channel, self._closed_bit(channel))
        return codec.encode_unlock_reply(reply)

    def _read_one(self, channel: int) -> bytes:
        reply = codec.ReadOneReply(self.board.address, channel, self._closed_bit(channel))
        return codec.encode_read_one_reply(reply)

    def _read_all(self) -> bytes:
        shorted = self._closed_bits(self.board.channels)
        reply = codec.ReadAllReply(self.board.address, shorted)
        return codec.encode_read_all_reply(reply, low_byte_first=self.board.low_byte_first)
