"""What the simulation found, each as the shortest story that shows it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kiosk.demo.player import deposit
from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Refusal
from kiosk.flows.views.courier import ChooseSize, ScanPackage
from kiosk.flows.views.customer import First, Thanks
from kiosk.flows.views.service import DoorPage, Doors
from kiosk.flows.views.shared import Answer, Ask, DoorOpen, EnterPin, Trouble
from kiosk.model.location import SlotStatus, SuspectReason
from kiosk.model.pickup_code import qr_text
from kiosk.store import departures, slots
from kiosk.store.errors import RefusedError
from tests.support.flow_site import (
    COURIER_PIN,
    TECHNICIAN_PIN,
    Running,
    World,
    require_sound,
    running,
)
from tests.support.stories.people import prove


async def sign_in_courier(kiosk: Running) -> None:
    await kiosk.player.until(First)
    kiosk.player.do(Pressed(Choice.COURIER))
    await kiosk.player.until(EnterPin)
    kiosk.player.do(Entered(COURIER_PIN))
    await kiosk.player.until(ScanPackage)


async def door_page(kiosk: Running, slot: str) -> DoorPage:
    await kiosk.player.until(First)
    kiosk.player.do(Pressed(Choice.SERVICE))
    await kiosk.player.until(EnterPin)
    kiosk.player.do(Entered(TECHNICIAN_PIN))
    await kiosk.player.until(Doors)
    kiosk.player.do(Chosen(slot))
    return await kiosk.player.until(DoorPage)


async def test_an_announcement_that_comes_while_the_courier_chooses_a_size_is_joined(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path)) as kiosk:
        kiosk.site.steel.close_after_s = 3.0
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("P"))
        await kiosk.player.until(ChooseSize)
        announced = await kiosk.announce("P", "S")
        kiosk.player.do(Chosen("M"))
        await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        assert await kiosk.package_status(announced) == "STORED"


async def test_a_package_recalled_while_the_courier_chooses_a_size_is_not_put_in(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path)) as kiosk:
        package = await kiosk.announce("P", None)
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("P"))
        await kiosk.player.until(ChooseSize)
        await kiosk.kiosk.store.run(departures.cancel, package, "recalled")
        kiosk.player.do(Chosen("S"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        assert view.refused is not None
        assert view.refused.reason is Refusal.RECALLED
        assert kiosk.world.pulses == 0


async def test_a_recalled_package_gets_no_new_code_and_the_technician_goes_on(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path)) as kiosk:
        package = await kiosk.announce("P", "S")
        kiosk.site.steel.close_after_s = 3.0
        [slot] = await deposit(kiosk.player, COURIER_PIN, ["P"], scan=None)
        page = await door_page(kiosk, slot)
        assert Choice.REISSUE_CODE in page.choices
        await kiosk.kiosk.store.run(departures.cancel, package, "recalled")
        page = await prove(kiosk, Choice.REISSUE_CODE, DoorPage)
        assert page.last_outcome == "NOT_TO_BE_FETCHED"
        await prove(kiosk, Choice.OPEN_DOOR, DoorOpen)


async def test_a_package_in_hands_is_not_recalled_from_behind_an_open_door(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        package = await kiosk.announce("P", "S")
        kiosk.site.steel.close_after_s = 3.0
        [slot] = await deposit(kiosk.player, COURIER_PIN, ["P"], scan=None)
        kiosk.site.steel.close_after_s = None
        await kiosk.player.until(First)
        kiosk.player.do(Scanned(qr_text("demo", await kiosk.code_of("P"))))
        await kiosk.player.until(DoorOpen)
        with pytest.raises(RefusedError, match="door"):
            await kiosk.kiosk.store.run(departures.cancel, package, "recalled")
        await asyncio.sleep(3)
        kiosk.site.steel.close(slot)
        await kiosk.player.until(Thanks)
        assert await kiosk.package_status(package) == "RETRIEVED"


async def test_a_package_recalled_between_two_tries_at_a_jammed_door_stays_inside(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path)) as kiosk:
        package = await kiosk.announce("P", "S")
        kiosk.site.steel.close_after_s = 3.0
        [slot] = await deposit(kiosk.player, COURIER_PIN, ["P"], scan=None)
        kiosk.site.steel.jam(slot)
        await kiosk.player.until(First)
        kiosk.player.do(Scanned(qr_text("demo", await kiosk.code_of("P"))))
        await kiosk.player.until(Trouble)
        await kiosk.kiosk.store.run(departures.cancel, package, "recalled")
        kiosk.site.steel.unjam(slot)
        pulses = kiosk.world.pulses
        kiosk.player.do(Pressed(Choice.TRY_AGAIN))
        answer = await kiosk.player.until(Answer)
        assert answer.refused is not None
        assert answer.refused.reason is Refusal.RECALLED
        assert kiosk.world.pulses == pulses


async def test_a_move_that_opened_no_door_leaves_nothing_unknown(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        await kiosk.announce("P", "S")
        kiosk.site.steel.close_after_s = 3.0
        [slot] = await deposit(kiosk.player, COURIER_PIN, ["P"], scan=None)
        await door_page(kiosk, slot)
        for line in kiosk.site.lines.values():
            line.is_plugged = False
        await prove(kiosk, Choice.MOVE_PACKAGE, DoorPage)
        states = await kiosk.kiosk.store.run(
            lambda writer: writer.all("SELECT state FROM intent WHERE purpose = 'MOVE'")
        )
        assert [row["state"] for row in states] == ["FAILED", "FAILED"]
        require_sound(kiosk.kiosk.store)


async def test_a_deposit_may_be_undone_when_its_slot_came_into_doubt(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        kiosk.site.steel.close_after_s = 3.0
        package = await kiosk.announce("P", "S")
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("P"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        assert view.stored is not None
        slot = view.stored.slot
        await kiosk.kiosk.store.run(
            slots.mark_suspect, slot, SuspectReason.MAY_BE_EMPTY, "it was open unasked"
        )
        kiosk.player.do(Pressed(Choice.UNDO_LAST))
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        await kiosk.player.until(ScanPackage, lambda view: view.undone)
        assert await kiosk.package_status(package) == "PENDING"
        assert (await kiosk.slot(slot)).status is SlotStatus.EMPTY


async def test_a_slot_that_came_into_doubt_in_mid_deposit_stays_in_doubt(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        await kiosk.announce("P", "S")
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("P"))
        slot = (await kiosk.player.until(DoorOpen)).slot
        await kiosk.kiosk.store.run(
            slots.mark_suspect, slot, SuspectReason.WIRING, "another pulse moved it"
        )
        kiosk.player.do(Pressed(Choice.CANCEL))
        await asyncio.sleep(1)
        kiosk.site.steel.close(slot)
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        await kiosk.player.until(ScanPackage)
        assert (await kiosk.slot(slot)).suspect is SuspectReason.WIRING
