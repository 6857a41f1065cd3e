"""What customers do: they fetch, open again, extend, complain, have no code."""

from __future__ import annotations

import asyncio

from kiosk.flows.events import Chosen, Entered, Preference, Pressed, Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import ChooseSize, ScanPackage
from kiosk.flows.views.customer import (
    CodeAsked,
    EnterCode,
    EnterPhoneDigits,
    EnterTracking,
    First,
    HoldExtended,
    LowerAsked,
    MorePackages,
    Thanks,
)
from kiosk.flows.views.shared import Answer, Ask, DoorOpen, Trouble, View
from kiosk.flows.views.unannounced import GuestStored
from kiosk.model.addressee import Addressee
from kiosk.model.package import PackageStatus
from kiosk.model.pickup_code import qr_text
from tests.support.flow_site import Running
from tests.support.invariants import BecameFact, NamedFact, RowFact, Witness
from tests.support.stories.people import (
    doubted,
    fetch,
    have_stored,
    hold_over,
    id_of,
    leave,
    plug,
    press,
    recall,
    shut,
    sign_in_courier,
    silence_after_the_pulse,
    type_code,
    type_phone,
    unplug,
)
from tests.support.stories.table import story


@story
async def pickup(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    witness.prepared()
    await fetch(kiosk, witness)
    await leave(kiosk)


@story
async def pickup_by_qr(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.prepared()
    witness.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await kiosk.player.until(First)
    kiosk.player.do(Scanned(qr_text("demo", code)))
    await kiosk.player.until(DoorOpen)
    witness.took(slot)
    await shut(kiosk, slot)
    await kiosk.player.until(Thanks)


async def _shut_at_once(kiosk: Running, witness: Witness, is_taken: bool) -> str:
    slot = await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.prepared()
    await type_code(kiosk, code)
    await kiosk.player.until(DoorOpen)
    if is_taken:
        witness.took(slot)
    kiosk.site.steel.close(slot)
    await kiosk.player.until(Ask)
    return slot


@story
async def pickup_shut_at_once_but_taken(kiosk: Running, witness: Witness) -> None:
    await _shut_at_once(kiosk, witness, is_taken=True)
    witness.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await press(kiosk, Choice.YES, Thanks)


@story
async def pickup_shut_at_once_not_taken(kiosk: Running, witness: Witness) -> None:
    await _shut_at_once(kiosk, witness, is_taken=False)
    await press(kiosk, Choice.NO, First)


@story
async def pickup_shut_at_once_and_opened_again(kiosk: Running, witness: Witness) -> None:
    slot = await _shut_at_once(kiosk, witness, is_taken=False)
    witness.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await press(kiosk, Choice.OPEN_AGAIN, DoorOpen)
    witness.took(slot)
    await shut(kiosk, slot)
    view = await kiosk.player.until(View, lambda view: isinstance(view, Ask | Thanks))
    if isinstance(view, Ask):
        await press(kiosk, Choice.YES, Thanks)


@story
async def pickup_leaves_the_door_open(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.prepared()
    witness.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await type_code(kiosk, code)
    await kiosk.player.until(DoorOpen)
    witness.took(slot)
    await kiosk.player.until(Thanks, patience_s=400)


@story
async def pickup_at_a_jam(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    kiosk.site.steel.jam(slot)
    witness.prepared()
    await type_code(kiosk, code)
    for choice in (Choice.TRY_AGAIN, Choice.TRY_AGAIN, Choice.DONE):
        await kiosk.player.until(Trouble)
        kiosk.player.do(Pressed(choice))
    await kiosk.player.until(First)


@story
async def pickup_at_a_dead_sensor(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    kiosk.site.steel.door(slot).stuck_sensor = False
    witness.prepared()
    witness.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await type_code(kiosk, code)
    await kiosk.player.until(Trouble)
    await press(kiosk, Choice.DOOR_IS_OPEN, DoorOpen)
    witness.took(slot)
    await shut(kiosk, slot)
    await press(kiosk, Choice.DONE, Thanks)


@story
async def pickup_opens_the_wrong_door(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    kiosk.site.steel.swap(slot, "12")
    witness.prepared()
    await type_code(kiosk, code)
    trouble = await kiosk.player.until(Trouble)
    await shut(kiosk, trouble.wrong_slot)
    await kiosk.player.until(Trouble, lambda view: Choice.DONE in view.choices)
    await leave(kiosk)


@story
async def pickup_at_a_board_that_is_away(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.prepared()
    unplug(kiosk)
    await kiosk.player.until(First, lambda view: view.unreachable_boards > 0)
    await press(kiosk, Choice.PICK_UP, EnterCode)
    kiosk.player.do(Entered(code))
    await kiosk.player.until(Trouble)
    kiosk.player.do(Pressed(Choice.DONE))
    plug(kiosk)
    await kiosk.player.until(First, lambda view: view.unreachable_boards == 0)


@story
async def pickup_at_a_board_that_dies_with_the_pulse(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.prepared()
    silence_after_the_pulse(kiosk)
    await type_code(kiosk, code)
    await kiosk.player.until(Trouble)
    witness.took(slot)
    await leave(kiosk)


@story
async def pickup_from_a_doubtful_slot(kiosk: Running, witness: Witness) -> None:
    slot = await doubted(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.prepared()
    witness.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await type_code(kiosk, code)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.OPEN_DOOR, DoorOpen)
    witness.took(slot)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.YES, Thanks)


@story
async def pickup_from_a_doubtful_slot_finds_nothing(kiosk: Running, witness: Witness) -> None:
    slot = await doubted(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.took(slot)
    witness.prepared()
    witness.when_shown(Answer, BecameFact("P", PackageStatus.MISSING))
    await type_code(kiosk, code)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.OPEN_DOOR, DoorOpen)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.NO, Answer)
    await leave(kiosk)


@story
async def pickup_after_the_hold(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    witness.prepared()
    await hold_over(kiosk)
    witness.add(BecameFact("P", PackageStatus.EXPIRED))
    await fetch(kiosk, witness)


@story
async def pickup_with_wrong_codes(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    wrong = code[:3] + f"{(int(code[3:]) + 1) % 1_000_000:06d}"
    witness.prepared()
    await type_code(kiosk, wrong)
    for _ in range(5):
        await kiosk.player.until(EnterCode, lambda view: view.refused is not None)
        kiosk.player.do(Entered(wrong))
    await kiosk.player.until(EnterCode, lambda view: view.wait_s > 0)


@story
async def no_code_and_it_is_sent_again(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    witness.prepared()
    await kiosk.player.until(First)
    await press(kiosk, Choice.PICK_UP, EnterCode)
    await press(kiosk, Choice.NO_CODE, EnterTracking)
    kiosk.player.do(Entered("P"))
    await kiosk.player.until(EnterPhoneDigits)
    kiosk.player.do(Entered("1000"))
    await kiosk.player.until(CodeAsked)
    await press(kiosk, Choice.DONE, First)


@story
async def pickup_twice(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    await fetch(kiosk, witness)
    kiosk.player.do(Pressed(Choice.DONE))
    kiosk.world.clock.ahead_ms += 10 * 60_000
    witness.prepared()
    await type_code(kiosk, code)
    await kiosk.player.until(Answer)


async def _opened_again(kiosk: Running, witness: Witness, answer: Choice) -> None:
    await have_stored(kiosk, witness)
    slot = await fetch(kiosk, witness)
    witness.prepared()
    await press(kiosk, Choice.OPEN_AGAIN, DoorOpen)
    if answer is Choice.SOMETHING_INSIDE:
        witness.put(slot, "what was put back")
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, answer, Thanks)


@story
async def reopen_and_empty(kiosk: Running, witness: Witness) -> None:
    await _opened_again(kiosk, witness, Choice.IT_IS_EMPTY)


@story
async def reopen_and_something_left_inside(kiosk: Running, witness: Witness) -> None:
    await _opened_again(kiosk, witness, Choice.SOMETHING_INSIDE)


@story
async def reopen_by_the_code(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    slot = await fetch(kiosk, witness)
    kiosk.player.do(Pressed(Choice.DONE))
    witness.prepared()
    await type_code(kiosk, code)
    await kiosk.player.until(DoorOpen)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.IT_IS_EMPTY, Thanks)


@story
async def pickup_of_two_with_one_code(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness, "P", "S", "user-7")
    other = await have_stored(kiosk, witness, "Q", "M", "user-7")
    code = await kiosk.code_of("P")
    witness.prepared()
    witness.when_shown(MorePackages, BecameFact("P", PackageStatus.RETRIEVED))
    witness.when_shown(Thanks, BecameFact("Q", PackageStatus.RETRIEVED))
    await type_code(kiosk, code)
    door = await kiosk.player.until(DoorOpen)
    witness.took(door.slot)
    await shut(kiosk, door.slot)
    await kiosk.player.until(MorePackages)
    await press(kiosk, Choice.OPEN_NEXT, DoorOpen)
    witness.took(other)
    await shut(kiosk, other)
    await kiosk.player.until(Thanks)


@story
async def pickup_finds_nothing_inside(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.took(slot)
    witness.prepared()
    witness.when_shown(Answer, BecameFact("P", PackageStatus.MISSING))
    await type_code(kiosk, code)
    await kiosk.player.until(DoorOpen)
    await press(kiosk, Choice.NOTHING_INSIDE, Ask)
    await press(kiosk, Choice.YES, DoorOpen)
    await shut(kiosk, slot)
    await kiosk.player.until(Answer)


@story
async def pickup_of_what_was_recalled(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.prepared()
    await recall(kiosk, "P")
    await type_code(kiosk, code)
    await kiosk.player.until(Answer)


@story
async def complaint(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    await fetch(kiosk, witness)
    witness.prepared()
    await press(kiosk, Choice.SOMETHING_WRONG, Ask)
    await press(kiosk, Choice.DAMAGED, Answer)


async def _putting_back(kiosk: Running, witness: Witness) -> str:
    await have_stored(kiosk, witness)
    slot = await fetch(kiosk, witness)
    witness.prepared()
    await press(kiosk, Choice.SOMETHING_WRONG, Ask)
    await press(kiosk, Choice.LEAVE_IT_HERE, DoorOpen)
    witness.put(slot, "what was put back")
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    return slot


@story
async def left_here_for_the_courier(kiosk: Running, witness: Witness) -> None:
    await _putting_back(kiosk, witness)
    await press(kiosk, Choice.YES, Answer)


@story
async def left_here_and_nothing_said(kiosk: Running, witness: Witness) -> None:
    await _putting_back(kiosk, witness)
    await kiosk.player.until(First)


@story
async def reopen_at_a_jam(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    slot = await fetch(kiosk, witness)
    kiosk.site.steel.jam(slot)
    witness.prepared()
    await press(kiosk, Choice.OPEN_AGAIN, Trouble)


@story
async def a_hold_is_extended(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.prepared()
    await kiosk.player.until(First)
    await press(kiosk, Choice.HELP, Answer)
    await press(kiosk, Choice.EXTEND_HOLD, EnterCode)
    kiosk.player.do(Entered(code))
    await kiosk.player.until(HoldExtended)


@story
async def pickup_too_high_and_moved_by_the_courier(kiosk: Running, witness: Witness) -> None:
    high = await have_stored(kiosk, witness)
    code = await kiosk.code_of("P")
    witness.prepared()
    await kiosk.player.until(First)
    kiosk.player.do(Preference(is_access=True))
    await press(kiosk, Choice.PICK_UP, EnterCode)
    kiosk.player.do(Entered(code))
    await kiosk.player.until(Ask)
    witness.when_shown(LowerAsked, RowFact("package", await id_of(kiosk, "P"), "needs_low", 1))
    await press(kiosk, Choice.MOVE_LOWER, LowerAsked)
    kiosk.player.do(Pressed(Choice.DONE))
    await sign_in_courier(kiosk)
    kiosk.player.do(Pressed(Choice.MOVE_LOWER))
    await kiosk.player.until(DoorOpen, lambda view: view.slot == high)
    await asyncio.sleep(1)
    target = next(label for label in kiosk.open_doors() if label != high)
    witness.took(high)
    witness.put(target, "P")
    await shut(kiosk, high)
    await kiosk.player.until(DoorOpen, lambda view: view.slot == target)
    await shut(kiosk, target)
    await kiosk.player.until(Ask)
    witness.when_shown(ScanPackage, RowFact("package", await id_of(kiosk, "P"), "slot", target))
    await press(kiosk, Choice.YES, ScanPackage)
    await leave(kiosk)


async def _guest_at_the_door(kiosk: Running) -> tuple[str, str]:
    """A guest has named both numbers and a size; the reference and the slot."""
    await kiosk.player.until(First)
    kiosk.player.do(Pressed(Choice.GUEST))
    await type_phone(kiosk, "01710000001")
    await type_phone(kiosk, "01710000002")
    reference = (await kiosk.player.until(ChooseSize)).barcode
    kiosk.player.do(Chosen("S"))
    return reference, (await kiosk.player.until(DoorOpen)).slot


@story
async def left_by_a_guest(kiosk: Running, witness: Witness) -> None:
    witness.prepared()
    reference, slot = await _guest_at_the_door(kiosk)
    witness.put(slot, reference)
    said = Addressee(phone="+491710000002", sender_phone="+491710000001")
    witness.when_shown(GuestStored, NamedFact(reference, said, kiosk.kiosk.location.id))
    await shut(kiosk, slot)
    await kiosk.player.until(GuestStored)
    witness.add(BecameFact(reference, PackageStatus.STORED, slot))
    kiosk.player.do(Pressed(Choice.DONE))
    await fetch(kiosk, witness, reference)


@story
async def left_by_a_guest_who_breaks_off(kiosk: Running, witness: Witness) -> None:
    witness.prepared()
    reference, slot = await _guest_at_the_door(kiosk)
    witness.put(slot, reference)
    kiosk.player.do(Pressed(Choice.CANCEL))
    await kiosk.player.until(DoorOpen, lambda view: view.remind)
    await shut(kiosk, slot)
    await kiosk.player.until(First)
