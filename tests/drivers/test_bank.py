"""The bank on simulated boards in virtual time: what comes of an opening, and what is reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import pytest

from drivers.bank import Bank
from drivers.bus import BusTiming
from drivers.door import BoardChange, DoorChange, DoorState, DriverError, Outcome, Unlocked
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.line import SimulatedLine
from drivers.simulator.virtual import VirtualSite, virtual_site
from drivers.wiring import BoardWiring, DoorWiring, check_wiring
from tests.support.virtual_loop import run_virtually

BOARDS = [
    BoardWiring("left", "lockboard-8a", "bus", 1, 12),
    BoardWiring("right", "lockboard-8a", "bus", 2, 12),
]
DOORS = [
    DoorWiring(str(number), "left" if number <= 12 else "right", (number - 1) % 12 + 1)
    for number in range(1, 25)
]


@dataclass
class Scene:
    """A site at work, and everything that was reported."""

    site: VirtualSite
    changes: list[DoorChange | BoardChange] = field(default_factory=list)

    @property
    def bank(self) -> Bank:
        return self.site.bank

    @property
    def steel(self) -> SimulatedBank:
        return self.site.steel

    @property
    def line(self) -> SimulatedLine:
        return self.site.lines["bus"]

    def door_changes(self) -> list[DoorChange]:
        return [change for change in self.changes if isinstance(change, DoorChange)]

    def edges(self) -> list[tuple[str, DoorState]]:
        return [(each.slot, each.now) for each in self.door_changes() if not each.baseline]

    def board_changes(self) -> list[tuple[str, bool]]:
        reported = [change for change in self.changes if isinstance(change, BoardChange)]
        return [(change.board, change.reachable) for change in reported]


T = TypeVar("T")
Deliveries = Sequence[tuple[float, bytes]]


@asynccontextmanager
async def settled(
    *,
    boards: list[BoardWiring] = BOARDS,
    prepare: Callable[[Scene], None] | None = None,
    **settings: Any,
) -> AsyncIterator[Scene]:
    """A settled bank, which is stopped afterwards."""
    site = virtual_site(boards, DOORS, Random(3), **settings)
    site.lines["bus"].keeps_record = True
    scene = Scene(site)
    site.bank.listen(scene.changes.append)
    if prepare is not None:
        prepare(scene)
    await site.bank.start()
    await site.bank.settled()
    yield scene
    await site.bank.stop()


SETTINGS: list[dict[str, Any]] = [{}, {"deaf_after_pulse_s": 0.8}, {"in_bursts": False}]
INVERTED = [
    BoardWiring("left", "lockboard-8a", "bus", 1, 12, invert=True),
    BoardWiring("right", "lockboard-8a", "bus", 2, 12, invert=True),
]


@pytest.mark.parametrize("boards", [BOARDS, INVERTED], ids=["usual", "inverted"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
async def test_opened(boards: list[BoardWiring], settings: dict[str, Any]) -> None:
    async with settled(boards=boards, **settings) as scene:
        unlocked = await scene.bank.open_slot("5")
        assert unlocked.outcome is Outcome.OPENED
        assert unlocked.pulsed
        assert unlocked.elapsed_s is not None
        assert scene.bank.door("5") is DoorState.OPEN
        scene.steel.close("5")
        await asyncio.sleep(3)
        assert scene.bank.door("5") is DoorState.CLOSED
        assert scene.edges() == [("5", DoorState.OPEN), ("5", DoorState.CLOSED)]
        assert all(change.pulsed_before_s is not None for change in scene.door_changes()[24:])
        assert scene.steel.doors["5"].pulses == 1


async def test_an_echo_that_looks_like_success_is_no_open_door() -> None:
    """With contacts shorted while open, a good answer and an echo of the request are the same."""

    async with settled(boards=INVERTED) as scene:
        scene.line.echoes = True
        scene.steel.jam("5")
        assert await scene.bank.open_slot("5") == Unlocked(Outcome.JAMMED, pulsed=True)


async def test_already_open() -> None:
    async with settled() as scene:
        scene.steel.open_by_force("7")
        await asyncio.sleep(1)
        assert await scene.bank.open_slot("7") == Unlocked(Outcome.ALREADY_OPEN, pulsed=False)
        assert scene.steel.doors["7"].pulses == 0


async def test_already_open_is_seen_by_a_fresh_reading() -> None:
    """A door that opened after the last poll is not pulsed for want of a newer reading."""

    async with settled() as scene:
        await asyncio.sleep(1)
        scene.steel.open_by_force("7")
        assert await scene.bank.read("7") is DoorState.OPEN
        assert (await scene.bank.open_slot("7")).outcome is Outcome.ALREADY_OPEN


async def test_a_door_that_opened_since_the_last_poll_is_not_pulsed() -> None:
    async with settled(bus_timing=BusTiming(idle_poll_s=30.0)) as scene:
        await asyncio.sleep(1)
        scene.steel.open_by_force("7")
        assert (await scene.bank.open_slot("7")).outcome is Outcome.ALREADY_OPEN
        assert scene.steel.doors["7"].pulses == 0


async def test_one_odd_reading_is_no_edge() -> None:
    async with settled() as scene:
        odd: list[bytes] = []

        def odd_once(frame: bytes) -> Deliveries:
            if odd:
                return ((0.0, frame),)
            odd.append(frame[:4] + bytes([frame[4] ^ 2, frame[5], frame[6] ^ 2]))
            return ((0.0, odd[0]),)

        scene.line.distort = odd_once
        await asyncio.sleep(5)
        assert odd
        assert scene.edges() == []
        assert scene.bank.reports()[0].checksum_errors == 0


async def test_a_board_that_comes_back_with_an_open_door_is_no_wrong_door() -> None:
    async with settled() as scene:
        scene.site.boards["right"].is_silent = True
        await asyncio.sleep(8)
        scene.steel.open_by_force("20")
        scene.steel.jam("5")
        opening = asyncio.ensure_future(scene.bank.open_slot("5"))
        await asyncio.sleep(1)
        scene.site.boards["right"].is_silent = False
        assert await scene.bank.read("20") is DoorState.OPEN
        assert await opening == Unlocked(Outcome.JAMMED, pulsed=True)


async def test_a_stopped_bank_opens_nothing_and_answers() -> None:
    async with settled() as scene:
        await scene.bank.stop()
        assert await scene.bank.read("5") is DoorState.UNKNOWN
        assert await scene.bank.open_slot("5") == Unlocked(Outcome.UNREACHABLE, pulsed=False)


async def test_jammed_and_late() -> None:
    async with settled() as scene:
        scene.steel.jam("3")
        assert await scene.bank.open_slot("3") == Unlocked(Outcome.JAMMED, pulsed=True)
        assert scene.bank.reachable("3")
        await asyncio.sleep(60)
        assert scene.steel.doors["3"].pulses == 1
        scene.steel.open_by_force("3")
        await asyncio.sleep(1)
        late = scene.door_changes()[-1]
        assert late.slot == "3"
        assert late.pulsed_before_s is not None


async def test_a_dead_sensor_reads_as_a_jam_and_hides_nothing_else() -> None:
    async with settled() as scene:
        scene.steel.doors["3"].stuck_sensor = False
        assert (await scene.bank.open_slot("3")).outcome is Outcome.JAMMED
        assert (await scene.bank.open_slot("4")).outcome is Outcome.OPENED


@pytest.mark.parametrize("other", ["6", "18"], ids=["same board", "other board"])
async def test_wrong_door(other: str) -> None:
    async with settled() as scene:
        scene.steel.swap("5", other)
        unlocked = await scene.bank.open_slot("5")
        assert unlocked == Unlocked(Outcome.WRONG_DOOR, pulsed=True, wrong_slot=other)
        assert asyncio.get_running_loop().time() < 3.0


async def test_a_door_that_was_forced_just_before_the_pulse_is_no_wrong_door() -> None:
    async with settled() as scene:
        await asyncio.sleep(1)
        scene.steel.open_by_force("9")
        await scene.bank._read_board("left")
        assert scene.bank.door("9") is DoorState.CLOSED
        assert (await scene.bank.open_slot("5")).outcome is Outcome.OPENED
        assert ("9", DoorState.OPEN) in scene.edges()


async def test_a_forced_door_is_reported_without_a_pulse() -> None:
    async with settled() as scene:
        scene.steel.open_by_force("9")
        await asyncio.sleep(1)
        change = scene.door_changes()[-1]
        assert (change.slot, change.before, change.now) == ("9", DoorState.CLOSED, DoorState.OPEN)
        assert change.pulsed_before_s is None
        assert not change.baseline


async def test_a_pulse_is_forgotten_when_the_door_shuts() -> None:
    async with settled() as scene:
        await scene.bank.open_slot("9")
        scene.steel.close("9")
        await asyncio.sleep(2)
        scene.steel.open_by_force("9")
        await asyncio.sleep(1)
        assert scene.door_changes()[-1].pulsed_before_s is None


async def test_the_first_reading_is_a_baseline() -> None:
    async with settled(prepare=lambda scene: scene.steel.open_by_force("4")) as scene:
        assert scene.bank.door("4") is DoorState.OPEN
        changes = scene.door_changes()
        assert len(changes) == 24
        assert all(each.baseline and each.before is DoorState.UNKNOWN for each in changes)
        assert scene.edges() == []


async def test_a_door_that_opened_while_the_board_was_away_is_a_baseline() -> None:
    async with settled() as scene:
        scene.line.is_plugged = False
        await asyncio.sleep(1)
        assert scene.bank.door("4") is DoorState.UNKNOWN
        assert not scene.bank.reachable("4")
        await asyncio.sleep(30)
        scene.steel.open_by_force("4")
        scene.line.is_plugged = True
        await asyncio.sleep(2)
        assert scene.bank.door("4") is DoorState.OPEN
        assert scene.edges() == []
        both = [("left", True), ("right", True)]
        away = [("left", False), ("right", False)]
        assert scene.board_changes() == both + away + both
        assert (await scene.bank.open_slot("5")).outcome is Outcome.OPENED


async def test_unreachable_before_the_pulse() -> None:
    async with settled() as scene:
        scene.line.is_plugged = False
        await asyncio.sleep(0.5)
        assert await scene.bank.open_slot("5") == Unlocked(Outcome.UNREACHABLE, pulsed=False)
        assert await scene.bank.read("5") is DoorState.UNKNOWN
        scene.line.is_plugged = True
        await asyncio.sleep(30)
        assert scene.steel.doors["5"].pulses == 0


async def test_unreachable_after_the_pulse() -> None:
    async with settled() as scene:
        scene.steel.jam("5")
        opening = asyncio.ensure_future(scene.bank.open_slot("5"))
        await asyncio.sleep(0.5)
        scene.line.is_plugged = False
        assert await opening == Unlocked(Outcome.UNREACHABLE, pulsed=True)
        scene.line.is_plugged = True
        await asyncio.sleep(30)
        assert scene.steel.doors["5"].pulses == 1


async def test_a_board_that_falls_silent_after_the_pulse_is_no_jam() -> None:
    async with settled() as scene:
        scene.steel.jam("5")
        opening = asyncio.ensure_future(scene.bank.open_slot("5"))
        await asyncio.sleep(0.3)
        scene.site.boards["left"].is_silent = True
        assert await opening == Unlocked(Outcome.UNREACHABLE, pulsed=True)
        assert (await scene.bank.open_slot("20")).outcome is Outcome.OPENED


async def test_a_window_that_ends_in_silence_is_no_jam() -> None:
    """The board fell silent too late to be reported as lost, too early to have seen the door."""

    async with settled() as scene:
        scene.steel.jam("5")
        opening = asyncio.ensure_future(scene.bank.open_slot("5"))
        await asyncio.sleep(8.35)
        scene.site.boards["left"].is_silent = True
        assert await opening == Unlocked(Outcome.UNREACHABLE, pulsed=True)
        assert ("left", False) not in scene.board_changes()


async def test_a_silent_board_is_found_by_whoever_asks_for_a_door() -> None:
    async with settled() as scene:
        scene.site.boards["right"].is_silent = True
        await asyncio.sleep(120)
        assert (await scene.bank.open_slot("20")).outcome is Outcome.UNREACHABLE
        scene.site.boards["right"].is_silent = False
        assert (await scene.bank.open_slot("20")).outcome is Outcome.OPENED


async def test_two_who_ask_for_one_door_get_one_pulse() -> None:
    async with settled() as scene:
        first, second = await asyncio.gather(scene.bank.open_slot("5"), scene.bank.open_slot("5"))
        assert first == second
        assert scene.steel.doors["5"].pulses == 1


async def test_doors_opened_together_are_nobodys_wrong_door() -> None:
    async with settled() as scene:
        slots = ["1", "2", "13", "24"]
        results = await asyncio.gather(*map(scene.bank.open_slot, slots))
        assert [result.outcome for result in results] == [Outcome.OPENED] * 4


async def test_an_opening_given_up_before_the_pulse_pulses_nothing() -> None:
    """The line is taken by a question to a silent board, so the pulse has to wait its turn."""

    async with settled() as scene:
        scene.site.boards["right"].is_silent = True
        asking = asyncio.ensure_future(scene.bank.read("20"))
        await asyncio.sleep(0.1)
        opening = asyncio.ensure_future(scene.bank.open_slot("5"))
        await asyncio.sleep(0.01)
        assert not asking.done()
        assert scene.steel.doors["5"].pulses == 0
        opening.cancel()
        await asyncio.sleep(5)
        assert opening.cancelled()
        assert scene.steel.doors["5"].pulses == 0
        assert (await scene.bank.open_slot("5")).outcome is Outcome.OPENED
        assert scene.steel.doors["5"].pulses == 1


async def test_sensors_that_flap_do_not_fill_the_line() -> None:
    async with settled() as scene:
        one, other = scene.steel.doors["2"], scene.steel.doors["4"]
        one.stuck_sensor, other.stuck_sensor = True, False
        frames_before = len(scene.line.heard)

        def flap(frame: bytes) -> Deliveries:
            if frame[1] == 1:
                one.stuck_sensor, other.stuck_sensor = other.stuck_sensor, one.stuck_sensor
            return ((0.0, frame),)

        scene.line.distort = flap
        await asyncio.sleep(10)
        # Both boards five times a second, and one more look for each of the left one's.
        assert len(scene.line.heard) - frames_before < 160
        assert (await scene.bank.open_slot("3")).outcome is Outcome.OPENED


async def test_one_failing_listener_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with settled() as scene:
        reported: list[DoorChange | BoardChange] = []

        def fail(change: object) -> None:
            raise ValueError("no")

        scene.bank.listen(fail)
        forget = scene.bank.listen(reported.append)
        assert (await scene.bank.open_slot("5")).outcome is Outcome.OPENED
        assert [isinstance(change, DoorChange) and change.slot for change in reported] == ["5"]
        assert "a listener failed" in caplog.text
        forget()
        scene.steel.close("5")
        await asyncio.sleep(1)
        assert len(reported) == 1


async def test_reports_tell_how_each_board_is_doing() -> None:
    async with settled() as scene:
        left, right = scene.bank.reports()
        assert (left.board, left.family, left.port, left.address) == (
            "left",
            "lockboard-8a",
            "bus",
            1,
        )
        assert left.reachable
        assert right.frames_sent == right.frames_received > 0


async def three_openings() -> list[DoorChange | BoardChange]:
    async with settled() as scene:
        for slot in ("1", "15", "7"):
            await scene.bank.open_slot(slot)
            scene.steel.close(slot)
            await asyncio.sleep(2)
    return scene.changes


def test_the_same_seed_gives_the_same_trace() -> None:
    assert run_virtually(three_openings()) == run_virtually(three_openings())


@pytest.mark.parametrize(
    ("doors", "message"),
    [
        ([DoorWiring("1", "middle", 1)], "slot 1: there is no board 'middle'"),
        ([DoorWiring("1", "left", 13)], "slot 1: channel 13 is not within 1..12"),
        ([DoorWiring("1", "left", 0)], "slot 1: channel 0 is not within 1..12"),
        ([DoorWiring("1", "left", 1), DoorWiring("2", "left", 1)], "slots 1 and 2 are both"),
    ],
)
def test_wrong_wiring_is_refused(doors: list[DoorWiring], message: str) -> None:
    with pytest.raises(DriverError, match=message):
        check_wiring(BOARDS, doors)


async def test_a_slot_that_is_not_wired_is_named() -> None:
    async with settled() as scene:
        with pytest.raises(DriverError, match="no slot '99' is wired"):
            await scene.bank.open_slot("99")
