"""A slot of which nobody knows what is inside: rounds, looks, moves, what was found."""

from __future__ import annotations

from pathlib import Path

from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Problem, Question, Refusal
from kiosk.flows.views.courier import Receipt
from kiosk.flows.views.customer import First
from kiosk.flows.views.service import ChooseReason, DoorPage, Doors, Round, ScanInside
from kiosk.flows.views.shared import Ask, DoorOpen, EnterPin, Trouble
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.store import packages, slots
from tests.support.flow_site import Running
from tests.support.stories.people import press, prove
from tests.support.visits import fresh_kiosk, sign_in, store


async def in_doubt(kiosk: Running, slot: str, reason: SuspectReason) -> None:
    await kiosk.kiosk.store.run(slots.mark_suspect, slot, reason, "test")


async def technician_at(kiosk: Running) -> Doors:
    kiosk.player.do(Pressed(Choice.SERVICE))
    await kiosk.player.until(EnterPin)
    kiosk.player.do(Entered("998080"))
    return await kiosk.player.until(Doors)


async def open_to_look(kiosk: Running, slot: str) -> None:
    """From the list of doors to the open door of a slot."""
    kiosk.site.steel.close_after_s = None
    kiosk.player.do(Chosen(slot))
    await kiosk.player.until(DoorPage)
    await prove(kiosk, Choice.LOOK_INSIDE, DoorOpen)


async def look(kiosk: Running, slot: str, answer: Choice) -> None:
    """From the list of doors: look into a slot, say what is inside, shut it."""
    await open_to_look(kiosk, slot)
    kiosk.player.do(Pressed(answer))
    await kiosk.player.until(DoorOpen, lambda view: view.remind)
    kiosk.site.steel.close(slot)


async def test_an_expected_package_found_in_a_slot_in_doubt_completes_its_deposit(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await kiosk.announce("LOST", "S")
        await in_doubt(kiosk, "5", SuspectReason.MAY_HOLD_SOMETHING)
        await technician_at(kiosk)
        await look(kiosk, "5", Choice.SOMETHING_INSIDE)
        await kiosk.player.until(ScanInside)
        kiosk.player.do(Scanned("NONSENSE"))
        view = await kiosk.player.until(ScanInside, lambda view: view.refused is not None)
        assert view.refused is not None
        assert view.refused.reason is Refusal.NOT_A_PACKAGE_OF_OURS
        kiosk.player.do(Scanned("LOST"))
        await kiosk.player.until(DoorPage)
        record = await kiosk.slot("5")
        assert (record.status, record.barcode) == (SlotStatus.OCCUPIED, "LOST")
        assert await kiosk.code_of("LOST")


async def test_a_package_of_another_slot_ends_no_doubt(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        there = await store(kiosk, "ELSEWHERE")
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(Receipt)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        await in_doubt(kiosk, "5", SuspectReason.MAY_HOLD_SOMETHING)
        await technician_at(kiosk)
        await look(kiosk, "5", Choice.SOMETHING_INSIDE)
        await kiosk.player.until(ScanInside)
        kiosk.player.do(Scanned("ELSEWHERE"))
        view = await kiosk.player.until(ScanInside, lambda view: view.refused is not None)
        assert view.refused is not None
        assert (view.refused.reason, view.refused.detail) == (Refusal.LIES_ELSEWHERE, there)
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(DoorPage)
        assert (await kiosk.slot("5")).status is SlotStatus.SUSPECT


async def test_what_is_set_aside_leaves_the_slot_free(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await in_doubt(kiosk, "5", SuspectReason.MAY_HOLD_ANOTHERS)
        await technician_at(kiosk)
        await look(kiosk, "5", Choice.SOMETHING_INSIDE)
        await kiosk.player.until(ScanInside)
        kiosk.player.do(Pressed(Choice.SET_ASIDE))
        await kiosk.player.until(DoorPage)
        assert (await kiosk.slot("5")).status is SlotStatus.EMPTY


async def test_a_slot_in_doubt_that_is_empty_makes_its_package_missing(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        slot = await store(kiosk, "GONE")
        package = await kiosk.kiosk.store.run(packages.live_by_barcode, "GONE")
        assert package is not None
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(Receipt)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        await in_doubt(kiosk, slot, SuspectReason.MAY_BE_EMPTY)
        await technician_at(kiosk)
        await open_to_look(kiosk, slot)
        # A package is not missing by one press.
        asked = await press(kiosk, Choice.IT_IS_EMPTY, Ask)
        assert asked.question is Question.WAS_IT_EMPTY
        await press(kiosk, Choice.NO, DoorOpen)
        await press(kiosk, Choice.IT_IS_EMPTY, Ask)
        await press(kiosk, Choice.YES, DoorOpen)
        kiosk.site.steel.close(slot)
        await kiosk.player.until(DoorPage)
        assert (await kiosk.slot(slot)).status is SlotStatus.EMPTY
        assert await kiosk.package_status(package.id) == "MISSING"


async def test_a_round_goes_over_every_slot_in_doubt(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        for slot in ("3", "7", "12"):
            await in_doubt(kiosk, slot, SuspectReason.MAY_HOLD_SOMETHING)
        doors = await technician_at(kiosk)
        assert Choice.ROUND in doors.choices
        view = await prove(kiosk, Choice.ROUND, Round)
        assert (view.slot, view.left) == ("3", 3)
        kiosk.player.do(Pressed(Choice.SKIP))
        await kiosk.player.until(Round, lambda view: view.slot == "7")
        kiosk.site.steel.close_after_s = 3.0
        kiosk.player.do(Pressed(Choice.LOOK_INSIDE))
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        view = await kiosk.player.until(Round, lambda view: view.slot == "12")
        assert view.left == 1
        kiosk.player.do(Pressed(Choice.DONE))
        doors = await kiosk.player.until(Doors)
        status = {row.slot: row.status for row in doors.doors}
        assert status["7"] is SlotStatus.EMPTY
        assert status["3"] is status["12"] is SlotStatus.SUSPECT


async def test_a_technician_moves_a_package_to_another_slot(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        old = await store(kiosk, "ONE", "M")
        code = await kiosk.code_of("ONE")
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(Receipt)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        await technician_at(kiosk)
        kiosk.site.steel.close_after_s = 6.0
        kiosk.player.do(Chosen(old))
        await kiosk.player.until(DoorPage)
        await prove(kiosk, Choice.MOVE_PACKAGE, Ask)
        kiosk.player.do(Pressed(Choice.YES))
        page = await kiosk.player.until(DoorPage)
        new = page.last_outcome
        assert (await kiosk.slot(old)).status is SlotStatus.EMPTY
        assert (await kiosk.slot(new)).barcode == "ONE"
        assert await kiosk.code_of("ONE") == code


async def test_a_damaged_package_is_taken_out_with_its_reason(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        slot = await store(kiosk, "ONE")
        package = await kiosk.kiosk.store.run(packages.live_by_barcode, "ONE")
        assert package is not None
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(Receipt)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        await technician_at(kiosk)
        kiosk.player.do(Chosen(slot))
        await kiosk.player.until(DoorPage)
        reasons = (await prove(kiosk, Choice.TAKE_OUT, ChooseReason)).reasons
        kiosk.player.do(Chosen(reasons[0]))
        await kiosk.player.until(DoorPage)
        assert await kiosk.package_status(package.id) == "COLLECTED"


async def test_a_slot_that_must_not_be_opened_opens_for_no_customer(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        slot = await store(kiosk, "ONE")
        await kiosk.kiosk.store.run(
            slots.set_service, slot, Service.DO_NOT_OPEN, "board burnt", "staff:99"
        )
        pulses = kiosk.world.pulses
        kiosk.player.do(Scanned(f"PK1:demo:{await kiosk.code_of('ONE')}"))
        assert (await kiosk.player.until(Trouble)).problem is Problem.DO_NOT_OPEN
        assert kiosk.world.pulses == pulses
