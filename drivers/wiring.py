"""From a site's description to the wiring of its boards and doors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from drivers.bank import BoardWiring, DoorWiring
from drivers.port import port_in
from drivers.signals import SignalWiring


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
    @property
    def has_door_sensors(self) -> bool: ...


class DescribedSlot(Protocol):
    """A slot as a config describes it."""

    @property
    def label(self) -> str: ...
    @property
    def board(self) -> str: ...
    @property
    def channel(self) -> int: ...


class DescribedSignal(Protocol):
    """A light or buzzer as a config describes it."""

    @property
    def board(self) -> str: ...
    @property
    def channel(self) -> int: ...
    @property
    def locker(self) -> str: ...


class DescribedLocker(Protocol):
    """A cabinet as a config describes it."""

    @property
    def label(self) -> str: ...
    @property
    def slots(self) -> Iterable[DescribedSlot]: ...


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
            has_door_sensors=board.has_door_sensors,
        )
        for board in boards
    )


def wired_doors(slots: Iterable[DescribedSlot]) -> tuple[DoorWiring, ...]:
    """The doors, in the description's order."""
    return tuple(DoorWiring(slot.label, slot.board, slot.channel) for slot in slots)


def wired_signals(
    signals: Iterable[DescribedSignal], lockers: Iterable[DescribedLocker]
) -> tuple[SignalWiring, ...]:
    """The lights and buzzers, each with the doors of its locker."""
    doors = {locker.label: frozenset(slot.label for slot in locker.slots) for locker in lockers}
    return tuple(
        SignalWiring(signal.board, signal.channel, doors[signal.locker]) for signal in signals
    )
