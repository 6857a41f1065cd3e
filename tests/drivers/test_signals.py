"""Lights and buzzers: on while a door of their locker is open, off otherwise, never on a lock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from drivers.boards import FAMILIES
from drivers.door import DriverError, Outcome
from drivers.frames import FrameError
from drivers.signals import Signals
from drivers.simulator.boards.modbus_waveshare import SimulatedWaveshare
from drivers.simulator.faults import Fault
from drivers.simulator.virtual import VirtualSite, virtual_site
from drivers.wiring import BoardWiring, DoorWiring, SignalWiring

BOARDS = [
    BoardWiring("relays", "modbus-waveshare", "bus", 1, 8),
    BoardWiring("locks", "lockboard-8a", "bus", 2, 8),
]
DOORS = [
    *(DoorWiring(f"a{channel}", "relays", channel) for channel in range(1, 7)),
    *(DoorWiring(f"b{channel}", "locks", channel) for channel in range(1, 7)),
]
LEFT = SignalWiring("relays", 7, frozenset({"a1", "a2", "a3"}))
RIGHT = SignalWiring("relays", 8, frozenset({"b1", "b2", "b3"}))


@asynccontextmanager
async def with_signals() -> AsyncIterator[tuple[VirtualSite, SimulatedWaveshare, Signals]]:
    """A settled bank with two signals at work; nothing is held when they have stopped."""
    site = virtual_site(BOARDS, DOORS, Random(2))
    relays = site.boards["relays"]
    assert isinstance(relays, SimulatedWaveshare)
    signals = Signals(site.bank, [LEFT, RIGHT])
    signals.start()
    await site.bank.start()
    await site.bank.settled()
    yield site, relays, signals
    await signals.stop()
    await site.bank.stop()
    assert relays.held == frozenset()


async def test_a_light_is_on_from_the_opening_until_the_door_is_shut() -> None:
    async with with_signals() as (site, relays, _):
        assert (await site.bank.open_slot("a2")).outcome is Outcome.OPENED
        await asyncio.sleep(0.5)
        assert relays.held == {7}
        assert (await site.bank.open_slot("b1")).outcome is Outcome.OPENED
        await asyncio.sleep(0.5)
        assert relays.held == {7, 8}
        site.steel.close("a2")
        await asyncio.sleep(2)
        assert relays.held == {8}
        site.steel.open_by_force("a5")
        await asyncio.sleep(2)
        assert relays.held == {8}


async def test_two_open_doors_keep_it_on_until_both_are_shut() -> None:
    async with with_signals() as (site, relays, _):
        for slot in ("a1", "a3"):
            await site.bank.open_slot(slot)
        site.steel.close("a1")
        await asyncio.sleep(2)
        assert relays.held == {7}
        site.steel.close("a3")
        await asyncio.sleep(2)
        assert relays.held == frozenset()


async def test_what_was_left_on_is_off_after_the_start() -> None:
    site = virtual_site(BOARDS, DOORS, Random(2))
    relays = site.boards["relays"]
    assert isinstance(relays, SimulatedWaveshare)
    relays._held.update({7, 8})
    signals = Signals(site.bank, [LEFT, RIGHT])
    signals.start()
    await site.bank.start()
    await site.bank.settled()
    await asyncio.sleep(1)
    assert relays.held == frozenset()
    await signals.stop()
    await site.bank.stop()


async def test_it_is_off_at_the_end_although_a_door_is_open() -> None:
    async with with_signals() as (site, relays, _):
        await site.bank.open_slot("a2")
        await asyncio.sleep(1)
        assert relays.held == {7}


async def test_an_order_that_got_lost_is_given_again() -> None:
    async with with_signals() as (site, relays, _):
        site.boards["relays"].faults.set(Fault.SILENT, 0.6)
        site.steel.open_by_force("b1")
        await asyncio.sleep(60)
        site.boards["relays"].faults.clear()
        await asyncio.sleep(130)
        assert relays.held == {8}


async def test_after_a_power_cut_it_is_as_the_doors_are() -> None:
    async with with_signals() as (site, relays, _):
        await site.bank.open_slot("b2")
        site.steel.cut_power(20.0)
        await asyncio.sleep(10)
        relays._held.clear()
        await asyncio.sleep(120)
        assert relays.held == {8}


async def test_signals_end_without_their_board() -> None:
    async with with_signals() as (site, relays, signals):
        await site.bank.open_slot("a2")
        await asyncio.sleep(1)
        site.lines["bus"].is_plugged = False
        before_s = asyncio.get_running_loop().time()
        await signals.stop()
        assert asyncio.get_running_loop().time() - before_s < 10
        relays._held.clear()


async def test_a_lock_is_never_held() -> None:
    async with with_signals() as (site, _, _):
        with pytest.raises(DriverError, match="output 3 of board relays is the lock of slot a3"):
            await site.bank.set_output("relays", 3, True)
        with pytest.raises(FrameError, match="outputs of a lockboard-8a cannot be held on"):
            await site.bank.set_output("locks", 7, True)
        with pytest.raises(FrameError, match="lock 9 is not on this board"):
            await site.bank.set_output("relays", 9, True)
        with pytest.raises(DriverError, match="there is no board 'lights'"):
            await site.bank.set_output("lights", 1, True)
        assert sum(door.pulses for door in site.steel.doors.values()) == 0


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_says_whether_its_outputs_can_be_held(name: str) -> None:
    family = FAMILIES[name]
    board = family(family.addresses[1], family.channel_counts[-1])
    for is_on in (True, False):
        if family.holds_outputs:
            assert board.output_request(1, is_on) != board.unlock_request(1)
        else:
            with pytest.raises(FrameError):
                board.output_request(1, is_on)
