"""A real kiosk process and a real server through a network that fails: at quiet both are equal."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from bad_network import BadNetwork
from centre import Journal, Server
from pydantic import ValidationError
from simulator_process import SimulatorProcess

from central import schema
from config import DEMO_SITE, load_site
from kiosk.adapters import SystemClock
from kiosk.app import enrol_kiosk, location_of
from kiosk.store import journal
from kiosk.store.store import Store
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import Status
from kiosk.sync.enrol import identity_in

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "support" / "busy_kiosk.py"
IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
LIVES = 60 if IS_NIGHTLY else 3
PARTITION_S = 30.0 if IS_NIGHTLY else 1.5
ROUNDS = 4000 if IS_NIGHTLY else 150


def server_hashes(server: Server) -> list[str]:
    rows = sorted(server.rows(schema.event), key=lambda row: row.seq)
    return [row.hash for row in rows]


def status_now() -> Status:
    """As a kiosk tells it: what the network still holds of the killed one is known to be older."""
    now = SystemClock().now()
    return Status(boot_id=now.boot_id, monotonic_ms=now.monotonic_ms)


def live_and_die(data: Path, name: str, busy_s: float) -> None:
    """One life of the busy kiosk, ended by kill -9."""
    with (data / "kiosk.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(data), name],
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        time.sleep(busy_s)
        process.send_signal(signal.SIGKILL)
        process.wait()


def come_to_rest(client: SyncClient) -> None:
    """Exchange until nothing waits; what the network does to it is tried again."""
    for _ in range(200):
        try:
            if client.sync_once() > 0:
                return
        except (requests.RequestException, ValidationError):
            continue
    raise AssertionError("the two never came to rest")


@pytest.mark.timeout(0)
def test_killed_and_cut_off_again_and_again_the_two_journals_are_equal(
    tmp_path: Path, server: Server
) -> None:
    site, data = load_site(DEMO_SITE), tmp_path / "kiosk"
    data.mkdir()
    network, chance = BadNetwork(server.url, 5), random.Random(5)
    with SimulatorProcess(DEMO_SITE, data) as bank:
        bank.tell("close-after 0.25")
        live_and_die(data, "5-first", 4.0)
        network.is_well = True
        enrol_kiosk(site, data, network.url, server.add_location(site.location.id))
        network.is_well = False
        for life in range(LIVES):
            if life == 1:
                network.is_cut = True
            live_and_die(data, f"5-{life}", chance.uniform(3.0, 5.0))
            if network.is_cut:
                time.sleep(PARTITION_S)
                network.is_cut = False
        assert len(server_hashes(server)) > 10, "nothing came through while the kiosk lived"
        network.is_well = True
        store = Store(data / "kiosk.db", server.clock, random.Random(1), threaded=False)
        identity = identity_in(data)
        assert identity is not None
        client = SyncClient(store, location_of(site), identity, status_now, random.Random(1))
        come_to_rest(client)
        kept = store.submit(journal.after, 0, 100_000).result()
        store.close()
    network.stop()
    assert server_hashes(server) == [event.hash.hex() for event in kept]
    assert server.alarms() == []
    assert network.happened["lose answer"] + network.happened["cut answer"] > 0


def busy_journal(tmp_path: Path, server: Server, network: BadNetwork) -> tuple[Journal, SyncClient]:
    kiosk = Journal(tmp_path / "bare.db")
    assert kiosk.enrol(server, server.add_location()).ok
    identity = Identity(network.url, kiosk.location.id, kiosk.token, "")
    client = SyncClient(kiosk.store, kiosk.location, identity, Status, random.Random(2))
    return kiosk, client


@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(2))
def test_whatever_the_network_does_nothing_is_lost_and_nothing_is_there_twice(
    tmp_path: Path, server: Server, seed: int
) -> None:
    network, chance = BadNetwork(server.url, seed), random.Random(seed)
    kiosk, client = busy_journal(tmp_path, server, network)
    inside: list[str] = []
    for number in range(ROUNDS):
        if inside and (len(inside) > 10 or chance.random() < 0.5):
            kiosk.take_out(inside.pop(chance.randrange(len(inside))))
        else:
            inside.append(kiosk.put_in(f"P{number}"))
        try:
            client.sync_once()
        except (requests.RequestException, ValidationError):
            continue
    come_to_rest(client)
    assert server_hashes(server) == [event.hash for event in kiosk.events()]
    status = {row.id: row.status for row in server.rows(schema.package)}
    assert sorted(package for package, word in status.items() if word == "STORED") == sorted(inside)
    assert server.alarms() == []
    assert len(network.happened) >= 7, "the network was too kind"
    network.stop()
    kiosk.store.close()


def test_a_client_that_marks_as_sent_what_was_not_acknowledged_is_found(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: such a client loses events, and the comparison sees it."""
    network = BadNetwork(server.url, 3)
    kiosk, client = busy_journal(tmp_path, server, network)
    exchange = client._exchange

    def careless(waiting: object) -> object:
        last = waiting.events[-1].seq if waiting.events else 0  # type: ignore[attr-defined]
        if last:
            kiosk.do(journal.set_observer_seq, "centre", last)
        return exchange(waiting)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "_exchange", careless)
    network.is_cut = True
    kiosk.put_in("lost")
    with pytest.raises(requests.RequestException):
        client.sync_once()
    assert server_hashes(server) != [event.hash for event in kiosk.events()]
    # Even so the server asks for what it misses, once it hears of a longer journal.
    network.is_cut, network.is_well = False, True
    come_to_rest(client)
    assert server_hashes(server) == [event.hash for event in kiosk.events()]
    network.stop()
    kiosk.store.close()
