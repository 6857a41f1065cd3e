"""A whole kiosk without a window, in virtual time: real store, flows and drivers, simulated boards.

A script plays the person.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from config import DEMO_SITE, load_site
from drivers.bank import BankTiming
from drivers.simulator.virtual import VirtualSite, virtual_site
from drivers.wiring import BoardWiring, DoorWiring
from kiosk.demo.player import Player, playing
from kiosk.flows.context import Kiosk, Policy
from kiosk.flows.person import Person
from kiosk.flows.views.shared import View
from kiosk.model.allocation import BestFit
from kiosk.model.clock import DAY_MS, Instant, Reading
from kiosk.model.location import Location
from kiosk.model.person import Recipient, Role, Staff
from kiosk.model.pickup_code import make_code
from kiosk.site_model import location_of
from kiosk.store import holds, packages, slots
from kiosk.store.packages import Announcement
from kiosk.store.slots import SlotRecord
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from tests.support.invariants import require_sound

START_MS = 1_794_000_000_000
LOCATION_KEY = bytes(range(32))
STAFF = {
    "11": Staff("11", "Kim", Role.COURIER, "4711"),
    "99": Staff("99", "Robin", Role.TECHNICIAN, "8080"),
}
COURIER_PIN = "114711"
TECHNICIAN_PIN = "998080"

__all__ = ["require_sound"]

SITE = load_site(DEMO_SITE)
LOCATION = location_of(SITE)
BOARDS = [
    BoardWiring(each.name, each.family, each.port, each.address, each.channels)
    for each in SITE.boards
]
DOORS = [DoorWiring(slot.label, slot.board, slot.channel) for slot in SITE.slots]


@dataclass(frozen=True)
class Place:
    """Where a story is played: the location and its wiring."""

    location: Location = LOCATION
    boards: tuple[BoardWiring, ...] = tuple(BOARDS)
    doors: tuple[DoorWiring, ...] = tuple(DOORS)


def small_place(labels: tuple[str, ...] = ("3", "9", "6", "1", "7", "8", "12")) -> Place:
    """A few slots of the demo's, on one board: three S, two M, two L."""
    slots_kept = tuple(slot for slot in LOCATION.slots if slot.label in labels)
    used = {slot.board for slot in slots_kept}
    return Place(
        replace(LOCATION, slots=slots_kept, lockers=LOCATION.lockers[:1]),
        tuple(board for board in BOARDS if board.name in used),
        tuple(door for door in DOORS if door.slot in labels),
    )


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

    def confirm(self) -> None:
        self.is_trusted = True


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
    place: Place = field(default_factory=Place)
    bank_timing: BankTiming | None = None
    plugged_into: str = "usb 1-1"
    """Where the adapter of the lock boards is."""
    starts: int = 0
    """How often the kiosk was started: each start has an rng of its own."""

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

    async def serve_for(self, days: int) -> int:
        """Days go by while the kiosk serves, and holds that are over end; how many packages expire.

        Where the clock only went ahead, the kiosk was down all the while and gives the time back.
        """
        self.world.clock.ahead_ms += days * DAY_MS
        return await self.kiosk.store.run(_served, self.kiosk.location.time_zone)

    def open_doors(self) -> list[str]:
        return [label for label, door in self.site.steel.doors.items() if door.is_open]


def _served(writer: Writer, time_zone: str) -> int:
    """The minute at the end of a long service: a stamp each minute is as good as one before it."""
    now = writer.now
    holds.forget_stamps(writer)
    holds.stamp_alive(writer, Reading(now.wall_ms, now.monotonic_ms, now.boot_id))
    holds.tick(writer, time_zone)
    return holds.expire_due(writer)


@contextlib.asynccontextmanager
async def running(
    world: World,
    store_type: Callable[..., Store] = Store,
    tell: Callable[[View], None] = lambda view: None,
    on_site: Callable[[VirtualSite], None] = lambda site: None,
) -> AsyncIterator[Running]:
    """Start the kiosk on what the world holds; end it as a process would end.

    `tell` hears every view at the moment it is shown; `on_site` may prepare the steel and its wires
    before anything runs.
    """
    loop = asyncio.get_running_loop()
    world.clock.loop = loop
    world.starts += 1
    rng = random.Random(f"{world.seed} {world.starts}")
    before, place = world.steel, world.place
    site = virtual_site(
        place.boards,
        place.doors,
        random.Random(world.seed),
        timing=world.bank_timing,
        find_device=lambda port: world.plugged_into,
    )
    if before is not None:
        # The same steel after a restart: doors stand as they stood, locks are as they were.
        for label, door in before.steel.doors.items():
            site.steel.doors[label].is_open = door.is_open
            site.steel.doors[label].is_jammed = door.is_jammed
    world.steel = site
    on_site(site)
    store = store_type(world.folder / "kiosk.db", world.clock, rng, threaded=False)
    store.use_key(LOCATION_KEY)
    player = Player(tell)
    kiosk = Kiosk(
        location=place.location,
        store=store,
        bank=site.bank,
        person=Person(player),
        clock=world.clock,
        rng=rng,
        location_key=LOCATION_KEY,
        strategy=BestFit(),
        verify_pin=compare_plainly,
        staff=list(STAFF.values()),
        policy=world.policy,
    )
    try:
        async with playing(kiosk, player):
            yield Running(world, kiosk, player, site)
    finally:
        await site.bank.stop()
        store.close()
