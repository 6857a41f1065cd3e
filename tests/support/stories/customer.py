"""What customers do: they fetch, open again, extend, complain, have no code."""

from __future__ import annotations

import asyncio

from kiosk.flows.events import Entered, Preference, Pressed, Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import ScanPackage
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
from kiosk.model.package import PackageStatus
from kiosk.model.pickup_code import qr_text
from tests.support.flow_site import Running
from tests.support.invariants import BecameFact, RowFact, Told
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
    unplug,
)
from tests.support.stories.table import story


@story
async def pickup(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    told.prepared()
    await fetch(kiosk, told)
    await leave(kiosk)


@story
async def pickup_by_qr(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    told.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await kiosk.player.until(First)
    kiosk.player.do(Scanned(qr_text("demo", code)))
    await kiosk.player.until(DoorOpen)
    told.took(slot)
    await shut(kiosk, slot)
    await kiosk.player.until(Thanks)


async def _shut_at_once(kiosk: Running, told: Told, is_taken: bool) -> str:
    slot = await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    await type_code(kiosk, code)
    await kiosk.player.until(DoorOpen)
    if is_taken:
        told.took(slot)
    kiosk.site.steel.close(slot)
    await kiosk.player.until(Ask)
    return slot


@story
async def pickup_shut_at_once_but_taken(kiosk: Running, told: Told) -> None:
    await _shut_at_once(kiosk, told, is_taken=True)
    told.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await press(kiosk, Choice.YES, Thanks)


@story
async def pickup_shut_at_once_not_taken(kiosk: Running, told: Told) -> None:
    await _shut_at_once(kiosk, told, is_taken=False)
    await press(kiosk, Choice.NO, First)


@story
async def pickup_shut_at_once_and_opened_again(kiosk: Running, told: Told) -> None:
    slot = await _shut_at_once(kiosk, told, is_taken=False)
    told.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await press(kiosk, Choice.OPEN_AGAIN, DoorOpen)
    told.took(slot)
    await shut(kiosk, slot)
    view = await kiosk.player.until(View, lambda view: isinstance(view, Ask | Thanks))
    if isinstance(view, Ask):
        await press(kiosk, Choice.YES, Thanks)


@story
async def pickup_leaves_the_door_open(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    told.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await type_code(kiosk, code)
    await kiosk.player.until(DoorOpen)
    told.took(slot)
    await kiosk.player.until(Thanks, patience_s=400)


@story
async def pickup_at_a_jam(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    kiosk.site.steel.jam(slot)
    told.prepared()
    await type_code(kiosk, code)
    for choice in (Choice.TRY_AGAIN, Choice.TRY_AGAIN, Choice.DONE):
        await kiosk.player.until(Trouble)
        kiosk.player.do(Pressed(choice))
    await kiosk.player.until(First)


@story
async def pickup_at_a_dead_sensor(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    kiosk.site.steel.door(slot).stuck_sensor = False
    told.prepared()
    told.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await type_code(kiosk, code)
    await kiosk.player.until(Trouble)
    await press(kiosk, Choice.DOOR_IS_OPEN, DoorOpen)
    told.took(slot)
    await shut(kiosk, slot)
    await press(kiosk, Choice.DONE, Thanks)


@story
async def pickup_opens_the_wrong_door(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    kiosk.site.steel.swap(slot, "12")
    told.prepared()
    await type_code(kiosk, code)
    trouble = await kiosk.player.until(Trouble)
    await shut(kiosk, trouble.wrong_slot)
    await kiosk.player.until(Trouble, lambda view: Choice.DONE in view.choices)
    await leave(kiosk)


@story
async def pickup_at_a_board_that_is_away(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    unplug(kiosk)
    await kiosk.player.until(First, lambda view: view.unreachable_boards > 0)
    await press(kiosk, Choice.PICK_UP, EnterCode)
    kiosk.player.do(Entered(code))
    await kiosk.player.until(Trouble)
    kiosk.player.do(Pressed(Choice.DONE))
    plug(kiosk)
    await kiosk.player.until(First, lambda view: view.unreachable_boards == 0)


@story
async def pickup_at_a_board_that_dies_with_the_pulse(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    silence_after_the_pulse(kiosk)
    await type_code(kiosk, code)
    await kiosk.player.until(Trouble)
    told.took(slot)
    await leave(kiosk)


@story
async def pickup_from_a_doubtful_slot(kiosk: Running, told: Told) -> None:
    slot = await doubted(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    told.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    await type_code(kiosk, code)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.OPEN_DOOR, DoorOpen)
    told.took(slot)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.YES, Thanks)


@story
async def pickup_from_a_doubtful_slot_finds_nothing(kiosk: Running, told: Told) -> None:
    slot = await doubted(kiosk, told)
    code = await kiosk.code_of("P")
    told.took(slot)
    told.prepared()
    told.when_shown(Answer, BecameFact("P", PackageStatus.MISSING))
    await type_code(kiosk, code)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.OPEN_DOOR, DoorOpen)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.NO, Answer)
    await leave(kiosk)


@story
async def pickup_after_the_hold(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    told.prepared()
    await hold_over(kiosk)
    told.add(BecameFact("P", PackageStatus.EXPIRED))
    await fetch(kiosk, told)


@story
async def pickup_with_wrong_codes(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    wrong = code[:3] + f"{(int(code[3:]) + 1) % 1_000_000:06d}"
    told.prepared()
    await type_code(kiosk, wrong)
    for _ in range(5):
        await kiosk.player.until(EnterCode, lambda view: view.refused is not None)
        kiosk.player.do(Entered(wrong))
    await kiosk.player.until(EnterCode, lambda view: view.wait_s > 0)


@story
async def no_code_and_it_is_sent_again(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    told.prepared()
    await kiosk.player.until(First)
    await press(kiosk, Choice.PICK_UP, EnterCode)
    await press(kiosk, Choice.NO_CODE, EnterTracking)
    kiosk.player.do(Entered("P"))
    await kiosk.player.until(EnterPhoneDigits)
    kiosk.player.do(Entered("1000"))
    await kiosk.player.until(CodeAsked)
    await press(kiosk, Choice.DONE, First)


@story
async def pickup_twice(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    await fetch(kiosk, told)
    kiosk.player.do(Pressed(Choice.DONE))
    kiosk.world.clock.ahead_ms += 10 * 60_000
    told.prepared()
    await type_code(kiosk, code)
    await kiosk.player.until(Answer)


async def _opened_again(kiosk: Running, told: Told, answer: Choice) -> None:
    await have_stored(kiosk, told)
    slot = await fetch(kiosk, told)
    told.prepared()
    await press(kiosk, Choice.OPEN_AGAIN, DoorOpen)
    if answer is Choice.SOMETHING_INSIDE:
        told.put(slot, "what was put back")
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, answer, Thanks)


@story
async def reopen_and_empty(kiosk: Running, told: Told) -> None:
    await _opened_again(kiosk, told, Choice.IT_IS_EMPTY)


@story
async def reopen_and_something_left_inside(kiosk: Running, told: Told) -> None:
    await _opened_again(kiosk, told, Choice.SOMETHING_INSIDE)


@story
async def reopen_by_the_code(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    slot = await fetch(kiosk, told)
    kiosk.player.do(Pressed(Choice.DONE))
    told.prepared()
    await type_code(kiosk, code)
    await kiosk.player.until(DoorOpen)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.IT_IS_EMPTY, Thanks)


@story
async def pickup_of_two_with_one_code(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told, "P", "S", "user-7")
    other = await have_stored(kiosk, told, "Q", "M", "user-7")
    code = await kiosk.code_of("P")
    told.prepared()
    told.when_shown(MorePackages, BecameFact("P", PackageStatus.RETRIEVED))
    told.when_shown(Thanks, BecameFact("Q", PackageStatus.RETRIEVED))
    await type_code(kiosk, code)
    door = await kiosk.player.until(DoorOpen)
    told.took(door.slot)
    await shut(kiosk, door.slot)
    await kiosk.player.until(MorePackages)
    await press(kiosk, Choice.OPEN_NEXT, DoorOpen)
    told.took(other)
    await shut(kiosk, other)
    await kiosk.player.until(Thanks)


@story
async def pickup_finds_nothing_inside(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.took(slot)
    told.prepared()
    told.when_shown(Answer, BecameFact("P", PackageStatus.MISSING))
    await type_code(kiosk, code)
    await kiosk.player.until(DoorOpen)
    await press(kiosk, Choice.NOTHING_INSIDE, DoorOpen)
    await shut(kiosk, slot)
    await kiosk.player.until(Answer)


@story
async def pickup_of_what_was_recalled(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    await recall(kiosk, "P")
    await type_code(kiosk, code)
    await kiosk.player.until(Answer)


@story
async def complaint(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    await fetch(kiosk, told)
    told.prepared()
    await press(kiosk, Choice.SOMETHING_WRONG, Ask)
    await press(kiosk, Choice.DAMAGED, Answer)


async def _putting_back(kiosk: Running, told: Told) -> str:
    await have_stored(kiosk, told)
    slot = await fetch(kiosk, told)
    told.prepared()
    await press(kiosk, Choice.SOMETHING_WRONG, Ask)
    await press(kiosk, Choice.LEAVE_IT_HERE, DoorOpen)
    told.put(slot, "what was put back")
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    return slot


@story
async def left_here_for_the_courier(kiosk: Running, told: Told) -> None:
    await _putting_back(kiosk, told)
    await press(kiosk, Choice.YES, Answer)


@story
async def left_here_and_nothing_said(kiosk: Running, told: Told) -> None:
    await _putting_back(kiosk, told)
    await kiosk.player.until(First)


@story
async def reopen_at_a_jam(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    slot = await fetch(kiosk, told)
    kiosk.site.steel.jam(slot)
    told.prepared()
    await press(kiosk, Choice.OPEN_AGAIN, Trouble)


@story
async def a_hold_is_extended(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    await kiosk.player.until(First)
    await press(kiosk, Choice.HELP, Answer)
    await press(kiosk, Choice.EXTEND_HOLD, EnterCode)
    kiosk.player.do(Entered(code))
    await kiosk.player.until(HoldExtended)


@story
async def pickup_too_high_and_moved_by_the_courier(kiosk: Running, told: Told) -> None:
    high = await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    await kiosk.player.until(First)
    kiosk.player.do(Preference(is_access=True))
    await press(kiosk, Choice.PICK_UP, EnterCode)
    kiosk.player.do(Entered(code))
    await kiosk.player.until(Ask)
    told.when_shown(LowerAsked, RowFact("package", await id_of(kiosk, "P"), "needs_low", 1))
    await press(kiosk, Choice.MOVE_LOWER, LowerAsked)
    kiosk.player.do(Pressed(Choice.DONE))
    await sign_in_courier(kiosk)
    kiosk.player.do(Pressed(Choice.MOVE_LOWER))
    await kiosk.player.until(DoorOpen, lambda view: view.slot == high)
    await asyncio.sleep(1)
    target = next(label for label in kiosk.open_doors() if label != high)
    told.took(high)
    told.put(target, "P")
    await shut(kiosk, high)
    await kiosk.player.until(DoorOpen, lambda view: view.slot == target)
    await shut(kiosk, target)
    await kiosk.player.until(Ask)
    told.when_shown(ScanPackage, RowFact("package", await id_of(kiosk, "P"), "slot", target))
    await press(kiosk, Choice.YES, ScanPackage)
    await leave(kiosk)
