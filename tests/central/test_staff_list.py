"""The list of staff by its versions: nothing is written per location, and each kiosk ends with the
list that counts, whatever was lost or restored on the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
from alembic import command as alembic
from click.testing import CliRunner
from sqlalchemy import create_engine, event, insert

from central import schema
from central.auth import Role
from central.command_line import cli
from central.database import alembic_config
from central.retention import STAFF_VERSIONS_DAYS
from central.sync import signing
from kiosk.model.clock import DAY_MS
from kiosk.model.commands import ListStaff
from kiosk.model.person import StaffSource
from kiosk.store import staff as kiosk_staff
from kiosk.store.errors import NotDoneError
from kiosk.store.staff import BITE
from kiosk.store.writer import Writer
from kiosk.sync.contract import STAFF_PAGE_MAX, SyncAnswer
from kiosk.sync.receiving import receive
from tests.support.central_server import LOCATION, Journal, Server
from tests.support.operators import Browser, sync
from tests.support.staff_lists import ListedAt, add, add_many, change_many, remove, set_digits


@pytest.fixture
def site(tmp_path: Path, server: Server) -> Iterator[ListedAt]:
    made = ListedAt(tmp_path / "site", server)
    yield made
    made.journal.store.close()


def rows_written(server: Server) -> dict[str, int]:
    """How many rows each table has that a change of the list may write to."""
    tables = (
        schema.staff,
        schema.staff_list,
        schema.staff_list_version,
        schema.command,
        schema.audit,
        schema.location,
    )
    return {table.name: len(server.rows(table)) for table in tables}


def test_a_new_courier_writes_as_many_rows_at_many_locations_as_at_one(server: Server) -> None:
    written = []
    for number, count in (("17", 1), ("18", 200)):

        def enrolled(connection: object, count: int = count) -> None:
            for place in range(count):
                row = {"id": f"place-{count}-{place}", "token_hash": f"{count} {place}"}
                connection.execute(insert(schema.location).values(**row))  # type: ignore[attr-defined]

        server.write(enrolled)
        before = rows_written(server)
        add(server, number)
        after = rows_written(server)
        written.append({name: after[name] - before[name] for name in after})
    assert written[0] == written[1]
    assert written[1]["command"] == 0


def test_another_signing_key_writes_no_command_before_its_kiosk_comes(
    site: ListedAt, server: Server
) -> None:
    site.sync()
    key, count = server.write(signing.rotate, server.central, "test")
    assert (count, server.rows(schema.command)) == (1, [])
    for _ in range(2):
        site.sync()
    [row] = server.rows(schema.command)
    assert (row.type, row.state) == ("trust_key", "APPLIED")
    assert site.client._identity.public_key == key
    add(server, "17")
    site.sync()
    assert site.numbers() == {"17"}, "the list is signed with the key that the kiosk trusts"


def test_who_is_listed_changed_and_removed_is_so_at_the_kiosk_with_the_next_sync(
    site: ListedAt, server: Server
) -> None:
    for number in ("17", "18"):
        add(server, number)
    site.sync()
    assert site.numbers() == {"17", "18"}
    assert site.members()["17"].source is StaffSource.SERVER
    add(server, "17", "technician")
    add(server, "19")
    remove(server, "18")
    site.sync()
    assert {number: each.role.value for number, each in site.members().items()} == {
        "17": "technician",
        "19": "courier",
    }
    assert site.listed() == [["17", "18"], ["17", "18", "19"]]
    assert server.rows(schema.command) == [], "it is no command any more"
    assert server.alarms() == []


def test_only_what_changed_is_fetched_and_only_when_it_changed(
    site: ListedAt, server: Server
) -> None:
    add(server, "17")
    site.sync()
    first = site.version()
    site.sync()
    add(server, "18")
    site.sync()
    assert site.asked == [0, first]


def test_a_long_list_comes_in_pages_and_is_taken_at_once(site: ListedAt, server: Server) -> None:
    numbers = [f"{number:04d}" for number in range(1000, 1000 + 2 * STAFF_PAGE_MAX + 1)]
    set_digits(server, 4)
    add_many(server, numbers)
    fetched = site.client._ask_staff

    def broken(since: int, question: str) -> bytes:
        if since:
            raise requests.ConnectionError("the line is gone")
        return fetched(since, question)

    site.client._ask_staff = broken  # type: ignore[method-assign]
    site.sync()
    assert site.numbers() == set(), "a part of a list is none"
    site.client._ask_staff = fetched  # type: ignore[method-assign]
    site.journal.clock.wall_ms += 120_000
    site.sync()
    assert site.numbers() == set(numbers)
    assert len(site.asked) == 4
    remove(server, numbers[7])
    site.sync()
    assert site.numbers() == {*numbers} - {numbers[7]}


def test_a_long_list_is_taken_in_bites_and_is_a_sound_list_after_each(
    site: ListedAt, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two bites a door's pulse goes out."""
    numbers = [f"{number}" for number in range(1000, 1000 + 4 * BITE)]
    set_digits(server, 4)
    add_many(server, numbers)
    site.sync()
    assert site.numbers() == set(numbers)
    stay, leave = numbers[::2], numbers[1::2]
    change_many(server, stay, role="technician")
    change_many(server, leave, removed_ms=server.clock.wall_ms)
    submit, seen = site.journal.store.submit, [site.journal.do(roles)]

    def noted(operation: Any, *args: Any) -> Any:
        answer = submit(operation, *args)
        answer.result()
        seen.append(submit(roles).result())
        return answer

    with monkeypatch.context() as until:
        until.setattr(site.journal.store, "submit", noted)
        site.sync()
    assert seen[-1] == dict.fromkeys(stay, "technician")
    for before, after in pairwise(seen):
        changed = {number for number, _ in before.items() ^ after.items()}
        assert len(changed) <= BITE, "so many wait behind one write"
    for each in seen:
        assert set(stay) <= each.keys(), "who stays is always on the list"


def roles(writer: Writer) -> dict[str, str]:
    return {each.number: each.role.value for each in kiosk_staff.members(writer)}


def test_a_list_that_was_cut_off_between_two_bites_is_taken_again(
    site: ListedAt, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [f"{number}" for number in range(1000, 1000 + 3 * BITE)]
    set_digits(server, 4)
    add_many(server, numbers)
    submit, count = site.journal.store.submit, 0

    def cut(operation: Any, *args: Any) -> Any:
        nonlocal count
        count += operation is kiosk_staff._take_some
        if count == 3:
            raise NotDoneError("the power is gone")
        return submit(operation, *args)

    with monkeypatch.context() as until, pytest.raises(NotDoneError):
        until.setattr(site.journal.store, "submit", cut)
        site.sync()
    assert site.numbers() == set(numbers[: 2 * BITE])
    assert site.version() == 0, "it is not here before all of it is"
    assert site.journal.do(kiosk_staff.number_digits) == 4
    site.begin()
    site.sync()
    assert site.numbers() == set(numbers)
    listed = [number for some in site.listed() for number in some]
    assert listed == numbers, "each is journaled once"


def test_each_location_has_its_own_people(site: ListedAt, server: Server) -> None:
    server.add_location("elsewhere")
    add(server, "17", locations="elsewhere")
    add(server, "18", locations=LOCATION.id)
    site.sync()
    assert site.numbers() == {"18"}
    add(server, "18", locations="elsewhere")
    add(server, "17")
    site.sync()
    assert site.numbers() == {"17"}


def test_a_kiosk_works_with_its_last_list_while_the_server_is_away(
    site: ListedAt, server: Server
) -> None:
    add(server, "17")
    site.sync()
    server.stop()
    with pytest.raises(requests.RequestException):
        site.client.sync_once()
    assert site.numbers() == {"17"}
    server.start()


def test_a_list_that_did_not_change_is_confirmed_so_that_its_couriers_stay(
    site: ListedAt, server: Server
) -> None:
    add(server, "17")
    site.sync()
    for _ in range(9):
        site.journal.clock.wall_ms += DAY_MS
        server.clock.wall_ms += DAY_MS
        site.sync()
    assert site.members()["17"].may_work(site.journal.clock.now())
    assert site.listed() == [["17"]], "nothing is journaled where nobody changed"
    site.journal.clock.wall_ms += 8 * DAY_MS
    assert not site.members()["17"].may_work(site.journal.clock.now())


def test_a_restored_kiosk_has_the_list_that_counts(site: ListedAt, server: Server) -> None:
    add(server, "17")
    site.sync()
    backup = site.journal.back_up("copy")
    remove(server, "17")
    add(server, "18")
    site.sync()
    site.journal.restore(backup, None)
    site.begin()
    assert site.numbers() == {"17"}
    site.sync()
    assert site.numbers() == {"18"}


@pytest.mark.sqlite_only("brings a copy of the database's file back")
@pytest.mark.parametrize("is_changed_after", [False, True])
def test_after_the_server_was_restored_its_list_counts(
    site: ListedAt, server: Server, tmp_path: Path, is_changed_after: bool
) -> None:
    add(server, "17")
    site.sync()
    copy = tmp_path / "copy.db"
    assert run(server, "backup", str(copy)) == 0
    add(server, "18")
    site.sync()
    assert site.numbers() == {"17", "18"}
    server.stop()
    assert run(server, "restore", str(copy)) == 0
    server.start()
    if is_changed_after:
        add(server, "19")
    site.sync()
    assert site.numbers() == ({"17", "19"} if is_changed_after else {"17"})
    assert server.alarms() == []


def run(server: Server, *arguments: str) -> int:
    return CliRunner().invoke(cli, ["--data", str(server.folder), *arguments]).exit_code


def test_a_server_that_forgot_everybody_counts_and_one_that_never_listed_anybody_does_not(
    site: ListedAt, server: Server
) -> None:
    add(server, "17")
    site.sync()
    server.write(lambda c: c.execute(schema.staff.delete()))
    server.write(lambda c: c.execute(schema.staff_list_version.delete()))
    server.write(lambda c: c.execute(schema.staff_list.update().values(version=0)))
    kept = site.journal.do(kiosk_staff.members)
    site.journal.do(kiosk_staff.forget_server_list)
    site.sync()
    assert site.numbers() == {"17"}, "enrolled at another server, which has no list"
    whole = kiosk_staff.ListChange(5, 2, True, kept)
    kiosk_staff.take_server_list(whole, site.journal.store.submit)
    site.sync()
    assert site.numbers() == set()


def test_old_versions_are_forgotten_and_who_has_one_of_them_fetches_the_whole_list(
    site: ListedAt, server: Server
) -> None:
    add(server, "17")
    site.sync()
    away = site.version()
    remove(server, "17")
    add(server, "18")
    server.clock.wall_ms += (STAFF_VERSIONS_DAYS - 1) * DAY_MS
    server.tidy(server.clock.wall_ms)
    known = server.rows(schema.staff_list_version)
    assert away in {row.version for row in known}, "it may come back yet"
    server.clock.wall_ms += 2 * DAY_MS
    add(server, "19")
    server.tidy(server.clock.wall_ms)
    counts = site.server.rows(schema.staff_list)[0].version
    assert [row.version for row in server.rows(schema.staff_list_version)] == [counts]
    site.sync()
    assert site.asked[-1] == away
    assert site.numbers() == {"18", "19"}
    assert site.version() == counts


def test_a_list_that_nobody_changes_keeps_its_version(site: ListedAt, server: Server) -> None:
    add(server, "17")
    site.sync()
    before = site.version()
    server.clock.wall_ms += 400 * DAY_MS
    server.tidy(server.clock.wall_ms)
    [row] = server.rows(schema.staff_list_version)
    assert row.version == before
    site.sync()
    assert site.version() == before


# --- one version older or newer ------------------------------------------------------------------


def test_a_kiosk_of_an_earlier_version_gets_its_list_as_a_command_once_for_each_version(
    server: Server, kiosk: Journal
) -> None:
    sync(kiosk)
    add(server, "17")
    set_digits(server, 3)
    add(server, "118")
    for _ in range(2):
        sync(kiosk)
    (row,) = server.rows(schema.command)
    assert row.type == "staff"
    [listed] = [receive(each).command for each in sync(kiosk).commands]
    assert isinstance(listed, ListStaff)
    assert [each.number for each in listed.staff] == ["17"], "it knows numbers of two digits"


def test_a_kiosk_at_a_server_of_an_earlier_version_takes_its_list_as_a_command(
    site: ListedAt, server: Server
) -> None:
    earlier = SyncAnswer.model_validate({"acked": {}, "now_ms": 0, "next_sync_s": 1})
    assert earlier.staff_version is None
    body = {"number": "17", "name": "Kim", "role": "courier", "pin_hash": "x"}
    add(server, "18")
    site.sync()
    site.journal.do(
        lambda writer: kiosk_staff.list_staff(
            writer,
            [kiosk_staff.person_of(person, 0) for person in ListStaff(staff=[body]).staff],
            StaffSource.SERVER,
        )
    )
    assert site.numbers() == {"17"}
    site.client._take_staff(earlier.staff_version)
    assert site.numbers() == {"17"}
    site.sync()
    assert site.numbers() == {"18"}, "a server that has versions again counts"


def test_who_was_listed_before_the_update_stays_listed(tmp_path: Path) -> None:
    folder = tmp_path / "central"
    folder.mkdir()
    engine = create_engine(f"sqlite:///{folder / 'central.db'}")

    @event.listens_for(engine, "connect")
    def _plain(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    with engine.connect() as connection, connection.begin():
        alembic.upgrade(alembic_config(connection), "0022")
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(
            "INSERT INTO staff (number, name, removed_ms) VALUES ('17', '', NULL), ('18', '', 5)"
        )
    with engine.connect() as connection, connection.begin():
        alembic.upgrade(alembic_config(connection), "head")
    engine.dispose()
    with closing(sqlite3.connect(folder / "central.db")) as database:
        versions = database.execute("SELECT version FROM staff ORDER BY number").fetchall()
        (now,) = database.execute("SELECT version FROM staff_list").fetchone()
        known = database.execute("SELECT count(*) FROM staff_list_version").fetchone()
        with pytest.raises(sqlite3.IntegrityError):
            database.execute("INSERT INTO staff (number) VALUES ('1')")
        database.execute("INSERT INTO staff (number) VALUES ('123456')")
    assert 0 < versions[0][0] < versions[1][0] == now
    assert known == (2,)


# --- numbers -------------------------------------------------------------------------------------


def test_numbers_have_as_many_digits_as_the_network_says(site: ListedAt, server: Server) -> None:
    browser = Browser(server, Role.ADMIN)
    form = {"name": "Kim", "role": "courier", "pin": "4711", "locations": "*"}
    refused = browser.post("/staff", number="1234", **form)
    assert "two digits" in refused.text
    add(server, "17")
    assert run(server, "staff", "digits", "13") != 0
    site.sync()
    assert set_digits(server, 4) == 0, "every kiosk has said that it takes them"
    assert "1234 is listed" in browser.post("/staff", number="1234", **form).text
    assert "0005 is listed" in browser.post("/staff", number="0005", **form).text
    site.sync()
    assert site.numbers() == {"17", "05", "1234"}, "17 is the same person as 0017"
    assert site.journal.do(kiosk_staff.number_digits) == 4
    page = browser.get("/staff").text
    assert "0017" in page and "1234" in page
    assert "1234 is longer" in server_error(server, 3)
    browser.post("/staff/1234/remove")
    assert set_digits(server, 3) == 0
    site.sync()
    assert site.numbers() == {"17", "05"}
    assert site.journal.do(kiosk_staff.number_digits) == 3


def server_error(server: Server, digits: int) -> str:
    with pytest.raises(Exception, match="longer") as error:
        set_digits(server, digits)
    return str(error.value)
