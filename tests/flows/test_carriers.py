"""Two carriers' couriers at one machine, without network: neither sees, hears of or opens what is
the other's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kiosk.flows.context import Policy
from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.courier import ChooseSize, Collection, Receipt, ScanPackage
from kiosk.flows.views.customer import First
from kiosk.flows.views.service import Doors
from kiosk.flows.views.shared import Ask, DoorOpen, EnterPin, View
from kiosk.model.carriers import CarrierScope
from kiosk.model.location import SlotStatus
from kiosk.model.person import Recipient, Role, Staff, StaffSource
from kiosk.store import deposits, packages, shares, staff
from kiosk.store.deposits import DepositRequest
from kiosk.store.errors import RefusedError
from kiosk.store.packages import Announcement
from kiosk.store.shares import DoorShare
from tests.support.flow_site import (
    START_MS,
    TECHNICIAN_PIN,
    Running,
    World,
    running,
    small_place,
)
from tests.support.invariants import require_sound
from tests.support.visits import fresh_kiosk, sign_in

RED, BLUE, BOTH = "214721", "224722", "234723"
"""The PINs of couriers of the carrier red, of blue, and of one of the operator's who serves red,
too."""
LISTED = [
    Staff("21", "Rea", Role.COURIER, "4721", carriers=("red",)),
    Staff("22", "Bo", Role.COURIER, "4722", carriers=("blue",)),
    Staff("23", "Oda", Role.COURIER, "4723", carriers=("operator", "red")),
]


async def list_couriers(kiosk: Running, carriers: dict[str, tuple[str, ...]] | None = None) -> None:
    """The server's list, with other carriers for some of them."""
    listed = [
        Staff(
            each.number,
            each.name,
            each.role,
            each.pin_hash,
            source=StaffSource.SERVER,
            listed_ms=START_MS + kiosk.world.clock.ahead_ms,
            carriers=(carriers or {}).get(each.number, each.carriers),
        )
        for each in LISTED
    ]
    await kiosk.kiosk.store.run(staff.list_staff, listed, StaffSource.SERVER)


@asynccontextmanager
async def shared_machine(folder: Path, policy: Policy | None = None) -> AsyncIterator[Running]:
    async with fresh_kiosk(folder, policy) as kiosk:
        await list_couriers(kiosk)
        kiosk.site.steel.close_after_s = 3.0
        yield kiosk


async def expect(kiosk: Running, barcode: str, carrier: str, sender: str | None = None) -> str:
    """A carrier announces a package."""
    package = kiosk.kiosk.new_id()
    person = Recipient(kiosk.kiosk.new_id(), "Ada", "+49171000")
    announcement = Announcement(
        package, barcode, "S", person, sender=sender or carrier, carrier=carrier
    )
    assert await kiosk.kiosk.store.run(packages.announce, announcement)
    return package


async def come(kiosk: Running, pin: str) -> ScanPackage:
    await sign_in(kiosk, pin)
    return await kiosk.player.until(ScanPackage)


async def go(kiosk: Running) -> Receipt | None:
    """The courier is done; the receipt, if something was moved."""
    kiosk.player.do(Pressed(Choice.DONE))
    view = await kiosk.player.until(View, lambda view: isinstance(view, Receipt | First))
    if not isinstance(view, Receipt):
        return None
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(First)
    return view


async def deposit(kiosk: Running, barcode: str, size: str | None = None) -> str:
    """Put in what was announced, or in a slot of this size what was not; the slot."""
    kiosk.player.do(Scanned(barcode))
    if size is not None:
        await kiosk.player.until(ChooseSize)
        kiosk.player.do(Chosen(size))
    view = await kiosk.player.until(
        ScanPackage, lambda view: view.stored is not None and view.stored.barcode == barcode
    )
    assert view.stored is not None
    return view.stored.slot


async def refusal(kiosk: Running, barcode: str) -> Refused:
    kiosk.player.do(Scanned(barcode))
    view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
    assert view.refused is not None
    return view.refused


async def carrier_of(kiosk: Running, barcode: str) -> str:
    package = await kiosk.kiosk.store.run(packages.live_by_barcode, barcode)
    assert package is not None
    return package.carrier


async def test_each_puts_in_its_own_and_the_other_is_shown_nothing_of_it(tmp_path: Path) -> None:
    async with shared_machine(tmp_path, Policy(show_code_to_courier=True)) as kiosk:
        await expect(kiosk, "RED-1", "red")
        await expect(kiosk, "BLUE-1", "blue")
        await come(kiosk, RED)
        pulses = kiosk.world.pulses
        assert await refusal(kiosk, "BLUE-1") == Refused(Refusal.NOT_YOURS)
        red = await deposit(kiosk, "RED-1")
        red_2 = await deposit(kiosk, "RED-2", "S")
        assert await carrier_of(kiosk, "RED-2") == "red", "what nobody announced is its courier's"
        receipt = await go(kiosk)
        assert receipt is not None
        assert {line.barcode for line in receipt.lines} == {"RED-1", "RED-2"}
        view = await come(kiosk, BLUE)
        assert Choice.REISSUE_CODE not in view.choices
        for barcode in ("RED-1", "red-1", "RED-2"):
            refused = await refusal(kiosk, barcode)
            assert refused == Refused(Refusal.NOT_YOURS), "neither whose it is nor where"
            shown = kiosk.kiosk.person.view
            assert isinstance(shown, ScanPackage)
            assert Choice.REISSUE_CODE not in shown.choices
        blue = await deposit(kiosk, "BLUE-1")
        receipt = await go(kiosk)
        assert receipt is not None
        assert [line.barcode for line in receipt.lines] == ["BLUE-1"]
        assert len({red, red_2, blue}) == 3
        assert kiosk.world.pulses == pulses + 3, "no door opened for who may not touch it"


async def test_each_takes_back_its_own_alone(tmp_path: Path) -> None:
    async with shared_machine(tmp_path) as kiosk:
        used = {}
        for pin, carrier in ((RED, "red"), (BLUE, "blue")):
            await expect(kiosk, carrier, carrier)
            await come(kiosk, pin)
            used[carrier] = await deposit(kiosk, carrier)
            await go(kiosk)
        assert await kiosk.serve_for(days=9) == 2
        await list_couriers(kiosk)
        view = await come(kiosk, RED)
        assert view.due == 1
        kiosk.player.do(Pressed(Choice.COLLECT))
        collecting = await kiosk.player.until(Collection)
        assert [row.slot for row in collecting.due] == [used["red"]]
        kiosk.player.do(Pressed(Choice.OPEN_NEXT))
        view = await kiosk.player.until(ScanPackage)
        assert (view.due, Choice.COLLECT in view.choices) == (0, False)
        await go(kiosk)
        assert (await kiosk.slot(used["red"])).status is SlotStatus.EMPTY
        assert (await kiosk.slot(used["blue"])).status is SlotStatus.OCCUPIED


async def test_who_serves_several_sees_the_packages_of_all_of_them(tmp_path: Path) -> None:
    async with shared_machine(tmp_path) as kiosk:
        for barcode, carrier in (("O", "operator"), ("R", "red"), ("B", "blue")):
            await expect(kiosk, barcode, carrier)
        await come(kiosk, BOTH)
        await deposit(kiosk, "O")
        await deposit(kiosk, "R")
        assert await refusal(kiosk, "B") == Refused(Refusal.NOT_YOURS)
        await deposit(kiosk, "NEW", "S")
        assert await carrier_of(kiosk, "NEW") == "operator", "the own one comes first"
        await go(kiosk)


async def test_two_carriers_with_one_barcode_do_not_stand_in_each_others_way(
    tmp_path: Path,
) -> None:
    async with shared_machine(tmp_path, Policy(show_code_to_courier=True)) as kiosk:
        ids = {carrier: await expect(kiosk, "SAME", carrier) for carrier in ("red", "blue")}
        for pin, carrier in ((RED, "red"), (BLUE, "blue")):
            await come(kiosk, pin)
            await deposit(kiosk, "SAME")
            assert await kiosk.package_status(ids[carrier]) == "STORED"
            view = kiosk.kiosk.person.view
            assert isinstance(view, ScanPackage)
            assert view.stored is not None
            assert view.stored.code, "nobody disputes whose it is"
            await go(kiosk)


async def test_what_is_undone_is_the_couriers_own(tmp_path: Path) -> None:
    async with shared_machine(tmp_path) as kiosk:
        package = await expect(kiosk, "RED-1", "red")
        await come(kiosk, RED)
        slot = await deposit(kiosk, "RED-1")
        kiosk.player.do(Pressed(Choice.UNDO_LAST))
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        await kiosk.player.until(ScanPackage, lambda view: view.undone)
        assert (await kiosk.slot(slot)).status is SlotStatus.EMPTY
        assert await kiosk.package_status(package) == "PENDING"
        await go(kiosk)
        view = await come(kiosk, BLUE)
        assert Choice.UNDO_LAST not in view.choices
        assert await refusal(kiosk, "RED-1") == Refused(Refusal.NOT_YOURS)
        await go(kiosk)


async def test_a_deposit_of_another_carriers_package_is_refused_by_the_store(
    tmp_path: Path,
) -> None:
    """Whatever a flow asks for: nothing is held, and no door is to be opened."""
    async with shared_machine(tmp_path) as kiosk:
        package = await expect(kiosk, "RED-1", "red")
        scope = CarrierScope(("blue",))
        request = DepositRequest(
            package, "RED-1", "S", kiosk.kiosk.new_id(), "staff:22", scope=scope
        )
        where = (kiosk.kiosk.location, kiosk.kiosk.strategy)
        with pytest.raises(RefusedError, match="another carrier's"):
            await kiosk.kiosk.store.run(deposits.begin_deposit, request, *where)
        assert await kiosk.package_status(package) == "PENDING"


async def test_a_slot_in_doubt_is_looked_into_by_its_carriers_couriers_alone(
    tmp_path: Path,
) -> None:
    """Full but for a slot in which a courier of red may have left something."""
    world = World(tmp_path, policy=Policy(), place=small_place(("3", "9")))
    async with running(world) as kiosk:
        await kiosk.player.until(First)
        await list_couriers(kiosk)
        kiosk.site.steel.close_after_s = 3.0
        await come(kiosk, RED)
        await deposit(kiosk, "R-1", kiosk.kiosk.location.sizes[0].name)
        kiosk.site.steel.close_after_s = None
        kiosk.player.do(Scanned("R-2"))
        await kiosk.player.until(ChooseSize)
        kiosk.player.do(Chosen(kiosk.kiosk.location.sizes[0].name))
        door = await kiosk.player.until(DoorOpen)
        kiosk.player.do(Pressed(Choice.CANCEL))
        await kiosk.player.until(DoorOpen, lambda view: view.remind)
        kiosk.site.steel.close(door.slot)
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.SOMETHING_INSIDE))
        await kiosk.player.until(ScanPackage)
        await go(kiosk)
        kiosk.site.steel.close_after_s = 3.0
        assert (await kiosk.slot(door.slot)).status is SlotStatus.SUSPECT
        await come(kiosk, BLUE)
        kiosk.player.do(Scanned("B-1"))
        await kiosk.player.until(ChooseSize)
        kiosk.player.do(Chosen(kiosk.kiosk.location.sizes[0].name))
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        assert view.refused is not None
        assert view.refused.reason is Refusal.NO_SLOT
        await go(kiosk)
        await come(kiosk, RED)
        kiosk.player.do(Scanned("R-3"))
        await kiosk.player.until(ChooseSize)
        kiosk.player.do(Chosen(kiosk.kiosk.location.sizes[0].name))
        asked = await kiosk.player.until(Ask)
        assert (asked.slot, Choice.LOOK_INSIDE in asked.choices) == (door.slot, True)
        kiosk.player.do(Pressed(Choice.CANCEL))
        await kiosk.player.until(ScanPackage)
        await go(kiosk)
        require_sound(kiosk.kiosk.store)


async def test_a_receipt_is_not_shown_to_who_has_its_number_now(tmp_path: Path) -> None:
    """Rea went without seeing hers, and her number is a courier of blue's by now."""
    async with shared_machine(tmp_path) as kiosk:
        await expect(kiosk, "RED-1", "red")
        await come(kiosk, RED)
        await deposit(kiosk, "RED-1")
        # Nobody touches the machine, until the session is over.
        await kiosk.player.until(First, lambda view: Choice.COURIER in view.choices, 1000)
        await list_couriers(kiosk, {"21": ("blue",)})
        await sign_in(kiosk, RED)
        view = await kiosk.player.until(View, lambda view: isinstance(view, ScanPackage | Receipt))
        assert isinstance(view, ScanPackage)
        await go(kiosk)


async def test_a_session_ends_when_its_courier_serves_others(tmp_path: Path) -> None:
    async with shared_machine(tmp_path) as kiosk:
        await come(kiosk, RED)
        await list_couriers(kiosk, {"21": ("blue",)})
        kiosk.player.do(Scanned("NEW"))
        await kiosk.player.until(First)
        assert await kiosk.kiosk.store.run(packages.live_by_barcode, "NEW") is None


async def test_a_technician_sees_all_doors_and_as_a_courier_the_operators(tmp_path: Path) -> None:
    async with shared_machine(tmp_path) as kiosk:
        await expect(kiosk, "RED-1", "red")
        await come(kiosk, RED)
        slot = await deposit(kiosk, "RED-1")
        await go(kiosk)
        await come(kiosk, TECHNICIAN_PIN)
        assert await refusal(kiosk, "RED-1") == Refused(Refusal.NOT_YOURS)
        await go(kiosk)
        kiosk.player.do(Pressed(Choice.SERVICE))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Entered(TECHNICIAN_PIN))
        doors = await kiosk.player.until(Doors)
        assert next(row.barcode for row in doors.doors if row.slot == slot) == "RED-1"
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)


# --- shares of the doors -------------------------------------------------------------------------


async def refused(kiosk: Running, barcode: str, size: str) -> Refused:
    kiosk.player.do(Scanned(barcode))
    await kiosk.player.until(ChooseSize)
    kiosk.player.do(Chosen(size))
    view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
    assert view.refused is not None
    return view.refused


async def test_a_carrier_brings_no_more_unannounced_than_its_share(tmp_path: Path) -> None:
    """With no network: the share was heard of with the list of staff."""
    async with shared_machine(tmp_path) as kiosk:
        await kiosk.kiosk.store.run(shares.take, [DoorShare("red", "L", 0, 1)])
        await come(kiosk, RED)
        await deposit(kiosk, "R1", "L")
        kiosk.player.do(Scanned("R2"))
        offered = await kiosk.player.until(ChooseSize)
        assert {size.name: size.free for size in offered.sizes}["L"] == 0
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(ScanPackage)
        assert await refused(kiosk, "R2", "L") == Refused(Refusal.SHARE_USED, "L")
        await go(kiosk)
        await come(kiosk, BLUE)
        await deposit(kiosk, "B1", "L")


async def test_what_is_kept_for_one_carrier_no_other_brings_unannounced(tmp_path: Path) -> None:
    async with shared_machine(tmp_path) as kiosk:
        large = sum(slot.size == "L" for slot in kiosk.kiosk.location.slots)
        kept = [DoorShare("blue", "L", large - 1, None)]
        await kiosk.kiosk.store.run(shares.take, kept)
        await expect(kiosk, "A1", "red")
        await come(kiosk, RED)
        await deposit(kiosk, "R1", "L")
        assert await refused(kiosk, "R2", "L") == Refused(Refusal.SHARE_USED, "L")
        # What was announced, the server has counted already.
        await deposit(kiosk, "A1")
        await go(kiosk)
        await come(kiosk, BLUE)
        await deposit(kiosk, "B1", "L")
        await kiosk.kiosk.store.run(shares.take, [])
        await go(kiosk)
        await come(kiosk, RED)
        await deposit(kiosk, "R2", "L")
