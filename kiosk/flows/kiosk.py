"""What every flow works with: the site, the store, the bank, the person, time and chance."""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from drivers.bank import Bank
from drivers.door import DoorState, Outcome, Unlocked
from kiosk.flows.person import Person
from kiosk.flows.views import Opening, Problem, Purpose, SizeOffer, Trouble
from kiosk.model.allocation import AllocationStrategy
from kiosk.model.clock import Clock
from kiosk.model.location import Location, SuspectReason
from kiosk.model.person import Staff
from kiosk.store import packages, slots
from kiosk.store.backup import BackupPlan
from kiosk.store.codes import CodePolicy
from kiosk.store.packages import IntentState
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
    reopen_s: int = 120
    courier_session_s: int = 120
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


VerifyPin = Callable[[str, str], Awaitable[bool]]
"""Checks a secret against an Argon2id hash, off the engine's thread."""


@dataclass
class Kiosk:
    """The parts that `app.py` joined, for the flows."""

    location: Location
    store: Store
    bank: Bank
    person: Person
    clock: Clock
    chance: random.Random
    location_key: bytes
    strategy: AllocationStrategy
    verify_pin: VerifyPin
    staff: Sequence[Staff] = ()
    """The staff of the site's config; the store lists them, with those of other sources."""
    policy: Policy = Policy()
    backup: BackupPlan | None = None
    """Where the nightly backup goes; None where there is none."""

    def new_id(self) -> str:
        """A random UUID, from the chance that was handed in."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    @property
    def code_policy(self) -> CodePolicy:
        return CodePolicy(
            self.location_key,
            len(self.location.slots),
            self.policy.ask_phone_digits,
            self.policy.late_pickup,
            self.policy.reopen_s * 1000,
            self.policy.one_code_for_all,
        )

    async def size_offers(self) -> tuple[SizeOffer, ...]:
        """The sizes with how many slots are free now, for the courier."""
        free = await self.store.run(slots.free_by_size, self.location, self.strategy)
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

    async def open_door(self, slot: str, intent: str, purpose: Purpose) -> Opened:
        """Pulse the door of an intent that is already durable, and record what came of it."""
        self.person.show(Opening(slot=slot, purpose=purpose))
        unlocked = await self.bank.open_slot(slot)
        stands_open = unlocked.outcome in (Outcome.OPENED, Outcome.ALREADY_OPEN, Outcome.SENT)
        elapsed_ms = None if unlocked.elapsed_s is None else round(unlocked.elapsed_s * 1000)
        reference = await self.store.run(
            packages.door_outcome,
            intent,
            IntentState.OPENED if stands_open else IntentState.FAILED,
            unlocked.outcome.value,
            elapsed_ms,
            _doubts(slot, unlocked),
        )
        return Opened(unlocked, stands_open, str(reference))

    def is_shut(self, slot: str) -> bool:
        return self.bank.door(slot) is DoorState.CLOSED


def _doubts(slot: str, unlocked: Unlocked) -> dict[str, SuspectReason]:
    """The slots of which nobody is sure after this outcome, and why."""
    if unlocked.outcome is Outcome.WRONG_DOOR:
        moved = (slot, unlocked.wrong_slot)
        return {label: SuspectReason.WIRING for label in moved if label is not None}
    if unlocked.outcome is Outcome.UNREACHABLE and unlocked.pulsed:
        return {slot: SuspectReason.MAY_BE_EMPTY}
    return {}


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of `Kiosk.open_door`."""

    unlocked: Unlocked
    stands_open: bool
    reference: str
    """The number of the journal's event, for staff to look up."""

    @property
    def problem(self) -> Problem:
        return {
            Outcome.UNREACHABLE: Problem.UNREACHABLE,
            Outcome.WRONG_DOOR: Problem.WRONG_DOOR,
        }.get(self.unlocked.outcome, Problem.JAMMED)

    def trouble(self, slot: str, purpose: Purpose) -> Trouble:
        """The view that says what happened; the flow adds the choices."""
        return Trouble(
            problem=self.problem,
            slot=slot,
            wrong_slot=self.unlocked.wrong_slot or "",
            reference=self.reference,
            purpose=purpose,
        )
