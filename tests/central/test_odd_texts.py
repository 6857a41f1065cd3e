"""Characters that no database takes, in every place of every route where a text can stand.

NUL and halves of surrogate pairs are refused or name nothing; nobody makes the server fail with
them, and no kiosk is cut off by a long event that it sends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
from fastapi import FastAPI
from fastapi.routing import APIRoute

from central import schema
from central.auth import Role
from central.database.texts import is_takeable, takeable
from central.pages.paths import HOME
from tests.support.central_server import Journal, Server
from tests.support.hostile_journal import HostileJournal
from tests.support.operators import Browser

NUL, HALF = "a\0b", "a%ED%A0%80b"
"""HALF is half of a surrogate pair as it comes in an address."""
Senders = list[tuple[requests.Session, dict[str, str]]]


def routes_of(app: FastAPI) -> Iterator[APIRoute]:
    for each in app.routes:
        included = getattr(each, "original_router", None)
        for route in [each] if included is None else included.routes:
            if isinstance(route, APIRoute):
                yield route


def asked(route: APIRoute, server: Server, text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The route with the text in its path, in each of its queries, and in its whole form."""
    path = re.sub(r"{[^}]*}", text, route.path)
    known = re.sub(r"{[^}]*}", "known", route.path)
    query = "&".join(f"{each.alias}={text}" for each in route.dependant.query_params)
    form = {each.alias: "a\0b" for each in route.dependant.body_params}
    for method in sorted((route.methods or set()) - {"HEAD"}):
        for place in {path: None, f"{known}?{query}": None, f"{known}?q={text}": None}:
            yield method, server.url + place, form


@pytest.mark.parametrize("text", [quote(NUL), HALF])
def test_no_route_fails_by_a_character_that_no_database_takes(
    server: Server, kiosk: Journal, text: str
) -> None:
    browser, program = Browser(server, Role.ADMIN), server.add_key()
    locker = {"authorization": f"Bearer {kiosk.token}"}
    answers: dict[int, int] = {}
    for route in routes_of(server.app):
        for method, url, form in asked(route, server, text):
            if "sign-out" in url:
                continue
            if route.path.startswith(HOME):
                sent: dict[str, Any] = {"data": {**form, "form_token": browser.form_token}}
                senders: Senders = [(browser.http, {})]
            else:
                sent = {"json": form}
                senders = [(requests.Session(), each) for each in (program, locker, {})]
            for session, headers in senders:
                if method == "GET":
                    sent = {}
                headers = {**headers, "idempotency-key": "a%00b"}
                answer = session.request(method, url, headers=headers, timeout=20, **sent)
                answers[answer.status_code] = answers.get(answer.status_code, 0) + 1
                assert answer.status_code < 500, f"{method} {url}: {answer.text[:300]}"
    assert sum(answers.values()) > 200
    assert answers.get(200), "something was found, so that this looks at more than refusals"


def test_somebody_who_signs_in_with_such_an_address_is_refused(server: Server) -> None:
    for email in ("a\0b", "\0", "a\0b@example.org"):
        form = {"email": email, "password": "a\0b"}
        answer = requests.post(f"{server.url}{HOME}/sign-in", data=form, timeout=20)
        assert answer.status_code < 500
        assert not answer.cookies, "nobody was signed in"


@pytest.mark.parametrize("length", [3_000, 5_000, 200_000])
def test_a_bad_event_is_taken_in_however_long_it_is(
    server: Server, kiosk: Journal, length: int
) -> None:
    journal = HostileJournal(server, kiosk.token, server.add_key())
    # Nothing in it repeats, so that no compression makes it short enough for an index.
    long = "".join(format(number, "x") for number in range(length))[:length]
    body = json.dumps({"actor": "kiosk", "rows": [["slot", {"label": "1", "status": long}]]})
    bad = journal.line("SLOT_CLEARED", body)
    for _ in range(2):
        answer = journal.send([bad])
        assert answer.status_code == 200, answer.text
    [row] = server.rows(schema.quarantine)
    assert (row.seq, row.times, len(row.payload_hash)) == (bad["seq"], 1, 64)
    assert journal.take([]) == []


def test_what_is_replaced_is_only_what_no_database_takes() -> None:
    for text in ("", "abc", "ä€😀", "a\ufffdb", "\x01\x7f"):
        assert is_takeable(text) and is_takeable([{"a": text}])
        assert takeable(text) == text
    for text in ("a\0b", "a\ud800b", "\udfff"):
        assert not is_takeable(text) and not is_takeable([{"a": text}]) and not is_takeable((text,))
        assert is_takeable(takeable({"a": (text, 1, None, b"\0")}))
    assert takeable(["a\0b", 1]) == ["a\ufffdb", 1]
