"""What a courier sees of the run: how many are in and how many are expected, which doors are free
while one is open, and which cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kiosk.flows.context import PublicServer
from kiosk.flows.events import Chosen, Pressed, Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import ChooseSize, Receipt, ScanPackage, SilentDoors
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import Ask, DoorOpen
from kiosk.model.receipt_link import receipt_link
from kiosk.store import boards, journal
from tests.flows.test_carriers import (
    BLUE,
    BOTH,
    RED,
    come,
    expect,
    list_couriers,
    shared_machine,
)
from tests.support.flow_site import Running
from tests.support.visits import expire_everything, fresh_kiosk, sign_in, store


def in_all(count: int) -> Callable[[ScanPackage], bool]:
    return lambda view: view.stored_count == count


async def test_a_courier_sees_how_many_are_in_and_how_many_are_expected(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        for number in range(4):
            await kiosk.announce(f"P{number}")
        await sign_in(kiosk)
        view = await kiosk.player.until(ScanPackage)
        assert (view.stored_count, view.expected) == (0, 4)
        kiosk.site.steel.close_after_s = 3.0
        for number in range(4):
            kiosk.player.do(Scanned(f"P{number}"))
            view = await kiosk.player.until(ScanPackage, in_all(number + 1))
        # All that was announced is in; it stays a count of what was expected.
        assert (view.stored_count, view.expected) == (4, 0)


async def test_what_was_undone_is_expected_again(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await store(kiosk, "ONE")
        kiosk.player.do(Pressed(Choice.UNDO_LAST))
        await kiosk.player.until(DoorOpen)
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        view = await kiosk.player.until(ScanPackage, lambda view: view.undone)
        assert (view.stored_count, view.expected) == (0, 1)


async def test_where_nothing_is_announced_only_what_is_in_is_counted(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        assert (await kiosk.player.until(ScanPackage)).expected is None
        kiosk.site.steel.close_after_s = 3.0
        kiosk.player.do(Scanned("NEW"))
        await kiosk.player.until(ChooseSize)
        kiosk.player.do(Chosen("S"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        assert (view.stored_count, view.expected) == (1, None)


async def test_only_what_comes_by_ones_own_carrier_is_expected(tmp_path: Path) -> None:
    async with shared_machine(tmp_path) as kiosk:
        for barcode in ("BLUE-1", "BLUE-2"):
            await expect(kiosk, barcode, "blue")
        assert (await come(kiosk, RED)).expected is None
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        assert (await come(kiosk, BLUE)).expected == 2
        kiosk.player.do(Scanned("BLUE-1"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        assert (view.stored_count, view.expected) == (1, 1)


async def test_the_free_doors_are_seen_while_one_is_open(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await kiosk.announce("ONE", "S")
        await sign_in(kiosk)
        before = {size.name: size.free for size in (await kiosk.player.until(ScanPackage)).sizes}
        kiosk.site.steel.close_after_s = 3.0
        kiosk.player.do(Scanned("ONE"))
        free = dict((await kiosk.player.until(DoorOpen)).free)
        assert free == {**before, "S": before["S"] - 1}
        await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(Receipt)


async def lose_board(kiosk: Running, board: str) -> list[str]:
    labels = [slot.label for slot in kiosk.kiosk.location.slots if slot.board == board]
    await kiosk.kiosk.store.run(boards.went, board, labels, "no answer")
    return labels


async def test_doors_whose_board_is_dead_are_said_to_the_courier_who_would_use_them(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        assert (await kiosk.player.until(ScanPackage)).silent is None
        used = await store(kiosk, "ONE")
        board = kiosk.kiosk.location.slot(used).board
        since_ms = kiosk.kiosk.clock.now().wall_ms
        labels = await lose_board(kiosk, board)
        kiosk.player.do(Scanned("\x01"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        # What lies behind one of them is nothing to this courier while it is not due.
        assert view.silent is not None
        assert (view.silent.count, view.silent.due) == (len(labels) - 1, 0)
        assert abs((view.silent.since_ms or 0) - since_ms) < 1_000


async def test_what_is_to_be_taken_back_behind_dead_doors_is_said_too(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        used = await store(kiosk, "ONE")
        await expire_everything(kiosk)
        labels = await lose_board(kiosk, kiosk.kiosk.location.slot(used).board)
        kiosk.player.do(Scanned("\x01"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.silent is not None)
        assert view.silent is not None
        assert (view.silent.count, view.silent.due, view.due) == (len(labels), 1, 0)


async def test_no_time_is_said_by_a_clock_that_nobody_trusts(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        labels = await lose_board(kiosk, kiosk.kiosk.location.slots[0].board)
        kiosk.world.clock.is_trusted = False
        await sign_in(kiosk)
        view = await kiosk.player.until(ScanPackage)
        assert view.silent == SilentDoors(len(labels), None)


async def test_a_receipt_is_taken_along_by_a_link_where_people_reach_a_server(
    tmp_path: Path,
) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in(kiosk)
        await store(kiosk, "ONE")
        kiosk.player.do(Pressed(Choice.DONE))
        assert (await kiosk.player.until(Receipt)).link == "", "there is no server"
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        kiosk.kiosk.public_server = lambda: PublicServer("https://lockers.example.org", True)
        await sign_in(kiosk)
        await store(kiosk, "TWO")
        kiosk.player.do(Pressed(Choice.DONE))
        receipt = await kiosk.player.until(Receipt)
        assert receipt.is_reached
        epoch = await kiosk.kiosk.store.run(journal.epoch_of, int(receipt.number))
        assert epoch is not None
        assert receipt.link == receipt_link(
            "https://lockers.example.org",
            kiosk.kiosk.location_key,
            kiosk.kiosk.location.id,
            epoch,
            int(receipt.number),
        )


async def test_no_link_leads_to_more_than_its_courier_may_see(tmp_path: Path) -> None:
    async with shared_machine(tmp_path) as kiosk:
        kiosk.kiosk.public_server = lambda: PublicServer("https://lockers.example.org", True)
        await expect(kiosk, "RED-1", "red")
        await come(kiosk, BOTH)
        for barcode in ("RED-1", "OWN-1"):
            kiosk.player.do(Scanned(barcode))
            if barcode == "OWN-1":
                await kiosk.player.until(ChooseSize)
                kiosk.player.do(Chosen("S"))
            await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        # The courier goes without a look at the receipt, and serves red no more when back.
        await kiosk.player.until(First, lambda view: Choice.COURIER in view.choices, 900)
        await list_couriers(kiosk, {"23": ("operator",)})
        await sign_in(kiosk, BOTH)
        receipt = await kiosk.player.until(Receipt)
        assert [line.barcode for line in receipt.lines] == ["OWN-1"]
        assert receipt.link == ""
