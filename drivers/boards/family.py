"""What a board family is: the bytes of one kind of lock board, without a port or a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from drivers.boards.options import Option
from drivers.door import DoorState, ItemState

BITS_PER_BYTE_ON_THE_WIRE = 10
"""A start bit, eight data bits, a stop bit."""


@dataclass(frozen=True, slots=True)
class LineTiming:
    """How a family wants its serial line to be used."""

    baud: int
    gap_s: float
    """Silence on the line between two transactions."""
    quiet_s: float
    """Silence that ends a frame."""
    read_timeout_s: float
    """How long a board may take to begin its answer to a question."""
    unlock_settle_s: float
    """How long after an unlock a board may be too busy to answer."""
    unlock_answer_s: float = 0.0
    """How long the line is left to the board after an unlock, for what it answers at once."""

    def wire_time_s(self, byte_count: int) -> float:
        """How long so many bytes take on the wire."""
        return byte_count * BITS_PER_BYTE_ON_THE_WIRE / self.baud


@dataclass(frozen=True, slots=True)
class Question:
    """One request for door states, and the channels that its answer tells of."""

    request: bytes
    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a board answered, by channel."""

    doors: Mapping[int, DoorState]
    items: Mapping[int, ItemState] = field(default_factory=dict)
    """Empty when the board has no sensors inside its compartments."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How well a family is known. Nobody had a board on the table: every capture is another's."""

    by_manual: str
    by_capture: str
    uncertain: str
    """What is known by one source only, or not at all; empty when nothing."""


class LockBoard(Protocol):
    """One board at an address. Everything here is a pure function of bytes."""

    @property
    def address(self) -> int: ...

    @property
    def channels(self) -> int:
        """How many locks the board has; they are numbered from 1."""

    @property
    def timing(self) -> LineTiming: ...

    def questions(self) -> tuple[Question, ...]:
        """The requests that together read every door of the board."""

    def unlock_request(self, channel: int) -> bytes:
        """The frame that pulses one lock; refuses a channel that the board does not have."""

    def output_request(self, channel: int, is_on: bool) -> bytes:
        """The frame that switches a spare output on or off, for good; the board answers with its
        echo. Refused by families whose outputs cannot be held, and never for a lock's output: a
        solenoid would burn."""

    def find_answer(self, question: Question, received: bytes) -> Answer | None:
        """What the newest whole answer to this very question tells, wherever it lies."""

    def has_wrong_sum(self, question: Question, received: bytes) -> bool:
        """Whether something with the shape of the answer is there and its checksum is wrong."""


class BoardFamily(Protocol):
    """Makes the boards of one family, and says what it allows."""

    @property
    def name(self) -> str:
        """As it stands in a site's config."""

    @property
    def addresses(self) -> range:
        """The addresses on the wire that one board can have; never one that means all boards."""

    @property
    def channel_counts(self) -> range:
        """How many locks a board can have."""

    @property
    def sought_channels(self) -> tuple[int, ...]:
        """The counts of locks to try at an address, in this order; empty when the answer does not
        tell, and is that of the largest board."""

    @property
    def evidence(self) -> Evidence:
        """How well it is known."""

    @property
    def holds_outputs(self) -> bool:
        """Whether a spare output can be switched on for good, for a light or a buzzer."""

    @property
    def options(self) -> tuple[Option, ...]:
        """What may be set beside them, each with its values and its default."""

    def __call__(
        self,
        address: int,
        channels: int,
        *,
        invert: bool = False,
        options: Mapping[str, object] | None = None,
    ) -> LockBoard: ...
