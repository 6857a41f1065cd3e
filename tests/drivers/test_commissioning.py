"""The walk through a bank, in virtual time: what is learnt of wiring, polarity and sensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from drivers.boards import FAMILIES
from drivers.building import make_board
from drivers.bus import BusBoard
from drivers.runners import MovableClock
from drivers.simulator.bank import SimulatedBank, SimulatedDoor
from drivers.simulator.lines import simulate_lines
from drivers.simulator.virtual import VirtualPortOpener
from drivers.tools.commissioning import (
    AGAIN,
    NO_DOOR,
    Commissioned,
    Commissioning,
    CommissioningTiming,
)
from drivers.tools.workbench import Workbench
from drivers.wiring import BoardWiring, DoorWiring

BOARDS = (
    BoardWiring("left", "lockboard-8a", "bus", 1, 8),
    BoardWiring("right", "lockboard-8a", "bus", 2, 8),
)
DOORS = tuple(
    DoorWiring(f"{board.address}{channel}", board.name, channel)
    for board in BOARDS
    for channel in range(1, 5)
)


class Site:
    """The real steel, the config that is wrong about it, and an installer who does as asked."""

    def __init__(
        self, boards: Sequence[BoardWiring] = BOARDS, doors: Sequence[DoorWiring] = DOORS
    ) -> None:
        self.clock = MovableClock()
        self.steel = SimulatedBank([door.slot for door in doors], Random(1), self.clock)
        self.lines, self.boards = simulate_lines(boards, doors, self.steel)
        self.said: list[str] = []
        self.answers: list[str] = []

    def walk(
        self,
        slots: Sequence[str] = (),
        boards: Sequence[BoardWiring] = BOARDS,
        doors: Sequence[DoorWiring] = DOORS,
    ) -> Commissioned:
        bench = Workbench(
            VirtualPortOpener("bus", self.lines["bus"], self.clock),
            [
                BusBoard(each.name, each.family, make_board(replace(each, invert=False)))
                for each in boards
            ],
            self.clock,
        )
        walk = Commissioning(
            {board.name: bench for board in boards},
            boards,
            doors,
            self,
            self.clock,
            self.wait,
            CommissioningTiming(window_s=1.0, shut_s=5.0),
        )
        return walk.run(slots or [door.slot for door in doors])

    def wait(self, seconds: float) -> None:
        self.clock.now_s += seconds

    # --- the installer -------------------------------------------------------------------------

    def tell(self, text: str) -> None:
        self.said.append(text)
        if text.startswith("Shut"):
            self.shut()

    def confirm(self, text: str) -> None:
        self.said.append(text)
        self.shut()

    def choose(self, text: str, answers: Sequence[str]) -> str:
        self.said.append(text)
        if self.answers:
            return self.answers.pop(0)
        self.wait(1.0)  # a person looks
        self.steel.advance(self.clock.now_s)
        return next((door.slot for door in self.steel.doors.values() if door.is_open), NO_DOOR)

    def shut(self) -> None:
        for slot in self.steel.doors:
            self.steel.close(slot)


def as_configured(doors: Sequence[DoorWiring] = DOORS) -> dict[str, tuple[str, int]]:
    return {door.slot: (door.board, door.channel) for door in doors}


def test_a_bank_that_is_wired_as_described() -> None:
    site = Site()
    learnt = site.walk()
    assert learnt.wires == as_configured()
    assert learnt.inverted == {"left": False, "right": False}
    assert learnt.problems == []
    assert {door.pulses for door in site.steel.doors.values()} == {1}


def test_polarity_is_learnt_board_by_board() -> None:
    site = Site(boards=(replace(BOARDS[0], invert=True), BOARDS[1]))
    learnt = site.walk()
    assert learnt.inverted == {"left": True, "right": False}
    assert (learnt.wires, learnt.problems) == (as_configured(), [])


def test_polarity_that_the_config_had_wrongly_inverted() -> None:
    learnt = Site().walk(boards=tuple(replace(board, invert=True) for board in BOARDS))
    assert learnt.inverted == {"left": False, "right": False}


def test_cables_that_changed_places_even_between_boards() -> None:
    real = {**as_configured(), "11": ("left", 3), "13": ("right", 2), "22": ("left", 1)}
    site = Site(doors=[DoorWiring(slot, *wire) for slot, wire in real.items()])
    learnt = site.walk()
    assert learnt.wires == real
    assert learnt.problems == []


def test_a_dead_sensor_is_reported_and_its_door_is_placed_all_the_same() -> None:
    site = Site()
    site.steel.door("12").stuck_sensor = False
    learnt = site.walk()
    assert learnt.wires == as_configured()
    (problem,) = learnt.problems
    assert problem.startswith("Door 12: its sensor at board left, channel 2 is dead")
    assert site.steel.door("12").pulses == 1


def test_a_board_without_sensors_is_walked_by_what_the_installer_sees() -> None:
    blind = tuple(replace(board, has_door_sensors=False) for board in BOARDS)
    real = {**as_configured(), "11": ("left", 2), "12": ("left", 1)}
    learnt = Site(doors=[DoorWiring(slot, *wire) for slot, wire in real.items()]).walk(boards=blind)
    assert (learnt.wires, learnt.inverted, learnt.problems) == (real, {}, [])


def test_a_lock_that_does_not_open_is_reported() -> None:
    site = Site()
    site.steel.jam("13")
    (problem,) = site.walk().problems
    assert problem.startswith("Door 13: nothing opened at board left, channel 3")


def test_a_lock_is_pulsed_again_only_when_the_installer_says_so() -> None:
    site = Site()
    site.answers = [AGAIN, "11"]
    site.walk(["11"])
    assert site.steel.door("11").pulses == 2


def test_a_lock_and_a_sensor_on_different_channels_are_not_put_into_the_config() -> None:
    site = Site()
    site.steel.swap("11", "12")
    learnt = site.walk()
    assert learnt.wires == as_configured()
    assert len(learnt.problems) == 2
    assert (
        "Door 12 was opened by board left, channel 1 and seen by board left, channel 2"
        in (learnt.problems[0])
    )


def test_a_contact_of_the_other_kind_is_reported() -> None:
    site = Site()

    class Turned(SimulatedDoor):
        reads_open = property(lambda self: not self.is_open)

    site.steel.doors["12"] = Turned("12")
    learnt = site.walk()
    assert learnt.inverted["left"] is False
    (problem,) = learnt.problems
    assert problem.startswith("board left, channel 2 reads the other way round")


def test_a_door_whose_channel_is_anothers_gets_what_is_left() -> None:
    real = {**as_configured(), "11": ("left", 2), "12": ("left", 1)}
    site = Site(doors=[DoorWiring(slot, *wire) for slot, wire in real.items()])
    learnt = site.walk(["11"])
    assert learnt.wires == real
    (problem,) = learnt.problems
    assert problem.startswith("Door 11 was not seen")


def test_a_silent_board_is_left_out_and_the_rest_is_walked() -> None:
    site = Site()
    site.boards["right"].is_silent = True
    learnt = site.walk()
    assert learnt.wires == as_configured()
    assert learnt.inverted == {"left": False}
    (problem,) = learnt.problems
    assert "Board right (address 2) does not answer" in problem


def test_a_door_named_twice_is_walked_again() -> None:
    site = Site()
    site.answers = ["11", "11"]
    (problem,) = site.walk(["11", "12"]).problems
    assert problem.startswith("Door 11 was named for")


def test_a_door_that_is_never_shut_ends_its_wait() -> None:
    site = Site()
    site.shut = lambda: None  # type: ignore[method-assign]
    (problem,) = site.walk(["11"]).problems
    assert "not when it was shut" in problem


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("invert", [False, True])
def test_every_family_can_be_walked(family: str, invert: bool) -> None:
    kind = FAMILIES[family]
    board = BoardWiring("only", family, "bus", kind.addresses[0], 4, invert)
    doors = [DoorWiring(str(channel), "only", channel) for channel in range(1, 5)]
    learnt = Site((board,), doors).walk(boards=(replace(board, invert=False),), doors=doors)
    assert learnt.inverted == {"only": invert}
    assert (learnt.wires, learnt.problems) == (as_configured(doors), [])
