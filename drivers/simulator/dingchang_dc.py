"""A simulated board of the family `dingchang-dc`: answers every request, an unlock at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from drivers.boards import dingchang_dc as codec
from drivers.boards.dingchang_dc import DingchangDC, Request
from drivers.simulator.bank import SPRING_S
from drivers.simulator.board import ANSWER_AFTER_S, Reply, SimulatedBoard

UNLOCK_ANSWER_AFTER_S: Final = SPRING_S[1] + ANSWER_AFTER_S
"""The manual's answer to an unlock tells whether the lock opened: so the board looks first."""
SIMULATED_VERSION: Final = 1


class SimulatedDC(SimulatedBoard[DingchangDC, Request]):
    """One board."""

    def _request_length(self, heard: bytes) -> int | None:
        if heard[0] != codec.HEAD or heard[1:2] not in (b"", bytes((codec.ASKS,))):
            return 0
        if len(heard) <= codec.LENGTH_AT:
            return None
        return codec.FRAME_WITHOUT_DATA + heard[codec.LENGTH_AT]

    def _decode(self, frame: bytes) -> Request:
        return codec.decode_request(frame)

    def _obey(self, request: Request, at_s: float) -> Iterable[Reply]:
        if request.address != self.board.address:
            return ()
        match request:
            case codec.VersionRequest(address):
                version = codec.VersionReply(address, SIMULATED_VERSION)
                return self._answer(at_s, lambda: codec.encode_version_reply(version))
            case codec.ReadOneRequest(address, channel):
                return self._answer(at_s, lambda: self._read_one(address, channel))
            case codec.ReadAllRequest(address):
                return self._answer(at_s, lambda: self._locks(address, codec.READ_ALL))
            case codec.HoldOnRequest(address, channel) | codec.HoldOffRequest(address, channel):
                is_on = isinstance(request, codec.HoldOnRequest)
                self._pulse([channel] if is_on else [], at_s)
                done = codec.DoneReply(address, codec.HOLD, is_done=True)
                return self._answer(at_s, lambda: codec.encode_done_reply(done))
            case codec.OutputsRequest(address, locks):
                self._pulse(_numbers(locks), at_s)
                done = codec.DoneReply(address, codec.OUTPUTS, is_done=True)
                return self._answer(at_s, lambda: codec.encode_done_reply(done))
        return self._unlock(request, at_s)

    def _unlock(self, request: Request, at_s: float) -> Iterable[Reply]:
        answers_at_s = at_s + UNLOCK_ANSWER_AFTER_S
        address = request.address
        match request:
            case codec.UnlockRequest(_, channel):
                self._pulse([channel], at_s)
                return (Reply(answers_at_s, lambda: self._unlock_reply(address, channel)),)
            case codec.UnlockAllRequest():
                command = codec.UNLOCK_ALL
                self._pulse(codec.CHANNEL_COUNTS, at_s)
            case codec.UnlockSeveralRequest(_, locks):
                command = codec.UNLOCK_SEVERAL
                self._pulse(_numbers(locks), at_s)
            case codec.UnlockAtOnceRequest(_, locks):
                command = codec.UNLOCK_AT_ONCE
                self._pulse(_numbers(locks), at_s)
            case _:
                return ()
        return (Reply(answers_at_s, lambda: self._locks(address, command)),)

    def _answer(self, at_s: float, make_frame: Callable[[], bytes]) -> tuple[Reply, ...]:
        return (Reply(at_s + ANSWER_AFTER_S, make_frame),)

    def _unlock_reply(self, address: int, channel: int) -> bytes:
        reply = codec.UnlockReply(address, channel, self._open_bit(channel))
        return codec.encode_unlock_reply(reply)

    def _read_one(self, address: int, channel: int) -> bytes:
        reply = codec.ReadOneReply(address, channel, self._open_bit(channel))
        return codec.encode_read_one_reply(reply)

    def _locks(self, address: int, command: int) -> bytes:
        is_open = tuple(self._open_bit(channel) for channel in codec.CHANNEL_COUNTS)
        return codec.encode_locks_reply(codec.LocksReply(address, command, is_open))

    def _open_bit(self, channel: int) -> bool:
        # In the manual's answer for 12 shut locks no bit is set; nor is it without a lock.
        return self._door(channel) is not None and not self._closed_bit(channel)


def _numbers(locks: tuple[bool, ...]) -> list[int]:
    return [place + 1 for place, is_set in enumerate(locks) if is_set]
