"""One bad row hurts nobody else: pages show "–" for it, and each worker goes on with the next."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import IntegrityError, OperationalError

from central import links, schema
from central.auth import Role
from central.notify.worker import WAITS_MS
from central.sync import staff
from kiosk.model.clock import DAY_MS
from kiosk.model.commands import ListStaff
from kiosk.store import packages
from kiosk.sync.receiving import receive
from tests.support.central_server import (
    EVA,
    LOCATION,
    NOW_MS,
    Journal,
    Mailbox,
    Server,
    announce,
    wait_until,
)
from tests.support.hostile_journal import API, PAGES
from tests.support.operators import Browser, obey, sync

NUMBERS = (2**62, -(2**62), -1)
TEXTS = (
    "null",
    "[]",
    "{",
    "",
    "garbage",
    '{"boards":[{}],"doors":5,"queue":"x","slots":[{"label":"1"}],"sizes":3}',
    '{"boards":7,"slots":[[]],"screen":[],"rows":[["slot",{}],["intent",5]]}',
    "\u202e<script>" + "9" * 400,
)
REALS = (89.99, -89.99, 0.0)
KEPT = {"user_account", "operator_session", "meta"}
"""The operators who look, and what the database says of itself."""


def spoil(connection: Connection, turn: int) -> int:
    """Set each column of each row to something that no version writes; how many were."""
    connection.execute(text("PRAGMA defer_foreign_keys = on"))
    count = 0
    for table in schema.metadata.sorted_tables:
        if table.name in KEPT:
            continue
        for column in table.columns:
            if (
                column.primary_key
                or column.foreign_keys
                or column.name in ("token_hash", "key_hash")
            ):
                continue
            kind = str(column.type.compile(connection.dialect))
            values: tuple[Any, ...] = NUMBERS if "INT" in kind else TEXTS
            values = REALS if kind == "REAL" else values
            count += _set(connection, table, column.name, values[turn % len(values)])
    return count


def _set(connection: Connection, table: Table, column: str, value: Any) -> int:
    savepoint = connection.begin_nested()
    try:
        statement = text(f'UPDATE "{table.name}" SET "{column}" = :value')
        done = connection.execute(statement, {"value": value}).rowcount
    except (IntegrityError, OperationalError):
        savepoint.rollback()
        return 0
    savepoint.commit()
    return done


@pytest.fixture
def key(server: Server, kiosk: Journal) -> dict[str, str]:
    """A location where much has happened; a sender's key."""
    key = server.add_key()
    for barcode in ("A", "B", "C"):
        announce(server, key, barcode)
    announce(server, server.add_key(), "C")
    obey(kiosk)
    for barcode in ("A", "B", "C", "D"):
        kiosk.put_in(barcode)
    kiosk.take_out(kiosk.do(packages.live_by_barcode, "A").id)
    sync(kiosk)
    return key


@pytest.mark.parametrize("turn", range(len(TEXTS)))
def test_no_page_fails_whatever_a_row_says(
    server: Server, kiosk: Journal, key: dict[str, str], turn: int
) -> None:
    admin = Browser(server, Role.ADMIN)
    ids = [row.id for row in server.rows(schema.package)]
    assert server.write(spoil, turn) > 50
    assert "locker_location_queue" in server.metrics()
    failed = []
    for page in (*PAGES, "/disputed", *(f"/packages/{quote(id_, safe='')}" for id_ in ids)):
        shown = admin.get(page)
        if shown.status_code != 200:
            failed.append((page, shown.status_code))
    paths = [*API, f"/v1/locations/{LOCATION.id}", "/v1/locations/nearest?lat=52.5&lon=13.4"]
    paths += [f"/v1/packages/{id_}{what}" for id_ in ids for what in ("", "/history")]
    for path in paths:
        shown = requests.get(server.url + path, headers=key, timeout=20)
        if shown.status_code >= 500:
            failed.append((path, shown.status_code))
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", f"/v1/packages/{id_}/{what}", form)
        for id_ in ids
        for what, form in (("extend", {"days": 1}), ("code", {"user_id": "eva"}), ("cancel", {}))
    ]
    asked += [("PUT", f"/v1/packages/{id_}/recipient", EVA) for id_ in ids]
    for method, path, form in asked:
        answer = requests.request(method, server.url + path, json=form, headers=key, timeout=20)
        if answer.status_code >= 500:
            failed.append((path, answer.status_code))
    assert failed == []


def test_what_is_no_time_is_shown_as_a_dash(server: Server, key: dict[str, str]) -> None:
    table = schema.package
    bad, good = [row.id for row in server.rows(table) if row.status == "STORED"][:2]
    admin = Browser(server, Role.ADMIN)
    before = admin.get(f"/packages/{good}").text
    values = {"hold_until_ms": 2**62, "announced_ms": -(2**62), "slot": None, "size": None}
    server.write(lambda c: c.execute(table.update().where(table.c.id == bad).values(**values)))
    shown = admin.get(f"/packages/{bad}").text
    assert "<dt>Held until</dt><dd>–</dd>" in shown
    assert "<dt>Announced</dt><dd>–</dd>" in shown
    assert admin.get(f"/packages/{good}").text == before
    person = next(row.recipient for row in server.rows(table) if row.id == bad)
    link = links.link_to(server.central, bad, person)
    seen = requests.get(f"{server.url}{urlsplit(link).path}", timeout=20)
    assert (seen.status_code, "until –" in seen.text) == (200, True)


# --- workers -------------------------------------------------------------------------------------


def test_each_message_is_settled_whatever_becomes_of_the_others(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    key = server.add_key()
    people = ["channels", "kind", "hold", "well-1", "well-2"]
    ids = {}
    for name in people:
        person = {"name": name, "email": f"{name}@example.org"}
        ids[name] = announce(server, key, name.upper(), recipient=person).json()["id"]
    obey(kiosk)
    for name in people:
        kiosk.put_in(name.upper())

    def poison(connection: Connection) -> None:
        """From the moment when they are written on; all are due together."""
        for sql in (
            "CREATE TRIGGER bad_kind AFTER INSERT ON notification WHEN NEW.package = '{kind}'"
            " BEGIN UPDATE notification SET kind = 'no kind', facts = '[' WHERE id = NEW.id; END",
            "CREATE TRIGGER bad_hold AFTER INSERT ON notification WHEN NEW.package = '{hold}'"
            " BEGIN UPDATE package SET hold_until_ms = 4611686018427387904 WHERE id = '{hold}';"
            " END",
            "UPDATE recipient SET channels = '{{' WHERE id ="
            " (SELECT recipient FROM package WHERE id = '{channels}')",
            "UPDATE location SET time_zone = 'Nowhere/At all', channels = '7'",
        ):
            connection.execute(text(sql.format(**ids)))

    server.write(poison)
    sync(kiosk)

    def is_settled() -> bool:
        rows = [row for row in server.rows(schema.notification) if row.kind == "stored"]
        return bool(rows) and all(row.status == "sent" for row in rows)

    mailbox[1].wait_for(4)
    wait_until(is_settled)
    reached = sorted(mailbox[1].recipients)
    assert reached == sorted(
        f"{name}@example.org" for name in ("channels", "hold", "well-1", "well-2")
    )

    def error_of_kind() -> str:
        rows = [row for row in server.rows(schema.notification) if row.package == ids["kind"]]
        return " ".join(row.error for row in rows)

    assert error_of_kind().strip() == "", "a newer server may know it"
    server.clock.wall_ms += WAITS_MS + 60_000
    wait_until(lambda: "no kind" in error_of_kind())


def test_what_stands_in_the_way_of_a_message_keeps_no_fact_out(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    key = server.add_key()
    ids = {name: announce(server, key, name).json()["id"] for name in ("BAD", "GOOD")}
    obey(kiosk)
    trigger = (
        f"CREATE TRIGGER no_message BEFORE INSERT ON notification WHEN NEW.package = '{ids['BAD']}'"
        " BEGIN SELECT RAISE(ABORT, 'the disk says no'); END"
    )
    server.write(lambda c: c.execute(text(trigger)))
    for name in ("BAD", "GOOD"):
        kiosk.put_in(name)
    assert sync(kiosk).parked == ()
    mailbox[1].wait_for(1)
    status = {row.id: row.status for row in server.rows(schema.package)}
    assert status == {ids["BAD"]: "STORED", ids["GOOD"]: "STORED"}
    assert server.alarms() == ["alarm:not-notified"]


def test_each_part_of_the_housekeeping_goes_on_without_the_others(
    server: Server, kiosk: Journal
) -> None:
    kiosk.put_in("UNANNOUNCED")
    sync(kiosk)
    trigger = (
        "CREATE TRIGGER no_alarm BEFORE UPDATE OF unjoined_told_ms ON package"
        " BEGIN SELECT RAISE(ABORT, 'the disk says no'); END"
    )
    minute = schema.minute_status
    server.write(lambda c: c.execute(text(trigger)))
    later_ms = NOW_MS + 400 * DAY_MS
    server.tidy(later_ms)
    assert server.rows(minute) == []
    assert server.alarms() == []
    server.write(lambda c: c.execute(text("DROP TRIGGER no_alarm")))
    server.tidy(later_ms)
    assert server.alarms() == ["alarm:unjoined"]


def test_a_command_and_a_member_of_staff_that_are_damaged_hold_up_no_other(
    server: Server, kiosk: Journal
) -> None:
    for number in ("17", "18"):
        server.write(staff.add, server.central, "test", number, "Kim", "courier", "471166", "*")
    announce(server, server.add_key(), "A")
    deep = "[" * 100_000

    def poison(connection: Connection) -> None:
        for sql in (
            "UPDATE staff SET pin_hash = 'nothing that opens' WHERE number = '17'",
            "INSERT INTO command (location, n, id, type, body) VALUES"
            " ('sample', 1000, 'deep', 'cancel', :deep), ('sample', 1001, 'x', 'extend', '{}')",
        ):
            connection.execute(text(sql), {"deep": deep} if ":deep" in sql else {})

    server.write(poison)
    announce(server, server.add_key(), "B")
    sent = [receive(each) for each in sync(kiosk).commands]
    assert [each.type for each in sent].count("announce") == 2
    [listed] = [each.command for each in sent if isinstance(each.command, ListStaff)]
    assert [each.number for each in listed.staff] == ["18"]
    states = {row.id: row.state for row in server.rows(schema.command)}
    assert (states["deep"], states["x"]) == ("REFUSED", "REFUSED")
