"""The waiting request: what the server has for an idle kiosk reaches it at once.

Where nothing else is said the kiosk would come by itself only after an hour: what reaches it
sooner reached it because it waited.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Connection

from central import schema
from central.auth import Role, Scope
from central.building import build
from central.database import wake
from central.operators.accounts import add_key
from central.settings import Settings
from central.sync import commands, enrolment
from central.sync.bells import Bells, Heard
from kiosk.adapters import SystemClock
from kiosk.model.commands import Open
from kiosk.store import packages, slots
from kiosk.store import staff as staff_store
from kiosk.store.store import Store
from kiosk.sync.client import SyncClient
from kiosk.sync.contract import Status
from kiosk.sync.deadline import BoundedSession
from kiosk.sync.enrol import enrol, identity_in
from kiosk.sync.waiting import Waiting
from tests.central.test_kiosk_client import Hatch, Site, ask_for_opening
from tests.support.central_server import (
    LOCATION,
    LOCATION_KEY,
    NOW_MS,
    Journal,
    Mailbox,
    Server,
    announce,
    wait_until,
)
from tests.support.cutting_proxy import LOOPBACK, cutting_proxy
from tests.support.operators import Browser
from tests.support.server_process import ServerProcess
from tests.support.staff_lists import add, remove

HOURLY = {"sync_s": 3600, "poll_s": 3600}


@pytest.fixture
def server(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    """A server to which kiosks come once an hour."""
    running = Server(tmp_path / "central", smtp_port=mailbox[0], others=dict(HOURLY))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def site(tmp_path: Path, server: Server) -> Iterator[Site]:
    made = Site(tmp_path / "site", server)
    yield made
    made.journal.store.close()


def is_waited_at(server: Server) -> bool:
    return bool(server.app.state.bells.count)


def wait_for_opening(server: Server, hatch: Hatch, slot: str = "7") -> None:
    """An operator opens a door of an idle kiosk."""
    wait_until(lambda: is_waited_at(server))
    before = len(hatch.opened)
    ask_for_opening(server, slot)
    wait_until(lambda: hatch.opened[before:] == [slot])


def test_an_opening_reaches_an_idle_kiosk_and_its_answer_the_server(
    site: Site, server: Server
) -> None:
    hatch = Hatch()
    with site.client(hatch):
        for slot in ("7", "8", "9"):
            wait_for_opening(server, hatch, slot)
        wait_until(lambda: site.answers() == [("open", "APPLIED")] * 3)
        wait_until(site.is_equal)


def test_an_announcement_reaches_an_idle_kiosk(site: Site, server: Server) -> None:
    with site.client():
        wait_until(lambda: is_waited_at(server))
        package = announce(server, server.add_key(), "A").json()["id"]
        wait_until(lambda: site.answers() == [("announce", "APPLIED")])
        assert site.journal.do(packages.recipient_of, package) is not None


def test_a_change_of_the_list_of_staff_reaches_an_idle_kiosk(site: Site, server: Server) -> None:
    def numbers() -> set[str]:
        return {each.number for each in site.journal.do(staff_store.members)}

    with site.client():
        for change, listed in ((add, {"17"}), (remove, set[str]())):
            wait_until(lambda: is_waited_at(server))
            change(server, "17")
            wait_until(lambda listed=listed: numbers() == listed)  # type: ignore[misc]


def test_a_kiosk_comes_when_an_operator_looks_and_oftener_then(site: Site, server: Server) -> None:
    browser = Browser(server, Role.VIEWER)
    with site.client():
        wait_until(lambda: is_waited_at(server))

        def syncs() -> int:
            return sum(row.syncs for row in server.rows(schema.minute_status))

        before = syncs()
        browser.get(f"/locations/{LOCATION.id}/live")
        wait_until(lambda: syncs() >= before + 3)


def test_what_happens_at_an_idle_kiosk_is_sent_at_once(site: Site, server: Server) -> None:
    with site.client():
        for barcode in "ABC":
            wait_until(lambda: is_waited_at(server))
            site.journal.put_in(barcode)
            wait_until(site.is_equal)


def test_a_command_that_came_between_a_sync_and_the_waiting_is_found(
    site: Site, server: Server
) -> None:
    site.sync()
    answer = site_waits(site, server, within_s=0)
    assert answer.json() == {"is_due": False}
    ask_for_opening(server, "7")
    assert site_waits(site, server).json() == {"is_due": True}
    [row] = server.rows(schema.command)
    assert site_waits(site, server, cursor=row.n, within_s=0).json() == {"is_due": False}


def site_waits(site: Site, server: Server, **asked: Any) -> requests.Response:
    """A bare waiting request of this kiosk."""
    identity = identity_in(site.folder)
    assert identity is not None
    return requests.get(
        f"{server.url}/v1/locations/{LOCATION.id}/wait",
        params=asked,
        headers={"authorization": f"Bearer {identity.token}"},
        timeout=60,
    )


def test_nobody_is_woken_by_what_was_not_committed(server: Server) -> None:
    server.add_location()
    rung: list[set[str]] = []
    is_durable: list[bool] = []

    def heard(woken: set[str]) -> None:
        is_durable.append(bool(server.rows(schema.command)))
        rung.append(woken)

    server.central.database.on_wake(heard)
    ask_for_opening(server, "7")
    wait_until(lambda: bool(rung))
    assert rung == [{LOCATION.id}]
    assert is_durable == [True]


def test_a_newer_waiting_request_of_a_location_ends_the_older_one(
    site: Site, server: Server
) -> None:
    site.sync()
    ended: list[int] = []
    older = threading.Thread(
        target=lambda: ended.append(site_waits(site, server).status_code), daemon=True
    )
    older.start()
    wait_until(lambda: is_waited_at(server))
    stranger = requests.get(
        f"{server.url}/v1/locations/{LOCATION.id}/wait",
        headers={"authorization": "Bearer kiosk_made_up"},
        timeout=20,
    )
    assert (stranger.status_code, ended) == (401, []), "a stranger ends nobody's"
    site_waits(site, server, within_s=1)
    older.join(20)
    assert ended == [409]


def test_an_older_waiting_request_that_is_looked_up_later_ends_nobodys() -> None:
    """Its line was cut, and its kiosk came back on another before it was looked up."""

    async def nobody() -> list[str]:
        return []

    async def ask() -> tuple[Heard, bool]:
        bells = Bells(nobody)
        with bells.hung("L1") as older, bells.hung("L1") as newer:
            bells.leave_alone("L1", newer)
            bells.leave_alone("L1", older)
            return older.result(), newer.done()

    assert asyncio.run(ask()) == (Heard.AGAIN, False)


def test_a_kiosk_whose_token_is_revoked_waits_no_more(site: Site, server: Server) -> None:
    with site.client() as client:
        wait_until(lambda: is_waited_at(server))
        server.write(enrolment.revoke, LOCATION.id, "test", server.clock.wall_ms)
        wait_until(lambda: "401" in client.state.message)
        assert not is_waited_at(server)


def test_a_kiosk_and_a_server_stop_in_the_middle_of_a_wait(site: Site, server: Server) -> None:
    client = site.client()
    with client:
        wait_until(lambda: is_waited_at(server))
    assert not client._thread.is_alive()
    with site.client():
        wait_until(lambda: is_waited_at(server))
        server.stop()
        assert not server._thread.is_alive()
        again = Server(server.folder, server.clock, port=server.port, others=dict(HOURLY))
        again.start()
        wait_until(lambda: is_waited_at(again))
    server.central, server._server, server._thread = again.central, again._server, again._thread


def test_many_are_woken_together_and_all_come(site: Site, server: Server) -> None:
    """A change for all: the server looks for whom something is there."""
    site.sync()
    hatch = Hatch()
    with site.client(hatch):
        wait_until(lambda: is_waited_at(server))

        def change_all(connection: Connection) -> None:
            for number in range(200):
                wake(connection, f"elsewhere-{number}")
            command = Open(slot="7")
            commands.queue(connection, LOCATION.id, command, "test", server.clock.wall_ms)

        server.write(change_all)
        wait_until(lambda: hatch.opened == ["7"])


# --- proxies, and servers of other versions -------------------------------------------------------


def through(site: Site, port: int) -> None:
    """This kiosk reaches its server by another port."""
    path = site.folder / "centre.json"
    path.write_text(path.read_text().replace(f":{site.server.port}", f":{port}"))


def test_a_proxy_that_cuts_long_requests_costs_nothing_but_the_cut(
    site: Site, server: Server, hurried: None
) -> None:
    hatch = Hatch()
    with cutting_proxy(server.port) as proxy:
        through(site, proxy.port)
        with site.client(hatch) as client:
            wait_for_opening(server, hatch)
            wait_until(lambda: is_waited_at(server))
            made = proxy.made
            proxy.cut()
            wait_until(lambda: proxy.made > made)
            wait_for_opening(server, hatch)
            assert client.state.is_reached
            assert client.state.message == ""


def test_a_kept_line_that_is_over_costs_no_error(
    site: Site, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with cutting_proxy(server.port) as proxy:
        through(site, proxy.port)
        client = site.client()
        for barcode in "ABC":
            site.journal.put_in(barcode)
            client.sync_once()
            proxy.let_rot()
            assert client.state.is_reached
        assert proxy.made == 3
        proxy.stop()
        with pytest.raises(requests.ConnectionError):
            client.sync_once()
    assert site.is_equal()
    assert "not reached" not in caplog.text


def test_all_of_it_goes_by_one_connection(site: Site, server: Server) -> None:
    server.others |= {"sync_s": 1}
    with cutting_proxy(server.port) as proxy:
        through(site, proxy.port)
        hatch = Hatch()
        with site.client(hatch):
            for _ in range(3):
                wait_for_opening(server, hatch)
                wait_until(site.is_equal)
        opened = len(hatch.opened)
    # What the kiosk journals of an opening ends a wait; nothing else takes a new line.
    assert proxy.made <= 1 + 3 * opened


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kiosks whose line was cut, or whose server is away, come back sooner."""
    monkeypatch.setattr("kiosk.sync.waiting.SPREAD_S", 0.5)
    monkeypatch.setattr("kiosk.sync.client.BACK_OFF_MAX_S", 1.0)


class Machine:
    """A kiosk of a server that is a process of its own."""

    def __init__(self, folder: Path, process: ServerProcess, token: str) -> None:
        folder.mkdir()
        self.folder, self.process, self.hatch = folder, process, Hatch()
        self.clock = SystemClock()
        self.store = Store(folder / "kiosk.db", self.clock, random.Random(1))
        self.store.use_key(LOCATION_KEY)
        self.store.submit(slots.configure, LOCATION).result()
        enrol(folder, LOCATION, LOCATION_KEY, process.url, token)

    def client(self) -> SyncClient:
        identity = identity_in(self.folder)
        assert identity is not None
        rng = random.Random(1)
        return SyncClient(self.store, LOCATION, identity, self.status, rng, self.hatch)

    def status(self) -> Status:
        now = self.clock.now()
        return Status(clock_ms=now.wall_ms, boot_id=now.boot_id, monotonic_ms=now.monotonic_ms)

    def knows(self, package: str) -> bool:
        found = self.store.submit(packages.live_by_barcode, "A").result()
        return found is not None and found.id == package

    def is_waited_at(self) -> bool:
        text = requests.get(f"{self.process.url}/metrics", timeout=20).text
        return "locker_kiosks_waiting 1.0" in text


def test_a_server_that_is_killed_is_waited_at_again(tmp_path: Path, hurried: None) -> None:
    config = tmp_path / "central.toml"
    config.write_text("sync_s = 3600\npoll_s = 3600\n")
    process = ServerProcess(tmp_path / "process", config)
    central = build(Settings(data=process.folder))

    def prepare(connection: Connection) -> tuple[str, str]:
        location = enrolment.add_location(connection, LOCATION.id, "", "test", NOW_MS * 2)
        return location, add_key(connection, central, "test", "A shop", list(Scope), 600)

    token, secret = central.database.submit(prepare).result()
    central.database.close()
    process.start()
    key = {"authorization": f"Bearer {secret}"}
    machine = Machine(tmp_path / "machine", process, token)
    try:
        with machine.client() as client:
            wait_until(machine.is_waited_at)
            process.kill()
            wait_until(lambda: not client.state.is_reached)
            process.start()
            wait_until(machine.is_waited_at)
            package = announce(process, key, "A").json()["id"]
            wait_until(lambda: machine.knows(package))
    finally:
        process.kill()
        machine.store.close()


# --- what answers as no server does ---------------------------------------------------------------


class Hours(threading.Event):
    """An event for which nobody waits: it notes for how long somebody would have."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.passed_s += timeout or 0.0
        return self.is_set()


@contextmanager
def answering(text: bytes, status: int = 200, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """Somebody who answers every request at once with the same; the requests that came."""
    came: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            came.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{LOOPBACK}:{server.server_port}", came
        server.shutdown()


@pytest.mark.parametrize(
    ("text", "status", "headers"),
    [
        (b"<html>Sign in to the guests' network</html>", 200, {}),
        (b"", 204, {}),
        (b'{"is_due": false}', 200, {}),
        (b'{"is_due": true}', 200, {}),
        (b'{"is_due": "perhaps"}', 200, {}),
        (b'{"detail": "Not Found"}', 404, {}),
        (b"", 302, {"location": "https://elsewhere.example"}),
        (b"", 401, {}),
        (b"", 409, {}),
        (b"", 500, {}),
        (b"", 502, {}),
        (b"", 503, {}),
        (b"", 503, {"retry_after": "0"}),
        (b"", 503, {"retry_after": "1"}),
        (b"", 503, {"retry_after": "99999999999999"}),
        (b"x" * 100, 200, {"content_encoding": "gzip"}),
    ],
    ids=str,
)
def test_whoever_answers_at_once_is_not_asked_without_end(
    text: bytes, status: int, headers: dict[str, str]
) -> None:
    woken = Hours()
    with answering(text, status, **headers) as (url, came), BoundedSession() as session:
        waiting = Waiting(lambda: (session, url), "token", random.Random(1), woken)
        for _ in range(100):
            waiting.wait(10.0)
            # Each pause is followed by a sync, which costs more.
            waiting.synced(0, 10.0, has_brought=False)
        assert not waiting.works
    assert len(came) <= 20
    assert woken.passed_s > 100 * 4


def test_a_waiting_request_that_fails_as_it_should_not_ends_no_sync(
    site: Site, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.others |= {"sync_s": 2, "poll_s": 2}
    server.stop()
    server.start()

    has_failed = threading.Event()

    def fail(*_: object, **_more: object) -> None:
        has_failed.set()
        raise ArithmeticError("a mistake")

    monkeypatch.setattr(BoundedSession, "get", fail)
    hatch = Hatch()
    with site.client(hatch):
        wait_until(has_failed.is_set)
        ask_for_opening(server, "7")
        wait_until(lambda: hatch.opened == ["7"])


def test_somebody_who_always_calls_and_brings_something_is_heard_with_pauses() -> None:
    woken = Hours()
    with answering(b'{"is_due": true}') as (url, _came), BoundedSession() as session:
        waiting = Waiting(lambda: (session, url), "token", random.Random(1), woken)
        for number in range(50):
            waiting.wait(10.0)
            waiting.synced(number, 10.0, has_brought=True)
        assert waiting.works
    assert woken.passed_s > 80


def without_waiting(server: Server) -> None:
    """As a server was before there was a waiting request."""
    routes = server.app.router.routes
    routes[:] = [one for one in routes if not getattr(one, "path", "").endswith("/wait")]


def test_an_older_server_is_asked_as_often_as_it_wants(
    site: Site,
    server: Server,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It has no such route, and says how often to come."""
    server.others |= {"poll_s": 2}  # in less a kiosk would not even try to wait
    server.stop()
    server.start()
    without_waiting(server)
    hatch = Hatch()
    with caplog.at_level("INFO", "kiosk.sync"), site.client(hatch):
        wait_until(lambda: "and is asked: it answered 404" in caplog.text)
        assert not is_waited_at(server)
        ask_for_opening(server, "7")
        wait_until(lambda: hatch.opened == ["7"])


def test_an_older_kiosk_is_asked_to_come_as_often_as_ever(server: Server, kiosk: Journal) -> None:
    server.others = {}
    server.stop()
    server.start()
    kiosk.url = server.url
    asked = {"epoch": "e", "events": []}
    answers = {}
    for waits in (None, False, True):
        body = asked if waits is None else {**asked, "waits": waits}
        answer = requests.post(
            f"{kiosk.url}/v1/locations/{LOCATION.id}/sync",
            json=body,
            headers={"authorization": f"Bearer {kiosk.token}"},
            timeout=20,
        )
        answers[waits] = answer.json()["next_sync_s"]
    assert answers == {None: 10, False: 10, True: 60}
