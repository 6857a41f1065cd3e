"""What the server tells Prometheus: figures counted once for all, counters of a process, labels."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import requests
from alembic import command as alembic
from sqlalchemy import create_engine

from central import backup, schema
from central.building import build
from central.database import alembic_config
from central.monitoring.exposition import text_of
from central.monitoring.figures import make
from central.settings import Settings
from kiosk.model.clock import DAY_MS
from kiosk.store import intents, packages
from kiosk.store.intents import IntentPurpose, IntentState
from tests.support import postgresql
from tests.support.central_server import (
    LOCATION,
    NOW_MS,
    Journal,
    Server,
    wait_until,
)
from tests.support.exposition import samples, value


def of_place(text: str, name: str) -> float:
    return value(text, f"locker_location_{name}", location=LOCATION.id)


def test_a_location_is_counted_with_its_slots_its_openings_and_what_is_wrong(
    server: Server, kiosk: Journal
) -> None:
    package = kiosk.put_in("A")
    slot = kiosk.do(packages.package, package).slot
    for state, outcome in ((IntentState.FAILED, "jammed"), (IntentState.OPENED, "opened")):
        intent = kiosk.new_id()
        kiosk.do(intents.intend, intent, slot, IntentPurpose.PICKUP, "customer", package)
        kiosk.do(intents.door_outcome, intent, state, outcome)
    forged = kiosk.events()[2].model_copy(update={"hash": "ab" * 32})
    assert kiosk.send(kiosk.events()).ok
    assert kiosk.send([forged]).ok
    text = server.metrics()
    assert of_place(text, "events_total") == len(kiosk.events())
    assert of_place(text, "quarantined_total") == 1
    assert of_place(text, "openings_total") == 2
    assert of_place(text, "openings_failed_total") == 1
    taken = value(text, "locker_location_slots", location=LOCATION.id, state="taken")
    assert taken == 1
    assert value(text, "locker_location_slots", location=LOCATION.id) == len(LOCATION.slots)
    assert of_place(text, "taken_ratio") == pytest.approx(1 / len(LOCATION.slots), abs=1e-4)
    assert of_place(text, "last_sync_timestamp_seconds") == NOW_MS / 1000
    assert value(text, "locker_error_ratio") == 0.5
    assert value(text, "locker_alarms", about="quarantine") == 1


def test_figures_are_counted_once_for_all_and_say_how_old_they_are(
    server: Server, kiosk: Journal
) -> None:
    wait_until(lambda: bool(server.rows(schema.kept_figures)))
    kiosk.put_in("A")
    assert kiosk.send(kiosk.events()).ok
    counted = server.metrics()
    server.clock.wall_ms += 40_000
    server.write(lambda c: c.execute(schema.location.update().values(events=1)))
    text = requests.get(f"{server.url}/metrics", timeout=20).text
    assert of_place(text, "events_total") == of_place(counted, "events_total") > 1
    assert value(text, "locker_figures_age_seconds") == 40
    assert of_place(server.metrics(), "events_total") == 1


def test_a_location_that_is_listened_to_no_more_is_not_the_one_silent_longest(
    server: Server, kiosk: Journal
) -> None:
    assert kiosk.send(kiosk.events()).ok
    gone = {"id": "gone", "token_hash": "", "last_sync_ms": NOW_MS - DAY_MS}
    server.write(lambda c: c.execute(schema.location.insert().values(**gone)))
    server.clock.wall_ms += 2000
    assert value(server.metrics(), "locker_sync_lag_seconds_max") == 2


def test_it_is_known_when_the_last_backup_was_made(server: Server, tmp_path: Path) -> None:
    assert value(server.metrics(), "locker_backup_timestamp_seconds") == 0
    programs = postgresql.cluster().programs if postgresql.IS_WANTED else None
    settings = server.central.settings.model_copy(update={"postgresql_programs": programs})
    backup.backup(settings, tmp_path / "copy.db")
    made_s = value(server.metrics(), "locker_backup_timestamp_seconds")
    assert made_s > 1_700_000_000


def test_without_figures_their_age_has_no_end(server: Server) -> None:
    wait_until(lambda: bool(server.rows(schema.kept_figures)))
    server.write(lambda c: c.execute(schema.kept_figures.delete()))
    text = requests.get(f"{server.url}/metrics", timeout=20).text
    assert value(text, "locker_figures_age_seconds") == float("inf")
    assert "locker_locations " not in text


def test_the_same_is_said_compressed_and_not(server: Server, kiosk: Journal) -> None:
    asyncio.run(make(server.central))

    def said(encoding: str) -> requests.Response:
        headers = {"accept-encoding": encoding}
        return requests.get(f"{server.url}/metrics", headers=headers, timeout=20)

    assert said("gzip").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in said("identity").headers
    names = {name for name, _ in samples(said("identity").text)}
    assert {name for name, _ in samples(said("gzip").text)} == names
    assert "locker_location_queue" in names


def test_requests_are_counted_by_template_and_never_by_what_was_sent(server: Server) -> None:
    for method, path in (
        ("GET", "/v1/packages/planted-1"),
        ("GET", "/v1/packages/planted-2"),
        ("POST", "/v1/locations/planted-3/sync"),
        ("DELETE", "/planted-4"),
        ("GET", "/operators/locations/planted-5/live"),
        ("HEAD", "/operators/packages/planted-6"),
    ):
        data = "x" if method == "POST" else None
        requests.request(method, server.url + path, data=data, allow_redirects=False, timeout=20)
    text = server.metrics()
    assert "planted" not in text

    def count(**labels: str) -> float:
        return value(text, "locker_http_requests_total", **labels)

    assert count(route="/v1/packages/{package}", method="GET", status="401") >= 2
    assert count(route="/v1/locations/{location}/sync", status="401") >= 1
    assert count(route="none", method="DELETE", status="404") >= 1
    assert count(route="/operators/locations/{name:path}/live", status="303") >= 1
    assert value(text, "locker_http_request_seconds_count", route="/v1/packages/{package}") >= 2
    assert value(text, "locker_write_seconds_count") > 0
    assert value(text, "locker_transaction_seconds_count") > 0


def test_a_label_says_what_a_location_is_called_whatever_that_is() -> None:
    name = 'a"b\\c\nd'
    place: dict[str, int | None] = dict.fromkeys(
        ("queue", "doors_open", "boards_away", "events", "quarantined", "openings"), 1
    )
    place |= {"openings_failed": 0, "refusals": 0, "last_sync_ms": None, "temperature_c": None}
    place |= dict.fromkeys(("bank_temperature_c", "is_well", "is_on_mains", "battery_percent"))
    size = {"location": name, "size": "S", "free": 1, "taken": 2, "total": 4}
    text = text_of({}, [{"id": name, "region": "north", **place}], [size])
    known, of = samples(text), frozenset({("location", name), ("region", "north")})
    assert known["locker_location_queue", of] == 1
    ratio = known["locker_location_taken_ratio", of]
    assert ratio == 0.5


def test_what_was_kept_before_is_added_up_once(tmp_path: Path) -> None:
    file = tmp_path / "central" / "central.db"
    file.parent.mkdir()
    build(Settings(data=file.parent)).database.close()
    file.unlink()
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        alembic.upgrade(alembic_config(connection), "0020")
    engine.dispose()
    day_ms = NOW_MS - NOW_MS % DAY_MS
    failed = '{"rows":[["intent",{"state":"FAILED"}]]}'
    events = [("PACKAGE_STORED", "{}"), ("DOOR_OUTCOME", failed), ("DOOR_OUTCOME", "{}")]
    with closing(sqlite3.connect(file)) as kept, kept:
        status = '{"queue": 3, "doors": {"1": "OPEN"}, "boards": [{"is_reachable": false}]}'
        kept.execute("INSERT INTO location (id, status) VALUES ('L', ?)", [status])
        kept.execute("INSERT INTO location_size (location, size, total) VALUES ('L','S',2)")
        for label, state in (("1", "EMPTY"), ("2", "SUSPECT")):
            slot = "INSERT INTO slot (location, label, size, status) VALUES ('L', ?, 'S', ?)"
            kept.execute(slot, [label, state])
        for seq, (kind, body) in enumerate(events):
            kept.execute(
                "INSERT INTO event (location, epoch, seq, kind, body, wall_ms)"
                " VALUES ('L', 'e', ?, ?, ?, ?)",
                [seq, kind, body, day_ms + seq],
            )
        for hour in range(2):
            kept.execute(
                "INSERT INTO hour_status (location, hour_ms, minutes, taken, slots)"
                " VALUES ('L', ?, 60, 1, 2)",
                [day_ms + hour * 3_600_000],
            )
    database = build(Settings(data=file.parent)).database
    with database.reading() as connection:
        [day] = connection.execute(schema.day_status.select()).all()
        [place] = connection.execute(schema.location.select()).all()
        [size] = connection.execute(schema.location_size.select()).all()
    database.close()
    assert (day.day_ms, day.stored, day.openings, day.openings_failed) == (day_ms, 1, 2, 1)
    assert (day.minutes, day.taken, day.slots) == (120, 2, 4)
    assert (place.queue, place.doors_open, place.boards_away) == (3, 1, 1)
    assert (size.taken, size.suspect) == (1, 1)
