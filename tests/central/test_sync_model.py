"""Thousands of exchanges of many kiosks with one server, by chance from a seed: whatever is lost,
doubled or late on the way, at quiet both sides know the same, and each wish was answered once.

Client and server are the real ones; between them is no network, so that thousands take seconds.
"""

from __future__ import annotations

import gzip
import os
import random
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from centre import LOCATION, Journal, Server
from pydantic import ValidationError
from requests.adapters import BaseAdapter

from central import schema
from central.errors import RequestError
from central.packages import service as packages_service
from central.sync import service
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import Status, SyncRequest

SEEDS = 3000 if os.environ.get("TEST_BUDGET") == "nightly" else 25
STEPS = 60
FAULTS = ("none", "none", "lost request", "lost answer", "doubled", "late", "cut answer")


class NoNetwork(BaseAdapter):
    """Hands a request to the server's own function, with the faults that a network has."""

    def __init__(self, server: Server, token: str, chance: random.Random) -> None:
        super().__init__()
        self.server, self.token, self.chance = server, token, chance
        self.is_well = False
        self.held: list[tuple[str, SyncRequest]] = []
        self.happened: Counter[str] = Counter()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        assert request.url is not None
        assert isinstance(request.body, bytes)
        zipped = request.headers.get("content-encoding") == "gzip"
        body = gzip.decompress(request.body) if zipped else request.body
        location = request.url.split("/")[5]
        message = SyncRequest.model_validate_json(body)
        fault = "none" if self.is_well else self.chance.choice(FAULTS)
        self.happened[fault] += 1
        if fault in ("lost request", "late"):
            if fault == "late":
                self.held.append((location, message))
            raise requests.ConnectionError("it is gone")
        answer = self.deliver(location, message)
        if fault == "doubled":
            answer = self.deliver(location, message)
        if fault == "lost answer":
            raise requests.ConnectionError("the answer is gone")
        return _response(answer[: len(answer) // 2] if fault == "cut answer" else answer)

    def deliver(self, location: str, message: SyncRequest) -> bytes:
        central = self.server.central
        answer = self.server.write(service.sync, central, location, self.token, message)
        return bytes(answer.model_dump_json().encode())

    def let_go(self) -> None:
        """What was held up arrives after all, long after it was given up."""
        for location, message in self.held:
            self.deliver(location, message)
        self.held.clear()

    def close(self) -> None:
        return


def _response(body: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code, response.raw = 200, BytesIO(body)
    return response


class Pair:
    """One kiosk and what happens to it, and between it and the server."""

    def __init__(self, server: Server, folder: Path, seed: int) -> None:
        self.server, self.chance = server, random.Random(seed)
        self.journal = Journal(folder / f"{seed}.db", replace(LOCATION, id=f"L{seed}"), seed)
        assert self.journal.enrol(server, server.add_location(f"L{seed}")).ok
        identity = Identity("http://centre", f"L{seed}", self.journal.token, "")
        self.ticks = 0
        self.network = NoNetwork(server, self.journal.token, self.chance)
        self.client = SyncClient(
            self.journal.store, self.journal.location, identity, self.status, self.chance
        )
        self.client._session.mount("http://", self.network)
        self.inside: list[str] = []

    def status(self) -> Status:
        self.ticks += 1
        return Status(boot_id="boot", monotonic_ms=self.ticks)

    def step(self, number: int) -> None:
        """Something happens, or the two talk."""
        match self.chance.randrange(8):
            case 0 | 1:
                self.inside.append(self.journal.put_in(f"P{number}"))
            case 2 if self.inside:
                place = self.chance.randrange(len(self.inside))
                self.journal.take_out(self.inside.pop(place))
            case 3:
                self.wish()
            case 4:
                self.network.let_go()
            case _:
                self.exchange()

    def wish(self) -> None:
        """An operator keeps a package longer, where the server knows one."""
        held = [row.id for row in self.packages() if row.status == "STORED"]
        if not held:
            return
        package = self.chance.choice(held)
        try:
            central = self.server.central
            self.server.write(packages_service.extend, central, "op", package, 1, None)
        except RequestError as error:
            assert error.code == "too_long"

    def exchange(self) -> bool:
        try:
            return self.client.sync_once() > 0
        except (requests.RequestException, ValidationError):
            return False

    def come_to_rest(self) -> None:
        self.network.is_well = True
        self.network.let_go()
        for _ in range(50):
            if self.exchange() and not any(row.state == "QUEUED" for row in self.wishes()):
                return
        raise AssertionError("the two never came to rest")

    def rows(self, table: Any) -> list[Any]:
        """What the server holds of this location."""
        mine = table.select().where(table.c.location == self.journal.location.id)
        return self.server.central.database.read(lambda c: c.execute(mine).all())

    def packages(self) -> list[Any]:
        return self.rows(schema.package)

    def wishes(self) -> list[Any]:
        return self.rows(schema.command)

    def require_equal(self) -> None:
        rows = self.rows(schema.event)
        mine = self.journal.events()
        assert [row.hash for row in sorted(rows, key=lambda row: row.seq)] == [e.hash for e in mine]
        stored = sorted(row.id for row in self.packages() if row.status == "STORED")
        assert stored == sorted(self.inside)
        answered = Counter(e.body for e in mine if e.kind == "COMMAND_APPLIED")
        assert all(times == 1 for times in answered.values())
        assert len(answered) == len(self.wishes())


@pytest.mark.timeout(0)
def test_whatever_happens_between_them_kiosk_and_server_agree_at_quiet(
    server: Server, tmp_path: Path
) -> None:
    happened: Counter[str] = Counter()
    for seed in range(SEEDS):
        pair = Pair(server, tmp_path, seed)
        try:
            for number in range(STEPS):
                pair.step(number)
            pair.come_to_rest()
            pair.require_equal()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        finally:
            pair.journal.store.close()
        happened += pair.network.happened
    assert server.alarms() == []
    assert all(happened[fault] > 5 for fault in FAULTS), happened


def test_a_client_that_takes_a_lost_answer_for_an_acknowledgement_is_found(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: events that were never delivered count as sent."""
    monkeypatch.setattr(NoNetwork, "deliver", lambda *_: b"{}")
    pair = Pair(server, tmp_path, 1)
    pair.inside.append(pair.journal.put_in("P"))
    pair.exchange()
    with pytest.raises(AssertionError):
        pair.require_equal()
    pair.journal.store.close()
