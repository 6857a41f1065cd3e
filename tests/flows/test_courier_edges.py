"""The courier's day to its last edge: what is due, undo, receipts, badges."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.flows.context import Policy
from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Question, Refusal, Refused
from kiosk.flows.views.courier import ChooseSize, Collection, Receipt, ScanPackage
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.service import Doors
from kiosk.flows.views.shared import Answer, Ask, DoorOpen, EnterPin
from kiosk.model.events import EventKind
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.person import Role, Staff, StaffSource
from kiosk.store import packages, slots, staff
from tests.support.flow_site import COURIER_PIN, STAFF, TECHNICIAN_PIN, Running
from tests.support.visits import expire_everything, fresh_kiosk, sign_in, store


async def test_what_nobody_fetched_is_taken_back_one_by_one(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        slots_used = [await store(kiosk, name) for name in ("ONE", "TWO", "THREE")]
        await expire_everything(kiosk)
        kiosk.player.do(Pressed(Choice.COLLECT))
        view = await kiosk.player.until(Collection)
        assert {row.barcode for row in view.due} == {"ONE", "TWO", "THREE"}
        first, second, third = view.due
        kiosk.player.do(Pressed(Choice.OPEN_NEXT))
        assert (await kiosk.player.until(DoorOpen)).slot == first.slot
        view = await kiosk.player.until(Collection)
        assert view.collected == 1
        kiosk.player.do(Pressed(Choice.SKIP))
        await kiosk.player.until(Collection, lambda view: len(view.due) == 1)
        kiosk.site.steel.close_after_s = None
        kiosk.player.do(Pressed(Choice.OPEN_NEXT))
        opened = await kiosk.player.until(DoorOpen)
        assert opened.slot == third.slot
        assert opened.free == tuple(
            (size.name, size.free) for size in await kiosk.kiosk.size_offers()
        )
        kiosk.player.do(Pressed(Choice.NOTHING_INSIDE))
        assert (await kiosk.player.until(Ask)).question is Question.WAS_IT_EMPTY
        kiosk.player.do(Pressed(Choice.YES))
        await kiosk.player.until(DoorOpen, lambda view: view.remind)
        kiosk.site.steel.close(third.slot)
        await kiosk.player.until(ScanPackage)
        assert set(slots_used) == {first.slot, second.slot, third.slot}
        assert (await kiosk.slot(first.slot)).status is SlotStatus.EMPTY
        assert (await kiosk.slot(second.slot)).status is SlotStatus.OCCUPIED
        assert (await kiosk.slot(third.slot)).status is SlotStatus.EMPTY
        rows = await kiosk.kiosk.store.run(
            lambda writer: writer.all("SELECT barcode, status FROM package")
        )
        status = {row["barcode"]: row["status"] for row in rows}
        assert status[first.barcode] == "COLLECTED"
        assert status[second.barcode] == "EXPIRED"
        assert status[third.barcode] == "MISSING"


async def test_a_receipt_lists_every_package_and_waits_when_it_was_not_seen(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        one = await store(kiosk, "ONE")
        question = await kiosk.player.until(Ask, patience_s=200)
        assert question.question is Question.NEED_MORE_TIME
        await kiosk.player.until(First, lambda view: Choice.COURIER in view.choices, 900)
        await sign_in(kiosk)
        receipt = await kiosk.player.until(Receipt)
        assert [(line.kind, line.barcode, line.slot) for line in receipt.lines] == [
            (EventKind.PACKAGE_STORED, "ONE", one)
        ]
        assert receipt.lines[0].at_ms
        kiosk.player.do(Pressed(Choice.DONE))
        two = await store(kiosk, "TWO")
        kiosk.player.do(Pressed(Choice.DONE))
        receipt = await kiosk.player.until(Receipt)
        assert [(line.barcode, line.slot) for line in receipt.lines] == [("TWO", two)]
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        await sign_in(kiosk)
        await kiosk.player.until(ScanPackage)


async def test_a_receipt_shows_no_time_while_the_clock_is_not_trusted(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        kiosk.world.clock.is_trusted = False
        await store(kiosk, "ONE")
        kiosk.player.do(Pressed(Choice.DONE))
        assert (await kiosk.player.until(Receipt)).lines[0].at_ms is None


@pytest.mark.parametrize(
    ("answer", "status", "package"),
    [
        (Choice.IT_IS_EMPTY, SlotStatus.EMPTY, "PENDING"),
        (Choice.STILL_THERE, SlotStatus.OCCUPIED, "STORED"),
        (None, SlotStatus.SUSPECT, "STORED"),
    ],
)
async def test_the_last_deposit_can_be_undone(
    tmp_path: Path, answer: Choice | None, status: SlotStatus, package: str
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        slot = await store(kiosk, "ONE")
        kiosk.player.do(Pressed(Choice.UNDO_LAST))
        assert (await kiosk.player.until(DoorOpen)).slot == slot
        await kiosk.player.until(Ask)
        if answer is not None:
            kiosk.player.do(Pressed(answer))
        view = await kiosk.player.until(ScanPackage)
        assert view.undone is (answer is Choice.IT_IS_EMPTY)
        assert Choice.UNDO_LAST not in view.choices
        assert (await kiosk.slot(slot)).status is status
        found = await kiosk.kiosk.store.run(packages.live_by_barcode, "ONE")
        assert found is not None
        assert found.status == package


async def test_an_undone_package_that_nobody_announced_is_forgotten_and_may_come_again(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        kiosk.site.steel.close_after_s = 3.0
        for _ in range(2):
            kiosk.player.do(Scanned("UNKNOWN"))
            await kiosk.player.until(ChooseSize)
            kiosk.player.do(Chosen("S"))
            await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
            kiosk.player.do(Pressed(Choice.UNDO_LAST))
            await kiosk.player.until(Ask)
            kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
            await kiosk.player.until(ScanPackage, lambda view: view.undone)
        assert await kiosk.kiosk.store.run(packages.live_by_barcode, "UNKNOWN") is None


async def fill(kiosk: Running, size: str) -> list[str]:
    """Take every slot out of the allocator's hands; the higher ones of a size."""
    labels = [slot.label for slot in kiosk.kiosk.location.slots]
    for label in labels:
        await kiosk.kiosk.store.run(
            slots.set_service, label, Service.NO_DEPOSITS, "test", "staff:99"
        )
    location = kiosk.kiosk.location
    return [slot.label for slot in location.slots if slot.size == size and not slot.is_low]


async def test_when_full_a_slot_in_doubt_is_looked_into_and_used(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        usable, *_ = await fill(kiosk, "L")
        await kiosk.kiosk.store.run(slots.set_service, usable, Service.IN_SERVICE, "", "staff:99")
        await kiosk.kiosk.store.run(slots.mark_suspect, usable, SuspectReason.MAY_BE_EMPTY, "test")
        await kiosk.announce("BIG", "L")
        await sign_in(kiosk)
        await kiosk.player.until(ScanPackage)
        kiosk.player.do(Scanned("BIG"))
        question = await kiosk.player.until(Ask)
        assert (question.question, question.slot) == (Question.NO_SLOT, usable)
        kiosk.player.do(Pressed(Choice.LOOK_INSIDE))
        await kiosk.player.until(DoorOpen)
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        await kiosk.player.until(DoorOpen, lambda view: view.remind)
        kiosk.site.steel.close(usable)
        again = await kiosk.player.until(DoorOpen, lambda view: view.barcode == "BIG")
        assert again.slot == usable
        kiosk.site.steel.close(usable)
        await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


async def test_when_full_the_expired_ones_are_taken_first(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        old = await store(kiosk, "OLD", "L")
        for label in (slot.label for slot in kiosk.kiosk.location.slots):
            if label != old:
                await kiosk.kiosk.store.run(
                    slots.set_service, label, Service.NO_DEPOSITS, "test", "staff:99"
                )
        await expire_everything(kiosk)
        await kiosk.announce("NEW", "L")
        kiosk.player.do(Scanned("NEW"))
        question = await kiosk.player.until(Ask)
        assert Choice.COLLECT in question.choices
        kiosk.player.do(Pressed(Choice.COLLECT))
        await kiosk.player.until(Collection)
        kiosk.player.do(Pressed(Choice.OPEN_NEXT))
        view = await kiosk.player.until(DoorOpen, lambda view: view.barcode == "NEW")
        assert view.slot == old


async def test_a_package_of_the_machine_gets_a_new_code_from_staff(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path, Policy(show_code_to_courier=True)) as kiosk:
        await sign_in(kiosk)
        await store(kiosk, "ONE")
        old = await kiosk.code_of("ONE")
        kiosk.player.do(Scanned("ONE"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        assert Choice.REISSUE_CODE in view.choices
        kiosk.player.do(Pressed(Choice.REISSUE_CODE))
        await kiosk.player.until(ScanPackage)
        new = await kiosk.code_of("ONE")
        assert new[:3] == old[:3]
        assert new != old


async def test_a_slot_that_is_not_empty_is_kept_from_everybody_and_another_is_given(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await kiosk.announce("ONE", "S")
        await sign_in(kiosk)
        await kiosk.player.until(ScanPackage)
        kiosk.player.do(Scanned("ONE"))
        first = await kiosk.player.until(DoorOpen)
        kiosk.player.do(Pressed(Choice.SOMETHING_INSIDE))
        await kiosk.player.until(DoorOpen, lambda view: view.remind)
        kiosk.site.steel.close(first.slot)
        second = await kiosk.player.until(DoorOpen, lambda view: view.slot != first.slot)
        kiosk.site.steel.close(second.slot)
        await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        record = await kiosk.slot(first.slot)
        assert record.suspect is SuspectReason.MAY_HOLD_ANOTHERS
        assert (await kiosk.slot(second.slot)).barcode == "ONE"


async def test_a_door_with_a_fault_goes_out_of_service_and_another_is_given(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await kiosk.announce("ONE", "S")
        await sign_in(kiosk)
        await kiosk.player.until(ScanPackage)
        kiosk.player.do(Scanned("ONE"))
        first = await kiosk.player.until(DoorOpen)
        kiosk.player.do(Pressed(Choice.DOOR_FAULT))
        await kiosk.player.until(DoorOpen, lambda view: view.remind)
        kiosk.site.steel.close(first.slot)
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        second = await kiosk.player.until(DoorOpen, lambda view: view.slot != first.slot)
        assert second.barcode == "ONE"
        record = await kiosk.slot(first.slot)
        assert (record.status, record.service) == (SlotStatus.EMPTY, Service.NO_DEPOSITS)


# --- staff ---------------------------------------------------------------------------------------


@asynccontextmanager
async def with_staff(folder: Path, person: Staff) -> AsyncIterator[Running]:
    async with fresh_kiosk(folder) as kiosk:
        await kiosk.kiosk.store.run(staff.list_staff, [person], person.source)
        yield kiosk


BADGED = replace(STAFF["11"], number="12", badge_hash="s3cret", source=StaffSource.SERVER)


async def test_a_badge_on_the_first_screen_signs_in(tmp_path: Path) -> None:
    async with with_staff(tmp_path, replace(BADGED, listed_ms=kiosk_now_ms())) as kiosk:
        kiosk.player.do(Scanned("PKS:12:s3cret"))
        assert (await kiosk.player.until(ScanPackage)).name == "Kim"


def kiosk_now_ms() -> int:
    from tests.support.flow_site import START_MS

    return START_MS


@pytest.mark.parametrize("badge", ["PKS:12:wrong", "PKS:11:anything", "PKS:77:s3cret"])
async def test_a_wrong_badge_is_refused_and_counted(tmp_path: Path, badge: str) -> None:
    async with with_staff(tmp_path, replace(BADGED, listed_ms=kiosk_now_ms())) as kiosk:
        kiosk.player.do(Scanned(badge))
        answer = await kiosk.player.until(Answer)
        assert answer.refused is not None
        assert answer.refused.reason is Refusal.NOT_ALLOWED
        events = await kiosk.kiosk.store.run(
            lambda writer: writer.all("SELECT 1 FROM journal WHERE kind = 'STAFF_REFUSED'")
        )
        assert len(events) == 1


@pytest.mark.parametrize(
    ("role", "age_hours", "is_let_in"),
    [
        (Role.COURIER, 167, True),
        (Role.COURIER, 169, False),
        (Role.TECHNICIAN, 9_000, True),
    ],
)
async def test_the_servers_list_ages_for_couriers_only(
    tmp_path: Path, role: Role, age_hours: int, is_let_in: bool
) -> None:
    person = replace(BADGED, role=role, listed_ms=kiosk_now_ms() - age_hours * 3_600_000)

    async with with_staff(tmp_path, person) as kiosk:
        kiosk.player.do(Scanned("PKS:12:s3cret"))
        if not is_let_in:
            await kiosk.player.until(Answer)
        elif role is Role.TECHNICIAN:
            await kiosk.player.until(EnterPin, lambda view: view.after_badge)
            kiosk.player.do(Entered("124711"))
            await kiosk.player.until(Doors)
        else:
            await kiosk.player.until(ScanPackage)


async def test_validity_dates_are_kept(tmp_path: Path) -> None:
    person = replace(BADGED, valid_until_ms=kiosk_now_ms() - 1, source=StaffSource.CONFIG)

    async with with_staff(tmp_path, person) as kiosk:
        kiosk.player.do(Scanned("PKS:12:s3cret"))
        await kiosk.player.until(Answer)


async def test_every_visit_is_in_the_journal_by_person(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await store(kiosk, "ONE")
        rows = await kiosk.kiosk.store.run(
            lambda writer: writer.all("SELECT kind, body FROM journal WHERE body LIKE '%11%'")
        )
        kinds = {row["kind"] for row in rows if '"staff:11"' in row["body"]}
        assert {"SLOT_RESERVED", "PACKAGE_STORED"} <= kinds
        assert any(row["kind"] == "STAFF_SIGNED_IN" for row in rows)


# --- somebody else in between -----------------------------------------------------------------


async def test_a_customer_is_let_in_and_the_run_goes_on_where_it_was(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        slot = await store(kiosk, "ONE")
        code = await kiosk.code_of("ONE")
        kiosk.player.do(Pressed(Choice.LET_SOMEONE_IN))
        first = await kiosk.player.until(First)
        assert first.choices == (Choice.PICK_UP, Choice.RESUME, Choice.HELP)
        kiosk.player.do(Scanned("TWO"))
        refused = (await kiosk.player.until(Answer)).refused
        assert refused is not None and refused.reason is Refusal.NOT_KNOWN
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        kiosk.player.do(Entered(code[:1]))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(Entered(code))
        assert (await kiosk.player.until(DoorOpen)).slot == slot
        await kiosk.player.until(Thanks)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        kiosk.player.do(Pressed(Choice.RESUME))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Entered(COURIER_PIN))
        view = await kiosk.player.until(ScanPackage)
        assert view.stored_count == 1


async def test_a_locked_run_is_taken_over_by_nobody_and_ends_by_itself(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await store(kiosk, "ONE")
        kiosk.player.do(Pressed(Choice.LET_SOMEONE_IN))
        await kiosk.player.until(First)
        kiosk.player.do(Pressed(Choice.RESUME))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Entered(TECHNICIAN_PIN))
        refused = (await kiosk.player.until(Answer)).refused
        assert refused is not None and refused.reason is Refusal.NOT_ALLOWED
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        await kiosk.player.until(First, lambda view: Choice.COURIER in view.choices, 200)
        await sign_in(kiosk)
        assert len((await kiosk.player.until(Receipt)).lines) == 1


async def test_a_badge_scanned_during_a_run_ends_it(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await store(kiosk, "ONE")
        kiosk.player.do(Scanned("PKS:11:WHATEVER"))
        assert len((await kiosk.player.until(Receipt)).lines) == 1
        assert await kiosk.kiosk.store.run(packages.live_by_barcode, "PKS:11:WHATEVER") is None


async def test_a_badge_scanned_while_a_door_is_open_ends_the_run_after_it(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        kiosk.site.steel.close_after_s = None
        await kiosk.announce("ONE")
        kiosk.player.do(Scanned("ONE"))
        slot = (await kiosk.player.until(DoorOpen)).slot
        kiosk.player.do(Scanned("PKS:11:WHATEVER"))
        await kiosk.player.until(DoorOpen)
        kiosk.site.steel.close(slot)
        assert [line.barcode for line in (await kiosk.player.until(Receipt)).lines] == ["ONE"]


# --- a label that reads badly -------------------------------------------------------------------


async def test_a_wrong_check_digit_is_said_and_the_same_read_again_is_taken(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await kiosk.announce("RR473129084DE")
        kiosk.player.do(Scanned("RR473129084DE", seems_misread=True))
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        assert view.refused == Refused(Refusal.MISREAD, "RR473129084DE")
        kiosk.player.do(Scanned("RR473129084DE", seems_misread=True))
        await kiosk.player.until(DoorOpen)


async def test_after_another_scan_a_wrong_check_digit_is_said_again(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        bad = Scanned("RR473129084DE", seems_misread=True)
        kiosk.player.do(bad)
        await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        await store(kiosk, "ONE")
        kiosk.player.do(bad)
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        assert view.refused == Refused(Refusal.MISREAD, bad.text)


async def test_a_misread_while_a_door_is_open_is_said_when_its_turn_comes(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        kiosk.site.steel.close_after_s = None
        await kiosk.announce("ONE")
        kiosk.player.do(Scanned("ONE"))
        slot = (await kiosk.player.until(DoorOpen)).slot
        kiosk.player.do(Scanned("RR473129084DE", seems_misread=True))
        await kiosk.player.until(DoorOpen, lambda view: view.next_barcode == "RR473129084DE")
        kiosk.site.steel.close(slot)
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        assert view.refused == Refused(Refusal.MISREAD, "RR473129084DE")
        assert view.stored_count == 1
