"""The customer's pickup to its last edge: several packages, nothing inside, leave it here."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from kiosk.flows.context import Policy
from kiosk.flows.diagnostics import _line
from kiosk.flows.events import Entered, Preference, Pressed, RemoteOpen, Scanned
from kiosk.flows.views.choices import Choice, Problem, Question, Refusal, Refused
from kiosk.flows.views.courier import Receipt, ScanPackage
from kiosk.flows.views.customer import (
    EnterCode,
    First,
    HoldExtended,
    LowerAsked,
    MorePackages,
    Thanks,
)
from kiosk.flows.views.shared import Answer, Ask, DoorOpen, Trouble
from kiosk.model.carriers import EVERY_CARRIER
from kiosk.model.commands import OpeningOutcome
from kiosk.model.events import EventKind
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.pickup_code import make_code
from kiosk.server_link import RemoteDoors
from kiosk.store import codes, departures, journal, openings, packages, slots
from kiosk.store.writer import Writer
from tests.support.flow_site import Running, World, require_sound, running
from tests.support.stories.people import press
from tests.support.virtual_loop import run_virtually
from tests.support.visits import fresh_kiosk, sign_in, store

ASKED = OpeningOutcome.ASKED


async def stored(
    kiosk: Running, *barcodes: str, size: str = "S", owner: str | None = None
) -> list[str]:
    """Put packages in and go back to the first screen; their slots."""
    await sign_in(kiosk)
    used = [await store(kiosk, barcode, size, owner) for barcode in barcodes]
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(Receipt)
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(First)
    return used


async def show_code(kiosk: Running, barcode: str) -> None:
    kiosk.player.do(Scanned(f"PK1:demo:{await kiosk.code_of(barcode)}"))


async def test_one_code_opens_all_packages_of_one_person_each_by_its_own_intent(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        mine = await stored(kiosk, "ONE", "TWO", owner="user-7")
        [others] = await stored(kiosk, "THREE", owner="user-8")
        await show_code(kiosk, "TWO")
        first = await kiosk.player.until(DoorOpen)
        assert first.slot == mine[1]
        more = await kiosk.player.until(MorePackages)
        assert more.slots == (mine[0],)
        kiosk.player.do(Pressed(Choice.OPEN_NEXT))
        second = await kiosk.player.until(DoorOpen)
        assert second.slot == mine[0]
        await kiosk.player.until(Thanks)
        assert (await kiosk.slot(others)).status is SlotStatus.OCCUPIED
        intents = await kiosk.kiosk.store.run(
            lambda writer: writer.all("SELECT slot FROM intent WHERE purpose = 'PICKUP'")
        )
        assert {row["slot"] for row in intents} == set(mine)


@pytest.mark.parametrize("reason", ["site", "alone", "nobody"])
async def test_other_packages_stay_shut_where_one_code_is_not_for_all(
    tmp_path: Path, reason: str
) -> None:
    async with fresh_kiosk(tmp_path, Policy(one_code_for_all=reason != "site")) as kiosk:
        owner = None if reason == "nobody" else "user-7"
        if reason == "alone":
            announcement = packages.Announcement(
                kiosk.kiosk.new_id(), "TWO", "S", None, "user-7", is_alone=True
            )
            await kiosk.kiosk.store.run(packages.announce, announcement)
        await stored(kiosk, "ONE", "TWO", owner=owner)
        await show_code(kiosk, "ONE")
        await kiosk.player.until(DoorOpen)
        await kiosk.player.until(Thanks)


async def test_nothing_inside_makes_the_package_missing_and_the_slot_doubtful(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        kiosk.site.steel.close_after_s = None
        await show_code(kiosk, "ONE")
        await kiosk.player.until(DoorOpen)
        await press(kiosk, Choice.NOTHING_INSIDE, Ask)
        kiosk.player.do(Pressed(Choice.YES))
        await kiosk.player.until(DoorOpen, lambda view: view.remind)
        kiosk.site.steel.close(slot)
        answer = await kiosk.player.until(Answer)
        assert answer.reference
        record = await kiosk.slot(slot)
        assert (record.status, record.package) == (SlotStatus.SUSPECT, None)


@pytest.mark.parametrize("answer", [Choice.NO, None])
async def test_one_press_does_not_make_a_package_missing(
    tmp_path: Path, answer: Choice | None
) -> None:
    """Who says no, or nothing at all, is where they were, and the package is theirs."""
    async with fresh_kiosk(tmp_path) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        kiosk.site.steel.close_after_s = None
        await show_code(kiosk, "ONE")
        await kiosk.player.until(DoorOpen)
        asked = await press(kiosk, Choice.NOTHING_INSIDE, Ask)
        assert (asked.question, asked.choices[0]) == (Question.WAS_IT_EMPTY, Choice.NO)
        if answer is not None:
            kiosk.player.do(Pressed(answer))
        door = await kiosk.player.until(DoorOpen, patience_s=60)
        assert door.choices == (Choice.NOTHING_INSIDE,)
        await asyncio.sleep(3.0)
        kiosk.site.steel.close(slot)
        await kiosk.player.until(Thanks)
        assert (await kiosk.slot(slot)).status is SlotStatus.EMPTY


@pytest.mark.parametrize("is_shut_meanwhile", [False, True])
async def test_a_question_at_an_open_door_makes_no_door_shut_too_soon(
    tmp_path: Path, is_shut_meanwhile: bool
) -> None:
    """Who had time to take the package is not asked whether they did."""
    async with fresh_kiosk(tmp_path) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        kiosk.site.steel.close_after_s = None
        await show_code(kiosk, "ONE")
        await kiosk.player.until(DoorOpen)
        await asyncio.sleep(3.0)
        await press(kiosk, Choice.NOTHING_INSIDE, Ask)
        if is_shut_meanwhile:
            kiosk.site.steel.close(slot)
            await asyncio.sleep(1.0)
        kiosk.player.do(Pressed(Choice.NO))
        if not is_shut_meanwhile:
            await kiosk.player.until(DoorOpen)
            kiosk.site.steel.close(slot)
        await kiosk.player.until(Thanks)


async def test_a_package_left_here_is_a_new_one_for_the_courier(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        await show_code(kiosk, "ONE")
        await kiosk.player.until(Thanks)
        kiosk.player.do(Pressed(Choice.SOMETHING_WRONG))
        assert (await kiosk.player.until(Ask)).question is Question.WHAT_IS_WRONG
        kiosk.player.do(Pressed(Choice.LEAVE_IT_HERE))
        assert (await kiosk.player.until(DoorOpen)).slot == slot
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.YES))
        assert (await kiosk.player.until(Answer)).reference
        record = await kiosk.slot(slot)
        assert (record.status, record.barcode) == (SlotStatus.SUSPECT, "ONE")
        [due] = await kiosk.kiosk.store.run(departures.due, EVERY_CARRIER)
        rows = await kiosk.kiosk.store.run(
            lambda writer: writer.all("SELECT replaces FROM package WHERE id = ?", (due.id,))
        )
        old = await kiosk.package_status(rows[0]["replaces"])
        assert (due.slot, old) == (slot, "RETRIEVED")


async def test_a_package_left_here_whose_barcode_is_expected_again_lies_beside_it(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        await show_code(kiosk, "ONE")
        await kiosk.player.until(Thanks)
        await kiosk.announce("ONE", "S")
        kiosk.player.do(Pressed(Choice.SOMETHING_WRONG))
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.LEAVE_IT_HERE))
        await kiosk.player.until(DoorOpen)
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.YES))
        assert (await kiosk.player.until(Answer)).reference
        record = await kiosk.slot(slot)
        assert (record.status, record.package) == (SlotStatus.SUSPECT, None)
        expected = await kiosk.kiosk.store.run(packages.live_by_barcode, "ONE")
        assert expected is not None
        assert (expected.status, expected.slot) == ("PENDING", None)


async def test_a_write_refused_with_the_door_opened_leaves_the_slot_in_doubt_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(writer: Writer, *_: object) -> int:
        writer.db.execute("INSERT INTO slot SELECT * FROM slot")
        return 0

    async with fresh_kiosk(tmp_path) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        monkeypatch.setattr(departures, "retrieve", refuse)
        await show_code(kiosk, "ONE")
        assert (await kiosk.player.until(Trouble)).problem is Problem.CANNOT_RECORD
        assert (await kiosk.slot(slot)).status is SlotStatus.SUSPECT
        [newest] = await kiosk.kiosk.store.run(journal.before, 10**9, 1)
        assert newest.kind == "SLOT_SUSPECT"


async def test_who_made_a_new_code_is_in_the_machines_history(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await stored(kiosk, "ONE")
        package = await kiosk.kiosk.store.run(packages.live_by_barcode, "ONE")
        assert package is not None
        await kiosk.kiosk.store.run(codes.reissue, package.id, "staff:07")
        [event] = await kiosk.kiosk.store.run(journal.before, 10**9, 1)
        assert (event.kind, _line(event).actor) == ("CODE_REISSUED", "staff:07")


async def test_a_complaint_gets_a_reference(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await stored(kiosk, "ONE")
        await show_code(kiosk, "ONE")
        await kiosk.player.until(Thanks)
        kiosk.player.do(Pressed(Choice.SOMETHING_WRONG))
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.DAMAGED))
        reference = int((await kiosk.player.until(Answer)).reference)
        [row] = await kiosk.kiosk.store.run(
            lambda writer: writer.all("SELECT kind FROM journal WHERE seq = ?", (reference,))
        )
        assert row["kind"] == "COMPLAINT"


async def test_open_again_ends_when_the_slot_is_given_to_anyone(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        code = await kiosk.code_of("ONE")
        kiosk.player.do(Scanned(f"PK1:demo:{code}"))
        await kiosk.player.until(Thanks)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        for each in kiosk.kiosk.location.slots:
            if each.label != slot:
                await kiosk.kiosk.store.run(
                    slots.set_service, each.label, Service.NO_DEPOSITS, "test", "staff:99"
                )
        assert await stored(kiosk, "NEXT") == [slot]
        pulses = kiosk.world.pulses
        kiosk.player.do(Scanned(f"PK1:demo:{code}"))
        await kiosk.player.until(Answer)
        assert kiosk.world.pulses == pulses


@pytest.mark.parametrize("reason", [SuspectReason.WIRING, SuspectReason.MAY_HOLD_ANOTHERS])
async def test_a_slot_that_may_hold_anothers_never_opens_for_a_customer(
    tmp_path: Path, reason: SuspectReason
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        await kiosk.kiosk.store.run(slots.mark_suspect, slot, reason, "test")
        pulses = kiosk.world.pulses
        await show_code(kiosk, "ONE")
        await kiosk.player.until(Trouble)
        assert kiosk.world.pulses == pulses


async def test_a_code_that_the_server_reissued_meanwhile_is_taken_and_retires_the_old(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await stored(kiosk, "ONE")
        package = await kiosk.kiosk.store.run(packages.live_by_barcode, "ONE")
        assert package is not None
        assert package.locator is not None
        key = kiosk.kiosk.location_key
        first, second, fourth = (
            make_code(key, package.id, package.locator, counter) for counter in (1, 2, 4)
        )
        offline = codes.CodePolicy(key, 24, look_ahead=2)
        online = codes.CodePolicy(key, 24)
        check = kiosk.kiosk.store.run
        assert isinstance(await check(codes.check_code, online, second), codes.NotKnown)
        assert isinstance(await check(codes.check_code, offline, fourth), codes.NotKnown)
        assert isinstance(await check(codes.check_code, offline, second), codes.Granted)
        assert isinstance(await check(codes.check_code, offline, first), codes.NotKnown)
        assert isinstance(await check(codes.check_code, online, second), codes.Granted)


@pytest.mark.parametrize("days_already", [5, 7])
async def test_a_customer_extends_the_hold_up_to_seven_days(
    tmp_path: Path, days_already: int
) -> None:
    async with fresh_kiosk(tmp_path, Policy(may_extend=True, hold_days=days_already)) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        code = await kiosk.code_of("ONE")
        pulses = kiosk.world.pulses
        kiosk.player.do(Pressed(Choice.HELP))
        await kiosk.player.until(Answer)
        kiosk.player.do(Pressed(Choice.EXTEND_HOLD))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(Entered(code))
        if days_already == 7:
            answer = await kiosk.player.until(Answer)
            assert answer.refused is not None
            assert answer.refused.reason is Refusal.CANNOT_EXTEND
        else:
            assert (await kiosk.player.until(HoldExtended)).until_ms
        assert kiosk.world.pulses == pulses
        assert (await kiosk.slot(slot)).status is SlotStatus.OCCUPIED


async def test_a_wrong_code_of_who_wants_it_kept_longer_keeps_its_digits(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path, Policy(may_extend=True)) as kiosk:
        kiosk.player.do(Pressed(Choice.HELP))
        await kiosk.player.until(Answer)
        kiosk.player.do(Pressed(Choice.EXTEND_HOLD))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(Entered("123456789"))
        view = await kiosk.player.until(EnterCode, lambda view: view.refused is not None)
        assert view.refused == Refused(Refusal.NOT_KNOWN)
        assert view.digits == "123456789"


def test_the_same_day_after_a_restart_the_code_still_tells_its_story(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def fetch() -> str:
        async with running(world) as kiosk:
            await kiosk.player.until(First)
            await stored(kiosk, "ONE")
            code = await kiosk.code_of("ONE")
            kiosk.player.do(Scanned(f"PK1:demo:{code}"))
            await kiosk.player.until(Thanks)
            return code

    async def again(code: str) -> None:
        world.clock.ahead_ms += 3_600_000
        async with running(world) as kiosk:
            await kiosk.player.until(First)
            kiosk.player.do(Scanned(f"PK1:demo:{code}"))
            answer = await kiosk.player.until(Answer)
            assert answer.refused is not None
            assert answer.refused.at_ms
            require_sound(kiosk.kiosk.store)

    code = run_virtually(fetch())
    run_virtually(again(code))


# --- who does not reach every door ---------------------------------------------------------------


async def stored_high(kiosk: Running) -> str:
    """A package in a door that not everybody reaches; its slot."""
    [slot] = await stored(kiosk, "HIGH")
    assert not kiosk.kiosk.location.slot(slot).is_low
    return slot


async def come_with_code(kiosk: Running, barcode: str, *, is_access: bool) -> None:
    code = await kiosk.code_of(barcode)
    kiosk.player.do(Preference(is_access=is_access))
    kiosk.player.do(Pressed(Choice.PICK_UP))
    await kiosk.player.until(EnterCode)
    kiosk.player.do(Entered(code))


async def test_a_high_door_is_announced_in_the_access_mode_and_opens_on_request(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        slot = await stored_high(kiosk)
        pulses = kiosk.world.pulses
        await come_with_code(kiosk, "HIGH", is_access=True)
        view = await kiosk.player.until(Ask)
        assert (view.question, view.slot) == (Question.DOOR_IS_HIGH, slot)
        assert kiosk.world.pulses == pulses
        kiosk.player.do(Pressed(Choice.OPEN_DOOR))
        assert (await kiosk.player.until(DoorOpen)).slot == slot


async def test_a_door_near_the_floor_is_announced_and_nothing_promised_that_no_door_keeps(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        slots = kiosk.kiosk.location.slots
        assert not any(slot.is_low for slot in slots if slot.size == "L")
        [slot] = await stored(kiosk, "NEAR", size="L")
        assert kiosk.kiosk.location.slot(slot).door.bottom_mm == 60
        await come_with_code(kiosk, "NEAR", is_access=True)
        view = await kiosk.player.until(Ask)
        assert view.question is Question.DOOR_IS_NEAR_FLOOR
        assert view.choices == (Choice.OPEN_DOOR, Choice.BACK)


async def test_nobody_else_is_asked_about_a_high_door(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        slot = await stored_high(kiosk)
        await come_with_code(kiosk, "HIGH", is_access=False)
        assert (await kiosk.player.until(DoorOpen)).slot == slot


async def test_a_courier_reads_that_a_package_was_not_moved(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        high = await stored_high(kiosk)
        await come_with_code(kiosk, "HIGH", is_access=True)
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.MOVE_LOWER))
        await kiosk.player.until(LowerAsked)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        await sign_in(kiosk)
        await kiosk.player.until(ScanPackage)
        kiosk.player.do(Pressed(Choice.MOVE_LOWER))
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.NO))
        view = await kiosk.player.until(ScanPackage)
        assert view.refused == Refused(Refusal.NOT_MOVED, high)
        assert view.stored is None


async def test_a_package_that_lies_too_high_is_moved_by_the_next_courier(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        high = await stored_high(kiosk)
        held = await kiosk.kiosk.store.run(packages.live_by_barcode, "HIGH")
        assert held is not None and held.hold_until_ms is not None
        code = await kiosk.code_of("HIGH")
        pulses = kiosk.world.pulses
        await come_with_code(kiosk, "HIGH", is_access=True)
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.MOVE_LOWER))
        asked = await kiosk.player.until(LowerAsked)
        assert asked.until_ms is not None
        assert asked.until_ms > held.hold_until_ms
        assert kiosk.world.pulses == pulses
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        await sign_in(kiosk)
        view = await kiosk.player.until(ScanPackage)
        assert view.out_of_reach == 1
        kiosk.player.do(Pressed(Choice.MOVE_LOWER))
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.YES))
        view = await kiosk.player.until(ScanPackage)
        assert view.stored is not None
        assert view.out_of_reach == 0
        assert Choice.MOVE_LOWER not in view.choices
        low = view.stored.slot
        assert kiosk.kiosk.location.slot(low).is_low
        assert (await kiosk.slot(high)).status is SlotStatus.EMPTY
        assert (await kiosk.slot(low)).barcode == "HIGH"
        assert await kiosk.code_of("HIGH") == code
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        await come_with_code(kiosk, "HIGH", is_access=True)
        assert (await kiosk.player.until(DoorOpen)).slot == low


# --- a door opened remotely ---------------------------------------------------------------------


async def test_a_door_opened_remotely_is_shut_and_then_looked_into(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        kiosk.site.steel.close_after_s = None
        kiosk.player.do(RemoteOpen(slot, "command-1"))
        assert (await kiosk.player.until(DoorOpen)).slot == slot
        kiosk.site.steel.close(slot)
        await kiosk.player.until(First)
        record = await kiosk.slot(slot)
        assert (record.status, record.barcode) == (SlotStatus.SUSPECT, "ONE")


async def test_nothing_opens_remotely_while_somebody_is_at_the_machine(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        pulses = kiosk.world.pulses
        kiosk.player.do(Pressed(Choice.PICK_UP))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(RemoteOpen(slot, "command-1"))
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(First)
        await asyncio.sleep(10)
        assert kiosk.world.pulses == pulses
        assert (await kiosk.slot(slot)).status is SlotStatus.OCCUPIED


async def test_who_steps_up_before_a_remote_opening_is_not_startled_and_the_server_hears_of_it(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        [slot] = await stored(kiosk, "ONE")
        pulses, loop = kiosk.world.pulses, asyncio.get_running_loop()
        doors = RemoteDoors(kiosk.kiosk, loop)
        assert doors.is_free()
        for number in (1, 2, 3):
            await kiosk.kiosk.store.run(openings.note, f"command-{number}", slot, ASKED, 0)
        kiosk.player.do(Pressed(Choice.PICK_UP))
        doors.begin(slot, "command-1")
        await kiosk.player.until(EnterCode)
        await asyncio.sleep(1)
        assert not doors.is_free()
        doors.begin(slot, "command-2")
        await asyncio.sleep(10)
        assert kiosk.world.pulses == pulses
        missed = await kiosk.kiosk.store.run(journal.after, 0, 9999, [EventKind.OPENING_ENDED])
        assert [json.loads(event.body)["id"] for event in missed] == ["command-1", "command-2"]
        assert {json.loads(event.body)["outcome"] for event in missed} == {"MISSED"}
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(First)
        doors.begin(slot, "command-3")
        assert (await kiosk.player.until(DoorOpen)).slot == slot


@pytest.mark.parametrize("is_recalled", [False, True])
async def test_what_is_not_held_any_more_is_not_promised_to_be_moved(
    tmp_path: Path, is_recalled: bool
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await stored_high(kiosk)
        await come_with_code(kiosk, "HIGH", is_access=True)
        await kiosk.player.until(Ask)
        package = await kiosk.kiosk.store.run(packages.live_by_barcode, "HIGH")
        assert package is not None
        if is_recalled:
            await kiosk.kiosk.store.run(departures.cancel, package.id, "a test")
        else:
            assert await kiosk.serve_for(days=9) == 1
        kiosk.player.do(Pressed(Choice.MOVE_LOWER))
        answer = await kiosk.player.until(Answer)
        assert answer.refused == Refused(Refusal.CANNOT_EXTEND)
        rows = await kiosk.kiosk.store.run(
            lambda writer: writer.all("SELECT needs_low FROM package WHERE barcode = 'HIGH'")
        )
        assert [row["needs_low"] for row in rows] == [0]
