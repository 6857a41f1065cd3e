"""The main job without a window: put in, fetch, look after; and what happens when doors do not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.door import DoorState
from kiosk.demo.player import deposit, pickup_by_typing
from kiosk.flows.context import Policy
from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Problem, Question, Refusal
from kiosk.flows.views.courier import ChooseSize, ScanPackage
from kiosk.flows.views.customer import EnterCode, EnterPhoneDigits, First, Thanks
from kiosk.flows.views.service import ChooseReason, DoorPage, Doors
from kiosk.flows.views.shared import Answer, Ask, DoorOpen, EnterPin, Trouble
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.pickup_code import qr_text
from kiosk.store import codes, holds, slots
from tests.support.flow_site import (
    COURIER_PIN,
    TECHNICIAN_PIN,
    Running,
    World,
    require_sound,
    running,
)
from tests.support.virtual_loop import run_virtually


async def store_one(kiosk: Running, barcode: str, size: str = "S") -> str:
    """An announced package, put in by the courier; its slot."""
    await kiosk.announce(barcode, size)
    kiosk.site.steel.close_after_s = 3.0
    slots_used = await deposit(kiosk.player, COURIER_PIN, [barcode], scan=None)
    return slots_used[0]


async def sign_in_courier(kiosk: Running) -> None:
    await kiosk.player.until(First)
    kiosk.player.do(Pressed(Choice.COURIER))
    await kiosk.player.until(EnterPin)
    kiosk.player.do(Entered(COURIER_PIN))
    await kiosk.player.until(ScanPackage)


async def type_code(kiosk: Running, code: str) -> None:
    await kiosk.player.until(First)
    kiosk.player.do(Entered(code))
    await kiosk.player.until(EnterCode)
    kiosk.player.do(Entered(code))


async def test_a_package_goes_in_and_comes_out(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        package = await kiosk.announce("PARCEL-1", "M")
        kiosk.site.steel.close_after_s = 4.0
        [slot] = await deposit(kiosk.player, COURIER_PIN, ["PARCEL-1"], scan=None)
        assert (await kiosk.slot(slot)).status is SlotStatus.OCCUPIED
        assert (await kiosk.slot(slot)).size == "M"
        fetched_from = await pickup_by_typing(kiosk.player, await kiosk.code_of("PARCEL-1"))
        assert fetched_from == slot
        assert await kiosk.package_status(package) == "RETRIEVED"
        assert (await kiosk.slot(slot)).status is SlotStatus.EMPTY
        assert kiosk.world.pulses == 2
        require_sound(kiosk.kiosk.store)


async def test_a_package_nobody_announced_gets_the_size_that_the_courier_chooses(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path)) as kiosk:
        kiosk.site.steel.close_after_s = 3.0
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("UNKNOWN-1"))
        sizes = (await kiosk.player.until(ChooseSize)).sizes
        assert [size.name for size in sizes] == ["S", "M", "L"]
        kiosk.player.do(Chosen("L"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        assert view.stored is not None
        assert (await kiosk.slot(view.stored.slot)).size == "L"
        assert view.stored.code == await kiosk.code_of("UNKNOWN-1")


async def test_a_site_that_keeps_codes_from_couriers_shows_none(tmp_path: Path) -> None:
    async with running(World(tmp_path, policy=Policy(show_code_to_courier=False))) as kiosk:
        await kiosk.announce("P", "S")
        kiosk.site.steel.close_after_s = 3.0
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("P"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        assert view.stored is not None
        assert view.stored.code == ""


async def test_a_qr_code_on_the_first_screen_opens_at_once(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        await kiosk.player.until(First)
        kiosk.player.do(Scanned(qr_text("demo", await kiosk.code_of("P"))))
        assert (await kiosk.player.until(DoorOpen)).slot == slot
        await kiosk.player.until(Thanks)


async def test_a_qr_code_of_another_location_says_so(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        await kiosk.player.until(First)
        kiosk.player.do(Scanned(qr_text("elsewhere", "123456789")))
        answer = await kiosk.player.until(Answer)
        assert answer.refused is not None
        assert answer.refused.reason is Refusal.OTHER_LOCATION


async def test_a_wrong_code_is_not_known_and_after_five_there_is_a_countdown(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        code = await kiosk.code_of("P")
        wrong = code[:3] + f"{(int(code[3:]) + 1) % 1_000_000:06d}"
        await type_code(kiosk, wrong)
        for entered_next in (wrong, wrong, wrong, wrong, code):
            view = await kiosk.player.until(EnterCode, lambda view: view.refused is not None)
            assert view.refused is not None
            assert view.refused.reason is Refusal.NOT_KNOWN
            assert view.digits == wrong
            kiosk.player.do(Entered(entered_next))
        wait = await kiosk.player.until(EnterCode, lambda view: view.wait_s > 0)
        assert 0 < wait.wait_s <= 30
        await kiosk.player.until(EnterCode, lambda view: view.wait_s == 0)
        kiosk.player.do(Entered(code))
        # Five were against this very package: the phone's last digits are asked as well.
        await kiosk.player.until(EnterPhoneDigits)
        kiosk.player.do(Entered("1000"))
        assert (await kiosk.player.until(DoorOpen)).slot == slot


async def test_the_code_of_a_package_that_was_fetched_tells_when(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        await store_one(kiosk, "P")
        code = await kiosk.code_of("P")
        await pickup_by_typing(kiosk.player, code)
        kiosk.world.clock.ahead_ms += 10 * 60_000
        await type_code(kiosk, code)
        answer = await kiosk.player.until(Answer)
        assert answer.refused is not None
        assert answer.refused.reason is Refusal.ALREADY_PICKED_UP
        assert answer.refused.at_ms


async def test_just_after_the_pickup_the_same_code_opens_again(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        code = await kiosk.code_of("P")
        await pickup_by_typing(kiosk.player, code)
        await type_code(kiosk, code)
        assert (await kiosk.player.until(DoorOpen)).slot == slot
        question = await kiosk.player.until(Ask)
        assert question.slot == slot
        kiosk.player.do(Pressed(Choice.SOMETHING_INSIDE))
        await kiosk.player.until(Thanks)
        assert (await kiosk.slot(slot)).suspect is SuspectReason.MAY_HOLD_SOMETHING


async def test_a_site_may_ask_for_the_phone_digits(tmp_path: Path) -> None:
    policy = Policy(ask_phone_digits=True)
    async with running(World(tmp_path, policy=policy)) as kiosk:
        await kiosk.announce("P", "S", phone="+49 171 555 0199")
        kiosk.site.steel.close_after_s = 3.0
        await deposit(kiosk.player, COURIER_PIN, ["P"], scan=None)
        await type_code(kiosk, await kiosk.code_of("P"))
        await kiosk.player.until(EnterPhoneDigits)
        kiosk.player.do(Entered("0000"))
        again = await kiosk.player.until(EnterPhoneDigits, lambda view: view.refused is not None)
        assert again.refused is not None
        kiosk.player.do(Entered("0199"))
        await kiosk.player.until(DoorOpen)


async def test_a_package_scanned_twice_is_shown_with_its_slot(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("P"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        assert view.refused is not None
        assert (view.refused.reason, view.refused.detail) == (Refusal.ALREADY_HERE, slot)


@pytest.mark.parametrize("barcode", ["", "   ", "A\x03B", "x" * 161, "naïve"])
async def test_an_unusable_barcode_is_refused_and_nothing_opens(
    tmp_path: Path, barcode: str
) -> None:
    async with running(World(tmp_path)) as kiosk:
        await sign_in_courier(kiosk)
        kiosk.player.do(Entered(barcode))
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        assert view.refused is not None
        assert view.refused.reason is Refusal.UNREADABLE
        assert kiosk.world.pulses == 0


async def test_a_barcode_of_sql_is_only_a_barcode(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        await store_one(kiosk, "'); DROP TABLE package; --")
        assert await kiosk.code_of("'); DROP TABLE package; --")
        require_sound(kiosk.kiosk.store)


async def test_no_free_slot_is_said_by_size_before_anything_opens(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        for slot in kiosk.kiosk.location.slots:
            if slot.size == "L":
                await kiosk.kiosk.store.run(
                    slots.set_service, slot.label, Service.NO_DEPOSITS, "test", "staff:99"
                )
        await kiosk.announce("BIG", "L")
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("BIG"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        assert view.refused is not None
        assert (view.refused.reason, view.refused.detail) == (Refusal.NO_SLOT, "L")
        assert {size.name: size.free for size in view.sizes}["L"] == 0
        assert kiosk.world.pulses == 0


async def test_a_scan_while_a_door_is_open_is_the_next_package(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        await kiosk.announce("ONE", "S")
        await kiosk.announce("TWO", "M")
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("ONE"))
        first = await kiosk.player.until(DoorOpen)
        kiosk.player.do(Scanned("TWO"))
        view = await kiosk.player.until(DoorOpen, lambda view: view.next_barcode != "")
        assert (view.slot, view.next_barcode) == (first.slot, "TWO")
        kiosk.site.steel.close(first.slot)
        second = await kiosk.player.until(DoorOpen, lambda view: view.barcode == "TWO")
        assert second.slot != first.slot


async def test_a_jammed_door_keeps_the_package_and_its_code(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        code = await kiosk.code_of("P")
        kiosk.site.steel.jam(slot)
        await type_code(kiosk, code)
        for expects_more in (True, True, False):
            trouble = await kiosk.player.until(Trouble)
            assert trouble.problem is Problem.JAMMED
            assert trouble.reference
            assert (Choice.TRY_AGAIN in trouble.choices) is expects_more
            kiosk.player.do(Pressed(Choice.TRY_AGAIN if expects_more else Choice.DONE))
        await kiosk.player.until(First)
        assert (await kiosk.slot(slot)).service is Service.NO_DEPOSITS
        kiosk.site.steel.unjam(slot)
        kiosk.player.do(Scanned(qr_text("demo", code)))
        assert (await kiosk.player.until(DoorOpen)).slot == slot


async def test_a_door_that_jams_at_a_deposit_gives_another_slot(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        for label in kiosk.site.steel.doors:
            if kiosk.kiosk.location.slot(label).size == "S":
                kiosk.site.steel.jam(label)
                break
        await kiosk.announce("P", "S")
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("P"))
        trouble = await kiosk.player.until(Trouble)
        kiosk.player.do(Pressed(Choice.ANOTHER_SLOT))
        door = await kiosk.player.until(DoorOpen)
        assert door.slot != trouble.slot
        jammed = await kiosk.slot(trouble.slot)
        assert (jammed.status, jammed.service) == (SlotStatus.EMPTY, Service.NO_DEPOSITS)
        kiosk.site.steel.close(door.slot)
        await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


async def test_an_unplugged_board_is_said_and_its_package_stays(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        code = await kiosk.code_of("P")
        for line in kiosk.site.lines.values():
            line.is_plugged = False
        notice = await kiosk.player.until(First, lambda view: view.no_door_works)
        assert not {Choice.PICK_UP, Choice.COURIER} & set(notice.choices)
        assert {Choice.SERVICE, Choice.HELP} <= set(notice.choices)
        pulses = kiosk.world.pulses
        kiosk.player.do(Entered(code))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(Entered(code))
        trouble = await kiosk.player.until(Trouble)
        assert trouble.problem is Problem.UNREACHABLE
        assert kiosk.world.pulses == pulses
        assert (await kiosk.slot(slot)).status is SlotStatus.OCCUPIED
        assert not (await kiosk.slot(slot)).is_reachable
        kiosk.player.do(Pressed(Choice.DONE))
        for line in kiosk.site.lines.values():
            line.is_plugged = True
        back = await kiosk.player.until(First, lambda view: view.unreachable_boards == 0)
        assert Choice.PICK_UP in back.choices and not back.no_door_works
        kiosk.player.do(Entered(code))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(Entered(code))
        assert (await kiosk.player.until(DoorOpen)).slot == slot


async def test_when_the_wrong_door_opens_it_is_to_be_closed_and_both_are_in_doubt(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        other = next(label for label in kiosk.site.steel.doors if label != slot)
        kiosk.site.steel.close_after_s = None
        kiosk.site.steel.swap(slot, other)
        await type_code(kiosk, await kiosk.code_of("P"))
        trouble = await kiosk.player.until(Trouble)
        assert (trouble.problem, trouble.wrong_slot) == (Problem.WRONG_DOOR, other)
        kiosk.site.steel.close(other)
        await kiosk.player.until(Trouble, lambda view: Choice.DONE in view.choices)
        for label in (slot, other):
            assert (await kiosk.slot(label)).suspect is SuspectReason.WIRING


async def test_a_door_shut_at_once_asks_whether_the_package_was_taken(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        kiosk.site.steel.close_after_s = 0.5
        code = await kiosk.code_of("P")
        await type_code(kiosk, code)
        assert (await kiosk.player.until(Ask)).slot == slot
        kiosk.player.do(Pressed(Choice.NO))
        await kiosk.player.until(First)
        assert (await kiosk.slot(slot)).status is SlotStatus.SUSPECT
        kiosk.site.steel.close_after_s = 3.0
        kiosk.player.do(Entered(code))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(Entered(code))
        assert (await kiosk.player.until(Ask)).question is Question.OPEN_DOUBTFUL
        kiosk.player.do(Pressed(Choice.OPEN_DOOR))
        assert (await kiosk.player.until(Ask)).question is Question.WAS_IT_THERE
        kiosk.player.do(Pressed(Choice.YES))
        await kiosk.player.until(Thanks)
        assert (await kiosk.slot(slot)).status is SlotStatus.EMPTY


async def test_a_second_tap_on_one_question_does_not_answer_the_next(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        await kiosk.kiosk.store.run(slots.mark_suspect, slot, SuspectReason.MAY_BE_EMPTY, "test")
        await type_code(kiosk, await kiosk.code_of("P"))
        warning = await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.OPEN_DOOR))
        question = await kiosk.player.until(Ask, lambda view: view != warning)
        kiosk.kiosk.person.happened(Pressed(Choice.YES), warning)
        await asyncio.sleep(1)
        assert kiosk.kiosk.person.view == question


async def test_a_door_left_open_is_reminded_of_and_its_slot_is_in_doubt(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        kiosk.site.steel.close_after_s = None
        await type_code(kiosk, await kiosk.code_of("P"))
        await kiosk.player.until(DoorOpen)
        await kiosk.player.until(DoorOpen, lambda view: view.remind)
        await kiosk.player.until(Thanks, patience_s=400)
        assert (await kiosk.slot(slot)).status is SlotStatus.SUSPECT
        first = await kiosk.player.until(First)
        assert first.open_doors == (slot,)


def test_cancel_frees_the_slot_only_when_it_is_said_to_be_empty(
    tmp_path: Path,
) -> None:
    async def story(answer: Choice, folder: Path) -> SlotStatus:
        async with running(World(folder)) as kiosk:
            package = await kiosk.announce("P", "S")
            await sign_in_courier(kiosk)
            kiosk.player.do(Scanned("P"))
            door = await kiosk.player.until(DoorOpen)
            kiosk.player.do(Pressed(Choice.CANCEL))
            await kiosk.player.until(DoorOpen, lambda view: view.remind)
            kiosk.site.steel.close(door.slot)
            await kiosk.player.until(Ask)
            kiosk.player.do(Pressed(answer))
            await kiosk.player.until(ScanPackage)
            assert await kiosk.package_status(package) == "PENDING"
            require_sound(kiosk.kiosk.store)
            return (await kiosk.slot(door.slot)).status

    for answer, status in (
        (Choice.IT_IS_EMPTY, SlotStatus.EMPTY),
        (Choice.SOMETHING_INSIDE, SlotStatus.SUSPECT),
    ):
        folder = tmp_path / answer
        folder.mkdir()
        assert run_virtually(story(answer, folder)) is status


async def test_a_larger_slot_is_one_press_away(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        await kiosk.announce("P", "S")
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("P"))
        small = await kiosk.player.until(DoorOpen)
        kiosk.player.do(Pressed(Choice.LARGER_SLOT))
        await kiosk.player.until(DoorOpen, lambda view: view.remind)
        kiosk.site.steel.close(small.slot)
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        larger = await kiosk.player.until(DoorOpen)
        assert (await kiosk.slot(larger.slot)).size == "M"
        assert (await kiosk.slot(small.slot)).status is SlotStatus.EMPTY
        kiosk.site.steel.close(larger.slot)
        view = await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        assert view.stored is not None
        assert view.stored.slot == larger.slot


async def test_a_technician_takes_a_slot_out_of_service_and_puts_it_back(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        await kiosk.player.until(First)
        kiosk.player.do(Pressed(Choice.SERVICE))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Entered(TECHNICIAN_PIN))
        doors = await kiosk.player.until(Doors)
        assert {row.door for row in doors.doors} == {DoorState.CLOSED}
        kiosk.player.do(Chosen("7"))
        await kiosk.player.until(DoorPage)
        kiosk.player.do(Pressed(Choice.OUT_OF_SERVICE))
        reasons = await kiosk.player.until(ChooseReason)
        kiosk.player.do(Chosen(reasons.reasons[0]))
        page = await kiosk.player.until(DoorPage)
        assert page.row.service is Service.NO_DEPOSITS
        assert page.row.reason == reasons.reasons[0]
        assert "Robin" in page.row.by
        kiosk.player.do(Pressed(Choice.BACK_IN_SERVICE))
        page = await kiosk.player.until(DoorPage)
        assert page.row.service is Service.IN_SERVICE
        kiosk.player.do(Pressed(Choice.OPEN_DOOR))
        await kiosk.player.until(DoorOpen)
        kiosk.site.steel.close("7")
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        page = await kiosk.player.until(DoorPage)
        assert page.last_outcome == "OPENED"
        assert page.row.status is SlotStatus.EMPTY


async def test_a_courier_cannot_enter_maintenance_and_wrong_pins_have_to_wait(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path)) as kiosk:
        await kiosk.player.until(First)
        kiosk.player.do(Pressed(Choice.SERVICE))
        await kiosk.player.until(EnterPin)
        for _ in range(5):
            kiosk.player.do(Entered(COURIER_PIN))
            view = await kiosk.player.until(EnterPin)
            assert view.refused is not None
        assert view.wait_s > 0


async def test_a_door_forced_open_puts_its_slot_in_doubt(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        await kiosk.player.until(First)
        kiosk.site.steel.close_after_s = None
        kiosk.world.clock.loop.now_s += 60  # type: ignore[union-attr]
        kiosk.site.steel.open_by_force(slot)
        view = await kiosk.player.until(First, lambda view: view.open_doors == (slot,))
        assert view.open_doors == (slot,)
        assert (await kiosk.slot(slot)).suspect is SuspectReason.MAY_BE_EMPTY


async def test_a_door_that_springs_open_just_after_it_was_shut_has_not_latched(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        await kiosk.player.until(First)
        kiosk.site.steel.close_after_s = None
        kiosk.site.steel.open_by_force(slot)
        trouble = await kiosk.player.until(Trouble)
        assert (trouble.problem, trouble.slot) == (Problem.NOT_LATCHED, slot)
        kiosk.site.steel.close(slot)
        await kiosk.player.until(First, lambda view: view.open_doors == ())
        assert (await kiosk.slot(slot)).status is SlotStatus.OCCUPIED


async def test_a_latch_that_fails_three_times_takes_its_slot_out_of_service(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        await kiosk.player.until(First)
        kiosk.site.steel.close_after_s = None
        for _ in range(3):
            assert (await kiosk.slot(slot)).service is Service.IN_SERVICE
            kiosk.site.steel.open_by_force(slot)
            await kiosk.player.until(Trouble)
            kiosk.site.steel.close(slot)
            await kiosk.player.until(First, lambda view: view.open_doors == ())
        assert (await kiosk.slot(slot)).service is Service.NO_DEPOSITS
        assert (await kiosk.slot(slot)).status is SlotStatus.OCCUPIED


async def test_a_hold_that_is_over_can_still_be_fetched_late(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        slot = await store_one(kiosk, "P")
        code = await kiosk.code_of("P")
        assert await kiosk.serve_for(days=8) == 1
        assert await pickup_by_typing(kiosk.player, code) == slot


async def test_nothing_expires_while_the_clock_is_not_trusted(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        await store_one(kiosk, "P")
        kiosk.world.clock.ahead_ms += 30 * 24 * 3_600_000
        kiosk.world.clock.is_trusted = False
        assert await kiosk.kiosk.store.run(holds.expire_due) == 0


def test_wrong_tries_survive_a_restart(tmp_path: Path) -> None:
    async def guess() -> None:
        async with running(World(tmp_path)) as kiosk:
            for _ in range(5):
                await kiosk.kiosk.store.run(codes.check_code, kiosk.kiosk.code_policy, "000000000")

    async def again() -> None:
        async with running(World(tmp_path)) as kiosk:
            answer = await kiosk.kiosk.store.run(
                codes.check_code, kiosk.kiosk.code_policy, "000000000"
            )
            assert isinstance(answer, codes.Wait)

    run_virtually(guess())
    run_virtually(again())
