"""A location with no mains and a low battery: who has a code still gets theirs out, and nothing is
taken in."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kiosk.flows.events import Entered, LookAgain, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.courier import ScanPackage
from kiosk.flows.views.customer import EnterCode, First
from kiosk.flows.views.shared import DoorOpen, EnterPin
from kiosk.model.power import UNKNOWN, Power, PowerRules
from kiosk.power import NoAnswerError, PowerWatch
from tests.support.flow_site import COURIER_PIN
from tests.support.visits import fresh_kiosk


async def test_with_a_low_battery_there_are_only_pickups(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        power = [Power(is_on_mains=False, is_battery_low=True, battery_percent=30.0)]
        kiosk.kiosk.power = lambda: power[0]
        kiosk.player.do(LookAgain())
        view = await kiosk.player.until(First, lambda view: view.is_battery_low)
        assert view.choices == (Choice.PICK_UP, Choice.SERVICE, Choice.HELP)
        kiosk.player.do(Pressed(Choice.COURIER))
        kiosk.player.do(Pressed(Choice.PICK_UP))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(Pressed(Choice.BACK))
        power[0] = Power(is_on_mains=True, is_battery_low=False)
        await kiosk.player.until(First, lambda view: Choice.COURIER in view.choices)


async def test_a_courier_who_is_there_puts_nothing_in_on_a_low_battery(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await kiosk.announce("EARLY")
        await kiosk.announce("LATE")
        kiosk.player.do(Pressed(Choice.COURIER))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Entered(COURIER_PIN))
        await kiosk.player.until(ScanPackage)
        kiosk.kiosk.power = lambda: Power(is_on_mains=False, is_battery_low=True)
        kiosk.player.do(Scanned("EARLY"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        assert view.refused == Refused(Refusal.BATTERY_LOW)
        assert kiosk.world.pulses == 0
        kiosk.kiosk.power = lambda: Power(is_on_mains=True, is_battery_low=False)
        kiosk.player.do(Scanned("LATE"))
        await kiosk.player.until(DoorOpen)


async def test_a_supply_that_falls_silent_is_unknown_and_no_battery_is_fuller_for_it() -> None:
    said: list[dict[str, str] | Exception] = [{"ups.status": "OB", "battery.charge": "10"}]
    heard: list[Power] = []

    async def ask() -> dict[str, str]:
        if isinstance(said[0], Exception):
            raise said[0]
        return said[0]

    watch = PowerWatch(ask, PowerRules(), heard.append)
    watching = asyncio.create_task(watch.run())
    await asyncio.sleep(1)
    assert watch.power.must_stop
    for silence in (NoAnswerError("away"), RuntimeError("a mistake of ours")):
        said[0] = silence
        await asyncio.sleep(600)
        assert watch.power == Power(None, is_battery_low=True, must_stop=True)
    said[0] = NoAnswerError("away")
    await asyncio.sleep(3600)
    assert watch.power == UNKNOWN, "a computer that runs on all the while has mains"
    said[0] = {"ups.status": "OL", "battery.charge": "90"}
    await asyncio.sleep(6)
    assert [power.is_on_mains for power in heard] == [False, None, None, True]
    watching.cancel()
