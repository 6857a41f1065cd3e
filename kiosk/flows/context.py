"""What every flow works with: the site, the store, the bank, the person, time and randomness."""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.bank import Bank
from drivers.door import DoorState
from kiosk.flows.person import Person
from kiosk.flows.views.courier import SizeOffer
from kiosk.flows.views.service import Vitals
from kiosk.flows.views.unannounced import NearbyRow
from kiosk.model.allocation import AllocationStrategy
from kiosk.model.clock import Clock
from kiosk.model.location import Location
from kiosk.model.person import NUMBER_DIGITS_MIN, Staff
from kiosk.model.power import Power
from kiosk.store import slots
from kiosk.store.backup import BackupPlan
from kiosk.store.codes import CodePolicy
from kiosk.store.holds import Contact
from kiosk.store.store import Store


@dataclass(frozen=True, slots=True)
class Policy:
    """What the site's owner decides; times in seconds."""

    hold_days: int = 5
    show_code_to_courier: bool = False
    ask_phone_digits: bool = False
    late_pickup: bool = True
    one_code_for_all: bool = True
    couriers_may_look: bool = True
    """Whether couriers may look into slots in doubt and use them."""
    may_extend: bool = False
    """Whether customers may have their hold extended at the machine."""
    deposit_by_phone: bool = False
    """Whether couriers may name the phone of whom a package is for that nobody announced."""
    deposit_by_directory: bool = False
    """Whether they may find that person in the directory of the house."""
    guest_deposits: bool = False
    """Whether anybody may put a package in for somebody else."""
    guest_deposits_an_hour: int = 6
    guest_deposits_a_phone: int = 3
    """Within a day, whether it sends or receives."""
    guest_doors_percent: int = 20
    """How many of the doors guests' packages take at most."""
    reopen_s: int = 120
    courier_session_s: int = 120
    courier_lock_s: int = 60
    """A courier's session locks after this long without a touch; a warning comes before."""
    technician_lock_s: int = 120
    """The same of a technician's."""
    locked_session_s: int = 600
    """How long a locked session waits for its owner before it ends."""
    pin_wait_max_s: int = 900
    """The longest that a person waits after wrong PINs, whoever typed them."""
    idle_s: int = 60
    thanks_s: int = 15
    remind_after_s: int = 30
    """When a person is reminded to close the door."""
    give_up_after_s: int = 180
    """When an open door is left alone and its slot is in doubt."""
    erase_after_days: int = 30
    """How long after a package is finished its recipient's name and number are kept."""
    warn_s: int = 20
    """How long a person has to answer before an idle session ends."""
    quick_close_s: float = 2.0
    """A door shut sooner than this was perhaps not used."""
    trust_without_sensors: bool = False
    """Whether a customer's word that the door is shut frees the slot where no sensor sees it."""


@dataclass(frozen=True, slots=True)
class PublicServer:
    """The server as people reach it, for who takes a link along."""

    url: str = ""
    """"" where they do not, or nothing was heard of it since this start."""
    is_reached: bool = False
    """Whether the kiosk reaches it now, so that what a link leads to is there at once."""


class Elsewhere(Protocol):
    """What knows where else in the network there is room."""

    async def look(self, carrier: str) -> bool:
        """Ask now, for this carrier's packages; whether the server was reached."""

    def rows(self, carrier: str, size: str) -> tuple[NearbyRow, ...] | None:
        """What was heard last; None where nothing was."""

    def age_s(self, carrier: str) -> int:
        """How long ago that was."""

    async def reserve(self, place: str, size: str, carrier: str) -> int | None:
        """Keep room there; until when, in milliseconds since 1970 UTC, or None where it is not."""


VerifyPin = Callable[[str, str], Awaitable[bool]]
"""Checks a secret against an Argon2id hash, off the engine's thread."""


HashPin = Callable[[str], Awaitable[str]]
"""Makes the Argon2id hash of a new PIN's secret digits, off the engine's thread."""


async def no_new_pins(_: str) -> str:
    """Where nobody is set up no PIN is made."""
    raise NotImplementedError("no PIN is made here")


def no_look_ahead() -> int:
    """On a site without a server nobody else issues codes."""
    return 0


def no_server() -> None:
    """On a site without a server nobody hears of it."""


def no_contact() -> Contact | None:
    """On a site without a server nobody promises anything that the kiosk does not know."""
    return None


@dataclass
class Kiosk:
    """The parts that `app.py` joined, for the flows."""

    location: Location
    store: Store
    bank: Bank
    person: Person
    clock: Clock
    rng: random.Random
    location_key: bytes
    strategy: AllocationStrategy
    verify_pin: VerifyPin
    staff: Sequence[Staff] = ()
    """The staff of the site's config; the store lists them, with those of other sources."""
    staff_digits: int = NUMBER_DIGITS_MIN
    """With how many digits the config writes their numbers."""
    policy: Policy = Policy()
    backup: BackupPlan | None = None
    """Where the nightly backup goes; None where there is none."""
    journal_problem: str = ""
    """What was found wrong with the journal at a start."""

    def __post_init__(self) -> None:
        self.person.warn_s = self.policy.warn_s

    hash_pin: HashPin = no_new_pins
    is_settled: bool = True
    """Whether the settings that count are those that the server wants."""
    vitals: Callable[[], Vitals] = Vitals
    """How the computer and its connection to the server are doing; answers at once."""
    public_server: Callable[[], PublicServer] = PublicServer
    elsewhere: Elsewhere | None = None
    """None on a site without a server."""
    restart: Callable[[], None] | None = None
    """Ends this program and starts it again; None where nobody could."""
    picture: Callable[[], bytes | None] | None = None
    """The screen as a PNG, asked for from another thread than the screen's; it says None while
    the screen shows more than its first view. None where there is no screen."""
    drew_s_ago: Callable[[], float | None] | None = None
    """How long ago the window drew last, from any thread; it says None before the first time. None
    where there is no window."""
    look_ahead: Callable[[], int] = no_look_ahead
    """How many re-issues of a code that this kiosk has not heard of are accepted now."""
    power: Callable[[], Power] | None = None
    """What the uninterruptible supply says; None where there is none."""
    tell_server: Callable[[], None] = no_server
    """Has the server hear at once how this machine is; from any thread."""
    contact: Callable[[], Contact | None] = no_contact
    """How it goes with the server; None where there is none."""

    def new_id(self) -> str:
        """A random UUID, from the random numbers that were handed in."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    @property
    def code_policy(self) -> CodePolicy:
        return CodePolicy(
            self.location_key,
            len(self.location.slots),
            self.policy.ask_phone_digits,
            self.policy.late_pickup,
            self.policy.reopen_s * 1000,
            self.policy.one_code_for_all,
            self.look_ahead(),
        )

    @property
    def is_battery_low(self) -> bool:
        """Whether nothing is taken in, for whoever put it in might not get the door shut."""
        return self.power is not None and bool(self.power().is_battery_low)

    async def size_offers(self, carrier: str | None = None) -> tuple[SizeOffer, ...]:
        """The sizes with how many slots are free now, for the courier; with a carrier, for what
        that brings unannounced."""
        free = await self.store.run(slots.free_by_size, self.location, self.strategy, carrier)
        return tuple(
            SizeOffer(
                size.name,
                size.width_mm,
                size.height_mm,
                size.depth_mm,
                size.max_weight_kg,
                free[size.name],
            )
            for size in self.location.sizes
        )

    def open_doors(self) -> tuple[str, ...]:
        """The slots whose doors are seen to stand open."""
        labels = (slot.label for slot in self.location.slots)
        return tuple(label for label in labels if self.bank.door(label) is DoorState.OPEN)

    def is_shut(self, slot: str) -> bool:
        return self.bank.door(slot) is DoorState.CLOSED
