"""What a technician reads at the machine is what happened there, and what was tested is shown."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Question
from kiosk.flows.views.service import (
    Boards,
    ChooseUntil,
    DoorPage,
    Doors,
    DoorsTested,
    History,
    Machine,
    PartsTest,
    ServerReport,
    StaffList,
    Vitals,
)
from kiosk.flows.views.shared import Ask, DoorOpen, EnterPin
from kiosk.model.events import EventKind
from kiosk.model.location import Service, SlotStatus
from kiosk.model.person import Role, Staff, StaffSource
from kiosk.store import slots
from kiosk.store import staff as staff_store
from tests.support.flow_site import COURIER_PIN, TECHNICIAN_PIN, Running, World, running
from tests.support.invariants import Witness
from tests.support.stories import POLICY, STORIES
from tests.support.stories.people import have_stored, press, prove, shut, sign_in_technician


async def test_a_doors_history_tells_its_events_and_how_long_its_lock_takes(tmp_path: Path) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        slot = await have_stored(kiosk, Witness())
        await sign_in_technician(kiosk)
        kiosk.player.do(Chosen(slot))
        await kiosk.player.until(DoorPage)
        view = await press(kiosk, Choice.HISTORY, History)

        kinds = [line.kind for line in view.lines]
        assert kinds == [
            EventKind.PACKAGE_STORED,
            EventKind.DOOR_OUTCOME,
            EventKind.SLOT_RESERVED,
            EventKind.SLOT_CONFIGURED,
        ]
        assert view.lines[0].actor == "staff:11"
        assert view.lines[1].outcome == "OPENED"
        assert {line.slot for line in view.lines} == {slot}
        assert sum(count for _, count in view.openings) == 1
        assert view.choices == (Choice.BACK,)


async def test_the_journal_is_read_page_by_page_to_its_first_event(tmp_path: Path) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        await have_stored(kiosk, Witness())
        await sign_in_technician(kiosk)
        await press(kiosk, Choice.MACHINE, Machine)
        view = await press(kiosk, Choice.JOURNAL, History)
        assert Choice.NEWER not in view.choices
        numbers = [line.number for line in view.lines]
        while Choice.OLDER in view.choices:
            view = await press(kiosk, Choice.OLDER, History)
            numbers += [line.number for line in view.lines]
        assert numbers == list(range(numbers[0], 0, -1))
        newer = await press(kiosk, Choice.NEWER, History)
        assert newer.lines[-1].number == view.lines[0].number + 1


async def test_the_machines_page_tells_how_it_does_and_takes_a_word_for_the_time(
    tmp_path: Path,
) -> None:
    server = ServerReport(is_reached=False, last_ms=None, waiting=7, message="no route")

    world = World(tmp_path, policy=POLICY)
    world.clock.is_trusted = False
    async with running(world) as kiosk:
        kiosk.kiosk.vitals = lambda: Vitals(version="1", disk_free_mb=9, server=server)
        await sign_in_technician(kiosk)
        view = await press(kiosk, Choice.MACHINE, Machine)
        assert view.vitals.server == server
        assert not view.is_time_trusted
        view = await prove(kiosk, Choice.TIME_IS_RIGHT, Machine)
        assert view.is_time_trusted
        assert Choice.TIME_IS_RIGHT not in view.choices
        boards = await press(kiosk, Choice.BOARDS, Boards)
        assert all(report.reachable and report.frames_received for report in boards.boards)
        assert all(each.last_request and each.last_heard for each in boards.boards)
        assert all(each.answer_s is not None for each in boards.boards)


async def test_a_test_of_a_lock_opens_it_five_times_and_leaves_the_slot_as_it_was(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        await STORIES["technician_tests_a_lock"](kiosk, Witness())
        assert kiosk.world.pulses == 5
        assert (await kiosk.slot("9")).status is SlotStatus.EMPTY
        view = await press(kiosk, Choice.HISTORY, History)
        assert sum(count for _, count in view.openings) == 5


async def test_a_test_of_all_doors_tells_which_did_not_open(tmp_path: Path) -> None:
    shown: list[DoorsTested] = []
    world = World(tmp_path, policy=POLICY)
    async with running(
        world, tell=lambda view: shown.append(view) if isinstance(view, DoorsTested) else None
    ) as kiosk:
        name = "technician_tests_the_doors_until_one_jams_and_stops"
        await STORIES[name](kiosk, Witness())
        records = await kiosk.kiosk.store.run(slots.records)
        assert {record.status for record in records} == {SlotStatus.EMPTY}
    (tested,) = shown
    assert (tested.opened, len(tested.failed), tested.left) == (2, 1, 21)


async def test_a_test_of_all_doors_opens_those_with_packages_only_when_asked(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        slot = await have_stored(kiosk, Witness())
        doors = kiosk.site.steel.doors
        pulses = doors[slot].pulses
        await sign_in_technician(kiosk)
        kiosk.player.do(Pressed(Choice.TEST_DOORS))
        for _ in range(len(doors) - 1):
            opened = await kiosk.player.until(DoorOpen)
            await shut(kiosk, opened.slot)
            await kiosk.player.until(Ask)
            kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        tested = await kiosk.player.until(DoorsTested)
        assert (tested.opened, tested.failed, tested.left) == (len(doors) - 1, (), 0)
        assert doors[slot].pulses == pulses
        assert (await kiosk.slot(slot)).status is SlotStatus.OCCUPIED
        assert (await prove(kiosk, Choice.TEST_TAKEN, DoorOpen)).slot == slot
        await shut(kiosk, slot)
        asked = await kiosk.player.until(Ask)
        assert asked.question is Question.WAS_IT_THERE
        kiosk.player.do(Pressed(Choice.STILL_THERE))
        tested = await kiosk.player.until(DoorsTested)
        assert (tested.opened, tested.choices) == (1, (Choice.DONE,))
        assert (await kiosk.slot(slot)).status is SlotStatus.OCCUPIED


async def to_the_machine(kiosk: Running) -> Machine:
    await sign_in_technician(kiosk)
    return await press(kiosk, Choice.MACHINE, Machine)


async def test_all_doors_open_only_after_two_confirmations_and_are_in_doubt_then(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        slot = await have_stored(kiosk, Witness())
        never = "8" if slot != "8" else "9"
        await kiosk.kiosk.store.run(
            slots.set_service, never, Service.DO_NOT_OPEN, "broken hinge", "staff:99"
        )
        before = kiosk.world.pulses
        await to_the_machine(kiosk)
        await press(kiosk, Choice.OPEN_ALL, Ask)
        await press(kiosk, Choice.NO, Machine)
        await press(kiosk, Choice.OPEN_ALL, Ask)
        await press(kiosk, Choice.YES, EnterPin)
        kiosk.player.do(Entered(COURIER_PIN))
        await kiosk.player.until(EnterPin)
        assert kiosk.world.pulses == before
        kiosk.player.do(Entered(TECHNICIAN_PIN))
        tested = await kiosk.player.until(DoorsTested)
        doors = kiosk.site.steel.doors
        assert (tested.opened, tested.failed) == (len(doors) - 1, ())
        assert set(kiosk.open_doors()) == set(doors) - {never}
        records = await kiosk.kiosk.store.run(slots.records)
        in_doubt = {each.label for each in records if each.status is SlotStatus.SUSPECT}
        assert in_doubt == set(doors) - {never}
        assert (await kiosk.slot(slot)).package is not None


async def test_who_is_listed_is_read_page_by_page(tmp_path: Path) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        more = [
            Staff(str(number), f"N{number}", Role.COURIER, "hash", valid_until_ms=1)
            for number in range(60, 65)
        ]
        await kiosk.kiosk.store.run(staff_store.list_staff, more, StaffSource.SERVER)
        await to_the_machine(kiosk)
        view = await press(kiosk, Choice.STAFF, StaffList)
        rows = list(view.rows)
        view = await press(kiosk, Choice.MORE, StaffList)
        rows += view.rows
        assert [row.number for row in rows] == ["11", *map(str, range(60, 65)), "99"]
        assert {row.number for row in rows if row.may_work} == {"11", "99"}
        assert await press(kiosk, Choice.MORE, StaffList) != view


async def test_what_the_scanner_reads_is_shown_and_nothing_else_comes_of_it(tmp_path: Path) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        await to_the_machine(kiosk)
        await press(kiosk, Choice.TEST_PARTS, PartsTest)
        scans = [Scanned(f"P{number}") for number in range(4)]
        for scan in scans:
            kiosk.player.do(scan)
        view = await kiosk.player.until(PartsTest, lambda view: view.scans[:1] == (scans[3],))
        assert view.scans == (scans[3], scans[2], scans[1])
        await press(kiosk, Choice.BACK, Machine)
        assert kiosk.world.pulses == 0


async def test_a_restart_is_offered_where_there_is_one_and_asked_about(tmp_path: Path) -> None:
    restarts: list[int] = []

    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        view = await to_the_machine(kiosk)
        assert Choice.RESTART not in view.choices
        await press(kiosk, Choice.BACK, Doors)
        kiosk.kiosk.restart = lambda: restarts.append(1)
        await press(kiosk, Choice.MACHINE, Machine)
        await press(kiosk, Choice.RESTART, Ask)
        await press(kiosk, Choice.NO, Machine)
        assert restarts == []
        await press(kiosk, Choice.RESTART, Ask)
        await press(kiosk, Choice.YES, EnterPin)
        assert restarts == []
        kiosk.player.do(Entered(TECHNICIAN_PIN))
        await kiosk.player.until(Machine)
        assert restarts == [1]


async def test_a_slot_is_out_of_service_until_a_day_that_is_said_and_comes_back_by_hand(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        await kiosk.kiosk.store.run(
            slots.set_service, "9", Service.NO_DEPOSITS, "dirty", "staff:99"
        )
        await sign_in_technician(kiosk)
        kiosk.player.do(Chosen("9"))
        view = await kiosk.player.until(DoorPage)
        assert view.row.until_ms is None
        # Where nobody knows what day it is, nobody is asked until which.
        assert Choice.UNTIL_WHEN in view.choices
        kiosk.world.clock.is_trusted = False
        await press(kiosk, Choice.HISTORY, History)
        view = await press(kiosk, Choice.BACK, DoorPage)
        assert Choice.UNTIL_WHEN not in view.choices
        kiosk.world.clock.is_trusted = True
        await press(kiosk, Choice.HISTORY, History)
        await press(kiosk, Choice.BACK, DoorPage)
        asked = await press(kiosk, Choice.UNTIL_WHEN, ChooseUntil)
        assert 7 in asked.days
        kiosk.player.do(Chosen("7"))
        view = await kiosk.player.until(DoorPage)
        assert view.row.until_ms is not None
        zone = ZoneInfo(kiosk.kiosk.location.time_zone)
        now = datetime.fromtimestamp(kiosk.kiosk.clock.now().wall_ms / 1000, zone)
        until = datetime.fromtimestamp(view.row.until_ms / 1000, zone)
        assert (until.hour, until.minute) == (0, 0)
        assert until.date() == now.date() + timedelta(days=7)
        kiosk.world.clock.ahead_ms += 30 * 86_400_000
        await asyncio.sleep(90)
        assert (await kiosk.slot("9")).service is Service.NO_DEPOSITS
        view = await press(kiosk, Choice.BACK_IN_SERVICE, DoorPage)
        assert view.row.until_ms is None
        assert (await kiosk.slot("9")).service_until_ms is None
