"""A session that nobody touches locks, and goes on where it was; a customer is served meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.door import DoorChange, DoorState
from kiosk.flows.events import Chosen, Entered, Preference, Pressed, Scanned, Stirred
from kiosk.flows.person import ACCESS_PACE
from kiosk.flows.views.choices import Choice, Question
from kiosk.flows.views.courier import ChooseSize, Collection, Receipt, ScanPackage
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.service import DoorPage, Doors, Machine
from kiosk.flows.views.shared import Answer, Ask, DoorOpen, EnterPin, View
from kiosk.model.location import Service, SlotStatus
from kiosk.model.person import Role, StaffSource
from kiosk.model.pickup_code import qr_text
from kiosk.store import slots, staff
from tests.support.flow_site import COURIER_PIN, STAFF, TECHNICIAN_PIN, Running
from tests.support.stories.people import press, sign_in_technician
from tests.support.visits import expire_everything, fresh_kiosk, sign_in, store

LOCKED = (Choice.PICK_UP, Choice.RESUME, Choice.HELP)
PATIENCE_S = 400.0


def now_s(kiosk: Running) -> float:
    return kiosk.kiosk.clock.now().monotonic_ms / 1000


async def warned(kiosk: Running) -> Ask:
    view = await kiosk.player.until(Ask, patience_s=PATIENCE_S)
    assert view.question is Question.NEED_MORE_TIME
    return view


async def locked(kiosk: Running) -> First:
    """Nobody touches anything until the screen is locked, after a warning."""
    await warned(kiosk)
    view = await kiosk.player.until(First, patience_s=PATIENCE_S)
    assert view.choices == LOCKED
    return view


async def resume(kiosk: Running, pin: str) -> None:
    kiosk.player.do(Pressed(Choice.RESUME))
    await kiosk.player.until(EnterPin, lambda view: view.for_anyone)
    kiosk.player.do(Entered(pin))


async def on_the_page_of(kiosk: Running, slot: str) -> DoorPage:
    await sign_in_technician(kiosk)
    kiosk.player.do(Chosen(slot))
    return await kiosk.player.until(DoorPage)


async def test_a_technicians_session_locks_and_goes_on_on_the_same_page(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await on_the_page_of(kiosk, "9")
        began_s, policy = now_s(kiosk), kiosk.kiosk.policy
        await locked(kiosk)
        assert policy.technician_lock_s <= now_s(kiosk) - began_s <= policy.technician_lock_s + 1
        kiosk.player.do(Chosen("3"))
        kiosk.player.do(Pressed(Choice.OPEN_DOOR))
        await resume(kiosk, TECHNICIAN_PIN)
        assert (await kiosk.player.until(DoorPage)).row.slot == "9"
        assert kiosk.world.pulses == 0


async def test_a_technician_resumes_by_badge_only_with_the_pin(tmp_path: Path) -> None:
    person = replace(STAFF["99"], number="98", badge_hash="SAM", source=StaffSource.INIT)

    async with fresh_kiosk(tmp_path) as kiosk:
        await kiosk.kiosk.store.run(staff.list_staff, [person], StaffSource.INIT)
        kiosk.player.do(Scanned("PKS:98:SAM"))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Entered("988080"))
        await kiosk.player.until(Doors)
        await press(kiosk, Choice.MACHINE, Machine)
        await locked(kiosk)
        kiosk.player.do(Scanned("PKS:98:SAM"))
        view = await kiosk.player.until(View, lambda view: isinstance(view, EnterPin | Machine))
        assert isinstance(view, EnterPin)
        kiosk.player.do(Entered("988080"))
        await kiosk.player.until(Machine)


async def test_a_couriers_run_locks_and_goes_on_by_badge(tmp_path: Path) -> None:
    person = replace(STAFF["11"], number="12", badge_hash="KIM", source=StaffSource.INIT)

    async with fresh_kiosk(tmp_path) as kiosk:
        await kiosk.kiosk.store.run(staff.list_staff, [person], StaffSource.INIT)
        kiosk.player.do(Scanned("PKS:12:KIM"))
        await store(kiosk, "ONE")
        began_s, policy = now_s(kiosk), kiosk.kiosk.policy
        await locked(kiosk)
        assert policy.courier_lock_s <= now_s(kiosk) - began_s <= policy.courier_lock_s + 1
        kiosk.player.do(Scanned("PKS:12:KIM"))
        assert (await kiosk.player.until(ScanPackage)).stored_count == 1


async def test_who_says_yes_or_stirs_is_not_locked_out(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await kiosk.player.until(ScanPackage)
        for _ in range(5):
            await warned(kiosk)
            kiosk.player.do(Pressed(Choice.YES))
            await kiosk.player.until(ScanPackage)
        began_s = now_s(kiosk)
        for _ in range(5):
            await asyncio.sleep(30)
            kiosk.player.do(Stirred())
        await warned(kiosk)
        assert now_s(kiosk) - began_s >= 5 * 30 + 60 - kiosk.kiosk.policy.warn_s - 1
        kiosk.player.do(Scanned("SCANNED-AT-THE-WARNING"))
        await kiosk.player.until(ChooseSize)


async def test_a_press_on_the_warning_is_none_on_the_page_that_it_hides(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await kiosk.player.until(ScanPackage)
        for hidden in (Pressed(Choice.DONE), Entered("P"), Chosen("M")):
            await warned(kiosk)
            kiosk.player.do(hidden)
            await kiosk.player.until(ScanPackage)
            await asyncio.sleep(1)
            assert isinstance(kiosk.kiosk.person.view, ScanPackage)


@pytest.mark.parametrize("pin", ["117777", "997777", "12", ""])
async def test_a_wrong_pin_resumes_nothing(tmp_path: Path, pin: str) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await on_the_page_of(kiosk, "9")
        await locked(kiosk)
        await resume(kiosk, pin)
        await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
        await press(kiosk, Choice.BACK, First)
        await resume(kiosk, TECHNICIAN_PIN)
        await kiosk.player.until(DoorPage)


async def test_what_was_asked_is_asked_again(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        kiosk.player.do(Scanned("NOBODY-ANNOUNCED"))
        await kiosk.player.until(ChooseSize)
        await locked(kiosk)
        await resume(kiosk, COURIER_PIN)
        assert (await kiosk.player.until(ChooseSize)).barcode == "NOBODY-ANNOUNCED"
        kiosk.site.steel.close_after_s = 3.0
        kiosk.player.do(Chosen("S"))
        await kiosk.player.until(ScanPackage, lambda view: view.stored_count == 1)


async def test_a_session_is_not_locked_while_a_door_is_open(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await kiosk.announce("ONE")
        await sign_in(kiosk)
        kiosk.site.steel.close_after_s = None
        kiosk.player.do(Scanned("ONE"))
        slot = (await kiosk.player.until(DoorOpen)).slot
        await asyncio.sleep(kiosk.kiosk.policy.give_up_after_s - 5)
        assert isinstance(kiosk.kiosk.person.view, DoorOpen)
        kiosk.site.steel.close(slot)
        view = await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        assert view.stored is not None
        assert view.stored.slot == slot
        assert (await kiosk.slot(slot)).status is SlotStatus.OCCUPIED
        await locked(kiosk)


async def test_a_loose_sensor_keeps_no_session_unlocked(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in_technician(kiosk)
        before, after = DoorState.CLOSED, DoorState.OPEN
        for _ in range(6):
            await asyncio.sleep(50)
            kiosk.kiosk.person.happened(DoorChange("5", before, after, now_s(kiosk)))
            before, after = after, before
        assert isinstance(kiosk.kiosk.person.view, First)


async def test_a_door_that_was_left_open_locks_in_the_end(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await on_the_page_of(kiosk, "9")
        kiosk.player.do(Pressed(Choice.OPEN_DOOR))
        await kiosk.player.until(DoorOpen)
        await kiosk.player.until(First, patience_s=900)


@pytest.mark.parametrize("is_asked", [False, True])
async def test_a_customer_is_served_at_a_locked_session(tmp_path: Path, is_asked: bool) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        slot = await store(kiosk, "ONE")
        if is_asked:
            kiosk.player.do(Scanned("TWO"))
            await kiosk.player.until(ChooseSize)
        await locked(kiosk)
        kiosk.player.do(Preference("de"))
        await kiosk.player.until(First, lambda view: view.preference.language == "de")
        code = await kiosk.code_of("ONE")
        kiosk.player.do(Pressed(Choice.PICK_UP))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(Entered(code))
        assert (await kiosk.player.until(DoorOpen)).slot == slot
        await kiosk.player.until(Thanks)
        await press(kiosk, Choice.DONE, First)
        kiosk.player.do(Scanned(qr_text("demo", code)))
        await kiosk.player.until(View, lambda view: isinstance(view, Answer | DoorOpen | Thanks))
        view = await kiosk.player.until(First, patience_s=PATIENCE_S)
        assert view.preference == Preference()
        await resume(kiosk, COURIER_PIN)
        assert (await kiosk.player.until(ScanPackage)).stored_count == 1


@pytest.mark.parametrize("scanned", ["a pickup code", "another package"])
async def test_what_was_scanned_ahead_opens_no_door_once_its_owner_has_gone(
    tmp_path: Path, scanned: str
) -> None:
    """A door that opened for it would stand open for anybody."""
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await store(kiosk, "ONE")
        for barcode in ("TWO", "THREE"):
            await kiosk.announce(barcode)
        code = await kiosk.code_of("ONE")
        ahead = qr_text("demo", code) if scanned == "a pickup code" else "THREE"
        kiosk.site.steel.close_after_s = None
        kiosk.player.do(Scanned("TWO"))
        slot = (await kiosk.player.until(DoorOpen)).slot
        kiosk.player.do(Scanned(ahead))
        await kiosk.player.until(DoorOpen, lambda view: view.next_barcode == ahead)
        kiosk.player.do(Pressed(Choice.CANCEL))
        await kiosk.player.until(DoorOpen)
        kiosk.site.steel.close(slot)
        await kiosk.player.until(Ask, lambda view: Choice.IT_IS_EMPTY in view.choices)
        await warned(kiosk)
        after = await kiosk.player.until(
            View, lambda view: isinstance(view, DoorOpen | ScanPackage | First), PATIENCE_S
        )
        assert not isinstance(after, DoorOpen)


async def test_what_was_scanned_ahead_opens_no_door_where_one_was_left_open(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        for barcode in ("ONE", "TWO"):
            await kiosk.announce(barcode)
        kiosk.site.steel.close_after_s = None
        kiosk.player.do(Scanned("ONE"))
        slot = (await kiosk.player.until(DoorOpen)).slot
        kiosk.player.do(Scanned("TWO"))
        await kiosk.player.until(DoorOpen, lambda view: view.next_barcode == "TWO")
        after = await kiosk.player.until(
            View,
            lambda view: (
                isinstance(view, ScanPackage | First)
                or (isinstance(view, DoorOpen) and view.slot != slot)
            ),
            PATIENCE_S,
        )
        assert not isinstance(after, DoorOpen)


async def test_somebody_else_ends_a_locked_session_by_signing_in(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await store(kiosk, "ONE")
        await locked(kiosk)
        await resume(kiosk, TECHNICIAN_PIN)
        await kiosk.player.until(Doors)
        ended = await kiosk.kiosk.store.run(
            lambda writer: writer.all("SELECT body FROM journal WHERE kind = 'VISIT_ENDED'")
        )
        assert ['"staff:11"' in row["body"] for row in ended] == [True]
        await press(kiosk, Choice.DONE, First)
        # Nothing of the run is lost: its receipt waits.
        await sign_in(kiosk)
        assert len((await kiosk.player.until(Receipt)).lines) == 1


async def test_a_locked_session_ends_when_nobody_comes_back(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await on_the_page_of(kiosk, "9")
        await locked(kiosk)
        began_s, policy = now_s(kiosk), kiosk.kiosk.policy
        await kiosk.player.until(First, lambda view: Choice.SERVICE in view.choices, 700)
        assert now_s(kiosk) - began_s <= policy.locked_session_s + 1
        await press(kiosk, Choice.SERVICE, EnterPin)


async def test_the_access_mode_has_more_time_and_is_there_again_after_the_lock(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        mine = Preference("de", is_access=True)
        await sign_in(kiosk)
        await kiosk.player.until(ScanPackage)
        kiosk.player.do(mine)
        began_s, policy = now_s(kiosk), kiosk.kiosk.policy
        assert (await warned(kiosk)).wait_s == policy.warn_s * ACCESS_PACE
        view = await kiosk.player.until(First, patience_s=PATIENCE_S)
        assert now_s(kiosk) - began_s >= policy.courier_lock_s * ACCESS_PACE
        assert view.preference == Preference(), "the next person chooses for themselves"
        await resume(kiosk, COURIER_PIN)
        assert (await kiosk.player.until(ScanPackage)).preference == mine
        assert kiosk.kiosk.person.preference == mine


SERVER_LISTS = StaffSource.SERVER


async def test_a_courier_who_is_removed_does_nothing_more_and_is_signed_out(tmp_path: Path) -> None:
    person = replace(STAFF["11"], number="12", source=SERVER_LISTS)
    async with fresh_kiosk(tmp_path) as kiosk:
        submit = kiosk.kiosk.store.submit
        person = replace(person, listed_ms=kiosk.kiosk.clock.now().wall_ms)
        staff.take_server_list(staff.ListChange(1, 2, True, [person]), submit)
        await sign_in(kiosk, f"12{COURIER_PIN[2:]}")
        await store(kiosk, "ONE")
        pulses = kiosk.world.pulses
        staff.take_server_list(staff.ListChange(2, 2, False, [], ["12"]), submit)
        kiosk.player.do(Scanned("TWO"))
        view = await kiosk.player.until(First)
        assert Choice.COURIER in view.choices
        assert kiosk.world.pulses == pulses
        assert submit(staff.member, "12").result() is None


async def test_who_is_removed_while_a_door_is_open_ends_what_was_begun(tmp_path: Path) -> None:
    person = replace(STAFF["11"], number="12", source=SERVER_LISTS)
    async with fresh_kiosk(tmp_path) as kiosk:
        submit = kiosk.kiosk.store.submit
        person = replace(person, listed_ms=kiosk.kiosk.clock.now().wall_ms)
        staff.take_server_list(staff.ListChange(1, 2, True, [person]), submit)
        await sign_in(kiosk, f"12{COURIER_PIN[2:]}")
        kiosk.player.do(Scanned("ONE"))
        await kiosk.player.until(ChooseSize)
        kiosk.player.do(Chosen("S"))
        door = await kiosk.player.until(DoorOpen)
        staff.take_server_list(staff.ListChange(2, 2, False, [], ["12"]), submit)
        kiosk.site.steel.close(door.slot)
        await kiosk.player.until(ScanPackage)
        assert (await kiosk.slot(door.slot)).status is SlotStatus.OCCUPIED
        kiosk.player.do(Scanned("TWO"))
        view = await kiosk.player.until(First)
        assert Choice.COURIER in view.choices


@pytest.mark.parametrize("change", [{"pin_hash": "another"}, {"role": "courier"}])
async def test_a_technician_who_is_listed_otherwise_signs_in_again(
    tmp_path: Path, change: dict[str, str]
) -> None:
    person = replace(STAFF["99"], number="98", source=SERVER_LISTS)
    async with fresh_kiosk(tmp_path) as kiosk:
        submit = kiosk.kiosk.store.submit
        staff.take_server_list(staff.ListChange(1, 2, True, [person]), submit)
        kiosk.player.do(Pressed(Choice.SERVICE))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Entered(f"98{TECHNICIAN_PIN[2:]}"))
        await kiosk.player.until(Doors)
        changed = replace(person, **change)  # type: ignore[arg-type]
        changed = replace(changed, role=Role(changed.role))
        staff.take_server_list(staff.ListChange(2, 2, False, [changed]), submit)
        kiosk.player.do(Chosen("9"))
        view = await kiosk.player.until(View, lambda view: isinstance(view, First | DoorPage))
        assert isinstance(view, First)


async def test_a_number_of_four_digits_signs_in_and_a_shorter_one_with_zeros_in_front(
    tmp_path: Path,
) -> None:
    long, short = (
        replace(STAFF["11"], number=each, source=SERVER_LISTS) for each in ("1234", "12")
    )
    secret = COURIER_PIN[2:]
    async with fresh_kiosk(tmp_path) as kiosk:
        submit, now_ms = kiosk.kiosk.store.submit, kiosk.kiosk.clock.now().wall_ms
        people = [replace(each, listed_ms=now_ms) for each in (long, short)]
        staff.take_server_list(staff.ListChange(1, 4, True, people), submit)
        for typed in ("1234", "0012", "0011"):
            kiosk.player.do(Pressed(Choice.COURIER))
            view = await kiosk.player.until(EnterPin)
            assert view.number_digits == 4
            kiosk.player.do(Entered(typed + secret))
            await kiosk.player.until(ScanPackage)
            kiosk.player.do(Pressed(Choice.DONE))
            await kiosk.player.until(First)
        kiosk.player.do(Pressed(Choice.COURIER))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Entered(f"4321{secret}"))
        refused = await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
        assert refused.refused is not None


async def test_nothing_opens_for_whoever_is_gone_when_somebody_else_takes_over_a_full_bank(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        old = [await store(kiosk, "OLD 1", "L"), await store(kiosk, "OLD 2", "L")]
        for label in (slot.label for slot in kiosk.kiosk.location.slots):
            if label not in old:
                await kiosk.kiosk.store.run(
                    slots.set_service, label, Service.NO_DEPOSITS, "test", "staff:99"
                )
        await expire_everything(kiosk)
        announced = await kiosk.announce("NEW", "L")
        kiosk.player.do(Scanned("NEW"))
        await kiosk.player.until(Ask)
        await press(kiosk, Choice.COLLECT, Collection)
        kiosk.player.do(Pressed(Choice.OPEN_NEXT))
        await kiosk.player.until(Collection, lambda view: view.collected == 1)
        pulses = kiosk.world.pulses
        await locked(kiosk)
        await resume(kiosk, TECHNICIAN_PIN)
        await kiosk.player.until(Doors)
        assert kiosk.world.pulses == pulses
        assert await kiosk.package_status(announced) == "PENDING"
