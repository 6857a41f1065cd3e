"""Whatever the API refuses is a problem as RFC 9457 has it, with the members of before beside."""

from __future__ import annotations

import ast
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import requests

from central import problems, schema
from central.errors import FieldError, RequestError, wrong_field
from tests.support.central_server import EVA, LOCATION, Server, announce
from tests.support.syntax import tree_of

ROOT = Path(__file__).parents[2]
JSON = {"content-type": "application/json"}


def problem_of(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    """The members of a problem, once they are seen to be those of every problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["type"], body["status"]) == (f"/docs/api#{code}", status)
    assert body["title"] == problems.TYPES[code][0]
    assert body["detail"] == body["message"]
    assert body["error"] == code
    assert isinstance(body["errors"], list)
    return body


OF_PROGRAMS = ("badges", "locations", "packages", "regions", "reservations", "sandbox", "webhooks")
BESIDE = ("app", "auth", "connections", "database/faults", "errors", "front", "intake", "limits")


def codes_raised() -> set[str]:
    """The codes with which anything that a program asks is refused."""
    central = ROOT / "central"
    paths = [path for room in OF_PROGRAMS for path in (central / room).rglob("*.py")]
    paths += [central / f"{name}.py" for name in BESIDE]
    return {
        str(node.args[1].value)
        for path in paths
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "RequestError"
        if isinstance(node.args[1], ast.Constant)
    }


def test_every_code_is_a_type_with_something_to_do_about_it() -> None:
    found = codes_raised()
    assert len(found) > 15
    assert found - problems.TYPES.keys() == set()
    assert all(title and advice for title, advice in problems.TYPES.values())


def test_what_the_framework_refuses_is_a_problem(server: Server) -> None:
    key = server.add_key()
    nowhere = requests.get(f"{server.url}/v1/nowhere", headers=key, timeout=20)
    problem_of(nowhere, 404, "not_found")
    wrong = requests.delete(f"{server.url}/v1/packages/some/code", headers=key, timeout=20)
    problem_of(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"
    body = requests.post(
        f"{server.url}/v1/packages", data=b"\xff", headers={**key, **JSON}, timeout=20
    )
    problem_of(body, 400, "unreadable")


def test_what_comes_in_from_outside_is_refused_with_a_problem(server: Server) -> None:
    key = server.add_key()
    stranger = announce(server, {"authorization": "Bearer key_made_up"}, "A")
    problem_of(stranger, 401, "unauthorised")
    assert stranger.headers["www-authenticate"] == "Bearer"
    long = requests.post(f"{server.url}/v1/packages", data=b" " * 70_000, headers=key, timeout=20)
    assert problem_of(long, 413, "too_large")["max_bytes"] == 65536


def test_a_head_that_is_too_long_is_refused_with_a_problem(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(b"GET /v1/packages HTTP/1.1\r\nx: " + b"y" * 70_000)
        answer = b""
        while part := line.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 431 " in head.splitlines()[0]
    assert b"content-type: application/problem+json" in head
    assert b'"/docs/api#head_too_large"' in body


def test_each_wrong_field_says_what_would_be_right(server: Server) -> None:
    person = {"email": "no address", "phone": "12" * 60, "language": "german"}
    answer = announce(
        server,
        server.add_key(),
        "",
        recipient=person,
        weight_kg="heavy",
        low_door="maybe",
        colour="red",
        dimensions=[1, 2],
    )
    body = problem_of(answer, 422, "invalid")
    by_field = {each["field"]: each for each in body["errors"]}
    assert {each["field"] for each in body["problems"]} == set(by_field)
    assert by_field["barcode"]["expected"] == "a text of at least 1 characters"
    assert by_field["recipient.email"]["value"] == "no address"
    assert by_field["recipient.email"]["pointer"] == "#/recipient/email"
    assert by_field["recipient.phone"]["expected"] == "a text of at most 64 characters"
    assert by_field["recipient.language"]["expected"] == "a text that matches ^[a-z]{2}$"
    assert by_field["weight_kg"] == {
        "field": "weight_kg",
        "pointer": "#/weight_kg",
        "value": "heavy",
        "expected": "a number",
    }
    assert by_field["low_door"]["expected"] == "true or false"
    assert by_field["colour"]["expected"] == "there is no such field: leave it out"
    assert by_field["dimensions"]["expected"] == "an object"


def test_a_pointer_names_a_field_with_signs_of_its_own(server: Server) -> None:
    """RFC 6901, 3: those of a pointer itself are written ~0 and ~1."""
    answer = announce(server, server.add_key(), "A", **{"a/b~c": 1})
    [error] = problem_of(answer, 422, "invalid")["errors"]
    assert (error["field"], error["pointer"]) == ("a/b~c", "#/a~1b~0c")


@pytest.mark.parametrize(
    ("more", "field", "value"),
    [
        ({"recipient": {**EVA, "phone": "123"}}, "recipient.phone", "123"),
        ({"location": "nearest", "latitude": 1}, "longitude", None),
        ({"dimensions": {"width_mm": 1, "height_mm": 1, "depth_mm": 1}}, "size", "S"),
    ],
)
def test_what_a_rule_refuses_names_its_field_too(
    server: Server, more: dict[str, Any], field: str, value: str | None
) -> None:
    server.add_location(LOCATION.id)
    body = problem_of(announce(server, server.add_key(), "A", **more), 422, "invalid")
    (error,) = body["errors"]
    assert (error["field"], error["value"]) == (field, value)
    assert error["expected"]
    assert body["problems"] == [{"field": field, "problem": error["expected"]}]


def test_too_many_requests_say_when_to_come_again(server: Server) -> None:
    key = server.add_key()
    server.write(lambda c: c.execute(schema.api_key.update().values(rate_per_min=1)))
    url = f"{server.url}/v1/packages/none"
    answers = [requests.get(url, headers=key, timeout=20) for _ in range(2)]
    problem_of(answers[1], 429, "too_many_requests")
    assert int(answers[1].headers["retry-after"]) >= 1


def test_a_failure_of_the_server_is_a_problem_and_tells_nothing_of_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: Any) -> None:
        raise ZeroDivisionError("a secret of the inside")

    monkeypatch.setattr("central.packages.service.describe", fails)
    answer = requests.get(f"{server.url}/v1/packages/some", headers=server.add_key(), timeout=20)
    problem_of(answer, 500, "internal")
    assert "secret" not in answer.text


def test_no_token_is_said_back(server: Server) -> None:
    message = {"token": ["enrol_secret"], "location": "x", "key": 5}
    answer = requests.post(f"{server.url}/v1/enrol", json=message, timeout=20)
    assert answer.status_code == 422
    assert "enrol_secret" not in answer.text


HALF = "\ud800"
"""Half of a pair of surrogates: JSON can name it, UTF-8 has no bytes for it."""


@pytest.mark.parametrize("sent", [HALF, {f"colour{HALF}": 1}, {"barcode": HALF}, [HALF]])
def test_what_has_no_bytes_is_refused_in_whatever_place(server: Server, sent: Any) -> None:
    key = server.add_key()
    for path, body in (("packages", sent), ("packages/bulk", {"packages": [sent]})):
        answer = requests.post(f"{server.url}/v1/{path}", json=body, headers=key, timeout=20)
        assert problem_of(answer, 422, "invalid")["errors"]
        assert HALF not in json.dumps(answer.json(), ensure_ascii=False)


def test_a_refusal_quotes_nothing_that_cannot_be_sent() -> None:
    refused = RequestError(422, "invalid", f"a {HALF}", named=[{HALF: (HALF, 1)}])
    refused.with_errors(FieldError(f"b.{HALF}", HALF, f"not {HALF}"))
    body = problems.response(refused).body
    assert HALF not in json.dumps(json.loads(bytes(body)), ensure_ascii=False)
    assert wrong_field("size", HALF, "a size").message.isprintable()
