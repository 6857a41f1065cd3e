"""A package that nobody announced is for whom the courier says, or the guest: read back, sealed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kiosk.flows.context import Policy
from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Refusal
from kiosk.flows.views.courier import ChooseSize, ScanPackage
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import Answer, Ask, DoorOpen, View
from kiosk.flows.views.unannounced import (
    ConfirmPhone,
    EnterPhone,
    FindResident,
    GuestStored,
    PickResident,
    WhomFor,
    Whose,
)
from kiosk.model.addressee import Addressee, opened
from kiosk.model.directory import Household
from kiosk.model.location import SlotStatus
from kiosk.model.sealing import Sealing
from kiosk.store import addressees, directory, packages
from tests.support.flow_site import LOCATION, LOCATION_KEY, Running, World, running
from tests.support.stories.people import shut, sign_in_courier

PHONE, OTHER = "0171 0000001", "0171 0000002"
ALL = Policy(deposit_by_phone=True, deposit_by_directory=True, guest_deposits=True)


@asynccontextmanager
async def kiosk_that(
    tmp_path: Path, policy: Policy = ALL, seen: list[View] | None = None
) -> AsyncIterator[Running]:
    views = [] if seen is None else seen
    async with running(World(tmp_path, policy=policy), tell=views.append) as kiosk:
        yield kiosk


async def to_whom(kiosk: Running, barcode: str = "NEW") -> WhomFor:
    kiosk.player.do(Scanned(barcode))
    await kiosk.player.until(ChooseSize)
    kiosk.player.do(Chosen("M"))
    return await kiosk.player.until(WhomFor)


async def type_phone(kiosk: Running, number: str) -> str:
    await kiosk.player.until(EnterPhone)
    kiosk.player.do(Entered("".join(number.split())))
    shown = (await kiosk.player.until(ConfirmPhone)).phone
    kiosk.player.do(Pressed(Choice.YES))
    return shown


def said(kiosk: Running) -> list[Addressee]:
    """What the server will hear, opened."""
    rows = kiosk.kiosk.store.submit(addressees.unheard, 10).result()
    sealing = Sealing([LOCATION_KEY])
    return [opened(sealing, text, LOCATION.id, package) for package, text in rows]


async def stored(kiosk: Running) -> ScanPackage:
    return await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)


async def test_a_courier_names_the_phone_and_it_is_read_back(tmp_path: Path) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        await sign_in_courier(kiosk)
        await to_whom(kiosk)
        kiosk.player.do(Pressed(Choice.BY_PHONE))
        assert await type_phone(kiosk, PHONE) == "+491710000001"
        slot = (await kiosk.player.until(DoorOpen)).slot
        await shut(kiosk, slot)
        await stored(kiosk)
        assert said(kiosk) == [Addressee(phone="+491710000001")]
        package = await kiosk.kiosk.store.run(packages.live_by_barcode, "NEW")
        assert package is not None
        person = await kiosk.kiosk.store.run(packages.recipient_of, package.id)
        assert person is not None
        assert person.phone == "+491710000001"


async def test_what_is_no_number_is_asked_again_and_opens_nothing(tmp_path: Path) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        await sign_in_courier(kiosk)
        await to_whom(kiosk)
        kiosk.player.do(Pressed(Choice.BY_PHONE))
        await kiosk.player.until(EnterPhone)
        kiosk.player.do(Entered("12"))
        view = await kiosk.player.until(EnterPhone, lambda view: view.refused is not None)
        assert view.refused is not None
        assert view.refused.reason is Refusal.NOT_A_PHONE
        kiosk.player.do(Entered("01710000002"))
        await kiosk.player.until(ConfirmPhone)
        kiosk.player.do(Pressed(Choice.CHANGE_NUMBER))
        await type_phone(kiosk, PHONE)
        await kiosk.player.until(DoorOpen)
        assert kiosk.world.pulses == 1


async def test_numbers_from_abroad_begin_with_two_zeros(tmp_path: Path) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        await sign_in_courier(kiosk)
        await to_whom(kiosk)
        kiosk.player.do(Pressed(Choice.BY_PHONE))
        assert await type_phone(kiosk, "0048 512 000 001") == "+48512000001"


@pytest.mark.parametrize("is_shut_meanwhile", [False, True])
async def test_a_wrong_phone_is_corrected_before_the_door_is_shut(
    tmp_path: Path, is_shut_meanwhile: bool
) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        await sign_in_courier(kiosk)
        await to_whom(kiosk)
        kiosk.player.do(Pressed(Choice.BY_PHONE))
        await type_phone(kiosk, PHONE)
        view = await kiosk.player.until(DoorOpen)
        assert Choice.ANOTHER_PERSON in view.choices
        kiosk.player.do(Pressed(Choice.ANOTHER_PERSON))
        await kiosk.player.until(WhomFor)
        if is_shut_meanwhile:
            await shut(kiosk, view.slot)
        kiosk.player.do(Pressed(Choice.BY_PHONE))
        await type_phone(kiosk, OTHER)
        if not is_shut_meanwhile:
            await kiosk.player.until(DoorOpen)
            await shut(kiosk, view.slot)
        await stored(kiosk)
        assert said(kiosk) == [Addressee(phone="+491710000002")]


async def test_who_says_that_it_is_anothers_and_not_whose_sends_nobody_the_code(
    tmp_path: Path,
) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        await sign_in_courier(kiosk)
        await to_whom(kiosk)
        kiosk.player.do(Pressed(Choice.BY_PHONE))
        await type_phone(kiosk, PHONE)
        slot = (await kiosk.player.until(DoorOpen)).slot
        kiosk.player.do(Pressed(Choice.ANOTHER_PERSON))
        await kiosk.player.until(WhomFor)
        await asyncio.sleep(kiosk.kiosk.policy.courier_session_s + 5)
        await shut(kiosk, slot)
        await kiosk.player.until(View, lambda view: not isinstance(view, DoorOpen), 400)
        package = await kiosk.kiosk.store.run(packages.live_by_barcode, "NEW")
        assert package is not None
        assert package.recipient is None
        assert said(kiosk) == []


async def test_what_is_announced_meanwhile_is_for_whom_its_sender_says(tmp_path: Path) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        await sign_in_courier(kiosk)
        await to_whom(kiosk, "P")
        await kiosk.announce("P", "M")
        kiosk.player.do(Pressed(Choice.BY_PHONE))
        await type_phone(kiosk, PHONE)
        slot = (await kiosk.player.until(DoorOpen)).slot
        await shut(kiosk, slot)
        await stored(kiosk)
        assert said(kiosk) == []


async def test_an_undone_deposit_is_nobodys(tmp_path: Path) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        await sign_in_courier(kiosk)
        await to_whom(kiosk)
        kiosk.player.do(Pressed(Choice.BY_PHONE))
        await type_phone(kiosk, PHONE)
        slot = (await kiosk.player.until(DoorOpen)).slot
        await shut(kiosk, slot)
        await stored(kiosk)
        kiosk.player.do(Pressed(Choice.UNDO_LAST))
        await kiosk.player.until(DoorOpen)
        await shut(kiosk, slot)
        await kiosk.player.until(Ask)
        kiosk.player.do(Pressed(Choice.IT_IS_EMPTY))
        await kiosk.player.until(ScanPackage, lambda view: view.undone)
        assert said(kiosk) == []


async def test_without_the_policy_nobody_is_asked(tmp_path: Path) -> None:
    async with kiosk_that(tmp_path, Policy()) as kiosk:
        view = await kiosk.player.until(First)
        assert Choice.GUEST not in view.choices
        kiosk.player.do(Pressed(Choice.GUEST))
        await sign_in_courier(kiosk)
        kiosk.player.do(Scanned("NEW"))
        await kiosk.player.until(ChooseSize)
        kiosk.player.do(Chosen("M"))
        await kiosk.player.until(DoorOpen)


# --- the directory -------------------------------------------------------------------------------


HOUSE = [
    Household(id="home-12", flat="12", names=("Mona Haddad",)),
    *(
        Household(id=f"home-{number}", flat=str(number), names=(f"Anna Berg{number}",))
        for number in range(100, 108)
    ),
    *(
        Household(id=f"many-{number}", flat=str(number), names=("Ina Smith",))
        for number in range(200, 240)
    ),
]


async def test_a_courier_finds_a_household_by_its_flat(tmp_path: Path) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        await kiosk.kiosk.store.run(directory.replace, HOUSE, 5)
        await sign_in_courier(kiosk)
        await to_whom(kiosk)
        kiosk.player.do(Pressed(Choice.BY_NAME))
        await kiosk.player.until(FindResident)
        kiosk.player.do(Entered("12"))
        view = await kiosk.player.until(PickResident)
        assert [(row.flat, row.names) for row in view.rows] == [("12", ("M. Haddad",))]
        kiosk.player.do(Chosen("home-12"))
        slot = (await kiosk.player.until(DoorOpen)).slot
        await shut(kiosk, slot)
        await stored(kiosk)
        assert said(kiosk) == [Addressee(household="home-12")]


async def test_many_that_begin_so_are_paged_and_too_many_are_not_shown(tmp_path: Path) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        await kiosk.kiosk.store.run(directory.replace, HOUSE, 5)
        await sign_in_courier(kiosk)
        await to_whom(kiosk)
        kiosk.player.do(Pressed(Choice.BY_NAME))
        await kiosk.player.until(FindResident)
        kiosk.player.do(Entered("SMITH"))
        refused = await kiosk.player.until(FindResident, lambda view: view.refused is not None)
        assert refused.refused is not None
        assert refused.refused.reason is Refusal.TOO_MANY_RESIDENTS
        kiosk.player.do(Entered("BER"))
        first = await kiosk.player.until(PickResident)
        assert (len(first.rows), first.pages) == (5, 2)
        kiosk.player.do(Chosen("home-12"))  # it is not on this page
        kiosk.player.do(Pressed(Choice.MORE))
        second = await kiosk.player.until(PickResident, lambda view: view.page == 2)
        assert [row.flat for row in second.rows] == ["105", "106", "107"]
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(FindResident)


async def test_the_directory_lies_sealed_and_is_replaced_whole(tmp_path: Path) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        store = kiosk.kiosk.store
        await store.run(directory.replace, HOUSE, 5)
        rows = await store.run(lambda writer: writer.all("SELECT value FROM meta"))
        assert not any("Haddad" in row["value"] or "home-" in row["value"] for row in rows)
        await store.run(directory.replace, HOUSE[1:], 6)
        assert "home-12" not in {each.id for each in await store.run(directory.households)}


# --- guests --------------------------------------------------------------------------------------


async def begin_as_guest(kiosk: Running, sender: str = OTHER, recipient: str = PHONE) -> None:
    await kiosk.player.until(First)
    kiosk.player.do(Pressed(Choice.GUEST))
    assert (await kiosk.player.until(EnterPhone)).whose is Whose.GUEST
    kiosk.player.do(Entered("".join(sender.split())))
    await kiosk.player.until(ConfirmPhone)
    kiosk.player.do(Pressed(Choice.YES))
    await kiosk.player.until(EnterPhone, lambda view: view.whose is Whose.GUESTS_RECIPIENT)
    kiosk.player.do(Entered("".join(recipient.split())))
    await kiosk.player.until(ConfirmPhone)
    kiosk.player.do(Pressed(Choice.YES))
    await kiosk.player.until(ChooseSize)
    kiosk.player.do(Chosen("S"))


async def leave_as_guest(
    kiosk: Running, sender: str = OTHER, recipient: str = PHONE
) -> GuestStored:
    await begin_as_guest(kiosk, sender, recipient)
    await shut(kiosk, (await kiosk.player.until(DoorOpen)).slot)
    receipt = await kiosk.player.until(GuestStored)
    kiosk.player.do(Pressed(Choice.DONE))
    return receipt


async def test_a_guest_leaves_a_package_and_has_a_receipt(tmp_path: Path) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        receipt = await leave_as_guest(kiosk)
        assert said(kiosk) == [Addressee(phone="+491710000001", sender_phone="+491710000002")]
        package = await kiosk.kiosk.store.run(packages.live_by_barcode, receipt.reference)
        assert package is not None
        assert package.slot == receipt.slot
        events = kiosk.kiosk.store.submit(lambda writer: writer.all("SELECT body FROM journal"))
        assert not any("0000001" in row["body"] for row in events.result())
        await kiosk.player.until(First)


async def test_guests_are_bounded_by_hour_phone_and_doors(tmp_path: Path) -> None:
    policy = Policy(guest_deposits=True, guest_deposits_an_hour=3, guest_deposits_a_phone=2)
    async with kiosk_that(tmp_path, policy) as kiosk:
        await leave_as_guest(kiosk)
        await leave_as_guest(kiosk, "0171 0000003")
        await begin_as_guest(kiosk, "0171 0000004")  # a third time to the same phone
        refused = (await kiosk.player.until(Answer)).refused
        assert refused is not None
        assert refused.reason is Refusal.TOO_MANY_GUESTS
        kiosk.player.do(Pressed(Choice.DONE))
        await leave_as_guest(kiosk, "0171 0000005", "0171 0000006")
        await kiosk.player.until(First)
        kiosk.player.do(Pressed(Choice.GUEST))
        assert (await kiosk.player.until(Answer)).refused is not None
    policy = Policy(guest_deposits=True, guest_doors_percent=1)
    async with kiosk_that(tmp_path, policy) as kiosk:
        await kiosk.player.until(First)
        kiosk.world.clock.ahead_ms += 3_700_000
        kiosk.player.do(Pressed(Choice.GUEST))
        assert (await kiosk.player.until(Answer)).refused is not None


async def test_a_guests_word_frees_no_door(tmp_path: Path) -> None:
    async with kiosk_that(tmp_path) as kiosk:
        await begin_as_guest(kiosk)
        view = await kiosk.player.until(DoorOpen)
        assert Choice.DOOR_FAULT not in view.choices
        kiosk.player.do(Pressed(Choice.CANCEL))
        await kiosk.player.until(DoorOpen, lambda view: view.remind)
        await shut(kiosk, view.slot)
        await kiosk.player.until(First)
        assert (await kiosk.slot(view.slot)).status is SlotStatus.SUSPECT


async def test_a_guest_who_goes_away_is_asked_and_leaves_no_number_behind(tmp_path: Path) -> None:
    seen: list[View] = []
    async with kiosk_that(tmp_path, seen=seen) as kiosk:
        await kiosk.player.until(First)
        kiosk.player.do(Pressed(Choice.GUEST))
        await kiosk.player.until(EnterPhone)
        kiosk.player.do(Entered("01710000001"))
        await kiosk.player.until(ConfirmPhone)
        await kiosk.player.until(First, patience_s=400)
        assert kiosk.world.pulses == 0
        assert "0000001" not in repr(seen[-1])
