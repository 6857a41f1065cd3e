"""The page about the API: every route, every problem, and examples that are true."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
import requests

from central import problems, schema
from central.api_pages.examples import EXAMPLES, IN_AN_HOUR, IN_TWO_HOURS, VARIES
from central.auth import BY_NAME_ALONE, Scope
from central.sandbox.making import make
from tests.central.test_route_matrix import RULES
from tests.support.central_server import Server

HOUR_MS = 3_600_000


class Page(HTMLParser):
    """What a page has: its anchors, its links, what it loads, its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = dict(attributes)
        self.tags.add(tag)
        self.ids |= {said["id"] or ""} if "id" in said else set()
        if tag == "a":
            self.links.add(said.get("href") or "")
        elif "src" in said or tag == "link":
            self.loads.add(said.get("src") or said.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def sandbox_key(server: Server) -> dict[str, str]:
    key = server.write(lambda c: make(c, server.central, "test", "a shop", 100_000))
    return {"authorization": f"Bearer {key}"}


def put(value: Any, names: dict[str, Any]) -> Any:
    """A body with what was kept in the places of its names."""
    if isinstance(value, str):
        return names.get(value[1:-1], value) if value.startswith("{") else value
    if isinstance(value, dict):
        return {name: put(each, names) for name, each in value.items()}
    return [put(each, names) for each in value] if isinstance(value, list) else value


def differences(shown: Any, real: Any, name: str = "answer") -> list[str]:
    """In what an answer is otherwise than it is shown, but for what varies."""
    member = name.rpartition(".")[2]
    if shown == "…" or member in VARIES or member.endswith("_ms"):
        is_same = shown == "…" or type(shown) is type(real)
        return [] if is_same else [f"{name}: {shown!r} is shown, {real!r} is true"]
    if isinstance(shown, list) and isinstance(real, list) and shown[-1:] == ["…"]:
        shown, real = shown[:-1], real[: len(shown) - 1]
    if isinstance(shown, dict) and isinstance(real, dict):
        found = [f"{name}.{each}: only one has it" for each in shown.keys() ^ real.keys()]
        for each in shown.keys() & real.keys():
            found += differences(shown[each], real[each], f"{name}.{each}")
        return found
    if isinstance(shown, list) and isinstance(real, list) and len(shown) == len(real):
        return [
            text
            for number, (one, other) in enumerate(zip(shown, real, strict=True))
            for text in differences(one, other, f"{name}.{number}")
        ]
    return [] if shown == real else [f"{name}: {shown!r} is shown, {real!r} is true"]


def test_the_examples_are_true_one_after_the_other(server: Server) -> None:
    headers, now_ms = sandbox_key(server), server.clock.wall_ms
    names: dict[str, Any] = {
        IN_AN_HOUR[1:-1]: now_ms + HOUR_MS,
        IN_TWO_HOURS[1:-1]: now_ms + 2 * HOUR_MS,
    }
    for each in EXAMPLES:
        more = {"idempotency-key": each.key} if each.key else {}
        path = each.asked
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", str(value))
        body = None if each.body is None else put(each.body, names)
        answer = requests.request(
            each.method, server.url + path, json=body, headers=headers | more, timeout=20
        )
        assert answer.status_code == each.status, (each.title, answer.text)
        real: Any = answer.json() if answer.content else None
        assert differences(each.answer, real) == [], each.title
        for name, where in each.keeps.items():
            value = real
            for part in where.split("."):
                value = value[int(part)] if part.isdecimal() else value[part]
            names[name] = value
    assert {row.channel for row in server.rows(schema.notification)} <= {"webhook"}


def test_every_route_for_programs_has_an_example_and_stands_on_the_page(server: Server) -> None:
    page = Page(requests.get(f"{server.url}/docs/api", timeout=20).text)
    shown = {each.route for each in EXAMPLES}
    for route, rule in RULES.items():
        if isinstance(rule, Scope):
            assert route in page.text, route
            # A sandbox has no key to sign couriers' badges with.
            assert route in shown or rule in BY_NAME_ALONE, route


def test_every_problem_has_its_place_and_every_link_leads_somewhere(server: Server) -> None:
    page = Page(requests.get(f"{server.url}/docs/api", timeout=20).text)
    assert problems.TYPES.keys() <= page.ids
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids, link
        else:
            assert requests.get(server.url + link, timeout=20).ok, link


def test_the_page_needs_no_script_and_no_other_machine(server: Server) -> None:
    answer = requests.get(f"{server.url}/docs/api", timeout=20)
    page = Page(answer.text)
    assert not {"script", "iframe", "img"} & page.tags
    assert page.loads == {"/docs/api/page.css"}
    style = requests.get(f"{server.url}/docs/api/page.css", timeout=20)
    assert style.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in style.text
    assert "http" not in style.text
    assert "style=" not in answer.text  # the policy of every answer takes none


def test_the_document_has_examples_and_problems(server: Server) -> None:
    document = requests.get(f"{server.url}/openapi.json", timeout=20).json()
    announce = document["paths"]["/v1/packages"]["post"]
    assert announce["requestBody"]["content"]["application/json"]["examples"]
    refused = announce["responses"]["422"]["content"]
    assert list(refused) == ["application/problem+json"]
    assert "Problem" in document["components"]["schemas"]
    described = document["components"]["schemas"]["Announcement"]["properties"]
    assert all(each.get("description") or "$ref" in each for each in described.values())


@pytest.mark.parametrize("path", ["/docs/api", "/openapi.json"])
def test_whoever_reads_about_it_needs_no_key(server: Server, path: str) -> None:
    assert requests.get(server.url + path, timeout=20).ok
