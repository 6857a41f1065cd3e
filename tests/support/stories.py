"""What happens at a locker, each with its ending, as stories that can be played under any fault.

A story plays one person (or fault) from the first screen and back to it. It says what people were
told and what their hands did in `told`; everything before `told.prepared()` is only the setting.
To add one: write an async function of `(kiosk, told)` under `@story`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kiosk.flows.context import Policy
from kiosk.flows.maintenance import TEST_ROUNDS
from kiosk.flows.views import (
    Ask,
    Boards,
    Choice,
    ChooseReason,
    ChooseSize,
    ChooseUntil,
    Chosen,
    CodeAsked,
    Collection,
    DoorOpen,
    DoorPage,
    Doors,
    DoorsTested,
    EnterCode,
    Entered,
    EnterPhoneDigits,
    EnterPin,
    EnterTracking,
    First,
    History,
    HoldExtended,
    LowerAsked,
    Machine,
    MorePackages,
    OpenFromAfar,
    PartsTest,
    Preference,
    Pressed,
    Receipt,
    Round,
    ScanInside,
    Scanned,
    ScanPackage,
    StaffList,
    Thanks,
    Trouble,
    View,
)
from kiosk.flows.views import Told as ToldView
from kiosk.model.location import Service, SuspectReason
from kiosk.model.package import PackageStatus
from kiosk.model.person import Recipient
from kiosk.model.pickup_code import qr_text
from kiosk.store import departures, holds, packages, slots
from kiosk.store.packages import Announcement
from tests.support.flow_site import COURIER_PIN, TECHNICIAN_PIN, Running
from tests.support.invariants import BecameFact, RowFact, Told

Story = Callable[[Running, Told], Awaitable[None]]
STORIES: dict[str, Story] = {}
"""Every story by its name; each begins at a kiosk that has just started and holds nothing."""

V = TypeVar("V", bound=View)
POLICY = Policy(show_code_to_courier=True, may_extend=True)
"""What the site must allow for every story to be possible."""
DAY_MS = 24 * 3_600_000
AT_THE_DOOR_S = 3.0
"""How long a person needs between an open door and a shut one."""


def story(played: Story) -> Story:
    """Puts a story into the table under the name of its function."""
    STORIES[played.__name__] = played
    return played


# --- what people do, for stories to be made of ----------------------------------------------------


async def press(kiosk: Running, choice: Choice, then: type[V]) -> V:
    """Press something and wait for the view that follows."""
    kiosk.player.do(Pressed(choice))
    return await kiosk.player.until(then)


async def sign_in_courier(kiosk: Running) -> None:
    """From the first screen to the courier's."""
    await kiosk.player.until(First)
    await press(kiosk, Choice.COURIER, EnterPin)
    kiosk.player.do(Entered(COURIER_PIN))
    await kiosk.player.until(ScanPackage)


async def sign_in_technician(kiosk: Running) -> None:
    """From the first screen to the doors."""
    await kiosk.player.until(First)
    await press(kiosk, Choice.SERVICE, EnterPin)
    kiosk.player.do(Entered(TECHNICIAN_PIN))
    await kiosk.player.until(Doors)


async def leave(kiosk: Running) -> None:
    """Press done, on a receipt as well, until the first screen is there."""
    kiosk.player.do(Pressed(Choice.DONE))
    view = await kiosk.player.until(View, lambda view: isinstance(view, First | Receipt))
    if isinstance(view, Receipt):
        await press(kiosk, Choice.DONE, First)


async def shut(kiosk: Running, slot: str) -> None:
    """After a while at the door, shut it."""
    await asyncio.sleep(AT_THE_DOOR_S)
    kiosk.site.steel.close(slot)


async def put_in(kiosk: Running, told: Told, barcode: str) -> str:
    """Behind the courier's screen: scan, put in, shut; the slot."""
    kiosk.player.do(Scanned(barcode))
    slot = (await kiosk.player.until(DoorOpen)).slot
    told.put(slot, barcode)
    await shut(kiosk, slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
    return slot


async def have_stored(
    kiosk: Running, told: Told, barcode: str = "P", size: str = "S", owner: str | None = None
) -> str:
    """A package that was announced and put in by the courier, who has left; its slot."""
    await announce(kiosk, barcode, size, owner)
    await sign_in_courier(kiosk)
    slot = await put_in(kiosk, told, barcode)
    await press(kiosk, Choice.DONE, Receipt)
    kiosk.player.do(Pressed(Choice.DONE))
    return slot


async def announce(kiosk: Running, barcode: str, size: str, owner: str | None = None) -> None:
    """Somebody says that a package will come, for this user of the centre."""
    recipient = Recipient(kiosk.kiosk.new_id(), "Ada", "+49171000")
    announcement = Announcement(kiosk.kiosk.new_id(), barcode, size, recipient, owner)
    await kiosk.kiosk.store.run(packages.announce, announcement)


async def hold_over(kiosk: Running) -> None:
    """Eight days go by, and what was not fetched expires."""
    kiosk.world.clock.ahead_ms += 8 * DAY_MS
    await kiosk.kiosk.store.run(holds.expire_due)


async def recall(kiosk: Running, barcode: str) -> None:
    """The sender wants a package back."""
    package = await kiosk.kiosk.store.run(packages.live_by_barcode, barcode)
    assert package is not None
    await kiosk.kiosk.store.run(departures.cancel, package.id, "a test")


async def type_code(kiosk: Running, code: str) -> None:
    """From the first screen: type a code."""
    await kiosk.player.until(First)
    await press(kiosk, Choice.PICK_UP, EnterCode)
    kiosk.player.do(Entered(code))


async def fetch(kiosk: Running, told: Told, barcode: str = "P") -> str:
    """From the first screen to thanks; the slot."""
    code = await kiosk.code_of(barcode)
    told.when_shown(Thanks, BecameFact(barcode, PackageStatus.RETRIEVED))
    await type_code(kiosk, code)
    slot = (await kiosk.player.until(DoorOpen)).slot
    told.took(slot)
    await shut(kiosk, slot)
    await kiosk.player.until(Thanks)
    return slot


async def open_as_technician(kiosk: Running, slot: str) -> None:
    """From the doors to one that stands open and is shut again."""
    kiosk.player.do(Chosen(slot))
    page = await kiosk.player.until(DoorPage)
    kiosk.player.do(Pressed(page.choices[0]))
    await kiosk.player.until(DoorOpen)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)


async def doubted(kiosk: Running, told: Told) -> str:
    """A stored package whose slot came into doubt: it was shut within a moment; the slot."""
    slot = await have_stored(kiosk, told)
    await type_code(kiosk, await kiosk.code_of("P"))
    await kiosk.player.until(DoorOpen)
    kiosk.site.steel.close(slot)
    await kiosk.player.until(Ask)
    kiosk.player.do(Pressed(Choice.NO))
    return slot


def unplug(kiosk: Running) -> None:
    for line in kiosk.site.lines.values():
        line.is_plugged = False


def plug(kiosk: Running) -> None:
    for line in kiosk.site.lines.values():
        line.is_plugged = True


def silence_after_the_pulse(kiosk: Running) -> None:
    """The board dies with the pulse: the door opens and nobody can tell."""
    kiosk.site.steel.listen(lambda moved: unplug(kiosk) if moved.is_open else None)


# --- the courier puts in --------------------------------------------------------------------------


@story
async def deposit(kiosk: Running, told: Told) -> None:
    await kiosk.announce("P", "S")
    told.prepared()
    await sign_in_courier(kiosk)
    await put_in(kiosk, told, "P")
    await leave(kiosk)


@story
async def deposit_not_announced(kiosk: Running, told: Told) -> None:
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("NEW"))
    await kiosk.player.until(ChooseSize)
    kiosk.player.do(Chosen("M"))
    slot = (await kiosk.player.until(DoorOpen)).slot
    told.put(slot, "NEW")
    await shut(kiosk, slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


@story
async def deposit_of_two_the_second_scanned_ahead(kiosk: Running, told: Told) -> None:
    await kiosk.announce("ONE", "S")
    await kiosk.announce("TWO", "M")
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("ONE"))
    first = await kiosk.player.until(DoorOpen)
    kiosk.player.do(Scanned("TWO"))
    await kiosk.player.until(DoorOpen, lambda view: view.next_barcode != "")
    told.put(first.slot, "ONE")
    await shut(kiosk, first.slot)
    second = await kiosk.player.until(DoorOpen, lambda view: view.barcode == "TWO")
    told.put(second.slot, "TWO")
    await shut(kiosk, second.slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored_count == 2)


async def _cancelled(kiosk: Running, told: Told, is_put_in: bool, answer: Choice) -> None:
    await kiosk.announce("P", "S")
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    door = await kiosk.player.until(DoorOpen)
    if is_put_in:
        told.put(door.slot, "P")
    kiosk.player.do(Pressed(Choice.CANCEL))
    await kiosk.player.until(DoorOpen, lambda view: view.remind)
    await shut(kiosk, door.slot)
    await kiosk.player.until(Ask)
    await press(kiosk, answer, ScanPackage)


@story
async def deposit_cancelled_empty(kiosk: Running, told: Told) -> None:
    await _cancelled(kiosk, told, False, Choice.IT_IS_EMPTY)


@story
async def deposit_cancelled_something_inside(kiosk: Running, told: Told) -> None:
    await _cancelled(kiosk, told, True, Choice.SOMETHING_INSIDE)


@story
async def deposit_in_a_larger_slot(kiosk: Running, told: Told) -> None:
    await kiosk.announce("P", "S")
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    small = await kiosk.player.until(DoorOpen)
    kiosk.player.do(Pressed(Choice.LARGER_SLOT))
    await kiosk.player.until(DoorOpen, lambda view: view.remind)
    await shut(kiosk, small.slot)
    await kiosk.player.until(Ask)
    larger = await press(kiosk, Choice.IT_IS_EMPTY, DoorOpen)
    told.put(larger.slot, "P")
    await shut(kiosk, larger.slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


@story
async def deposit_walked_away_from(kiosk: Running, told: Told) -> None:
    await kiosk.announce("P", "S")
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    door = await kiosk.player.until(DoorOpen)
    told.put(door.slot, "P")
    await kiosk.player.until(ScanPackage, patience_s=400)


async def _jammed_deposit(kiosk: Running, told: Told) -> Trouble:
    await kiosk.announce("P", "S")
    for label in ("3", "9"):
        kiosk.site.steel.jam(label)
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    return await kiosk.player.until(Trouble)


@story
async def deposit_jammed_then_another_slot(kiosk: Running, told: Told) -> None:
    trouble = await _jammed_deposit(kiosk, told)
    kiosk.site.steel.unjam("9" if trouble.slot == "3" else "3")
    door = await press(kiosk, Choice.ANOTHER_SLOT, DoorOpen)
    told.put(door.slot, "P")
    await shut(kiosk, door.slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


@story
async def deposit_jammed_and_given_up(kiosk: Running, told: Told) -> None:
    await _jammed_deposit(kiosk, told)
    await press(kiosk, Choice.CANCEL, ScanPackage)


@story
async def deposit_at_a_board_that_is_away(kiosk: Running, told: Told) -> None:
    await kiosk.announce("P", "S")
    told.prepared()
    await sign_in_courier(kiosk)
    unplug(kiosk)
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(Trouble)
    await press(kiosk, Choice.CANCEL, ScanPackage)
    plug(kiosk)
    await asyncio.sleep(5)


@story
async def deposit_at_a_board_that_dies_with_the_pulse(kiosk: Running, told: Told) -> None:
    await kiosk.announce("P", "S")
    told.prepared()
    await sign_in_courier(kiosk)
    silence_after_the_pulse(kiosk)
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(Trouble)
    await press(kiosk, Choice.CANCEL, ScanPackage)


@story
async def deposit_opens_the_wrong_door(kiosk: Running, told: Told) -> None:
    await kiosk.announce("P", "S")
    for one, other in (("3", "7"), ("9", "12")):
        kiosk.site.steel.swap(one, other)
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    trouble = await kiosk.player.until(Trouble)
    await shut(kiosk, trouble.wrong_slot)
    await kiosk.player.until(Trouble, lambda view: Choice.CANCEL in view.choices)
    await press(kiosk, Choice.CANCEL, ScanPackage)


@story
async def deposit_of_what_is_already_here(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)


@story
async def deposit_when_full(kiosk: Running, told: Told) -> None:
    for label in ("8", "12"):
        await kiosk.kiosk.store.run(
            slots.set_service, label, Service.NO_DEPOSITS, "a test", "staff:99"
        )
    await kiosk.announce("BIG", "L")
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("BIG"))
    await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)


@story
async def deposit_undone(kiosk: Running, told: Told) -> None:
    slot = await _undoing(kiosk, told)
    told.took(slot)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    told.when_shown(ScanPackage, BecameFact("P", PackageStatus.PENDING))
    await press(kiosk, Choice.IT_IS_EMPTY, ScanPackage)


@story
async def deposit_undone_after_all_not(kiosk: Running, told: Told) -> None:
    slot = await _undoing(kiosk, told)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.STILL_THERE, ScanPackage)


async def _undoing(kiosk: Running, told: Told) -> str:
    await announce(kiosk, "P", "S")
    await sign_in_courier(kiosk)
    slot = await put_in(kiosk, told, "P")
    told.prepared()
    await press(kiosk, Choice.UNDO_LAST, DoorOpen)
    return slot


async def _full(kiosk: Running, told: Told, *but: str) -> None:
    """No slot takes an L, but these might."""
    for label in sorted({"8", "12"} - set(but)):
        await kiosk.kiosk.store.run(
            slots.set_service, label, Service.NO_DEPOSITS, "a test", "staff:99"
        )
    await announce(kiosk, "BIG", "L")


@story
async def deposit_after_a_look_into_a_slot_in_doubt(kiosk: Running, told: Told) -> None:
    await _full(kiosk, told, "12")
    await kiosk.kiosk.store.run(slots.mark_suspect, "12", SuspectReason.MAY_BE_EMPTY, "a test")
    # The last low slot is kept back for those who need it: one more is wanted.
    await kiosk.kiosk.store.run(slots.set_service, "8", Service.IN_SERVICE, "", "staff:99")
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("BIG"))
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.LOOK_INSIDE, DoorOpen)
    await shut(kiosk, "12")
    await kiosk.player.until(Ask)
    door = await press(kiosk, Choice.IT_IS_EMPTY, DoorOpen)
    told.put(door.slot, "BIG")
    await shut(kiosk, door.slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


@story
async def deposit_of_what_was_found_inside(kiosk: Running, told: Told) -> None:
    """A deposit that was left in the middle is completed by who looks into the slot."""
    await announce(kiosk, "P", "S")
    told.put("9", "P")
    await kiosk.kiosk.store.run(slots.mark_suspect, "9", SuspectReason.MAY_HOLD_SOMETHING, "a test")
    told.prepared()
    await sign_in_technician(kiosk)
    await press(kiosk, Choice.ROUND, Round)
    await press(kiosk, Choice.LOOK_INSIDE, DoorOpen)
    await shut(kiosk, "9")
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.SOMETHING_INSIDE, ScanInside)
    told.when_shown(Doors, BecameFact("P", PackageStatus.STORED, "9"))
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(Doors)


@story
async def deposit_and_no_receipt_seen_until_the_next_visit(kiosk: Running, told: Told) -> None:
    await announce(kiosk, "P", "S")
    told.prepared()
    await sign_in_courier(kiosk)
    await put_in(kiosk, told, "P")
    await kiosk.player.until(First, patience_s=400)
    await press(kiosk, Choice.COURIER, EnterPin)
    kiosk.player.do(Entered(COURIER_PIN))
    await kiosk.player.until(Receipt)
    await press(kiosk, Choice.DONE, ScanPackage)


@story
async def courier_makes_a_code_anew(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
    kiosk.player.do(Pressed(Choice.REISSUE_CODE))
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
    await leave(kiosk)


# --- the courier takes back -----------------------------------------------------------------------


async def _due(kiosk: Running, told: Told) -> str:
    """A recalled package, and the courier before the round; its slot."""
    slot = await have_stored(kiosk, told)
    await recall(kiosk, "P")
    told.prepared()
    await sign_in_courier(kiosk)
    await press(kiosk, Choice.COLLECT, Collection)
    return slot


@story
async def collection(kiosk: Running, told: Told) -> None:
    slot = await _due(kiosk, told)
    await press(kiosk, Choice.OPEN_NEXT, DoorOpen)
    told.took(slot)
    await shut(kiosk, slot)
    told.when_shown(ScanPackage, BecameFact("P", PackageStatus.COLLECTED))
    await kiosk.player.until(ScanPackage)
    await leave(kiosk)


@story
async def collection_of_what_expired_one_skipped(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told, "P")
    second = await have_stored(kiosk, told, "Q", "M")
    await hold_over(kiosk)
    told.prepared()
    await sign_in_courier(kiosk)
    first = (await press(kiosk, Choice.COLLECT, Collection)).due[0].slot
    await press(kiosk, Choice.SKIP, Collection)
    door = await press(kiosk, Choice.OPEN_NEXT, DoorOpen)
    assert {first, door.slot} >= {second}
    taken = told.contents[door.slot]
    told.took(door.slot)
    await shut(kiosk, door.slot)
    told.when_shown(ScanPackage, BecameFact(taken, PackageStatus.COLLECTED))
    await kiosk.player.until(ScanPackage)


@story
async def collection_finds_nothing(kiosk: Running, told: Told) -> None:
    slot = await _due(kiosk, told)
    told.took(slot)
    await press(kiosk, Choice.OPEN_NEXT, DoorOpen)
    await press(kiosk, Choice.NOTHING_INSIDE, DoorOpen)
    told.when_shown(ScanPackage, BecameFact("P", PackageStatus.MISSING))
    await shut(kiosk, slot)
    await kiosk.player.until(ScanPackage)


@story
async def collection_shut_at_once_not_taken(kiosk: Running, told: Told) -> None:
    slot = await _due(kiosk, told)
    await press(kiosk, Choice.OPEN_NEXT, DoorOpen)
    kiosk.site.steel.close(slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.NO, ScanPackage)


@story
async def collection_at_a_jam(kiosk: Running, told: Told) -> None:
    kiosk.site.steel.jam(await _due(kiosk, told))
    kiosk.player.do(Pressed(Choice.OPEN_NEXT))
    await kiosk.player.until(Collection, lambda view: view.problem is not None)


@story
async def collection_opens_the_wrong_door(kiosk: Running, told: Told) -> None:
    slot = await _due(kiosk, told)
    kiosk.site.steel.swap(slot, "12")
    kiosk.player.do(Pressed(Choice.OPEN_NEXT))
    trouble = await kiosk.player.until(Trouble)
    await shut(kiosk, trouble.wrong_slot)
    await kiosk.player.until(Collection, lambda view: view.problem is not None)


# --- the customer fetches -------------------------------------------------------------------------


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
    told.when_shown(ToldView, BecameFact("P", PackageStatus.MISSING))
    await type_code(kiosk, code)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.OPEN_DOOR, DoorOpen)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.NO, ToldView)
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
    await kiosk.player.until(ToldView)


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
    told.when_shown(ToldView, BecameFact("P", PackageStatus.MISSING))
    await type_code(kiosk, code)
    await kiosk.player.until(DoorOpen)
    await press(kiosk, Choice.NOTHING_INSIDE, DoorOpen)
    await shut(kiosk, slot)
    await kiosk.player.until(ToldView)


@story
async def pickup_of_what_was_recalled(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    await recall(kiosk, "P")
    await type_code(kiosk, code)
    await kiosk.player.until(ToldView)


@story
async def complaint(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    await fetch(kiosk, told)
    told.prepared()
    await press(kiosk, Choice.SOMETHING_WRONG, Ask)
    await press(kiosk, Choice.DAMAGED, ToldView)


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
    await press(kiosk, Choice.YES, ToldView)


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


# --- the technician -------------------------------------------------------------------------------


@story
async def technician_opens_an_empty_slot(kiosk: Running, told: Told) -> None:
    told.prepared()
    await sign_in_technician(kiosk)
    await open_as_technician(kiosk, "9")
    await press(kiosk, Choice.IT_IS_EMPTY, DoorPage)
    await press(kiosk, Choice.BACK, Doors)
    await leave(kiosk)


@story
async def technician_finds_something(kiosk: Running, told: Told) -> None:
    told.put("9", "what nobody knows of")
    await kiosk.kiosk.store.run(slots.mark_suspect, "9", SuspectReason.MAY_HOLD_SOMETHING, "a test")
    told.prepared()
    await sign_in_technician(kiosk)
    await open_as_technician(kiosk, "9")
    await press(kiosk, Choice.SOMETHING_INSIDE, ScanInside)
    kiosk.player.do(Scanned("NOBODY-KNOWS"))
    await kiosk.player.until(ScanInside, lambda view: view.refused is not None)
    told.took("9")
    await press(kiosk, Choice.SET_ASIDE, DoorPage)


@story
async def technician_finds_the_package_still_there(kiosk: Running, told: Told) -> None:
    slot = await doubted(kiosk, told)
    told.prepared()
    await sign_in_technician(kiosk)
    await open_as_technician(kiosk, slot)
    await press(kiosk, Choice.SOMETHING_INSIDE, ScanInside)
    kiosk.player.do(Scanned("P"))
    await kiosk.player.until(DoorPage)


@story
async def technician_finds_the_package_gone(kiosk: Running, told: Told) -> None:
    slot = await doubted(kiosk, told)
    told.took(slot)
    told.prepared()
    await sign_in_technician(kiosk)
    await open_as_technician(kiosk, slot)
    told.when_shown(DoorPage, BecameFact("P", PackageStatus.MISSING))
    await press(kiosk, Choice.IT_IS_EMPTY, DoorPage)


@story
async def technician_says_nothing(kiosk: Running, told: Told) -> None:
    told.prepared()
    await sign_in_technician(kiosk)
    await open_as_technician(kiosk, "9")
    await kiosk.player.until(DoorPage)


@story
async def technician_takes_a_slot_out_of_service_and_back(kiosk: Running, told: Told) -> None:
    told.prepared()
    await sign_in_technician(kiosk)
    kiosk.player.do(Chosen("7"))
    await kiosk.player.until(DoorPage)
    reasons = (await press(kiosk, Choice.OUT_OF_SERVICE, ChooseReason)).reasons
    told.when_shown(DoorPage, RowFact("slot", "7", "service", "NO_DEPOSITS"))
    kiosk.player.do(Chosen(reasons[0]))
    await kiosk.player.until(DoorPage)
    told.when_shown(DoorPage, RowFact("slot", "7", "service", "IN_SERVICE"))
    await press(kiosk, Choice.BACK_IN_SERVICE, DoorPage)


@story
async def technician_at_a_jam(kiosk: Running, told: Told) -> None:
    kiosk.site.steel.jam("9")
    told.prepared()
    await sign_in_technician(kiosk)
    kiosk.player.do(Chosen("9"))
    await kiosk.player.until(DoorPage)
    await press(kiosk, Choice.OPEN_DOOR, DoorPage)


async def _on_the_page_of(kiosk: Running, slot: str) -> None:
    await sign_in_technician(kiosk)
    kiosk.player.do(Chosen(slot))
    await kiosk.player.until(DoorPage)


async def _moving(kiosk: Running, told: Told, answer: Choice) -> None:
    slot = await have_stored(kiosk, told)
    told.prepared()
    await _on_the_page_of(kiosk, slot)
    kiosk.player.do(Pressed(Choice.MOVE_PACKAGE))
    await kiosk.player.until(DoorOpen, lambda view: view.slot == slot)
    await asyncio.sleep(1)
    target = next(label for label in kiosk.open_doors() if label != slot)
    if answer is Choice.YES:
        told.took(slot)
        told.put(target, "P")
    await shut(kiosk, slot)
    await kiosk.player.until(DoorOpen, lambda view: view.slot == target)
    await shut(kiosk, target)
    await kiosk.player.until(Ask)
    if answer is Choice.YES:
        told.when_shown(DoorPage, RowFact("package", await _id_of(kiosk, "P"), "slot", target))
    await press(kiosk, answer, DoorPage)


async def _id_of(kiosk: Running, barcode: str) -> str:
    package = await kiosk.kiosk.store.run(packages.live_by_barcode, barcode)
    assert package is not None
    return package.id


@story
async def technician_moves_a_package(kiosk: Running, told: Told) -> None:
    await _moving(kiosk, told, Choice.YES)


@story
async def technician_does_not_move_a_package_after_all(kiosk: Running, told: Told) -> None:
    await _moving(kiosk, told, Choice.NO)


@story
async def technician_moves_to_a_jam(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    for label in kiosk.site.steel.doors:
        kiosk.site.steel.jam(label)
    told.prepared()
    await _on_the_page_of(kiosk, slot)
    await press(kiosk, Choice.MOVE_PACKAGE, DoorPage)


@story
async def technician_moves_from_a_jam(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    kiosk.site.steel.jam(slot)
    told.prepared()
    await _on_the_page_of(kiosk, slot)
    kiosk.player.do(Pressed(Choice.MOVE_PACKAGE))
    door = await kiosk.player.until(DoorOpen)
    await shut(kiosk, door.slot)
    await kiosk.player.until(DoorPage)


@story
async def technician_takes_out_a_damaged_package(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    told.prepared()
    await _on_the_page_of(kiosk, slot)
    await press(kiosk, Choice.TAKE_OUT, ChooseReason)
    kiosk.player.do(Chosen("damaged"))
    await kiosk.player.until(DoorOpen)
    told.took(slot)
    told.when_shown(DoorPage, BecameFact("P", PackageStatus.COLLECTED))
    await shut(kiosk, slot)
    await kiosk.player.until(DoorPage)


@story
async def technician_forbids_a_door(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    await _on_the_page_of(kiosk, slot)
    reasons = (await press(kiosk, Choice.DO_NOT_OPEN, ChooseReason)).reasons
    told.when_shown(DoorPage, RowFact("slot", slot, "service", "DO_NOT_OPEN"))
    kiosk.player.do(Chosen(reasons[0]))
    await kiosk.player.until(DoorPage)
    await press(kiosk, Choice.BACK, Doors)
    kiosk.player.do(Pressed(Choice.DONE))
    await type_code(kiosk, code)
    await kiosk.player.until(Trouble)


@story
async def technician_reads_the_machine(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    told.prepared()
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
async def technician_tests_a_lock(kiosk: Running, told: Told) -> None:
    told.prepared()
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
async def technician_tests_the_doors_until_one_jams_and_stops(kiosk: Running, told: Told) -> None:
    empty = [each.label for each in await kiosk.kiosk.store.run(slots.records)]
    kiosk.site.steel.jam(empty[1])
    told.prepared()
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
async def technician_opens_the_wrong_door(kiosk: Running, told: Told) -> None:
    kiosk.site.steel.swap("9", "12")
    told.prepared()
    await _on_the_page_of(kiosk, "9")
    trouble = await press(kiosk, Choice.OPEN_DOOR, Trouble)
    await shut(kiosk, trouble.wrong_slot)
    await kiosk.player.until(DoorPage)


@story
async def wrong_pin(kiosk: Running, told: Told) -> None:
    told.prepared()
    await kiosk.player.until(First)
    await press(kiosk, Choice.SERVICE, EnterPin)
    for _ in range(3):
        kiosk.player.do(Entered(COURIER_PIN))
        await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
    await press(kiosk, Choice.BACK, First)


# --- what happens by itself -----------------------------------------------------------------------


@story
async def a_door_is_forced(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    await kiosk.player.until(First)
    await asyncio.sleep(20)
    told.prepared()
    kiosk.site.steel.open_by_force(slot)
    told.took(slot)
    await kiosk.player.until(First, lambda view: view.open_doors == (slot,))


@story
async def a_latch_does_not_hold(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    await kiosk.player.until(First)
    told.prepared()
    kiosk.site.steel.open_by_force(slot)
    await kiosk.player.until(Trouble)
    await shut(kiosk, slot)
    await kiosk.player.until(First)


@story
async def a_hold_ends(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told, "P")
    await have_stored(kiosk, told, "Q", "M")
    told.prepared()
    await hold_over(kiosk)
    for barcode in ("P", "Q"):
        told.add(BecameFact(barcode, PackageStatus.EXPIRED))
    await kiosk.player.until(First)
    await asyncio.sleep(130)


@story
async def a_hold_is_extended(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    await kiosk.player.until(First)
    await press(kiosk, Choice.HELP, ToldView)
    await press(kiosk, Choice.EXTEND_HOLD, EnterCode)
    kiosk.player.do(Entered(code))
    await kiosk.player.until(HoldExtended)


@story
async def the_clock_jumps(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    await kiosk.player.until(First)
    told.prepared()
    kiosk.world.clock.ahead_ms += DAY_MS
    await asyncio.sleep(130)
    kiosk.world.clock.is_trusted = False
    await asyncio.sleep(130)
    kiosk.world.clock.is_trusted = True
    await asyncio.sleep(130)


@story
async def a_board_goes_and_comes_back(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    told.prepared()
    unplug(kiosk)
    await kiosk.player.until(First, lambda view: view.unreachable_boards > 0)
    plug(kiosk)
    await kiosk.player.until(First, lambda view: view.unreachable_boards == 0)


@story
async def technician_reads_who_works_here_and_tries_the_parts(kiosk: Running, told: Told) -> None:
    told.prepared()
    await sign_in_technician(kiosk)
    await press(kiosk, Choice.MACHINE, Machine)
    await press(kiosk, Choice.STAFF, StaffList)
    await press(kiosk, Choice.BACK, Machine)
    await press(kiosk, Choice.TEST_PARTS, PartsTest)
    kiosk.player.do(Scanned("RR473129084DE", seems_misread=True))
    await kiosk.player.until(PartsTest, lambda view: bool(view.scans))
    await press(kiosk, Choice.BACK, Machine)


@story
async def technician_says_how_long_a_slot_is_out_of_service(kiosk: Running, told: Told) -> None:
    await kiosk.kiosk.store.run(slots.set_service, "9", Service.NO_DEPOSITS, "dirty", "staff:99")
    told.prepared()
    await _on_the_page_of(kiosk, "9")
    await press(kiosk, Choice.UNTIL_WHEN, ChooseUntil)
    kiosk.player.do(Chosen("7"))
    await kiosk.player.until(DoorPage)


@story
async def technician_opens_all_doors(kiosk: Running, told: Told) -> None:
    await have_stored(kiosk, told)
    told.prepared()
    await sign_in_technician(kiosk)
    await press(kiosk, Choice.MACHINE, Machine)
    await press(kiosk, Choice.OPEN_ALL, Ask)
    await press(kiosk, Choice.YES, EnterPin)
    kiosk.player.do(Entered(TECHNICIAN_PIN))
    await kiosk.player.until(DoorsTested)
    for slot in kiosk.open_doors():
        kiosk.site.steel.close(slot)
    await press(kiosk, Choice.DONE, Machine)


# --- who does not reach every door, somebody in between, a door opened from afar ------------------


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
    told.when_shown(LowerAsked, RowFact("package", await _id_of(kiosk, "P"), "needs_low", 1))
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
    told.when_shown(ScanPackage, RowFact("package", await _id_of(kiosk, "P"), "slot", target))
    await press(kiosk, Choice.YES, ScanPackage)
    await leave(kiosk)


@story
async def courier_lets_a_customer_in(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    code = await kiosk.code_of("P")
    told.prepared()
    await sign_in_courier(kiosk)
    await press(kiosk, Choice.LET_SOMEONE_IN, First)
    await press(kiosk, Choice.PICK_UP, EnterCode)
    told.when_shown(Thanks, BecameFact("P", PackageStatus.RETRIEVED))
    kiosk.player.do(Entered(code))
    await kiosk.player.until(DoorOpen)
    told.took(slot)
    await shut(kiosk, slot)
    await kiosk.player.until(Thanks)
    await press(kiosk, Choice.DONE, First)
    await press(kiosk, Choice.RESUME, EnterPin)
    kiosk.player.do(Entered(COURIER_PIN))
    await kiosk.player.until(ScanPackage)
    await leave(kiosk)


@story
async def courier_scans_a_label_with_a_wrong_check_digit(kiosk: Running, told: Told) -> None:
    await announce(kiosk, "RR473129084DE", "S")
    told.prepared()
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("RR473129084DE", seems_misread=True))
    await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
    kiosk.player.do(Scanned("RR473129084DE", seems_misread=True))
    slot = (await kiosk.player.until(DoorOpen)).slot
    told.put(slot, "RR473129084DE")
    await shut(kiosk, slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
    kiosk.player.do(Scanned("PKS:11:THEBADGE"))
    await kiosk.player.until(Receipt)
    await press(kiosk, Choice.DONE, First)


@story
async def opened_from_afar(kiosk: Running, told: Told) -> None:
    slot = await have_stored(kiosk, told)
    told.prepared()
    await kiosk.player.until(First)
    kiosk.player.do(OpenFromAfar(slot, kiosk.kiosk.new_id()))
    await kiosk.player.until(DoorOpen)
    told.when_shown(First, RowFact("slot", slot, "status", "SUSPECT"))
    await shut(kiosk, slot)
    await kiosk.player.until(First)
