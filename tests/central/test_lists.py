"""Lists of packages and locations: whole, in order, whatever is written meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
import requests
from sqlalchemy import update

from central import schema
from central.auth import Role
from central.errors import RequestError
from central.locations.changes import describe
from central.sync import enrolment
from tests.central.test_problems import problem_of
from tests.support.central_server import LOCATION, Journal, Server, announce
from tests.support.operators import Browser, obey, sync


def get(server: Server, headers: dict[str, str], path: str, **query: Any) -> requests.Response:
    return requests.get(f"{server.url}/v1/{path}", params=query, headers=headers, timeout=20)


def pages(
    server: Server, headers: dict[str, str], path: str, **query: Any
) -> Iterator[list[dict[str, Any]]]:
    """A list, page by page."""
    cursor: str | None = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        answer = get(server, headers, path, **query, **more)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        yield body[path]
        cursor = body["next"]
        if cursor is None:
            return


def listed(
    server: Server, headers: dict[str, str], path: str, **query: Any
) -> list[dict[str, Any]]:
    """A list, whole."""
    return list(chain.from_iterable(pages(server, headers, path, **query)))


def barcodes(server: Server, headers: dict[str, str], **query: Any) -> list[str]:
    return [each["barcode"] for each in listed(server, headers, "packages", **query)]


@pytest.fixture(params=["operator", "acme"])
def carrier(request: pytest.FixtureRequest, server: Server) -> str:
    """Whose packages they are: keys of the operator's see by other rules than any others."""
    if request.param != "operator":
        server.add_carrier(request.param)
    return str(request.param)


@pytest.fixture
def sender(server: Server, carrier: str) -> dict[str, str]:
    """A sender's key."""
    return server.add_key(carrier=carrier)


def test_a_list_goes_on_behind_each_page_and_nobody_elses_is_in_it(
    server: Server, kiosk: Journal, sender: dict[str, str], carrier: str
) -> None:
    others = server.add_key()
    for number in range(7):
        assert announce(server, sender, f"A{number}").status_code == 201
        assert announce(server, others, f"B{number}").status_code == 201
        server.clock.wall_ms += number % 2  # some of the same moment
    found = list(pages(server, sender, "packages", limit=3))
    assert [len(page) for page in found] == [3, 3, 1]
    assert sorted(each["barcode"] for page in found for each in page) == [
        f"A{number}" for number in range(7)
    ]


def test_each_filter_and_several_together(
    server: Server, kiosk: Journal, sender: dict[str, str], carrier: str
) -> None:
    server.add_location("elsewhere")
    first = announce(server, sender, "A1", reference="order 1").json()
    announce(server, sender, "A2", reference="order 2")
    announce(server, sender, "A3", location="elsewhere")
    obey(kiosk)
    kiosk.put_in("A1", carrier)
    sync(kiosk)
    assert barcodes(server, sender, status="STORED") == ["A1"]
    found = barcodes(server, sender, status="PENDING,STORED", location=LOCATION.id)
    assert sorted(found) == ["A1", "A2"]
    assert barcodes(server, sender, location="elsewhere") == ["A3"]
    assert barcodes(server, sender, location="elsewhere", status="STORED") == []
    assert barcodes(server, sender, reference="order 2") == ["A2"]
    assert barcodes(server, sender, barcode=" A1 ") == ["A1"]
    (found,) = get(server, sender, "packages", reference="order 1").json()["packages"]
    alone = get(server, sender, f"packages/{first['id']}").json()
    assert found == alone
    assert alone["reference"] == "order 1"


def test_what_is_to_be_collected_is_what_lies_in_a_door_after_its_last_day(
    server: Server, kiosk: Journal, sender: dict[str, str], carrier: str
) -> None:
    for barcode in ("A1", "A2"):
        announce(server, sender, barcode)
    obey(kiosk)
    kiosk.put_in("A1", carrier)
    sync(kiosk)
    (row,) = get(server, sender, "packages", status="STORED").json()["packages"]
    until_ms = row["hold_until_ms"]
    assert barcodes(server, sender, due_by_ms=until_ms) == ["A1"]
    assert barcodes(server, sender, due_by_ms=until_ms, location=LOCATION.id) == ["A1"]
    assert barcodes(server, sender, due_by_ms=until_ms - 1) == []


def test_who_asks_for_what_changed_since_misses_nothing(
    server: Server, kiosk: Journal, sender: dict[str, str], carrier: str
) -> None:
    for number in range(4):
        announce(server, sender, f"A{number}")
    asked = get(server, sender, "packages", changed_since_ms=0)
    since_ms = asked.json()["next_since_ms"]
    assert len(asked.json()["packages"]) == 4
    first = get(server, sender, "packages", changed_since_ms=0, limit=2).json()
    assert first["next_since_ms"] is None
    # What was shown already changes while somebody reads: it comes once more.
    obey(kiosk)
    kiosk.put_in("A0", carrier)
    sync(kiosk)
    rest = get(
        server, sender, "packages", changed_since_ms=0, limit=10, cursor=first["next"]
    ).json()
    assert {"A2", "A3", "A0"} <= {each["barcode"] for each in rest["packages"]}
    assert rest["next"] is None
    again = get(server, sender, "packages", changed_since_ms=since_ms).json()["packages"]
    assert {each["barcode"]: each["status"] for each in again}["A0"] == "STORED"


def test_rows_of_one_moment_are_each_shown_once(server: Server, sender: dict[str, str]) -> None:
    server.add_location()
    made = {announce(server, sender, f"A{number}").json()["id"] for number in range(6)}
    server.write(lambda c: c.execute(update(schema.package).values(changed_ms=5)))
    found = [each["id"] for each in listed(server, sender, "packages", changed_since_ms=5, limit=2)]
    assert len(found) == len(set(found))
    assert set(found) == made


@pytest.mark.parametrize("what", ["damaged", "another key's", "another question's", "made up"])
def test_a_cursor_that_is_not_this_lists_is_refused_with_its_field(
    server: Server, sender: dict[str, str], what: str
) -> None:
    server.add_location()
    others = server.add_key()
    for number in range(3):
        announce(server, sender, f"A{number}")
        announce(server, others, f"B{number}")
    cursor = get(server, sender, "packages", limit=1).json()["next"]
    query: dict[str, Any] = {"cursor": cursor}
    if what == "damaged":
        query["cursor"] = cursor[:5] + ("A" if cursor[5] != "A" else "B") + cursor[6:]
    elif what == "another key's":
        query["cursor"] = get(server, others, "packages", limit=1).json()["next"]
    elif what == "another question's":
        query["status"] = "STORED"
    else:
        query["cursor"] = "next please"
    body = problem_of(get(server, sender, "packages", **query), 422, "invalid")
    assert [each["field"] for each in body["errors"]] == ["cursor"]
    assert "last page" in body["errors"][0]["expected"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "LOST"}, "status"),
        ({"limit": 501}, "limit"),
        ({"limit": 0}, "limit"),
        ({"changed_since_ms": -1}, "changed_since_ms"),
        ({"due_by_ms": 1, "status": "RETRIEVED"}, "status"),
        ({"due_by_ms": 1, "changed_since_ms": 1}, "due_by_ms"),
    ],
)
def test_a_filter_that_is_none_is_refused_with_its_field(
    server: Server, query: dict[str, Any], field: str
) -> None:
    body = problem_of(get(server, server.add_key(), "packages", **query), 422, "invalid")
    assert [each["field"] for each in body["errors"]] == [field]


def test_a_reference_is_one_packages_until_that_is_recalled(
    server: Server, kiosk: Journal, sender: dict[str, str], carrier: str
) -> None:
    first = announce(server, sender, "A1", reference="order 1").json()["id"]
    body = problem_of(announce(server, sender, "A2", reference="order 1"), 409, "exists")
    assert body["id"] == first
    assert announce(server, server.add_key(), "A2", reference="order 1").status_code == 201
    url = f"{server.url}/v1/packages/{first}/cancel"
    assert requests.post(url, json={}, headers=sender, timeout=20).ok
    obey(kiosk)
    sync(kiosk)
    assert announce(server, sender, "A3", reference="order 1").status_code == 201


def test_a_package_that_lay_there_already_is_listed_once_under_its_announced_id(
    server: Server, kiosk: Journal
) -> None:
    sender = server.add_key()
    kiosk.put_in("A1")
    announced = announce(server, sender, "A1", reference="order 1").json()["id"]
    obey(kiosk)
    sync(kiosk)
    found = listed(server, sender, "packages")
    assert [(each["id"], each["status"]) for each in found] == [(announced, "STORED")]
    assert get(server, sender, f"packages/{announced}").json()["status"] == "STORED"
    assert barcodes(server, sender, reference="order 1") == ["A1"]


# --- locations ---------------------------------------------------------------------------------


def test_the_feed_of_locations_is_whole_and_says_what_changed_and_what_is_gone(
    server: Server, kiosk: Journal
) -> None:
    key = server.add_key()
    for number in range(3):
        server.add_location(f"place-{number}", country="DE" if number else "FR")
    sync(kiosk)
    ids = [each["id"] for each in listed(server, key, "locations", limit=3)]
    assert ids == sorted(ids)
    assert len(ids) == 4
    of_country = [each["id"] for each in listed(server, key, "locations", country="DE")]
    assert {"place-1", "place-2"} <= set(of_country)
    assert "place-0" not in of_country
    whole = get(server, key, "locations", changed_since_ms=0).json()
    since_ms = whole["next_since_ms"] + 60_000
    server.write(lambda c: c.execute(update(schema.location).values(listed_ms=1)))
    now_ms = server.clock.wall_ms
    server.write(
        lambda c: describe(
            c,
            "place-1",
            "test",
            now_ms,
            directions="behind the bakery",
            photo_url="https://example.org/photo.jpg",
            opening_hours="Mo-Fr 08:00-20:00; Sa 09:00-13:00",
            accessibility=["step_free"],
            services=["pickup", "returns"],
        )
    )
    server.write(lambda c: enrolment.revoke(c, "place-2", "test", now_ms))
    changed = get(server, key, "locations", changed_since_ms=since_ms - 60_000).json()["locations"]
    by_id = {each["id"]: each for each in changed}
    assert set(by_id) == {"place-1", "place-2"}
    assert by_id["place-2"]["gone"] is True
    shown = by_id["place-1"]
    assert shown["directions"] == "behind the bakery"
    assert shown["services"] == ["pickup", "returns"]
    assert {"day": 6, "open": "09:00", "close": "13:00"} in shown["hours"]
    assert "place-2" not in {each["id"] for each in listed(server, key, "locations")}


def test_an_operator_writes_down_on_a_page_what_check_outs_show(
    server: Server, kiosk: Journal
) -> None:
    admin, key = Browser(server, Role.ADMIN), server.add_key()
    form = {"directions": "by the fountain", "opening_hours": "24/7", "services": "returns, pickup"}
    answer = admin.post(f"/locations/{LOCATION.id}/describe", **form)
    assert answer.status_code == 200, answer.text
    assert "by the fountain" in admin.get(f"/locations/{LOCATION.id}").text
    (found,) = listed(server, key, "locations")
    assert (found["directions"], found["services"]) == ("by the fountain", ["pickup", "returns"])
    assert len(found["hours"]) == 7
    refused = admin.post(f"/locations/{LOCATION.id}/describe", opening_hours="at times")
    assert "right is 24/7" in refused.text
    (same,) = listed(server, key, "locations")
    assert same == found


def test_a_carrier_that_works_at_some_locations_finds_no_others(server: Server) -> None:
    server.add_carrier("acme")
    key = server.add_key(carrier="acme")
    for name in ("place-1", "place-2"):
        server.add_location(name)
    carrier, at = schema.carrier, schema.carrier_location
    limited = carrier.update().where(carrier.c.id == "acme").values(is_limited=True)
    server.write(lambda c: c.execute(limited).rowcount)
    server.write(
        lambda c: c.execute(at.insert().values(carrier="acme", location="place-2")).rowcount
    )
    assert [each["id"] for each in listed(server, key, "locations")] == ["place-2"]
    since = listed(server, key, "locations", changed_since_ms=0)
    assert [each["id"] for each in since] == ["place-2"]


def test_a_deposit_changes_the_live_room_and_the_etag(server: Server, kiosk: Journal) -> None:
    key = server.add_key()
    sync(kiosk)
    first = get(server, key, "locations")
    tag = first.headers["etag"]
    again = requests.get(
        f"{server.url}/v1/locations", headers={**key, "if-none-match": tag}, timeout=20
    )
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    since_ms = get(server, key, "locations", changed_since_ms=0).json()["next_since_ms"]
    announce(server, key, "A1")
    changed = requests.get(
        f"{server.url}/v1/locations", headers={**key, "if-none-match": tag}, timeout=20
    )
    assert changed.status_code == 200
    before, after = (each.json()["locations"][0]["free"] for each in (first, changed))
    assert after == before - 1
    assert get(server, key, "locations", changed_since_ms=since_ms).json()["locations"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("opening_hours", "always"),
        ("opening_hours", "Mo 20:00-08:00"),
        ("photo_url", "http://example.org/x.jpg"),
        ("photo_url", "javascript:alert(1)"),
        ("services", ["coffee"]),
        ("accessibility", ["stairs"]),
        ("directions", "x" * 501),
    ],
)
def test_what_cannot_be_shown_of_a_location_is_refused_with_its_field(
    server: Server, field: str, value: Any
) -> None:
    server.add_location("here")
    with pytest.raises(RequestError) as refused:
        server.write(lambda c: describe(c, "here", "test", 1, **{field: value}))
    assert refused.value.errors[0].field == field


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_reservations_are_listed_by_state_location_and_reference(
    server: Server, kiosk: Journal, sender: dict[str, str], carrier: str, limit: int
) -> None:
    sync(kiosk)
    others, made = server.add_key(), []
    until_ms = server.clock.wall_ms + 3_600_000
    for number, headers in enumerate((sender, others, sender, sender)):
        wanted = {"location": LOCATION.id, "size": "S", "until_ms": until_ms}
        wanted |= {"reference": f"order {number}", "kind": "hard" if number == 3 else "soft"}
        answer = requests.post(
            f"{server.url}/v1/reservations", json=wanted, headers=headers, timeout=20
        )
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        server.clock.wall_ms += number % 2
    mine = [made[0], made[2], made[3]]
    path = f"{server.url}/v1/reservations/{made[2]}"
    assert requests.delete(path, headers=sender, timeout=20).ok

    def ids(**query: Any) -> list[str]:
        return [each["id"] for each in listed(server, sender, "reservations", limit=limit, **query)]

    assert sorted(ids()) == sorted(mine)
    assert ids(state="GIVEN_BACK") == [made[2]]
    assert sorted(ids(state="HELD,GIVEN_BACK", location=LOCATION.id)) == sorted(mine)
    assert ids(reference="order 3") == [made[3]]
    assert ids(reference="order 1") == [], "another's"
    assert ids(location="elsewhere") == []
    obey(kiosk)
    [hard] = get(server, sender, "reservations", reference="order 3").json()["reservations"]
    assert hard == get(server, sender, f"reservations/{made[3]}").json()
    assert get(server, sender, "reservations", state="GONE").status_code == 422
