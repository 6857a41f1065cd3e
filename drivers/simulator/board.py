"""What all simulated boards do alike: find requests in what they hear, and obey them.

A family says how long the request is that begins with given bytes, what it means, and what the
board does then. Bytes that are no request are dropped one by one; half a request is forgotten when
the line falls quiet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Generic, TypeVar, cast

from drivers.boards.board import FramedBoard
from drivers.frames import FrameError
from drivers.simulator.bank import SimulatedBank, SimulatedDoor
from drivers.simulator.faults import Fault, Faults, at_another_address

ANSWER_AFTER_S: Final = 0.003
FORGETS_AFTER_S: Final = 0.05
"""Half a request is no longer waited for after so much silence."""

BoardT = TypeVar("BoardT", bound=FramedBoard)
RequestT = TypeVar("RequestT")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a board will send: when, and the frame as the doors are by then."""

    at_s: float
    make_frame: Callable[[], bytes]


class SimulatedBoard(ABC, Generic[BoardT, RequestT]):
    """One board; `slots` says which channel is wired to which slot's door.

    It also obeys the frames that open several or all doors, so that a test would see it.
    """

    everyone: ClassVar[frozenset[int]] = frozenset()
    """Addresses that mean every board on the line."""

    def __init__(
        self,
        board: BoardT,
        bank: SimulatedBank,
        slots: Mapping[int, str],
        *,
        deaf_after_pulse_s: float = 0.0,
    ) -> None:
        """`deaf_after_pulse_s`: how long after a pulse the board hears nothing."""
        self.board = board
        self.is_silent = False
        """True as if its power were off: it hears nothing and says nothing."""
        self.faults = Faults(bank.rng)
        self._impostor = at_another_address(board)
        self._bank = bank
        self._slots = slots
        self._deaf_after_pulse_s = deaf_after_pulse_s
        self._deaf_until_s = 0.0
        self._heard = b""
        self._heard_at_s = 0.0

    def hear(self, data: bytes, at_s: float) -> list[Reply]:
        """Take bytes off the wire; the last of them came at `at_s`."""
        if at_s - self._heard_at_s > FORGETS_AFTER_S:
            self._heard = b""
        self._heard_at_s = at_s
        if self._is_deaf(at_s):
            self._heard = b""
            return []
        self._heard += data
        replies: list[Reply] = []
        while self._heard:
            length = self._request_length(self._heard)
            if length is None or length > len(self._heard):
                break
            replies += map(self._as_sent, self._take(length, at_s))
        return replies

    def _is_deaf(self, at_s: float) -> bool:
        is_off = self.is_silent or not self._bank.has_power
        return is_off or at_s < self._deaf_until_s or self.faults.strikes(Fault.SILENT)

    def _as_sent(self, reply: Reply) -> Reply:
        """A reply with what the board's faults make of it."""
        at_s = reply.at_s + self.faults.delay_s()
        return Reply(at_s, lambda: self.faults.spoil(reply.make_frame()))

    def _take(self, length: int, at_s: float) -> Iterable[Reply]:
        """Take a request off the front of what was heard, or one byte that begins none."""
        try:
            if length == 0:
                raise FrameError("no request begins here")
            request = self._decode(self._heard[:length])
        except FrameError:
            self._heard = self._heard[1:]
            return ()
        self._heard = self._heard[length:]
        is_asked = getattr(request, "address", None) == self.board.address
        if is_asked and self.faults.strikes(Fault.OTHER_ADDRESS):
            return self._obey_as_another(request, at_s)
        return self._obey(request, at_s)

    def _obey_as_another(self, request: RequestT, at_s: float) -> list[Reply]:
        """Do what is asked, and answer under the address of another board."""
        asked_of_it: Any = replace(cast(Any, request), address=self._impostor.address)
        with self._posing():
            replies = list(self._obey(asked_of_it, at_s))

        def posing(reply: Reply) -> Reply:
            def make_frame() -> bytes:
                with self._posing():
                    return reply.make_frame()

            return Reply(reply.at_s, make_frame)

        return [posing(reply) for reply in replies]

    @contextmanager
    def _posing(self) -> Iterator[None]:
        own, self.board = self.board, self._impostor
        try:
            yield
        finally:
            self.board = own

    # --- what each family says -----------------------------------------------------------------

    @abstractmethod
    def _request_length(self, heard: bytes) -> int | None:
        """How long the request is that begins here: None when too little was heard to tell, 0
        when none begins so."""

    @abstractmethod
    def _decode(self, frame: bytes) -> RequestT:
        """What a frame of that length asks, or a `FrameError`."""

    @abstractmethod
    def _obey(self, request: RequestT, at_s: float) -> Iterable[Reply]:
        """Do what is asked, if it is asked of this board."""

    # --- for them to use -----------------------------------------------------------------------

    def _pulse(self, channels: Iterable[int], at_s: float) -> None:
        """Pulse the board's locks; a channel with no lock is a pulse into the air."""
        for channel in channels:
            if channel in self._slots:
                self._bank.pulse(self._slots[channel], at_s)
            if channel <= self.board.channels:
                self._deaf_until_s = at_s + self._deaf_after_pulse_s

    def _closed_bits(self, count: int) -> tuple[bool, ...]:
        """A bit for each lock, set when its sensor says shut (as `invert` is wired).

        A channel with no lock has nothing that could close its circuit: its bit is not set.
        """
        return tuple(self._closed_bit(channel) for channel in range(1, count + 1))

    def _closed_bit(self, channel: int) -> bool:
        door = self._door(channel)
        return door is not None and door.reads_open == self.board.invert

    def _item_bits(self, count: int) -> tuple[bool, ...]:
        """A bit for each compartment, set when its item sensor says that something is there."""
        is_inverted = self.board.settings.get("invert_items", False)
        doors = [self._door(channel) for channel in range(1, count + 1)]
        return tuple(door is not None and door.has_item != is_inverted for door in doors)

    def _door(self, channel: int) -> SimulatedDoor | None:
        slot = self._slots.get(channel)
        return None if slot is None else self._bank.door(slot)
