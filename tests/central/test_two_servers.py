"""Several server processes on one PostgreSQL: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.journals import Kiosk
from tests.support.two_servers import (
    LOCKED_PROBES,
    PROBES,
    Callers,
    Pair,
    both,
    faults_of,
    running,
    with_callers,
)

RATE = 40
TURNS = 15
ROUNDS = 10
CONTROLS_MAX = 8


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running(tmp_path_factory.mktemp("two")) as pair:
        yield pair


def test_what_comes_to_both_at_once_goes_right(pair: Pair) -> None:
    assert faults_of(PROBES, pair, ROUNDS) == {each.__name__: 0 for each in PROBES}
    assert pair.rows("SELECT * FROM quarantine") == []
    assert "Traceback" not in pair.log.read_text(encoding="utf-8")


def test_an_enrolment_token_that_comes_to_both_is_good_once(pair: Pair) -> None:
    async def enrol(callers: Callers) -> None:
        for number in range(ROUNDS):
            location = f"enrols-{number}"
            token = pair.enrolment_token(location)
            answers = await both(*(callers.enrol(at, location, token) for at in (0, 1)))
            assert sorted(answer.status_code for answer in answers) == [200, 401]

    with_callers(pair, pair.prepare(), enrol)


def test_a_keys_rate_holds_over_both_together(pair: Pair) -> None:
    async def ask(callers: Callers) -> None:
        begun_s = time.monotonic()
        answers = await asyncio.gather(*(callers.room(n % 2, "asked") for n in range(3 * RATE)))
        codes = Counter(answer.status_code for answer in answers)
        refilled = (time.monotonic() - begun_s) * RATE / 60
        assert RATE <= codes[200] <= RATE + refilled + 1, codes
        assert codes[200] + codes[429] == 3 * RATE

    pair.prepare("asked")
    with_callers(pair, pair.prepare(per_minute=RATE), ask)


def test_connections_that_are_killed_lose_nothing_and_nobody_notices(pair: Pair) -> None:
    kiosks = [Kiosk(f"killed-{number}") for number in range(4)]
    key = pair.prepare(*(kiosk.name for kiosk in kiosks))

    answered = 0

    async def work(callers: Callers, kiosk: Kiosk) -> None:
        nonlocal answered
        for turn in range(TURNS):
            answer = await callers.sync(turn % 2, kiosk.name, kiosk.request(5))
            assert answer.status_code == 200, answer.text
            assert answer.json()["acked"]["seq"] == kiosk.seq
            barcode = f"{kiosk.name}-{turn}"
            announced = await callers.announce(turn % 2, barcode, kiosk.name, barcode)
            assert announced.status_code == 201, announced.text
            answered += 2

    async def all_of_it(callers: Callers) -> None:
        at_work = asyncio.gather(*(work(callers, kiosk) for kiosk in kiosks))
        killed = before = 0
        while not at_work.done():
            # As often as something comes of what is begun again: nobody is held up for ever.
            if answered >= before + len(kiosks):
                before = answered
                killed += await asyncio.to_thread(pair.kill_connections)
            await asyncio.sleep(0.01)
        await at_work
        assert killed > TURNS

    with_callers(pair, key, all_of_it)
    for kiosk in kiosks:
        where = f"WHERE location = '{kiosk.name}'"
        assert pair.number(f"SELECT count(*) FROM event {where}") == kiosk.seq
        assert pair.number(f"SELECT count(*) FROM command {where}") == TURNS
        assert pair.number(f"SELECT count(*) FROM package {where} AND is_announced") == TURNS
    assert pair.rows("SELECT * FROM quarantine") == []


def test_a_commit_that_is_lost_is_done_again_or_is_said_to_be_unknown(pair: Pair) -> None:
    key = pair.prepare("lost")

    async def announce(callers: Callers) -> None:
        with pair.next_commit_lost("package"):
            unknown = await callers.announce(0, "without a key", "lost")
        assert unknown.status_code == 503, unknown.text
        assert unknown.json()["error"] == "outcome_unknown"
        with pair.next_commit_lost("package"):
            known = await callers.announce(0, "with a key", "lost", "key")
        assert known.status_code == 201, known.text
        with pair.next_commit_lost("event"):
            synced = await callers.sync(0, "lost", Kiosk("lost").request(3))
        assert synced.status_code == 200, synced.text

    with_callers(pair, key, announce)
    known = pair.rows("SELECT barcode FROM package WHERE location = 'lost' AND is_announced")
    assert known == [("with a key",)]
    assert pair.number("SELECT count(*) FROM event WHERE location = 'lost'") == 3


def test_without_the_locks_it_would_not(tmp_path: Path) -> None:
    """The negative control: what the probes look for is found."""
    missing = list(LOCKED_PROBES)
    with running(tmp_path, has_locks=False) as pair:
        for _ in range(CONTROLS_MAX):
            found = faults_of(missing, pair, ROUNDS)
            missing = [each for each in missing if not found[each.__name__]]
            if not missing:
                break
    assert missing == []
