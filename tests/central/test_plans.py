"""No hot statement reads a whole table: what a filled server really asks its database is explained.

Every statement that the pages, the API, the sync, the messages and the housekeeping send is caught
on its way, and the database says by which plan it answers it. A new query without an index fails.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, event, func, select

from central import counted_tables, housekeeping, schema
from central.areas import tree
from central.auth import Role
from central.database.partitions import months_of
from central.monitoring import figures
from central.pages.paths import HOME
from central.retention import prune
from central.sync import moving
from kiosk.model.clock import DAY_MS, HOUR_MS
from tests.support import postgresql_plans as plans
from tests.support.central_server import (
    LOCATION,
    NOW_MS,
    Journal,
    Server,
    announce,
    mail_server,
    wait_until,
)
from tests.support.operators import Browser
from tests.support.page_rules import ASKS_FOR as PAGES

LARGE = (
    schema.event,
    schema.package,
    schema.notification,
    schema.command,
    schema.audit,
    schema.minute_status,
    schema.hour_status,
    schema.day_status,
    schema.carrier_day,
    counted_tables.area_day,
    counted_tables.area_hour,
    schema.recipient,
    schema.reservation,
)
"""The tables that grow with every day."""
PARTIAL = {
    str(index.name)
    for table in LARGE
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}
"""The indexes of a few rows only, which may be read whole."""
SCAN = re.compile(r"SCAN (?P<table>[a-z_]+?)(_\d+)?(?: USING (?:COVERING )?INDEX (?P<index>\w+))?$")
DAYS, A_DAY, PLACES = 400, 5, 10
PACKAGES = DAYS * A_DAY
Statements = dict[str, Any]
IS_EXPLAINED = re.compile(r"(WITH|SELECT|UPDATE|DELETE|INSERT)\b")


@contextmanager
def caught(found: Statements) -> Iterator[None]:
    """Catch every statement that goes to a database, with what is bound to it."""

    def catch(
        _connection: Any, _cursor: Any, statement: str, bound: Any, _context: Any, is_many: bool
    ) -> None:
        found.setdefault(statement, bound[0] if is_many else bound)

    event.listen(Engine, "before_cursor_execute", catch)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", catch)


def scans(filled: Filled, statements: Statements) -> dict[str, list[str]]:
    """The statements that read a large table whole, with the steps that do."""
    if filled.server.database_url:
        return plans.scans(filled.server.database_url, LARGE, statements)
    found = {}
    with closing(sqlite3.connect(filled.file)) as connection:
        for statement, bound in statements.items():
            if IS_EXPLAINED.match(statement):
                query = f"EXPLAIN QUERY PLAN {statement}"
                steps = [row[3] for row in connection.execute(query, bound)]
                if whole := whole_reads(statement, steps):
                    found[" ".join(statement.split())] = whole
    return found


def whole_reads(statement: str, steps: Sequence[str]) -> list[str]:
    """The steps of a plan that read a large table from one end to the other: not those that walk
    along an index until they have enough."""
    stops = "LIMIT" in statement and not any("TEMP B-TREE FOR" in step for step in steps)
    large, whole = {table.name for table in LARGE}, []
    for step in steps:
        scan = SCAN.match(step)
        if scan is None or scan["table"] not in large:
            continue
        if scan["index"] is None or not (stops or scan["index"] in PARTIAL):
            whole.append(step)
    return whole


def an_id(number: int, kind: int) -> str:
    return str(uuid.UUID(int=(number << 16) + kind, version=4))


def fill(server: Server, file: Path) -> None:
    """What comes together in a year: rows as a server writes them, straight into its database."""
    if server.database_url:
        plans.fill(server.database_url, (_people(), _packages(), *_around(), *_times()))
        return
    with closing(sqlite3.connect(file, timeout=30)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        for table, columns, rows in (_people(), _packages(), *_around(), *_times()):
            names = ", ".join(f'"{name}"' for name in columns.split())
            places = ", ".join("?" * len(columns.split()))
            connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)


Rows = tuple[str, str, list[tuple[Any, ...]]]


def _at_ms(number: int) -> int:
    return NOW_MS - (number // A_DAY) * DAY_MS - (number * 7919) % DAY_MS


def _is_over(number: int) -> bool:
    return number >= 2 * A_DAY


def _place(number: int) -> str:
    return f"place-{number % PLACES}"


def _people() -> Rows:
    rows = [(an_id(n, 1), f"index {n}", f"index {n}", _at_ms(n)) for n in range(PACKAGES)]
    return "recipient", "id email_index phone_index created_ms", rows


def _packages() -> Rows:
    columns = (
        "id location barcode barcode_key status slot recipient sender announced_ms stored_ms"
        " acknowledged_ms finished_ms"
    )
    rows = []
    for n in range(PACKAGES):
        at_ms, over = _at_ms(n), _is_over(n)
        status = "RETRIEVED" if over else "STORED" if n % 3 else "PENDING"
        stored_ms = None if status == "PENDING" else at_ms + HOUR_MS
        ended_ms = at_ms + DAY_MS if over else None
        barcode = f"JJD{n:012}"
        of_it = (an_id(n, 2), _place(n), barcode, barcode, status, str(n % 40), an_id(n, 1))
        rows.append((*of_it, "sender", at_ms, stored_ms, stored_ms, ended_ms))
    return "package", columns, rows


def _around() -> Iterator[Rows]:
    """What is written of a package: its messages, its command, its events, the log."""
    every = range(PACKAGES)
    yield (
        "notification",
        "id kind package location recipient channel status due_ms created_ms",
        [
            (
                an_id(n, 16 + k),
                "stored",
                an_id(n, 2),
                _place(n),
                an_id(n, 1),
                "email",
                "sent" if k or _is_over(n) else "queued",
                _at_ms(n) + (0 if k or _is_over(n) else 9 * DAY_MS),
                _at_ms(n),
            )
            for n in every
            for k in range(2)
        ],
    )
    yield (
        "command",
        "location n id type body created_ms state answered_ms package",
        [
            (
                _place(n),
                n + 1,
                an_id(n, 3),
                "announce",
                "",
                _at_ms(n),
                "APPLIED",
                _at_ms(n),
                an_id(n, 2),
            )
            for n in every
        ],
    )
    yield (
        "audit",
        "id at_ms action subject_index by_index detail",
        [(an_id(n, 4), _at_ms(n), "package.announce", f"i{n}", f"i{n % 9}", "") for n in every],
    )
    kinds = ("DOOR_OUTCOME", "VISIT_ENDED", "PACKAGE_STORED", "PACKAGE_RETRIEVED")
    yield (
        "event",
        "location epoch seq kind body wall_ms received_ms package",
        [
            (
                _place(n),
                "epoch",
                n * len(kinds) + k,
                kind,
                "{}",
                _at_ms(n),
                _at_ms(n),
                an_id(n, 2) if k > 1 else "",
            )
            for n in every
            for k, kind in enumerate(kinds)
        ],
    )


def _times() -> Iterator[Rows]:
    hour_ms = NOW_MS - NOW_MS % HOUR_MS
    places = [_place(n) for n in range(PLACES)]
    minutes = [(p, NOW_MS - NOW_MS % 60_000 - m * 60_000) for m in range(1440) for p in places]
    yield "minute_status", "location minute_ms", minutes
    hours = [(p, hour_ms - h * HOUR_MS) for h in range(3, 1500) for p in places]
    yield "hour_status", "location hour_ms", hours
    day_ms = NOW_MS - NOW_MS % DAY_MS
    days = [(p, day_ms - d * DAY_MS) for d in range(DAYS) for p in places]
    yield "day_status", "location day_ms", days
    of_carriers = [(c, d, p) for c in ("operator", "red") for p, d in days]
    yield "carrier_day", "carrier day_ms location", of_carriers


@dataclass
class Filled:
    """A running server that has a year behind it, and a package that is just in a locker."""

    server: Server
    kiosk: Journal
    sender: dict[str, str]
    package: str
    file: Path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    folder = tmp_path_factory.mktemp("plans")
    with mail_server() as (port, _box):
        server = Server(folder / "central", smtp_port=port)
        server.start()
        for number in range(PLACES):
            server.add_location(_place(number))
        kiosk = Journal(folder / "kiosk.db")
        assert kiosk.enrol(server, server.add_location()).ok
        sender = server.add_key()
        package = str(announce(server, sender, "A").json()["id"])
        file = folder / "central" / "central.db"
        if server.database_url:
            wait_until(lambda: bool(server.central.database.read(months_of, "audit")))
        fill(server, file)
        try:
            yield Filled(server, kiosk, sender, package, file)
        finally:
            kiosk.store.close()
            server.stop()


def use_pages(filled: Filled) -> None:
    look_at_pages(filled, Browser(filled.server, Role.ADMIN))
    assert requests.get(f"{filled.server.url}/metrics", timeout=20).ok


def use_pages_of_an_area(filled: Filled) -> None:
    """As somebody who sees some of the locations."""
    server, now_ms = filled.server, filled.server.clock.wall_ms
    server.write(tree.add, "north", "North", "", "test", now_ms)
    for place in (LOCATION.id, *(_place(number) for number in range(PLACES // 2))):
        server.write(moving.put_location, place, "north", "test", now_ms)
    look_at_pages(filled, Browser(server, Role.ADMIN, "north"))


def look_at_pages(filled: Filled, browser: Browser) -> None:
    for route in PAGES:
        method, _, path = route.partition(" ")
        if method == "GET" and "{token}" not in path:
            path = path.format(
                name=LOCATION.id, number="11", package=filled.package, carrier="operator", label="1"
            )
            browser.http.get(f"{filled.server.url}{HOME}{path}", timeout=20)
    for path in (
        f"/packages/{filled.package}",
        f"/locations/{LOCATION.id}",
        f"/locations/{LOCATION.id}/live",
        *(f"/packages?q={text}" for text in ("JJD00", "eva", "eva@example.org", "+491710000001")),
        *(f"/notifications?status={status}" for status in ("queued", "sent", "dead")),
        "/audit?q=test",
        "/views?q=test",
        *(f"{page}area=north" for page in ("?", "/reports?", "/reports.csv?")),
        *(f"/reports{how}?carrier={whose}" for how in ("", ".csv") for whose in ("red", "*")),
    ):
        answer = browser.http.get(f"{filled.server.url}{HOME}{path}", timeout=20)
        assert answer.status_code in (200, 404), path


def use_api(filled: Filled) -> None:
    server, sender = filled.server, filled.sender
    announced = announce(server, sender, "B").json()["id"]
    url = f"{server.url}/v1/packages/{announced}"
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/history", None),
        ("PUT", "/recipient", {"email": "eva@example.org"}),
        ("POST", "/extend", {"days": 1}),
        ("POST", "/code", {"user_id": "eva"}),
        ("POST", "/cancel", {}),
    ):
        assert requests.request(method, url + path, json=body, headers=sender, timeout=20).content
    for path in (f"/{LOCATION.id}", "/nearest?lat=0&lon=0&size=S"):
        url = f"{server.url}/v1/locations{path}"
        assert requests.get(url, headers=sender, timeout=20).ok


STATUSES = ("", "&status=STORED", "&status=RETRIEVED,PENDING")
PLACES_ASKED = ("", f"&location={LOCATION.id}")
ORDERS = ("", "&changed_since_ms=0", "&changed_since_ms=1798000000000")


def use_lists(filled: Filled) -> None:
    """Each filter alone and with each other, by a key of the operator's and by another's."""
    server = filled.server
    server.add_carrier("acme")
    for sender in (filled.sender, server.add_key(carrier="acme")):
        asked = [
            f"packages?limit=2{order}{status}{place}"
            for order in ORDERS
            for status in STATUSES
            for place in PLACES_ASKED
        ]
        asked += [f"packages?limit=2&due_by_ms={NOW_MS}{place}" for place in PLACES_ASKED]
        asked += ["packages?reference=1", "packages?barcode=JJD000000000001", "locations?limit=2"]
        asked += ["locations?limit=2&changed_since_ms=0", "locations?country=DE&limit=2"]
        for each in asked:
            answer = requests.get(f"{server.url}/v1/{each}", headers=sender, timeout=20)
            assert answer.status_code == 200, answer.text
            if answer.json()["next"] is not None:
                more = {"cursor": answer.json()["next"]}
                url = f"{server.url}/v1/{each}"
                assert requests.get(url, params=more, headers=sender, timeout=20).ok


def use_kiosk(filled: Filled) -> None:
    filled.kiosk.announce("A", filled.package)
    filled.kiosk.put_in("A")
    assert filled.kiosk.send(filled.kiosk.events()).ok
    filled.kiosk.take_out(filled.package)
    assert filled.kiosk.send(filled.kiosk.events()).ok


def look_after(filled: Filled) -> None:
    central = filled.server.central
    now_ms, rules = central.clock.now_ms(), central.settings.notifications
    asyncio.run(housekeeping.tidy(central, now_ms))
    asyncio.run(prune(central))
    asyncio.run(figures.make(central))
    filled.server.write(housekeeping.tell_of_silence, rules, 0, now_ms)


USES = (use_pages, use_pages_of_an_area, use_api, use_lists, use_kiosk, look_after)


@pytest.mark.parametrize("use", USES)
def test_nothing_hot_reads_a_whole_table(filled: Filled, use: Any) -> None:
    statements: Statements = {}
    with caught(statements):
        use(filled)
    assert len(statements) > 10
    assert scans(filled, statements) == {}


@pytest.mark.parametrize(
    "query",
    [
        select(func.count()).where(schema.package.c.weight_kg > 1),
        select(schema.audit).order_by(schema.audit.c.address != "").limit(1),
        schema.event.delete().where(schema.event.c.kind == "NOTHING"),
        select(schema.package.c.status, func.count()).group_by(schema.package.c.status),
    ],
)
def test_a_query_without_an_index_is_found(filled: Filled, query: Any) -> None:
    statements: Statements = {}
    with caught(statements):
        filled.server.write(lambda c: c.execute(query).rowcount)
    assert len(scans(filled, statements)) == 1
