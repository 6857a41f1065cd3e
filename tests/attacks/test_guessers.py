"""Guessers of PINs and badges at a kiosk, day and night, and the honest person beside each.

Long attacks are played against the real store by a clock that is moved by hand; what is said and
asked at the machine, by the flows.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from central.auth import Role as OperatorRole
from kiosk.flows.context import Policy
from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Refusal
from kiosk.flows.views.courier import ScanPackage
from kiosk.flows.views.customer import First
from kiosk.flows.views.service import ChooseReason, DoorPage, Doors, DoorsTested, Machine
from kiosk.flows.views.shared import Answer, Ask, DoorOpen, EnterPin, View
from kiosk.model import throttle
from kiosk.model.clock import DAY_MS, MINUTE_MS, Instant
from kiosk.model.person import Role, Staff, StaffSource
from kiosk.store import slots, staff, tries
from kiosk.store.store import Store
from kiosk.store.tries import Proof
from tests.support.central_server import LOCATION, Journal, Server
from tests.support.flow_site import LOCATION_KEY, Running
from tests.support.invariants import Witness
from tests.support.operators import Browser, sync
from tests.support.stories.people import have_stored
from tests.support.visits import fresh_kiosk

COURIER = Staff("12", "Kim", Role.COURIER, "471147", "KIMSBADGE", source=StaffSource.INIT)
OTHER = Staff("13", "Noa", Role.COURIER, "131313", source=StaffSource.INIT)
TECHNICIAN = Staff("98", "Sam", Role.TECHNICIAN, "808080", "SAMSBADGE", source=StaffSource.INIT)
LONGEST_MS = Policy().pin_wait_max_s * 1000
KIOSK_LONGEST_MS = throttle.kiosk_refill_ms(10_000)
BY_BADGE = Scanned("PKS:12:KIMSBADGE")
BY_SAMS_BADGE = Scanned("PKS:98:SAMSBADGE")
SAMS_PIN = Entered("98808080")


# --- day and night, at the store -----------------------------------------------------------------


@dataclass
class Clock:
    """Only hands move it; the wall clock may be wrong."""

    now_ms: int = 1_794_000_000_000
    ahead_ms: int = 0
    boot: str = "one"

    def now(self) -> Instant:
        wall_ms = self.now_ms + self.ahead_ms
        return Instant(wall_ms, self.now_ms, self.boot, self.ahead_ms == 0)

    def confirm(self) -> None:
        """It is as it is."""


class Desk:
    """A kiosk's store, and how sign-ins ask it: first whether to check, then what to count."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, Clock()
        self.open()

    def open(self) -> None:
        self.store = Store(self.folder / "kiosk.db", self.clock, random.Random(1), threaded=False)
        self.store.use_key(LOCATION_KEY)

    def wait_ms(self, number: str, proof: Proof = Proof.PIN) -> int:
        return self.store.submit(tries.sign_in_wait_ms, number, proof, LONGEST_MS).result()

    def wrong(self, number: str, proof: Proof = Proof.PIN) -> bool:
        """A wrong PIN; whether it was checked at all."""
        if self.wait_ms(number, proof):
            return False
        self.store.submit(tries.refuse_pin, number, proof, Role.COURIER).result()
        return True

    def right(self, number: str, proof: Proof = Proof.PIN) -> bool:
        if self.wait_ms(number, proof):
            return False
        self.store.submit(tries.forgive, number).result()
        return True

    def guess(self, numbers: list[str], hours: float, every_ms: int = 1_000) -> dict[str, int]:
        """Whenever a try is to be had, at these numbers in turn; how many were checked."""
        checked = dict.fromkeys(numbers, 0)
        until_ms = self.clock.now_ms + round(hours * 3_600_000)
        following = itertools.cycle(numbers)
        number = next(following)
        while self.clock.now_ms < until_ms:
            checked[number] += self.wrong(number)
            number = next(following)
            self.clock.now_ms += max(every_ms, self.wait_ms(number))
        return checked

    def events(self, kind: str) -> list[str]:
        rows = self.store.submit(
            lambda writer: writer.all("SELECT body FROM journal WHERE kind = ?", (kind,))
        ).result()
        return [str(row["body"]) for row in rows]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_a_guesser_of_one_persons_pin_gets_what_is_reckoned_and_operators_hear_of_it(
    desk: Desk,
) -> None:
    days = 3
    checked = desk.guess(["12"], 24 * days)["12"]
    assert checked <= throttle.pin_tries_a_year(LONGEST_MS) * days / 365
    alarms = desk.events("GUESSING_NOTICED")
    assert alarms
    assert all('"tried":"pin"' in each for each in alarms)
    assert len(alarms) <= 8 * days, "an alarm for each try would be no alarm"
    assert any('"number":"12","times":5' in each for each in alarms)


def test_who_is_guessed_at_waits_minutes_and_nobody_else_longer_than_two(desk: Desk) -> None:
    desk.guess(["12"], 30)
    assert desk.wait_ms("12") <= LONGEST_MS
    assert desk.wait_ms("13") <= KIOSK_LONGEST_MS
    desk.clock.now_ms += KIOSK_LONGEST_MS
    assert desk.right("13")
    assert desk.right("12", Proof.KNOWN), "whoever has a badge does not wait at all"
    desk.clock.now_ms += LONGEST_MS
    assert desk.right("12")
    assert desk.wait_ms("12") == 0


def test_a_guesser_of_every_number_is_slowed_by_the_kiosk_and_keeps_nobody_out(desk: Desk) -> None:
    hours = 30
    checked = sum(desk.guess([f"{number:02}" for number in range(100)], hours).values())
    assert checked <= throttle.kiosk_pin_tries_a_year() * hours / 24 / 365 + throttle.BUCKET_TRIES
    assert any('"times":20,"tried":"pin"' in each for each in desk.events("GUESSING_NOTICED"))
    for number in ("12", "13"):
        desk.clock.now_ms += LONGEST_MS
        assert desk.right(number)


def test_a_number_of_nobody_waits_as_one_of_somebody(desk: Desk) -> None:
    waits: dict[str, list[int]] = {"12": [], "77": []}
    desk.store.submit(staff.list_staff, [COURIER], StaffSource.INIT).result()
    for number in waits:
        desk.clock.now_ms += DAY_MS + 1
        for _ in range(9):
            assert desk.wrong(number)
            waits[number].append(desk.wait_ms(number))
            desk.clock.now_ms += waits[number][-1]
    assert waits["12"] == waits["77"]
    assert waits["12"][-1] == LONGEST_MS


def test_what_is_not_checked_is_not_counted(desk: Desk) -> None:
    while desk.wrong("12"):
        pass
    left_ms, refused = desk.wait_ms("12"), len(desk.events("STAFF_REFUSED"))
    for _ in range(26):
        desk.clock.now_ms += left_ms // 30
        assert not desk.wrong("12")
    assert len(desk.events("STAFF_REFUSED")) == refused
    desk.clock.now_ms += left_ms
    assert desk.right("12")


def test_who_mistypes_every_day_never_waits(desk: Desk) -> None:
    for _ in range(20):
        assert desk.wrong("12")
        assert desk.wrong("12")
        assert desk.right("12")
        desk.clock.now_ms += 20 * MINUTE_MS


def test_a_guesser_gains_nothing_by_pulling_the_plug_or_by_a_wrong_clock(desk: Desk) -> None:
    while desk.wrong("12"):
        pass
    before_ms = desk.wait_ms("12")
    desk.clock.ahead_ms = 400 * DAY_MS
    assert desk.wait_ms("12") == before_ms
    desk.clock.ahead_ms = -400 * DAY_MS
    assert desk.wait_ms("12") == before_ms
    desk.store.close()
    desk.clock.ahead_ms = 400 * DAY_MS + desk.clock.now_ms
    desk.clock.now_ms, desk.clock.boot = 0, "two"
    desk.open()
    assert desk.wait_ms("12") == before_ms
    # And the honest person who comes then waits no longer than that.
    desk.clock.now_ms += before_ms
    assert desk.right("12")


def test_many_bad_badges_fill_no_disk_and_alarm_operators(desk: Desk) -> None:
    for _ in range(900):
        desk.store.submit(tries.refuse_badge, "12").result()
        desk.clock.now_ms += 1_000
    assert len(desk.events("STAFF_REFUSED")) <= throttle.BUCKET_TRIES + 900 // 30
    assert any('"tried":"badge"' in each for each in desk.events("GUESSING_NOTICED"))
    assert desk.wait_ms("12") == desk.wait_ms("12", Proof.KNOWN) == 0


# --- at the machine ------------------------------------------------------------------------------


@asynccontextmanager
async def at_machine(folder: Path) -> AsyncIterator[Running]:
    async with fresh_kiosk(folder) as kiosk:
        people = (COURIER, OTHER, TECHNICIAN)
        await kiosk.kiosk.store.run(staff.list_staff, people, StaffSource.INIT)
        yield kiosk


async def wrong_pins(kiosk: Running, number: str, count: int) -> EnterPin:
    """So many wrong PINs at the keypad; what it shows then."""
    kiosk.player.do(Pressed(Choice.COURIER))
    view = await kiosk.player.until(EnterPin)
    for _ in range(count):
        kiosk.player.do(Entered(f"{number}000000"))
        view = await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
    return view


async def away(kiosk: Running) -> None:
    kiosk.player.do(Pressed(Choice.BACK))
    await kiosk.player.until(First)


async def test_a_good_badge_lets_in_while_the_pin_waits(tmp_path: Path) -> None:
    async with at_machine(tmp_path) as kiosk:
        view = await wrong_pins(kiosk, "12", 3)
        assert view.wait_s > 0
        kiosk.player.do(BY_BADGE)
        await kiosk.player.until(ScanPackage)


async def test_a_good_badge_lets_in_after_any_number_of_bad_ones(tmp_path: Path) -> None:
    async with at_machine(tmp_path) as kiosk:
        for _ in range(30):
            kiosk.player.do(Scanned("PKS:12:NOTHISBADGE"))
            await kiosk.player.until(Answer)
            kiosk.player.do(Pressed(Choice.DONE))
            await kiosk.player.until(First)
        kiosk.player.do(Pressed(Choice.SERVICE))
        assert (await kiosk.player.until(EnterPin)).wait_s == 0, "badges make no PIN wait"
        await away(kiosk)
        kiosk.player.do(BY_BADGE)
        await kiosk.player.until(ScanPackage)


async def test_others_sign_in_while_one_persons_pin_waits(tmp_path: Path) -> None:
    async with at_machine(tmp_path) as kiosk:
        await wrong_pins(kiosk, "12", 3)
        await away(kiosk)
        kiosk.player.do(Pressed(Choice.COURIER))
        assert (await kiosk.player.until(EnterPin)).wait_s == 0
        kiosk.player.do(Entered("13131313"))
        assert (await kiosk.player.until(ScanPackage)).name == "Noa"


@pytest.mark.parametrize("typed", ["", "12", "12471", "124711471", "124711x7", "١٢٤٧١١٤٧"])
async def test_what_cannot_be_a_pin_is_neither_checked_nor_counted(
    tmp_path: Path, typed: str
) -> None:
    async with at_machine(tmp_path) as kiosk:
        kiosk.player.do(Pressed(Choice.COURIER))
        await kiosk.player.until(EnterPin)
        for _ in range(12):
            kiosk.player.do(Entered(typed))
            view = await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
            assert view.wait_s == 0
        kiosk.player.do(Entered("12471147"))
        await kiosk.player.until(ScanPackage)


@pytest.mark.parametrize("asked", [None, Choice.SERVICE, Choice.COURIER])
async def test_a_photographed_badge_of_a_technician_opens_nothing(
    tmp_path: Path, asked: Choice | None
) -> None:
    async with at_machine(tmp_path) as kiosk:
        if asked is not None:
            kiosk.player.do(Pressed(asked))
            await kiosk.player.until(EnterPin)
        for _ in range(5):
            kiosk.player.do(BY_SAMS_BADGE)
            view = await kiosk.player.until(EnterPin, lambda view: view.after_badge)
        assert view.wait_s == 0
        kiosk.player.do(Entered("98000000"))
        await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
        # The technician has the PIN, too.
        kiosk.player.do(SAMS_PIN)
        await kiosk.player.until(ScanPackage if asked is Choice.COURIER else Doors)


async def _every_door(kiosk: Running) -> type[View]:
    kiosk.player.do(Pressed(Choice.MACHINE))
    await kiosk.player.until(Machine)
    kiosk.player.do(Pressed(Choice.OPEN_ALL))
    await kiosk.player.until(Ask)
    kiosk.player.do(Pressed(Choice.YES))
    return DoorsTested


async def _the_time(kiosk: Running) -> type[View]:
    kiosk.world.clock.is_trusted = False
    kiosk.player.do(Pressed(Choice.MACHINE))
    await kiosk.player.until(Machine)
    kiosk.player.do(Pressed(Choice.TIME_IS_RIGHT))
    return Machine


def _at_a_package(choice: Choice, then: type[View]) -> Callable[[Running], Awaitable[type[View]]]:
    async def act(kiosk: Running) -> type[View]:
        records = await kiosk.kiosk.store.run(slots.records)
        kiosk.player.do(Chosen(next(each.label for each in records if each.package)))
        await kiosk.player.until(DoorPage)
        kiosk.player.do(Pressed(choice))
        return then

    return act


DANGEROUS = {
    "all doors": _every_door,
    "the time": _the_time,
    "a door with a package": _at_a_package(Choice.OPEN_DOOR, DoorOpen),
    "moving a package": _at_a_package(Choice.MOVE_PACKAGE, Ask),
    "taking a package out": _at_a_package(Choice.TAKE_OUT, ChooseReason),
    "another code": _at_a_package(Choice.REISSUE_CODE, DoorPage),
}


@pytest.mark.parametrize("name", DANGEROUS)
async def test_what_is_dangerous_asks_for_the_pin_and_no_scan_answers(
    tmp_path: Path, name: str
) -> None:
    async with at_machine(tmp_path) as kiosk:
        await have_stored(kiosk, Witness())
        await kiosk.player.until(First)
        kiosk.player.do(BY_SAMS_BADGE)
        await kiosk.player.until(EnterPin)
        kiosk.player.do(SAMS_PIN)
        await kiosk.player.until(Doors)
        pulses, kiosk.site.steel.close_after_s = kiosk.world.pulses, 1.0
        then = await DANGEROUS[name](kiosk)
        await kiosk.player.until(EnterPin, lambda view: view.again)
        for wrong in (BY_SAMS_BADGE, Entered("13131313"), Entered("98000000")):
            kiosk.player.do(wrong)
        await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
        assert kiosk.world.pulses == pulses
        kiosk.player.do(SAMS_PIN)
        await kiosk.player.until(then)
        if then is Ask:
            kiosk.player.do(Pressed(Choice.YES))
            await kiosk.player.until(DoorPage)


@pytest.mark.parametrize("guessed", ["98", "77"])
async def test_a_guesser_at_the_keypad_keeps_no_technician_from_their_work(
    tmp_path: Path, guessed: str
) -> None:
    async with at_machine(tmp_path) as kiosk:
        await have_stored(kiosk, Witness())
        await kiosk.player.until(First)
        for _ in range(12):
            await kiosk.kiosk.store.run(tries.refuse_pin, guessed, Proof.PIN, None)
        kiosk.player.do(BY_SAMS_BADGE)
        await kiosk.player.until(EnterPin)
        kiosk.player.do(SAMS_PIN)
        await kiosk.player.until(Doors)
        await DANGEROUS["a door with a package"](kiosk)
        assert (await kiosk.player.until(EnterPin, lambda view: view.again)).wait_s == 0
        kiosk.player.do(SAMS_PIN)
        await kiosk.player.until(DoorOpen)


async def test_who_guesses_within_a_session_waits_and_its_owner_does_not(tmp_path: Path) -> None:
    async with at_machine(tmp_path) as kiosk:
        await have_stored(kiosk, Witness())
        await kiosk.player.until(First)
        kiosk.player.do(Pressed(Choice.SERVICE))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(SAMS_PIN)
        await kiosk.player.until(Doors)
        await DANGEROUS["a door with a package"](kiosk)
        for _ in range(3):
            await kiosk.player.until(EnterPin, lambda view: view.again)
            kiosk.player.do(Entered("98000000"))
        assert (await kiosk.player.until(EnterPin, lambda view: view.wait_s > 0)).again
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(DoorPage)
        kiosk.player.do(Pressed(Choice.OPEN_DOOR))
        view = await kiosk.player.until(EnterPin, lambda view: view.again)
        assert view.wait_s > 0, "going back and forth gives no try"
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(DoorPage)
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(Doors)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        kiosk.player.do(Pressed(Choice.SERVICE))
        assert (await kiosk.player.until(EnterPin)).wait_s == 0
        kiosk.player.do(SAMS_PIN)
        await kiosk.player.until(Doors)
        await DANGEROUS["a door with a package"](kiosk)
        assert (await kiosk.player.until(EnterPin, lambda view: view.again)).wait_s == 0


async def test_a_good_qr_code_is_not_called_wrong_while_others_wait(tmp_path: Path) -> None:
    async with at_machine(tmp_path) as kiosk:
        slot = await have_stored(kiosk, Witness())
        await kiosk.player.until(First)
        for number in range(throttle.BUCKET_TRIES + 1):
            kiosk.player.do(Scanned(f"PK1:demo:{number:09}"))
            answer = await kiosk.player.until(Answer)
            kiosk.player.do(Pressed(Choice.DONE))
            await kiosk.player.until(First)
        assert answer.refused is not None
        assert answer.refused.reason is Refusal.WAIT
        await asyncio.sleep(int(answer.refused.detail))
        kiosk.player.do(Scanned(f"PK1:demo:{await kiosk.code_of('P')}"))
        assert (await kiosk.player.until(DoorOpen)).slot == slot


# --- at the server -------------------------------------------------------------------------------


def test_operators_are_alarmed_by_who_guesses_and_by_nobody_else(
    server: Server, kiosk: Journal
) -> None:
    for _ in range(throttle.ALARM_AT[0] - 1):
        kiosk.do(tries.refuse_pin, "12", Proof.PIN, None)
    sync(kiosk)
    assert server.alarms() == []
    kiosk.do(tries.refuse_pin, "12", Proof.PIN, None)
    sync(kiosk)
    assert server.alarms() == ["alarm:guessing"]
    page = Browser(server, OperatorRole.VIEWER).get("").text
    assert "guessing" in page.lower()
    assert f"{LOCATION.id} 12" in page
