"""The store as its callers see it: durable answers, no wrong state, clear refusals to start."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kiosk.model.allocation import BestFit
from kiosk.model.location import SlotStatus, SuspectReason
from kiosk.model.package import Package
from kiosk.model.person import Recipient
from kiosk.model.pickup_code import make_code
from kiosk.store import codes, departures, deposits, intents, journal, packages, slots, tries
from kiosk.store.deposits import DepositRequest
from kiosk.store.errors import (
    CannotOpenError,
    DamagedError,
    InUseError,
    NewerVersionError,
    NotDoneError,
)
from kiosk.store.intents import IntentPurpose
from kiosk.store.packages import Announcement
from kiosk.store.store import Store
from tests.support.central_server import wait_until
from tests.support.flow_site import LOCATION, LOCATION_KEY, LoopClock, require_sound


def open_store(path: Path, *, threaded: bool = True) -> Store:
    store = Store(path, LoopClock(), random.Random(7), threaded=threaded)
    store.use_key(LOCATION_KEY)
    store.submit(slots.configure, LOCATION).result()
    return store


def store_a_package(store: Store, name: str) -> Package | None:
    """Reserve, store; None when the bank is full."""
    request = DepositRequest(name, f"barcode-{name}", "S", f"in-{name}", "staff:11")
    deposit = store.submit(deposits.begin_deposit, request, LOCATION, BestFit()).result()
    if deposit is None:
        return None
    return store.submit(deposits.store_package, deposit, LOCATION, 5, random.Random(name)).result()


def fetch(store: Store, package: Package) -> None:
    assert package.locator is not None
    code = make_code(LOCATION_KEY, package.id, package.locator, package.code_counter)
    policy = codes.CodePolicy(LOCATION_KEY, len(LOCATION.slots))
    answer = store.submit(codes.check_code, policy, code, scanned=True).result()
    assert answer == codes.Granted(package.id, package.slot or "")
    intent = f"out-{package.id}"
    store.submit(
        intents.intend, intent, answer.slot, IntentPurpose.PICKUP, "customer", package.id
    ).result()
    store.submit(departures.retrieve, package.id, intent).result()


def test_a_hundred_at_once_get_no_slot_twice_and_lose_none(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kiosk.db")
    lock, held = threading.Lock(), set()
    stored: list[str] = []

    def visit(visitor: int) -> None:
        for turn in range(6):
            package = store_a_package(store, f"{visitor}-{turn}")
            if package is None or package.slot is None:
                continue
            with lock:
                assert package.slot not in held, f"slot {package.slot} was given twice"
                held.add(package.slot)
                stored.append(package.id)
            with lock:
                held.remove(package.slot)
            fetch(store, package)

    with ThreadPoolExecutor(100) as visitors:
        list(visitors.map(visit, range(100)))
    states = store.submit(
        lambda writer: writer.all("SELECT id, status FROM package WHERE status <> 'CANCELLED'")
    ).result()
    assert {row["id"] for row in states} == set(stored)
    assert {row["status"] for row in states} == {"RETRIEVED"}
    assert len(stored) >= 24
    require_sound(store)
    store.close()


def test_to_check_a_right_code_writes_nothing(tmp_path: Path) -> None:
    """Else its owner waits for one more commit before the door opens."""
    store = open_store(tmp_path / "kiosk.db")
    store.submit(tries.keep_clock).result()
    package = store_a_package(store, "P")
    assert package is not None and package.locator is not None
    code = make_code(LOCATION_KEY, package.id, package.locator, package.code_counter)
    policy = codes.CodePolicy(LOCATION_KEY, len(LOCATION.slots))
    before = store.submit(lambda writer: writer.db.conn.total_changes).result()
    answer = store.submit(codes.check_code, policy, code).result()
    assert answer == codes.Granted(package.id, package.slot or "")
    assert store.submit(lambda writer: writer.db.conn.total_changes).result() == before
    store.close()


def test_a_full_bank_gives_none_and_changes_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kiosk.db", threaded=False)
    number = 0
    while store_a_package(store, str(number)) is not None:
        number += 1
    before = store.submit(journal.tables).result()
    assert store_a_package(store, "one-more") is None
    assert store.submit(journal.tables).result() == before
    kept = [slot for slot in store.submit(slots.records).result() if slot.status == "EMPTY"]
    assert kept, "the last low slots are kept for who needs them"
    assert all(LOCATION.slot(slot.label).is_low for slot in kept)
    needs_low = DepositRequest("low", "low", "S", "i", "staff:11", needs_low=True)
    deposit = store.submit(deposits.begin_deposit, needs_low, LOCATION, BestFit()).result()
    assert deposit is not None
    store.close()


def test_who_needs_a_low_slot_gets_a_large_package_where_all_large_doors_stand_on_the_floor(
    tmp_path: Path,
) -> None:
    assert not any(slot.is_low for slot in LOCATION.slots if slot.size == "L")
    store = open_store(tmp_path / "kiosk.db", threaded=False)
    large = DepositRequest("large", "LARGE", "L", "i", "staff:11", needs_low=True)
    deposit = store.submit(deposits.begin_deposit, large, LOCATION, BestFit()).result()
    assert deposit is not None and LOCATION.slot(deposit.slot).size == "L"
    taken = 0
    while True:
        request = DepositRequest(f"s{taken}", f"S{taken}", "S", f"s{taken}", "staff:11", True)
        deposit = store.submit(deposits.begin_deposit, request, LOCATION, BestFit()).result()
        if deposit is None:
            break
        assert LOCATION.slot(deposit.slot).is_low
        taken += 1
    assert taken == sum(slot.is_low for slot in LOCATION.slots), "another one waits for a low slot"
    store.close()


def test_the_log_is_merged_when_nobody_is_at_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.store.store.QUIET_S", 0)
    path = tmp_path / "kiosk.db"
    store = open_store(path, threaded=True)
    store.visited(True)
    store.submit(lambda _: None).result()
    before = path.read_bytes()
    # Each is answered before the next comes, and so finds done what the store did in between.
    for number in range(5):
        assert store_a_package(store, f"{number}") is not None
    assert path.read_bytes() == before
    store.visited(False)
    wait_until(lambda: path.read_bytes() != before)
    store.close()


def test_a_second_process_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.db"
    store = open_store(path)
    with pytest.raises(InUseError, match="only one kiosk"):
        open_store(path)
    script = (
        "import sqlite3, sys\n"
        "try: sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT 1 FROM slot')\n"
        "except sqlite3.OperationalError as error: sys.exit(str(error))"
    )
    other = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True)
    assert b"locked" in other.stderr
    store.close()


@pytest.mark.parametrize("damage", [b"", b"this is no database at all, only text" * 200])
def test_a_damaged_database_is_refused_and_left_alone(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "kiosk.db"
    open_store(path).close()
    whole = path.read_bytes()
    path.write_bytes(damage or whole[:9000] + bytes(4096) + whole[13096:])
    before = hashlib.sha256(path.read_bytes()).digest()
    with pytest.raises(CannotOpenError, match=r"damaged|not a sound database"):
        open_store(path)
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.db"
    open_store(path).close()
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
        " VALUES ('parcel-kiosk', 'm999_from_the_future', 'now')"
    )
    connection.execute("UPDATE meta SET value = 'm999_from_the_future' WHERE key = 'oldest_writer'")
    connection.execute("UPDATE meta SET value = '9.9.0' WHERE key = 'oldest_writer_version'")
    connection.commit()
    connection.close()
    before = hashlib.sha256(path.read_bytes()).digest()
    with pytest.raises(NewerVersionError, match=r"m999_from_the_future.*version 9\.9\.0 or newer"):
        open_store(path)
    assert hashlib.sha256(path.read_bytes()).digest() == before


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE slto (id INTEGER)",
        "DROP TRIGGER journal_is_not_changed",
        "DROP INDEX package_slot",
    ],
)
def test_tables_that_this_program_did_not_make_stop_the_start(tmp_path: Path, change: str) -> None:
    path = tmp_path / "kiosk.db"
    open_store(path).close()
    connection = sqlite3.connect(path)
    connection.execute(change)
    connection.commit()
    connection.close()
    with pytest.raises(DamagedError, match="tables"):
        open_store(path)


def test_a_path_with_a_space_and_an_umlaut_works(tmp_path: Path) -> None:
    folder = tmp_path / "Paket Säule"
    folder.mkdir()
    store = open_store(folder / "my kiosk.db")
    assert store_a_package(store, "1") is not None
    store.close()
    again = open_store(folder / "my kiosk.db")
    assert again.submit(packages.live_by_barcode, "barcode-1").result() is not None
    again.close()


def test_a_typo_makes_no_table(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kiosk.db", threaded=False)

    def typo(writer):  # type: ignore[no-untyped-def]
        writer.db["slto"].insert({"id": 1})

    future = store.submit(typo)
    names = store.submit(lambda writer: writer.db.table_names()).result()
    assert "slto" not in names
    assert future.exception() is not None
    store.close()


def test_one_callers_mistake_does_not_touch_the_others_of_its_group(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kiosk.db")
    gate = threading.Event()
    store.submit(lambda writer: gate.wait())
    good = store.submit(packages.announce, Announcement("a", "A", "S", None))
    twice = store.submit(
        lambda writer: writer.db.execute(
            "INSERT INTO package (id, barcode, status, is_announced, announced_ms)"
            " VALUES ('b','A','PENDING',1,1)"
        )
    )
    also_good = store.submit(packages.announce, Announcement("c", "C", "S", None))
    gate.set()
    assert good.result() is True
    assert also_good.result() is True
    with pytest.raises(NotDoneError):
        twice.result()
    require_sound(store)
    store.close()


ILLEGAL = {
    "two live packages in a slot": "UPDATE package SET slot = (SELECT slot FROM package WHERE"
    " id = '1') WHERE id = '2'",
    "a stored package back to nothing": "UPDATE package SET status = 'PENDING', slot = NULL,"
    " locator = NULL WHERE id = '1' AND status = 'RETRIEVED'",
    "a slot set free while its package lies inside": "UPDATE slot SET status = 'EMPTY' WHERE label"
    " = (SELECT slot FROM package WHERE id = '1')",
    "an empty slot occupied by nobody": "UPDATE slot SET status = 'OCCUPIED' WHERE status ="
    " 'EMPTY'",
    "a changed journal": "UPDATE journal SET body = '{}' WHERE seq = 1",
    "a shortened journal": "DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)",
    "a journal with a gap": "INSERT INTO journal SELECT seq + 5, epoch, kind, body, wall_ms,"
    " monotonic_ms, boot_id, is_trusted, hash FROM journal WHERE seq = 1",
    "a deleted package": "DELETE FROM package WHERE id = '1'",
    "a replaced package": "INSERT OR REPLACE INTO package (id, barcode, status, announced_ms)"
    " VALUES ('1', 'barcode-1', 'PENDING', 1)",
    "a package that begins as stored": "INSERT INTO package (id, barcode, status, announced_ms)"
    " VALUES ('9', 'x', 'STORED', 1)",
    "a suspect slot without a why": "UPDATE slot SET status = 'SUSPECT' WHERE label = '1'",
    "text where a number belongs": "UPDATE slot SET position = 'first' WHERE label = '1'",
    "two packages with one barcode": "INSERT INTO package (id, barcode, status, announced_ms)"
    " VALUES ('9', 'barcode-1', 'PENDING', 1)",
    "an unknown status": "UPDATE package SET status = 'LOST' WHERE id = '1'",
}


@pytest.mark.parametrize("statement", ILLEGAL.values(), ids=ILLEGAL.keys())
def test_the_schema_itself_refuses(tmp_path: Path, statement: str) -> None:
    store = open_store(tmp_path / "kiosk.db", threaded=False)
    store_a_package(store, "1")
    store_a_package(store, "2")
    before = store.submit(journal.tables).result()

    def execute(writer):  # type: ignore[no-untyped-def]
        return writer.db.execute(statement).rowcount

    future = store.submit(execute)
    assert future.exception() is not None or future.result() == 0
    assert store.submit(journal.tables).result() == before
    assert store.submit(journal.verify).result() == []
    store.close()


def test_a_changed_byte_of_the_journal_is_found(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.db"
    store = open_store(path)
    store_a_package(store, "1")
    store.close()
    connection = sqlite3.connect(path)
    [trigger] = connection.execute(
        "SELECT sql FROM sqlite_master WHERE name = 'journal_is_not_changed'"
    ).fetchone()
    connection.execute("DROP TRIGGER journal_is_not_changed")
    connection.execute("UPDATE journal SET body = replace(body, '\"S\"', '\"M\"') WHERE seq = 3")
    connection.execute(trigger)
    connection.commit()
    connection.close()
    store = open_store(path)
    assert "event 3" in store.submit(journal.verify).result()[0]
    store.close()


def test_of_two_doubts_the_graver_stays(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kiosk.db", threaded=False)
    store.submit(slots.mark_suspect, "1", SuspectReason.WIRING, "swapped cables").result()
    store.submit(slots.mark_suspect, "1", SuspectReason.MAY_BE_EMPTY, "left open").result()
    record = store.submit(slots.record_of, "1").result()
    assert (record.status, record.suspect) == (SlotStatus.SUSPECT, SuspectReason.WIRING)
    store.close()


def test_no_journal_line_holds_a_name_or_a_phone_number(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kiosk.db", threaded=False)
    recipient = Recipient("r-1", "Adelheid Sonnenschein", "+49 171 5550199")
    store.submit(packages.announce, Announcement("p", "B", "S", recipient)).result()
    text = "".join(store.submit(lambda writer: list(journal.bodies(writer))).result())
    assert "Adelheid" not in text
    assert "5550199" not in text
    store.close()
