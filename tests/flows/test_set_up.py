"""An installer makes a new kiosk ready: boards, bank, door after door, the first technician; with
doors that do not do what they should, and a power cut at each step."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.simulator.virtual import VirtualSite
from kiosk.demo.player import PlayError
from kiosk.flows.events import Entered, Preference, Pressed
from kiosk.flows.views.choices import Choice, Problem, Refusal
from kiosk.flows.views.customer import First
from kiosk.flows.views.set_up import (
    BankDrawn,
    BoardsFound,
    DoorFailed,
    NewPin,
    PinStep,
    SetUpDone,
)
from kiosk.flows.views.shared import DoorOpen, Trouble, View
from kiosk.model.location import Service, SlotStatus
from kiosk.model.person import Role
from kiosk.store import journal, set_up, slots
from kiosk.store import staff as staff_store
from kiosk.store.set_up import Progress
from kiosk.store.store import Store
from tests.flows.test_kill_at_every_step import Death, KilledError
from tests.support import flow_site
from tests.support.flow_site import Running, World, running, small_place
from tests.support.stories.people import AT_THE_DOOR_S
from tests.support.virtual_loop import run_virtually

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
SAMPLED = 9
"""By day the process dies at each ninth transaction."""
LABELS = ("1", "3", "6", "8")
SECRET = "314159"


@pytest.fixture(autouse=True)
def nobody_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_site, "STAFF", {})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, place=small_place(LABELS))


def new_store(*args: Any, **kwargs: Any) -> Store:
    return begun(Store(*args, **kwargs))


def begun(store: Store) -> Store:
    """As `make_kiosk` leaves it: nothing is set up yet."""
    if not store.submit(lambda writer: writer.head.seq).result():
        store.submit(set_up.begin, Progress(language="de")).result()
    return store


async def plainly(secret: str) -> str:
    return secret


@contextlib.asynccontextmanager
async def at_the_panel(
    world: World,
    store_type: Callable[..., Store] = new_store,
    on_site: Callable[[VirtualSite], None] = lambda site: None,
) -> AsyncIterator[Running]:
    async with running(world, store_type, on_site=on_site) as kiosk:
        kiosk.kiosk.hash_pin = plainly
        yield kiosk


async def see_the_bank(kiosk: Running) -> None:
    await kiosk.player.until(BoardsFound, lambda view: all(each.reachable for each in view.boards))
    kiosk.player.do(Pressed(Choice.GO_ON))
    await kiosk.player.until(BankDrawn)
    kiosk.player.do(Pressed(Choice.GO_ON))


async def shut_the_next(kiosk: Running) -> str:
    """A door opens; the installer shuts it."""
    view = await kiosk.player.until(DoorOpen)
    await asyncio.sleep(AT_THE_DOOR_S)
    kiosk.site.steel.close(view.slot)
    return view.slot


async def type_pin(kiosk: Running, number: str = "77") -> None:
    await kiosk.player.until(NewPin, lambda view: view.step is PinStep.NUMBER)
    kiosk.player.do(Entered(number))
    for step in (PinStep.SECRET, PinStep.AGAIN):
        await kiosk.player.until(NewPin, lambda view, step=step: view.step is step)  # type: ignore[misc]
        kiosk.player.do(Entered(SECRET))


async def be_ready(kiosk: Running) -> SetUpDone:
    done = await kiosk.player.until(SetUpDone)
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(First)
    return done


async def test_each_door_is_opened_once_and_shut_then_a_technician_is_listed(world: World) -> None:
    async with at_the_panel(world) as kiosk:
        await see_the_bank(kiosk)
        assert [await shut_the_next(kiosk) for _ in LABELS] == list(LABELS)
        await type_pin(kiosk, "0077")
        done = await be_ready(kiosk)
        assert (done.doors, done.out_of_service) == (4, ())
        assert world.pulses == len(LABELS)
        [person] = await kiosk.kiosk.store.run(staff_store.members)
        assert (person.number, person.role, person.pin_hash) == ("77", Role.TECHNICIAN, SECRET)
        assert await kiosk.kiosk.store.run(staff_store.number_digits) == 4
        assert {(await kiosk.slot(label)).status for label in LABELS} == {SlotStatus.EMPTY}
        events = await kiosk.kiosk.store.run(journal.after, 0, 1000)
        assert not any(SECRET in event.body for event in events)
    async with at_the_panel(world) as kiosk:
        await kiosk.player.until(First)


async def test_the_screens_speak_the_language_that_was_chosen_and_another_one_counts_after_a_cut(
    world: World,
) -> None:
    async with at_the_panel(world) as kiosk:
        view = await kiosk.player.until(BoardsFound)
        assert view.preference == Preference("de")
        kiosk.player.do(Preference("ar", is_access=True))
        await kiosk.player.until(BoardsFound, lambda view: view.preference != Preference("de"))
    async with at_the_panel(world) as kiosk:
        view = await kiosk.player.until(BoardsFound)
        assert view.preference == Preference("ar", is_access=True)


async def test_after_a_power_cut_it_goes_on_at_the_door_where_it_was(world: World) -> None:
    async with at_the_panel(world) as kiosk:
        await see_the_bank(kiosk)
        assert await shut_the_next(kiosk) == "1"
        assert (await kiosk.player.until(DoorOpen, lambda view: view.slot == "3")).slot == "3"
    assert world.steel is not None
    world.steel.steel.close("3")
    async with at_the_panel(world) as kiosk:
        # Neither boards nor bank again; the door that stood open is tried again.
        assert [await shut_the_next(kiosk) for _ in range(3)] == ["3", "6", "8"]
        await type_pin(kiosk)
        assert (await be_ready(kiosk)).out_of_service == ()
        assert (await kiosk.slot("3")).status is SlotStatus.EMPTY


async def test_a_door_that_jams_is_named_with_its_wire_and_marked_out_of_service(
    world: World,
) -> None:
    async with at_the_panel(world, on_site=lambda site: site.steel.jam("1")) as kiosk:
        await see_the_bank(kiosk)
        failed = await kiosk.player.until(DoorFailed)
        assert (failed.slot, failed.problem) == ("1", Problem.JAMMED)
        assert (failed.board, failed.channel) == ("left", 1)
        kiosk.player.do(Pressed(Choice.TRY_AGAIN))
        await kiosk.player.until(DoorFailed)
        kiosk.player.do(Pressed(Choice.OUT_OF_SERVICE))
        assert [await shut_the_next(kiosk) for _ in range(3)] == ["3", "6", "8"]
        await type_pin(kiosk)
        assert (await be_ready(kiosk)).out_of_service == ("1",)
        assert (await kiosk.slot("1")).service is Service.NO_DEPOSITS


async def test_a_door_that_was_mended_is_tried_again_and_serves(world: World) -> None:
    async with at_the_panel(world, on_site=lambda site: site.steel.jam("1")) as kiosk:
        await see_the_bank(kiosk)
        await kiosk.player.until(DoorFailed)
        kiosk.site.steel.unjam("1")
        kiosk.player.do(Pressed(Choice.TRY_AGAIN))
        assert await shut_the_next(kiosk) == "1"


async def test_another_door_than_the_one_that_was_meant_is_said_and_both_are_tried_again(
    world: World,
) -> None:
    """The cables of two locks are exchanged: the sensors say so."""
    async with at_the_panel(world, on_site=lambda site: site.steel.swap("1", "3")) as kiosk:
        await see_the_bank(kiosk)
        trouble = await kiosk.player.until(Trouble)
        assert trouble.wrong_slot == "3"
        kiosk.site.steel.close("3")
        failed = await kiosk.player.until(DoorFailed)
        assert (failed.slot, failed.problem, failed.wrong_slot) == ("1", Problem.WRONG_DOOR, "3")
        kiosk.site.steel.unswap()  # the cables are put right
        kiosk.player.do(Pressed(Choice.TRY_AGAIN))
        assert [await shut_the_next(kiosk) for _ in LABELS] == ["1", "3", "6", "8"]
        await type_pin(kiosk)
        assert (await be_ready(kiosk)).out_of_service == ()
        assert (await kiosk.kiosk.store.run(slots.suspects)) == []


async def test_a_door_that_only_a_person_sees_to_be_another_is_not_believed(world: World) -> None:
    """Lock and sensor are both another's: for the machine all is well."""
    async with at_the_panel(world) as kiosk:
        await see_the_bank(kiosk)
        await kiosk.player.until(DoorOpen, lambda view: Choice.ANOTHER_SLOT in view.choices)
        kiosk.player.do(Pressed(Choice.ANOTHER_SLOT))
        await kiosk.player.until(DoorOpen, lambda view: view.remind)
        kiosk.site.steel.close("1")
        failed = await kiosk.player.until(DoorFailed)
        assert (failed.slot, failed.problem, failed.wrong_slot) == ("1", Problem.WRONG_DOOR, "")
        assert (await kiosk.slot("1")).status is SlotStatus.SUSPECT


async def test_a_pin_that_was_typed_in_two_ways_is_asked_for_again(world: World) -> None:
    async with at_the_panel(world) as kiosk:
        await see_the_bank(kiosk)
        for _ in LABELS:
            await shut_the_next(kiosk)
        await kiosk.player.until(NewPin)
        kiosk.player.do(Entered("7"))  # too short: nothing comes of it
        kiosk.player.do(Entered("77"))
        await kiosk.player.until(NewPin, lambda view: view.step is PinStep.SECRET)
        kiosk.player.do(Entered("12345"))
        kiosk.player.do(Entered("123456"))
        await kiosk.player.until(NewPin, lambda view: view.step is PinStep.AGAIN)
        kiosk.player.do(Entered("123457"))
        view = await kiosk.player.until(NewPin, lambda view: view.refused is not None)
        assert view.step is PinStep.SECRET
        assert view.refused is not None
        assert view.refused.reason is Refusal.PINS_DIFFER


def test_it_dies_at_each_step_and_goes_on(tmp_path: Path) -> None:
    every = 1 if IS_NIGHTLY else SAMPLED
    step, has_died = 1, True
    while has_died:
        world = World(tmp_path / str(step), place=small_place(LABELS))
        world.folder.mkdir()
        has_died = run_virtually(_dies_and_goes_on(world, step))
        step += every
    assert step > 20


async def _dies_and_goes_on(world: World, at_step: int) -> bool:
    """Whether the process died before all was done; it is done afterwards in any case."""
    death = Death(at_step, after_commit=at_step % 2 == 0)

    def mortal(*args: Any, **kwargs: Any) -> Store:
        begun(Store(*args, **kwargs)).close()
        return death.store(*args, **kwargs)

    with contextlib.suppress(KilledError, PlayError):
        async with at_the_panel(world, mortal) as kiosk:
            await _all_of_it(kiosk)
    assert world.steel is not None
    for label in LABELS:
        world.steel.steel.doors[label].is_open = False
    async with at_the_panel(world) as kiosk:
        await _all_of_it(kiosk)
        assert (await kiosk.kiosk.store.run(slots.suspects)) == []
        assert await kiosk.kiosk.store.run(set_up.progress) is None
        assert len(await kiosk.kiosk.store.run(staff_store.members)) == 1
    return death.is_dead


async def _all_of_it(kiosk: Running) -> None:
    """Whatever is asked is done, until the first screen."""
    while True:
        view = await kiosk.player.until(View, patience_s=600)
        match view:
            case First():
                return
            case BoardsFound() | BankDrawn():
                kiosk.player.do(Pressed(Choice.GO_ON))
            case DoorOpen():
                await asyncio.sleep(AT_THE_DOOR_S)
                kiosk.site.steel.close(view.slot)
            case NewPin():
                number = view.step is PinStep.NUMBER
                kiosk.player.do(Entered("77" if number else SECRET))
            case SetUpDone():
                kiosk.player.do(Pressed(Choice.DONE))
            case _:
                pass
