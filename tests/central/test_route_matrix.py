"""Every route of the application with every kind of client: who gets in, and what is not theirs.

The routes are the application's own, so one without a rule fails here. Things that are somebody's
are there for real: what another sender, or another location's kiosk, asks for by its right id is
answered as if it were not there, and nothing of it is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from fastapi import FastAPI

from central import links, schema
from central.auth import Role, Scope
from central.pages.paths import HOME
from central.pages.session import COOKIE
from tests.support.central_server import EVA, LOCATION, Journal, Server, announce, mail_server
from tests.support.operators import Browser, obey, sync
from tests.support.page_rules import ASKS_FOR as PAGES

ANY_KIOSK = "the kiosk of any location"
KIOSK, NOBODY, IN_ADDRESS, IN_MESSAGE = "kiosk", "nobody", "token in the address", "in the message"
ENROLLING = "who is about to enrol"
RULES: dict[str, str] = {
    "GET /v1/enrol": ENROLLING,
    "GET /v1/enrol/site": ENROLLING,
    "POST /v1/locations/{location}/sync": KIOSK,
    "GET /v1/locations/{location}/events": KIOSK,
    "GET /v1/locations/{location}/staff": KIOSK,
    "GET /v1/locations/{location}/directory": KIOSK,
    "GET /v1/locations/{location}/nearby": KIOSK,
    "POST /v1/locations/{location}/nearby": KIOSK,
    "GET /v1/locations/{location}/wait": KIOSK,
    "POST /v1/locations/{location}/retire": KIOSK,
    "PUT /v1/locations/{location}/files": KIOSK,
    "GET /releases/metadata/{name}": ANY_KIOSK,
    "GET /releases/targets/{name}": ANY_KIOSK,
    "POST /v1/enrol": IN_MESSAGE,
    "POST /v1/packages": Scope.ANNOUNCE,
    "GET /v1/packages": Scope.READ,
    "POST /v1/packages/bulk": Scope.ANNOUNCE,
    "GET /v1/packages/{package}": Scope.READ,
    "GET /v1/packages/{package}/history": Scope.READ,
    "POST /v1/packages/{package}/cancel": Scope.CHANGE,
    "POST /v1/packages/{package}/extend": Scope.CHANGE,
    "POST /v1/packages/{package}/code": Scope.CHANGE,
    "PUT /v1/packages/{package}/recipient": Scope.CHANGE,
    "GET /v1/locations": Scope.LOCATIONS,
    "POST /v1/locations/{location}/check": Scope.LOCATIONS,
    "POST /v1/reservations": Scope.ANNOUNCE,
    "GET /v1/reservations": Scope.ANNOUNCE,
    "GET /v1/reports/days": Scope.READ,
    "GET /v1/reservations/{reservation}": Scope.ANNOUNCE,
    "PUT /v1/reservations/{reservation}": Scope.ANNOUNCE,
    "DELETE /v1/reservations/{reservation}": Scope.ANNOUNCE,
    "GET /v1/sandbox": Scope.CHANGE,
    "POST /v1/sandbox/packages/{package}/{action}": Scope.CHANGE,
    "POST /v1/sandbox/faults": Scope.CHANGE,
    "POST /v1/sandbox/refusals": Scope.CHANGE,
    "GET /v1/locations/nearest": Scope.LOCATIONS,
    "GET /v1/locations/{location}": Scope.LOCATIONS,
    "GET /v1/directory": Scope.LOCATIONS,
    "GET /v1/webhooks/events": Scope.WEBHOOKS,
    "POST /v1/webhooks": Scope.WEBHOOKS,
    "GET /v1/webhooks": Scope.WEBHOOKS,
    "GET /v1/webhooks/{receiver}": Scope.WEBHOOKS,
    "PATCH /v1/webhooks/{receiver}": Scope.WEBHOOKS,
    "DELETE /v1/webhooks/{receiver}": Scope.WEBHOOKS,
    "POST /v1/webhooks/{receiver}/rotate": Scope.WEBHOOKS,
    "POST /v1/webhooks/{receiver}/test": Scope.WEBHOOKS,
    "GET /v1/webhooks/{receiver}/deliveries": Scope.WEBHOOKS,
    "POST /v1/webhooks/{receiver}/replay": Scope.WEBHOOKS,
    "POST /v1/couriers/badges": Scope.COURIERS,
    "GET /v1/couriers/keys": Scope.COURIERS,
    "GET /v1/couriers/revocations": Scope.COURIERS,
    "POST /v1/couriers/revocations": Scope.COURIERS,
    "DELETE /v1/couriers/revocations/{revocation}": Scope.COURIERS,
    "GET /v1/locations/{location}/courier-code": Scope.COURIERS,
    "POST /v1/receipts/{token}": IN_ADDRESS,
    "GET /m/{token}": IN_ADDRESS,
    "GET /mine/{token}": IN_ADDRESS,
    "GET /receipt/{location}/{epoch}/{seq}/{shown}": IN_ADDRESS,
    "POST /mine/{token}/extend": IN_ADDRESS,
    "POST /mine/{token}/code": IN_ADDRESS,
    "POST /mine/{token}/delegate": IN_ADDRESS,
    "POST /mine/{token}/delegate/end": IN_ADDRESS,
    "GET /mine/{token}/no-reminders": IN_ADDRESS,
    "POST /mine/{token}/no-reminders": IN_ADDRESS,
    "POST /v1/sms/{token}": IN_ADDRESS,
    "GET /privacy": NOBODY,
    "GET /healthz": NOBODY,
    "GET /readyz": NOBODY,
    "GET /metrics": NOBODY,
    "GET /openapi.json": NOBODY,
    "GET /docs/api": NOBODY,
    "GET /docs/api/page.css": NOBODY,
    "GET /": NOBODY,
}
"""What each route asks for; the operators' pages have their own table."""
BODIES: dict[str, Any] = {
    "POST /v1/packages": {"barcode": "B", "location": LOCATION.id, "recipient": {}},
    "POST /v1/packages/bulk": {"packages": [{"barcode": "B", "location": "-", "recipient": {}}]},
    "POST /v1/locations/{location}/check": {"size": "S"},
    "POST /v1/reservations": {"location": LOCATION.id, "size": "S", "until_ms": 1_798_762_000_000},
    "PUT /v1/reservations/{reservation}": {"until_ms": 1_798_762_000_000},
    "POST /v1/sandbox/faults": {"fault": "full"},
    "POST /v1/sandbox/refusals": {"error": "unavailable"},
    "POST /v1/packages/{package}/cancel": {},
    "POST /v1/couriers/badges": {"pseudonym": "c-1"},
    "POST /v1/couriers/revocations": {"pseudonym": "c-1"},
    "POST /v1/packages/{package}/extend": {"days": 1},
    "POST /v1/packages/{package}/code": {"user_id": "eva"},
    "PUT /v1/packages/{package}/recipient": {"email": "thief@example.org"},
    "POST /v1/webhooks": {"url": "https://example.org/"},
    "PATCH /v1/webhooks/{receiver}": {},
    "POST /v1/webhooks/{receiver}/rotate": {},
    "POST /v1/webhooks/{receiver}/replay": {"since_ms": 0},
    "POST /v1/locations/{location}/sync": {"epoch": "e"},
    "POST /v1/enrol": {"token": "t", "location": LOCATION.id, "key": "00" * 32},
}
FORMS: dict[str, Any] = {
    "POST /v1/receipts/{token}": {"MessageStatus": "delivered"},
    "POST /v1/sms/{token}": {"From": "+491710000001", "Body": "STOP"},
}
QUERY: dict[str, str] = {
    "lat": "0",
    "lon": "0",
    "epoch": "e",
    "within_s": "0",
    "question": "0" * 32,
    "command": "none",
}


def routes_of(app: FastAPI) -> set[str]:
    """Every method and path that the application answers."""
    routes: list[Any] = []
    for each in app.routes:
        included = getattr(each, "original_router", None)
        routes += [each] if included is None else included.routes
    return {
        f"{method} {each.path.replace(':path', '')}"
        for each in routes
        for method in (each.methods or set()) - ({"HEAD"} if "GET" in each.methods else set())
    }


KIOSKS = ("kiosk", "another location's kiosk")
PROGRAMS = ("sender", "another sender", "another carrier")


@dataclass
class Site:
    """A server with a sender's package in a locker, and whoever might ask for it."""

    server: Server
    kiosk: Journal
    package: str
    clients: dict[str, dict[str, str]]

    def ask(self, route: str, client: str) -> requests.Response:
        method, _, path = route.partition(" ")
        path = path.format(
            location=LOCATION.id,
            package=self.package,
            token="none",
            reservation="none",
            action="pickup",
            revocation="none",
            receiver="none",
            name="none",
            epoch="none",
            seq=1,
            shown="none",
        )
        return requests.request(
            method,
            self.server.url + path,
            params=QUERY,
            json=BODIES.get(route),
            data=FORMS.get(route),
            headers=self.clients[client],
            timeout=20,
            allow_redirects=False,
        )

    def state(self) -> list[list[Any]]:
        """What somebody else may not change, in an order of its own: a database has none."""
        tables = (schema.package, schema.command, schema.event)
        rows: list[list[Any]] = [list(map(tuple, self.server.rows(table))) for table in tables]
        rows.append([(row.id, row.kind) for row in self.server.rows(schema.notification)])
        return [sorted(each, key=str) for each in rows]

    def may_only(self, scope: str) -> None:
        """Leave the sender's key one scope."""
        table = schema.api_key
        changed = table.update().where(table.c.name == "sender").values(scopes=json.dumps([scope]))
        self.server.write(lambda c: c.execute(changed))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("matrix")
    with mail_server() as (port, _box):
        server = Server(folder / "central", smtp_port=port)
        server.start()
        kiosk = Journal(folder / "kiosk.db")
        assert kiosk.enrol(server, server.add_location()).ok
        other = Journal(folder / "other.db", replace(LOCATION, id="other"))
        assert other.enrol(server, server.add_location("other")).ok
        server.add_carrier("red")
        sender = server.add_key()
        server.write(lambda c: c.execute(schema.api_key.update().values(name="sender")))
        clients = {
            "sender": sender,
            "another sender": server.add_key(),
            "another carrier": server.add_key(carrier="red"),
            "kiosk": {"authorization": f"Bearer {kiosk.token}"},
            "another location's kiosk": {"authorization": f"Bearer {other.token}"},
            "operator": {"cookie": f"{COOKIE}={Browser(server, Role.ADMIN).http.cookies[COOKIE]}"},
            ENROLLING: {"authorization": f"Bearer {server.add_location('third')}"},
            "stranger": {"authorization": "Bearer key_made_up"},
            "nobody": {},
        }
        package = str(announce(server, clients["sender"], "A").json()["id"])
        obey(kiosk)
        kiosk.put_in("A")
        sync(kiosk)
        yield Site(server, kiosk, package, clients)
        kiosk.store.close()
        other.store.close()
        server.stop()


def test_every_route_has_a_rule(site: Site) -> None:
    pages = {f"{each.partition(' ')[0]} {HOME}{each.partition(' ')[2]}" for each in PAGES}
    assert routes_of(site.server.app) == set(RULES) | pages


def is_let_in(answer: requests.Response, rule: str) -> bool:
    assert answer.status_code < 500
    refusals = (404,) if rule == IN_ADDRESS else (401, 403)
    return answer.status_code not in refusals


@pytest.mark.parametrize("route", [each for each in RULES if each != "POST /v1/packages"])
def test_a_route_lets_in_whom_it_is_for_and_nobody_else(site: Site, route: str) -> None:
    rule = RULES[route]
    before = site.state()
    for client in site.clients:
        if client in PROGRAMS and isinstance(rule, Scope):
            continue
        answer = site.ask(route, client)
        is_wanted = rule == NOBODY or client == rule or (rule == ANY_KIOSK and client in KIOSKS)
        assert is_let_in(answer, rule) is is_wanted, (client, answer.status_code)
    if rule != KIOSK:
        assert site.state() == before


def test_no_page_is_for_who_has_only_a_token(site: Site) -> None:
    names = {"name": site.package, "number": "11", "carrier": "operator", "label": "1"}
    for page, role in PAGES.items():
        if role is None:
            continue
        method, _, path = page.partition(" ")
        url = site.server.url + HOME + path.format(**names)
        for client in ("sender", "kiosk", "stranger"):
            answer = requests.request(
                method, url, headers=site.clients[client], timeout=20, allow_redirects=False
            )
            where = answer.headers.get("location", "")
            assert answer.status_code == 403 or where.endswith("/sign-in"), (page, client)


SCOPED = [each for each, rule in RULES.items() if isinstance(rule, Scope)]


@pytest.mark.parametrize("route", SCOPED)
def test_a_key_gets_in_by_its_scope_alone(site: Site, route: str) -> None:
    for scope in Scope:
        site.may_only(scope)
        if scope != RULES[route]:
            assert site.ask(route, "sender").status_code == 403


@pytest.mark.parametrize("other", ["another sender", "another carrier"])
@pytest.mark.parametrize(
    "route", [each for each in SCOPED if "{package}" in each and "/sandbox/" not in each]
)
def test_what_is_anothers_is_not_there(site: Site, route: str, other: str) -> None:
    """Also by its right id: neither changed, nor answered otherwise than one that nobody has."""
    before = site.state()
    answer = site.ask(route, other)
    assert answer.status_code == 404
    nothing = replace(site, package="none-of-anybody").ask(route, other)
    assert answer.text.replace(site.package, "none-of-anybody") == nothing.text
    assert site.state() == before
    site.may_only(RULES[route])
    own = site.ask(route, "sender")
    assert own.status_code == 200, own.text


@pytest.mark.parametrize("route", ["POST /v1/packages", "GET /v1/locations/nearest"])
def test_what_is_for_every_sender_says_nothing_of_another(site: Site, route: str) -> None:
    site.may_only(RULES[route])
    for client in PROGRAMS:
        answer = site.ask(route, client)
        assert answer.status_code in (200, 201, 409), answer.text
        assert site.package not in answer.text
        assert str(EVA["email"]) not in answer.text


@pytest.mark.parametrize("path", ["", "/extend", "/code"])
def test_a_link_is_for_its_package_alone(site: Site, path: str, tmp_path: Path) -> None:
    """One that was made up, that is another's, or of another use."""
    before = site.state()
    secrets = site.server.central.secrets
    for token in (
        "made-up",
        site.package,
        secrets.serializer("session").dumps(site.package),
        secrets.serializer(links.PURPOSE).dumps("another package"),
    ):
        url = f"{site.server.url}/mine/{token}{path}"
        answer = requests.request("POST" if path else "GET", url, timeout=20)
        assert answer.status_code == 404
    assert site.state() == before
