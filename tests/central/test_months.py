"""On PostgreSQL the tables that grow most are by months: made ahead, and dropped when they are old,
with all that is still needed kept."""

from __future__ import annotations

import asyncio
import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command as alembic
from sqlalchemy import Connection, create_engine, text

from central import schema
from central.auth import Role
from central.database import alembic_config, migrate
from central.database.partitions import AHEAD, TIMES, Month, make_ahead, months_of
from central.feed import readers
from central.feed.document import Document
from central.feed.stream import begin_everywhere
from central.feed.tables import feed
from central.retention import drop_old_months
from central.settings import Retention
from kiosk.model.clock import DAY_MS
from tests.central.test_plans import Statements, caught
from tests.support import postgresql
from tests.support import postgresql_plans as plans
from tests.support.central_server import LOCATION, NOW_MS, Journal, Server, wait_until
from tests.support.operators import Browser, sync


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    url = postgresql.cluster().new_database()
    running = Server(tmp_path / "central", database_url=url)
    running.start()
    yield running
    running.stop()
    postgresql.cluster().drop(url)


def keep_house(server: Server) -> None:
    asyncio.run(drop_old_months(server.central))


def count(server: Server, table: str) -> int:
    def ask(connection: Connection) -> int:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())

    return int(server.central.database.read(ask))


def months(server: Server, table: str) -> list[Month]:
    return server.central.database.read(months_of, table)


def test_a_year_has_twelve_months() -> None:
    month = Month.of(NOW_MS)
    assert (month, month.begins_ms) == (Month(2027, 1), NOW_MS)
    for number in range(2, 13):
        month = month.next
        assert month == Month(2027, number)
        assert Month.of(month.begins_ms - 1).next == month == Month.of(month.begins_ms)
    assert month.next == Month(2028, 1)


def test_months_are_made_ahead_and_what_came_before_them_is_put_there(
    server: Server, kiosk: Journal
) -> None:
    wait_until(lambda: len(months(server, "audit")) == AHEAD + 1)
    kiosk.put_in("A")
    sync(kiosk)
    assert count(server, "event_y2027m01") == count(server, "event") > 0
    server.clock.wall_ms += 45 * DAY_MS
    keep_house(server)
    assert months(server, "event")[-1] == Month(2027, 5)
    # For a year nobody kept house.
    server.clock.wall_ms += 365 * DAY_MS
    kiosk.put_in("B")
    sync(kiosk)
    assert count(server, "event_rest") > 0
    before = count(server, "event")
    for _ in range(2):
        keep_house(server)
        for table in TIMES:
            assert months(server, table)[-1] == Month(2028, 5)
            assert count(server, f"{table}_rest") == 0
    assert count(server, "event_y2028m02") > 0
    assert count(server, "event") == before


def test_who_reads_while_rows_are_put_into_their_month_finds_them(
    server: Server, kiosk: Journal
) -> None:
    wait_until(lambda: len(months(server, "audit")) == AHEAD + 1)
    server.clock.wall_ms += 365 * DAY_MS
    kiosk.put_in("A")
    sync(kiosk)
    there = count(server, "event_rest")
    assert there > 0
    engine = create_engine(server.central.settings.database_url)
    with engine.connect() as keeper:
        make_ahead(keeper, server.clock.wall_ms)
        seen = server.central.database.submit(
            lambda connection: connection.execute(text("SELECT count(*) FROM event")).scalar_one()
        )
        waits = (
            "SELECT 1 FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND query = 'SELECT count(*) FROM event'"
        )
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as looking:
            wait_until(lambda: looking.execute(text(waits)).first() is not None)
        keeper.commit()
        assert seen.result() == there
    engine.dispose()
    assert count(server, "event_rest") == 0


def test_an_old_month_is_written_out_and_dropped_but_for_what_is_needed(
    tmp_path: Path, server: Server, kiosk: Journal
) -> None:
    folder = tmp_path / "archive"
    settings = server.central.settings.model_copy(update={"retention": Retention(archive=folder)})
    object.__setattr__(server.central, "settings", settings)
    wait_until(lambda: len(months(server, "audit")) == AHEAD + 1)
    gone, stays = kiosk.put_in("A"), kiosk.put_in("B")
    kiosk.take_out(gone)
    sync(kiosk)
    known = {(row.epoch, row.seq): row for row in server.rows(schema.event)}
    assert count(server, "event_y2027m01") == len(known)
    server.clock.wall_ms += 500 * DAY_MS
    keep_house(server)
    assert Month(2027, 1) not in months(server, "event")
    assert Month(2027, 1) in months(server, "audit"), "it is kept for longer"
    kept = {(row.epoch, row.seq): row for row in server.rows(schema.event)}
    last = max(seq for _, seq in known)
    needed = {place for place, row in known.items() if row.package == stays or place[1] == last}
    assert kept.keys() == needed
    assert count(server, "event_old") == len(kept)
    file = folder / "event_y2027m01.csv.gz"
    assert file.stat().st_mode & 0o077 == 0
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        written = list(csv.DictReader(lines))
    assert {(row["epoch"], int(row["seq"])) for row in written} == known.keys()
    # Its journal goes on, and what it sends again is known.
    assert sync(kiosk).want_after is None
    kiosk.put_in("C")
    sync(kiosk)
    assert [row.seq for row in server.rows(schema.quarantine)] == []
    assert max(row.seq for row in server.rows(schema.event)) == kiosk.head().seq
    browser = Browser(server, Role.ADMIN)
    for page in (f"/packages/{stays}", f"/packages/{gone}", f"/locations/{LOCATION.id}", "/audit"):
        assert browser.get(page).status_code == 200


def test_a_reader_of_the_feed_looks_for_events_in_their_months_alone(
    server: Server, kiosk: Journal
) -> None:
    wait_until(lambda: len(months(server, "event")) == AHEAD + 1)
    server.write(readers.add, "warehouse", "test", server.clock.wall_ms, None)
    begin_everywhere(server.central, "warehouse")
    documents = list[Document]()
    for barcode, part in (("A", "event_y2027m01"), ("B", "event_y2027m02")):
        kiosk.put_in(barcode)
        sync(kiosk)
        asked: Statements = {}
        with caught(asked):
            batch = server.central.database.read(readers.batch, "warehouse", "north", 500)
        assert plans.parts_read(server.database_url, "event", asked) == {part}
        # What a version before wrote is looked for everywhere, and found.
        server.write(lambda c: c.execute(feed.update().values(received_ms=None)))
        assert server.central.database.read(readers.batch, "warehouse", "north", 500) == batch
        server.write(readers.acknowledge, "warehouse", batch)
        documents += batch.documents
        server.clock.wall_ms += 31 * DAY_MS
    journal = [(each.epoch, each.seq) for each in kiosk.events()]
    assert [(e.epoch, e.seq) for e in documents if e.source == "kiosk"] == journal


def test_what_was_there_before_there_were_months_stays_there(tmp_path: Path) -> None:
    url = postgresql.cluster().new_database(is_empty=True)
    engine = create_engine(url)
    with engine.begin() as connection:
        alembic.upgrade(alembic_config(connection), "0020")
        for statement in (
            "INSERT INTO location (id, name) VALUES ('x', 'X')",
            "INSERT INTO event (location, epoch, seq, kind, received_ms) VALUES"
            f" ('x', 'e', 1, 'K', 1), ('x', 'e', 2, 'K', {NOW_MS}), ('x', 'e', 3, 'K', 5)",
            "INSERT INTO audit (id, at_ms, action) VALUES ('1', 5, 'sign-in')",
            "INSERT INTO notification (id, kind, location) VALUES ('n', 'stored', 'x')",
        ):
            connection.execute(text(statement))
    migrate(engine)
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT seq FROM event_old ORDER BY seq")).scalars()
        assert list(rows) == [1, 2, 3]
        assert connection.execute(text("SELECT count(*) FROM audit")).scalar_one() == 1
        assert connection.execute(text("SELECT status FROM notification")).scalar_one() == "queued"
    engine.dispose()
    postgresql.cluster().drop(url)
