"""A whole kiosk without a window, in virtual time: real store, flows and drivers, simulated boards.

A script plays the person.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from config import DEMO_SITE, load_site
from drivers.bank import BoardWiring, DoorWiring
from drivers.simulator.virtual import VirtualSite, virtual_site
from kiosk.app import location_of
from kiosk.flows.kiosk import Kiosk, Policy
from kiosk.flows.person import Person
from kiosk.model.allocation import BestFit
from kiosk.model.clock import Instant
from kiosk.model.person import Recipient, Role, Staff
from kiosk.model.pickup_code import make_code
from kiosk.play import Player, playing
from kiosk.store import journal, packages, slots
from kiosk.store.packages import Announcement
from kiosk.store.slots import SlotRecord
from kiosk.store.store import Store

START_MS = 1_794_000_000_000
LOCATION_KEY = bytes(range(32))
STAFF = {
    "11": Staff("11", "Kim", Role.COURIER, "4711"),
    "99": Staff("99", "Robin", Role.TECHNICIAN, "8080"),
}
COURIER_PIN = "114711"
TECHNICIAN_PIN = "998080"

SITE = load_site(DEMO_SITE)
LOCATION = location_of(SITE)
BOARDS = [
    BoardWiring(each.name, each.family, each.port, each.address, each.channels)
    for each in SITE.boards
]
DOORS = [DoorWiring(slot.label, slot.board, slot.channel) for slot in SITE.slots]


@dataclass
class LoopClock:
    """Wall and monotonic time that go with the loop's virtual time."""

    is_trusted: bool = True
    ahead_ms: int = 0
    loop: asyncio.AbstractEventLoop | None = None

    def now(self) -> Instant:
        loop_s = self.loop.time() if self.loop is not None else 0.0
        elapsed_ms = round(loop_s * 1000)
        return Instant(
            START_MS + self.ahead_ms + elapsed_ms, elapsed_ms, "virtual", self.is_trusted
        )


async def compare_plainly(pin_hash: str, secret: str) -> bool:
    """Stands for Argon2 where thousands of sign-ins are played; Argon2 has its own test."""
    return pin_hash == secret


@dataclass
class World:
    """What outlives a restart of the kiosk: the disk, the steel, the clock."""

    folder: Path
    seed: int = 1
    policy: Policy = field(default_factory=lambda: Policy(show_code_to_courier=True))
    clock: LoopClock = field(default_factory=LoopClock)
    steel: VirtualSite | None = None

    @property
    def pulses(self) -> int:
        assert self.steel is not None
        return sum(door.pulses for door in self.steel.steel.doors.values())


@dataclass
class Running:
    """A kiosk that serves, and what a test does with it."""

    world: World
    kiosk: Kiosk
    player: Player
    site: VirtualSite

    async def slot(self, label: str) -> SlotRecord:
        return await self.kiosk.store.run(slots.record_of, label)

    async def announce(self, barcode: str, size: str | None = "S", phone: str = "+49171000") -> str:
        package = self.kiosk.new_id()
        recipient = Recipient(self.kiosk.new_id(), "Ada", phone)
        await self.kiosk.store.run(
            packages.announce, Announcement(package, barcode, size, recipient)
        )
        return package

    async def code_of(self, barcode: str) -> str:
        package = await self.kiosk.store.run(packages.live_by_barcode, barcode)
        assert package is not None
        assert package.locator is not None
        return make_code(LOCATION_KEY, package.id, package.locator, package.code_counter)

    async def package_status(self, package_id: str) -> str:
        return (await self.kiosk.store.run(packages.package, package_id)).status.value

    def open_doors(self) -> list[str]:
        return [label for label, door in self.site.steel.doors.items() if door.is_open]


@contextlib.asynccontextmanager
async def running(
    world: World, store_type: Callable[..., Store] = Store, *, settle: bool = True
) -> AsyncIterator[Running]:
    """Start the kiosk on what the world holds; end it as a process would end."""
    loop = asyncio.get_running_loop()
    world.clock.loop = loop
    chance = random.Random(world.seed)
    before = world.steel
    site = virtual_site(BOARDS, DOORS, random.Random(world.seed))
    if before is not None:
        # The same steel after a restart: doors stand as they stood, locks are as they were.
        for label, door in before.steel.doors.items():
            site.steel.doors[label].is_open = door.is_open
            site.steel.doors[label].is_jammed = door.is_jammed
    world.steel = site
    store = store_type(world.folder / "kiosk.db", world.clock, chance, threaded=False)
    player = Player()
    kiosk = Kiosk(
        location=LOCATION,
        store=store,
        bank=site.bank,
        person=Person(player),
        clock=world.clock,
        chance=chance,
        location_key=LOCATION_KEY,
        strategy=BestFit(),
        verify_pin=compare_plainly,
        staff=STAFF,
        policy=world.policy,
    )
    try:
        async with playing(kiosk, player):
            yield Running(world, kiosk, player, site)
    finally:
        await site.bank.stop()
        store.close()


def require_sound(store: Store) -> None:
    """What must hold whenever the kiosk stands still: chain, replay, slots and packages agree."""
    assert store.submit(journal.verify).result() == []
    replayed = store.submit(lambda writer: journal.replay(journal.bodies(writer))).result()
    assert replayed == store.submit(journal.tables).result()
    for slot in store.submit(slots.records).result():
        if slot.status == "EMPTY":
            assert slot.package is None, f"slot {slot.label} is free and holds {slot.barcode}"
        if slot.status in ("OCCUPIED", "RESERVED"):
            assert slot.package is not None, f"slot {slot.label} is {slot.status} by nobody"
