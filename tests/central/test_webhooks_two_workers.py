"""Two servers on one PostgreSQL send to one receiver: each webhook once while nobody dies, at least
once when one does, and of one package one after the other."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.central_server import LOCATION, Journal, announce, wait_until
from tests.support.operators import obey, sync
from tests.support.two_servers import Pair
from tests.support.webhook_receiver import ReceiverProcess, receiver_process

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
HOOK = "pair"
STORY = ["package.announced", "package.deposited", "package.picked_up"]
PACKAGES = 24 if IS_NIGHTLY else 8


@pytest.fixture(scope="module")
def receiver() -> Iterator[ReceiverProcess]:
    with receiver_process() as found:
        yield found


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    with made.config.open("a", encoding="utf-8") as config:
        config.write('[webhooks]\naddresses = ["127.0.0.1"]\n')
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "kiosk.db")
    yield made
    made.store.close()


@dataclass
class At:
    """One of the servers."""

    url: str


class Sender:
    """A key whose packages are announced at the servers in turn; their kiosk comes to both, too."""

    def __init__(self, pair: Pair, receiver: ReceiverProcess, kiosk: Journal) -> None:
        self.pair, self.receiver, self.kiosk = pair, receiver, kiosk
        token = pair.enrolment_token(LOCATION.id)
        assert kiosk.enrol(At(pair.urls[0]), token).ok  # type: ignore[arg-type]
        self.headers = {"authorization": f"Bearer {pair.prepare()}"}
        body = {"url": receiver.url(HOOK), "events": ["package.*"]}
        url = f"{pair.urls[0]}/v1/webhooks"
        made = requests.post(url, json=body, headers=self.headers, timeout=30)
        assert made.status_code == 201, made.text
        receiver.tell(HOOK, secret=made.json()["secret"], mode="ok")
        feeds = "SELECT count(*) FROM location WHERE feeds = 'webhooks'"
        wait_until(lambda: pair.number(feeds) == 1)
        self.before = len(receiver.came(HOOK))

    def announce(self, number: int) -> str:
        at = At(self.pair.urls[number % 2])
        answer = announce(at, self.headers, f"B{number}")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def come_and_go(self, number: int, package: str) -> None:
        self.kiosk.put_in(f"B{number}")
        self.kiosk.take_out(package)
        self.kiosk.url = self.pair.urls[(number + 1) % 2]
        sync(self.kiosk)

    def came(self) -> list[dict[str, Any]]:
        return self.receiver.came(HOOK)[self.before :]

    def stories(self) -> dict[str, list[str]]:
        """What came of each package, in its order, each webhook where it came first."""
        found, seen = defaultdict[str, list[str]](list), set[str]()
        for each in self.came():
            if each["mode"] != "hang" and each["id"] not in seen:
                seen.add(each["id"])
                found[each["data"]["package"]].append(each["type"])
        return found


def leased(pair: Pair) -> list[Any]:
    """Which worker has what, and until when."""
    rows = "SELECT leased_by, id, leased_until_ms FROM notification WHERE status = 'leased'"
    return pair.rows(f"{rows} AND endpoint <> ''")


def test_two_workers_send_each_webhook_once_and_in_order(
    pair: Pair, receiver: ReceiverProcess, kiosk: Journal
) -> None:
    sender = Sender(pair, receiver, kiosk)
    receiver.tell(HOOK, mode="wait")
    ids = [sender.announce(number) for number in range(PACKAGES)]
    obey(kiosk)
    for number, package in enumerate(ids):
        sender.come_and_go(number, package)
    wait_until(lambda: len(sender.came()) > 0)
    # Both look for more meanwhile; what one has stays its own for longer than a lease takes.
    until_ms = max(row[2] for row in leased(pair))
    wait_until(lambda: max(row[2] for row in leased(pair)) > until_ms)
    waiting = [each["id"] for each in sender.came()]
    assert len(set(waiting)) == len(waiting)
    firsts = {each["data"]["package"]: each["type"] for each in sender.came()}
    assert set(firsts.values()) == {STORY[0]}, "the second of a package waits for its first"
    receiver.tell(HOOK, mode="ok")
    wait_until(lambda: all(sender.stories().get(each) == STORY for each in ids), 60)
    counts = Counter(each["id"] for each in sender.came())
    assert set(counts.values()) == {1}
    assert {each["problem"] for each in sender.came()} == {""}
    numbers = [each["data"]["sequence"] for each in sender.came()]
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + 3 * PACKAGES))
    assert (
        pair.number("SELECT count(*) FROM notification WHERE endpoint <> '' AND status <> 'sent'")
        == 0
    )
    assert "Traceback" not in pair.log.read_text(encoding="utf-8")


def test_what_a_worker_had_that_is_killed_goes_out_by_the_other(
    pair: Pair, receiver: ReceiverProcess, kiosk: Journal
) -> None:
    if not IS_NIGHTLY:
        pytest.skip("it takes as long as a lease does: nightly")
    sender = Sender(pair, receiver, kiosk)
    receiver.tell(HOOK, mode="hang")
    ids = [sender.announce(number) for number in range(PACKAGES)]
    wait_until(lambda: len(sender.came()) > 0)
    obey(kiosk)
    for number, package in enumerate(ids):
        sender.come_and_go(number, package)
    pair.processes[0].kill()
    pair.processes[0].wait()
    receiver.tell(HOOK, mode="ok")
    wait_until(lambda: all(sender.stories().get(each) == STORY for each in ids), 120)
