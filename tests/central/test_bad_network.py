"""A real kiosk process and a real server through a network that fails: at quiet both are equal."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pydantic import ValidationError

from central import schema
from config import DEMO_SITE, load_site
from kiosk.adapters import SystemClock
from kiosk.app import make_kiosk
from kiosk.server_link import enrol_kiosk
from kiosk.site_model import location_of
from kiosk.store import journal
from kiosk.store.store import Store
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import Status
from kiosk.sync.enrol import identity_in
from tests.support.bad_network import BadNetwork
from tests.support.central_server import Journal, Server
from tests.support.server_process import ServerProcess
from tests.support.simulator_process import SimulatorProcess

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "support" / "busy_kiosk.py"
IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
LIVES = 60 if IS_NIGHTLY else 4
DISASTERS = (
    "the server is killed, and the network is cut",
    "the kiosk is restored from an older backup",
    "the server is restored from an older backup",
    "the kiosk's clock is wrong by hours",
)
PARTITION_S = 30.0 if IS_NIGHTLY else 1.5
ROUNDS = 4000 if IS_NIGHTLY else 150


def server_hashes(server: Server) -> list[str]:
    rows = sorted(server.rows(schema.event), key=lambda row: row.seq)
    return [row.hash for row in rows]


def status_now() -> Status:
    """As a kiosk tells it: what the network still holds of the killed one is known to be older."""
    now = SystemClock().now()
    return Status(boot_id=now.boot_id, monotonic_ms=now.monotonic_ms)


class Locker:
    """A kiosk's data folder, whose kiosk lives and dies, and its backups."""

    def __init__(self, folder: Path, process: ServerProcess, network: BadNetwork) -> None:
        folder.mkdir()
        self.folder, self.process, self.network = folder, process, network
        make_kiosk(load_site(DEMO_SITE), folder)
        self.site = folder / "site.toml"
        self.site.write_text(f'{DEMO_SITE.read_text()}\n[backup]\nfolder = "backups"\n')

    def live_and_die(self, name: str, busy_s: float, skew_h: int = 0) -> None:
        """One life of the busy kiosk, ended by kill -9."""
        with (self.folder / "kiosk.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(self.folder), name, str(skew_h)],
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            time.sleep(busy_s)
            process.send_signal(signal.SIGKILL)
            process.wait()

    def come_to_rest(self) -> list[tuple[str, int, str]]:
        """What is left goes up; the whole journal, as the kiosk has it."""
        self.network.is_well = True
        path, clock = self.folder / "kiosk.db", SystemClock()
        store = Store(path, clock, random.Random(1), threaded=False)
        try:
            identity, location = identity_in(self.folder), location_of(load_site(DEMO_SITE))
            assert identity is not None
            client = SyncClient(store, location, identity, status_now, random.Random(1))
            come_to_rest(client)
            kept = store.submit(journal.after, 0, 100_000).result()
        finally:
            store.close()
            self.network.is_well = False
        return [(event.epoch, event.seq, event.hash.hex()) for event in kept]

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "kiosk", *words, "--data", str(self.folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def back_up(self) -> Path:
        self.command("backup", "--config", str(self.site))
        return max((self.folder / "backups").iterdir())

    def lose_disk(self) -> None:
        """All that is left is what was kept elsewhere: the key and the backups; a new computer
        enrols with a new token."""
        for path in self.folder.glob("kiosk.db*"):
            path.unlink()
        (self.folder / "centre.json").unlink()
        token = self.process.roll("demo")
        self.network.is_well = True
        self.command("enrol", "--config", str(self.site), self.network.url, token)
        self.network.is_well = False

    def restore(self, file: Path) -> str:
        self.network.is_well = True
        try:
            return self.command("restore", str(file))
        finally:
            self.network.is_well = False

    def require_equal(self) -> None:
        """The server holds the kiosk's journal and nothing else, and has no reason for alarm."""
        mine = self.come_to_rest()
        there = self.process.rows("SELECT epoch, seq, hash FROM event ORDER BY seq")
        assert there == mine
        assert self.process.rows("SELECT * FROM audit WHERE action LIKE 'alarm:%'") == []


def come_to_rest(client: SyncClient) -> None:
    """Exchange until nothing waits; what the network does to it is tried again."""
    for _ in range(200):
        try:
            if client.sync_once() > 0:
                return
        except (requests.RequestException, ValidationError):
            continue
    raise AssertionError("the two never came to rest")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    made = ServerProcess(tmp_path / "central")
    made.start()
    yield made
    made.stop()


@pytest.mark.timeout(0)
def test_killed_cut_off_and_brought_back_from_backups_both_journals_are_equal(
    tmp_path: Path, process: ServerProcess
) -> None:
    network, rng = BadNetwork(process.url, 5), random.Random(5)
    locker = Locker(tmp_path / "kiosk", process, network)
    with SimulatorProcess(DEMO_SITE, locker.folder) as bank:
        bank.tell("close-after 0.25")
        locker.live_and_die("5-first", 4.0)
        network.is_well = True
        enrol_kiosk(load_site(DEMO_SITE), locker.folder, network.url, process.add_location("demo"))
        network.is_well = False
        for life in range(LIVES):
            disaster(DISASTERS[life % len(DISASTERS)], locker, f"5-{life}", rng)
        assert len(process.rows("SELECT seq FROM event")) > 40, "nothing came through"
        locker.require_equal()
    network.stop()
    assert network.happened["lose answer"] + network.happened["cut answer"] > 0


def disaster(what: str, locker: Locker, name: str, rng: random.Random) -> None:
    """One life of the kiosk in which something goes very wrong."""
    process, network, busy_s = locker.process, locker.network, rng.uniform(3.0, 4.5)
    match what:
        case "the server is killed, and the network is cut":
            network.is_cut = True
            threading.Timer(busy_s / 2, setattr, (network, "is_cut", False)).start()
            locker.live_and_die(name, busy_s + PARTITION_S)
            process.kill()
            process.start()
        case "the kiosk is restored from an older backup":
            file = locker.back_up()
            locker.live_and_die(name, busy_s)
            before = locker.come_to_rest()
            locker.lose_disk()
            said = locker.restore(file)
            assert "newer events back" in said
            assert "all" not in said.split("restored;")[1], said
            assert locker.come_to_rest()[: len(before)] == before
        case "the server is restored from an older backup":
            file = process.folder.parent / f"{name}.db"
            process.run("backup", str(file))
            locker.live_and_die(name, busy_s)
            process.stop()
            process.run("restore", str(file))
            process.start()
        case "the kiosk's clock is wrong by hours":
            locker.live_and_die(name, busy_s, skew_h=rng.choice((-7, 7)))


def busy_journal(tmp_path: Path, server: Server, network: BadNetwork) -> tuple[Journal, SyncClient]:
    kiosk = Journal(tmp_path / "bare.db")
    assert kiosk.enrol(server, server.add_location()).ok
    identity = Identity(network.url, kiosk.location.id, kiosk.token, "")
    client = SyncClient(kiosk.store, kiosk.location, identity, Status, random.Random(2))
    return kiosk, client


@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(20 if IS_NIGHTLY else 1))
def test_whatever_the_network_does_nothing_is_lost_and_nothing_is_there_twice(
    tmp_path: Path, server: Server, seed: int
) -> None:
    network, rng = BadNetwork(server.url, seed), random.Random(seed)
    kiosk, client = busy_journal(tmp_path, server, network)
    inside: list[str] = []
    for number in range(ROUNDS):
        if inside and (len(inside) > 10 or rng.random() < 0.5):
            kiosk.take_out(inside.pop(rng.randrange(len(inside))))
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
