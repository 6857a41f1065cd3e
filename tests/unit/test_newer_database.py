"""A database in which a newer program wrote: this one goes on with it where it may, changes nothing
that it does not know, and says which version can where it may not."""

from __future__ import annotations

import contextlib
import gzip
import random
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlite_utils import Database

from config import DEMO_SITE, ConfigError, load_site
from kiosk.app import make_kiosk
from kiosk.command_line import main as kiosk_commands
from kiosk.data_folder import was_newer_here
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import DoorOpen
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.package import PackageStatus
from kiosk.store import backup, compatibility, intents, journal, packages, slots, staff
from kiosk.store.errors import CannotOpenError, NewerVersionError
from kiosk.store.remains import backups
from kiosk.store.schema import migrations
from kiosk.store.store import Store
from tests.support.central_server import Journal
from tests.support.flow_site import LOCATION_KEY, LoopClock, World, running
from tests.support.stories.people import leave, type_code
from tests.support.virtual_loop import run_virtually
from tests.support.visits import sign_in, store

EXPANSION = (
    "ALTER TABLE package ADD COLUMN colour TEXT",
    "ALTER TABLE slot ADD COLUMN warmth INTEGER NOT NULL DEFAULT 20 CHECK (warmth > 0)",
    "ALTER TABLE intent ADD COLUMN shadow TEXT GENERATED ALWAYS AS (upper(purpose)) VIRTUAL",
    "CREATE TABLE drone (id INTEGER PRIMARY KEY, height_m INTEGER NOT NULL) STRICT",
    "CREATE INDEX package_colour ON package (colour)",
    "CREATE TRIGGER drone_sees AFTER INSERT ON visit BEGIN INSERT INTO drone VALUES (NULL, 3); END",
    "INSERT INTO meta (key, value) VALUES ('weather', 'fair')",
)


def as_newer(path: Path, statements: Iterable[str], oldest: str = "") -> None:
    """What a newer program does to a database: a migration, and what it notes."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('parcel-kiosk', 'm999_from_the_future', 'now')"
        )
        if oldest:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'oldest_writer'", (oldest,))


def all_rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def meta_of(path: Path) -> dict[object, object]:
    return {row[0]: row[1] for row in all_rows(path, "SELECT key, value FROM meta")}


def test_a_whole_visit_goes_on_in_a_database_that_a_newer_program_expanded(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def visit(barcode: str) -> None:
        async with running(world) as kiosk:
            await kiosk.player.until(First)
            await sign_in(kiosk)
            await store(kiosk, barcode)
            await leave(kiosk)

    path = tmp_path / "kiosk.db"
    run_virtually(visit("before"))
    as_newer(path, EXPANSION)
    run_virtually(visit("behind"))
    run_virtually(visit("and again"))
    colours = all_rows(path, "SELECT barcode, colour FROM package ORDER BY announced_ms")
    assert colours == [("before", None), ("behind", None), ("and again", None)]
    assert set(all_rows(path, "SELECT warmth FROM slot")) == {(20,)}
    assert len(all_rows(path, "SELECT * FROM drone")) == 2, "the newer program's trigger works on"
    assert all_rows(path, "SELECT value FROM meta WHERE key = 'weather'") == [("fair",)]
    assert backup.check(path) == ""
    machine = Journal(path)
    bodies = machine.do(lambda writer: list(journal.bodies(writer)))
    assert journal.replay(bodies) == machine.do(journal.tables)
    machine.store.close()


def test_the_newer_program_finds_who_may_write_as_it_left_it(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.db"
    Journal(path).store.close()
    as_newer(path, EXPANSION, oldest="m016_unannounced")
    Journal(path).store.close()
    kept = meta_of(path)
    assert kept["oldest_writer"] == "m016_unannounced"
    assert ("m999_from_the_future",) in all_rows(path, "SELECT name FROM _sqlite_migrations")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE package DROP COLUMN delegate_until_ms", "package.delegate_until_ms is miss"),
        ("ALTER TABLE slot RENAME COLUMN size TO width", "slot.size is missing"),
        ("DROP TABLE reservation", "table reservation is missing"),
        ("DROP INDEX package_slot", "index package_slot is missing"),
        ("DROP TRIGGER journal_is_not_changed", "trigger journal_is_not_changed is missing"),
        ("CREATE TABLE x (id TEXT)", ""),
    ],
)
def test_what_a_newer_program_took_away_is_named(tmp_path: Path, statement: str, said: str) -> None:
    path = tmp_path / "kiosk.db"
    Journal(path).store.close()
    as_newer(path, [statement])
    if said:
        with pytest.raises(NewerVersionError, match=f"m999_from_the_future.*{said}"):
            Journal(path)
    else:
        Journal(path).store.close()


def test_a_column_that_must_be_given_and_is_not_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.db"
    Journal(path).store.close()
    made = "CREATE TABLE {} (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, {}) STRICT"
    more = "sender_mark TEXT NOT NULL, recipient_mark TEXT NOT NULL, mood TEXT NOT NULL"
    as_newer(
        path,
        [
            "DROP TABLE guest_deposit",
            made.format("guest_deposit", more),
            "CREATE INDEX guest_deposit_at ON guest_deposit (at_ms)",
        ],
    )
    with pytest.raises(NewerVersionError, match=r"guest_deposit\.mood must be given"):
        Journal(path)


@pytest.mark.parametrize("oldest", ["m998_unheard_of", "", "9"])
def test_where_the_newer_file_demands_more_it_is_refused(tmp_path: Path, oldest: str) -> None:
    path = tmp_path / "kiosk.db"
    Journal(path).store.close()
    as_newer(path, EXPANSION, oldest=oldest or "m017_delegates")
    if not oldest:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("DELETE FROM meta WHERE key = 'oldest_writer'")
    before = path.read_bytes()
    with pytest.raises(NewerVersionError, match="can open it: install that again, or restore"):
        Journal(path)
    assert path.read_bytes() == before


# --- words that only a newer program knows ----------------------------------------------------


def write_past_checks(path: Path, *statements: str) -> None:
    """As a newer program does, whose tables allow more."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        rules = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        triggers = connection.execute(rules).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
        for _, sql in triggers:
            connection.execute(sql)


WORDS = {
    "status of a slot": "UPDATE slot SET status = 'FROZEN' WHERE label = '{slot}'",
    "reason for doubt": "UPDATE slot SET status = 'SUSPECT', suspect = 'HAUNTED'"
    " WHERE label = '{slot}'",
    "service": "UPDATE slot SET service = 'DRONES_ONLY', service_since_ms = 1"
    " WHERE label = '{slot}'",
    "status of a package": "UPDATE package SET status = 'FLYING'",
    "purpose of an opening": "UPDATE intent SET purpose = 'AIRING', state = 'OPENED'",
    "role": "UPDATE staff SET role = 'pilot'",
    "source of staff": "UPDATE staff SET source = 'satellite'",
    "outcome of an opening": "INSERT INTO opening VALUES ('c', '1', 1, 'LEVITATED')",
}


@pytest.mark.parametrize("which", WORDS)
def test_an_unknown_word_in_a_column_stops_no_start_and_opens_no_door(
    tmp_path: Path, which: str
) -> None:
    world = World(tmp_path)
    kept: dict[str, str] = {}

    async def put_in() -> None:
        async with running(world) as kiosk:
            await kiosk.player.until(First)
            await sign_in(kiosk)
            kept["slot"] = await store(kiosk, "P")
            kept["code"] = await kiosk.code_of("P")

    async def start_again() -> None:
        async with running(world) as kiosk:
            opened = kiosk.world.pulses
            await type_code(kiosk, kept["code"])
            is_of_the_package = which in list(WORDS)[:4]
            if is_of_the_package:
                await kiosk.player.until(First, patience_s=600)
                assert kiosk.world.pulses == opened
            elif which != "purpose of an opening":
                await kiosk.player.until(DoorOpen)

    run_virtually(put_in())
    as_newer(tmp_path / "kiosk.db", [])
    write_past_checks(tmp_path / "kiosk.db", WORDS[which].format(**kept))
    run_virtually(start_again())


def test_what_is_not_known_is_read_as_that_with_which_the_least_is_done(tmp_path: Path) -> None:
    machine = Journal(tmp_path / "kiosk.db")
    package = machine.put_in("P")
    slot = machine.do(packages.package, package).slot
    machine.store.close()
    as_newer(machine.path, [])
    write_past_checks(
        machine.path,
        f"UPDATE slot SET status = 'FROZEN', service = 'DRONES_ONLY', service_since_ms = 1"
        f" WHERE label = '{slot}'",
        "UPDATE package SET status = 'FLYING'",
        "INSERT INTO staff (number, name, role, pin_hash, source, listed_ms)"
        " VALUES ('42', '', 'pilot', '', 'config', 1)",
    )
    machine.open_again()
    record = machine.do(slots.record_of, slot)
    assert (record.status, record.suspect, record.service) == (
        SlotStatus.SUSPECT,
        SuspectReason.MAY_HOLD_ANOTHERS,
        Service.DO_NOT_OPEN,
    )
    assert machine.do(packages.package, package).status is PackageStatus.CANCELLED
    assert machine.do(staff.member, "42") is None
    assert machine.do(staff.members) == []
    assert machine.do(staff.anybody) is None
    assert machine.do(intents.open_intents) == []
    kept = all_rows_of(machine, f"SELECT status FROM slot WHERE label = '{slot}'")
    assert kept == [{"status": "FROZEN"}], "what the newer program wrote stands"
    machine.store.close()


def all_rows_of(machine: Journal, sql: str) -> list[dict[str, object]]:
    return [dict(row) for row in machine.do(lambda writer: writer.all(sql))]


# --- a copy before another program changes the database ------------------------------------------


def open_as(
    path: Path, version: str, copies: Path | None = None, clock: LoopClock | None = None
) -> None:
    made = Store(
        path,
        clock or LoopClock(),
        random.Random(1),
        threaded=False,
        version=version,
        copies=copies or path.parent / "backups",
    )
    made.use_key(LOCATION_KEY)
    made.close()


def old_database(folder: Path) -> Path:
    """The first version's, in use."""
    path = folder / "kiosk.db"
    packed = Path(__file__).parents[1] / "journals" / "0.1" / "kiosk.db.gz"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


def test_a_copy_is_kept_before_a_newer_program_changes_the_database(tmp_path: Path) -> None:
    path = old_database(tmp_path)
    known = all_rows(path, "SELECT name FROM _sqlite_migrations")
    events = all_rows(path, "SELECT seq, hash FROM journal")
    open_as(path, "1.4.0")
    [copy] = backups(path)
    assert all_rows(copy, "SELECT name FROM _sqlite_migrations") == known
    assert all_rows(copy, "SELECT seq, hash FROM journal") == events
    assert backup.check(copy) == ""
    assert copy.stat().st_mode & 0o077 == 0
    open_as(path, "1.4.0")
    assert backups(path) == [copy], "the same version keeps no other"
    machine = Journal(path)
    machine.clock.wall_ms = 1_990_000_000_000
    machine.do(slots.set_service, "1", Service.NO_DEPOSITS, "dirty", "staff:99")
    machine.store.close()
    open_as(path, "1.5.0")
    assert len(backups(path)) == 2, "another version does, whether or not it changes tables"


def test_a_new_database_needs_no_copy(tmp_path: Path) -> None:
    open_as(tmp_path / "kiosk.db", "1.4.0")
    open_as(tmp_path / "kiosk.db", "1.4.0")
    assert backups(tmp_path / "kiosk.db") == []


def test_a_clock_that_is_not_set_yet_does_not_make_the_copy_the_oldest_backup(
    tmp_path: Path,
) -> None:
    path = old_database(tmp_path)
    [(last_ms,)] = all_rows(path, "SELECT max(wall_ms) FROM journal")
    unset = LoopClock()
    unset.ahead_ms = -unset.now().wall_ms
    open_as(path, "1.4.0", clock=unset)
    [copy] = backups(path)
    assert not copy.name.startswith("kiosk-1970") and isinstance(last_ms, int)


def test_without_room_for_a_copy_no_table_is_changed(tmp_path: Path) -> None:
    path, blocked = old_database(tmp_path), tmp_path / "no folder"
    blocked.write_text("")
    before = all_rows(path, "SELECT * FROM _sqlite_migrations")
    with pytest.raises(CannotOpenError, match=r"no copy can be kept in .*no folder.*make room"):
        open_as(path, "1.4.0", blocked)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert all_rows(path, "SELECT * FROM _sqlite_migrations") == before
    open_as(path, "1.4.0")
    open_as(path, "1.5.0", blocked)  # nothing is to be changed: the start counts for more


def test_a_migration_that_fails_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_database(tmp_path)
    before = all_rows(path, "SELECT name FROM _sqlite_migrations")
    pending = migrations.pending(Database(memory=True))

    def fail(db: Database) -> None:
        db.conn.execute("CREATE TABLE half (id TEXT)")
        raise sqlite3.OperationalError("the disk is full")

    monkeypatch.setattr(pending[-1], "fn", fail)
    for _ in range(3):
        with pytest.raises(CannotOpenError, match="the disk is full"):
            open_as(path, "1.4.0")
    assert len(backups(path)) == 1, "no copies heap up where a start is tried again"
    monkeypatch.undo()
    assert all_rows(path, "SELECT name FROM _sqlite_migrations") == before
    open_as(path, "1.4.0")
    kept = meta_of(path)
    assert kept[compatibility.OLDEST] == "m017_delegates"
    assert kept[compatibility.PROGRAM] == "1.4.0"


# --- a site file of a newer version --------------------------------------------------------------


@pytest.fixture
def newer_site(tmp_path: Path) -> Path:
    """With a table, a key of a table and a key of a slot that nobody knows here."""
    lines = DEMO_SITE.read_text(encoding="utf-8").splitlines()
    where = next(number for number, line in enumerate(lines) if line.startswith("[location]"))
    lines.insert(where + 1, 'planet = "Earth"')
    path = tmp_path / "site.toml"
    path.write_text("\n".join([*lines, "[drones]", "landing_height_mm = 3000"]), encoding="utf-8")
    return path


def test_after_a_newer_version_was_taken_back_its_settings_are_passed_over(
    tmp_path: Path, newer_site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    make_kiosk(load_site(DEMO_SITE), data)
    asked = ["--data", str(data), "--config", str(newer_site)]
    strict = CliRunner().invoke(kiosk_commands, ["verify", *asked])
    assert isinstance(strict.exception, ConfigError), "a typing mistake is none of a newer version"
    (data / "newest-version").write_text("99.1.0\n", encoding="ascii")
    passed = CliRunner().invoke(kiosk_commands, ["verify", *asked])
    assert passed.exit_code == 0, passed.output
    for key in ("location.planet", "drones"):
        assert f"{key} is of a newer version, and is passed over" in caplog.text
    assert (data / "newest-version").read_text() == "99.1.0\n", "the older one leaves it"
    checked = CliRunner().invoke(kiosk_commands, ["check", str(newer_site)])
    assert checked.exit_code == 2 and "is not a key of this table" in checked.output


def test_what_is_wrong_otherwise_is_a_mistake_all_the_same(newer_site: Path) -> None:
    text = newer_site.read_text(encoding="utf-8")
    newer_site.write_text(text.replace("width_mm = ", "width_mm = -", 1), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_site(newer_site, may_be_newer=True)
    assert all("is not a key" not in str(each) for each in refused.value.mistakes)
    assert refused.value.mistakes


@pytest.mark.parametrize("kept", ["", "0.0.1", "rubbish", "\x00", "0.2"])
def test_a_version_that_is_older_or_none_counts_for_nothing(tmp_path: Path, kept: str) -> None:
    (tmp_path / "newest-version").write_text(kept, encoding="ascii")
    assert not was_newer_here(tmp_path)
