"""A file of the kiosk comes back from a power cut empty, short or not at all: what is inside is
known as before, or the kiosk refuses to start with a sentence that says what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from random import Random

import pytest

from config import DEMO_SITE, load_site
from kiosk.adapters import LocationKeyError
from kiosk.app import make_kiosk, open_kiosk, restore
from kiosk.demo.player import Player
from kiosk.model.allocation import BestFit
from kiosk.model.events import EventKind
from kiosk.store import deposits, journal, packages, running, slots
from kiosk.store.deposits import DepositRequest
from kiosk.store.errors import StoreError
from kiosk.store.packages import Announcement
from kiosk.store.store import Store
from kiosk.sync.enrol import EnrolError
from tests.crash.test_kill_nine import Busy
from tests.support.flow_site import LOCATION, LoopClock
from tests.support.simulator_process import SimulatorProcess

SITE = load_site(DEMO_SITE)
BACKUP = "backups/kiosk-20260101T000000Z.db"
FILES = ["kiosk.db", "kiosk.db-wal", "location.key", "centre.json", BACKUP]
IDENTITY = '{"url": "http://127.0.0.1:9", "location": "a", "token": "b", "public_key": "%s"}'


def full_kiosk(data: Path) -> str:
    """A kiosk with a package inside, enrolled, with a backup; the package's slot."""
    key = make_kiosk(SITE, data)
    store = Store(data / "kiosk.db", LoopClock(), Random(1), threaded=False)
    store.use_key(key.read_bytes())
    store.submit(packages.announce, Announcement("P", "JD0001", "S", None)).result()
    request = DepositRequest("P", "JD0001", "S", "in-P", "staff:11")
    deposit = store.submit(deposits.begin_deposit, request, LOCATION, BestFit()).result()
    assert deposit is not None
    store.submit(deposits.store_package, deposit, LOCATION, 5, Random(1)).result()
    store.close()
    (data / "backups").mkdir()
    (data / BACKUP).write_bytes((data / "kiosk.db").read_bytes())
    (data / "centre.json").write_text(IDENTITY % ("0" * 64))
    return deposit.slot


async def status_after_start(data: Path, slot: str) -> str:
    async with open_kiosk(SITE, data, Player()) as kiosk:
        records = await kiosk.store.run(slots.records)
        return str(next(record.status for record in records if record.label == slot))


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes() if path.exists() else b"\0" * 64
    path.unlink(missing_ok=True)
    if how != "missing":
        path.write_bytes({"empty": b"", "short": content[: len(content) // 2]}[how])
        path.chmod(0o600)


@pytest.mark.parametrize("how", ["missing", "empty", "short"])
@pytest.mark.parametrize("name", FILES)
def test_a_full_slot_is_never_taken_for_empty(tmp_path: Path, name: str, how: str) -> None:
    slot = full_kiosk(tmp_path)
    before = asyncio.run(status_after_start(tmp_path, slot))
    assert before != "EMPTY"
    spoil(tmp_path / name, how)
    try:
        assert asyncio.run(status_after_start(tmp_path, slot)) == before
        assert name in ("kiosk.db-wal", BACKUP), f"started without {name}"
    except (StoreError, LocationKeyError, EnrolError) as error:
        assert "restore" in str(error) or "back" in str(error) or "enrol" in str(error)


def test_a_folder_in_the_place_of_the_key_is_reported(tmp_path: Path) -> None:
    slot = full_kiosk(tmp_path)
    (tmp_path / "location.key").unlink()
    (tmp_path / "location.key").mkdir(mode=0o755)
    with pytest.raises(LocationKeyError, match=r"location\.key is no file.* from the backup"):
        asyncio.run(status_after_start(tmp_path, slot))


def test_a_store_that_begins_again_is_found_out(tmp_path: Path) -> None:
    """The negative control: with nothing left beside it, a new database calls the slot empty."""
    slot = full_kiosk(tmp_path / "before")
    make_kiosk(SITE, tmp_path / "again")
    assert asyncio.run(status_after_start(tmp_path / "again", slot)) == "EMPTY"


# --- the log of a kiosk that was killed while it was busy -----------------------------------------


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """What a busy kiosk leaves that was killed with packages inside; the slots they are in."""
    data = tmp_path_factory.mktemp("killed")
    make_kiosk(SITE, data)
    with SimulatorProcess(DEMO_SITE, data) as bank:
        bank.tell("close-after 0.25")
        for life in range(20):
            Busy(data, str(life)).kill_after(1.0)
            full = full_slots(copy_of(data, data.with_name(f"look-{life}")))
            if full:
                return data, full
    raise AssertionError("the kiosk was never busy")


def copy_of(data: Path, to: Path) -> Path:
    shutil.copytree(data, to, ignore=shutil.ignore_patterns("*.sock"))
    return to


def full_slots(data: Path) -> set[str]:
    store = Store(data / "kiosk.db", LoopClock(), Random(1), threaded=False)
    try:
        full = "SELECT slot FROM package WHERE status = 'STORED' AND slot IS NOT NULL"
        rows = store.submit(lambda writer: writer.all(full)).result()
        return {str(row["slot"]) for row in rows}
    finally:
        store.close()


async def statuses_after_start(data: Path) -> tuple[dict[str, str], list[str]]:
    """How each slot stands after a start, and why the database began another life."""
    async with open_kiosk(SITE, data, Player()) as kiosk:
        records = await kiosk.store.run(slots.records)
        events = await kiosk.store.run(journal.after, 0, 10_000, [EventKind.DATABASE_RESTORED])
        status = {record.label: str(record.status) for record in records}
        return status, [event.body for event in events]


def spoil_log(log: Path, how: str) -> None:
    size = log.stat().st_size
    match how:
        case "missing":
            log.unlink()
        case "empty":
            log.write_bytes(b"")
        case "zeros":
            log.write_bytes(bytes(size))
        case "a sector":
            os.truncate(log, 512)
        case "half":
            os.truncate(log, size // 2)
        case "a page less":
            os.truncate(log, size - 4096)


LOST = ["missing", "empty", "zeros", "a sector", "half", "a page less"]


@pytest.mark.parametrize("how", LOST)
def test_a_killed_kiosk_that_lost_its_log_calls_no_slot_empty(
    tmp_path: Path, killed: tuple[Path, set[str]], how: str
) -> None:
    before, full = killed
    data = copy_of(before, tmp_path / "data")
    spoil_log(data / "kiosk.db-wal", how)
    status, [why] = asyncio.run(statuses_after_start(data))
    assert full
    assert set(status.values()) == {"SUSPECT"}
    assert "kiosk.db-wal" in why
    again, whys = asyncio.run(statuses_after_start(data))
    assert (again, whys) == (status, [why]), "in doubt once, not at each start"


def test_a_start_that_is_cut_before_the_doubt_is_durable_is_in_doubt_next_time(
    tmp_path: Path, killed: tuple[Path, set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = copy_of(killed[0], tmp_path / "data")
    spoil_log(data / "kiosk.db-wal", "missing")
    with monkeypatch.context() as broken:
        broken.setattr("kiosk.store.store.begin_in_doubt", None)
        with pytest.raises(TypeError):
            Store(data / "kiosk.db", LoopClock(), Random(1), threaded=False)
    status, whys = asyncio.run(statuses_after_start(data))
    assert set(status.values()) == {"SUSPECT"}
    assert len(whys) == 1


def test_a_killed_kiosk_that_kept_its_log_knows_everything(
    tmp_path: Path, killed: tuple[Path, set[str]]
) -> None:
    data = copy_of(killed[0], tmp_path / "data")
    status, whys = asyncio.run(statuses_after_start(data))
    assert not whys
    assert not any(status[slot] == "EMPTY" for slot in killed[1])
    assert "EMPTY" in status.values()
    assert not running.mark_of(data / "kiosk.db").exists(), "a clean end leaves no mark"


def test_without_the_mark_a_lost_log_is_not_noticed(
    tmp_path: Path, killed: tuple[Path, set[str]]
) -> None:
    """The negative control."""
    data = copy_of(killed[0], tmp_path / "data")
    running.mark_of(data / "kiosk.db").unlink()
    spoil_log(data / "kiosk.db-wal", "missing")
    status, whys = asyncio.run(statuses_after_start(data))
    assert not whys
    assert any(status[slot] == "EMPTY" for slot in killed[1])


def test_a_mark_that_was_damaged_itself_still_says_that_there_was_a_log(
    tmp_path: Path, killed: tuple[Path, set[str]]
) -> None:
    data = copy_of(killed[0], tmp_path / "data")
    running.mark_of(data / "kiosk.db").write_bytes(b"")
    spoil_log(data / "kiosk.db-wal", "empty")
    status, _ = asyncio.run(statuses_after_start(data))
    assert set(status.values()) == {"SUSPECT"}


def test_an_emptied_log_is_marked_again(tmp_path: Path) -> None:
    """Erasure empties the log of a kiosk that runs on."""
    full_kiosk(tmp_path)
    database = tmp_path / "kiosk.db"
    store = Store(database, LoopClock(), Random(1))
    asyncio.run(store.forget_old_pages())
    left = copy_of(tmp_path, tmp_path.with_name("left")) / "kiosk.db"
    store.close()
    assert not running.loss(left)
    running.log_of(left).unlink()
    assert "missing" in running.loss(left)


def test_a_restore_of_a_kiosk_that_lost_its_log_keeps_the_mark_with_the_old_database(
    tmp_path: Path, killed: tuple[Path, set[str]]
) -> None:
    data = copy_of(killed[0], tmp_path / "data")
    database = data / "kiosk.db"
    backup = tmp_path / "kiosk-20260101T000000Z.db"
    shutil.copy(database, backup)
    spoil_log(running.log_of(database), "missing")
    restored = restore(data, backup, with_server=False)
    assert restored.aside is not None
    assert running.mark_of(restored.aside).exists()
    _, whys = asyncio.run(statuses_after_start(data))
    assert len(whys) == 1, "in doubt by the restore alone"
