"""Where carriers work, and which share of the doors each has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from sqlalchemy import Connection, select

from central import carrier_changes, schema
from central.areas import tree
from central.badges import keys
from central.carriers import shares
from central.database.own_clock import NowMs
from central.errors import RequestError
from central.sync import moving
from kiosk.model.shares import Share
from kiosk.store import departures, intents, packages, slots
from kiosk.store import shares as kiosk_shares
from kiosk.store.intents import IntentPurpose
from kiosk.sync.contract import STAFF_PAGE_MAX
from tests.central.test_carriers import add_courier
from tests.support.central_server import LOCATION, Journal, Server, announce, wait_until
from tests.support.operators import obey, sync
from tests.support.staff_lists import ListedAt, add_many, set_digits

HERE = {"latitude": 52.5, "longitude": 13.4}


@pytest.fixture
def site(tmp_path: Path, server: Server) -> Iterator[ListedAt]:
    made = ListedAt(tmp_path / "site", server)
    yield made
    made.journal.store.close()


def find(server: Server, key: dict[str, str], path: str) -> requests.Response:
    asked = {"lat": "52.5", "lon": "13.4"}
    return requests.get(f"{server.url}/v1/{path}", params=asked, headers=key, timeout=20)


def set_places(server: Server, carrier: str, locations: str, areas: str = "") -> None:
    server.write(carrier_changes.set_places, server.central, "test", carrier, locations, areas)


def set_share(server: Server, carrier: str, least: int, most: int | None = None) -> None:
    server.write(
        carrier_changes.set_share,
        server.central,
        "test",
        carrier,
        LOCATION.id,
        "S",
        least,
        most,
    )


def doors(server: Server, size: str = "S") -> int:
    rows = server.rows(schema.location_size)
    return int(next(row.total for row in rows if row.size == size))


def test_a_carrier_works_where_the_operator_says(server: Server, tmp_path: Path) -> None:
    kiosks = {}
    for name in ("one", "two"):
        kiosk = Journal(tmp_path / f"{name}.db", replace(LOCATION, id=name))
        assert kiosk.enrol(server, server.add_location(name, **HERE)).ok
        sync(kiosk)
        kiosks[name] = kiosk
    server.add_carrier("red")
    red, shop = server.add_key(carrier="red"), server.add_key()
    before = announce(server, red, "A", location="two").json()["id"]
    set_places(server, "red", "one")
    assert [each["id"] for each in find(server, red, "locations/nearest").json()] == ["one"]
    assert len(find(server, shop, "locations/nearest").json()) == 2
    assert find(server, red, "locations/one").ok
    nowhere = find(server, red, "locations/three")
    away = find(server, red, "locations/two")
    assert (away.status_code, away.text.replace("two", "three")) == (404, nowhere.text)
    assert announce(server, red, "B", location="two").status_code == 404
    assert announce(server, red, "B", location="one").status_code == 201
    nearest = announce(server, red, "C", location="nearest", **HERE).json()
    assert nearest["location"] == "one"
    answer = requests.get(f"{server.url}/v1/packages/{before}", headers=red, timeout=20)
    assert answer.ok, "what is there already is still its own"
    set_places(server, "red", "*")
    assert len(find(server, red, "locations/nearest").json()) == 2
    for kiosk in kiosks.values():
        kiosk.store.close()


def test_a_courier_is_listed_where_his_carrier_works(site: ListedAt, server: Server) -> None:
    server.add_location("elsewhere")
    server.add_carrier("red")
    add_courier(server, "21", "red")
    add_courier(server, "22", "operator,red")
    set_places(server, "red", "elsewhere")
    site.sync()
    assert site.numbers() == {"22"}
    set_places(server, "red", f"elsewhere,{LOCATION.id}")
    site.sync()
    assert site.numbers() == {"21", "22"}


@pytest.mark.parametrize(
    ("carrier", "locations", "why"),
    [
        ("red", "nowhere", "no location"),
        ("red", " , ", "nothing is named"),
        ("operator", "x", "works"),
    ],
)
def test_places_that_cannot_be_are_refused(
    server: Server, carrier: str, locations: str, why: str
) -> None:
    server.add_carrier("red")
    with pytest.raises(RequestError, match=why):
        set_places(server, carrier, locations)


def test_no_carrier_takes_the_doors_that_are_kept_for_another(
    server: Server, kiosk: Journal
) -> None:
    sync(kiosk)
    total = doors(server)
    keys = {}
    for carrier in ("red", "blue"):
        server.add_carrier(carrier)
        keys[carrier] = server.add_key(carrier=carrier)
    set_share(server, "blue", total - 2)
    first, second = (announce(server, keys["red"], f"R{number}") for number in (1, 2))
    assert (first.json()["doors_left"], second.json()["doors_left"]) == (
        total - (total - 2),
        total - (total - 2) - 1,
    )
    refused = announce(server, keys["red"], "R3")
    assert (refused.status_code, refused.json()["error"]) == (409, "share_used")
    assert announce(server, server.add_key(), "O1").status_code == 409, "the operator's neither"
    obey(kiosk)
    kiosk.put_in("R1", "red")
    sync(kiosk)
    assert announce(server, keys["red"], "R3").status_code == 409, "what lies there counts"
    for number in range(total - 2):
        assert announce(server, keys["blue"], f"B{number}").status_code == 201
    assert announce(server, keys["blue"], "one more").status_code == 201, "they may empty"
    for carrier in ("red", "blue"):
        left = find(server, keys[carrier], f"locations/{LOCATION.id}").json()["sizes"]
        assert next(each["free"] for each in left if each["size"] == "S") == 0


def test_what_leaves_makes_room_in_a_carriers_share(server: Server, kiosk: Journal) -> None:
    sync(kiosk)
    server.add_carrier("red")
    key = server.add_key(carrier="red")
    set_share(server, "red", 0, 1)
    assert announce(server, key, "A").status_code == 201
    assert announce(server, key, "B").status_code == 409
    obey(kiosk)
    package = kiosk.put_in("A", "red")
    sync(kiosk)
    assert announce(server, key, "B").status_code == 409
    slot = kiosk.do(packages.package, package).slot
    intent = kiosk.new_id()
    kiosk.do(intents.intend, intent, slot, IntentPurpose.PICKUP, "customer", package)
    kiosk.do(departures.retrieve, package, intent)
    sync(kiosk)
    assert announce(server, key, "B").status_code == 201
    set_share(server, "red", 0)
    assert server.rows(schema.door_share) == []


def test_no_more_doors_are_kept_than_there_are(server: Server, kiosk: Journal) -> None:
    sync(kiosk)
    total = doors(server)
    for carrier in ("red", "blue"):
        server.add_carrier(carrier)
    set_share(server, "red", total - 1)
    with pytest.raises(
        RequestError, match=f"has {total} doors of size 'S', and {total - 1} of them"
    ):
        set_share(server, "blue", 2)
    set_share(server, "blue", 1)
    for least, most in ((-1, None), (3, 2)):
        with pytest.raises(RequestError, match="right are 0 doors or more"):
            set_share(server, "red", least, most)


def test_a_package_of_no_size_takes_from_whichever_share(server: Server, kiosk: Journal) -> None:
    sync(kiosk)
    for carrier in ("red", "blue"):
        server.add_carrier(carrier)
    key, kept = server.add_key(carrier="red"), 0
    for row in server.rows(schema.location_size):
        kept += row.total
        server.write(
            carrier_changes.set_share,
            server.central,
            "test",
            "blue",
            LOCATION.id,
            row.size,
            row.total - (row.size == "S"),
            None,
        )
    assert announce(server, key, "A", size=None).status_code == 201
    assert announce(server, key, "B", size=None).status_code == 409
    assert announce(server, key, "B", size="L").status_code == 409
    found = server.central.database.read(shares.of_location, LOCATION.id)
    assert found is not None
    assert (found.lying, found.announced) == ({}, {(None, "red"): 1})


def test_a_carrier_works_in_an_area_and_all_within_it(
    site: ListedAt, server: Server, tmp_path: Path
) -> None:
    server.write(tree.add, "north", "North", "", "test", 0)
    server.write(tree.add, "harbour", "Harbour", "north", "test", 0)
    server.add_carrier("red")
    add_courier(server, "21", "red")
    set_places(server, "red", "", "north")
    red = server.add_key(carrier="red")
    assert announce(server, red, "A").status_code == 404
    site.sync()
    assert site.numbers() == set()
    server.write(moving.put_location, LOCATION.id, "harbour", "test", 0)
    assert announce(server, red, "A").status_code == 201
    site.sync()
    assert site.numbers() == {"21"}
    server.write(moving.put_location, LOCATION.id, "", "test", 0)
    site.sync()
    assert site.numbers() == set()
    set_places(server, "red", "", "harbour")
    with pytest.raises(RequestError, match="a carrier's place is in it"):
        server.write(tree.remove, "harbour", "test", 0)


def test_a_list_of_more_couriers_than_a_page_changes_as_a_whole(
    site: ListedAt, server: Server
) -> None:
    server.add_carrier("red")
    numbers = [f"{number:04d}" for number in range(1000, 1001 + STAFF_PAGE_MAX)]
    set_digits(server, 4)
    add_many(server, numbers)
    server.write(lambda c: c.execute(schema.staff.update().values(carriers='["red"]')))
    site.sync()
    assert site.numbers() == set(numbers)
    server.write(carrier_changes.disable, server.central, "test", "red")
    site.sync()
    assert site.numbers() == set()


def test_a_kiosk_hears_of_the_shares_of_its_doors(server: Server, site: ListedAt) -> None:
    """It holds to them for what is brought that nobody announced, also with no network."""
    site.sync()
    server.add_carrier("red")
    server.add_carrier("blue")
    assert site.journal.do(kiosk_shares.of_location) is None
    set_share(server, "blue", 2)
    set_share(server, "red", 0, 1)
    site.sync()
    heard = site.journal.do(kiosk_shares.of_location)
    assert heard.shares == {("S", "blue"): Share(2, None), ("S", "red"): Share(0, 1)}
    site.journal.put_in("R1", "red")
    free = slots.FreeSlotQuery
    assert site.journal.do(lambda writer: free(writer, "new", "red").first("S")) is None
    assert site.journal.do(lambda writer: free(writer, "new", "blue").first("S")) is not None
    for carrier in ("red", "blue"):
        set_share(server, carrier, 0)
    site.sync()
    assert site.journal.do(kiosk_shares.of_location) is None


def feed(server: Server, key: dict[str, str], **query: str | int) -> dict[str, bool]:
    """A page after the other: each location, and whether it is gone."""
    found: dict[str, bool] = {}
    while True:
        url = f"{server.url}/v1/locations"
        answer = requests.get(url, params=query, headers=key, timeout=20)
        assert answer.ok, answer.text
        body = answer.json()
        for each in body["locations"]:
            assert not each["gone"] or each.keys() == {"id", "gone", "changed_ms"}
            found[each["id"]] = each["gone"]
        if body["next"] is None:
            return found
        query["cursor"] = body["next"]


def moment(server: Server) -> int:
    """Behind everything that has changed so far, by the database's clock."""

    def find(connection: Connection) -> int:
        return int(connection.execute(select(NowMs())).scalar_one())

    begun_ms = int(server.write(find))
    wait_until(lambda: int(server.write(find)) > begun_ms + 1)
    return begun_ms + 1


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_copy_of_the_feed_hears_where_its_carrier_works_no_more(
    server: Server, limit: int
) -> None:
    for name in ("one", "two", "three", "never"):
        server.add_location(name, country="DE")
    for carrier in ("red", "blue"):
        server.add_carrier(carrier)
    red, blue = (server.add_key(carrier=each) for each in ("red", "blue"))
    set_places(server, "red", "one,two")
    since = moment(server)
    set_places(server, "red", "two,three")

    def changed(key: dict[str, str], since_ms: int, **more: str) -> dict[str, bool]:
        return feed(server, key, changed_since_ms=since_ms, limit=limit, **more)

    assert changed(red, since) == {"one": True, "three": False}
    assert changed(red, since, country="DE") == {"one": True, "three": False}
    assert changed(red, since, country="FR") == {}
    assert feed(server, red, limit=limit) == {"two": False, "three": False}, "whole"
    assert changed(blue, since) == {}, "nobody else hears of it"
    assert changed(server.add_key(), since) == {}
    since = moment(server)
    set_places(server, "red", "*")
    assert changed(red, since) == {"one": False, "never": False}
    since = moment(server)
    set_places(server, "red", "one")
    assert changed(red, since) == {"two": True, "three": True, "never": True}


def test_a_copy_of_the_feed_hears_of_what_is_moved_with_its_area(server: Server) -> None:
    for area, within in (("north", ""), ("south", ""), ("town", "north")):
        server.write(tree.add, area, "", within, "test", 1)
    server.add_location("here")
    server.add_location("there")
    server.write(moving.put_location, "here", "town", "test", 1)
    for carrier, area in (("red", "north"), ("blue", "south")):
        server.add_carrier(carrier)
        set_places(server, carrier, "", area)
    red, blue = (server.add_key(carrier=each) for each in ("red", "blue"))
    since = moment(server)
    server.write(moving.put_area, "town", "south", "test", 1)
    assert feed(server, red, changed_since_ms=since) == {"here": True}
    assert feed(server, blue, changed_since_ms=since) == {"here": False}
    since = moment(server)
    server.write(moving.put_location, "there", "north", "test", 1)
    server.write(moving.put_location, "here", "north", "test", 1)
    assert feed(server, red, changed_since_ms=since) == {"here": False, "there": False}
    assert feed(server, blue, changed_since_ms=since) == {"here": True}


def test_no_list_and_no_refusal_names_a_place_where_a_carrier_does_not_work(
    server: Server,
) -> None:
    for name in ("one", "two"):
        server.add_location(name)
    for carrier in ("red", "blue"):
        server.add_carrier(carrier)
        server.write(keys.add, server.central, "test", carrier)
    red, blue = (server.add_key(carrier=each) for each in ("red", "blue"))
    set_places(server, "red", "one")

    def directory(key: dict[str, str]) -> list[str]:
        answer = requests.get(f"{server.url}/v1/directory", headers=key, timeout=20)
        return [each["id"] for each in answer.json()["locations"]]

    assert (directory(red), directory(blue)) == (["one"], ["one", "two"])

    def badge(key: dict[str, str], *locations: str) -> requests.Response:
        wanted = {"pseudonym": "c-1", "locations": locations}
        url = f"{server.url}/v1/couriers/badges"
        return requests.post(url, json=wanted, headers=key, timeout=20)

    assert badge(red, "one").status_code == 201
    away, nowhere = badge(red, "two"), badge(red, "three")
    assert (away.status_code, away.text.replace("two", "three")) == (404, nowhere.text)
    assert badge(blue, "two").status_code == 201
