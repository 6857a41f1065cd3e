"""Requests that no route can read: each is refused in the form of every refusal."""

from __future__ import annotations

import pytest
import requests

from tests.support.central_server import Server

BODIES = {
    "Latin-1": '{"barcode": "A1", "recipient": {"name": "Jürgen"}}'.encode("latin-1"),
    "UTF-16 cut short": '{"barcode": "A1"}'.encode("utf-16")[:-1],
    "nested too deep": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "an endless number": b'{"barcode": ' + b"1" * 10_000 + b"}",
    "cut short": b'{"barcode": "A1',
    "half a character": b'{"barcode": "A1", "size": "\\ud800"}',
    "not a number": b'{"barcode": "A1", "location": "nearest", "latitude": NaN}',
    "endless": b'{"barcode": "A1", "location": "nearest", "latitude": Infinity}',
    "another kind": b"\x00\xff\xfe",
    "nothing": b"",
}
JSON = {"content-type": "application/json"}


def is_in_our_form(answer: requests.Response) -> bool:
    body = answer.json()
    return isinstance(body["error"], str) and isinstance(body["message"], str)


@pytest.mark.parametrize("path", ["/v1/packages", "/v1/enrol"])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_cannot_be_read_is_refused_in_our_form(
    server: Server, name: str, path: str
) -> None:
    headers = JSON if path == "/v1/enrol" else {**server.add_key(), **JSON}
    answer = requests.post(f"{server.url}{path}", data=BODIES[name], headers=headers, timeout=20)
    assert answer.status_code in (400, 413, 422), answer.text
    assert is_in_our_form(answer)


def test_an_unknown_address_or_method_is_refused_in_our_form(server: Server) -> None:
    nowhere = requests.get(f"{server.url}/v1/nowhere", timeout=20)
    assert nowhere.status_code == 404
    assert is_in_our_form(nowhere)
    wrong = requests.delete(f"{server.url}/v1/packages", timeout=20)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert is_in_our_form(wrong)


def test_operators_read_it_on_a_page(server: Server) -> None:
    nowhere = requests.get(f"{server.url}/operators/nowhere", timeout=20)
    assert nowhere.status_code == 404
    assert nowhere.headers["content-type"].startswith("text/html")
