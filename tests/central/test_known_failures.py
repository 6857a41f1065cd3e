"""What went wrong in the field with systems that send a log to a server, each by its name."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import ValidationError

from central import schema
from central.sync import commands
from central.sync.projection import Projection
from kiosk.model.commands import SlotService
from kiosk.model.location import Service
from kiosk.store import journal, slots
from kiosk.store.store import Store
from kiosk.sync.client import OBSERVER, Identity, SyncClient, _waiting
from kiosk.sync.contract import EVENTS_MAX, Status, WireEvent
from tests.support.bad_network import BadNetwork
from tests.support.central_server import LOCATION, LOCATION_KEY, Journal, Server


class Pair:
    """A kiosk's journal and its client, a wire with faults, a server."""

    def __init__(self, kiosk: Journal, server: Server) -> None:
        self.kiosk, self.server = kiosk, server
        self.wire = BadNetwork(server.url, 1)
        self.wire.is_well = True
        self.client = self.client_of(kiosk)

    def client_of(self, kiosk: Journal) -> SyncClient:
        key = self.server.central.secrets.public_key
        identity = Identity(self.wire.url, LOCATION.id, self.kiosk.token, key)
        return SyncClient(kiosk.store, LOCATION, identity, Status, random.Random(1))

    def sync(self) -> None:
        while self.client.sync_once() == 0:
            pass

    def fails(self, fault: str) -> None:
        """One exchange that this happens to, also when it is sent once more on a new line because
        the kept one was over."""
        self.wire.next_faults = [fault, fault]
        with pytest.raises((requests.RequestException, ValidationError)):
            self.client.sync_once()
        self.wire.next_faults = []

    def sent(self) -> int:
        """How far the kiosk believes that the server has come."""
        return int(self.kiosk.do(journal.observer_seq, OBSERVER))

    def held(self) -> list[str]:
        rows = sorted(self.server.rows(schema.event), key=lambda row: row.seq)
        return [row.hash for row in rows]

    def require_equal(self) -> None:
        assert self.held() == [event.hash for event in self.kiosk.events()]


@pytest.fixture
def pair(kiosk: Journal, server: Server) -> Iterator[Pair]:
    made = Pair(kiosk, server)
    yield made
    made.wire.stop()


def test_the_server_saved_the_answer_was_lost_and_the_client_sends_again(pair: Pair) -> None:
    pair.kiosk.put_in("A")
    pair.fails("lose answer")
    head = pair.kiosk.head().seq
    assert len(pair.held()) == head
    assert pair.sent() == 0
    pair.sync()
    assert pair.sent() == head
    pair.require_equal()
    assert [row.barcode for row in pair.server.rows(schema.package)] == ["A"]
    assert pair.server.alarms() == []


@pytest.mark.parametrize("fault", ["cut answer", "lose request", "error", "nonsense"])
def test_the_connection_drops_in_mid_batch(
    pair: Pair, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.sync.client.EVENTS_MAX", 10)
    for barcode in "ABCDEFGH":
        pair.kiosk.put_in(barcode)
    assert pair.client.sync_once() == 0
    assert pair.sent() == 10
    pair.fails(fault)
    assert pair.sent() == 10
    pair.sync()
    pair.require_equal()
    assert pair.server.alarms() == []


def test_two_kiosks_send_under_one_name(pair: Pair, tmp_path: Path) -> None:
    """Somebody copied a machine's disk: the same life goes on twice."""
    pair.sync()
    copy = pair.kiosk.back_up("copied")
    shutil.copy(copy, tmp_path / "twin.db")
    twin = Journal.__new__(Journal)
    twin.clock, twin.rng, twin.location = pair.kiosk.clock, random.Random(77), LOCATION
    twin.store = Store(tmp_path / "twin.db", twin.clock, twin.rng, threaded=False)
    twin.store.use_key(LOCATION_KEY)
    pair.kiosk.put_in("A")
    pair.sync()
    twin.put_in("B")
    other = pair.client_of(twin)
    while other.sync_once() == 0:
        pass
    pair.require_equal()
    kept = [json.loads(row.payload)["hash"] for row in pair.server.rows(schema.quarantine)]
    assert sorted(kept) == sorted(event.hash for event in twin.events(pair.kiosk.head().seq - 2))
    assert set(pair.server.alarms()) == {"alarm:quarantine", "alarm:journal-rewritten"}
    assert other.state.parked == len(kept)
    pair.kiosk.put_in("C")
    pair.sync()
    pair.require_equal()
    twin.store.close()


def test_the_server_refuses_one_event_and_takes_those_behind_it(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather = Projection._gather

    def fails_on_b(self: Projection, event: WireEvent, *read: Any) -> object:
        if '"B"' in event.body:
            raise ValueError("this server cannot take B")
        return gather(self, event, *read)

    monkeypatch.setattr(Projection, "_gather", fails_on_b)
    for barcode in "ABC":
        pair.kiosk.put_in(barcode)
    pair.sync()
    parked = pair.server.rows(schema.quarantine)
    assert parked
    assert all("this server cannot take B" in row.reason for row in parked)
    assert len(pair.held()) + len(parked) == pair.kiosk.head().seq
    assert pair.client.state.parked == len(parked)
    assert "C" in {row.barcode for row in pair.server.rows(schema.package)}
    assert pair.sent() == pair.kiosk.head().seq


def test_the_server_sends_a_command_twice(pair: Pair) -> None:
    pair.sync()
    command = SlotService(slot="3", service=Service.NO_DEPOSITS, reason="dirty")
    pair.server.write(commands.queue, LOCATION.id, command, "op", 0)
    answer = pair.client._exchange(pair.kiosk.do(_waiting, EVENTS_MAX))
    for sent in (*answer.commands, *answer.commands):
        assert pair.client._apply(sent)
    pair.kiosk.do(slots.set_service, "3", Service.IN_SERVICE, "", "staff:9")
    for sent in answer.commands:
        assert pair.client._apply(sent)
    assert pair.kiosk.do(slots.record_of, "3").service is Service.IN_SERVICE
    applied = [event for event in pair.kiosk.events() if event.kind == "COMMAND_APPLIED"]
    assert len(applied) == 1
    pair.sync()
    assert [row.state for row in pair.server.rows(schema.command)] == ["APPLIED"]
