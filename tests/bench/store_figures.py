"""What the store costs: reservations, code checks, a hundred callers at once."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from kiosk.store import departures, intents
from kiosk.store.codes import Granted, check_code
from kiosk.store.deposits import begin_deposit
from kiosk.store.intents import IntentPurpose, IntentState
from tests.bench import bare
from tests.bench.figures import Figures, milliseconds, percentile, timed
from tests.bench.full_bank import LOCATION_KEY, FullBank, location_with

BANKS = (24, 1_000, 10_000)
LIVE_PACKAGES = (10, 300, 10_000)
CALLERS = 100
CONCURRENT_SLOTS = 150


@dataclass(frozen=True, slots=True)
class Effort:
    """How many samples of each figure."""

    reservations: int
    warm_up: int
    code_checks: int
    rounds: int
    """Of the hundred callers, by turns against the store and against bare SQLite."""
    stays_each: int
    """How many packages each caller puts in and fetches in a round."""


THOROUGH = Effort(reservations=1000, warm_up=1100, code_checks=2000, rounds=4, stays_each=6)
QUICK = Effort(reservations=20, warm_up=20, code_checks=50, rounds=1, stays_each=1)


def reservations(folder: Path, effort: Effort) -> Figures:
    """`reserve_ms`, `bare_commit_ms`, `reserve_vs_bare_commit` and `code_check_ms`.

    A reservation is a durable `begin_deposit` (a slot is chosen by `BestFit` and held, package,
    intent and journal line written), from the calling thread into the store's thread and back.
    About a fifth of the slots are free. Each is paired with a bare commit in the calling thread,
    just before it, on a second database beside the first, so that what the disk does meanwhile
    meets both. Between two pairs, untimed, the package is stored and fetched, so that the next
    reservation finds as many free slots, and another one first.
    """
    reserve: Figures = {}
    ratio: Figures = {}
    checks: Figures = {}
    bare_s: list[float] = []
    for slot_count in BANKS:
        bank = FullBank(
            folder / f"bank-{slot_count}.db", location_with(slot_count), Random(1), LOCATION_KEY
        )
        connection = bare.connect(folder / f"bare-{slot_count}.db")
        try:
            is_largest = slot_count == BANKS[-1]
            if is_largest:
                checks |= code_checks(bank, LIVE_PACKAGES[:-1], effort)
            bank.fill_to(slot_count * 9 // 10)
            bank.empty(slot_count // 10)
            pairs = _pairs(bank, partial(bare.commit_one, connection), effort)
            reserve_s, paired_s = zip(*pairs, strict=True)
            reserve[str(slot_count)] = milliseconds(reserve_s)
            ratio[str(slot_count)] = round(percentile(reserve_s, 50) / percentile(paired_s, 50), 2)
            bare_s += paired_s
            if is_largest:
                checks |= code_checks(bank, LIVE_PACKAGES[-1:], effort)
        finally:
            bank.close()
            connection.close()
    return {
        "reserve_ms": reserve,
        "bare_commit_ms": milliseconds(bare_s),
        "reserve_vs_bare_commit": ratio,
        "code_check_ms": checks,
    }


def _pairs(bank: FullBank, commit: Callable[[], None], effort: Effort) -> list[tuple[float, float]]:
    """Seconds of a reservation and of the bare commit before it."""
    for _ in range(effort.warm_up):
        # Until the log of either database has come round: a file that grows syncs more slowly.
        commit()
    pairs = []
    sizes = itertools.cycle("SML")
    for turn in itertools.count():
        request = bank.request(next(sizes))
        _, commit_s = timed(commit)
        deposit, reserve_s = timed(bank.reserve, request)
        if deposit is None:
            continue
        bank.store.submit(bank.stay_and_leave, deposit).result()
        if turn * 10 >= effort.warm_up:
            pairs.append((reserve_s, commit_s))
        if len(pairs) == effort.reservations:
            break
    return pairs


def code_checks(bank: FullBank, counts: tuple[int, ...], effort: Effort) -> Figures:
    """`code_check_ms`: a right code is checked, from the calling thread and back, at so many live
    packages in one and the same bank. Nothing is written, so no disk is in it."""
    figures: Figures = {}
    for count in counts:
        bank.fill_to(count)
        checks_s = []
        for _ in range(effort.code_checks):
            code = bank.rng.choice(bank.inside).code
            answer, check_s = timed(bank.do, check_code, bank.policy, code)
            assert isinstance(answer, Granted), f"a right code was not taken: {answer}"
            checks_s.append(check_s)
        figures[str(count)] = milliseconds(checks_s)
    return figures


# --- a hundred callers -----------------------------------------------------------------------


@dataclass
class _Tally:
    """What a hundred callers did."""

    operations_s: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0
    double_bookings: int = 0
    held: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, slot: str, package: str) -> None:
        with self.lock:
            self.double_bookings += slot in self.held
            self.held[slot] = package

    def release(self, slot: str) -> None:
        with self.lock:
            del self.held[slot]

    def add(self, operations_s: list[float]) -> None:
        with self.lock:
            self.operations_s += operations_s

    def figures(self) -> Figures:
        return {
            "operations_per_s": round(len(self.operations_s) / self.elapsed_s),
            "p50_ms": round(percentile(self.operations_s, 50) * 1000, 3),
            "p99_ms": round(percentile(self.operations_s, 99) * 1000, 3),
            "operations": len(self.operations_s),
        }


def concurrent(folder: Path, effort: Effort) -> Figures:
    """`concurrent_100` and `concurrent_100_bare`: a hundred threads at once, by turns.

    Each puts packages in and fetches them, in six operations: reserve, store, check the code,
    write the intent, write the door's outcome, fetch. An operation is one call of the store, with
    its own durable answer. In the bare run every operation appends as many rows as the store's
    writes (checking reads one), with nothing else around.
    """
    ours, theirs = _Tally(), _Tally()
    bank = FullBank(
        folder / "concurrent.db", location_with(CONCURRENT_SLOTS), Random(2), LOCATION_KEY
    )
    groups = bare.BareGroups(folder / "concurrent-bare.db")
    try:
        for _ in range(effort.rounds):
            _all_at_once(ours, lambda: _stays(bank, ours, effort.stays_each))
            _all_at_once(theirs, lambda: _bare_stays(groups, theirs, effort.stays_each))
        _require_nothing_lost(bank, effort)
    finally:
        bank.close()
        groups.close()
    return {
        "concurrent_100": ours.figures() | {"double_bookings": ours.double_bookings},
        "concurrent_100_bare": theirs.figures(),
    }


def _all_at_once(tally: _Tally, work: Callable[[], None]) -> None:
    failed: list[BaseException] = []
    together = threading.Barrier(CALLERS + 1)

    def call() -> None:
        together.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again on the main thread
            failed.append(error)

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    together.wait()
    begin_s = time.perf_counter()
    for thread in threads:
        thread.join()
    tally.elapsed_s += time.perf_counter() - begin_s
    if failed:
        raise failed[0]


def _stays(bank: FullBank, tally: _Tally, count: int) -> None:
    """One caller's packages, from the reservation until each is fetched."""
    took_s: list[float] = []
    for _ in range(count):
        request, intent = bank.request("S"), bank.new_id()
        deposit, reserve_s = timed(bank.do, begin_deposit, request, bank.location, bank.strategy)
        assert deposit is not None, "no slot was free, though there are more than callers"
        tally.hold(deposit.slot, deposit.package)
        inside, store_s = timed(bank.do, bank.stay, deposit)
        answer, check_s = timed(bank.do, check_code, bank.policy, inside.code)
        assert answer == Granted(inside.package, deposit.slot), f"{inside} was answered {answer}"
        purpose = IntentPurpose.PICKUP
        _, intend_s = timed(
            bank.do, intents.intend, intent, inside.slot, purpose, "customer", inside.package
        )
        _, outcome_s = timed(bank.do, intents.door_outcome, intent, IntentState.OPENED, "OPENED")
        # Let go just before: the slot may be another's as soon as the store has it free.
        tally.release(deposit.slot)
        _, fetch_s = timed(bank.do, departures.retrieve, inside.package, intent)
        took_s += [reserve_s, store_s, check_s, intend_s, outcome_s, fetch_s]
    tally.add(took_s)


ROWS_OF_OPERATIONS = (5, 4, 0, 2, 2, 4)
"""How many rows the store's six operations write: with the journal's, and in the same order."""


def _written(groups: bare.BareGroups, rows: int) -> None:
    groups.submit(rows).result()


def _bare_stays(groups: bare.BareGroups, tally: _Tally, count: int) -> None:
    took_s = []
    for _ in range(count):
        for rows in ROWS_OF_OPERATIONS:
            _, operation_s = timed(_written, groups, rows)
            took_s.append(operation_s)
    tally.add(took_s)


def _require_nothing_lost(bank: FullBank, effort: Effort) -> None:
    expected = CALLERS * effort.stays_each * effort.rounds
    found = bank.store.submit(
        lambda writer: writer.one(
            "SELECT count(*) AS gone, count(slot) AS held FROM package WHERE status = 'RETRIEVED'"
        )
    ).result()
    assert found == {"gone": expected, "held": 0}, f"{expected} stays, but {found}"
