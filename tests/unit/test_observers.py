"""Observers follow the journal, each for itself; recipients get their messages through one."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from kiosk.demo.player import deposit
from kiosk.messages import MessageSpool
from kiosk.model.allocation import BestFit
from kiosk.model.events import Event, EventKind
from kiosk.model.package import Package
from kiosk.model.person import Recipient, Role
from kiosk.model.pickup_code import make_code
from kiosk.store import codes, deposits, intents, journal, packages, slots, staff
from kiosk.store.observers import Later, observing
from kiosk.store.packages import Announcement
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from tests.support.flow_site import LOCATION, LOCATION_KEY, LoopClock, World, running


class Listener:
    """Writes down what it takes; fails or waits as a test wants."""

    def __init__(self, name: str, *kinds: EventKind) -> None:
        self.name = name
        self.kinds = kinds or (EventKind.PACKAGE_ANNOUNCED,)
        self.taken: list[int] = []
        self.failures = 0
        self.later_s = 0.0

    async def take(self, event: Event) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("the other side is away")
        if self.later_s:
            wait_s, self.later_s = self.later_s, 0.0
            raise Later(wait_s)
        self.taken.append(event.seq)


def open_store(path: Path, *, threaded: bool = False) -> Store:
    store = Store(path / "kiosk.db", LoopClock(), random.Random(7), threaded=threaded)
    store.use_key(LOCATION_KEY)
    store.submit(slots.configure, LOCATION).result()
    return store


async def announce(store: Store, *names: str) -> list[int]:
    for name in names:
        await store.run(packages.announce, Announcement(name, name, "S", None))
    events = await store.run(journal.after, 0, 500, [EventKind.PACKAGE_ANNOUNCED])
    return [event.seq for event in events[-len(names) :]]


async def test_an_observer_takes_what_happens_in_order_and_once(tmp_path: Path) -> None:
    store, listener = open_store(tmp_path), Listener("one")
    async with observing(store, [listener]):
        seqs = await announce(store, "A", "B")
        await asyncio.sleep(1)
        seqs += await announce(store, "C")
        await asyncio.sleep(1)
        assert listener.taken == seqs
    store.close()
    again = Listener("one")
    store = open_store(tmp_path)
    async with observing(store, [again]):
        more = await announce(store, "D")
        await asyncio.sleep(1)
    assert again.taken == more
    store.close()


async def test_one_that_fails_or_hangs_disturbs_nobody_and_misses_nothing(tmp_path: Path) -> None:
    class Hanging(Listener):
        async def take(self, event: Event) -> None:
            await asyncio.Event().wait()

    store = open_store(tmp_path)
    failing, hanging, well = Listener("failing"), Hanging("hanging"), Listener("well")
    failing.failures = 5
    async with observing(store, [failing, hanging, well]):
        seqs = await announce(store, "A", "B")
        await asyncio.sleep(0.5)
        assert well.taken == seqs
        assert failing.taken == []
        await asyncio.sleep(60)
        assert failing.taken == seqs
    store.close()


async def test_one_that_wants_an_event_later_gets_it_after_the_time_or_the_next_commit(
    tmp_path: Path,
) -> None:
    store, listener = open_store(tmp_path), Listener("later")
    listener.later_s = 3600
    async with observing(store, [listener]):
        first = await announce(store, "A")
        await asyncio.sleep(5)
        assert listener.taken == []
        second = await announce(store, "B")
        await asyncio.sleep(0.1)
        assert listener.taken == [*first, *second]
        listener.later_s = 30
        third = await announce(store, "C")
        await asyncio.sleep(29)
        assert third[0] not in listener.taken
        await asyncio.sleep(2)
        assert third[0] in listener.taken
    store.close()


def many(writer: Writer, count: int) -> None:
    for number in range(count):
        packages.announce(writer, Announcement(f"P{number}", f"P{number}", "S", None))


async def test_what_nobody_wants_is_passed_over_and_not_read_again(tmp_path: Path) -> None:
    store, listener = open_store(tmp_path), Listener("rare", EventKind.DATABASE_RESTORED)
    async with observing(store, [listener]):
        await store.run(many, 600)
        await asyncio.sleep(1)
    assert await store.run(journal.observer_seq, "rare") >= 500
    store.close()


def test_a_store_with_a_thread_of_its_own_wakes_observers_too(tmp_path: Path) -> None:
    async def story() -> None:
        store, listener = open_store(tmp_path, threaded=True), Listener("one")
        async with observing(store, [listener]):
            await asyncio.sleep(0)
            seqs = await announce(store, "A")
            async with asyncio.timeout(10):
                while not listener.taken:
                    await asyncio.sleep(0.01)
        assert listener.taken == seqs
        store.close()

    asyncio.run(story())


# --- messages ------------------------------------------------------------------------------------


def messages(folder: Path) -> list[str]:
    return sorted(path.read_text() for path in folder.glob("*")) if folder.exists() else []


async def test_the_message_waits_until_the_courier_can_undo_no_more(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        folder = tmp_path / "phones"
        async with observing(kiosk.kiosk.store, [MessageSpool(kiosk.kiosk, folder)]):
            await kiosk.announce("P", phone="+49 171 5550100")
            kiosk.site.steel.close_after_s = 3.0
            await deposit(kiosk.player, "114711", ["P"], scan=None)
            await asyncio.sleep(1)
            [message] = messages(folder)
            assert message.startswith("To: 491715550100\n")
            code = await kiosk.code_of("P")
            assert f"{code[:3]} {code[3:6]} {code[6:]}" in message


async def open_visit_with_a_package(store: Store) -> Package:
    """A courier is at the machine and has just put a package in; nobody was notified yet."""
    ada = Recipient("r", "Ada", "+49 171 5550100")
    await store.run(packages.announce, Announcement("P", "P", "S", ada))
    await store.run(staff.begin_visit, "v", "11", Role.COURIER)
    request = deposits.DepositRequest("P", "P", "S", "in", "staff:11")
    begun = await store.run(deposits.begin_deposit, request, LOCATION, BestFit())
    assert begun is not None
    return await store.run(deposits.store_package, begun, LOCATION, 5, random.Random(1))


@pytest.mark.parametrize("ending", ["undone", "done", "two minutes"])
async def test_an_undone_deposit_tells_nobody(tmp_path: Path, ending: str) -> None:
    async with running(World(tmp_path)) as kiosk:
        store, folder = kiosk.kiosk.store, tmp_path / "phones"
        async with observing(store, [MessageSpool(kiosk.kiosk, folder)]):
            package = await open_visit_with_a_package(store)
            await asyncio.sleep(60)
            assert messages(folder) == []
            if ending == "undone":
                await store.run(
                    intents.intend,
                    "undo",
                    package.slot or "",
                    intents.IntentPurpose.UNDO,
                    "staff:11",
                    "P",
                )
                await store.run(deposits.undo_deposit, "P", "undo", "staff:11")
            if ending == "two minutes":
                await asyncio.sleep(61)
            else:
                visit = staff.Visit("v", "11", 0)
                await store.run(staff.end_visit, visit, False)
                await asyncio.sleep(1)
            assert len(messages(folder)) == (0 if ending == "undone" else 1)


async def test_a_code_issued_again_is_announced(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        store, folder = kiosk.kiosk.store, tmp_path / "phones"
        async with observing(store, [MessageSpool(kiosk.kiosk, folder)]):
            await open_visit_with_a_package(store)
            await store.run(staff.end_visit, staff.Visit("v", "11", 0), False)
            await asyncio.sleep(1)
            await store.run(codes.reissue, "P", "staff:99")
            await asyncio.sleep(1)
            package = await store.run(packages.package, "P")
            code = make_code(LOCATION_KEY, "P", package.locator or "", package.code_counter)
            found = messages(folder)
            assert len(found) == 2
            assert any(f"{code[:3]} {code[3:6]} {code[6:]}" in text for text in found)


async def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        store, folder = kiosk.kiosk.store, tmp_path / "phones"
        folder.write_text("in the way")
        async with observing(store, [MessageSpool(kiosk.kiosk, folder)]):
            await open_visit_with_a_package(store)
            await asyncio.sleep(200)
            folder.unlink()
            await asyncio.sleep(61)
            assert len(messages(folder)) == 1
