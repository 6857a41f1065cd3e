"""Passkeys under attack: answers of other sites, other sessions, other accounts, and of no key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from central import schema
from central.auth import Role
from central.pages.paths import HOME
from central.settings import SignIn
from tests.support.central_server import Server
from tests.support.operators import Visitor, account, options_on
from tests.support.passkeys import SoftKey


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(
        tmp_path_factory.mktemp("passkeys") / "central",
        host="localhost",
        is_public=True,
        sign_in=SignIn(),
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def owner(server: Server) -> tuple[Visitor, SoftKey]:
    """An administrator whose only second factor is a passkey."""
    visitor, key = account(server, "owner", Role.ADMIN), SoftKey()
    assert visitor.sign_in().url.endswith("/account/app")
    assert "Your recovery codes" in visitor.add_passkey(key).text
    assert visitor.is_in()
    return visitor, key


def half_in(owner: Visitor) -> Visitor:
    half = owner.elsewhere()
    assert half.sign_in().url.endswith("/sign-in/factor")
    return half


def test_its_owner_signs_in_with_it_and_keeps_it(
    server: Server, owner: tuple[Visitor, SoftKey]
) -> None:
    visitor, key = owner
    assert half_in(visitor).give_passkey(key).url == f"{server.url}{HOME}"
    [row] = server.rows(schema.passkey)
    path = f"/account/passkeys/{row.id}/remove"
    said = visitor.post(path, at="/account").text
    assert "set another second factor up first" in said
    second = SoftKey()
    assert "is set up" in visitor.add_passkey(second).text
    assert half_in(visitor).give_passkey(second).url == f"{server.url}{HOME}"
    [added] = [each for each in server.rows(schema.passkey) if each.id != row.id]
    assert (
        "taken no more" in visitor.post(f"/account/passkeys/{added.id}/remove", at="/account").text
    )
    assert not half_in(visitor).give_passkey(second).url.endswith(HOME)


def test_an_answer_of_another_site_is_refused(
    server: Server, owner: tuple[Visitor, SoftKey]
) -> None:
    visitor, key = owner
    thief = half_in(visitor)
    for origin in ("https://localhost", "http://evil.example", f"{server.url}.evil.example"):
        assert "was not accepted" in thief.give_passkey(key, origin).text
        assert "was not accepted" in visitor.add_passkey(SoftKey(), origin).text
    assert not thief.is_in()


def test_an_answer_is_good_once_and_for_its_own_session(
    server: Server, owner: tuple[Visitor, SoftKey]
) -> None:
    visitor, key = owner
    one, other = half_in(visitor), half_in(visitor)
    page = one.get("/sign-in/factor").text
    answer = key.get(options_on(page), server.url)
    theirs = other.get("/sign-in/factor").text
    assert "was not accepted" in other.send("/sign-in/passkey", theirs, answer=answer).text
    assert one.send("/sign-in/passkey", page, answer=answer).url == f"{server.url}{HOME}"
    again = half_in(visitor)
    page = again.get("/sign-in/factor").text
    assert "was not accepted" in again.send("/sign-in/passkey", page, answer=answer).text
    assert not other.is_in() and not again.is_in()


def test_a_key_of_another_account_or_a_copy_is_no_factor(
    server: Server, owner: tuple[Visitor, SoftKey]
) -> None:
    visitor, key = owner
    other, theirs = account(server, "other", Role.ADMIN), SoftKey()
    other.sign_in()
    assert "Your recovery codes" in other.add_passkey(theirs).text
    said = other.add_passkey(replace(theirs))
    assert "one of an account already" in said.text
    thief = half_in(visitor)
    for wrong in (
        theirs,
        SoftKey(),
        replace(SoftKey(), id=key.id),  # the name is right, the key is not
        replace(key, count=0),  # a copy counts on from when it was made
        replace(key, flags=0, count=key.count + 10),  # nobody touched it
    ):
        assert "was not accepted" in thief.give_passkey(wrong).text
    assert not thief.is_in()
    key.count += 20
    assert half_in(visitor).give_passkey(key).url == f"{server.url}{HOME}"


def test_what_no_browser_answers_is_refused_and_breaks_nothing(
    server: Server, owner: tuple[Visitor, SoftKey]
) -> None:
    visitor, key = owner
    thief = half_in(visitor)
    page = thief.get("/sign-in/factor").text
    good = json.loads(key.get(options_on(page), server.url))
    broken: list[object] = ["", "x", "[]", "null", "{}", "1e999", "[" * 9000, {"id": good["id"]}]
    values: tuple[object, ...] = ("", "AAAA", "\u00e9", None, [], 7, "A" * 9000)
    for field in good["response"]:
        for value in values:
            broken.append({**good, "response": {**good["response"], field: value}})
    broken += [{**good, "id": value} for value in (*values, "\u0000")]
    for n, each in enumerate(broken):
        thief.http.headers["x-forwarded-for"] = f"203.0.113.{n}"
        answer = each if isinstance(each, str) else json.dumps(each)
        page = thief.get("/sign-in/factor").text
        said = thief.send("/sign-in/passkey", page, answer=answer)
        assert said.status_code in (200, 422), answer[:80]
    assert not thief.is_in()
    page = visitor.get("/account/passkey").text
    for each in broken[:8]:
        answer = each if isinstance(each, str) else json.dumps(each)
        assert visitor.send("/account/passkey", page, answer=answer).status_code in (200, 422)


def test_a_server_without_a_name_offers_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = Server(tmp_path_factory.mktemp("nameless") / "central", sign_in=SignIn())
    server.start()
    try:
        visitor = account(server, "nameless", Role.ADMIN)
        assert "passkey" not in visitor.sign_in().text
        assert visitor.get("/account/passkey").url.endswith("/account/app")
        visitor.set_app_up()
        assert "needs https and a name" in visitor.get("/account").text
    finally:
        server.stop()
