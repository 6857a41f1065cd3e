"""Somebody can write to a kiosk's database, or has its token, and not its location's key: what they
rewrite, cut or make up is noticed at the kiosk and at the server."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from central import schema
from config import DEMO_SITE, load_site
from kiosk import app
from kiosk.adapters import location_key
from kiosk.model.clock import Instant
from kiosk.model.events import GENESIS, canonical_json, chain_hash, chain_mac, journal_key
from kiosk.model.location import Service
from kiosk.store import backup, evidence, slots
from kiosk.store import restore as backup_restore
from kiosk.store.errors import DamagedError
from kiosk.sync.contract import Place, WireEvent
from tests.support.central_server import LOCATION, LOCATION_KEY, Journal, Server, TurnedClock

SITE = load_site(DEMO_SITE)
Forge = Callable[[sqlite3.Connection], None]


# --- at the kiosk -------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A kiosk's data folder with some life in its journal."""
    app.make_kiosk(SITE, tmp_path / "kiosk")
    live(tmp_path / "kiosk")
    return tmp_path / "kiosk"


def live(data: Path) -> None:
    """Something happens at the kiosk."""
    with app.own_console_server(SITE, data) as console:
        store = console.store
        head = store.submit(evidence.begin, store.path, "").result()
        with evidence.kept(store, head, console.location_key):
            label = SITE.slots[0].label
            for reason in ("dirty", "wet", "noisy"):
                service = Service.NO_DEPOSITS
                store.submit(slots.set_service, label, service, reason, "console").result()


def verified(data: Path) -> str:
    """What `kiosk verify` finds wrong."""
    with app.own_console_server(SITE, data) as console:
        answer = asyncio.run(console.answer({"command": "verify"}))
    return str(answer["problem"])


def forge(database: Path, change: Forge) -> None:
    """Change a database as its owner could: the triggers are put back afterwards."""
    connection = sqlite3.connect(database, isolation_level=None)
    kept = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = kept.fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    change(connection)
    for _, sql in triggers:
        connection.execute(sql)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def chain_again(connection: sqlite3.Connection, key: bytes | None = None) -> None:
    """Make all hashes follow again, which anybody can; the macs with a key that is not the right
    one, or none."""
    previous = GENESIS
    rows = connection.execute(
        "SELECT seq, epoch, kind, body, wall_ms, monotonic_ms, boot_id, is_trusted FROM journal"
        " ORDER BY seq"
    ).fetchall()
    for seq, epoch, kind, body, *at in rows:
        wall_ms, monotonic_ms, boot_id, is_trusted = at
        moment = Instant(wall_ms, monotonic_ms, boot_id, bool(is_trusted))
        previous = chain_hash(previous, epoch, seq, kind, body, moment)
        mac = None if key is None else chain_mac(key, previous)
        connection.execute(
            "UPDATE journal SET hash = ?, mac = ? WHERE seq = ?", (previous, mac, seq)
        )


def rewritten(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE journal SET body = replace(body, 'wet', 'dry')")


def with_old_macs(connection: sqlite3.Connection) -> None:
    macs = connection.execute("SELECT mac, seq FROM journal").fetchall()
    rewritten(connection)
    chain_again(connection)
    connection.executemany("UPDATE journal SET mac = ? WHERE seq = ?", macs)


def without_macs(connection: sqlite3.Connection) -> None:
    rewritten(connection)
    chain_again(connection)


def with_macs_of_another_key(connection: sqlite3.Connection) -> None:
    rewritten(connection)
    chain_again(connection, bytes(32))


def as_another_life(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE journal SET epoch = 'another'")
    connection.execute("UPDATE meta SET value = 'another' WHERE key = 'epoch'")
    chain_again(connection)


def cut(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM journal WHERE seq > (SELECT max(seq) - 2 FROM journal)")


def cut_in_the_middle(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM journal WHERE seq = 3")
    connection.execute("UPDATE journal SET seq = seq - 1 WHERE seq > 3")
    chain_again(connection)


def emptied(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM journal")


def last_one_changed(connection: sqlite3.Connection) -> None:
    last = "seq = (SELECT max(seq) FROM journal)"
    connection.execute(f"UPDATE journal SET body = replace(body, 'noisy', 'quiet') WHERE {last}")
    chain_again(connection)


FORGERIES = [
    with_old_macs,
    without_macs,
    with_macs_of_another_key,
    as_another_life,
    cut,
    cut_in_the_middle,
    emptied,
    last_one_changed,
]


@pytest.mark.parametrize("change", FORGERIES)
def test_a_journal_that_was_forged_is_noticed_and_stays_so(data: Path, change: Forge) -> None:
    forge(data / "kiosk.db", change)
    assert verified(data)
    live(data)  # what happens afterwards does not heal it
    assert verified(data)


def test_an_honest_journal_is_whole_whatever_the_power_does(data: Path, tmp_path: Path) -> None:
    assert verified(data) == ""
    head = evidence.head_path(data / "kiosk.db")
    shutil.copy(head, tmp_path / "before")
    live(data)
    assert verified(data) == ""
    # The head was written and not synced: the power cut took it back.
    shutil.copy(tmp_path / "before", head)
    assert verified(data) == ""
    live(data)
    assert verified(data) == ""


def test_a_head_that_was_made_up_is_noticed(data: Path) -> None:
    head = evidence.head_path(data / "kiosk.db")
    forge(data / "kiosk.db", cut)
    head.write_text(head.read_text().replace('"problem":""', '"problem":" "'))
    assert "not signed" in verified(data)


def test_a_head_that_is_missing_is_noticed(data: Path) -> None:
    evidence.head_path(data / "kiosk.db").unlink()
    assert "cannot be read" in verified(data)


@pytest.mark.parametrize("change", FORGERIES)
def test_a_backup_that_was_forged_is_not_restored(
    data: Path, tmp_path: Path, change: Forge
) -> None:
    key = location_key(data / "location.key", may_make=False)
    file = backed_up(data, tmp_path)
    assert backup.check(file, journal_key(key)) == ""
    forge(file, change)
    with pytest.raises(DamagedError):
        app.restore(data, file)


def backed_up(data: Path, folder: Path) -> Path:
    with app.own_console_server(SITE, data) as console:
        plan = backup.BackupPlan(folder / "backups")
        made = asyncio.run(backup.make(console.store, plan, console.clock))
    assert made.problem == ""
    return Path(made.file)


def test_an_honest_backup_is_restored_and_its_journal_is_whole(data: Path, tmp_path: Path) -> None:
    file = backed_up(data, tmp_path)
    live(data)
    app.restore(data, file)
    assert verified(data) == ""
    live(data)
    assert verified(data) == ""


# --- at the server ------------------------------------------------------------------------------


def forged(journal: Journal, change: Forge) -> list[WireEvent]:
    """The kiosk's events after its database was forged with the kiosk stopped."""
    journal.store.close()
    forge(journal.path, change)
    journal.open_again()
    return journal.events()


def rewrite_unsent(connection: sqlite3.Connection) -> None:
    last = "seq = (SELECT max(seq) FROM journal)"
    connection.execute(f"UPDATE journal SET wall_ms = wall_ms + 1 WHERE {last}")
    macs = connection.execute("SELECT mac, seq FROM journal").fetchall()
    chain_again(connection)
    connection.executemany("UPDATE journal SET mac = ? WHERE seq = ?", macs)


def rewrite_unsent_without_macs(connection: sqlite3.Connection) -> None:
    rewrite_unsent(connection)
    connection.execute("UPDATE journal SET mac = NULL")


@pytest.mark.parametrize("change", [rewrite_unsent, rewrite_unsent_without_macs])
def test_the_server_believes_no_event_that_is_not_signed_with_the_location_key(
    server: Server, kiosk: Journal, change: Forge
) -> None:
    known = kiosk.events()
    assert kiosk.send(known).ok
    kiosk.put_in("A")
    events = forged(kiosk, change)[len(known) :]
    assert [each.seq for each in events]
    answer = kiosk.send(events).json()
    assert [each["seq"] for each in answer["parked"]][-1] == events[-1].seq
    assert "mac" in answer["parked"][-1]["reason"]
    assert "alarm:quarantine" in server.alarms()
    # An honest one behind them is taken in.
    kiosk.put_in("B")
    more = kiosk.events()[len(known) + len(events) :]
    assert more and kiosk.send(more).json()["parked"] == []


def another_life(kiosk: Journal, from_: Place | None) -> list[WireEvent]:
    """A journal made up by who has the token, and not the key."""
    at = Instant(kiosk.clock.wall_ms, 0, "boot", True)
    origin: dict[str, object] = {}
    if from_ is not None:
        origin = {"from_epoch": from_.epoch, "from_seq": from_.seq, "from_hash": from_.hash}
    body = canonical_json({"actor": "kiosk", "file": "", "taken_back": 0, "doubt": "", **origin})
    seq = 1 if from_ is None else from_.seq + 1
    before = GENESIS if from_ is None or not from_.seq else bytes.fromhex(from_.hash)
    digest = chain_hash(before, "made up", seq, "DATABASE_RESTORED", body, at)
    return [
        WireEvent(
            epoch="made up",
            seq=seq,
            kind="DATABASE_RESTORED",
            body=body,
            wall_ms=at.wall_ms,
            monotonic_ms=0,
            boot_id="boot",
            is_trusted=True,
            hash=digest.hex(),
        )
    ]


def from_nothing(_kiosk: Journal) -> Place | None:
    return None


def from_event_nought(kiosk: Journal) -> Place | None:
    return Place(epoch=kiosk.head().epoch, seq=0, hash="00" * 32)


def from_another_hash(kiosk: Journal) -> Place | None:
    return Place(epoch=kiosk.head().epoch, seq=5, hash="ab" * 32)


@pytest.mark.parametrize("origin", [from_nothing, from_event_nought, from_another_hash])
def test_a_journal_that_does_not_go_on_from_the_known_one_is_an_alarm_and_not_believed(
    server: Server, kiosk: Journal, origin: Callable[[Journal], Place | None]
) -> None:
    assert kiosk.send(kiosk.events()).ok
    made_up = another_life(kiosk, origin(kiosk))
    answer = kiosk.send(made_up)
    assert [each["seq"] for each in answer.json()["parked"]] == [made_up[0].seq]
    assert "alarm:journal-unknown" in server.alarms()
    assert {row.epoch for row in server.rows(schema.event)} == {kiosk.head().epoch}
    # The honest journal goes on.
    count = len(kiosk.events())
    kiosk.put_in("A")
    assert kiosk.send(kiosk.events()[count:]).json()["parked"] == []


def test_a_known_hash_is_not_enough_to_go_on_from_it(server: Server, kiosk: Journal) -> None:
    events = kiosk.events()
    assert kiosk.send(events).ok
    known = Place(epoch=events[4].epoch, seq=5, hash=events[4].hash)
    answer = kiosk.send(another_life(kiosk, known))
    assert "mac" in answer.json()["parked"][0]["reason"]
    assert "alarm:quarantine" in server.alarms()


@pytest.fixture
def successor(tmp_path: Path, server: Server, kiosk: Journal) -> Iterator[Journal]:
    """A new machine at the place of the old one."""
    assert kiosk.send(kiosk.events()).ok
    made = Journal(tmp_path / "new.db", seed=9)
    yield made
    made.store.close()


def test_a_new_kiosk_that_an_operator_let_enrol_begins_a_new_journal(
    server: Server, successor: Journal
) -> None:
    token = server.write(server_roll, server.clock.wall_ms)
    assert successor.enrol(server, token).ok
    assert successor.send(successor.events()).json()["parked"] == []
    assert server.alarms() == []


def server_roll(connection: object, now_ms: int) -> str:
    from central.sync import enrolment

    return enrolment.roll(connection, LOCATION.id, "test", now_ms)  # type: ignore[arg-type]


def test_a_new_journal_with_the_old_token_is_believed_once_its_kiosk_enrols(
    server: Server, kiosk: Journal, successor: Journal
) -> None:
    successor.token, successor.url = kiosk.token, kiosk.url
    parked = successor.send(successor.events()).json()["parked"]
    assert len(parked) == len(successor.events())
    assert server.alarms() == ["alarm:journal-unknown"]
    token = server.write(server_roll, server.clock.wall_ms)
    assert successor.enrol(server, token).ok
    wanted = successor.send([], successor.head()).json()["want_after"]
    assert wanted == {"epoch": "", "seq": 0, "hash": ""}
    assert successor.send(successor.events()).json()["parked"] == []


def test_a_restore_without_the_key_is_not_believed_and_one_with_it_is(
    server: Server, kiosk: Journal
) -> None:
    assert kiosk.send(kiosk.events()).ok
    file = kiosk.back_up("copy")
    copy = kiosk.path.with_name("other.db")
    backup_restore.restore(file, copy, "", TurnedClock(), random.Random(4))
    thief = Journal.__new__(Journal)
    thief.__dict__ |= kiosk.__dict__ | {"path": copy}
    thief.open_again(is_keyed=False)
    stolen = thief.send(thief.events()[len(kiosk.events()) :])
    thief.store.close()
    assert "mac" in stolen.json()["parked"][0]["reason"]
    kiosk.restore(file, None)
    count = len(stolen.json()["parked"])
    restored = [each for each in kiosk.events() if each.kind == "DATABASE_RESTORED"]
    assert count and kiosk.send(restored).json()["parked"] == []


def test_the_key_of_the_tests_is_the_kiosks(kiosk: Journal) -> None:
    assert kiosk.store.submit(lambda writer: writer.journal_key).result() == (
        journal_key(LOCATION_KEY)
    )
