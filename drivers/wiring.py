"""From a site's description to the wiring of its boards and doors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from drivers.bank import BoardWiring, DoorWiring
from drivers.port import port_in


class DescribedBoard(Protocol):
    """A lock board as a config describes it."""

    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def port(self) -> str: ...
    @property
    def address(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def invert(self) -> bool: ...
    @property
    def options(self) -> Mapping[str, object]: ...


class DescribedSlot(Protocol):
    """A slot as a config describes it."""

    @property
    def label(self) -> str: ...
    @property
    def board(self) -> str: ...
    @property
    def channel(self) -> int: ...


def wired_boards(boards: Iterable[DescribedBoard], data: Path) -> tuple[BoardWiring, ...]:
    """The boards; a port that is neither a URL nor an absolute path lies in the data folder."""
    return tuple(
        BoardWiring(
            name=board.name,
            family=board.family,
            port=port_in(data, board.port),
            address=board.address,
            channels=board.channels,
            invert=board.invert,
            options=board.options,
        )
        for board in boards
    )


def wired_doors(slots: Iterable[DescribedSlot]) -> tuple[DoorWiring, ...]:
    """The doors, in the description's order."""
    return tuple(DoorWiring(slot.label, slot.board, slot.channel) for slot in slots)
