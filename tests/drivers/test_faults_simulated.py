"""The simulator's faults: what each does to the bytes, how it is commanded, and that it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from config import DEMO_SITE
from drivers.door import BoardChange, DoorChange, DoorState, Outcome, Unlocked
from drivers.simulator.commands import (
    USAGE,
    Bounce,
    Command,
    CommandError,
    Heal,
    Power,
    Spoil,
    parse_command,
)
from drivers.simulator.faults import CALLS_FOR, Fault
from drivers.simulator.virtual import VirtualSite, virtual_site
from drivers.wiring import BoardWiring, DoorWiring
from tests.support.simulator_process import SimulatorProcess

Reported = list[DoorChange | BoardChange]

FAMILIES = {
    "lockboard-8a": (1, 12),
    "kerong-cu16": (1, 12),
    "kerong-cu48": (1, 12),
    "kerong-cu48b": (1, 12),
    "dingchang-dc": (1, 12),
    "modbus-waveshare": (1, 12),
    "modbus-xunming": (1, 12),
}
DOORS = [DoorWiring(str(number), "board", number) for number in range(1, 13)]


@asynccontextmanager
async def settled(family: str) -> AsyncIterator[tuple[VirtualSite, Reported]]:
    """A settled bank of a family, which is stopped afterwards: the site and what was reported."""
    address, channels = FAMILIES[family]
    site = virtual_site([BoardWiring("board", family, "bus", address, channels)], DOORS, Random(5))
    site.lines["bus"].keeps_record = True
    reported: Reported = []
    site.bank.listen(reported.append)
    await site.bank.start()
    await site.bank.settled()
    assert site.bank.reachable("1")
    yield site, reported
    await site.bank.stop()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "fault", [Fault.SILENT, Fault.SLOW, Fault.GARBLED, Fault.CUT, Fault.OTHER_ADDRESS]
)
async def test_a_board_that_never_answers_right_is_away_until_it_does(
    family: str, fault: Fault
) -> None:
    async with settled(family) as (site, _):
        board = site.boards["board"]
        board.faults.set(fault, 1.0)
        await asyncio.sleep(0.5)
        opening = await site.bank.open_slot("5")
        if fault is not Fault.SLOW:
            # Nothing is pulsed at a door that could not be read before. (One that answers only a
            # little late may still be read.)
            assert opening == Unlocked(Outcome.UNREACHABLE, pulsed=False)
            assert site.steel.doors["5"].pulses == 0
        await asyncio.sleep(10)
        board.faults.clear()
        await asyncio.sleep(130)
        assert site.bank.reachable("6")
        assert (await site.bank.open_slot("6")).outcome is Outcome.OPENED
        assert site.steel.doors["6"].pulses == 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fault", list(Fault))
async def test_a_fault_now_and_then_is_hardly_felt(family: str, fault: Fault) -> None:
    async with settled(family) as (site, reported):
        site.boards["board"].faults.set(fault, 0.05)
        for number in range(1, 9):
            opening = await site.bank.open_slot(str(number))
            if opening.outcome is not Outcome.OPENED:
                # The frame of the unlock itself was not heard.
                assert fault is Fault.SILENT
                assert not site.steel.doors[str(number)].is_open
            site.steel.close(str(number))
            await asyncio.sleep(2)
        opened = [each.slot for each in reported if isinstance(each, DoorChange)]
        assert len(opened) >= 12 + 2 * 7


async def test_a_bouncing_sensor_is_one_edge() -> None:
    async with settled("lockboard-8a") as (site, reported):
        for _ in range(20):
            site.steel.doors["3"].has_bouncing_sensor = True
            reported.clear()
            assert (await site.bank.open_slot("3")).outcome is Outcome.OPENED
            await asyncio.sleep(1)
            site.steel.close("3")
            await asyncio.sleep(3)
            last = reported[-1]
            assert isinstance(last, DoorChange) and last.now is DoorState.CLOSED
        # All of its moves are known to be at rest.
        assert site.bank.door("3") is DoorState.CLOSED


async def test_without_power_no_board_hears_and_afterwards_all_is_as_before() -> None:
    async with settled("lockboard-8a") as (site, _):
        site.steel.cut_power(20.0)
        await asyncio.sleep(0.5)
        assert await site.bank.open_slot("5") == Unlocked(Outcome.UNREACHABLE, pulsed=False)
        await asyncio.sleep(90)
        assert (await site.bank.open_slot("5")).outcome is Outcome.OPENED
        assert site.steel.doors["5"].pulses == 1


async def test_a_second_power_cut_is_not_ended_by_the_end_of_the_first() -> None:
    async with settled("lockboard-8a") as (site, _):
        site.steel.cut_power(10.0)
        await asyncio.sleep(5)
        site.steel.cut_power()
        await asyncio.sleep(60)
        assert not site.steel.has_power
        site.steel.restore_power()
        await asyncio.sleep(70)
        assert (await site.bank.open_slot("5")).outcome is Outcome.OPENED


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("fault left garbled 0.05", Spoil("left", Fault.GARBLED, 0.05)),
        ("fault * other-address", Spoil("*", Fault.OTHER_ADDRESS, 1.0)),
        ("fault left none", Heal("left")),
        ("sensor 7 bounces", Bounce("7")),
        ("power off 20", Power(is_on=False, back_after_s=20.0)),
        ("power off", Power(is_on=False)),
        ("power on", Power(is_on=True)),
    ],
)
def test_faults_can_be_commanded(line: str, command: Command) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("fault left sleepy", "'sleepy' is no fault; there are silent, slow"),
        ("fault left cut 2", "'2' is no probability within 0..1"),
        ("fault left cut often", "'often' is no probability"),
        ("power off never", "'never' is no number of seconds"),
        ("power on 3", "write power on"),
    ],
)
def test_a_fault_that_is_none_is_named(line: str, reported: str) -> None:
    with pytest.raises(CommandError, match=reported):
        parse_command(line)


def test_every_fault_is_in_the_help_and_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "drivers/simulator/README.md").read_text()
    for fault in Fault:
        assert fault.value in USAGE
        assert f"fault BOARD {fault.value}" in readme
        assert CALLS_FOR[fault]


def test_faults_are_settings_and_live_commands_of_the_process(tmp_path: Path) -> None:
    with SimulatorProcess(
        DEMO_SITE, tmp_path, "--do", "fault left garbled 0.5", "--do", "power off 3"
    ) as simulator:
        assert simulator.wait_for("fault", board="left")["probability"] == 0.5
        assert simulator.wait_for("power")["on"] is False
        simulator.tell("fault * none")
        simulator.wait_for("fault", board="*")
        simulator.tell("fault middle cut")
        assert "there is no board 'middle'" in simulator.wait_for("error")["message"]
