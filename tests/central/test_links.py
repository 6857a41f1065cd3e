"""Links, forms and redirects keep to what they are about, whatever signs its id is made of."""

from __future__ import annotations

import re
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests
from sqlalchemy import insert

from central import schema
from central.auth import Role
from central.pages.paths import HOME
from kiosk.store.writer import ChainHead
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import Status
from kiosk.sync.journal_import import RecallError, recall
from kiosk.sync.servers import Servers
from tests.support.central_server import LOCATION, NOW_MS, Journal, Server
from tests.support.operators import Browser, sync

ODD = ("a/b", "a?b=c", "a#b", "100%", "%2e%2F", "a b+c", "käfig&", "\"'<x>", "a;b:@")
LINK = re.compile(r'(?:href|action|hx-get)="([^"]*)"')


def links_of(page: str, room: str) -> list[str]:
    """The addresses on a page that lead to one thing of a room."""
    found = [unescape(each) for each in LINK.findall(page)]
    return [each for each in found if each.startswith(f"{HOME}/{room}/")]


def ids_in(links: list[str]) -> set[str]:
    """What the links are about, as who follows them asks for it."""
    for link in links:
        assert (urlsplit(link).query, urlsplit(link).fragment) == ("", ""), link
    return {unquote(link.split("/")[3]) for link in links}


@pytest.mark.parametrize("odd", ODD)
def test_the_pages_of_a_package_lead_to_itself(server: Server, kiosk: Journal, odd: str) -> None:
    kiosk.announce("PARCEL-1", odd)
    kiosk.put_in("PARCEL-1")
    sync(kiosk)
    operator = Browser(server, Role.OPERATOR)

    links = links_of(operator.get("/packages").text, "packages")
    assert ids_in(links) == {odd}
    shown = operator.get(links[0].removeprefix(HOME))
    assert shown.status_code == 200
    forms = links_of(shown.text, "packages")
    assert ids_in(forms) == {odd}
    assert {form.split("/", 4)[4] for form in forms} == {"extend", "reissue", "contact", "cancel"}
    extended = next(form for form in forms if form.endswith("/extend"))
    answer = operator.post(extended.removeprefix(HOME), days=1)
    assert answer.status_code == 200
    assert answer.history[0].status_code == 303
    where = urlsplit(answer.url)
    assert unquote(where.path) == f"{HOME}/packages/{odd}"
    assert set(parse_qs(where.query)) & {"done", "problem"}


@pytest.mark.parametrize("odd", ODD)
def test_the_pages_of_a_location_lead_to_itself(server: Server, odd: str) -> None:
    server.write(
        lambda c: c.execute(insert(schema.location).values(id=odd, name=odd, created_ms=NOW_MS))
    )
    admin = Browser(server, Role.ADMIN)

    links = links_of(admin.get("").text, "locations")
    assert ids_in(links) == {odd}
    shown = admin.get(links[0].removeprefix(HOME))
    assert shown.status_code == 200
    forms = links_of(shown.text, "locations")
    assert ids_in(forms) == {odd}
    assert admin.get(f"{links[0].removeprefix(HOME)}/live").status_code == 200
    changed = next(form for form in forms if form.endswith("/change"))
    answer = admin.post(changed.removeprefix(HOME), title="Hall", latitude="x")
    assert unquote(urlsplit(answer.url).path) == f"{HOME}/locations/{odd}"
    assert "degrees" in parse_qs(urlsplit(answer.url).query)["problem"][0]
    rolled = admin.post(f"{links[0].removeprefix(HOME)}/roll")
    assert ids_in(links_of(rolled.text, "locations")) == {odd}


@pytest.mark.parametrize("odd", ODD)
def test_a_problem_with_any_signs_comes_back_whole(server: Server, odd: str) -> None:
    admin = Browser(server, Role.ADMIN)
    answer = admin.post("/staff", number=odd, name="Kim", role="courier", pin="1")
    assert f"number {odd!r}" in parse_qs(urlsplit(answer.url).query)["problem"][0]
    answer = admin.post("/locations", location=f"/{odd}")
    assert repr(f"/{odd}") in parse_qs(urlsplit(answer.url).query)["problem"][0]


@pytest.mark.parametrize("odd", ODD)
def test_a_kiosk_asks_the_server_about_its_own_location(tmp_path: Path, odd: str) -> None:
    asked: list[str] = []

    class FakeServer(BaseHTTPRequestHandler):
        """Refuses everything and keeps what it was asked."""

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, *_args: object) -> None:
            return

    journal = Journal(tmp_path / "kiosk.db")
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeServer) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        identity = Identity(f"http://127.0.0.1:{http.server_port}", odd, "token", "key")
        with pytest.raises(requests.HTTPError):
            SyncClient(journal.store, LOCATION, identity, Status, Random(1)).sync_once()
        with pytest.raises(RecallError):
            recall(Servers((identity.url,)), identity, ChainHead("epoch", 1))
        http.shutdown()
    journal.store.close()
    assert [unquote(urlsplit(each).path.split("/")[3]) for each in asked] == [odd, odd]
    assert [urlsplit(each).path.split("/")[4:] for each in asked] == [["sync"], ["events"]]
