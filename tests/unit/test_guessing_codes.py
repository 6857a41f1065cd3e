"""A guesser at full speed for a year, at the keypad and at the scanner: how many packages open.

The guesser knows everything but the location's key and the phone numbers. Two ways are the best
there are. *Full speed* takes every try that the bucket gives back; the phone's digits are asked
from the twenty-first on, of right and wrong codes alike. *Patient* stops before that, every day
again. The expectation is exact; that the store behaves as it says is played against the store.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kiosk.model.allocation import FirstAvailable
from kiosk.model.clock import DAY_MS, Instant
from kiosk.model.location import Location, Locker, Rectangle, Size, Slot
from kiosk.model.package import Package
from kiosk.model.person import Recipient
from kiosk.model.pickup_code import SECRET_DIGITS, hotp, locator_digits, make_code, package_key
from kiosk.model.throttle import BUCKET_TRIES, KIOSK_WRONG_A_DAY, NO_PHONE_INTERVAL_MS, REFILL_MS
from kiosk.store import codes, departures, deposits, intents, packages, slots
from kiosk.store.codes import CodePolicy, Granted, NeedsPhone, NotKnown, Story, Wait
from kiosk.store.deposits import DepositRequest
from kiosk.store.intents import IntentPurpose
from kiosk.store.packages import Announcement
from kiosk.store.store import Store
from tests.support.flow_site import LOCATION_KEY
from tests.support.present import present

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
LIMIT = 0.01
YEAR_DAYS = 365
FULL = 0.75
WITHOUT_PHONE = 0.1
"""The share of packages for which no phone is known."""
PHONE_SPACE = 10**4
CHANNELS = ("typed", "scanned")


@dataclass
class HandClock:
    """A clock that only hands move."""

    now_ms: int = 1_794_000_000_000
    ahead_ms: int = 0
    """By how much the wall clock is wrong."""
    boot: str = "attack"

    def now(self) -> Instant:
        wall_ms = self.now_ms + self.ahead_ms
        return Instant(wall_ms, self.now_ms, self.boot, self.ahead_ms == 0)

    def confirm(self) -> None:
        """It is always believed."""


def location_with(slot_count: int) -> Location:
    door = Rectangle(0, 1500, 400, 300)
    return Location(
        id="bank",
        name="Bank",
        address="Street 1",
        time_zone="Europe/Berlin",
        languages=("en",),
        help_phone="",
        sizes=(Size("S", 400, 100, 500, 2),),
        lockers=(Locker("A", Rectangle(0, 0, 1000, 2000)),),
        slots=tuple(
            Slot(str(number), "A", "S", "a", 1 + number, door) for number in range(slot_count)
        ),
        screen=Rectangle(0, 0, 300, 300),
    )


class Bank:
    """A store whose bank is 75 % full, with turnover."""

    def __init__(self, folder: Path, slot_count: int, seed: int, phone: float) -> None:
        self.clock = HandClock()
        self.rng = random.Random(seed)
        self.phone = phone
        self.location = location_with(slot_count)
        self.policy = CodePolicy(LOCATION_KEY, slot_count)
        self.store = Store(folder / "kiosk.db", self.clock, self.rng, threaded=False)
        self.store.use_key(LOCATION_KEY)
        self.store.submit(slots.configure, self.location).result()
        self.live: list[Package] = []
        self.made = 0
        for _ in range(int(slot_count * FULL)):
            self.put_in()

    def put_in(self) -> None:
        self.made += 1
        name, has_phone = f"package-{self.made}", self.rng.random() < self.phone
        phone = f"+49171{self.rng.randrange(10**7):07d}" if has_phone else ""
        recipient = Recipient(f"person-{self.made}", "Ada", phone)
        self.store.submit(packages.announce, Announcement(name, name, "S", recipient)).result()
        request = DepositRequest(name, name, "S", f"in-{name}", "staff:11")
        deposit = self.store.submit(
            deposits.begin_deposit, request, self.location, FirstAvailable()
        ).result()
        assert deposit is not None
        self.live.append(
            self.store.submit(deposits.store_package, deposit, self.location, 5, self.rng).result()
        )

    def take_out(self) -> Package:
        package = self.live.pop(self.rng.randrange(len(self.live)))
        intent = f"out-{package.id}"
        self.store.submit(
            intents.intend,
            intent,
            present(package.slot),
            IntentPurpose.PICKUP,
            "customer",
            package.id,
        ).result()
        self.store.submit(departures.retrieve, package.id, intent).result()
        return package

    def turn_over(self, count: int) -> None:
        for _ in range(count):
            self.take_out()
            self.put_in()

    def check(self, code: str, how: str, phone: str | None = None) -> codes.CodeAnswer:
        return self.store.submit(
            codes.check_code, self.policy, code, scanned=how == "scanned", phone_digits=phone
        ).result()

    def code_of(self, package: Package) -> str:
        assert package.locator is not None
        return make_code(LOCATION_KEY, package.id, package.locator, package.code_counter)

    def wrong_code(self) -> str:
        """A code that opens nothing, of a locator that is in use."""
        package = self.rng.choice(self.live)
        code = self.code_of(package)
        return code[:3] + f"{(int(code[3:]) + 1 + self.rng.randrange(900_000)) % 10**6:06d}"

    def phone_of(self, package: Package) -> str:
        found = self.store.submit(packages.recipient_of, package.id).result()
        return "" if found is None else found.phone_digits


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    bank = Bank(tmp_path, 12, 7, phone=1.0)
    yield bank
    bank.store.close()


# --- the expectation -----------------------------------------------------------------------------


def tries_a_year() -> int:
    """What the bucket gives a guesser in a year."""
    return BUCKET_TRIES + YEAR_DAYS * DAY_MS // REFILL_MS


def expected_opened(slot_count: int) -> dict[str, float]:
    """Packages opened in a year through one channel, by the guesser's way.

    Of a guess at random the probability is the number of live packages over the number of codes,
    whatever the turnover: a guess is against who is inside at that moment.
    """
    live = slot_count * FULL
    code_space = 10 ** (locator_digits(slot_count) + SECRET_DIGITS)
    right, with_phone = live / code_space, 1 - WITHOUT_PHONE
    free_tries = KIOSK_WRONG_A_DAY + 1
    asked = tries_a_year() - free_tries
    slow = YEAR_DAYS * (DAY_MS // NO_PHONE_INTERVAL_MS)
    return {
        # It never heals while the guesser goes on: without a phone on file nothing opens.
        "full speed": right * (free_tries + asked * with_phone / PHONE_SPACE),
        "patient": right * free_tries * YEAR_DAYS,
        # One try in ten minutes opens what has no phone on file, and the rest by luck.
        "ten minutes": right * (free_tries + slow * (WITHOUT_PHONE + with_phone / PHONE_SPACE)),
    }


@pytest.mark.parametrize("slot_count", [40, 400])
def test_a_guesser_opens_less_than_a_hundredth_of_a_package_in_a_year(
    slot_count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    by_way = expected_opened(slot_count)
    with capsys.disabled():
        for way, expected in by_way.items():
            print(
                f"\na bank of {slot_count}, {way}: {expected:.5f} packages a year by typing,"
                f" {expected:.5f} by scanning, {2 * expected:.5f} by both",
                end="",
            )
    assert all(2 * expected < LIMIT for expected in by_way.values())


# --- that the store is as the expectation says ---------------------------------------------------


@dataclass
class Tally:
    """What a guesser got."""

    checked: int = 0
    free: int = 0
    """Tries that would have opened the door if the code had been right."""
    asked: int = 0


def guess(bank: Bank, how: str, hours: int, every_ms: int, a_day: int | None) -> Tally:
    """A guesser for so many hours: whenever a try is to be had, at most `a_day` in 24 hours."""
    tally, began_ms = Tally(), bank.clock.now_ms
    today: list[int] = []
    while bank.clock.now_ms - began_ms < hours * 3_600_000:
        now_ms = bank.clock.now_ms
        today = [at_ms for at_ms in today if at_ms > now_ms - DAY_MS]
        if a_day is not None and len(today) >= a_day:
            bank.clock.now_ms = today[0] + DAY_MS
            continue
        answer = bank.check(bank.wrong_code(), how)
        is_asked = isinstance(answer, NeedsPhone)
        if is_asked:
            answer = bank.check(bank.wrong_code(), how, f"{bank.rng.randrange(10**4):04d}")
        if isinstance(answer, Wait):
            bank.clock.now_ms += max(1, answer.wait_ms)
            continue
        assert isinstance(answer, NotKnown)
        today.append(now_ms)
        tally.checked += 1
        tally.asked += is_asked
        tally.free += not is_asked
        bank.clock.now_ms += every_ms
        if tally.checked % 100 == 0:
            bank.turn_over(2)
    return tally


HOURS = 24 * YEAR_DAYS if IS_NIGHTLY else 5


@pytest.mark.parametrize("how", CHANNELS)
@pytest.mark.parametrize("slot_count", [40, 400])
def test_at_full_speed_the_bucket_gives_what_is_reckoned(
    tmp_path: Path, how: str, slot_count: int
) -> None:
    bank = Bank(tmp_path, slot_count, 3, phone=0.9)
    tally = guess(bank, how, HOURS, every_ms=0, a_day=None)
    # Some of the tries fall on one package: then its digits are asked before the kiosk's are.
    assert tally.free <= KIOSK_WRONG_A_DAY + 1
    assert tally.checked <= BUCKET_TRIES + 1 + HOURS * 3_600_000 // REFILL_MS
    assert tally.asked == tally.checked - tally.free
    bank.store.close()


@pytest.mark.parametrize("how", CHANNELS)
def test_a_patient_guesser_has_the_free_tries_of_each_day_and_no_more(
    tmp_path: Path, how: str
) -> None:
    bank = Bank(tmp_path, 40, 4, phone=0.9)
    days = 20
    tally = guess(bank, how, 24 * days, every_ms=60_000, a_day=KIOSK_WRONG_A_DAY + 1)
    assert tally.free <= (KIOSK_WRONG_A_DAY + 1) * (days + 1)
    bank.store.close()


def test_guessed_codes_open_as_often_as_the_count_of_live_packages_says(tmp_path: Path) -> None:
    """Where secrets are few, so that luck shows: the codes of a bank among all there could be."""
    bank = Bank(tmp_path, 40, 5, phone=0.0)
    right = {bank.code_of(package) for package in bank.live}
    assert len(right) == 30
    rounds, found = 200_000, 0
    rng = random.Random(9)
    locators = [package.locator for package in bank.live]
    keys = {package.locator: package_key(LOCATION_KEY, package.id) for package in bank.live}
    for _ in range(rounds):
        locator = f"{rng.randrange(1000):03d}"
        if locator in keys:
            found += hotp(keys[locator], 1)[-2:] == f"{rng.randrange(100):02d}"
    assert len(set(locators)) == 30
    expected = rounds * 30 / 1000 / 100
    assert abs(found - expected) < 5 * expected**0.5
    bank.store.close()


# --- under attack nothing tells a right code from a wrong one ------------------------------------


def attack(bank: Bank, how: str) -> None:
    """Wrong codes until the phone's digits are asked of every code."""
    for _ in range(KIOSK_WRONG_A_DAY + 1):
        answer = bank.check(bank.wrong_code(), how)
        if isinstance(answer, NeedsPhone):
            answer = bank.check(bank.wrong_code(), how, "0000")
        assert isinstance(answer, NotKnown)
        bank.clock.now_ms += REFILL_MS
    assert bank.check(bank.wrong_code(), how) == NeedsPhone()


@pytest.mark.parametrize("how", CHANNELS)
def test_under_attack_a_right_code_looks_like_a_wrong_one(bank: Bank, how: str) -> None:
    attack(bank, how)
    bank.clock.now_ms += 10 * REFILL_MS
    right, wrong = bank.code_of(bank.live[0]), bank.wrong_code()
    assert bank.check(right, how) == bank.check(wrong, how) == NeedsPhone()
    unused = f"{(int(bank.phone_of(bank.live[0])) + 1) % 10**4:04d}"
    assert bank.check(right, how, unused) == bank.check(wrong, how, unused)


@pytest.mark.parametrize("how", CHANNELS)
def test_under_attack_the_owner_gets_the_package_with_the_phones_digits(
    bank: Bank, how: str
) -> None:
    attack(bank, how)
    bank.clock.now_ms += 10 * REFILL_MS
    package = bank.live[0]
    answer = bank.check(bank.code_of(package), how, bank.phone_of(package))
    assert answer == Granted(package.id, package.slot or "")


def test_an_attack_at_the_keypad_leaves_the_scanner_as_it_was(bank: Bank) -> None:
    attack(bank, "typed")
    assert isinstance(bank.check(bank.code_of(bank.live[0]), "scanned"), Granted)


def test_an_attack_at_the_scanner_leaves_the_keypad_as_it_was(bank: Bank) -> None:
    attack(bank, "scanned")
    # Not one of those at which the guesser aimed: against those the digits are asked for a day.
    bank.put_in()
    assert isinstance(bank.check(bank.code_of(bank.live[-1]), "typed"), Granted)


def test_the_attack_is_over_a_day_after_its_last_try(bank: Bank) -> None:
    attack(bank, "typed")
    bank.clock.now_ms += DAY_MS + 1
    assert isinstance(bank.check(bank.code_of(bank.live[0]), "typed"), Granted)


def test_a_package_with_no_phone_opens_once_ten_minutes_went_without_a_wrong_try(
    tmp_path: Path,
) -> None:
    bank = Bank(tmp_path, 12, 8, phone=0.0)
    attack(bank, "typed")
    code = bank.code_of(bank.live[0])
    bank.clock.now_ms += REFILL_MS
    assert isinstance(bank.check(code, "typed", "0000"), NotKnown)
    bank.clock.now_ms += NO_PHONE_INTERVAL_MS
    assert isinstance(bank.check(code, "typed", "0000"), Granted)
    bank.store.close()


def test_the_counters_survive_the_end_of_the_process(bank: Bank, tmp_path: Path) -> None:
    attack(bank, "typed")
    bank.store.close()
    bank.store = Store(tmp_path / "kiosk.db", bank.clock, bank.rng, threaded=False)
    bank.store.use_key(LOCATION_KEY)
    assert bank.check(bank.code_of(bank.live[0]), "typed") == NeedsPhone()


def test_the_code_of_a_finished_package_tells_its_story_and_opens_nothing(bank: Bank) -> None:
    package = bank.take_out()
    code = bank.code_of(package)
    bank.clock.now_ms += bank.policy.reopen_ms + 1
    for _ in range(30):
        for how in CHANNELS:
            answer = bank.check(code, how)
            assert isinstance(answer, Story)
            assert answer.status == "RETRIEVED"
    for _ in range(40):
        bank.turn_over(1)
        answer = bank.check(code, "scanned")
        assert not isinstance(answer, Granted)
    assert isinstance(bank.check(bank.code_of(bank.live[0]), "typed"), Granted)


@pytest.mark.parametrize("how", CHANNELS)
def test_a_clock_that_is_set_back_locks_nobody_out(bank: Bank, how: str) -> None:
    bank.clock.ahead_ms = 40 * DAY_MS
    attack(bank, how)
    while not isinstance(bank.check(bank.wrong_code(), how, "0000"), Wait):
        pass
    bank.clock.ahead_ms = 0
    bank.check(bank.wrong_code(), how)
    bank.clock.now_ms += REFILL_MS
    assert isinstance(bank.check(bank.wrong_code(), how, "0000"), NotKnown)
    bank.clock.now_ms += DAY_MS
    assert isinstance(bank.check(bank.code_of(bank.live[0]), how), Granted)


@pytest.mark.parametrize("how", CHANNELS)
@pytest.mark.parametrize("boot", ["attack", "another"])
def test_a_clock_that_jumps_ahead_forgives_a_guesser_nothing(
    bank: Bank, how: str, boot: str
) -> None:
    attack(bank, how)
    while not isinstance(bank.check(bank.wrong_code(), how, "0000"), Wait):
        pass
    bank.clock.ahead_ms, bank.clock.boot = 40 * DAY_MS, boot
    if boot != "attack":
        bank.clock.ahead_ms += bank.clock.now_ms
        bank.clock.now_ms = 1_000  # the kiosk has just started
    assert isinstance(bank.check(bank.wrong_code(), how, "0000"), Wait)
    bank.clock.now_ms += REFILL_MS
    assert bank.check(bank.code_of(bank.live[0]), how) == NeedsPhone()


def test_an_old_code_is_answered_while_others_wait_and_a_guesser_pays_for_each_he_tries(
    bank: Bank,
) -> None:
    old = bank.code_of(bank.take_out())
    bank.clock.now_ms += bank.policy.reopen_ms + 1
    while not isinstance(bank.check(bank.wrong_code(), "scanned"), Wait):
        pass
    # Whoever only forgot that it was fetched hears so, as often as they like.
    assert all(isinstance(bank.check(old, "scanned"), Story) for _ in range(50))
    live = bank.code_of(bank.live[0])
    for code in (bank.wrong_code(), live, bank.wrong_code(), live):
        assert isinstance(bank.check(code, "scanned"), Wait)
    # By now nothing is looked at any more: old codes are no better found than others.
    assert isinstance(bank.check(old, "scanned"), Wait)
    bank.clock.now_ms += REFILL_MS
    assert isinstance(bank.check(old, "scanned"), Story)
    assert isinstance(bank.check(live, "scanned"), Granted)
