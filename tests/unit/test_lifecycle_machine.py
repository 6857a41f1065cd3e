"""Every operation of the store in any order, sensible or not: the store stays sound.

The machine does not play flows: it calls whatever there is with whatever there is. An operation may
be refused; it may not leave the tables and the journal apart, two packages in a slot, a code that
is two packages', or a slot that is free and holds something.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kiosk.model.allocation import BestFit, FirstAvailable
from kiosk.model.carriers import EVERY_CARRIER
from kiosk.model.clock import DAY_MS
from kiosk.model.invariants import BrokenInvariantError
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.person import Recipient, Role, Staff, StaffSource
from kiosk.model.pickup_code import make_code
from kiosk.store import (
    boards,
    codes,
    departures,
    deposits,
    erasure,
    holds,
    intents,
    journal,
    moves,
    packages,
    recovery,
    slots,
    staff,
)
from kiosk.store.codes import CodePolicy
from kiosk.store.deposits import Deposit, DepositRequest
from kiosk.store.errors import NotDoneError, RefusedError
from kiosk.store.intents import IntentPurpose, IntentState, OpenIntent
from kiosk.store.moves import Move
from kiosk.store.packages import Announcement
from kiosk.store.staff import Visit
from kiosk.store.store import Store
from tests.support.flow_site import LOCATION_KEY, LoopClock, small_place
from tests.support.invariants import (
    gather,
    i2_one_live_package_per_slot,
    i3_tables_are_the_replay,
    i4_chain_is_whole,
    i5_every_event_waits_once,
    i11_a_code_never_opens_anothers,
)

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
PLACE = small_place(("3", "9", "6", "1"))
LOCATION = PLACE.location
ALWAYS = (
    i2_one_live_package_per_slot,
    i3_tables_are_the_replay,
    i4_chain_is_whole,
    i5_every_event_waits_once,
    i11_a_code_never_opens_anothers,
)
"""What the store holds by itself; the others are the flows' part."""

PACKAGES = st.sampled_from([f"p{number}" for number in range(6)])
BARCODES = st.sampled_from(["A", "B", "C", "D"])
SLOTS = st.sampled_from([slot.label for slot in LOCATION.slots])
INTENTS = st.sampled_from([f"i{number}" for number in range(12)])
SIZES = st.sampled_from(["S", "M", "L"])
DOUBTS = st.none() | st.sampled_from(list(SuspectReason))
VISITS = st.sampled_from(["v1", "v2"])
ACTOR = "staff:11"
Made = tuple[str, str, str]
MOVES = st.builds(Move, PACKAGES, SLOTS, SLOTS, INTENTS, INTENTS)
DEPOSITS = st.builds(Deposit, PACKAGES, SLOTS, INTENTS)


class Machine(RuleBasedStateMachine):
    """A store, and what it handed out."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.clock = LoopClock()
        self.rng = random.Random(5)
        self.deposits: list[Deposit] = []
        self.moves: list[Move] = []
        self.store = self.open()

    def open(self) -> Store:
        store = Store(self.folder / "kiosk.db", self.clock, self.rng, threaded=False)
        store.use_key(LOCATION_KEY)
        store.submit(slots.configure, LOCATION).result()
        return store

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def do(self, operation: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Do it, or hear that it is refused; then nothing of it was done."""
        before = self.store.submit(journal.tables).result()
        try:
            return self.store.submit(operation, *arguments, **named).result()
        except (RefusedError, NotDoneError, BrokenInvariantError):
            assert self.store.submit(journal.tables).result() == before
            return None

    @invariant()
    def is_sound(self) -> None:
        evidence = gather(self.store, location_key=LOCATION_KEY)
        found = [wrong for each in ALWAYS for wrong in each(evidence)]
        # A move holds its target before the package is there.
        assert [wrong for wrong in found if "RESERVED by nobody" not in wrong] == []

    # --- packages ----------------------------------------------------------------------------

    @rule(package=PACKAGES, barcode=BARCODES, size=SIZES | st.none(), is_alone=st.booleans())
    def announce(self, package: str, barcode: str, size: str | None, is_alone: bool) -> None:
        recipient = Recipient(f"r-{package}", "Ada", "+49 171 5550199")
        announcement = Announcement(package, barcode, size, recipient, "user", is_alone)
        self.do(packages.announce, announcement)

    @rule(package=PACKAGES, barcode=BARCODES, size=SIZES, intent=INTENTS, first=st.booleans())
    def begin_deposit(
        self, package: str, barcode: str, size: str, intent: str, first: bool
    ) -> None:
        request = DepositRequest(package, barcode, size, intent, ACTOR)
        strategy = FirstAvailable() if first else BestFit()
        deposit = self.do(deposits.begin_deposit, request, LOCATION, strategy)
        if deposit is not None:
            self.deposits.append(deposit)

    def one_of(self, made: list[Any], drawn: Any, is_known: bool) -> Any:
        """Mostly something the store handed out, at times something nobody ever did."""
        return made[-1 - hash_free(drawn) % len(made)] if made and is_known else drawn

    @rule(drawn=DEPOSITS, is_known=st.booleans())
    def store_package(self, drawn: Deposit, is_known: bool) -> None:
        deposit = self.one_of(self.deposits, drawn, is_known)
        self.do(deposits.store_package, deposit, LOCATION, 3, self.rng)

    @rule(package=PACKAGES, barcode=BARCODES, size=SIZES, number=st.integers(0, 10**6))
    def put_in(self, package: str, barcode: str, size: str, number: int) -> None:
        """A deposit from end to end, so that there is much to do something with."""
        request = DepositRequest(package, barcode, size, f"deposit-{number}", ACTOR)
        deposit = self.do(deposits.begin_deposit, request, LOCATION, FirstAvailable())
        if deposit is not None:
            self.do(intents.door_outcome, deposit.intent, IntentState.OPENED, "OPENED")
            self.do(deposits.store_package, deposit, LOCATION, 3, self.rng)

    @rule(package=PACKAGES, number=st.integers(0, 10**6), doubt=DOUBTS)
    def take_out(self, package: str, number: int, doubt: SuspectReason | None) -> None:
        """A pickup from end to end."""
        found, intent = self.do(packages.package, package), f"pickup-{number}"
        if found is not None and found.slot is not None:
            purpose = IntentPurpose.PICKUP
            self.do(intents.intend, intent, found.slot, purpose, "customer", package)
            self.do(departures.retrieve, package, intent, doubt)

    @rule(
        drawn=DEPOSITS,
        is_known=st.booleans(),
        suspect=DOUBTS,
        state=st.sampled_from(list(IntentState)),
    )
    def end_deposit(
        self, drawn: Deposit, is_known: bool, suspect: SuspectReason | None, state: IntentState
    ) -> None:
        deposit = self.one_of(self.deposits, drawn, is_known)
        self.do(deposits.end_deposit, deposit, suspect, "said so", state)

    @rule(
        intent=INTENTS,
        slot=SLOTS,
        purpose=st.sampled_from(list(IntentPurpose)),
        package=PACKAGES | st.none(),
    )
    def intend(self, intent: str, slot: str, purpose: IntentPurpose, package: str | None) -> None:
        self.do(intents.intend, intent, slot, purpose, ACTOR, package)

    @rule(intent=INTENTS, state=st.sampled_from(list(IntentState)))
    def door_outcome(self, intent: str, state: IntentState) -> None:
        self.do(intents.door_outcome, intent, state, "OPENED")

    @rule(package=PACKAGES, intent=INTENTS, suspect=DOUBTS)
    def retrieve(self, package: str, intent: str, suspect: SuspectReason | None) -> None:
        self.do(departures.retrieve, package, intent, suspect)

    @rule(package=PACKAGES, intent=INTENTS, suspect=DOUBTS)
    def missing(self, package: str, intent: str, suspect: SuspectReason | None) -> None:
        self.do(departures.missing, package, intent, suspect, ACTOR)

    @rule(package=PACKAGES, intent=INTENTS, reason=st.sampled_from(["", "damaged"]))
    def collect(self, package: str, intent: str, reason: str) -> None:
        self.do(departures.collect, package, intent, ACTOR, reason)

    @rule(package=PACKAGES, intent=INTENTS)
    def undo(self, package: str, intent: str) -> None:
        self.do(deposits.undo_deposit, package, intent, ACTOR)

    @rule(package=PACKAGES)
    def cancel(self, package: str) -> None:
        self.do(departures.cancel, package, "recalled")

    @rule(old=PACKAGES, slot=SLOTS, new=PACKAGES, intent=INTENTS)
    def leave_here(self, old: str, slot: str, new: str, intent: str) -> None:
        self.do(departures.leave_here, old, slot, new, intent)

    @rule(package=PACKAGES, slot=SLOTS)
    def complain(self, package: str, slot: str) -> None:
        self.do(departures.complain, package, slot, "DAMAGED")

    @rule(package=PACKAGES, slot=SLOTS, intent=INTENTS)
    def found_inside(self, package: str, slot: str, intent: str) -> None:
        self.do(deposits.found_inside, package, slot, intent, LOCATION, 3, self.rng, ACTOR)

    @rule(package=PACKAGES, first=INTENTS, second=INTENTS)
    def begin_move(self, package: str, first: str, second: str) -> None:
        move = self.do(moves.begin_move, package, (first, second), LOCATION, BestFit(), ACTOR)
        if move is not None:
            self.moves.append(move)

    @rule(drawn=MOVES, is_known=st.booleans())
    def finish_move(self, drawn: Move, is_known: bool) -> None:
        self.do(moves.finish_move, self.one_of(self.moves, drawn, is_known), ACTOR)

    @rule(drawn=MOVES, is_known=st.booleans(), touched=st.booleans())
    def give_up_move(self, drawn: Move, is_known: bool, touched: bool) -> None:
        move = self.one_of(self.moves, drawn, is_known)
        self.do(moves.give_up_move, move, "given up", touched)

    @rule(intent=INTENTS, slot=SLOTS, found=st.sampled_from(list(SlotStatus)))
    def end_opening(self, intent: str, slot: str, found: SlotStatus) -> None:
        self.do(intents.end_opening, intent, slot, found, ACTOR)

    @rule()
    def recover(self) -> None:
        for intent in self.do(intents.open_intents):
            assert isinstance(intent, OpenIntent)
            self.do(recovery.recover, intent, "OPEN")

    # --- holds and people --------------------------------------------------------------------

    @rule(days=st.integers(0, 40))
    def days_pass(self, days: int) -> None:
        self.clock.ahead_ms += days * DAY_MS
        self.do(holds.tick, LOCATION.time_zone)
        self.do(holds.expire_due)
        self.do(holds.lapse_announcements)
        self.do(erasure.erase_due, 30)

    @rule(hours=st.integers(1, 50), is_trusted=st.booleans())
    def the_clock_goes_astray(self, hours: int, is_trusted: bool) -> None:
        self.clock.ahead_ms -= hours * 3_600_000
        self.clock.is_trusted = is_trusted

    @rule(package=PACKAGES, days=st.integers(1, 9))
    def extend(self, package: str, days: int) -> None:
        self.do(holds.extend_hold, package, days, LOCATION.time_zone, "customer")

    @rule(package=PACKAGES)
    def reissue(self, package: str) -> None:
        self.do(codes.reissue, package, ACTOR)

    @rule(package=PACKAGES, scanned=st.booleans(), look_ahead=st.integers(0, 2))
    def right_code(self, package: str, scanned: bool, look_ahead: int) -> None:
        found = self.do(packages.package, package)
        if found is None or found.locator is None or not found.code_counter:
            return
        counter = found.code_counter + look_ahead
        code = make_code(LOCATION_KEY, package, found.locator, counter)
        policy = CodePolicy(LOCATION_KEY, len(LOCATION.slots), look_ahead=look_ahead)
        answer = self.do(codes.check_code, policy, code, scanned=scanned, phone_digits="0199")
        if isinstance(answer, codes.Granted):
            assert (answer.package, answer.slot) == (package, found.slot)

    @rule(code=st.integers(0, 10**9 - 1), scanned=st.booleans())
    def any_code(self, code: int, scanned: bool) -> None:
        policy = CodePolicy(LOCATION_KEY, len(LOCATION.slots))
        answer = self.do(codes.check_code, policy, f"{code:09d}", scanned=scanned)
        assert not isinstance(answer, codes.Granted)

    @rule(visit=VISITS)
    def visit(self, visit: str) -> None:
        self.do(staff.begin_visit, visit, "11", Role.COURIER)

    @rule(visit=VISITS, seen=st.booleans())
    def end_visit(self, visit: str, seen: bool) -> None:
        self.do(staff.end_visit, Visit(visit, "11", 1), seen)
        self.do(staff.unseen_receipt, "11", EVERY_CARRIER)

    @rule(source=st.sampled_from(list(StaffSource)), number=st.sampled_from(["11", "12"]))
    def list_staff(self, source: StaffSource, number: str) -> None:
        person = Staff(number, "Kim", Role.COURIER, "hash", source=source)
        self.do(staff.list_staff, [person], source)

    # --- slots -------------------------------------------------------------------------------

    @rule(slot=SLOTS, service=st.sampled_from(list(Service)), reason=st.sampled_from(["", "dirty"]))
    def set_service(self, slot: str, service: Service, reason: str) -> None:
        self.do(slots.set_service, slot, service, reason, ACTOR)

    @rule(slot=SLOTS)
    def board_went(self, slot: str) -> None:
        self.do(boards.went, "a", [slot], "unplugged")

    @rule(slot=SLOTS, device=st.sampled_from(["/dev/a", "/dev/b"]))
    def board_came(self, slot: str, device: str) -> None:
        self.do(boards.came, "a", [slot], device)

    @rule(slot=SLOTS)
    def board_seen_right(self, slot: str) -> None:
        self.do(boards.seen_right, "a", [slot], slot, ACTOR)

    @rule(slot=SLOTS, reason=st.sampled_from(list(SuspectReason)))
    def mark_suspect(self, slot: str, reason: SuspectReason) -> None:
        self.do(slots.mark_suspect, slot, reason, "forced")

    @rule(count=st.integers(1, len(LOCATION.slots)))
    def configure(self, count: int) -> None:
        self.do(slots.configure, replace(LOCATION, slots=LOCATION.slots[:count]))
        self.do(slots.free_by_size, LOCATION, BestFit())

    @rule()
    def restart(self) -> None:
        """The program ends and starts again on the same file."""
        self.store.close()
        self.store = self.open()


def hash_free(drawn: Any) -> int:
    """A number from something drawn that is the same in every process."""
    return sum(repr(drawn).encode())


TestStore = Machine.TestCase
TestStore.settings = settings(
    max_examples=20_000 if IS_NIGHTLY else 60,
    stateful_step_count=40,
    derandomize=not IS_NIGHTLY,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink) if IS_NIGHTLY else (Phase.generate,),
)
