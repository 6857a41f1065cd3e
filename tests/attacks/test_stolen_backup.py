"""Who steals a backup, or the database alone, reads nobody's name and number, and tries no PIN."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command as alembic
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, event, select, update

from central import resealing, schema, tokens
from central.areas.visible import NETWORK
from central.auth import Role
from central.building import build
from central.command_line import cli
from central.database import alembic_config
from central.errors import CannotServeError
from central.operators import accounts
from central.pages.search_page import everything
from central.sealing import sealed_columns
from central.settings import Settings
from central.sync import staff
from central.sync.staff_list import page_of
from kiosk.store import staff as kiosk_staff
from tests.support.central_server import LOCATION_KEY, Journal, Mailbox, Server, announce
from tests.support.operators import PASSWORD, Browser, obey, sync

ROOT = Path(__file__).parents[2]
PERSON = {
    "name": "Ottokar Quendolin",
    "email": "ottokar.quendolin@mail.example",
    "phone": "+491715550123",
    "user_id": "customer-quendolin-7",
    "language": "de",
}
OPERATOR = "dispatch@example.org"
COURIER, PIN = "Wilhelmine Zaunkoenig", "4711"
PIN_HASH = "$argon2id$v=19$m=32768,t=3,p=1$c29tZSBzYWx0$3mUQWw1hDnGG1E"
SECRETS = ("quendolin", "ottokar", "1715550123", "zaunkoenig", "argon2", "dispatch@")
"""What none may find, in any case; and what a PIN could be tried against."""


def command(server: Server, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--data", str(server.folder), *arguments])


def found_in(folder: Path) -> list[str]:
    """What lies readable in the files of a folder, but for the key."""
    found = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            held = file.read_bytes()
            for secret in SECRETS:
                for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                    if secret.encode(encoding) in held.lower():
                        found.append(f"{file.name}: {secret}")
    return found


@pytest.fixture
def lived(server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]) -> Server:
    """A server that knows a person, a courier and an operator, and has sent a message."""
    operator = (OPERATOR, COURIER, Role.ADMIN, PASSWORD)
    server.write(accounts.add_user, server.central, "test", *operator)
    server.write(staff.add, server.central, OPERATOR, "11", COURIER, "courier", PIN)
    server.write(staff.give_badge, server.central, OPERATOR, "11")
    assert announce(server, server.add_key(), "A", recipient=PERSON).ok
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    mailbox[1].wait_for(1)
    said = f"550 <{PERSON['email']}>: greylisted"
    server.write(lambda c: c.execute(update(schema.notification).values(error=said)))
    return server


def test_a_stolen_backup_names_nobody_and_no_pin_can_be_tried(
    lived: Server, tmp_path: Path
) -> None:
    stolen = tmp_path / "stolen"
    stolen.mkdir()
    assert command(lived, "backup", str(stolen / "copy.db")).exit_code == 0
    assert found_in(stolen) == []
    shutil.copytree(lived.folder, stolen / "running", ignore=shutil.ignore_patterns("*.key"))
    assert found_in(stolen) == [], "the files of the running server tell more"
    (stolen / "control").write_text(f"as {PERSON['name']} had it", encoding="utf-16-le")
    assert found_in(stolen), "the search finds nothing at all"


def test_the_operators_still_find_people_and_the_kiosk_still_knows_its_courier(
    lived: Server, kiosk: Journal
) -> None:
    viewer = Browser(lived, Role.VIEWER)
    for text in ("Quendolin", "quen", "otto quend", PERSON["email"], PERSON["phone"]):
        assert PERSON["name"] in viewer.get(f"/packages?q={text.replace('+', '%2B')}").text, text
    assert PERSON["name"] not in viewer.get("/packages?q=quenx").text
    assert "Staff add" in viewer.get("/audit?q=dispatch@example.org").text
    [courier] = [each for each in kiosk.do(kiosk_staff.members) if each.number == "11"]
    assert courier.name == COURIER


def earlier(file: Path) -> None:
    """Make a server's database what it was before anything in it was sealed."""
    with contextlib.closing(sqlite3.connect(file)) as plain, plain:
        plain.execute(
            "INSERT INTO recipient (id, name, email, phone, created_ms) VALUES ('r', ?, ?, ?, 1)",
            (PERSON["name"], PERSON["email"], PERSON["phone"]),
        )
        plain.executemany(
            "INSERT INTO recipient (id, name, created_ms) VALUES (?, ?, 1)",
            [(f"r-{n}", f"Ottokar {n}") for n in range(2 * resealing.BITE)],
        )
        plain.execute(
            "INSERT INTO user_account (id, email, name, password_hash) VALUES ('u', ?, ?, ?)",
            (OPERATOR, COURIER, PIN_HASH),
        )
        plain.execute(
            "INSERT INTO package (id, location, barcode, owner, recipient)"
            " VALUES ('p', 'sample', 'A', ?, 'r')",
            (PERSON["user_id"],),
        )
        plain.execute(
            "INSERT INTO staff (number, name, pin_hash) VALUES ('11', ?, ?)",
            (COURIER, PIN_HASH),
        )
        plain.execute(
            'INSERT INTO command (location, n, id, type, body, "by")'
            " VALUES ('sample', 7, 'c', 'staff', ?, 'dispatch@example.org')",
            (f'{{"staff": [{{"name": "{COURIER}", "pin_hash": "{PIN_HASH}"}}]}}',),
        )
        plain.execute(
            'INSERT INTO audit (id, action, "by", subject, detail)'
            " VALUES ('a', 'user.add', 'dispatch@example.org', 'dispatch@example.org', ?)",
            (f'{{"name": "{COURIER}"}}',),
        )
        plain.execute(
            "INSERT INTO notification (id, kind, package, recipient, error)"
            " VALUES ('n', 'stored', 'p', 'r', ?)",
            (f"550 <{PERSON['email']}>",),
        )


@pytest.fixture
def plain(server: Server) -> Server:
    """A server that stands still, with the database of an earlier version."""
    server.stop()
    file = server.folder / "central.db"
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    engine = create_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def _plain(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    with engine.connect() as connection, connection.begin():
        alembic.upgrade(alembic_config(connection), "0006")
        connection.exec_driver_sql("INSERT INTO location (id, token_hash) VALUES ('sample', 'x')")
    engine.dispose()
    earlier(file)
    assert len(found_in(server.folder)) >= len(SECRETS)
    return server


def test_what_an_earlier_version_kept_is_sealed_by_the_next_start(plain: Server) -> None:
    plain.start()
    assert found_in(plain.folder) == [], "the file, its free pages or its log hold it still"
    (person,) = [row for row in plain.rows(schema.recipient) if row.id == "r"]
    assert (person.name, person.email) == (PERSON["name"], PERSON["email"])
    [found] = plain.central.database.read(everything, NETWORK, "quendolin")["packages"]
    assert found["person"] == PERSON["name"]
    known = plain.central.database.read(accounts.find, OPERATOR.upper())
    assert (known.email, known.password_hash) == (OPERATOR, PIN_HASH)
    listed = plain.central.database.read(page_of, "sample", 0).listed
    assert [(each.name, each.pin_hash) for each in listed] == [(COURIER, PIN_HASH)]
    plain.stop()
    assert found_in(plain.folder) == []


def test_a_start_that_is_cut_off_seals_the_rest_the_next_time(
    plain: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, bites = resealing._seal_row, 0

    def cut(*args: Any) -> None:
        nonlocal bites
        bites += 1
        if bites > resealing.BITE + 10:
            raise RuntimeError("the power went")
        whole(*args)

    monkeypatch.setattr(resealing, "_seal_row", cut)
    with pytest.raises(RuntimeError, match="the power went"):
        build(plain.central.settings)
    monkeypatch.undo()
    plain.start()
    assert found_in(plain.folder) == []
    names = {row.name for row in plain.rows(schema.recipient)}
    assert len(names) == 2 * resealing.BITE + 1


def test_another_key_is_refused_before_anything_is_lost(lived: Server) -> None:
    lived.stop()
    key = lived.folder / "central.key"
    right = key.read_bytes()
    key.write_bytes(bytes(32))
    with pytest.raises(CannotServeError, match="is not the key"):
        lived.start()
    key.write_bytes(right)
    lived.start()
    assert [row.name for row in lived.rows(schema.recipient)] == [PERSON["name"]]


def test_nobodys_pin_hash_serves_another(lived: Server) -> None:
    lived.write(staff.add, lived.central, "test", "12", "Chief", "technician", "258013")
    number = schema.staff.c.number
    own = select(schema.staff.c.pin_hash).where(number == "11").scalar_subquery()
    lived.write(
        lambda c: c.execute(update(schema.staff).where(number == "12").values(pin_hash=own))
    )
    listed = lived.central.database.read(page_of, "sample", 0).listed
    assert [each.number for each in listed] == ["11"], "12 signs in with the PIN of 11"


def test_a_rotated_key_reads_what_the_stolen_one_does_not(lived: Server, tmp_path: Path) -> None:
    busy = command(lived, "rotate-key").exception
    assert isinstance(busy, CannotServeError), "under a running server"
    lived.stop()
    key = lived.folder / "central.key"
    old = key.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "end_change", cut_off)
        assert isinstance(command(lived, "rotate-key").exception, PowerCutError)
    assert command(lived, "rotate-key").exit_code == 0, "it goes on where it was stopped"
    assert len(key.read_bytes()) == 2 * tokens.KEY_BYTES
    assert key.stat().st_mode & 0o077 == 0
    thief = tmp_path / "thief"
    shutil.copytree(lived.folder, thief)
    (thief / "central.key").write_bytes(old)
    with pytest.raises(CannotServeError, match="is not the key"):
        build(Settings(data=thief))
    lived.start()
    assert [row.name for row in lived.rows(schema.recipient)] == [PERSON["name"]]
    [found] = lived.central.database.read(everything, NETWORK, "quendolin")["packages"]
    assert found["person"] == PERSON["name"]
    assert lived.central.database.read(page_of, "sample", 0).listed[0].name == COURIER
    [location] = lived.rows(schema.location)
    assert lived.central.secrets.open(location.key_sealed) == LOCATION_KEY


class PowerCutError(Exception):
    """The power goes."""


def cut_off(*_: Any) -> None:
    raise PowerCutError


def test_a_backup_brings_nobody_back_who_asked_to_be_forgotten(
    lived: Server, kiosk: Journal, tmp_path: Path
) -> None:
    file = tmp_path / "copy.db"
    assert command(lived, "backup", str(file)).exit_code == 0
    [package] = lived.rows(schema.package)
    kiosk.take_out(package.id)
    sync(kiosk)
    neighbour = {**PERSON, "name": "Nele", "email": "nele@mail.example", "phone": "+4917155502"}
    assert announce(lived, lived.add_key(), "B", recipient=neighbour).ok
    lived.write(staff.remove, lived.central, "test", "11")
    assert command(lived, "person", "erase", PERSON["email"]).exit_code == 0
    said = (lived.folder / "forgotten.jsonl").read_text()
    assert not [secret for secret in SECRETS if secret in said.lower()]
    lived.stop()
    assert command(lived, "restore", str(file)).exit_code == 0
    lived.start()
    [person] = lived.rows(schema.recipient)
    assert (person.name, person.email, person.phone) == ("", "", "")
    assert lived.rows(schema.recipient_word) == []
    assert lived.central.database.read(page_of, "sample", 0).listed == ()
    # Whoever comes back later does so of their own will, and stays.
    assert announce(lived, lived.add_key(), "C", recipient=PERSON).ok
    lived.stop()
    lived.start()
    assert PERSON["name"] in [row.name for row in lived.rows(schema.recipient)]


def noted(server: Server, revision: str) -> None:
    """As a server left it that sealed everything at this migration."""
    file = server.folder / "central.db"
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        [said] = database.execute(
            "SELECT value FROM meta WHERE key = ?", (resealing.DONE,)
        ).fetchone()
        key, _, *columns = said.split(" ")
        database.execute(
            "UPDATE meta SET value = ? WHERE key = ?",
            (" ".join((key, revision, *columns)), resealing.DONE),
        )


@pytest.mark.parametrize(("revision", "walks"), [("0025", True), (resealing.WROTE_LAST, False)])
def test_every_row_is_read_again_only_after_a_migration_that_wrote_some(
    lived: Server, monkeypatch: pytest.MonkeyPatch, revision: str, walks: bool
) -> None:
    lived.stop()
    noted(lived, revision)
    walked: list[str] = []
    whole = resealing._seal_table

    def watch(database: Any, table: Any, sealing: Any) -> int:
        walked.append(table.name)
        return whole(database, table, sealing)

    monkeypatch.setattr(resealing, "_seal_table", watch)
    lived.start()

    assert bool(walked) is walks


def test_no_later_migration_writes_what_is_to_be_sealed() -> None:
    tables = "|".join(t.name for t in schema.metadata.sorted_tables if sealed_columns(t))
    writes = re.compile(
        rf"(UPDATE|INTO)\s+({tables})\b|\b({tables})\.(update|insert)\(|bulk_insert\(\s*({tables})\b"
    )
    files = sorted((ROOT / "central/migrations/versions").glob("0*.py"))
    found = [each.name[:4] for each in files if writes.search(each.read_text(encoding="utf-8"))]

    assert found, "the search finds nothing at all"
    assert max(found) <= resealing.WROTE_LAST, "it writes what is personal: name it in WROTE_LAST"
