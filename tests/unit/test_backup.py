"""Backups: sound, kept in number and age, made beside the work; restored, all is in doubt."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.flows.housekeeping import is_backup_due
from kiosk.model.allocation import BestFit
from kiosk.model.clock import DAY_MS, Instant
from kiosk.model.events import EventKind
from kiosk.store import backup, deposits, intents, journal, packages, slots
from kiosk.store import restore as backup_restore
from kiosk.store.backup import Backup, BackupPlan
from kiosk.store.deposits import DepositRequest
from kiosk.store.errors import CannotOpenError, DamagedError, InUseError
from kiosk.store.packages import Announcement
from kiosk.store.store import VISIT_MS, Store
from kiosk.store.writer import Writer
from tests.support.flow_site import LOCATION, LOCATION_KEY, LoopClock, require_sound

KEY = "the key is known by this"


def open_store(path: Path, clock: LoopClock | None = None, *, threaded: bool = False) -> Store:
    store = Store(path, clock or LoopClock(), random.Random(7), threaded=threaded)
    store.use_key(LOCATION_KEY)
    store.submit(slots.configure, LOCATION).result()
    store.submit(set_key).result()
    return store


def set_key(writer) -> None:  # type: ignore[no-untyped-def]
    writer.db.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES ('location_key_check', ?)", [KEY]
    )


def expect_many(writer: Writer, count: int) -> None:
    for number in range(count):
        packages.announce(writer, Announcement(f"{number}", f"{number}", "S", None))


def put_in(store: Store, name: str) -> None:
    request = DepositRequest(name, name, "S", f"in-{name}", "staff:11")
    deposit = store.submit(deposits.begin_deposit, request, LOCATION, BestFit()).result()
    assert deposit is not None
    store.submit(deposits.store_package, deposit, LOCATION, 5, random.Random(1)).result()


def make(store: Store, folder: Path, clock: LoopClock | None = None, **keep: int) -> Backup:
    return asyncio.run(backup.make(store, BackupPlan(folder, **keep), clock or LoopClock()))


def test_a_backup_is_sound_private_and_has_everything(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kiosk.db")
    put_in(store, "P")
    made = make(store, tmp_path / "other disk")
    assert made.problem == ""
    path = Path(made.file)
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert store.submit(backup.last).result() == made
    [event] = store.submit(journal.after, 0, 9, [EventKind.BACKUP_CHECKED]).result()
    assert path.name in event.body
    store.close()
    copy = open_store(path)
    assert copy.submit(packages.package, "P").result().status == "STORED"
    require_sound(copy)
    copy.close()


def test_callers_are_served_while_a_backup_is_made_and_what_they_write_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.store.store.BACKUP_PAGES", 1)

    async def story() -> None:
        store = open_store(tmp_path / "kiosk.db", threaded=True)
        await store.run(expect_many, 50)
        copying = asyncio.create_task(store.back_up(tmp_path / "copy.db"))
        served = 0
        while not copying.done():
            name = f"b{served}"
            assert await store.run(packages.announce, Announcement(name, name, "S", None))
            served += 1
        await copying
        assert served > 1
        require_sound(store)
        store.close()

    asyncio.run(story())
    assert backup.check(tmp_path / "copy.db") == ""
    copy = open_store(tmp_path / "copy.db")
    require_sound(copy)
    assert copy.submit(packages.live_by_barcode, "b0").result() is not None
    copy.close()


def test_a_backup_waits_while_somebody_is_at_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.store.store.BACKUP_PAGES", 1)

    async def story() -> None:
        store = open_store(tmp_path / "kiosk.db", threaded=True)
        await store.run(expect_many, 50)
        store.visited(True)
        copying = asyncio.create_task(store.back_up(tmp_path / "copy.db"))
        for number in range(30):
            name = f"b{number}"
            assert await store.run(packages.announce, Announcement(name, name, "S", None))
        assert not copying.done()
        assert not (tmp_path / "copy.db").exists()
        store.visited(False)
        await copying
        store.close()

    asyncio.run(story())
    assert backup.check(tmp_path / "copy.db") == ""


def test_a_backup_that_began_waits_when_somebody_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.store.store.BACKUP_PAGES", 1)

    async def story() -> None:
        store = open_store(tmp_path / "kiosk.db", threaded=True)
        await store.run(expect_many, 50)
        begin = threading.Event()
        store.submit(lambda _: begin.wait(20))
        copying = asyncio.create_task(store.back_up(tmp_path / "copy.db"))
        await asyncio.sleep(0)
        # Behind the backup in the queue: somebody is there after its first page.
        came = asyncio.create_task(store.run(lambda _: store.visited(True)))
        await asyncio.sleep(0)
        begin.set()
        await came
        for number in range(30):
            name = f"b{number}"
            assert await store.run(packages.announce, Announcement(name, name, "S", None))
        assert not copying.done()
        store.visited(False)
        await copying
        store.close()

    asyncio.run(story())
    assert backup.check(tmp_path / "copy.db") == ""


@dataclass
class SetClock(LoopClock):
    """Its monotonic time is what the test says."""

    monotonic_ms: int = 0

    def now(self) -> Instant:
        return replace(super().now(), monotonic_ms=self.monotonic_ms)


def test_after_a_very_long_visit_the_backup_is_made_all_the_same(tmp_path: Path) -> None:
    async def story() -> None:
        clock = SetClock()
        store = open_store(tmp_path / "kiosk.db", clock, threaded=True)
        store.visited(True)
        copying = asyncio.create_task(store.back_up(tmp_path / "copy.db"))
        await asyncio.sleep(0)
        clock.monotonic_ms += VISIT_MS
        await store.run(expect_many, 1)
        await copying
        store.close()

    asyncio.run(story())
    assert backup.check(tmp_path / "copy.db") == ""


def test_a_kiosk_that_ends_gives_an_unfinished_backup_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.store.store.BACKUP_PAGES", 1)

    async def story() -> None:
        store = open_store(tmp_path / "kiosk.db", threaded=True)
        begin, go_on = threading.Event(), threading.Event()
        store.submit(lambda _: begin.wait(20))
        making = asyncio.create_task(backup.make(store, BackupPlan(tmp_path / "out"), LoopClock()))
        await asyncio.sleep(0)
        # Behind the backup in the queue: it is done after the first page, when the end is near.
        store.submit(lambda _: go_on.wait(20))
        begin.set()
        closing = threading.Thread(target=store.close)
        closing.start()
        while not store._is_ending and (not store._closed or store._jobs.empty()):
            await asyncio.sleep(0.01)
        go_on.set()
        with pytest.raises(Exception, match="closed"):
            await making
        await asyncio.to_thread(closing.join)

    asyncio.run(story())
    assert list((tmp_path / "out").iterdir()) == []


def test_backups_are_kept_in_number_and_age_and_the_newest_always(tmp_path: Path) -> None:
    clock, folder = LoopClock(), tmp_path / "out"
    store = open_store(tmp_path / "kiosk.db", clock)
    for _ in range(5):
        clock.ahead_ms += DAY_MS
        newest = make(store, folder, clock, keep=3, keep_days=30)
    assert len(backup.kept(folder)) == 3
    clock.ahead_ms += 29 * DAY_MS
    make(store, folder, clock, keep=9, keep_days=30)
    assert [path for path in backup.kept(folder) if str(path) == newest.file]
    assert len(backup.kept(folder)) == 3
    clock.ahead_ms += 60 * DAY_MS
    last = make(store, folder, clock, keep=9, keep_days=30)
    assert [str(path) for path in backup.kept(folder)] == [last.file]
    store.close()


def spoil_journal(path: Path) -> None:
    """Change a journaled event behind the store's back."""
    connection = sqlite3.connect(path)
    [trigger] = connection.execute(
        "SELECT sql FROM sqlite_master WHERE name = 'journal_is_not_changed'"
    ).fetchone()
    connection.execute("DROP TRIGGER journal_is_not_changed")
    connection.execute("UPDATE journal SET wall_ms = wall_ms + 1 WHERE seq = 3")
    connection.execute(trigger)
    connection.commit()
    connection.close()


def test_an_unsound_backup_is_reported_and_pushes_no_older_one_out(tmp_path: Path) -> None:
    clock, folder = LoopClock(), tmp_path / "out"
    path = tmp_path / "kiosk.db"
    store = open_store(path, clock)
    sound = make(store, folder, clock, keep=2)
    store.close()
    spoil_journal(path)
    store = open_store(path, clock)
    for _ in range(3):
        clock.ahead_ms += DAY_MS
        made = make(store, folder, clock, keep=2)
        assert "event 3" in made.problem
    assert Path(sound.file).exists()
    last = store.submit(backup.last).result()
    assert last is not None and last.problem
    store.close()


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    store = open_store(tmp_path / "kiosk.db")
    assert make(store, tmp_path / "out").problem
    store.close()


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_damaged_page_anywhere_is_found_by_the_full_check(tmp_path: Path, place: float) -> None:
    path = tmp_path / "kiosk.db"
    store = open_store(path)
    store.submit(expect_many, 60).result()
    store.close()
    assert backup.check(path) == ""
    whole = path.read_bytes()
    at = int(len(whole) * place) // 4096 * 4096
    path.write_bytes(whole[:at] + random.Random(1).randbytes(4096) + whole[at + 4096 :])
    assert "damaged" in backup.check(path) or "cannot be read" in backup.check(path)


def at(text: str) -> Instant:
    wall_ms = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
    return Instant(wall_ms, 0, "boot", True)


@pytest.mark.parametrize(
    ("now", "last", "problem", "is_due"),
    [
        ("2026-11-10T12:00", None, "", True),
        ("2026-11-10T12:00", "2026-11-10T02:30", "", False),
        ("2026-11-11T01:30", "2026-11-10T02:30", "", False),  # 02:30 in Berlin
        ("2026-11-11T02:00", "2026-11-10T02:30", "", True),
        ("2026-11-10T12:00", "2026-11-10T02:30", "damaged", True),
        ("2026-11-12T00:10", "2026-11-10T22:00", "", True),
    ],
)
def test_a_backup_is_due_once_a_night(
    now: str, last: str | None, problem: str, is_due: bool
) -> None:
    made = None if last is None else Backup("f", at(last).wall_ms, 1, problem)
    assert is_backup_due(at(now), made, None, "Europe/Berlin") is is_due
    assert not is_backup_due(at(now), made, at(now).monotonic_ms, "Europe/Berlin")


def test_without_a_trusted_clock_a_backup_is_due_a_day_after_the_last_try() -> None:
    made = Backup("f", at("2026-11-10T12:00").wall_ms, 1)
    doubted = replace(at("1970-01-05T00:00"), is_trusted=False, monotonic_ms=5 * DAY_MS)
    assert not is_backup_due(doubted, made, 4 * DAY_MS + 1, "Europe/Berlin")
    assert is_backup_due(doubted, made, 4 * DAY_MS, "Europe/Berlin")


# --- restoring -----------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, Path]:
    """A database that went on after its backup: one package came, one left."""
    path = tmp_path / "kiosk.db"
    store = open_store(path)
    put_in(store, "P")
    deposit = DepositRequest("D", "D", "S", "in-D", "staff:11")
    store.submit(deposits.begin_deposit, deposit, LOCATION, BestFit()).result()
    made = make(store, tmp_path / "out")
    put_in(store, "Q")
    store.close()
    return path, Path(made.file)


def restore(database: Path, file: Path, key: str = KEY) -> backup_restore.Restored:
    clock, rng = LoopClock(), random.Random(9)
    return backup_restore.restore(file, database, key, clock, rng, location_key=LOCATION_KEY)


def test_after_a_restore_every_slot_is_in_doubt_and_the_old_database_is_kept(
    kept: tuple[Path, Path],
) -> None:
    path, file = kept
    old = path.read_bytes()
    restored = restore(path, file)
    assert restored.slots == len(LOCATION.slots)
    assert restored.aside is not None
    assert restored.aside.read_bytes() == old
    store = open_store(path)
    records = store.submit(slots.records).result()
    assert {(each.status, each.suspect) for each in records} == {("SUSPECT", "MAY_HOLD_ANOTHERS")}
    assert store.submit(packages.package, "P").result().status == "STORED"
    assert store.submit(packages.live_by_barcode, "Q").result() is None
    assert store.submit(intents.open_intents).result() == []
    assert store.submit(packages.package, "D").result().slot is None
    require_sound(store)
    store.close()


def test_a_restore_begins_an_epoch_that_says_what_it_comes_from(kept: tuple[Path, Path]) -> None:
    path, file = kept
    before = open_store(file)
    [last] = before.submit(lambda writer: [(writer.head.epoch, writer.head.seq)]).result()
    before.close()
    restore(path, file)
    store = open_store(path)
    [event] = store.submit(journal.after, 0, 9, [EventKind.DATABASE_RESTORED]).result()
    assert event.epoch != last[0]
    assert last[0] in event.body
    assert store.submit(lambda writer: writer.head.epoch).result() == event.epoch
    assert store.submit(journal.verify).result() == []
    store.close()


def test_a_backup_of_another_kiosk_is_refused(kept: tuple[Path, Path]) -> None:
    path, file = kept
    old = path.read_bytes()
    with pytest.raises(CannotOpenError, match="another location key"):
        restore(path, file, "another")
    assert path.read_bytes() == old


def test_an_unsound_backup_is_refused(kept: tuple[Path, Path]) -> None:
    path, file = kept
    spoil_journal(file)
    old = path.read_bytes()
    with pytest.raises(DamagedError, match="choose another"):
        restore(path, file)
    assert path.read_bytes() == old


def test_nothing_is_restored_under_a_running_kiosk(kept: tuple[Path, Path]) -> None:
    path, file = kept
    store = open_store(path)
    with pytest.raises(InUseError, match="stop it first"):
        restore(path, file)
    assert store.submit(packages.package, "Q").result().status == "STORED"
    store.close()


@pytest.mark.parametrize("state", ["damaged", "gone"])
def test_a_lost_database_is_restored(kept: tuple[Path, Path], state: str) -> None:
    path, file = kept
    if state == "gone":
        path.unlink()
    else:
        path.write_bytes(bytes(4096) + path.read_bytes()[4096:])
    restored = restore(path, file)
    assert (restored.aside is None) == (state == "gone")
    store = open_store(path)
    assert store.submit(packages.package, "P").result().status == "STORED"
    store.close()
