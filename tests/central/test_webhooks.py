"""Webhooks: signed, in order, at least once, to their own carrier alone, whoever fails beside."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central import carrier_changes, schema
from central.auth import Scope
from central.feed import writing as feeding
from central.feed.document import Change
from central.feed.tables import feed
from central.operators.accounts import add_key
from central.sandbox.making import make as make_sandbox
from central.settings import Webhooks
from central.webhooks.events import SAID
from kiosk.model.clock import DAY_MS, HOUR_MS
from tests.support.central_server import (
    EVA,
    LOCATION,
    Journal,
    Mailbox,
    Server,
    TurnedClock,
    announce,
    wait_until,
)
from tests.support.operators import obey, sync
from tests.support.webhook_receiver import ReceiverProcess, receiver_process

COUNT = 6
"""Enough that a receiver that fails is left alone for a while."""
RULES = Webhooks(addresses=("127.0.0.1",), answer_within_s=20)


@pytest.fixture(scope="module")
def receiver() -> Iterator[ReceiverProcess]:
    with receiver_process() as found:
        yield found


@pytest.fixture
def server(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    # By today's clock, as the library holds it against what it is sent.
    clock = TurnedClock(time.time_ns() // 1_000_000)
    running = Server(tmp_path / "central", clock, smtp_port=mailbox[0], others={"webhooks": RULES})
    running.start()
    yield running
    running.stop()


class Carrier:
    """A carrier with a key and a receiver of its name."""

    def __init__(self, server: Server, receiver: ReceiverProcess, name: str, test: str) -> None:
        self.server, self.receiver, self.name, self.hook = server, receiver, name, f"{name}-{test}"
        if name != "operator":
            server.write(carrier_changes.add, server.central, "test", name, name.title())
        token = server.write(
            lambda c: add_key(c, server.central, "test", name, list(Scope), 100_000, name)
        )
        self.headers = {"authorization": f"Bearer {token}"}
        self.receiver.tell(self.hook, mode="ok")

    def ask(self, method: str, path: str = "", body: Any = None, status: int = 200) -> Any:
        """One request to the API of webhooks."""
        answer = requests.request(
            method,
            f"{self.server.url}/v1/webhooks{path}",
            json=body,
            headers=self.headers,
            timeout=20,
        )
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def register(self, *events: str) -> dict[str, Any]:
        """A receiver; it knows its secret, and what happens is written down for it."""
        body = {"url": self.receiver.url(self.hook), "events": list(events) or ["*"]}
        made: dict[str, Any] = self.ask("POST", "", body, 201)
        self.id = made["id"]
        self.receiver.tell(self.hook, secret=made["secret"])
        wait_until(
            lambda: all("webhooks" in row.feeds for row in self.server.rows(schema.location))
        )
        return made

    def came(self) -> list[dict[str, Any]]:
        return self.receiver.came(self.hook)

    def types(self, package: str = "") -> list[str]:
        """What came, or what came of a package."""
        return [each["type"] for each in self.came() if package in ("", package_of(each))]

    def wait_for(self, *types: str) -> None:
        """Wait until each of these came, in this order."""
        wait_until(lambda: is_within(types, self.types()))

    def deliveries(self, status: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", f"/{self.id}/deliveries?status={status}")[
            "deliveries"
        ]
        return found


def package_of(webhook: dict[str, Any]) -> str:
    return str(webhook["data"].get("package", ""))


def packages_of(carrier: Carrier) -> set[str]:
    return {package_of(each) for each in carrier.came() if package_of(each)}


def is_within(wanted: tuple[str, ...], found: list[str]) -> bool:
    rest = iter(found)
    return all(each in rest for each in wanted)


@pytest.fixture
def carrier(server: Server, receiver: ReceiverProcess, request: Any) -> Carrier:
    return Carrier(server, receiver, "operator", request.node.name)


def live_through(carrier: Carrier, kiosk: Journal, barcode: str = "A") -> str:
    """An announced package comes, is kept longer, gets another contact and a new code, and is
    fetched."""
    package = str(announce(carrier.server, carrier.headers, barcode).json()["id"])
    obey(kiosk)
    kiosk.put_in(barcode)
    sync(kiosk)
    for method, path, body in (
        ("POST", "extend", {"days": 1}),
        ("POST", "code", {"user_id": "eva"}),
        ("PUT", "recipient", {**EVA, "name": "Bo", "email": "bo@example.org"}),
    ):
        url = f"{carrier.server.url}/v1/packages/{package}/{path}"
        answer = requests.request(method, url, json=body, headers=carrier.headers, timeout=20)
        assert answer.ok, answer.text
    obey(kiosk)
    kiosk.take_out(package)
    sync(kiosk)
    return package


STORY = (
    "package.announced",
    "package.deposited",
    "package.extended",
    "package.reissued",
    "package.contact_changed",
    "package.picked_up",
)


def test_a_package_is_followed_from_its_announcement_to_its_pickup(
    carrier: Carrier, kiosk: Journal
) -> None:
    made = carrier.register()
    package = live_through(carrier, kiosk)
    carrier.wait_for(*STORY)
    came = [each for each in carrier.came() if package_of(each) == package]
    assert is_within(STORY, [each["type"] for each in came])
    assert {each["problem"] for each in came} == {""}  # as the published library says
    numbers = [each["data"]["sequence"] for each in came]
    assert numbers == sorted(set(numbers))
    for each in came:
        assert each["data"]["barcode"] == "A"
        assert not any(word in each["text"] for word in ("Eva", "Bo", "example.org", "0000001"))
        verify_by_public_key(each, made["public_keys"][0])


def verify_by_public_key(webhook: dict[str, Any], public_key: str) -> None:
    [signature] = [
        word.removeprefix("v1a,")
        for word in webhook["signatures"].split()
        if word.startswith("v1a,")
    ]
    content = f"{webhook['id']}.{webhook['timestamp']}.{webhook['text']}".encode()
    key = Ed25519PublicKey.from_public_bytes(b64decode(public_key.removeprefix("whpk_")))
    key.verify(b64decode(signature), content)


def test_what_is_recalled_expired_or_undone_is_sent(carrier: Carrier, kiosk: Journal) -> None:
    carrier.register("package.*", "collection.due")
    ids = {name: str(announce(carrier.server, carrier.headers, name).json()["id"]) for name in "AB"}
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    for package in ids.values():
        url = f"{carrier.server.url}/v1/packages/{package}/cancel"
        assert requests.post(url, json={"why": "Eva"}, headers=carrier.headers, timeout=20).ok
    obey(kiosk)
    carrier.wait_for("package.cancelled", "package.cancelled")
    wait_until(lambda: carrier.types(ids["A"])[-1:] == ["collection.due"])
    assert "collection.due" not in carrier.types(ids["B"])  # it never lay there
    assert not any("Eva" in each["text"] for each in carrier.came())


def test_each_carrier_hears_of_its_own_packages_alone(
    server: Server, kiosk: Journal, receiver: ReceiverProcess, request: Any
) -> None:
    one, two = (Carrier(server, receiver, name, request.node.name) for name in ("red", "blue"))
    one.register()
    two.register()
    ids = [str(announce(server, each.headers, each.name).json()["id"]) for each in (one, two)]
    one.wait_for("package.announced")
    two.wait_for("package.announced")
    assert packages_of(one) == {ids[0]}
    assert packages_of(two) == {ids[1]}
    for path in ("", "/deliveries", "/rotate", "/test", "/replay"):
        method = "GET" if path in ("", "/deliveries") else "POST"
        two.ask(method, f"/{one.id}{path}", {"since_ms": 0} if path == "/replay" else {}, 404)
    two.ask("DELETE", f"/{one.id}", None, 404)
    assert [each["id"] for each in two.ask("GET")] == [two.id]


def test_two_shops_of_the_operator_hear_each_of_what_it_announced(
    server: Server, kiosk: Journal, receiver: ReceiverProcess, request: Any
) -> None:
    one, two = (Carrier(server, receiver, "operator", f"{request.node.name}-{n}") for n in range(2))
    one.register()
    two.register()
    ids = [str(announce(server, each.headers, each.hook).json()["id"]) for each in (one, two)]
    obey(kiosk)
    kiosk.put_in(one.hook)
    sync(kiosk)
    one.wait_for("package.announced", "package.deposited")
    two.wait_for("package.announced")
    assert packages_of(one) == {ids[0]}
    assert packages_of(two) == {ids[1]}
    two.ask("GET", f"/{one.id}", None, 404)


def test_a_new_secret_and_the_one_before_sign_side_by_side(
    carrier: Carrier, receiver: ReceiverProcess
) -> None:
    first = carrier.register()
    second = carrier.ask("POST", f"/{carrier.id}/rotate", {"keep_hours": 1})
    assert second["secret"] != first["secret"]

    def tried_with(secret: str) -> str:
        receiver.tell(carrier.hook, secret=secret)
        count = len(carrier.came())
        carrier.ask("POST", f"/{carrier.id}/test", None, 202)
        wait_until(lambda: len(carrier.came()) > count)
        return str(carrier.came()[-1]["problem"])

    assert tried_with(first["secret"]) == ""
    assert tried_with(second["secret"]) == ""
    server = carrier.server
    server.write(lambda c: _end_secret(c, carrier.id))
    assert tried_with(second["secret"]) == ""
    assert tried_with(first["secret"]) != ""


def _end_secret(connection: Any, endpoint: str) -> None:
    """An hour later, as far as its secrets know."""
    table = schema.webhook_endpoint
    row = connection.execute(table.select().where(table.c.id == endpoint)).one()
    secrets = json.loads(row.secrets)
    secrets[1]["until_ms"] -= 2 * HOUR_MS
    connection.execute(table.update().values(secrets=json.dumps(secrets)))


def test_one_that_fails_is_tried_again_in_order(carrier: Carrier, kiosk: Journal) -> None:
    carrier.register()
    carrier.receiver.tell(carrier.hook, mode="fail")
    package = live_through(carrier, kiosk)
    turn_until(carrier, lambda: len(carrier.came()) > 2)
    assert set(carrier.types(package)) == {"package.announced"}  # the others wait behind it
    carrier.receiver.tell(carrier.hook, mode="ok")
    turn_until(carrier, lambda: is_within(STORY, carrier.types(package)))
    taken = [each for each in carrier.came() if each["mode"] == "ok"]
    assert [each["type"] for each in taken if package_of(each) == package] == [
        each["type"]
        for each in sorted(taken, key=lambda each: each["data"]["sequence"])
        if package_of(each) == package
    ]


def turn_until(carrier: Carrier, holds: Any, step_ms: int = 60_000) -> None:
    """Turn the clock on until something holds."""

    def turned() -> bool:
        carrier.server.clock.wall_ms += step_ms
        return bool(holds())

    wait_until(turned)


def test_bad_receivers_hold_up_nobody_else(
    server: Server, kiosk: Journal, receiver: ReceiverProcess, mailbox: tuple[int, Mailbox]
) -> None:
    modes = ("hang", "drip", "fail", "move", "refuse")
    bad = {mode: Carrier(server, receiver, mode, "is-bad") for mode in modes}
    good = Carrier(server, receiver, "operator", "is-good")
    for mode, each in bad.items():
        each.register("package.*")
        receiver.tell(each.hook, mode=mode)
        for number in range(COUNT):
            announce(server, each.headers, f"{mode}{number}")
    good.register()
    wait_until(lambda: all(each.came() for each in bad.values()))
    package = str(announce(server, good.headers, "G").json()["id"])
    obey(kiosk)
    kiosk.put_in("G")
    sync(kiosk)
    good.wait_for("package.announced", "package.deposited")
    mailbox[1].wait_for(1)
    assert good.types(package)[:2] == ["package.announced", "package.deposited"]
    assert receiver.came("elsewhere") == []  # no redirect is followed
    for each in bad.values():
        assert {row["status"] for row in each.deliveries()} == {"queued"}
        receiver.tell(each.hook, mode="ok")

    def have_all() -> bool:
        return all(
            {each["data"]["barcode"] for each in some.came() if each["mode"] == "ok"}
            == {f"{mode}{number}" for number in range(COUNT)}
            for mode, some in bad.items()
        )

    turn_until(good, have_all)


def test_an_answer_without_end_is_an_answer(carrier: Carrier) -> None:
    carrier.register()
    carrier.receiver.tell(carrier.hook, mode="endless")
    carrier.ask("POST", f"/{carrier.id}/test", None, 202)
    wait_until(lambda: [each["status"] for each in carrier.deliveries()] == ["sent"])
    carrier.receiver.tell(carrier.hook, mode="ok")


def test_one_that_is_gone_is_disabled(carrier: Carrier, kiosk: Journal) -> None:
    carrier.register()
    obey(kiosk)
    carrier.receiver.tell(carrier.hook, mode="gone")
    carrier.ask("POST", f"/{carrier.id}/test", None, 202)
    wait_until(lambda: carrier.ask("GET", f"/{carrier.id}")["disabled_ms"] is not None)
    assert "alarm:webhook-gone" in carrier.server.alarms()
    announce(carrier.server, carrier.headers, "A")
    carrier.ask("POST", f"/{carrier.id}/test", None, 409)
    [dead] = carrier.deliveries("dead")
    carrier.receiver.tell(carrier.hook, mode="ok")
    carrier.ask("PATCH", f"/{carrier.id}", {"disabled": False})
    carrier.ask("POST", f"/{carrier.id}/replay", {"webhook": dead["id"]})
    wait_until(lambda: [each["status"] for each in carrier.deliveries()] == ["sent"])
    assert [each["id"] for each in carrier.came()] == [dead["id"], dead["id"]]


def test_retry_after_is_heeded(carrier: Carrier) -> None:
    carrier.register()
    carrier.receiver.tell(carrier.hook, mode="later")
    carrier.ask("POST", f"/{carrier.id}/test", None, 202)
    wait_until(lambda: bool(carrier.deliveries("queued")[0]["error"]))
    [waiting] = carrier.deliveries("queued")
    clock = carrier.server.clock
    assert waiting["due_ms"] == clock.wall_ms + 2 * HOUR_MS
    carrier.receiver.tell(carrier.hook, mode="ok")
    clock.wall_ms += HOUR_MS
    carrier.ask("POST", f"/{carrier.id}/test", None, 202)
    clock.wall_ms += HOUR_MS - 1000
    assert len(carrier.came()) == 1
    clock.wall_ms += 1000
    wait_until(lambda: len(carrier.came()) == 3)


def test_what_was_tried_for_three_days_is_given_up_and_sent_again(
    carrier: Carrier, kiosk: Journal
) -> None:
    carrier.register()
    carrier.receiver.tell(carrier.hook, mode="fail")
    begun_ms = carrier.server.clock.wall_ms
    for number in range(40):
        announce(carrier.server, carrier.headers, f"B{number}")
    wait_until(lambda: len(carrier.deliveries()) >= 40)
    turn_until(carrier, lambda: not carrier.deliveries("queued"), 3 * HOUR_MS)
    assert carrier.server.clock.wall_ms >= begun_ms + 3 * DAY_MS
    dead = carrier.deliveries("dead")
    assert len(dead) >= 40
    tries = defaultdict[str, int](int)
    for each in carrier.came():
        tries[each["id"]] += 1
    assert max(tries.values()) < 100
    carrier.receiver.tell(carrier.hook, mode="ok")
    answer = carrier.ask("POST", f"/{carrier.id}/replay", {"since_ms": begun_ms})
    assert answer == {"replayed": len(dead), "is_more": False}
    turn_until(carrier, lambda: len(carrier.deliveries("sent")) == len(dead))
    assert {each["id"] for each in carrier.came() if each["mode"] == "ok"} == {
        each["id"] for each in dead
    }


def test_a_log_is_read_page_by_page(carrier: Carrier) -> None:
    carrier.register()
    for _ in range(5):
        carrier.ask("POST", f"/{carrier.id}/test", None, 202)
    wait_until(lambda: len(carrier.deliveries("sent")) == 5)
    seen, cursor = list[str](), ""
    while cursor is not None:
        page = carrier.ask("GET", f"/{carrier.id}/deliveries?count=2&cursor={cursor}")
        seen += [each["id"] for each in page["deliveries"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 5


def test_a_location_that_is_full_says_so_and_when_it_has_room(
    carrier: Carrier, kiosk: Journal
) -> None:
    carrier.register("location.*")
    obey(kiosk)
    free = sum(row.free for row in carrier.server.rows(schema.location))
    for number in range(free):
        answer = announce(carrier.server, carrier.headers, f"B{number}", size=None)
        assert answer.status_code == 201, answer.text
    carrier.wait_for("location.full")
    package = answer.json()["id"]
    obey(kiosk)
    url = f"{carrier.server.url}/v1/packages/{package}/cancel"
    assert requests.post(url, json={}, headers=carrier.headers, timeout=20).ok
    obey(kiosk)
    carrier.wait_for("location.full", "location.room_again")
    assert {each["data"]["location"] for each in carrier.came()} == {LOCATION.id}


def test_of_a_location_hears_only_who_works_there(
    server: Server, kiosk: Journal, receiver: ReceiverProcess
) -> None:
    here, away = (Carrier(server, receiver, name, "by-place") for name in ("operator", "away"))
    key = server.write(make_sandbox, server.central, "test", "sandbox", 1000)
    simulated = Carrier(server, receiver, "operator", "by-sandbox")
    simulated.headers = {"authorization": f"Bearer {key}"}
    for each in (here, away, simulated):
        each.register("location.*")
    server.write(
        lambda c: c.execute(
            schema.carrier.update().where(schema.carrier.c.id == "away").values(is_limited=True)
        )
    )
    for change in (Change.FULL, Change.ROOM_AGAIN):
        server.write(feeding.location, LOCATION.id, server.clock.wall_ms, change)
    here.wait_for("location.full", "location.room_again")
    wait_until(lambda: not server.rows(feed))
    assert away.deliveries() == simulated.deliveries() == []


def test_every_event_that_there_is_can_be_asked_for(carrier: Carrier) -> None:
    found = carrier.ask("GET", "/events")
    assert [each["type"] for each in found] == [type_.value for type_ in SAID]
    carrier.register(*(each["type"] for each in found))
    carrier.ask("PATCH", f"/{carrier.id}", {"events": ["package.eaten"]}, 422)


def test_what_is_removed_or_disabled_is_sent_nothing(carrier: Carrier, kiosk: Journal) -> None:
    obey(kiosk)
    carrier.register()
    carrier.ask("PATCH", f"/{carrier.id}", {"disabled": True})
    announce(carrier.server, carrier.headers, "A")
    wait_until(lambda: not carrier.server.rows(feed))
    carrier.ask("PATCH", f"/{carrier.id}", {"disabled": False})
    announce(carrier.server, carrier.headers, "B")
    carrier.wait_for("package.announced")
    assert {each["data"]["barcode"] for each in carrier.came()} == {"B"}
    carrier.ask("DELETE", f"/{carrier.id}", None, 204)
    assert carrier.ask("GET") == []
    carrier.ask("GET", f"/{carrier.id}", None, 404)
