"""Walks through a bank with the installer, door by door, and learns how it is really wired.

Each door is opened once, the installer says which one that was, and shuts it; the sensors say the
rest. From that come each board's polarity, cables that changed places, dead sensors and locks that
do not open. Sensors are not believed in advance: they are what is being tested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from drivers.door import DoorState
from drivers.tools.workbench import BoardSilentError, Workbench
from drivers.wiring import BoardWiring, DoorWiring

NO_DOOR: Final = "none"
AGAIN: Final = "again"

Wire = tuple[str, int]
"""A board's name and a channel of it."""


class Installer(Protocol):
    """The person at the machine."""

    def tell(self, text: str) -> None:
        """Say something that needs no answer."""

    def confirm(self, text: str) -> None:
        """Ask for something to be done, and wait until the person says that it is."""

    def choose(self, text: str, answers: Sequence[str]) -> str:
        """Ask a question; the first of the answers is the one that is expected."""


@dataclass(frozen=True, slots=True)
class CommissioningTiming:
    """How long doors and people have, in seconds."""

    window_s: float = 5.0
    """From the pulse to the movement of a sensor."""
    shut_s: float = 300.0
    """From being asked to shut a door to its sensor saying so."""
    pause_s: float = 0.05
    """Between two looks at the sensors."""


@dataclass(slots=True)
class Commissioned:
    """What was learnt."""

    inverted: dict[str, bool] = field(default_factory=dict)
    """For each board whose doors were seen to move: whether its sensors need `invert`."""
    wires: dict[str, Wire] = field(default_factory=dict)
    """For each slot: where its door is wired, seen or as the config has it."""
    problems: list[str] = field(default_factory=list)
    """What is left to be put right at the machine, a sentence each."""


@dataclass(frozen=True, slots=True)
class _Opening:
    """One pulse and what came of it."""

    door: DoorWiring
    opened: str | None
    """The slot whose door opened, as the installer saw it."""
    moved: tuple[Wire, ...]
    """The sensors that moved."""
    before: Mapping[Wire, DoorState]

    @property
    def wire(self) -> Wire:
        return self.door.board, self.door.channel


class Commissioning:
    """The walk. `benches` holds for each board the workbench of its port, with `invert` off."""

    def __init__(
        self,
        benches: Mapping[str, Workbench],
        boards: Sequence[BoardWiring],
        doors: Sequence[DoorWiring],
        installer: Installer,
        clock: Callable[[], float],
        wait: Callable[[float], None],
        timing: CommissioningTiming | None = None,
    ) -> None:
        self._benches = benches
        self._boards = boards
        self._doors = doors
        self._installer = installer
        self._clock = clock
        self._wait = wait
        self._timing = timing or CommissioningTiming()
        self._blind = {board.name for board in boards if not board.has_door_sensors}
        self._silent: set[str] = set()
        self._problems: list[str] = []

    def run(self, slots: Iterable[str]) -> Commissioned:
        """Walk through these slots' doors."""
        wanted = set(slots)
        self._look_for_boards({door.board for door in self._doors if door.slot in wanted})
        walked = [
            door for door in self._doors if door.slot in wanted and door.board not in self._silent
        ]
        if walked:
            self._installer.confirm(
                "Take everything out that must not be seen, and shut every door until it clicks."
            )
        openings = []
        for number, door in enumerate(walked, 1):
            opening = self._open(door, f"{number} of {len(walked)}")
            if opening is not None:
                openings.append(opening)
        return self._learn(openings)

    # --- at the machine ------------------------------------------------------------------------

    def _look_for_boards(self, wanted: set[str]) -> None:
        for board in self._boards:
            try:
                self._benches[board.name].read(board.name)
            except BoardSilentError as error:
                self._silent.add(board.name)
                if board.name in wanted:
                    self._find(f"{error} Its doors were left out.")
            else:
                self._installer.tell(f"Board {board.name} answers at address {board.address}.")

    def _open(self, door: DoorWiring, place: str) -> _Opening | None:
        """Pulse a lock once; ask, and let the door be shut. None when its board went away."""
        wire = f"board {door.board}, channel {door.channel}"
        answers = [door.slot, *(each.slot for each in self._doors if each is not door)]
        try:
            while True:
                self._installer.tell(f"Door {door.slot} ({place}; {wire}) is being opened …")
                before = self._sensors()
                self._benches[door.board].pulse(door.board, door.channel)
                moved = () if door.board in self._blind else self._moved(before)
                answer = self._installer.choose(
                    f"Which door is open now? {self._hint(door, moved)}",
                    [*answers, NO_DOOR, AGAIN],
                )
                if answer != AGAIN:
                    break
                self._let_shut(None, moved, before)
            opened = None if answer == NO_DOOR else answer
            self._let_shut(opened, moved, before)
        except BoardSilentError as error:
            self._find(f"Door {door.slot}: {error} It was left out.")
            return None
        return _Opening(door, opened, moved, before)

    def _hint(self, door: DoorWiring, moved: tuple[Wire, ...]) -> str:
        if moved == ((door.board, door.channel),):
            return f"Its sensor moved. Enter: door {door.slot}."
        if not moved:
            return f"No sensor moved. Enter: door {door.slot}; or {NO_DOOR}, or {AGAIN}."
        return f"The sensor of {_named(moved[0])} moved. Enter: door {door.slot}."

    def _let_shut(
        self, opened: str | None, moved: tuple[Wire, ...], before: Mapping[Wire, DoorState]
    ) -> None:
        """Wait until the door is shut: its sensor says so, or the person does."""
        what = "it" if opened is None else f"door {opened}"
        if not moved:
            if opened is not None:
                self._installer.confirm(f"Shut {what}; no sensor sees it.")
            return
        self._installer.tell(f"Shut {what} until it clicks.")
        until_s = self._clock() + self._timing.shut_s
        while self._clock() < until_s:
            now = self._sensors()
            if all(now.get(wire) is before[wire] for wire in moved):
                return
            self._wait(self._timing.pause_s)
        self._find(
            f"{_named(moved[0])}: its sensor moved when the door opened and not when it was shut."
        )

    def _sensors(self) -> dict[Wire, DoorState]:
        """What every sensor reads now, twice in a row."""
        return {
            (board.name, channel): state
            for board in self._boards
            if board.name not in self._silent | self._blind
            for channel, state in self._benches[board.name].read_settled(board.name).items()
        }

    def _moved(self, before: Mapping[Wire, DoorState]) -> tuple[Wire, ...]:
        """The sensors that read the other way round than before; none when the window is over."""
        until_s = self._clock() + self._timing.window_s
        while self._clock() < until_s:
            now = self._sensors()
            moved = tuple(
                wire
                for wire, state in now.items()
                if DoorState.UNKNOWN not in (state, before[wire]) and state is not before[wire]
            )
            if moved:
                return moved
            self._wait(self._timing.pause_s)
        return ()

    # --- what it means -------------------------------------------------------------------------

    def _find(self, text: str) -> None:
        self._problems.append(text)
        self._installer.tell(f"! {text}")

    def _learn(self, openings: Sequence[_Opening]) -> Commissioned:
        seen: dict[str, Wire] = {}
        for opening in openings:
            self._judge(opening, seen)
        wires = self._all_wires(seen)
        return Commissioned(self._polarity(openings), wires, self._problems)

    def _judge(self, opening: _Opening, seen: dict[str, Wire]) -> None:
        """Note where a door was seen, or what is wrong with it."""
        slot, wire = opening.door.slot, opening.wire
        if opening.opened is None:
            if opening.moved:
                self._find(
                    f"Door {slot}: the sensor of {_named(opening.moved[0])} moved and no door "
                    f"opened: check that sensor."
                )
            else:
                self._find(
                    f"Door {slot}: nothing opened at {_named(wire)}: check the lock's plug and its "
                    f"12 V, and whether the latch is stuck; then walk it again."
                )
            return
        if opening.moved not in ((), (wire,)):
            self._find(
                f"Door {opening.opened} was opened by {_named(wire)} and seen by "
                f"{' and '.join(map(_named, opening.moved))}: its lock and its sensor must be on "
                f"one channel. Exchange the plugs, then walk it again."
            )
            return
        if not opening.moved and opening.door.board not in self._blind:
            self._find(
                f"Door {opening.opened}: its sensor at {_named(wire)} is dead: it says the same "
                f"for open and shut. Check its plug and its cable."
            )
        if opening.opened in seen:
            self._find(
                f"Door {opening.opened} was named for {_named(seen[opening.opened])} and for "
                f"{_named(wire)}: walk it again."
            )
            return
        seen[opening.opened] = wire

    def _all_wires(self, seen: Mapping[str, Wire]) -> dict[str, Wire]:
        """A wire for every slot: as seen, as configured, or, where another has that, one left."""
        configured = {door.slot: (door.board, door.channel) for door in self._doors}
        taken = set(seen.values())
        unseen = {slot: wire for slot, wire in configured.items() if slot not in seen}
        taken |= {wire for wire in unseen.values() if wire not in taken}
        left = [wire for wire in configured.values() if wire not in taken]
        wires: dict[str, Wire] = {}
        owners = {wire: slot for slot, wire in seen.items()}
        for slot, wire in configured.items():
            if slot in seen:
                wires[slot] = seen[slot]
            elif wire in owners:
                wires[slot] = left.pop(0)
                self._find(
                    f"Door {slot} was not seen, and its channel is door {owners[wire]}'s: it was "
                    f"put down for {_named(wires[slot])}, which is left over. Walk it again."
                )
            else:
                wires[slot] = wire
        return wires

    def _polarity(self, openings: Sequence[_Opening]) -> dict[str, bool]:
        """For each board, which way round most of its sensors are; the others are problems."""
        shut: dict[str, dict[int, DoorState]] = {}
        for opening in openings:
            if opening.opened is not None and opening.moved == (opening.wire,):
                board, channel = opening.wire
                shut.setdefault(board, {})[channel] = opening.before[opening.wire]
        inverted: dict[str, bool] = {}
        for board, states in shut.items():
            most = Counter(states.values()).most_common(1)[0][0]
            inverted[board] = most is DoorState.OPEN
            others = [channel for channel, state in states.items() if state is not most]
            for channel in others:
                self._find(
                    f"{_named((board, channel))} reads the other way round than most of its board: "
                    f"its contact is of the other kind (normally open or closed). Exchange it."
                )
        return inverted


def _named(wire: Wire) -> str:
    return f"board {wire[0]}, channel {wire[1]}"
