"""A bank of any number of slots with packages inside, in a real store on a real disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Concatenate, ParamSpec, TypeVar

from config import DEMO_SITE, load_site
from kiosk.adapters import SystemClock
from kiosk.model.allocation import BestFit
from kiosk.model.location import Location, Rectangle, Slot
from kiosk.model.package import Package
from kiosk.model.pickup_code import make_code
from kiosk.site_model import location_of
from kiosk.store import departures, deposits, intents, packages, slots
from kiosk.store.codes import CodePolicy
from kiosk.store.deposits import Deposit, DepositRequest, begin_deposit
from kiosk.store.intents import IntentPurpose, IntentState
from kiosk.store.store import Store
from kiosk.store.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")

LOCATION_KEY = bytes(range(32))
SIZES = "SSSSSMMMLL"
"""Of ten slots, and of ten packages, so many are of each size."""
HOLD_DAYS = 5
FILL_AT_ONCE = 1000


def location_with(slot_count: int) -> Location:
    """A location like the demo's with so many slots, half of them low."""
    demo = location_of(load_site(DEMO_SITE))
    made = tuple(
        Slot(
            label=str(number),
            locker="A",
            size=SIZES[number % len(SIZES)],
            board="left",
            channel=number,
            door=Rectangle(0, 100 if number % 4 < 2 else 1300, 400, 240),
        )
        for number in range(1, slot_count + 1)
    )
    return replace(demo, slots=made)


@dataclass(frozen=True, slots=True)
class Inside:
    """A package that lies in the bank, and its code."""

    package: str
    slot: str
    code: str


class FullBank:
    """A store, its location, and what lies inside."""

    def __init__(self, path: Path, location: Location, rng: Random, key: bytes) -> None:
        self.location = location
        self.strategy = BestFit()
        self.rng = rng
        self.key = key
        self.policy = CodePolicy(key, len(location.slots))
        self.inside: list[Inside] = []
        self.store = Store(path, SystemClock(), rng)
        self.store.use_key(LOCATION_KEY)
        self.store.submit(slots.configure, location).result()

    def close(self) -> None:
        self.store.close()

    def do(
        self,
        operation: Callable[Concatenate[Writer, P], T],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Do an operation of the store, durably."""
        return self.store.submit(operation, *arguments, **options).result()

    def new_id(self) -> str:
        return f"{self.rng.getrandbits(128):032x}"

    def request(self, size: str, needs_low: bool = False) -> DepositRequest:
        """A courier's request to put in a package that nobody announced."""
        package = self.new_id()
        return DepositRequest(package, f"BENCH{package}", size, self.new_id(), "11", needs_low)

    def reserve(self, request: DepositRequest) -> Deposit | None:
        """Begin a deposit, durably."""
        return self.store.submit(begin_deposit, request, self.location, self.strategy).result()

    def fill_to(self, count: int) -> None:
        """Put packages in until so many lie inside."""
        while len(self.inside) < count:
            number = min(FILL_AT_ONCE, count - len(self.inside))
            self.inside += self.store.submit(self._put_in, number).result()

    def empty(self, count: int) -> None:
        """Fetch so many packages, drawn at random."""
        self.store.submit(self._fetch_any, count).result()

    def take_any(self) -> Inside:
        """Any package, no longer counted as inside."""
        place = self.rng.randrange(len(self.inside))
        self.inside[place], self.inside[-1] = self.inside[-1], self.inside[place]
        return self.inside.pop()

    def known(self, package: Package) -> Inside:
        """A stored package with its code."""
        assert package.slot is not None
        assert package.locator is not None
        code = make_code(self.key, package.id, package.locator, package.code_counter)
        return Inside(package.id, package.slot, code)

    def stay(self, writer: Writer, deposit: Deposit) -> Inside:
        """The package of a deposit is put in."""
        package = deposits.store_package(writer, deposit, self.location, HOLD_DAYS, self.rng)
        return self.known(package)

    def stored(self, writer: Writer) -> list[Inside]:
        """Every package that lies inside, as the store has it."""
        rows = writer.all("SELECT * FROM package WHERE status = 'STORED'")
        return [self.known(packages.package_of(row)) for row in rows]

    def stay_and_leave(self, writer: Writer, deposit: Deposit) -> None:
        """The package of a deposit is put in and fetched: its slot is free as before."""
        fetch(writer, self.stay(writer, deposit), self.new_id())

    def _fetch_any(self, writer: Writer, count: int) -> None:
        for _ in range(count):
            fetch(writer, self.take_any(), self.new_id())

    def _put_in(self, writer: Writer, number: int) -> list[Inside]:
        return [self.stay(writer, self._begin(writer)) for _ in range(number)]

    def _begin(self, writer: Writer) -> Deposit:
        """A deposit of any size; when the bank is nearly full, of whatever still goes in."""
        for size, needs_low in ((self.rng.choice(SIZES), False), ("S", False), ("S", True)):
            request = self.request(size, needs_low)
            deposit = begin_deposit(writer, request, self.location, self.strategy)
            if deposit is not None:
                return deposit
        raise AssertionError("the bank is full")


def fetch(writer: Writer, inside: Inside, intent: str) -> None:
    """A customer fetches a package: intent, open door, gone."""
    intents.intend(writer, intent, inside.slot, IntentPurpose.PICKUP, "customer", inside.package)
    intents.door_outcome(writer, intent, IntentState.OPENED, "OPENED")
    departures.retrieve(writer, inside.package, intent)
