"""What all board families do alike: check their settings, and find answers in what was heard.

A family says how its answer is shaped and what it tells. Bytes are tried at every place where an
answer may begin, the newest first, so that garbage, echoes and cut frames before it do no harm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from drivers.boards.family import Answer, Evidence, LineTiming, Question
from drivers.boards.options import BoardSettingError, Option, OptionValue, read_options
from drivers.door import DoorState, ItemState
from drivers.frames import FrameError, newest_first


class FramedBoard(ABC):
    """A board that is read by one question for all its locks.

    Shared by the families; `invert` swaps open and closed, as the sensors are wired.
    """

    name: ClassVar[str]
    addresses: ClassVar[range]
    channel_counts: ClassVar[range]
    sought_channels: ClassVar[tuple[int, ...]] = ()
    evidence: ClassVar[Evidence]
    holds_outputs: ClassVar[bool] = False
    options: ClassVar[tuple[Option, ...]] = ()
    timing: LineTiming

    def __init__(
        self,
        address: int,
        channels: int,
        *,
        invert: bool = False,
        options: Mapping[str, object] | None = None,
    ) -> None:
        _check(self.name, "address", address, self.addresses, "an address of")
        _check(self.name, "channels", channels, self.channel_counts, "locks:")
        self.address = address
        self.channels = channels
        self.invert = invert
        self.settings: Mapping[str, OptionValue] = read_options(
            self.name, self.options, options or {}
        )
        if "baud" in self.settings:
            self.timing = replace(self.timing, baud=int(self.settings["baud"]))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(address={self.address}, channels={self.channels})"

    def questions(self) -> tuple[Question, ...]:
        """One frame reads every lock."""
        return (Question(self._status_request(), tuple(range(1, self.channels + 1))),)

    def unlock_request(self, channel: int) -> bytes:
        """The frame that pulses one lock of this board."""
        self._check_channel(channel)
        return self._unlock_request(channel)

    def output_request(self, channel: int, is_on: bool) -> bytes:
        """The frame that switches a spare output for good."""
        self._check_channel(channel)
        return self._output_request(channel, is_on)

    def _output_request(self, channel: int, is_on: bool) -> bytes:
        raise FrameError(f"the outputs of a {self.name} cannot be held on: they are pulsed only")

    def _check_channel(self, channel: int) -> None:
        if type(channel) is not int or channel not in range(1, self.channels + 1):
            raise FrameError(
                f"lock {channel!r} is not on this board: it has 1..{self.channels}, "
                f"address {self.address}"
            )

    def find_answer(self, question: Question, received: bytes) -> Answer | None:
        """What the newest whole answer of this board tells."""
        for frame in self._shaped(received):
            try:
                return self._read(frame)
            except FrameError:
                continue
        return None

    def has_wrong_sum(self, question: Question, received: bytes) -> bool:
        """Whether something shaped as this board's answer has a wrong checksum."""
        return any(not self._sum_is_right(frame) for frame in self._shaped(received))

    def _shaped(self, received: bytes) -> Iterator[bytes]:
        for frame in newest_first(received, self._answer_length()):
            if self._has_shape(frame):
                yield frame

    # --- what each family says -----------------------------------------------------------------

    @abstractmethod
    def _status_request(self) -> bytes:
        """The frame that asks for every door."""

    @abstractmethod
    def _unlock_request(self, channel: int) -> bytes:
        """The frame that pulses one lock; the channel is one of this board's."""

    @abstractmethod
    def _answer_length(self) -> int:
        """How many bytes the answer to the question has."""

    @abstractmethod
    def _has_shape(self, frame: bytes) -> bool:
        """Whether all but the checksum is as in an answer of this very board."""

    @abstractmethod
    def _sum_is_right(self, frame: bytes) -> bool:
        """Whether the checksum is right."""

    @abstractmethod
    def _read(self, frame: bytes) -> Answer:
        """What the answer tells, or a `FrameError`."""

    # --- for them to use -----------------------------------------------------------------------

    def _doors(self, closed: Sequence[bool]) -> Mapping[int, DoorState]:
        """The doors, when `closed` is what their bits say before `invert`."""
        return {
            channel: DoorState.CLOSED if closed[channel - 1] != self.invert else DoorState.OPEN
            for channel in range(1, self.channels + 1)
        }

    def _items(self, present: Sequence[bool]) -> Mapping[int, ItemState]:
        return {
            channel: ItemState.PRESENT if present[channel - 1] else ItemState.ABSENT
            for channel in range(1, self.channels + 1)
        }


def _check(family: str, field: str, value: int, allowed: range, noun: str) -> None:
    if type(value) is not int or value not in allowed:
        raise BoardSettingError(
            f"{field} {value!r}: a {family} has {noun} {allowed[0]}..{allowed[-1]}"
        )
