"""The feed: what happened, for who reads it outside; in order, nothing lost, nothing personal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import jsonschema_rs
import pytest
import requests

from central import schema
from central.errors import RequestError
from central.feed import bounds, readers, writing
from central.feed.document import Document
from central.feed.document_schema import FILE, document_schema, text
from central.feed.stream import begin_everywhere
from central.feed.tables import feed, feed_reader
from central.settings import Feed
from central.sync import claims
from kiosk.model.clock import DAY_MS, HOUR_MS
from tests.support.central_server import EVA, LOCATION, Journal, Server, announce
from tests.support.operators import obey, sync

VALIDATOR = jsonschema_rs.Draft202012Validator(document_schema())
FOLDED = (
    "barcode",
    "status",
    "size",
    "slot",
    "stored_ms",
    "finished_ms",
    "sender",
    "joined",
    "known_as",
)


def begin(server: Server, name: str = "warehouse", from_ms: int | None = None) -> int:
    server.write(readers.add, name, "test", server.clock.wall_ms, from_ms)
    return begin_everywhere(server.central, name)


def read(server: Server, name: str = "warehouse", count: int = 10_000) -> list[Document]:
    """What waits for a reader, acknowledged."""
    batch = server.central.database.read(readers.batch, name, "north", count)
    if batch.ids:
        server.write(readers.acknowledge, name, batch)
    return list(batch.documents)


def live_through(server: Server, kiosk: Journal) -> str:
    """An announced package comes, is kept longer, gets another contact and a new code, is fetched;
    another one is recalled, and one comes that nobody announced."""
    headers = server.add_key()
    package = str(announce(server, headers, "A").json()["id"])
    recalled = str(announce(server, headers, "B").json()["id"])
    obey(kiosk)
    kiosk.put_in("A")
    kiosk.put_in("C")
    sync(kiosk)
    url = f"{server.url}/v1/packages"
    for method, path, body in (
        ("POST", f"{package}/extend", {"days": 1}),
        ("POST", f"{package}/code", {"user_id": "eva"}),
        ("PUT", f"{package}/recipient", {**EVA, "name": "Bo", "email": "bo@example.org"}),
        ("POST", f"{recalled}/cancel", {"why": "Eva Schmidt has moved"}),
    ):
        answer = requests.request(method, f"{url}/{path}", json=body, headers=headers, timeout=20)
        assert answer.ok, answer.text
    obey(kiosk)
    kiosk.take_out(package)
    sync(kiosk)
    return package


def folded(documents: Sequence[Document]) -> dict[str, dict[str, Any]]:
    """The packages as a reader has them, who knows nothing else."""
    packages: dict[str, dict[str, Any]] = {}
    for each in documents:
        images = [image for name, image in each.body.get("rows", ()) if name == "package"]
        if each.kind == "SERVER_PACKAGE":
            images = [each.body]
        for image in images:
            packages.setdefault(image["id"], {}).update(image)
    return packages


def as_the_server_knows(server: Server, documents: Sequence[Document]) -> None:
    found = folded(documents)
    known = {row.id: row for row in server.rows(schema.package)}
    assert found.keys() == known.keys()
    for name, row in known.items():
        for column in FOLDED:
            assert found[name].get(column) == getattr(row, column), f"{name}: {column}"
        is_disputed = row.disputed_ms is not None
        assert found[name].get("is_disputed", False) == is_disputed, f"{name}: disputed"


def test_nothing_is_written_while_nobody_reads(server: Server, kiosk: Journal) -> None:
    live_through(server, kiosk)
    assert server.rows(feed) == []


def test_what_a_reader_puts_together_is_what_the_server_knows(
    server: Server, kiosk: Journal
) -> None:
    begin(server)
    live_through(server, kiosk)
    as_the_server_knows(server, read(server))


def test_whose_a_disputed_package_is_stands_in_the_feed(server: Server, kiosk: Journal) -> None:
    begin(server)
    one, two, three = server.add_key(), server.add_key(), server.add_key()
    first = announce(server, one, "A").json()["id"]
    announce(server, two, "A")
    announce(server, three, "A")
    obey(kiosk)
    kiosk.put_in("A")
    kiosk.put_in("B")
    sync(kiosk)
    last = announce(server, three, "B").json()["id"]
    obey(kiosk)
    rules, now_ms = server.rules, server.clock.wall_ms
    as_the_server_knows(server, seen := read(server))
    assert any(each.body.get("is_disputed") for each in seen)
    server.write(claims.decide, rules, "test", first, "seen", now_ms)
    row = next(row for row in server.rows(schema.package) if row.id == last)
    server.write(claims.withdraw, row, "test", "", now_ms)
    obey(kiosk)
    as_the_server_knows(server, [*seen, *read(server)])


def test_so_does_what_is_decided_before_anything_lies_there(server: Server, kiosk: Journal) -> None:
    begin(server)
    first = announce(server, server.add_key(), "A").json()["id"]
    announce(server, server.add_key(), "A")
    server.write(claims.decide, server.rules, "test", first, "seen", server.clock.wall_ms)
    as_the_server_knows(server, read(server))


def test_so_does_what_a_sender_withdraws_that_lies_there(server: Server, kiosk: Journal) -> None:
    begin(server)
    first = announce(server, server.add_key(), "A").json()["id"]
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    announce(server, server.add_key(), "A")
    row = next(row for row in server.rows(schema.package) if row.id == first)
    server.write(claims.withdraw, row, "test", "", server.clock.wall_ms)
    assert any(row.known_as == first for row in server.rows(schema.package))
    as_the_server_knows(server, read(server))


def test_documents_are_as_the_schema_says_and_in_order(server: Server, kiosk: Journal) -> None:
    begin(server)
    live_through(server, kiosk)
    documents = read(server)
    places: dict[tuple[str, str], int] = {}
    for each in documents:
        VALIDATOR.validate(json.loads(each.text()))
        place = (each.location, each.epoch)
        assert each.seq == places.get(place, 0) + 1
        places[place] = each.seq
    assert len({each.name for each in documents}) == len(documents)
    journal = [(each.epoch, each.seq) for each in kiosk.events()]
    assert [(e.epoch, e.seq) for e in documents if e.source == "kiosk"] == journal
    assert {e.kind for e in documents if e.source == "server"} == {
        "SERVER_PACKAGE",
        "SERVER_LOCATION",
    }


def test_nothing_personal_and_no_code_is_handed_on(server: Server, kiosk: Journal) -> None:
    begin(server)
    package = live_through(server, kiosk)
    texts = [each.text() for each in read(server)]
    whole = "\n".join(texts)
    for secret in ("Eva", "eva", "Bo", "example.org", "0000001", "moved", "staff:", "locator"):
        assert secret not in whole, secret
    row = next(row for row in server.rows(schema.package) if row.id == package)
    assert row.locator
    assert row.recipient
    for each in texts:
        body = json.loads(each)["body"]
        assert "code_counter" not in json.dumps(body)
        assert row.recipient not in each


def test_what_is_not_acknowledged_comes_again(server: Server, kiosk: Journal) -> None:
    begin(server)
    live_through(server, kiosk)
    first = server.central.database.read(readers.batch, "warehouse", "north", 5)
    assert server.central.database.read(readers.batch, "warehouse", "north", 5) == first
    server.write(readers.acknowledge, "warehouse", first)
    rest = read(server)
    assert not {each.name for each in first.documents} & {each.name for each in rest}
    assert server.rows(feed) == []
    [state] = server.central.database.read(readers.states)
    assert (state.waiting, state.published) == (0, 5 + len(rest))


def test_each_reader_gets_all_of_it(server: Server, kiosk: Journal) -> None:
    begin(server)
    begin(server, "partner")
    live_through(server, kiosk)
    names = [[each.name for each in read(server, name)] for name in ("warehouse", "partner")]
    assert set(names[1]) <= set(names[0])
    assert folded(read(server)) == {}


def test_a_reader_begins_with_the_journal_since_then(server: Server, kiosk: Journal) -> None:
    live_through(server, kiosk)
    server.clock.wall_ms += DAY_MS
    later_ms = server.clock.wall_ms
    kiosk.clock.wall_ms = later_ms
    kiosk.put_in("D")
    sync(kiosk)
    all_events = [(each.epoch, each.seq) for each in kiosk.events()]
    assert begin(server, "all", 0) == len(all_events)
    some = begin(server, "some", later_ms)
    assert 0 < some < len(all_events)
    everything, last = read(server, "all"), read(server, "some")
    assert [(e.epoch, e.seq) for e in everything if e.source == "kiosk"] == all_events
    assert [(e.epoch, e.seq) for e in last if e.source == "kiosk"] == all_events[-some:]
    known = {row.id: row.status for row in server.rows(schema.package)}
    assert {name: each["status"] for name, each in folded(everything).items()} == known
    kiosk.put_in("E")
    sync(kiosk)
    assert [e.name for e in read(server, "some")] == [e.name for e in read(server, "all")]


def test_a_new_location_is_read_from_its_first_moment(server: Server, kiosk: Journal) -> None:
    begin(server)
    read(server)
    server.add_location("other")
    [document] = read(server)
    assert (document.location, document.kind) == ("other", "SERVER_LOCATION")


def test_a_reader_that_nobody_reads_for_is_stopped_and_says_so(
    server: Server, kiosk: Journal
) -> None:
    begin(server)
    live_through(server, kiosk)
    waiting = len(server.rows(feed))
    began_ms = server.clock.wall_ms
    server.tidy(began_ms + 2 * HOUR_MS)
    assert "alarm:feed-unread" in server.alarms()
    assert len(server.rows(feed)) == waiting
    server.clock.wall_ms = began_ms + 8 * DAY_MS
    server.tidy(server.clock.wall_ms)
    server.tidy(server.clock.wall_ms)
    assert "alarm:feed-stopped" in server.alarms()
    assert server.rows(feed) == []
    kiosk.put_in("D")
    sync(kiosk)
    assert server.rows(feed) == []
    [state] = server.central.database.read(readers.states)
    assert state.stopped_ms is not None
    assert state.dropped == waiting
    with pytest.raises(RequestError, match="central feed add warehouse --from 20"):
        server.central.database.read(readers.require_reading, "warehouse")
    # Nobody waits for locations to write for it, which no longer do.
    with pytest.raises(RequestError, match="central feed add warehouse --from 20"):
        begin_everywhere(server.central, "warehouse")
    assert begin(server, "warehouse", began_ms) == len(kiosk.events())


def test_the_metrics_say_how_each_reader_is_doing(server: Server, kiosk: Journal) -> None:
    begin(server)
    live_through(server, kiosk)
    count = len(read(server, count=5))
    waiting = len(server.rows(feed))
    server.clock.wall_ms += 7000
    said = server.metrics()
    for line in (
        f'locker_feed_waiting{{reader="warehouse"}} {float(waiting)}',
        'locker_feed_lag_seconds{reader="warehouse"} 7.0',
        f'locker_feed_published_total{{reader="warehouse"}} {float(count)}',
        'locker_feed_dropped_total{reader="warehouse"} 0.0',
        'locker_feed_stopped{reader="warehouse"} 0.0',
    ):
        assert line in said.splitlines()


def test_no_more_waits_than_the_settings_say(server: Server, kiosk: Journal) -> None:
    begin(server)
    live_through(server, kiosk)
    waiting = len(server.rows(feed))
    rules = Feed.model_construct(keep_days=7, rows_max=waiting)
    server.write(bounds.keep, rules, server.clock.wall_ms)
    assert "alarm:feed-stopped" not in server.alarms()
    rules = Feed.model_construct(keep_days=7, rows_max=waiting - 1)
    while server.write(bounds.keep, rules, server.clock.wall_ms) or server.rows(feed):
        pass
    assert "alarm:feed-stopped" in server.alarms()


def test_what_was_read_a_moment_ago_is_not_too_much(server: Server) -> None:
    """A stream may acknowledge all of it while housekeeping looks after its reader."""
    assert not server.central.database.read(bounds.is_too_many, "warehouse", 0)


def test_a_reader_that_is_removed_leaves_nothing(server: Server, kiosk: Journal) -> None:
    begin(server)
    begin(server, "ware")
    live_through(server, kiosk)
    server.write(readers.remove, "ware", "test", server.clock.wall_ms)
    server.tidy(server.clock.wall_ms)
    assert {row.reader for row in server.rows(feed)} == {"warehouse"}
    assert {row.name for row in server.rows(feed_reader)} == {"warehouse"}
    assert {row.feeds for row in server.rows(schema.location)} == {"warehouse"}


def test_a_restored_server_numbers_in_another_life(server: Server, kiosk: Journal) -> None:
    begin(server)
    before = {each.name for each in read(server) if each.source == "server"}
    server.write(writing.begin_life_again)
    announce(server, server.add_key(), "A")
    after = {each.name for each in read(server) if each.source == "server"}
    assert before
    assert after
    assert not before & after


def test_the_file_is_what_the_models_say() -> None:
    found = FILE.read_text(encoding="utf-8")
    assert found == text(), "run: python -m central.feed.document_schema"


def test_the_location_is_the_one_of_the_test(server: Server, kiosk: Journal) -> None:
    begin(server)
    [document] = [each for each in read(server) if each.kind == "SERVER_LOCATION"]
    assert document.body["id"] == LOCATION.id
    assert document.body["is_enrolled"] is True
