"""Doors that no sensor sees, or of which one says what is not so: the person is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.flows.context import Policy
from kiosk.flows.events import Chosen, Entered, Preference, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Problem, Question
from kiosk.flows.views.courier import Collection as CollectionView
from kiosk.flows.views.courier import Receipt, ScanPackage
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.service import DoorPage, Doors
from kiosk.flows.views.shared import Ask, DoorOpen, EnterPin, Trouble
from kiosk.model.clock import HOUR_MS
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.pickup_code import delegate_code
from kiosk.store import delegates, packages
from tests.support.flow_site import (
    BOARDS,
    COURIER_PIN,
    LOCATION_KEY,
    TECHNICIAN_PIN,
    Place,
    Running,
    World,
    require_sound,
    running,
)
from tests.support.stories.people import press
from tests.support.virtual_loop import run_virtually

BLIND = Place(boards=tuple(replace(board, has_door_sensors=False) for board in BOARDS))


@asynccontextmanager
async def fresh_kiosk(
    folder: Path, place: Place = BLIND, policy: Policy | None = None
) -> AsyncIterator[Running]:
    """A fresh kiosk at its first screen, mostly without sensors; everything agrees afterwards."""
    async with running(World(folder, place=place, policy=policy or Policy())) as kiosk:
        await kiosk.player.until(First)
        yield kiosk
        require_sound(kiosk.kiosk.store)


async def sign_in(kiosk: Running) -> None:
    kiosk.player.do(Pressed(Choice.COURIER))
    await kiosk.player.until(EnterPin)
    kiosk.player.do(Entered(COURIER_PIN))
    await kiosk.player.until(ScanPackage)


async def sign_off(kiosk: Running) -> None:
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(Receipt)
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(First)
    # A door that opens a moment after it was shut has only not latched.
    await asyncio.sleep(10)


async def say_it_opened(kiosk: Running, answer: Choice = Choice.YES) -> str:
    """Answer whether the door opened; its slot."""
    ask = await kiosk.player.until(Ask)
    assert ask.question is Question.DID_THE_DOOR_OPEN
    kiosk.player.do(Pressed(answer))
    return ask.slot


async def stored(kiosk: Running) -> str:
    """A deposit of the package P with the door's state by word; its slot."""
    await sign_in(kiosk)
    await kiosk.announce("P", "S")
    kiosk.player.do(Scanned("P"))
    slot = await say_it_opened(kiosk)
    view = await kiosk.player.until(DoorOpen)
    assert view.slot == slot
    assert view.choices[0] is Choice.DONE
    kiosk.site.steel.close(slot)
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
    await sign_off(kiosk)
    return slot


async def type_code(kiosk: Running, code: str = "") -> None:
    """A customer types a code on the first screen, else that of the package P."""
    code = code or await kiosk.code_of("P")
    kiosk.player.do(Entered(code))
    await kiosk.player.until(EnterCode)
    kiosk.player.do(Entered(code))


async def maintain(kiosk: Running, slot: str) -> None:
    """A technician signs in and chooses a door."""
    kiosk.player.do(Pressed(Choice.SERVICE))
    await kiosk.player.until(EnterPin)
    kiosk.player.do(Entered(TECHNICIAN_PIN))
    await kiosk.player.until(Doors)
    kiosk.player.do(Chosen(slot))
    await kiosk.player.until(DoorPage)


# --- boards without sensors ----------------------------------------------------------------------


async def test_a_deposit_behind_a_door_that_nobody_sees(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        slot = await stored(kiosk)
        assert (await kiosk.slot(slot)).status is SlotStatus.OCCUPIED
        assert kiosk.world.pulses == 1


async def test_a_door_that_is_said_to_be_shut_is_a_jam_for_a_deposit(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await kiosk.announce("P", "S")
        kiosk.player.do(Scanned("P"))
        slot = await say_it_opened(kiosk, Choice.NO)
        trouble = await kiosk.player.until(Trouble)
        assert trouble.problem is Problem.JAMMED
        kiosk.player.do(Pressed(Choice.ANOTHER_SLOT))
        other = await say_it_opened(kiosk)
        assert other != slot
        record = await kiosk.slot(slot)
        assert (record.status, record.service) == (SlotStatus.EMPTY, Service.NO_DEPOSITS)


async def test_a_cancelled_deposit_ends_by_word_too(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await kiosk.announce("P", "S")
        kiosk.player.do(Scanned("P"))
        slot = await say_it_opened(kiosk)
        await kiosk.player.until(DoorOpen)
        kiosk.player.do(Pressed(Choice.CANCEL))
        view = await kiosk.player.until(DoorOpen, lambda view: view.remind)
        assert view.choices == (Choice.DONE,)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        await kiosk.player.until(ScanPackage)
        assert (await kiosk.slot(slot)).status is SlotStatus.EMPTY


@pytest.mark.parametrize("is_trusted", [False, True])
async def test_after_a_pickup_by_word_the_slot_is_free_only_where_the_site_trusts_it(
    tmp_path: Path, is_trusted: bool
) -> None:
    async with fresh_kiosk(tmp_path, policy=Policy(trust_without_sensors=is_trusted)) as kiosk:
        slot = await stored(kiosk)
        package = (await kiosk.slot(slot)).package
        assert package is not None
        await type_code(kiosk)
        await say_it_opened(kiosk)
        await kiosk.player.until(DoorOpen)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(Thanks)
        assert await kiosk.package_status(package) == "RETRIEVED"
        record = await kiosk.slot(slot)
        if is_trusted:
            assert record.status is SlotStatus.EMPTY
        else:
            assert record.suspect is SuspectReason.MAY_HOLD_SOMETHING


async def test_who_only_hears_is_asked_whether_the_door_is_shut(tmp_path: Path) -> None:
    """Enter goes on everywhere else: here it would say that an open door is shut."""
    async with fresh_kiosk(tmp_path, policy=Policy(trust_without_sensors=True)) as kiosk:
        slot = await stored(kiosk)
        kiosk.player.do(Preference(is_access=True))
        await type_code(kiosk)
        assert (await kiosk.player.until(Ask)).question is Question.DOOR_IS_HIGH
        kiosk.player.do(Pressed(Choice.OPEN_DOOR))
        assert await say_it_opened(kiosk) == slot
        await kiosk.player.until(DoorOpen)
        asked = await press(kiosk, Choice.DONE, Ask)
        assert asked.question is Question.IS_IT_SHUT
        await press(kiosk, Choice.NO, DoorOpen)
        assert (await kiosk.slot(slot)).package is not None
        await press(kiosk, Choice.DONE, Ask)
        await press(kiosk, Choice.YES, Thanks)
        assert (await kiosk.slot(slot)).status is SlotStatus.EMPTY


async def test_a_pickup_door_that_is_said_to_be_shut_may_be_tried_again(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        slot = await stored(kiosk)
        pulses = kiosk.world.pulses
        kiosk.site.steel.jam(slot)
        await type_code(kiosk)
        await say_it_opened(kiosk, Choice.NO)
        assert (await kiosk.player.until(Trouble)).problem is Problem.JAMMED
        kiosk.site.steel.unjam(slot)
        kiosk.player.do(Pressed(Choice.TRY_AGAIN))
        await say_it_opened(kiosk)
        await kiosk.player.until(DoorOpen)
        assert kiosk.world.pulses == pulses + 2
        assert (await kiosk.slot(slot)).status is SlotStatus.OCCUPIED


async def test_who_says_nothing_about_a_door_leaves_its_slot_in_doubt(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        slot = await stored(kiosk)
        await type_code(kiosk)
        await kiosk.player.until(Ask)
        await kiosk.player.until(Thanks, patience_s=600)
        assert (await kiosk.slot(slot)).status is SlotStatus.SUSPECT


async def test_a_collection_behind_a_door_that_nobody_sees(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        slot = await stored(kiosk)
        package = (await kiosk.slot(slot)).package
        assert package is not None
        assert await kiosk.serve_for(days=9) == 1
        await sign_in(kiosk)
        kiosk.player.do(Pressed(Choice.COLLECT))
        await kiosk.player.until(CollectionView)
        kiosk.player.do(Pressed(Choice.OPEN_NEXT))
        assert await say_it_opened(kiosk) == slot
        await kiosk.player.until(DoorOpen)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(ScanPackage)
        assert await kiosk.package_status(package) == "COLLECTED"
        assert (await kiosk.slot(slot)).status is SlotStatus.EMPTY


async def test_maintenance_of_a_door_that_nobody_sees(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await maintain(kiosk, "7")
        kiosk.player.do(Pressed(Choice.OPEN_DOOR))
        assert await say_it_opened(kiosk) == "7"
        await kiosk.player.until(DoorOpen)
        kiosk.player.do(Pressed(Choice.DONE))
        assert (await kiosk.player.until(Ask)).question is Question.IS_IT_EMPTY
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        page = await kiosk.player.until(DoorPage)
        assert page.last_outcome == "SENT"
        assert page.row.status is SlotStatus.EMPTY
        kiosk.player.do(Pressed(Choice.OPEN_DOOR))
        await say_it_opened(kiosk, Choice.NO)
        page = await kiosk.player.until(DoorPage)
        assert page.last_outcome == "JAMMED"


# --- a sensor that says "open" for ever ----------------------------------------------------------


async def stored_by_sensor(kiosk: Running) -> str:
    """A deposit of the package P behind a door with a sensor; its slot."""
    await sign_in(kiosk)
    await kiosk.announce("P", "S")
    kiosk.player.do(Scanned("P"))
    slot = (await kiosk.player.until(DoorOpen)).slot
    kiosk.site.steel.close(slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
    await sign_off(kiosk)
    return slot


async def with_stuck_sensor(kiosk: Running, slot: str) -> None:
    """The sensor of a shut door dies and says "open"; the machine finds it so."""
    kiosk.site.steel.door(slot).stuck_sensor = True
    await kiosk.player.until(First, lambda view: slot in view.open_doors)


async def fetch_in_doubt(kiosk: Running, code: str = "") -> None:
    """Type the code of a slot in doubt, and want it opened all the same."""
    await type_code(kiosk, code)
    assert (await kiosk.player.until(Ask)).question is Question.OPEN_DOUBTFUL
    kiosk.player.do(Pressed(Choice.OPEN_DOOR))


async def test_a_package_behind_a_sensor_stuck_at_open_is_fetched(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path, Place(), Policy(trust_without_sensors=True)) as kiosk:
        slot = await stored_by_sensor(kiosk)
        package = (await kiosk.slot(slot)).package
        assert package is not None
        await with_stuck_sensor(kiosk, slot)
        pulses = kiosk.world.pulses
        await fetch_in_doubt(kiosk)
        view = await kiosk.player.until(DoorOpen)
        assert Choice.DOOR_IS_SHUT in view.choices
        assert kiosk.world.pulses == pulses
        kiosk.player.do(Pressed(Choice.DOOR_IS_SHUT))
        assert await say_it_opened(kiosk) == slot
        assert kiosk.world.pulses == pulses + 1
        view = await kiosk.player.until(DoorOpen, lambda view: Choice.DONE in view.choices)
        assert Choice.DOOR_IS_SHUT not in view.choices
        await asyncio.sleep(1)  # the spring of the door takes its time
        kiosk.site.steel.advance(asyncio.get_running_loop().time())
        assert kiosk.site.steel.door(slot).is_open
        kiosk.site.steel.close(slot)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(Thanks)
        assert await kiosk.package_status(package) == "RETRIEVED"
        # A broken sensor is not a bank without sensors: somebody has to look.
        assert (await kiosk.slot(slot)).status is SlotStatus.SUSPECT


async def test_who_may_no_more_opens_nothing_by_saying_that_it_is_shut(tmp_path: Path) -> None:
    """A delegate who is taken back while they stand there; what is in play is not recalled."""
    async with fresh_kiosk(tmp_path, Place()) as kiosk:
        store, slot = kiosk.kiosk.store, await stored_by_sensor(kiosk)
        package = await store.run(packages.live_by_barcode, "P")
        assert package is not None and package.locator is not None
        until_ms = kiosk.kiosk.clock.now().wall_ms + HOUR_MS
        await store.run(delegates.name, package.id, "lea", until_ms, "server")
        await with_stuck_sensor(kiosk, slot)
        await fetch_in_doubt(kiosk, delegate_code(LOCATION_KEY, package.id, "lea", package.locator))
        await kiosk.player.until(DoorOpen, lambda view: Choice.DOOR_IS_SHUT in view.choices)
        pulses = kiosk.world.pulses
        await store.run(delegates.end, package.id, "lea", "server")
        kiosk.player.do(Pressed(Choice.DOOR_IS_SHUT))
        await kiosk.player.until(DoorOpen, lambda view: Choice.DOOR_IS_SHUT not in view.choices)
        assert kiosk.world.pulses == pulses
        assert (await kiosk.slot(slot)).package == package.id


async def test_a_door_that_really_stands_open_is_not_pulsed(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path, Place()) as kiosk:
        slot = await stored_by_sensor(kiosk)
        kiosk.site.steel.open_by_force(slot)
        await kiosk.player.until(First, lambda view: slot in view.open_doors)
        pulses = kiosk.world.pulses
        await fetch_in_doubt(kiosk)
        await kiosk.player.until(DoorOpen)
        kiosk.site.steel.close(slot)
        assert (await kiosk.player.until(Ask)).question is Question.WAS_IT_THERE
        kiosk.player.do(Pressed(Choice.YES))
        await kiosk.player.until(Thanks)
        assert kiosk.world.pulses == pulses


async def test_a_jam_behind_a_stuck_sensor_keeps_the_package(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path, Place()) as kiosk:
        slot = await stored_by_sensor(kiosk)
        await with_stuck_sensor(kiosk, slot)
        kiosk.site.steel.jam(slot)
        await fetch_in_doubt(kiosk)
        await kiosk.player.until(DoorOpen)
        kiosk.player.do(Pressed(Choice.DOOR_IS_SHUT))
        await say_it_opened(kiosk, Choice.NO)
        trouble = await kiosk.player.until(Trouble)
        assert trouble.problem is Problem.JAMMED
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        assert (await kiosk.slot(slot)).package is not None


def test_a_restart_between_the_two_pulses_pulses_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def before() -> None:
        async with running(world) as kiosk:
            await kiosk.player.until(First)
            slot = await stored_by_sensor(kiosk)
            await with_stuck_sensor(kiosk, slot)
            await fetch_in_doubt(kiosk)
            await kiosk.player.until(DoorOpen)
            kiosk.player.do(Pressed(Choice.DOOR_IS_SHUT))
            await kiosk.player.until(Ask)

    async def after() -> None:
        async with running(world) as kiosk:
            await kiosk.player.until(First)
            require_sound(kiosk.kiosk.store)
            assert kiosk.world.pulses == 0

    run_virtually(before())
    run_virtually(after())


# --- late openings -------------------------------------------------------------------------------


async def test_a_door_that_opens_late_goes_on_with_the_pickup(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path, Place()) as kiosk:
        slot = await stored_by_sensor(kiosk)
        kiosk.site.steel.jam(slot)
        pulses = kiosk.world.pulses
        await type_code(kiosk)
        assert (await kiosk.player.until(Trouble)).problem is Problem.JAMMED
        kiosk.site.steel.open_by_force(slot)
        await kiosk.player.until(DoorOpen)
        await asyncio.sleep(3)
        kiosk.site.steel.close(slot)
        await kiosk.player.until(Thanks)
        assert kiosk.world.pulses == pulses + 1
        assert (await kiosk.slot(slot)).status is SlotStatus.EMPTY


async def test_a_door_that_opens_late_before_nobody_is_no_tamper_but_in_doubt(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path, Place()) as kiosk:
        slot = await stored_by_sensor(kiosk)
        kiosk.site.steel.jam(slot)
        await type_code(kiosk)
        await kiosk.player.until(Trouble)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        kiosk.site.steel.open_by_force(slot)
        await kiosk.player.until(First, lambda view: view.open_doors == (slot,))
        assert (await kiosk.slot(slot)).suspect is SuspectReason.MAY_BE_EMPTY
        rows = await kiosk.kiosk.store.run(
            lambda writer: writer.all("SELECT 1 FROM journal WHERE kind = 'DOOR_MOVED_UNASKED'", ())
        )
        assert rows == []
