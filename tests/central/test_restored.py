"""Either side brought back from an older backup: what the other side knows is not lost."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from central import schema
from central.packages import service as packages_service
from central.sync import commands
from kiosk.adapters import key_check, key_path
from kiosk.model.commands import SlotService
from kiosk.model.location import Service
from kiosk.model.pickup_code import make_code
from kiosk.store import codes, intents, journal, packages, slots
from kiosk.store import restore as backup_restore
from kiosk.store.codes import CodePolicy, Granted
from kiosk.store.intents import IntentPurpose
from kiosk.store.restore import Recall, Restored
from kiosk.store.writer import ChainHead
from kiosk.sync.client import SyncClient
from kiosk.sync.contract import Status
from kiosk.sync.enrol import enrol
from kiosk.sync.journal_import import recall
from kiosk.sync.servers import Servers
from tests.support.central_server import (
    LOCATION,
    LOCATION_KEY,
    Journal,
    Server,
    TurnedClock,
    announce,
)
from tests.support.postgresql import copy_server


class Machine:
    """A kiosk's data folder that can lose its database."""

    def __init__(self, folder: Path, server: Server) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.server = folder, server
        self.journal = Journal(folder / "kiosk.db")
        token = server.add_location()
        self.identity = enrol(folder, LOCATION, LOCATION_KEY, server.url, token)

    def sync(self, times: int = 2) -> None:
        clock = self.journal.clock
        client = SyncClient(
            self.journal.store,
            LOCATION,
            self.identity,
            lambda: Status(
                clock_ms=clock.wall_ms,
                boot_id=f"life-{self.journal.lives}",
                monotonic_ms=clock.wall_ms,
            ),
            random.Random(1),
        )
        for _ in range(times):
            while client.sync_once() == 0:
                pass

    def back_up(self) -> Path:
        return self.journal.back_up(f"of-life-{self.journal.lives}")

    def recall(self, head: ChainHead) -> Recall:
        return recall(Servers((self.identity.url,)), self.identity, head)

    def restore(self, file: Path, *, asks: bool = True, doubt: str = "") -> Restored:
        return self.journal.restore(file, self.recall if asks else None, doubt)

    def hashes(self) -> list[str]:
        return [event.hash for event in self.journal.events()]

    def require_equal(self) -> None:
        rows = sorted(self.server.rows(schema.event), key=lambda row: row.seq)
        assert [row.hash for row in rows] == self.hashes()
        known = {row.id: row.status for row in self.server.rows(schema.package)}
        mine = self.journal.do(journal.tables)["package"]
        for package, row in mine.items():
            assert known[package] == row["status"]
        states = {row.label: row.status for row in self.server.rows(schema.slot)}
        assert states == {
            label: row["status"] for label, row in self.journal.do(journal.tables)["slot"].items()
        }
        replayed = journal.replay(self.journal.do(lambda w: list(journal.bodies(w))))
        assert replayed["package"] == mine


@pytest.fixture
def machine(tmp_path: Path, server: Server) -> Iterator[Machine]:
    made = Machine(tmp_path / "machine", server)
    yield made
    made.journal.store.close()


def doubtful(machine: Machine) -> list[str]:
    return [record.label for record in machine.journal.do(slots.suspects)]


def opens(machine: Machine, code: str) -> bool:
    policy = CodePolicy(LOCATION_KEY, len(LOCATION.slots))
    return isinstance(machine.journal.do(codes.check_code, policy, code), Granted)


def code_of(machine: Machine, package: str) -> str:
    known = machine.journal.do(packages.package, package)
    return make_code(LOCATION_KEY, package, known.locator, known.code_counter)


def test_a_kiosk_restored_from_a_backup_takes_back_what_the_server_knows(machine: Machine) -> None:
    early = machine.journal.put_in("early")
    fetched = machine.journal.put_in("fetched before the end")
    machine.sync()
    old_code = code_of(machine, fetched)
    file = machine.back_up()
    machine.journal.take_out(fetched)
    late = machine.journal.put_in("late")
    machine.sync()
    late_code, before = code_of(machine, late), machine.hashes()

    restored = machine.restore(file)
    assert restored.doubt == ""
    assert restored.taken_back == 4
    assert restored.heard_ms == machine.server.clock.wall_ms
    assert machine.hashes()[: len(before)] == before
    assert doubtful(machine) == []
    assert opens(machine, late_code)
    assert opens(machine, code_of(machine, early))
    assert not opens(machine, old_code)
    machine.sync()
    machine.require_equal()
    assert machine.server.alarms() == []


def test_names_and_numbers_come_back_with_the_commands(machine: Machine) -> None:
    machine.sync()
    file = machine.back_up()
    headers = machine.server.add_key()
    package = announce(machine.server, headers, "A").json()["id"]
    machine.sync()
    assert machine.journal.put_in("A") == package
    machine.sync()
    machine.restore(file)
    machine.sync(3)
    known = machine.journal.do(packages.recipient_of, package)
    assert (known.name, known.phone) == ("Eva", "+491710000001")
    assert [row.state for row in machine.server.rows(schema.command)] == ["APPLIED"]
    machine.require_equal()


def test_an_opening_that_was_under_way_leaves_its_slot_in_doubt(machine: Machine) -> None:
    package = machine.journal.put_in("A")
    machine.sync()
    file = machine.back_up()
    slot = machine.journal.do(packages.package, package).slot
    machine.journal.do(intents.intend, "i-1", slot, IntentPurpose.PICKUP, "customer", package)
    machine.sync()
    restored = machine.restore(file)
    assert restored.doubt == ""
    assert doubtful(machine) == [slot]
    machine.sync()
    machine.require_equal()


def test_what_the_server_had_not_heard_leaves_every_slot_in_doubt(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.sync()
    file = machine.back_up()
    late = machine.journal.put_in("late")
    machine.sync()
    machine.journal.put_in("half of it never heard of")
    # The first event came through, with word that more was to come; then the machine died.
    monkeypatch.setattr("kiosk.sync.client.EVENTS_MAX", 1)
    client = SyncClient(machine.journal.store, LOCATION, machine.identity, Status, random.Random(1))
    assert client.sync_once() == 0
    restored = machine.restore(file)
    assert "not heard of everything" in restored.doubt
    assert restored.taken_back == 3
    assert len(doubtful(machine)) == len(LOCATION.slots)
    assert machine.journal.do(packages.package, late).status == "STORED"
    machine.sync()
    machine.require_equal()


def test_who_knows_that_it_ran_on_says_so_and_every_slot_is_in_doubt(machine: Machine) -> None:
    machine.sync()
    file = machine.back_up()
    machine.journal.put_in("A")
    machine.sync()
    restored = machine.restore(file, doubt="it ran on")
    assert restored.taken_back > 0
    assert len(doubtful(machine)) == len(LOCATION.slots)


def test_a_backup_of_a_life_that_has_ended_takes_nothing_back(machine: Machine) -> None:
    machine.sync()
    early = machine.journal.back_up("early")
    machine.journal.put_in("A")
    machine.sync()
    ended = machine.back_up()
    machine.restore(early, asks=False)  # "A" is lost here, and its life with it
    machine.sync()
    assert machine.server.alarms() == ["alarm:events-lost"]
    restored = machine.restore(ended)
    assert restored.taken_back == 0
    assert restored.doubt
    assert len(doubtful(machine)) == len(LOCATION.slots)
    machine.sync()


def test_twice_restored_and_once_without_the_server_all_lives_are_followed(
    machine: Machine,
) -> None:
    machine.journal.put_in("A")
    machine.sync()
    file = machine.back_up()
    for number in range(3):
        machine.journal.put_in(f"B{number}")
        machine.sync()
        restored = machine.restore(file)
        assert restored.doubt == ""
        machine.sync()
    machine.require_equal()
    live = machine.journal.do(journal.tables)["package"].values()
    assert sorted(row["barcode"] for row in live) == ["A", "B0", "B1", "B2"]


def test_events_that_were_tampered_with_on_the_way_are_not_taken_back(machine: Machine) -> None:
    machine.sync()
    file = machine.back_up()
    machine.journal.put_in("A")
    machine.sync()
    path = machine.journal.store.path
    machine.journal.store.close()

    def forged(head: ChainHead) -> Recall:
        found = machine.recall(head)
        batches = [list(batch) for batch in found.batches]
        batches[0][-1] = replace(batches[0][-1], body='{"actor":"nobody"}')
        return Recall(iter(batches), True, found.heard_ms)

    restored = backup_restore.restore(file, path, "", TurnedClock(), random.Random(3), forged)
    assert "does not continue this backup" in restored.doubt
    assert restored.taken_back == 0
    assert restored.slots == len(LOCATION.slots)


def test_with_the_server_out_of_reach_nothing_is_restored_unless_it_is_said_so(
    machine: Machine,
) -> None:
    machine.sync()
    file = machine.back_up()
    key = key_path(machine.folder)
    key.write_bytes(LOCATION_KEY)
    key.chmod(0o600)
    machine.journal.do(
        lambda writer: writer.db.execute(
            "INSERT INTO meta (key, value) VALUES ('location_key_check', ?)",
            (key_check(LOCATION_KEY),),
        )
    )
    machine.journal.put_in("A")
    machine.journal.store.close()
    machine.server.stop()
    before = (machine.folder / "kiosk.db").read_bytes()

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        words = ["restore", "--data", str(machine.folder), *more, str(file)]
        return subprocess.run(
            [sys.executable, "-m", "kiosk", *words], capture_output=True, text=True, check=False
        )

    refused = run()
    assert refused.returncode == 2
    assert "is not reached" in refused.stderr
    assert "--without-server" in refused.stderr
    assert (machine.folder / "kiosk.db").read_bytes() == before
    assert not list(machine.folder.glob("*.restoring*"))
    done = run("--without-server")
    assert done.returncode == 0, done.stderr
    assert "slots are in doubt" in done.stdout


# --- the server ---------------------------------------------------------------------------------


def test_a_restored_server_numbers_its_commands_behind_what_the_kiosk_has_seen(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path / "central", TurnedClock())
    server.start()
    machine = Machine(tmp_path / "machine", server)
    machine.sync()
    server.stop()
    copy_server(server.folder, tmp_path / "older")
    server = Server(server.folder, server.clock, port=server.port)
    server.start()
    headers = server.add_key()
    for barcode in ("A", "B", "C"):
        announce(server, headers, barcode)
    machine.server = server
    machine.sync()
    server.stop()

    restored = Server(tmp_path / "older", server.clock, port=server.port)
    restored.start()
    try:
        machine.server = restored
        # An operator asks for something before the kiosk was heard of.
        command = SlotService(slot="3", service=Service.NO_DEPOSITS, reason="dirty")
        restored.write(commands.queue, LOCATION.id, command, "op", 0)
        machine.sync(3)
        assert [row.state for row in restored.rows(schema.command)] == ["APPLIED"]
        assert machine.journal.do(slots.record_of, "3").service == "NO_DEPOSITS"
        machine.require_equal()
        assert len([r for r in restored.rows(schema.package) if r.status == "PENDING"]) == 3
    finally:
        restored.stop()
        machine.journal.store.close()


def test_a_package_that_lay_there_already_goes_by_both_its_ids(
    machine: Machine, server: Server
) -> None:
    headers = server.add_key()
    machine.sync()
    lying = machine.journal.put_in("A")  # the server does not know yet
    announced = announce(server, headers, "A").json()["id"]
    machine.sync()
    described = packages_service.describe
    found = server.central.database.read(described, announced)
    assert (found["id"], found["status"]) == (announced, "STORED")
    server.write(packages_service.cancel, server.central, "op", announced, "recalled", None)
    machine.sync()
    assert machine.journal.do(packages.package, lying).status == "CANCELLED"
    assert server.central.database.read(described, announced)["status"] == "CANCELLED"
    assert server.central.database.read(packages_service.history, announced)


def test_a_recall_right_behind_its_announcement_finds_what_lay_there(
    machine: Machine, server: Server
) -> None:
    machine.sync()
    lying = machine.journal.put_in("A")
    announced = announce(server, server.add_key(), "A").json()["id"]
    server.write(packages_service.cancel, server.central, "op", announced, "recalled", None)
    machine.sync(3)
    assert machine.journal.do(packages.package, lying).status == "CANCELLED"
    assert [row.state for row in server.rows(schema.command)] == ["APPLIED", "APPLIED"]
