"""A server, or who stands in its place, that answers a kiosk with numbers out of all range."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path

import pytest

from kiosk.model.clock import DAY_MS, Instant
from kiosk.model.location import Service
from kiosk.model.throttle import LOOK_AHEAD
from kiosk.server_link import LOOK_AHEAD_AFTER_MS, accepted_ahead
from kiosk.store import slots
from kiosk.sync.client import NEXT_SYNC_S, Identity, SyncClient
from kiosk.sync.contract import Status, SyncAnswer, read_message
from kiosk.sync.status import SyncStatus
from tests.support.central_server import LOCATION, Journal, wait_until

NOWHERE = Identity("https://server.example", LOCATION.id, "token", "00" * 32)
NUMBERS = ["NaN", "1e400", "-1e400", "1e300", "1e10", "-5", "0", "1e-300", "3600.5", "9" * 300]


class Answered(SyncClient):
    """A kiosk's client, with the server's answers put in its hands."""

    def __init__(self, journal: Journal, raw: str) -> None:
        status = Status(clock_ms=journal.clock.wall_ms)
        rng = random.Random(1)
        super().__init__(journal.store, LOCATION, NOWHERE, lambda: status, rng)
        self.raw, self.exchanges = raw, 0

    def _exchange(self, waiting: object) -> SyncAnswer:
        self.exchanges += 1
        head = self._store.submit(lambda writer: writer.head).result()
        acked = {"epoch": head.epoch, "seq": head.seq}
        text = f'{{"acked": {json.dumps(acked)}, "now_ms": 0, {self.raw}}}'
        return read_message(SyncAnswer, text.encode())


@pytest.mark.parametrize("number", NUMBERS)
def test_no_next_time_ends_the_sync_or_makes_it_ask_without_end(
    tmp_path: Path, number: str
) -> None:
    journal = Journal(tmp_path / "kiosk.db", threaded=True)
    client = Answered(journal, f'"next_sync_s": {number}')
    soonest_s, latest_s = NEXT_SYNC_S
    client.sync_once()
    assert soonest_s <= client.sync_once() <= latest_s
    with client:
        wait_until(lambda: client.exchanges >= 3)
        before = client.exchanges
        journal.do(slots.set_service, "3", Service.NO_DEPOSITS, "dirty", "staff:98")
        wait_until(lambda: client.exchanges > before)
        assert any(each.name == "sync" for each in threading.enumerate())
    journal.store.close()


@pytest.mark.parametrize(
    "wanted", ['"want_layout": true', '"want_after": {"epoch": "another", "seq": 0, "hash": ""}']
)
def test_who_always_wants_the_same_again_is_not_answered_without_a_pause(
    tmp_path: Path, wanted: str
) -> None:
    journal = Journal(tmp_path / "kiosk.db", threaded=True)
    client = Answered(journal, '"next_sync_s": 5')
    assert client.sync_once() == 5, "the layout goes with the first exchange"
    client.raw = f'"next_sync_s": 5, {wanted}'
    assert client.sync_once() == 0.0, "asked for once, it comes at once"
    assert client.sync_once() == 5
    assert client.sync_once() == 5
    journal.store.close()


@pytest.mark.parametrize("ahead_ms", [-400 * DAY_MS, 0, 400 * DAY_MS])
def test_no_wall_clock_decides_how_many_issues_of_a_code_count(ahead_ms: int) -> None:
    sync = SyncStatus(is_reached=True, last_ms=10 * DAY_MS, last_monotonic_ms=1_000)

    def after(elapsed_ms: int) -> int:
        wall_ms = 10 * DAY_MS + ahead_ms + elapsed_ms
        return accepted_ahead(sync, Instant(wall_ms, 1_000 + elapsed_ms, "one", True))

    assert after(LOOK_AHEAD_AFTER_MS - 1) == 0
    assert after(LOOK_AHEAD_AFTER_MS) == LOOK_AHEAD
    assert accepted_ahead(SyncStatus(), Instant(0, 0, "one", False)) == LOOK_AHEAD
