"""Doors that cannot be seen or not believed: no sensors, dead ones, late openings, other ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest

from drivers.bank import BankTiming
from drivers.door import BoardChange, DoorChange, DoorState, OpeningCause, Outcome, Unlocked
from drivers.port import device_of
from drivers.simulator.virtual import VirtualSite, virtual_site
from drivers.wiring import BoardWiring, DoorWiring

BOARD = BoardWiring("left", "lockboard-8a", "bus", 1, 12)
BLIND = replace(BOARD, has_door_sensors=False)
T = TypeVar("T")
Reported = list[DoorChange | BoardChange]

DOORS = [DoorWiring(str(number), "left", number) for number in range(1, 13)]


@asynccontextmanager
async def settled(
    board: BoardWiring = BOARD, **settings: Any
) -> AsyncIterator[tuple[VirtualSite, Reported]]:
    """A settled bank, which is stopped afterwards: the site and what was reported."""
    site = virtual_site([board], DOORS, Random(3), **settings)
    reported: Reported = []
    site.bank.listen(reported.append)
    await site.bank.start()
    await site.bank.settled()
    yield site, reported
    await site.bank.stop()


def openings(reported: Reported) -> list[tuple[str, OpeningCause | None]]:
    return [
        (each.slot, each.opening)
        for each in reported
        if isinstance(each, DoorChange) and each.now is DoorState.OPEN
    ]


async def test_a_board_without_sensors_can_only_say_that_the_pulse_was_sent() -> None:
    async with settled(BLIND) as (site, reported):
        assert not site.bank.has_sensor("5")
        assert await site.bank.open_slot("5") == Unlocked(Outcome.SENT, pulsed=True)
        await asyncio.sleep(1)
        assert site.steel.doors["5"].is_open
        assert site.bank.door("5") is DoorState.UNKNOWN
        assert await site.bank.read("5") is DoorState.UNKNOWN
        assert not [each for each in reported if isinstance(each, DoorChange)]
        # Nothing says that it is open, so it may be pulsed again when somebody asks for it.
        assert (await site.bank.open_slot("5")).outcome is Outcome.SENT


async def test_a_board_without_sensors_that_is_silent_gets_no_pulse() -> None:
    async with settled(BLIND) as (site, _):
        site.boards["left"].is_silent = True
        assert await site.bank.open_slot("5") == Unlocked(Outcome.UNREACHABLE, pulsed=False)
        site.boards["left"].is_silent = False
        await asyncio.sleep(90)
        assert site.steel.doors["5"].pulses == 0


async def test_a_sensor_stuck_at_open_does_not_keep_a_package_in() -> None:
    async with settled() as (site, _):
        site.steel.doors["5"].stuck_sensor = True
        await asyncio.sleep(1)
        assert (await site.bank.open_slot("5")).outcome is Outcome.ALREADY_OPEN
        assert site.steel.doors["5"].pulses == 0
        assert await site.bank.open_slot("5", force=True) == Unlocked(Outcome.SENT, pulsed=True)
        assert site.steel.doors["5"].pulses == 1
        await asyncio.sleep(1)
        assert site.steel.doors["5"].is_open


async def test_force_on_a_door_that_reads_shut_is_an_ordinary_opening() -> None:
    async with settled() as (site, _):
        assert (await site.bank.open_slot("5", force=True)).outcome is Outcome.OPENED
        site.steel.jam("6")
        assert (await site.bank.open_slot("6", force=True)).outcome is Outcome.JAMMED


async def test_force_does_not_reach_a_board_that_is_away() -> None:
    async with settled() as (site, _):
        site.lines["bus"].is_plugged = False
        assert await site.bank.open_slot("5", force=True) == Unlocked(
            Outcome.UNREACHABLE, pulsed=False
        )


async def test_why_a_door_opened_is_reported() -> None:
    async with settled() as (site, reported):
        await site.bank.open_slot("1")
        site.steel.jam("2")
        await site.bank.open_slot("2")
        await asyncio.sleep(500)
        site.steel.open_by_force("2")
        site.steel.open_by_force("3")
        site.steel.jam("4")
        await site.bank.open_slot("4")
        await asyncio.sleep(700)
        site.steel.open_by_force("4")
        await asyncio.sleep(1)
        assert openings(reported) == [
            ("1", OpeningCause.PULSED),
            ("2", OpeningCause.LATE),
            ("3", OpeningCause.UNASKED),
            ("4", OpeningCause.UNASKED),
        ]


async def test_a_late_opening_is_late_only_once() -> None:
    """Shut after its late opening, the door has no pulse left that could explain the next."""

    async with settled() as (site, reported):
        site.steel.jam("2")
        await site.bank.open_slot("2")
        for _ in range(2):
            site.steel.open_by_force("2")
            await asyncio.sleep(2)
            site.steel.close("2")
            await asyncio.sleep(20)
        assert openings(reported) == [("2", OpeningCause.LATE), ("2", OpeningCause.UNASKED)]


@pytest.mark.parametrize("window_s", [2.0, 10.0])
async def test_the_window_is_as_long_as_the_site_wants(window_s: float) -> None:
    async with settled(timing=BankTiming(window_s=window_s)) as (site, _):
        site.steel.jam("5")
        before_s = asyncio.get_running_loop().time()
        assert (await site.bank.open_slot("5")).outcome is Outcome.JAMMED
        took_s = asyncio.get_running_loop().time() - before_s
        assert took_s == pytest.approx(window_s, abs=0.5)


async def test_a_board_that_comes_back_at_another_place_is_reported() -> None:
    """Within a moment, so that it was never reported to be away."""
    place = ["usb 1-1"]
    async with settled(find_device=lambda port: place[0]) as (site, reported):
        for plugged_into in ("usb 1-1", "usb 1-2"):
            site.lines["bus"].is_plugged = False
            await asyncio.sleep(0.3)
            place[0] = plugged_into
            site.lines["bus"].is_plugged = True
            await asyncio.sleep(3)
        boards = [each for each in reported if isinstance(each, BoardChange)]
        back = [(each.reachable, each.device) for each in boards if each.reachable]
        assert back == [(True, "usb 1-1"), (True, "usb 1-2")]


def test_an_adapter_is_known_by_where_it_is_plugged_in(tmp_path: Path) -> None:
    """Not by its number: the same socket under another number is the same place."""
    ttys, devices = tmp_path / "class", tmp_path / "devices"
    for number, socket in ((0, "1-1"), (1, "1-2"), (2, "1-1")):
        device = devices / socket / f"ttyUSB{number}"
        device.mkdir(parents=True)
        (ttys / f"ttyUSB{number}").mkdir(parents=True)
        (ttys / f"ttyUSB{number}" / "device").symlink_to(device)
    (ttys / "ttyS0").mkdir()
    (ttys / "ttyS0" / "device").symlink_to(devices)
    by_id = tmp_path / "usb-adapter"
    by_id.symlink_to("/dev/ttyUSB2")
    found = device_of("/dev/ttyUSB0", ttys)
    assert found == str(devices / "1-1")
    assert device_of(str(by_id), ttys) == found
    assert device_of("/dev/ttyUSB1", ttys) == str(devices / "1-2")
    assert device_of("/dev/ttyS0", ttys) == str(devices)
    assert device_of("/dev/pts/7", ttys) == "/dev/pts/7"
    assert device_of("socket://10.0.0.9:4001", ttys) == "socket://10.0.0.9:4001"
