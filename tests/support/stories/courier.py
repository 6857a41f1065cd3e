"""What couriers do: they put in, take back, undo, let a customer in."""

from __future__ import annotations

import asyncio

from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import Collection, Receipt, ScanPackage
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.service import Doors, Round, ScanInside
from kiosk.flows.views.shared import Ask, DoorOpen, EnterPin, Trouble
from kiosk.flows.views.unannounced import FindResident, PickResident, WhomFor
from kiosk.model.addressee import Addressee
from kiosk.model.clock import DAY_MS
from kiosk.model.directory import Household
from kiosk.model.location import Service, SuspectReason
from kiosk.model.package import PackageStatus
from kiosk.store import directory, packages, reservations, slots
from kiosk.store.packages import Announcement
from tests.support.flow_site import COURIER_PIN, Running
from tests.support.invariants import BecameFact, NamedFact, Witness
from tests.support.stories.people import (
    announce,
    have_stored,
    hold_over,
    leave,
    plug,
    press,
    prove,
    put_in,
    recall,
    scan_unannounced,
    shut,
    sign_in_courier,
    sign_in_technician,
    silence_after_the_pulse,
    type_phone,
    unplug,
)
from tests.support.stories.table import story


@story
async def deposit(kiosk: Running, witness: Witness) -> None:
    await kiosk.announce("P", "S")
    witness.prepared()
    await sign_in_courier(kiosk)
    await put_in(kiosk, witness, "P")
    await leave(kiosk)


@story
async def deposit_not_announced(kiosk: Running, witness: Witness) -> None:
    witness.prepared()
    await sign_in_courier(kiosk)
    await scan_unannounced(kiosk)
    kiosk.player.do(Pressed(Choice.WITHOUT_NAME))
    slot = (await kiosk.player.until(DoorOpen)).slot
    witness.put(slot, "NEW")
    await shut(kiosk, slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


async def _put_in_for(kiosk: Running, witness: Witness, said: Addressee) -> None:
    """From the open door to the courier's screen, which says that it is put in."""
    slot = (await kiosk.player.until(DoorOpen)).slot
    witness.put(slot, "NEW")
    named = NamedFact("NEW", said, kiosk.kiosk.location.id)
    witness.when_shown(ScanPackage, named, lambda view: view.stored is not None)
    await shut(kiosk, slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


@story
async def deposit_for_a_phone(kiosk: Running, witness: Witness) -> None:
    witness.prepared()
    await sign_in_courier(kiosk)
    await scan_unannounced(kiosk)
    kiosk.player.do(Pressed(Choice.BY_PHONE))
    await type_phone(kiosk, "01710000001")
    await _put_in_for(kiosk, witness, Addressee(phone="+491710000001"))


@story
async def deposit_for_a_household(kiosk: Running, witness: Witness) -> None:
    house = [Household(id="home-12", flat="12", names=("Mona Haddad",))]
    await kiosk.kiosk.store.run(directory.replace, house, 1)
    witness.prepared()
    await sign_in_courier(kiosk)
    await scan_unannounced(kiosk)
    await press(kiosk, Choice.BY_NAME, FindResident)
    kiosk.player.do(Entered("HAD"))
    await kiosk.player.until(PickResident)
    kiosk.player.do(Chosen("home-12"))
    await _put_in_for(kiosk, witness, Addressee(household="home-12"))


@story
async def deposit_for_somebody_else_after_all(kiosk: Running, witness: Witness) -> None:
    witness.prepared()
    await sign_in_courier(kiosk)
    await scan_unannounced(kiosk)
    kiosk.player.do(Pressed(Choice.BY_PHONE))
    await type_phone(kiosk, "01710000001")
    await kiosk.player.until(DoorOpen)
    kiosk.player.do(Pressed(Choice.ANOTHER_PERSON))
    await kiosk.player.until(WhomFor)
    kiosk.player.do(Pressed(Choice.BY_PHONE))
    await type_phone(kiosk, "01710000002")
    await _put_in_for(kiosk, witness, Addressee(phone="+491710000002"))


@story
async def deposit_where_the_last_door_is_kept(kiosk: Running, witness: Witness) -> None:
    """The last large door is kept for a package, which gets it; what comes before it gets none."""
    package = kiosk.kiosk.new_id()
    announcement = Announcement(package, "KEPT", "L", None)
    until_ms = kiosk.world.clock.now().wall_ms + DAY_MS
    free = await kiosk.kiosk.store.run(reservations.free, "L")
    for number in range(free):
        await kiosk.kiosk.store.run(reservations.reserve, f"r{number}", "L", until_ms)
    await kiosk.kiosk.store.run(packages.announce, announcement)
    await kiosk.kiosk.store.run(reservations.use, "r0", package)
    witness.prepared()
    await sign_in_courier(kiosk)
    await scan_unannounced(kiosk, "L", WhomFor)
    kiosk.player.do(Pressed(Choice.WITHOUT_NAME))
    await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
    slot = await put_in(kiosk, witness, "KEPT")
    assert kiosk.kiosk.location.slot(slot).size == "L"


@story
async def deposit_of_two_the_second_scanned_ahead(kiosk: Running, witness: Witness) -> None:
    await kiosk.announce("ONE", "S")
    await kiosk.announce("TWO", "M")
    witness.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("ONE"))
    first = await kiosk.player.until(DoorOpen)
    kiosk.player.do(Scanned("TWO"))
    await kiosk.player.until(DoorOpen, lambda view: view.next_barcode != "")
    witness.put(first.slot, "ONE")
    await shut(kiosk, first.slot)
    second = await kiosk.player.until(DoorOpen, lambda view: view.barcode == "TWO")
    witness.put(second.slot, "TWO")
    await shut(kiosk, second.slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored_count == 2)


async def _cancelled(kiosk: Running, witness: Witness, is_put_in: bool, answer: Choice) -> None:
    await kiosk.announce("P", "S")
    witness.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    door = await kiosk.player.until(DoorOpen)
    if is_put_in:
        witness.put(door.slot, "P")
    kiosk.player.do(Pressed(Choice.CANCEL))
    await kiosk.player.until(DoorOpen, lambda view: view.remind)
    await shut(kiosk, door.slot)
    await kiosk.player.until(Ask)
    await press(kiosk, answer, ScanPackage)


@story
async def deposit_cancelled_empty(kiosk: Running, witness: Witness) -> None:
    await _cancelled(kiosk, witness, False, Choice.IT_IS_EMPTY)


@story
async def deposit_cancelled_something_inside(kiosk: Running, witness: Witness) -> None:
    await _cancelled(kiosk, witness, True, Choice.SOMETHING_INSIDE)


@story
async def deposit_in_a_larger_slot(kiosk: Running, witness: Witness) -> None:
    await kiosk.announce("P", "S")
    witness.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    small = await kiosk.player.until(DoorOpen)
    kiosk.player.do(Pressed(Choice.LARGER_SLOT))
    await kiosk.player.until(DoorOpen, lambda view: view.remind)
    await shut(kiosk, small.slot)
    await kiosk.player.until(Ask)
    larger = await press(kiosk, Choice.IT_IS_EMPTY, DoorOpen)
    witness.put(larger.slot, "P")
    await shut(kiosk, larger.slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


@story
async def deposit_walked_away_from(kiosk: Running, witness: Witness) -> None:
    await kiosk.announce("P", "S")
    witness.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    door = await kiosk.player.until(DoorOpen)
    witness.put(door.slot, "P")
    await kiosk.player.until(ScanPackage, patience_s=400)


async def _jammed_deposit(kiosk: Running, witness: Witness) -> Trouble:
    await kiosk.announce("P", "S")
    for label in ("3", "9"):
        kiosk.site.steel.jam(label)
    witness.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    return await kiosk.player.until(Trouble)


@story
async def deposit_jammed_then_another_slot(kiosk: Running, witness: Witness) -> None:
    trouble = await _jammed_deposit(kiosk, witness)
    kiosk.site.steel.unjam("9" if trouble.slot == "3" else "3")
    door = await press(kiosk, Choice.ANOTHER_SLOT, DoorOpen)
    witness.put(door.slot, "P")
    await shut(kiosk, door.slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


@story
async def deposit_jammed_and_given_up(kiosk: Running, witness: Witness) -> None:
    await _jammed_deposit(kiosk, witness)
    await press(kiosk, Choice.CANCEL, ScanPackage)


@story
async def deposit_at_a_board_that_is_away(kiosk: Running, witness: Witness) -> None:
    await kiosk.announce("P", "S")
    witness.prepared()
    await sign_in_courier(kiosk)
    unplug(kiosk)
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(Trouble)
    await press(kiosk, Choice.CANCEL, ScanPackage)
    plug(kiosk)
    await asyncio.sleep(5)


@story
async def deposit_at_a_board_that_dies_with_the_pulse(kiosk: Running, witness: Witness) -> None:
    await kiosk.announce("P", "S")
    witness.prepared()
    await sign_in_courier(kiosk)
    silence_after_the_pulse(kiosk)
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(Trouble)
    await press(kiosk, Choice.CANCEL, ScanPackage)


@story
async def deposit_opens_the_wrong_door(kiosk: Running, witness: Witness) -> None:
    await kiosk.announce("P", "S")
    for one, other in (("3", "7"), ("9", "12")):
        kiosk.site.steel.swap(one, other)
    witness.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    trouble = await kiosk.player.until(Trouble)
    await shut(kiosk, trouble.wrong_slot)
    await kiosk.player.until(Trouble, lambda view: Choice.CANCEL in view.choices)
    await press(kiosk, Choice.CANCEL, ScanPackage)


@story
async def deposit_of_what_is_already_here(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    witness.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)


@story
async def deposit_when_full(kiosk: Running, witness: Witness) -> None:
    for label in ("8", "12"):
        await kiosk.kiosk.store.run(
            slots.set_service, label, Service.NO_DEPOSITS, "a test", "staff:99"
        )
    await kiosk.announce("BIG", "L")
    witness.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("BIG"))
    await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)


@story
async def deposit_undone(kiosk: Running, witness: Witness) -> None:
    slot = await _undoing(kiosk, witness)
    witness.took(slot)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    witness.when_shown(ScanPackage, BecameFact("P", PackageStatus.PENDING))
    await press(kiosk, Choice.IT_IS_EMPTY, ScanPackage)


@story
async def deposit_undone_after_all_not(kiosk: Running, witness: Witness) -> None:
    slot = await _undoing(kiosk, witness)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.STILL_THERE, ScanPackage)


async def _undoing(kiosk: Running, witness: Witness) -> str:
    await announce(kiosk, "P", "S")
    await sign_in_courier(kiosk)
    slot = await put_in(kiosk, witness, "P")
    witness.prepared()
    await press(kiosk, Choice.UNDO_LAST, DoorOpen)
    return slot


async def _full(kiosk: Running, witness: Witness, *but: str) -> None:
    """No slot takes an L, but these might."""
    for label in sorted({"8", "12"} - set(but)):
        await kiosk.kiosk.store.run(
            slots.set_service, label, Service.NO_DEPOSITS, "a test", "staff:99"
        )
    await announce(kiosk, "BIG", "L")


@story
async def deposit_after_a_look_into_a_slot_in_doubt(kiosk: Running, witness: Witness) -> None:
    await _full(kiosk, witness, "12")
    await kiosk.kiosk.store.run(slots.mark_suspect, "12", SuspectReason.MAY_BE_EMPTY, "a test")
    witness.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("BIG"))
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.LOOK_INSIDE, DoorOpen)
    await shut(kiosk, "12")
    await kiosk.player.until(Ask)
    door = await press(kiosk, Choice.IT_IS_EMPTY, DoorOpen)
    witness.put(door.slot, "BIG")
    await shut(kiosk, door.slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


@story
async def deposit_of_what_was_found_inside(kiosk: Running, witness: Witness) -> None:
    """A deposit that was left in the middle is completed by who looks into the slot."""
    await announce(kiosk, "P", "S")
    witness.put("9", "P")
    await kiosk.kiosk.store.run(slots.mark_suspect, "9", SuspectReason.MAY_HOLD_SOMETHING, "a test")
    witness.prepared()
    await sign_in_technician(kiosk)
    await prove(kiosk, Choice.ROUND, Round)
    await press(kiosk, Choice.LOOK_INSIDE, DoorOpen)
    await shut(kiosk, "9")
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.SOMETHING_INSIDE, ScanInside)
    witness.when_shown(Doors, BecameFact("P", PackageStatus.STORED, "9"))
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(Doors)


@story
async def deposit_and_no_receipt_seen_until_the_next_visit(
    kiosk: Running, witness: Witness
) -> None:
    await announce(kiosk, "P", "S")
    witness.prepared()
    await sign_in_courier(kiosk)
    await put_in(kiosk, witness, "P")
    await kiosk.player.until(First, lambda view: Choice.COURIER in view.choices, 900)
    await press(kiosk, Choice.COURIER, EnterPin)
    kiosk.player.do(Entered(COURIER_PIN))
    await kiosk.player.until(Receipt)
    await press(kiosk, Choice.DONE, ScanPackage)


@story
async def courier_makes_a_new_code(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    witness.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
    kiosk.player.do(Pressed(Choice.REISSUE_CODE))
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
    await leave(kiosk)


# --- the courier takes back -----------------------------------------------------------------------


async def _due(kiosk: Running, witness: Witness) -> str:
    """A recalled package, and the courier before the round; its slot."""
    slot = await have_stored(kiosk, witness)
    await recall(kiosk, "P")
    witness.prepared()
    await sign_in_courier(kiosk)
    await press(kiosk, Choice.COLLECT, Collection)
    return slot


@story
async def collection(kiosk: Running, witness: Witness) -> None:
    slot = await _due(kiosk, witness)
    await press(kiosk, Choice.OPEN_NEXT, DoorOpen)
    witness.took(slot)
    await shut(kiosk, slot)
    witness.when_shown(ScanPackage, BecameFact("P", PackageStatus.COLLECTED))
    await kiosk.player.until(ScanPackage)
    await leave(kiosk)


@story
async def collection_of_what_expired_one_skipped(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness, "P")
    second = await have_stored(kiosk, witness, "Q", "M")
    await hold_over(kiosk)
    witness.prepared()
    await sign_in_courier(kiosk)
    first = (await press(kiosk, Choice.COLLECT, Collection)).due[0].slot
    await press(kiosk, Choice.SKIP, Collection)
    door = await press(kiosk, Choice.OPEN_NEXT, DoorOpen)
    assert {first, door.slot} >= {second}
    taken = witness.contents[door.slot]
    witness.took(door.slot)
    await shut(kiosk, door.slot)
    witness.when_shown(ScanPackage, BecameFact(taken, PackageStatus.COLLECTED))
    await kiosk.player.until(ScanPackage)


@story
async def collection_finds_nothing(kiosk: Running, witness: Witness) -> None:
    slot = await _due(kiosk, witness)
    witness.took(slot)
    await press(kiosk, Choice.OPEN_NEXT, DoorOpen)
    await press(kiosk, Choice.NOTHING_INSIDE, Ask)
    await press(kiosk, Choice.YES, DoorOpen)
    witness.when_shown(ScanPackage, BecameFact("P", PackageStatus.MISSING))
    await shut(kiosk, slot)
    await kiosk.player.until(ScanPackage)


@story
async def collection_shut_at_once_not_taken(kiosk: Running, witness: Witness) -> None:
    slot = await _due(kiosk, witness)
    await press(kiosk, Choice.OPEN_NEXT, DoorOpen)
    kiosk.site.steel.close(slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.NO, ScanPackage)


@story
async def collection_at_a_jam(kiosk: Running, witness: Witness) -> None:
    kiosk.site.steel.jam(await _due(kiosk, witness))
    kiosk.player.do(Pressed(Choice.OPEN_NEXT))
    await kiosk.player.until(Collection, lambda view: view.problem is not None)


@story
async def collection_opens_the_wrong_door(kiosk: Running, witness: Witness) -> None:
    slot = await _due(kiosk, witness)
    kiosk.site.steel.swap(slot, "12")
    kiosk.player.do(Pressed(Choice.OPEN_NEXT))
    trouble = await kiosk.player.until(Trouble)
    await shut(kiosk, trouble.wrong_slot)
    await kiosk.player.until(Collection, lambda view: view.problem is not None)


@story
async def courier_lets_a_customer_in(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.prepared()
    await sign_in_courier(kiosk)
    await press(kiosk, Choice.LET_SOMEONE_IN, First)
    await press(kiosk, Choice.PICK_UP, EnterCode)
    witness.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    kiosk.player.do(Entered(code))
    await kiosk.player.until(DoorOpen)
    witness.took(slot)
    await shut(kiosk, slot)
    await kiosk.player.until(Thanks)
    await press(kiosk, Choice.DONE, First)
    await press(kiosk, Choice.RESUME, EnterPin)
    kiosk.player.do(Entered(COURIER_PIN))
    await kiosk.player.until(ScanPackage)
    await leave(kiosk)


@story
async def courier_scans_a_label_with_a_wrong_check_digit(kiosk: Running, witness: Witness) -> None:
    await announce(kiosk, "RR473129084DE", "S")
    witness.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("RR473129084DE", seems_misread=True))
    await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
    kiosk.player.do(Scanned("RR473129084DE", seems_misread=True))
    slot = (await kiosk.player.until(DoorOpen)).slot
    witness.put(slot, "RR473129084DE")
    await shut(kiosk, slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
    kiosk.player.do(Scanned("PKS:11:THEBADGE"))
    await kiosk.player.until(Receipt)
    await press(kiosk, Choice.DONE, First)
