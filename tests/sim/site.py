"""A small simulated site: what outlives the kiosk's process, and the process itself.

Fault model: the steel, the lines, the boards and the disk live on when the process dies; what was
committed before is on the disk, nothing else is. The process is the real flows and the real store
over the real bank and bus; only the port, the clock, the rng and the people are the test's.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from drivers.bank import Bank, BankTiming
from drivers.building import join_bank
from drivers.bus import Bus, BusBoard, BusTiming
from drivers.runners import BusRunner, MovableClock, TaskRunner
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.lines import simulate_lines
from drivers.simulator.virtual import VirtualPortOpener
from drivers.wiring import BoardWiring, DoorWiring
from kiosk.flows import session
from kiosk.flows.context import Kiosk, Policy
from kiosk.flows.events import Scanned
from kiosk.flows.person import Event, Person, Screen
from kiosk.flows.views.shared import View
from kiosk.model.allocation import BestFit
from kiosk.model.clock import Instant
from kiosk.model.location import Location, Locker, Rectangle, Size, Slot
from kiosk.model.person import Role, Staff
from kiosk.store.answers import Answer
from kiosk.store.store import Store

START_MS = 1_794_000_000_000
LOCATION_KEY = bytes(range(32))
TECHNICIAN_PIN = "998080"
CARRIERS = {"11": "red", "12": "blue"}
"""The couriers' numbers, each with the carrier that he serves."""
COURIER_PINS = {"11": "114711", "12": "124712"}
COURIER_BADGES = {"11": "PKS:11:badge-of-kim", "12": "PKS:12:badge-of-bo"}
BADGES = (*COURIER_BADGES.values(), "PKS:99:badge-of-robin")
STAFF = {
    "11": Staff("11", "Kim", Role.COURIER, "4711", "badge-of-kim", carriers=("red",)),
    "12": Staff("12", "Bo", Role.COURIER, "4712", "badge-of-bo", carriers=("blue",)),
    "99": Staff("99", "Robin", Role.TECHNICIAN, "8080", "badge-of-robin"),
}
BOARDS = [
    BoardWiring("a", "lockboard-8a", "sim-a", 1, 8),
    BoardWiring("b", "lockboard-8a", "sim-b", 1, 8),
]
SIZE_OF_SLOT = {"1": "S", "2": "S", "3": "S", "4": "M", "5": "S", "6": "M", "7": "M", "8": "L"}
LOW_SLOTS = ("3", "7")
DOORS = [
    DoorWiring(label, "a" if number < 4 else "b", 1 + number % 4)
    for number, label in enumerate(SIZE_OF_SLOT)
]
BUS_TIMING = BusTiming(idle_poll_s=2.0, watched_poll_s=0.15)
BANK_TIMING = BankTiming(window_s=2.0)
POLICY = Policy(
    hold_days=3,
    show_code_to_courier=True,
    reopen_s=60,
    courier_session_s=30,
    courier_lock_s=26,
    technician_lock_s=40,
    locked_session_s=90,
    idle_s=20,
    thanks_s=6,
    remind_after_s=8,
    give_up_after_s=30,
    guest_deposits_an_hour=40,
    guest_deposits_a_phone=8,
    guest_doors_percent=12,
)
"""Shorter waits than a real site's: what is asked is not how long people may take."""


def drawn_policy(rng: random.Random) -> Policy:
    """What the owner of one site lets be put in that nobody announced."""
    return replace(
        POLICY,
        deposit_by_phone=rng.random() < 0.7,
        deposit_by_directory=rng.random() < 0.7,
        guest_deposits=rng.random() < 0.85,
    )


def _slot(number: int, wiring: DoorWiring) -> Slot:
    bottom_mm = 400 if wiring.slot in LOW_SLOTS else 1400
    door = Rectangle(500 * number, bottom_mm, 450, 300)
    size = SIZE_OF_SLOT[wiring.slot]
    return Slot(wiring.slot, "A", size, wiring.board, wiring.channel, door)


LOCATION = Location(
    id="sim",
    name="Simulated",
    address="Nowhere 1",
    time_zone="Europe/Berlin",
    languages=("en",),
    help_phone="",
    sizes=(Size("S", 400, 100, 500, 2), Size("M", 400, 200, 500, 10), Size("L", 400, 400, 500, 30)),
    lockers=(Locker("A", Rectangle(0, 0, 4000, 2000)),),
    slots=tuple(_slot(number, wiring) for number, wiring in enumerate(DOORS)),
    screen=Rectangle(0, 0, 300, 300),
    country="DE",
)


class SimClock:
    """The machine's clocks, over the loop's virtual time."""

    def __init__(self) -> None:
        self.ahead_ms = 0
        self.is_trusted = True
        self.boots = 0
        self._booted_s = 0.0

    def boot(self) -> None:
        """A new boot: the monotonic clock starts again."""
        self.boots += 1
        self._booted_s = self.loop_s()

    @staticmethod
    def loop_s() -> float:
        """Seconds of virtual time."""
        return asyncio.get_running_loop().time()

    def confirm(self) -> None:
        """Somebody who knows says that the clock is right."""
        self.is_trusted = True

    def now(self) -> Instant:
        now_s = self.loop_s()
        return Instant(
            START_MS + self.ahead_ms + round(now_s * 1000),
            round((now_s - self._booted_s) * 1000),
            f"boot-{self.boots}",
            self.is_trusted,
        )


class WatchedSteel(SimulatedBank):
    """The steel, with an eye on every pulse and a wiring that can be put right again."""

    def __init__(self, rng: random.Random, clock: Callable[[], float]) -> None:
        super().__init__(list(SIZE_OF_SLOT), rng, clock)
        self.on_pulse: Callable[[str], None] = lambda slot: None

    def pulse(self, slot: str, at_s: float) -> None:
        self.on_pulse(slot)
        super().pulse(slot, at_s)


class KilledError(BaseException):
    """The process is gone; nothing it would have done happens."""


class MortalStore(Store):
    """The real store of a process that can die before or after any of its transactions."""

    is_dead = False
    dies_in: int | None = None
    """After so many more transactions the process dies; an odd end dies just after the commit."""
    dies_after_commit = False

    def submit(self, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Answer[Any]:
        if self.is_dead:
            raise KilledError
        if self.dies_in is None:
            return super().submit(operation, *args, **kwargs)
        self.dies_in -= 1
        if self.dies_in > 0:
            return super().submit(operation, *args, **kwargs)
        self.is_dead = True
        if self.dies_after_commit:
            super().submit(operation, *args, **kwargs)
        raise KilledError

    def peek(self, operation: Callable[..., Any], *args: Any) -> Any:
        """What a test reads beside the process: no step of the process's own."""
        return super().submit(operation, *args).result()


async def compare_plainly(pin_hash: str, secret: str) -> bool:
    """Stands for Argon2 where thousands of sign-ins are played."""
    return pin_hash == secret


class Visitor(Person):
    """The person at the machine, with what they proved since the last one was forgotten."""

    def __init__(self, screen: Screen, on_answer: Callable[[View, Event], None]) -> None:
        super().__init__(screen)
        self._on_answer = on_answer
        self.codes: set[str] = set()
        self.opened: set[str] = set()
        """The slots that were opened for this person by right."""
        self.pins: set[str] = set()

    async def next(self, timeout_s: float) -> Event:
        """What a flow takes for the answer to what it shows."""
        view = self.view
        event = await super().next(timeout_s)
        self._on_answer(view, event)
        return event

    @property
    def has_scanned(self) -> bool:
        """Whether something was scanned that no flow has taken yet."""
        return any(isinstance(event, Scanned) for event in self._events)

    def forget(self) -> None:
        super().forget()
        self.codes.clear()
        self.opened.clear()
        self.pins.clear()


class Site:
    """The hardware and the disk, and the kiosk that runs on them now."""

    def __init__(self, folder: Path, rng: random.Random, screen: Screen) -> None:
        self.folder = folder
        self.rng = rng
        self.screen = screen
        self.clock = SimClock()
        self.steel = WatchedSteel(random.Random(rng.getrandbits(64)), SimClock.loop_s)
        self.lines, self.boards = simulate_lines(BOARDS, DOORS, self.steel)
        self.policy = drawn_policy(rng)
        self.on_answer: Callable[[View, Event], None] = lambda view, event: None
        self.starts = 0
        self._database.parent.mkdir(parents=True)
        self.store: MortalStore
        self.kiosk: Kiosk
        self.person: Visitor
        self.session: asyncio.Task[None]

    async def start(self) -> None:
        """Start the kiosk on what there is."""
        self.clock.boot()
        rng = random.Random(self.rng.getrandbits(64))
        self.store = MortalStore(self._database, self.clock, rng, threaded=False)
        self.store.use_key(LOCATION_KEY)
        bank = self._bank()
        self.person = Visitor(self.screen, self.on_answer)
        self.kiosk = Kiosk(
            location=LOCATION,
            store=self.store,
            bank=bank,
            person=self.person,
            clock=self.clock,
            rng=rng,
            location_key=LOCATION_KEY,
            strategy=BestFit(),
            verify_pin=compare_plainly,
            staff=list(STAFF.values()),
            policy=self.policy,
        )
        self.session = asyncio.create_task(session.run(self.kiosk))

    async def kill(self) -> None:
        """The process ends at once; its disk is kept as the system has it then."""
        self.store.is_dead = True
        self.session.cancel()
        await asyncio.gather(self.session, return_exceptions=True)
        await self.kiosk.bank.stop()
        # Copied before the connection closes: closing would tidy up as a dead process cannot.
        before = self._database.parent
        self.starts += 1
        self._database.parent.mkdir()
        for file in sorted(before.iterdir()):
            shutil.copy(file, self._database.parent / file.name)
        self.store.close()
        shutil.rmtree(before)

    async def stop(self) -> None:
        """The end of this site's life."""
        self.store.is_dead = True
        self.session.cancel()
        await asyncio.gather(self.session, return_exceptions=True)
        await self.kiosk.bank.stop()
        self.store.close()
        shutil.rmtree(self._database.parent)

    @property
    def _database(self) -> Path:
        return self.folder / str(self.starts) / "kiosk.db"

    def _bank(self) -> Bank:
        def make_runner(port: str, boards: Sequence[BusBoard]) -> BusRunner:
            clock = MovableClock()
            clock.now_s = SimClock.loop_s()
            opener = VirtualPortOpener(port, self.lines[port], clock)
            return TaskRunner(Bus(opener, boards, clock, BUS_TIMING), clock)

        return join_bank(BOARDS, DOORS, make_runner, BANK_TIMING)
