"""How long packages are held, as their recipients notice it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import pytest

from kiosk.model.allocation import BestFit
from kiosk.model.clock import DAY_MS, MINUTE_MS, Instant, Reading
from kiosk.model.events import EventKind
from kiosk.model.location import Service
from kiosk.model.package import Package
from kiosk.model.person import Recipient
from kiosk.store import (
    boards,
    counters,
    departures,
    deposits,
    erasure,
    holds,
    intents,
    journal,
    packages,
    slots,
)
from kiosk.store.deposits import DepositRequest
from kiosk.store.errors import RefusedError
from kiosk.store.intents import IntentPurpose
from kiosk.store.packages import Announcement
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from tests.support.flow_site import LOCATION, LOCATION_KEY, START_MS, LoopClock, require_sound
from tests.support.present import present

P = ParamSpec("P")
T = TypeVar("T")
ZONE = LOCATION.time_zone


class Machine:
    """A store whose clock a test moves, minute by minute or at once."""

    def __init__(self, path: Path) -> None:
        self.clock = LoopClock()
        self.elapsed_ms = 0
        self.store = Store(path, self, random.Random(7), threaded=False)
        self.store.use_key(LOCATION_KEY)
        self.do(slots.configure, LOCATION)
        self.minute()

    def now(self) -> Instant:
        return Instant(
            START_MS + self.clock.ahead_ms + self.elapsed_ms,
            self.elapsed_ms,
            "boot",
            self.clock.is_trusted,
        )

    def confirm(self) -> None:
        self.clock.confirm()

    def do(
        self,
        operation: Callable[Concatenate[Writer, P], T],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        return self.store.submit(operation, *arguments, **options).result()

    def minute(self) -> None:
        """One tick of the machine's housekeeping."""
        self.do(holds.tick, ZONE)
        self.do(holds.expire_due)
        self.do(holds.lapse_announcements)

    def alive(self, days: float) -> None:
        """Time passes and the machine serves; a stamp a minute is as good as one at the end."""
        self.elapsed_ms += round(days * DAY_MS)
        stamp = f'[{self.now().wall_ms}, {self.elapsed_ms}, "boot"]'
        self.do(lambda w: w.db.execute("UPDATE meta SET value = ? WHERE key = 'alive'", [stamp]))
        ran = f"[{self.now().wall_ms}, {holds.GAP_MS}, false]"
        self.do(lambda w: w.db.execute("UPDATE meta SET value = ? WHERE key = 'holds_ran'", [ran]))
        self.minute()

    def down(self, days: float) -> None:
        """Time passes without anything being done."""
        self.elapsed_ms += round(days * DAY_MS)
        self.minute()

    def stored(self, name: str, size: str = "S") -> Package:
        request = DepositRequest(name, name, size, f"in-{name}", "staff:11")
        deposit = self.do(deposits.begin_deposit, request, LOCATION, BestFit())
        return self.do(deposits.store_package, present(deposit), LOCATION, 5, random.Random(1))

    def package(self, name: str) -> Package:
        return self.do(packages.package, name)

    def status(self, name: str) -> str:
        return self.package(name).status.value

    def fetch(self, name: str) -> None:
        slot = present(self.package(name).slot)
        self.do(intents.intend, f"out-{name}", slot, IntentPurpose.PICKUP, "customer", name)
        self.elapsed_ms += 9_000
        self.do(departures.retrieve, name, f"out-{name}")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "kiosk.db")
    yield made
    require_sound(made.store)
    made.store.close()


def test_a_package_expires_when_its_hold_is_over_and_not_before(machine: Machine) -> None:
    machine.stored("P")
    machine.alive(4.9)
    assert machine.status("P") == "STORED"
    machine.alive(1.1)
    assert machine.status("P") == "EXPIRED"


def test_a_machine_dead_for_six_days_expires_nothing_and_gives_the_days_back(
    machine: Machine,
) -> None:
    before = present(machine.stored("P").hold_until_ms)
    machine.down(6)
    assert machine.status("P") == "STORED"
    assert machine.package("P").hold_until_ms == before + 6 * DAY_MS
    machine.alive(6)
    assert machine.status("P") == "EXPIRED"


def test_two_minutes_without_a_stamp_are_no_gap(machine: Machine) -> None:
    before = present(machine.stored("P").hold_until_ms)
    machine.down(2 * MINUTE_MS / DAY_MS)
    assert machine.package("P").hold_until_ms == before


@pytest.mark.parametrize("jump_days", [1, 40, -400])
def test_a_clock_that_jumps_expires_nothing(machine: Machine, jump_days: int) -> None:
    machine.stored("P")
    machine.clock.ahead_ms += jump_days * DAY_MS
    machine.clock.is_trusted = False
    for _ in range(3):
        machine.down(1 / 24)
    assert machine.status("P") == "STORED"
    machine.clock.ahead_ms -= jump_days * DAY_MS
    machine.clock.is_trusted = True
    machine.minute()
    machine.alive(4.8)
    assert machine.status("P") == "STORED"


def test_a_jump_that_a_time_server_makes_moves_the_holds_with_it(machine: Machine) -> None:
    before = present(machine.stored("P").hold_until_ms)
    machine.clock.ahead_ms += 40 * DAY_MS
    machine.minute()
    assert machine.status("P") == "STORED"
    assert present(machine.package("P").hold_until_ms) >= before + 40 * DAY_MS


def test_a_package_stored_before_the_clock_was_ever_set_is_held_its_days(tmp_path: Path) -> None:
    machine = Machine.__new__(Machine)
    machine.clock = LoopClock(is_trusted=False, ahead_ms=-START_MS)
    machine.elapsed_ms = 0
    machine.store = Store(tmp_path / "kiosk.db", machine, random.Random(7), threaded=False)
    machine.store.use_key(LOCATION_KEY)
    machine.do(slots.configure, LOCATION)
    machine.minute()
    machine.do(packages.announce, Announcement("A", "A", "S", None))
    machine.down(1)
    machine.stored("P")
    machine.clock.ahead_ms, machine.clock.is_trusted = 0, True
    machine.minute()
    assert machine.status("P") == "STORED"
    assert machine.status("A") == "PENDING"
    machine.alive(4.8)
    assert machine.status("P") == "STORED"
    machine.alive(2.2)
    assert machine.status("P") == "EXPIRED"
    machine.store.close()


def unplug(machine: Machine, slot: str) -> None:
    machine.do(boards.went, "left", [slot], "pulled")


def plug(machine: Machine, slot: str) -> None:
    """The board is back, and staff saw that the right door opened."""
    machine.do(boards.came, "left", [slot], "/dev/left")
    machine.do(boards.seen_right, "left", [slot], slot, "staff:99")


@pytest.mark.parametrize(
    ("fault", "repair"),
    [
        (
            unplug,
            plug,
        ),
        (
            lambda m, slot: m.do(slots.set_service, slot, Service.DO_NOT_OPEN, "burnt", "staff:99"),
            lambda m, slot: m.do(slots.set_service, slot, Service.IN_SERVICE, "", "staff:99"),
        ),
        (
            lambda m, slot: m.do(
                slots.set_service, slot, Service.NO_DEPOSITS, "door jams", "kiosk"
            ),
            lambda m, slot: m.do(slots.set_service, slot, Service.IN_SERVICE, "", "staff:99"),
        ),
    ],
)
def test_behind_a_faulty_door_the_hold_stands_still(
    machine: Machine,
    fault: Callable[[Machine, str], None],
    repair: Callable[[Machine, str], None],
) -> None:
    slot = present(machine.stored("P").slot)
    well = machine.stored("Q")
    fault(machine, slot)
    machine.minute()
    machine.alive(9)
    assert machine.status("P") == "STORED"
    assert machine.status("Q") == "EXPIRED"
    repair(machine, slot)
    machine.minute()
    assert machine.status("P") == "STORED"
    assert machine.package("P").hold_until_ms == present(well.hold_until_ms) + 9 * DAY_MS
    machine.alive(6)
    assert machine.status("P") == "EXPIRED"


def test_a_dirty_slot_out_of_service_holds_on_as_before(machine: Machine) -> None:
    package = machine.stored("P")
    machine.do(slots.set_service, present(package.slot), Service.NO_DEPOSITS, "dirty", "staff:99")
    machine.minute()
    machine.alive(6)
    assert machine.status("P") == "EXPIRED"


def test_a_power_cut_during_a_fault_is_not_given_back_twice(machine: Machine) -> None:
    package = machine.stored("P")
    unplug(machine, present(package.slot))
    machine.minute()
    machine.alive(1)
    machine.down(2)
    machine.alive(1)
    plug(machine, present(package.slot))
    machine.minute()
    assert machine.package("P").hold_until_ms == present(package.hold_until_ms) + 4 * DAY_MS


def test_the_next_package_in_a_repaired_slot_gains_nothing(machine: Machine) -> None:
    package = machine.stored("P")
    unplug(machine, present(package.slot))
    machine.minute()
    machine.alive(3)
    plug(machine, present(package.slot))
    machine.fetch("P")
    following = machine.stored("Q")
    machine.alive(0.1)
    assert machine.package("Q").hold_until_ms == following.hold_until_ms


# --- longer --------------------------------------------------------------------------------------


def test_a_hold_is_lengthened_to_seven_days_in_all_and_no_further(machine: Machine) -> None:
    before = present(machine.stored("P").hold_until_ms)
    assert machine.do(holds.extend_hold, "P", 2, ZONE, "staff:11") == before + 2 * DAY_MS
    with pytest.raises(RefusedError, match="7 days in all"):
        machine.do(holds.extend_hold, "P", 1, ZONE, "staff:11")


def test_the_machines_own_faults_do_not_count_into_the_seven_days(machine: Machine) -> None:
    before = present(machine.stored("P").hold_until_ms)
    machine.down(6)
    until_ms = machine.do(holds.extend_hold, "P", 2, ZONE, "staff:11")
    assert until_ms == before + 8 * DAY_MS


def test_an_expired_package_whose_hold_is_lengthened_can_be_fetched_again(
    machine: Machine,
) -> None:
    machine.stored("P")
    machine.alive(6)
    assert machine.status("P") == "EXPIRED"
    machine.do(holds.extend_hold, "P", 2, ZONE, "staff:11")
    assert machine.status("P") == "STORED"
    machine.alive(2)
    assert machine.status("P") == "EXPIRED"
    with pytest.raises(RefusedError):
        machine.do(holds.extend_hold, "P", 2, ZONE, "staff:11")


def test_a_fetched_package_cannot_be_held_longer(machine: Machine) -> None:
    machine.stored("P")
    machine.fetch("P")
    with pytest.raises(RefusedError, match="RETRIEVED"):
        machine.do(holds.extend_hold, "P", 1, ZONE, "staff:11")


def test_what_was_never_delivered_is_expected_no_more_after_fourteen_days(
    machine: Machine,
) -> None:
    machine.do(packages.announce, Announcement("A", "A", "S", None))
    machine.alive(13.9)
    assert machine.status("A") == "PENDING"
    machine.alive(0.2)
    assert machine.status("A") == "CANCELLED"


# --- what is counted and what is forgotten -------------------------------------------------------


def test_everything_is_counted_by_size_and_never_set_back(machine: Machine) -> None:
    machine.stored("P")
    machine.stored("Q", "M")
    machine.fetch("P")
    machine.alive(6)
    machine.do(counters.sample_occupancy, ZONE)
    found = machine.do(counters.read)
    assert found["stored"] == {"S": 1, "M": 1}
    assert found["retrieved"] == {"S": 1}
    assert found["expired"] == {"M": 1}
    assert found["pickup_ms"] == {"": 9_000}
    assert sum(found["sampled_taken"].values()) == 1
    assert sum(found["sampled_slots"].values()) == len(LOCATION.slots)


def test_what_was_not_done_is_not_counted(machine: Machine) -> None:
    def store_then_fail(writer: Writer, package: str) -> None:
        departures.retrieve(writer, package, f"out-{package}")
        raise RefusedError("no")

    package = machine.stored("P")
    machine.do(
        intents.intend, "out-P", present(package.slot), IntentPurpose.PICKUP, "customer", "P"
    )
    with pytest.raises(RefusedError):
        machine.do(store_then_fail, "P")
    assert "retrieved" not in machine.do(counters.read)


def test_people_are_forgotten_when_their_packages_are_long_finished(
    machine: Machine, tmp_path: Path
) -> None:
    for name in ("P", "Q"):
        ada = Recipient(f"r-{name}", f"Adelheid {name}", f"+49 171 555019{name}")
        machine.do(packages.announce, Announcement(name, name, "S", ada))
        request = DepositRequest(name, name, "S", f"in-{name}", "staff:11")
        deposit = machine.do(deposits.begin_deposit, request, LOCATION, BestFit())
        machine.do(deposits.store_package, present(deposit), LOCATION, 5, random.Random(1))
    machine.fetch("P")
    machine.alive(29)
    assert machine.do(erasure.erase_due, 30) == 0
    sealed = machine.do(lambda writer: writer.all("SELECT id, phone FROM recipient"))
    [of_p] = [row["phone"].encode() for row in sealed if row["id"] == "r-P"]
    [of_q] = [row["phone"].encode() for row in sealed if row["id"] == "r-Q"]
    machine.alive(2)
    assert machine.do(erasure.erase_due, 30) == 1
    assert present(machine.do(packages.recipient_of, "P")).phone == ""
    assert present(machine.do(packages.recipient_of, "Q")).phone == "+49 171 555019Q"
    assert machine.do(journal.verify) == []
    [event] = machine.do(journal.after, 0, 10, [EventKind.RECIPIENT_ERASED])
    assert "Adelheid" not in event.body
    import asyncio

    asyncio.run(machine.store.forget_old_pages())
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Adelheid" not in everything, "nothing personal lies in clear"
    assert of_p not in everything, "not even sealed"
    assert of_q in everything


def test_nobody_is_forgotten_while_the_clock_is_not_trusted(machine: Machine) -> None:
    ada = Recipient("r", "Ada", "+49")
    machine.do(packages.announce, Announcement("P", "P", "S", ada))
    machine.alive(15)
    machine.clock.ahead_ms, machine.clock.is_trusted = 400 * DAY_MS, False
    assert machine.do(erasure.erase_due, 30) == 0


# --- a server that does not hear of the kiosk --------------------------------------------------

SILENT_AFTER_MS = 5 * MINUTE_MS
HEARD = holds.Contact(0, SILENT_AFTER_MS)


def minute_with(machine: Machine, contact: holds.Contact | None) -> None:
    machine.do(holds.tick, ZONE, contact)
    machine.do(holds.expire_due)


def days_without(machine: Machine, days: float) -> None:
    """The machine serves people, and its server does not hear of it."""
    begun_ms = machine.elapsed_ms
    for _ in range(4):
        machine.elapsed_ms += round(days / 4 * DAY_MS)
        # A stamp a minute is as good as one now.
        now = machine.now()
        machine.do(holds.stamp_alive, Reading(now.wall_ms, now.monotonic_ms, now.boot_id))
        ago_ms = machine.elapsed_ms - begun_ms
        minute_with(machine, holds.Contact(ago_ms, SILENT_AFTER_MS))


def test_no_hold_runs_while_the_server_does_not_hear_of_the_kiosk(machine: Machine) -> None:
    machine.stored("P")
    minute_with(machine, HEARD)
    before_ms = machine.package("P").hold_until_ms or 0
    days_without(machine, 7)
    assert machine.do(holds.stand_still)
    assert machine.status("P") == "STORED"
    minute_with(machine, HEARD)
    assert not machine.do(holds.stand_still)
    given_ms = (machine.package("P").hold_until_ms or 0) - before_ms
    assert 7 * DAY_MS <= given_ms < 8.1 * DAY_MS


def test_time_without_server_is_given_back_once_whatever_else_was_wrong(machine: Machine) -> None:
    """The machine was down for a part of it, and a door was faulty for another."""
    slot = present(machine.stored("P").slot)
    minute_with(machine, HEARD)
    before_ms = machine.package("P").hold_until_ms or 0
    days_without(machine, 1)
    machine.elapsed_ms += 2 * DAY_MS
    minute_with(machine, holds.Contact())
    machine.do(slots.set_service, slot, Service.DO_NOT_OPEN, "door jams", "staff:99")
    machine.elapsed_ms += MINUTE_MS
    minute_with(machine, holds.Contact())
    machine.elapsed_ms += DAY_MS
    machine.do(slots.set_service, slot, Service.IN_SERVICE, "", "staff:99")
    minute_with(machine, holds.Contact())
    machine.elapsed_ms += MINUTE_MS
    minute_with(machine, HEARD)
    given_ms = (machine.package("P").hold_until_ms or 0) - before_ms
    assert 4 * DAY_MS <= given_ms < 5.1 * DAY_MS


def test_what_came_meanwhile_gets_back_no_more_than_it_waited(machine: Machine) -> None:
    minute_with(machine, HEARD)
    days_without(machine, 6)
    machine.stored("P")
    before_ms = machine.package("P").hold_until_ms or 0
    machine.elapsed_ms += 2 * MINUTE_MS
    minute_with(machine, HEARD)
    assert (machine.package("P").hold_until_ms or 0) - before_ms <= 1.1 * DAY_MS


def test_holds_run_by_themselves_at_a_kiosk_without_server(machine: Machine) -> None:
    machine.stored("P")
    machine.alive(6)
    assert machine.status("P") == "EXPIRED"


def test_an_older_server_tells_nobody_and_stops_no_hold(machine: Machine) -> None:
    machine.stored("P")
    minute_with(machine, holds.Contact(0, None))
    before_ms = machine.package("P").hold_until_ms
    for ago in range(30):
        machine.elapsed_ms += 2 * MINUTE_MS
        minute_with(machine, holds.Contact(2 * MINUTE_MS * (ago + 1), None))
    assert not machine.do(holds.stand_still)
    assert machine.package("P").hold_until_ms == before_ms


def test_no_hold_runs_while_a_pause_keeps_people_out(machine: Machine) -> None:
    machine.stored("P")
    minute_with(machine, None)
    before_ms = machine.package("P").hold_until_ms or 0
    for _ in range(12):
        machine.elapsed_ms += DAY_MS // 12
        now = machine.now()
        machine.do(holds.stamp_alive, Reading(now.wall_ms, now.monotonic_ms, now.boot_id))
        machine.do(holds.tick, ZONE, None, is_closed=True)
    assert machine.do(holds.stand_still)
    minute_with(machine, None)
    assert (machine.package("P").hold_until_ms or 0) - before_ms >= DAY_MS
