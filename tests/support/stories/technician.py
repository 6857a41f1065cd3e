"""What technicians do: they look, move, test, take out of service, read."""

from __future__ import annotations

import asyncio

from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.maintenance import TEST_ROUNDS
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.flows.views.service import (
    Boards,
    ChooseReason,
    ChooseUntil,
    DoorPage,
    Doors,
    DoorsTested,
    History,
    Machine,
    PartsTest,
    ScanInside,
    StaffList,
)
from kiosk.flows.views.shared import Ask, DoorOpen, EnterPin, Trouble
from kiosk.model.location import Service, SuspectReason
from kiosk.model.package import PackageStatus
from kiosk.store import slots
from tests.support.flow_site import COURIER_PIN, TECHNICIAN_PIN, Running
from tests.support.invariants import BecameFact, RowFact, Witness
from tests.support.stories.people import (
    doubted,
    have_stored,
    id_of,
    leave,
    open_as_technician,
    press,
    prove,
    shut,
    sign_in_technician,
    type_code,
)
from tests.support.stories.table import story


@story
async def technician_opens_an_empty_slot(kiosk: Running, witness: Witness) -> None:
    witness.prepared()
    await sign_in_technician(kiosk)
    await open_as_technician(kiosk, "9")
    await press(kiosk, Choice.IT_IS_EMPTY, DoorPage)
    await press(kiosk, Choice.BACK, Doors)
    await leave(kiosk)


@story
async def technician_finds_something(kiosk: Running, witness: Witness) -> None:
    witness.put("9", "what nobody knows of")
    await kiosk.kiosk.store.run(slots.mark_suspect, "9", SuspectReason.MAY_HOLD_SOMETHING, "a test")
    witness.prepared()
    await sign_in_technician(kiosk)
    await open_as_technician(kiosk, "9")
    await press(kiosk, Choice.SOMETHING_INSIDE, ScanInside)
    kiosk.player.do(Scanned("NOBODY-KNOWS"))
    await kiosk.player.until(ScanInside, lambda view: view.refused is not None)
    witness.took("9")
    await press(kiosk, Choice.SET_ASIDE, DoorPage)


@story
async def technician_finds_the_package_still_there(kiosk: Running, witness: Witness) -> None:
    slot = await doubted(kiosk, witness)
    witness.prepared()
    await sign_in_technician(kiosk)
    await open_as_technician(kiosk, slot)
    await press(kiosk, Choice.SOMETHING_INSIDE, ScanInside)
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(DoorPage)


@story
async def technician_finds_the_package_gone(kiosk: Running, witness: Witness) -> None:
    slot = await doubted(kiosk, witness)
    witness.took(slot)
    witness.prepared()
    await sign_in_technician(kiosk)
    await open_as_technician(kiosk, slot)
    witness.when_shown(DoorPage, BecameFact("P", PackageStatus.MISSING))
    await press(kiosk, Choice.IT_IS_EMPTY, DoorPage)


@story
async def technician_says_nothing(kiosk: Running, witness: Witness) -> None:
    witness.prepared()
    await sign_in_technician(kiosk)
    await open_as_technician(kiosk, "9")
    await kiosk.player.until(DoorPage)


@story
async def technician_takes_a_slot_out_of_service_and_back(kiosk: Running, witness: Witness) -> None:
    witness.prepared()
    await sign_in_technician(kiosk)
    kiosk.player.do(Chosen("7"))
    await kiosk.player.until(DoorPage)
    reasons = (await press(kiosk, Choice.OUT_OF_SERVICE, ChooseReason)).reasons
    witness.when_shown(DoorPage, RowFact("slot", "7", "service", "NO_DEPOSITS"))
    kiosk.player.do(Chosen(reasons[0]))
    await kiosk.player.until(DoorPage)
    witness.when_shown(DoorPage, RowFact("slot", "7", "service", "IN_SERVICE"))
    await press(kiosk, Choice.BACK_IN_SERVICE, DoorPage)


@story
async def technician_at_a_jam(kiosk: Running, witness: Witness) -> None:
    kiosk.site.steel.jam("9")
    witness.prepared()
    await sign_in_technician(kiosk)
    kiosk.player.do(Chosen("9"))
    await kiosk.player.until(DoorPage)
    await press(kiosk, Choice.OPEN_DOOR, DoorPage)


async def _on_the_page_of(kiosk: Running, slot: str) -> None:
    await sign_in_technician(kiosk)
    kiosk.player.do(Chosen(slot))
    await kiosk.player.until(DoorPage)


async def _moving(kiosk: Running, witness: Witness, answer: Choice) -> None:
    slot = await have_stored(kiosk, witness)
    witness.prepared()
    await _on_the_page_of(kiosk, slot)
    await prove(kiosk, Choice.MOVE_PACKAGE, DoorOpen)
    await kiosk.player.until(DoorOpen, lambda view: view.slot == slot)
    await asyncio.sleep(1)
    target = next(label for label in kiosk.open_doors() if label != slot)
    if answer is Choice.YES:
        witness.took(slot)
        witness.put(target, "P")
    await shut(kiosk, slot)
    await kiosk.player.until(DoorOpen, lambda view: view.slot == target)
    await shut(kiosk, target)
    await kiosk.player.until(Ask)
    if answer is Choice.YES:
        witness.when_shown(DoorPage, RowFact("package", await id_of(kiosk, "P"), "slot", target))
    await press(kiosk, answer, DoorPage)


@story
async def technician_moves_a_package(kiosk: Running, witness: Witness) -> None:
    await _moving(kiosk, witness, Choice.YES)


@story
async def technician_does_not_move_a_package_after_all(kiosk: Running, witness: Witness) -> None:
    await _moving(kiosk, witness, Choice.NO)


@story
async def technician_moves_to_a_jam(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    for label in kiosk.site.steel.doors:
        kiosk.site.steel.jam(label)
    witness.prepared()
    await _on_the_page_of(kiosk, slot)
    await prove(kiosk, Choice.MOVE_PACKAGE, DoorPage)


@story
async def technician_moves_from_a_jam(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    kiosk.site.steel.jam(slot)
    witness.prepared()
    await _on_the_page_of(kiosk, slot)
    door = await prove(kiosk, Choice.MOVE_PACKAGE, DoorOpen)
    await shut(kiosk, door.slot)
    await kiosk.player.until(DoorPage)


@story
async def technician_takes_out_a_damaged_package(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    witness.prepared()
    await _on_the_page_of(kiosk, slot)
    await prove(kiosk, Choice.TAKE_OUT, ChooseReason)
    kiosk.player.do(Chosen("damaged"))
    await kiosk.player.until(DoorOpen)
    witness.took(slot)
    witness.when_shown(DoorPage, BecameFact("P", PackageStatus.COLLECTED))
    await shut(kiosk, slot)
    await kiosk.player.until(DoorPage)


@story
async def technician_forbids_a_door(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.prepared()
    await _on_the_page_of(kiosk, slot)
    reasons = (await press(kiosk, Choice.DO_NOT_OPEN, ChooseReason)).reasons
    witness.when_shown(DoorPage, RowFact("slot", slot, "service", "DO_NOT_OPEN"))
    kiosk.player.do(Chosen(reasons[0]))
    await kiosk.player.until(DoorPage)
    await press(kiosk, Choice.BACK, Doors)
    kiosk.player.do(Pressed(Choice.DONE))
    await type_code(kiosk, code)
    await kiosk.player.until(Trouble)


@story
async def technician_reads_the_machine(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    witness.prepared()
    await sign_in_technician(kiosk)
    await press(kiosk, Choice.MACHINE, Machine)
    await press(kiosk, Choice.BOARDS, Boards)
    await press(kiosk, Choice.BACK, Machine)
    await press(kiosk, Choice.JOURNAL, History)
    await press(kiosk, Choice.OLDER, History)
    await press(kiosk, Choice.BACK, Machine)
    await press(kiosk, Choice.BACK, Doors)
    kiosk.player.do(Chosen(slot))
    await kiosk.player.until(DoorPage)
    await press(kiosk, Choice.HISTORY, History)
    await press(kiosk, Choice.BACK, DoorPage)


@story
async def technician_tests_a_lock(kiosk: Running, witness: Witness) -> None:
    witness.prepared()
    await sign_in_technician(kiosk)
    kiosk.player.do(Chosen("9"))
    await kiosk.player.until(DoorPage)
    kiosk.player.do(Pressed(Choice.TEST_LOCK))
    for _ in range(TEST_ROUNDS):
        await kiosk.player.until(DoorOpen)
        await shut(kiosk, "9")
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.IT_IS_EMPTY, DoorPage)


@story
async def technician_tests_the_doors_until_one_jams_and_stops(
    kiosk: Running, witness: Witness
) -> None:
    empty = [each.label for each in await kiosk.kiosk.store.run(slots.records)]
    kiosk.site.steel.jam(empty[1])
    witness.prepared()
    await sign_in_technician(kiosk)
    kiosk.player.do(Pressed(Choice.TEST_DOORS))
    await kiosk.player.until(DoorOpen)
    await shut(kiosk, empty[0])
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.IT_IS_EMPTY, DoorOpen)
    kiosk.player.do(Pressed(Choice.CANCEL))
    await kiosk.player.until(DoorOpen, lambda view: view.remind)
    await shut(kiosk, empty[2])
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.IT_IS_EMPTY, DoorsTested)
    await press(kiosk, Choice.DONE, Doors)


@story
async def technician_opens_the_wrong_door(kiosk: Running, witness: Witness) -> None:
    kiosk.site.steel.swap("9", "12")
    witness.prepared()
    await _on_the_page_of(kiosk, "9")
    trouble = await press(kiosk, Choice.OPEN_DOOR, Trouble)
    await shut(kiosk, trouble.wrong_slot)
    await kiosk.player.until(DoorPage)


@story
async def wrong_pin(kiosk: Running, witness: Witness) -> None:
    witness.prepared()
    await kiosk.player.until(First)
    await press(kiosk, Choice.SERVICE, EnterPin)
    for _ in range(3):
        kiosk.player.do(Entered(COURIER_PIN))
        await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
    await press(kiosk, Choice.BACK, First)


@story
async def technician_reads_who_works_here_and_tries_the_parts(
    kiosk: Running, witness: Witness
) -> None:
    witness.prepared()
    await sign_in_technician(kiosk)
    await press(kiosk, Choice.MACHINE, Machine)
    await press(kiosk, Choice.STAFF, StaffList)
    await press(kiosk, Choice.BACK, Machine)
    await press(kiosk, Choice.TEST_PARTS, PartsTest)
    kiosk.player.do(Scanned("RR473129084DE", seems_misread=True))
    await kiosk.player.until(PartsTest, lambda view: bool(view.scans))
    await press(kiosk, Choice.BACK, Machine)


@story
async def technician_says_how_long_a_slot_is_out_of_service(
    kiosk: Running, witness: Witness
) -> None:
    await kiosk.kiosk.store.run(slots.set_service, "9", Service.NO_DEPOSITS, "dirty", "staff:99")
    witness.prepared()
    await _on_the_page_of(kiosk, "9")
    await press(kiosk, Choice.UNTIL_WHEN, ChooseUntil)
    kiosk.player.do(Chosen("7"))
    await kiosk.player.until(DoorPage)


@story
async def technician_opens_all_doors(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    witness.prepared()
    await sign_in_technician(kiosk)
    await press(kiosk, Choice.MACHINE, Machine)
    await press(kiosk, Choice.OPEN_ALL, Ask)
    await press(kiosk, Choice.YES, EnterPin)
    kiosk.player.do(Entered(TECHNICIAN_PIN))
    await kiosk.player.until(DoorsTested)
    for slot in kiosk.open_doors():
        kiosk.site.steel.close(slot)
    await press(kiosk, Choice.DONE, Machine)
