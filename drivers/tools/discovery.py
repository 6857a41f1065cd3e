"""Which boards are on a line: asks every family's question at every address, and only reads.

A probe cannot unlock: it has no frame for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from drivers.boards import FAMILIES
from drivers.boards.family import Answer, BoardFamily, LineTiming, LockBoard, Question
from drivers.bus import BusBoard
from drivers.frames import FrameError
from drivers.port import PortOpener
from drivers.tools.workbench import AT_ONCE, BoardSilentError, HeldPort, Workbench

SEARCH_TIMEOUT_S: Final = 0.15
"""Boards answer a question within some milliseconds; a search cannot wait long at each address."""
ASK_TIMEOUT_S: Final = 0.5
USUAL_ADDRESSES: Final = 32
"""How many addresses of a family are searched: as many as switches on boards can set."""


class Probe:
    """A board of which only the address is known, and several counts of locks are possible.

    All of `boards` ask by the same bytes; which of them understands the answer is `matched`.
    """

    def __init__(self, boards: Sequence[LockBoard], timeout_s: float) -> None:
        self._boards = tuple(boards)
        self.address = boards[0].address
        self.channels = boards[0].channels
        self.matched: LockBoard | None = None
        self._timing = replace(
            boards[0].timing, read_timeout_s=min(boards[0].timing.read_timeout_s, timeout_s)
        )

    @property
    def timing(self) -> LineTiming:
        return self._timing

    def questions(self) -> tuple[Question, ...]:
        return self._boards[0].questions()

    def unlock_request(self, channel: int) -> bytes:
        """There is none."""
        raise FrameError("a board that is only looked for is never unlocked")

    def output_request(self, channel: int, is_on: bool) -> bytes:
        """There is none."""
        raise FrameError("a board that is only looked for is never switched")

    def find_answer(self, question: Question, received: bytes) -> Answer | None:
        for board in self._boards:
            answer = board.find_answer(question, received)
            if answer is not None:
                self.matched = board
                return answer
        return None

    def has_wrong_sum(self, question: Question, received: bytes) -> bool:
        return any(board.has_wrong_sum(question, received) for board in self._boards)


@dataclass(frozen=True, slots=True)
class Found:
    """A board that answered."""

    family: str
    board: LockBoard
    elapsed_s: float
    """From the first question to its answer."""


def possible_boards(
    family: BoardFamily,
    address: int,
    *,
    invert: bool = False,
    options: Mapping[str, object] | None = None,
) -> tuple[LockBoard, ...]:
    """The boards that may be at an address: one for each count of locks that answers tell apart."""
    counts = family.sought_channels or family.channel_counts[-1:]
    return tuple(family(address, count, invert=invert, options=options) for count in counts)


def identify(
    boards: Sequence[LockBoard],
    opener: PortOpener,
    clock: Callable[[], float],
    timeout_s: float = ASK_TIMEOUT_S,
    repeats: int = 1,
) -> LockBoard | None:
    """The one of the possible boards that is there: the largest that answers; None if none does."""
    timing = replace(AT_ONCE, read_repeats=repeats)
    matched: LockBoard | None = None
    for _, group in groupby(boards, key=lambda board: board.questions()[0].request):
        probe = Probe(tuple(group), timeout_s)
        bench = Workbench(opener, [BusBoard("board", "", probe)], clock, timing)
        try:
            bench.read("board")
        except BoardSilentError:
            return matched
        finally:
            bench.close()
        matched = probe.matched
    return matched


def search(
    opener: HeldPort,
    clock: Callable[[], float],
    families: Iterable[str],
    addresses: range | None,
    on_family: Callable[[str], None],
) -> Iterator[Found]:
    """Every board that answers, as it is found; `on_family` is called with each family's name.

    Raises `PortUnavailableError` when the port does not open.
    """
    for name in families:
        on_family(name)
        family = FAMILIES[name]
        opener.open(possible_boards(family, family.addresses[0])[0].timing.baud)
        wanted = addresses or family.addresses[:USUAL_ADDRESSES]
        for address in (each for each in wanted if each in family.addresses):
            begun_s = clock()
            boards = possible_boards(family, address)
            found = identify(boards, opener, clock, SEARCH_TIMEOUT_S, repeats=0)
            if found is not None:
                yield Found(name, found, clock() - begun_s)
