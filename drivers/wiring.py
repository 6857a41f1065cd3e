"""Which board is on which port, and which door on which lock: from a site's description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from drivers.door import DriverError
from drivers.port import port_in


@dataclass(frozen=True, slots=True)
class BoardWiring:
    """A lock board as the site's config tells of it."""

    name: str
    family: str
    port: str
    """A path, already absolute."""
    address: int
    channels: int
    invert: bool = False
    """True when the sensors read the other way round than the family's usual wiring."""
    options: Mapping[str, object] = field(default_factory=dict)
    has_door_sensors: bool = True
    """False when nothing tells whether its doors are open: a person is asked instead."""


@dataclass(frozen=True, slots=True)
class DoorWiring:
    """Which lock of which board is a slot's."""

    slot: str
    board: str
    channel: int


@dataclass(frozen=True, slots=True)
class SignalWiring:
    """A light or buzzer: the output it hangs on, and the doors that it belongs to."""

    board: str
    channel: int
    slots: frozenset[str]


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


def check_wiring(boards: Sequence[BoardWiring], doors: Sequence[DoorWiring]) -> None:
    """Refuse doors that no board has, and two doors on one lock."""
    by_name = {board.name: board for board in boards}
    if len(by_name) < len(boards):
        raise DriverError("two boards have one name; names must differ")
    owners: dict[tuple[str, int], str] = {}
    for door in doors:
        board = by_name.get(door.board)
        if board is None:
            raise DriverError(f"slot {door.slot}: there is no board {door.board!r}")
        if door.channel not in range(1, board.channels + 1):
            raise DriverError(
                f"slot {door.slot}: channel {door.channel} is not within 1..{board.channels} "
                f"of board {board.name}"
            )
        owner = owners.setdefault((door.board, door.channel), door.slot)
        if owner != door.slot:
            raise DriverError(
                f"slots {owner} and {door.slot} are both on lock {door.channel} of {door.board}"
            )
