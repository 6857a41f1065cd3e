"""A sandbox is strictly apart: from real lockers, from people, from other keys."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from central import carrier_changes, housekeeping, schema
from central.auth import Role
from central.badges import keys, site_codes
from central.errors import RequestError
from central.feed import readers
from central.sync import carrier_access
from kiosk.model.clock import HOUR_MS
from tests.central.test_api_page import sandbox_key
from tests.central.test_problems import problem_of
from tests.support.central_server import EVA, LOCATION, Journal, Mailbox, Server, announce
from tests.support.operators import Browser, sync


def ask(
    server: Server, key: dict[str, str], method: str, path: str, body: Any = None
) -> requests.Response:
    url = f"{server.url}/v1/{path}"
    return requests.request(method, url, json=body, headers=key, timeout=20)


def happens(server: Server, key: dict[str, str], package: str, action: str) -> requests.Response:
    return ask(server, key, "POST", f"sandbox/packages/{package}/{action}")


@pytest.fixture
def key(server: Server) -> dict[str, str]:
    return sandbox_key(server)


@pytest.fixture
def place(server: Server, key: dict[str, str]) -> str:
    return str(ask(server, key, "GET", "sandbox").json()["location"])


def test_neither_side_sees_or_touches_the_other(
    server: Server, kiosk: Journal, key: dict[str, str], place: str
) -> None:
    sync(kiosk)
    real, other = server.add_key(), sandbox_key(server)
    assert announce(server, key, "A1", location=place).status_code == 201
    own = announce(server, real, "A1").json()["id"]
    for who, where in ((key, LOCATION.id), (real, place), (other, place)):
        problem_of(announce(server, who, "B1", location=where), 404, "not_found")
        problem_of(ask(server, who, "GET", f"locations/{where}"), 404, "not_found")
        path = f"locations/{where}/check"
        problem_of(ask(server, who, "POST", path, {"size": "S"}), 404, "not_found")
        wanted = {"location": where, "size": "S", "until_ms": server.clock.wall_ms + HOUR_MS}
        problem_of(ask(server, who, "POST", "reservations", wanted), 404, "not_found")
    problem_of(ask(server, key, "GET", f"packages/{own}"), 404, "not_found")
    problem_of(happens(server, key, own, "deposit"), 404, "not_found")
    problem_of(happens(server, real, own, "deposit"), 403, "no_sandbox")
    seen = [
        {each["id"] for each in ask(server, who, "GET", "locations").json()["locations"]}
        for who in (real, key, other)
    ]
    assert seen[0] == {LOCATION.id}
    assert seen[1] == {place}
    assert len(seen[2]) == 1 and not seen[2] & (seen[0] | seen[1])
    for who in (key, other):
        assert ask(server, who, "GET", "directory").json()["locations"] == []
    listed = ask(server, real, "GET", "directory").json()["locations"]
    assert [each["id"] for each in listed] == [LOCATION.id]
    near = "locations/nearest?lat=0&lon=0&count=50"
    assert place not in ask(server, real, "GET", near).text
    assert [each["id"] for each in ask(server, key, "GET", near).json()] == [place]


def test_nobody_is_sent_anything(
    server: Server, mailbox: tuple[int, Mailbox], key: dict[str, str], place: str
) -> None:
    """Whatever happens there, with addresses that are somebody's."""
    package = announce(server, key, "A1", location="nearest", recipient=EVA).json()["id"]
    assert happens(server, key, package, "deposit").json()["status"] == "STORED"
    ask(server, key, "POST", f"packages/{package}/code", {"user_id": "eva"})
    ask(server, key, "POST", f"packages/{package}/extend", {"days": 1})
    for fault in ("door_jammed", "opened_by_itself", "board_away", "board_back", "full"):
        assert ask(server, key, "POST", "sandbox/faults", {"fault": fault}).ok, fault
    happens(server, key, package, "expire")
    happens(server, key, package, "collect")
    server.tidy(server.clock.wall_ms + HOUR_MS)
    server.write(housekeeping.tell_of_silence, server.rules, 0, server.clock.wall_ms + 48 * HOUR_MS)
    assert server.rows(schema.notification) == []
    assert server.rows(schema.quarantine) == []
    assert server.alarms() == []
    assert mailbox[1].mails == []


@pytest.mark.parametrize(
    ("actions", "status"),
    [
        ([], "PENDING"),
        (["deposit"], "STORED"),
        (["deposit", "undo"], "PENDING"),
        (["deposit", "undo", "deposit", "pickup"], "RETRIEVED"),
        (["deposit", "expire"], "EXPIRED"),
        (["deposit", "expire", "collect"], "COLLECTED"),
        (["deposit", "lose"], "MISSING"),
    ],
)
def test_each_state_is_reached_by_request(
    server: Server, key: dict[str, str], actions: list[str], status: str
) -> None:
    package = announce(server, key, "A1", location="nearest").json()["id"]
    for action in actions:
        answer = happens(server, key, package, action)
        assert answer.status_code == 200, answer.text
    found = ask(server, key, "GET", f"packages/{package}").json()
    assert found["status"] == status
    history = ask(server, key, "GET", f"packages/{package}/history").json()
    assert len(history) >= len(actions) + 1


def test_what_cannot_happen_is_a_problem(server: Server, key: dict[str, str]) -> None:
    package = announce(server, key, "A1", location="nearest").json()["id"]
    problem_of(happens(server, key, package, "pickup"), 409, "too_late")
    happens(server, key, package, "deposit")
    problem_of(happens(server, key, package, "deposit"), 409, "too_late")
    problem_of(happens(server, key, package, "explode"), 422, "invalid")
    ask(server, key, "POST", f"packages/{package}/cancel", {})
    found = ask(server, key, "GET", f"packages/{package}").json()
    assert found["status"] == "CANCELLED"
    assert happens(server, key, package, "collect").json()["status"] == "COLLECTED"


@pytest.mark.parametrize(
    ("error", "status"),
    [("too_many_requests", 429), ("internal", 500), ("unavailable", 503), ("outcome_unknown", 503)],
)
def test_the_next_request_is_refused_once(
    server: Server, key: dict[str, str], error: str, status: int
) -> None:
    assert ask(server, key, "POST", "sandbox/refusals", {"error": error}).ok
    refused = announce(server, key, "A1", location="nearest")
    problem_of(refused, status, error)
    assert "retry-after" in refused.headers
    assert server.rows(schema.package) == []
    assert announce(server, key, "A1", location="nearest").status_code == 201


def test_what_happens_there_is_in_no_readers_feed_but_that_of_its_own_webhooks(
    server: Server, key: dict[str, str], place: str
) -> None:
    server.write(readers.begin, "warehouse", "test", server.clock.wall_ms)
    wanted = {"url": "https://carrier.example.org/x", "events": ["package.*"]}
    assert ask(server, key, "POST", "webhooks", wanted).status_code == 201
    other = sandbox_key(server)
    for who in (key, other):
        package = announce(server, who, "A1", location="nearest").json()["id"]
        happens(server, who, package, "deposit")
    feeds = {row.id: row.feeds for row in server.rows(schema.location)}
    assert set(feeds.values()) == {"webhooks"}
    assert server.write(readers.not_begun, "warehouse") == []
    assert server.write(readers.not_begun, "webhooks") == []


def test_operators_see_it_as_what_it_is(server: Server, key: dict[str, str], place: str) -> None:
    (row,) = [each for each in server.rows(schema.location) if each.id == place]
    assert row.name == "Sandbox of a shop"
    assert "simulated" in row.address
    assert row.last_sync_ms is None
    assert row.latitude is None


def test_a_sandbox_asks_for_badges_and_no_real_kiosk_hears_of_it(
    server: Server, kiosk: Journal, key: dict[str, str], place: str
) -> None:
    before = server.rows(schema.staff_list)
    problem_of(ask(server, key, "POST", "couriers/badges", {"pseudonym": "c-1"}), 409, "no_key")
    path = f"locations/{place}/courier-code"
    problem_of(ask(server, key, "GET", path), 409, "no_site_codes")
    path = f"locations/{LOCATION.id}/courier-code"
    problem_of(ask(server, key, "GET", path), 404, "not_found")
    revoked = {"pseudonym": "c-1"}
    problem_of(ask(server, key, "POST", "couriers/revocations", revoked), 403, "forbidden")
    problem_of(ask(server, key, "DELETE", "couriers/revocations/none"), 403, "forbidden")
    assert server.rows(schema.staff_list) == before, "no kiosk fetches its list for it"
    carrier = str(ask(server, key, "GET", "sandbox").json()["carrier"])
    server.write(keys.add, server.central, "test", carrier)
    server.write(lambda c: site_codes.allow(c, server.central, "test", carrier, is_allowed=True))
    known = server.write(carrier_access.of_location, LOCATION.id, "", server.clock.wall_ms)
    assert (known.keys, known.site_codes) == ((), ())


def test_sandboxes_take_no_place_of_carriers(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier_changes, "CARRIERS_MAX", 2)
    for _ in range(3):
        sandbox_key(server)
    server.add_carrier("red")
    with pytest.raises(RequestError, match="2 carriers already"):
        server.add_carrier("blue")


def test_operators_make_one_at_the_page(server: Server) -> None:
    admin = Browser(server, Role.ADMIN)
    shown = admin.post("/keys", name="A shop", scopes=["packages:read"], sandbox="true").text
    [token] = re.findall(r"key_[\w-]+", shown)
    headers = {"authorization": f"Bearer {token}"}
    made = ask(server, headers, "GET", "sandbox").json()
    assert (
        announce(server, headers, "A1", location="nearest").json()["location"] == made["location"]
    )
    assert "sandbox</span>" in admin.get("/keys").text
    real = admin.post("/keys", name="B", scopes=["packages:read"], carrier=made["carrier"]).text
    assert "is a sandbox" in real, "no real key sees what is in it"
    [row] = server.rows(schema.api_key)
    assert row.sandbox
