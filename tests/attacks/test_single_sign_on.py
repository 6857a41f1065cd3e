"""Single sign-on at a real provider: one that works, one that lies, and who comes uninvited."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import ValidationError

from central import schema
from central.areas import tree
from central.auth import Role
from central.operators import accounts
from central.pages.paths import HOME
from central.pages.session import COOKIE
from central.settings import SignIn, SingleSignOn
from tests.support.central_server import Server
from tests.support.oidc_provider import CLIENT, KIM, SECRET, running_provider, set_next
from tests.support.operators import PASSWORD, Visitor, account

ROLES: dict[str, Any] = {"role_claim": "realm.groups", "roles": {"ops": "operator", "all": "admin"}}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running_provider() as found:
        yield found


@pytest.fixture
def serve(issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts a server with single sign-on, set so."""
    running = []

    def start(**more: Any) -> Server:
        rules = SingleSignOn(issuer=issuer, client_id=CLIENT, client_secret=SECRET, **more)
        folder = tmp_path_factory.mktemp("sso") / "central"
        server = Server(folder, sign_in=SignIn(), is_public=True, single_sign_on=rules)
        server.start()
        running.append(server)
        return server

    set_next(issuer)
    yield start
    for server in running:
        server.stop()


def come(server: Server, visitor: Visitor | None = None) -> tuple[Visitor, requests.Response]:
    """Go to the provider and come back, as a browser does; what the last page says."""
    visitor = visitor or Visitor(server)
    back = visitor.get("/sign-in/provider")
    if found := re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', back.text):
        back = visitor.http.get(f"{server.url}{found[1]}", timeout=20)
    return visitor, back


def test_an_operator_signs_in_at_the_provider_and_an_administrator_gives_a_factor_here_too(
    serve: Callable[..., Server], issuer: str
) -> None:
    server = serve()
    account(server, "kim", Role.OPERATOR)
    assert "Sign in by single sign-on" in Visitor(server).get("/sign-in").text
    kim, page = come(server)
    assert page.url == f"{server.url}{HOME}"
    assert "kim@example.org" in kim.get("/account").text
    admin = account(server, "boss", Role.ADMIN)
    set_next(issuer, person={"sub": "boss-1", "email": "BOSS@example.org"})
    boss, page = come(server)
    assert page.url.endswith("/account/app")
    boss.set_app_up()
    again, page = come(server)
    assert page.url.endswith("/sign-in/factor")
    again.secret = boss.secret
    assert again.give_code().url == f"{server.url}{HOME}"
    # The way back: the provider is away, or the owner goes round it.
    admin.secret = boss.secret
    assert admin.sign_in().url.endswith("/sign-in/factor")
    assert admin.give_code().url == f"{server.url}{HOME}"


def test_a_provider_that_asks_for_a_second_factor_itself_is_enough(
    serve: Callable[..., Server],
) -> None:
    server = serve(has_second_factor=True)
    account(server, "kim", Role.ADMIN)
    kim, page = come(server)
    assert page.url == f"{server.url}{HOME}"
    assert kim.get("/keys").ok
    by_password = Visitor(server, "kim@example.org").sign_in()
    assert by_password.url.endswith("/account/app"), "by password one is asked for here"


@pytest.mark.parametrize(
    "fault",
    [
        *("issuer", "audience", "expired", "nonce", "no nonce", "no subject", "no token"),
        *("unsigned", "by the secret", "another key", "denied"),
    ],
)
def test_a_token_that_is_not_for_us_now_signs_nobody_in(
    server_with_kim: Server, issuer: str, fault: str
) -> None:
    set_next(issuer, fault)
    visitor, page = come(server_with_kim)
    assert "did not say who you are" in page.text
    assert COOKIE not in visitor.http.cookies
    set_next(issuer)
    assert come(server_with_kim, visitor)[1].url == f"{server_with_kim.url}{HOME}"


@pytest.fixture(scope="module")
def server_with_kim(issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    rules = SingleSignOn(issuer=issuer, client_id=CLIENT, client_secret=SECRET)
    server = Server(
        tmp_path_factory.mktemp("kim") / "central", is_public=True, single_sign_on=rules
    )
    server.start()
    account(server, "kim")
    yield server
    server.stop()


def test_nobody_comes_back_in_anothers_place(server_with_kim: Server, issuer: str) -> None:
    server = server_with_kim
    set_next(issuer)
    attacker, victim = Visitor(server), Visitor(server)

    def answer_of(visitor: Visitor) -> str:
        """The address that the provider sends a browser back to, not followed."""
        begun = visitor.http.get(
            f"{server.url}{HOME}/sign-in/provider", timeout=20, allow_redirects=False
        )
        said = visitor.http.get(begun.headers["location"], timeout=20, allow_redirects=False)
        return said.headers["location"]

    theirs = answer_of(attacker)
    assert "did not say who" in victim.http.get(theirs, timeout=20).text, "no state at all"
    own = answer_of(victim)
    assert "did not say who" in victim.http.get(theirs, timeout=20).text, "another's state"
    own = answer_of(victim)
    query = {name: values[0] for name, values in parse_qs(urlsplit(own).query).items()}
    where = f"{server.url}{HOME}/sign-in/provider/callback"
    for wrong in (
        {"state": query["state"]},
        {"code": query["code"]},
        {**query, "code": "guessed"},
        {**query, "iss": "https://evil.example"},
        {"error": "x" * 2000, "state": "\u0000"},
    ):
        stolen = Visitor(server)
        stolen.http.cookies.update(victim.http.cookies)
        assert "did not say who" in stolen.http.get(where, params=wrong, timeout=20).text
        assert COOKIE not in stolen.http.cookies
    late = answer_of(victim)
    server.clock.wall_ms += 601_000
    assert "did not say who" in victim.http.get(late, timeout=20).text
    own = answer_of(victim)
    first = victim.http.get(own, timeout=20)
    assert "You are signed in" in first.text
    cookies = {
        part for text in first.raw.headers.getlist("set-cookie") for part in text.split("; ")
    }
    assert "SameSite=strict" in cookies and "HttpOnly" in cookies
    again = Visitor(server)
    assert "did not say who" in again.http.get(own, timeout=20).text, "an address is good once"


def test_an_account_is_linked_by_a_verified_address_once_and_for_all(
    serve: Callable[..., Server], issuer: str
) -> None:
    server = serve()
    for unsure in (False, None, "true", 1):
        set_next(issuer, person={"email_verified": unsure})
        assert "not verified" in come(server)[1].text
    set_next(issuer)
    assert "no account here" in come(server)[1].text
    account(server, "kim")
    assert come(server)[1].url == f"{server.url}{HOME}"
    set_next(issuer, person={"sub": "kim-2"})
    assert "somebody else" in come(server)[1].text, "a new employee with the old address"
    set_next(issuer, person={"email": "renamed@example.org", "email_verified": False})
    assert come(server)[1].url == f"{server.url}{HOME}", "it is the person who counts"
    set_next(issuer, only_userinfo=True)
    assert come(server)[1].url == f"{server.url}{HOME}"
    set_next(issuer, "other userinfo", only_userinfo=True)
    assert "did not say who" in come(server)[1].text
    set_next(issuer)
    kim, _ = come(server)
    [row] = server.rows(schema.user)
    server.write(accounts.disable_user, server.central, "test", row.id)
    assert not kim.is_in()
    assert "is disabled" in come(server)[1].text


def test_roles_come_from_the_claim_and_the_last_administrator_stays_one(
    serve: Callable[..., Server], issuer: str
) -> None:
    server = serve(has_second_factor=True, **ROLES)

    def come_as(*groups: str) -> requests.Response:
        set_next(issuer, person={"realm": {"groups": list(groups)}})
        return come(server)[1]

    def role() -> str:
        [row] = [row for row in server.rows(schema.user) if row.email == KIM["email"]]
        return str(row.role)

    assert "may do anything here" in come_as("others").text
    assert server.rows(schema.user) == []
    assert come_as("ops", "others").url == f"{server.url}{HOME}"
    assert role() == "operator"
    assert "not right" in Visitor(server, "kim@example.org").sign_in("").text
    assert "not right" in Visitor(server, "kim@example.org").sign_in(PASSWORD).text
    before, _ = come(server)
    come_as("all", "ops")
    assert role() == "admin"
    assert not before.is_in(), "a session with the role before has ended"
    come_as("ops")
    assert role() == "admin", "the only administrator"
    assert "alarm:account.last_admin" in server.alarms()
    account(server, "local", Role.ADMIN)
    come_as("ops")
    assert role() == "operator"


def test_roles_in_areas_come_from_the_claim_and_none_from_an_area_that_there_is_not(
    serve: Callable[..., Server], issuer: str
) -> None:
    roles = {"all": "viewer", "crew": "operator@north", "lost": "admin@nowhere"}
    server = serve(has_second_factor=True, **{**ROLES, "roles": roles})
    server.write(tree.add, "north", "North", "", "test", server.clock.wall_ms)

    def come_as(*groups: str) -> list[str]:
        set_next(issuer, person={"realm": {"groups": list(groups)}})
        come(server)
        return sorted(f"{row.role} {row.area}" for row in server.rows(schema.operator_grant))

    assert come_as("lost") == []
    assert come_as("crew") == ["operator north"]
    assert come_as("crew", "all", "lost") == ["operator north", "viewer "]
    assert "alarm:account.no_area" in server.alarms()
    assert come_as("all") == ["viewer "]


def test_a_provider_that_is_away_or_another_leaves_the_password(
    serve: Callable[..., Server], issuer: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for wrong in ("http://127.0.0.1:9", f"{issuer}/"):
        rules = SingleSignOn(issuer=wrong, client_id=CLIENT)
        server = Server(
            tmp_path_factory.mktemp("away") / "central", is_public=True, single_sign_on=rules
        )
        server.start()
        try:
            visitor = account(server, "kim")
            assert "did not say who you are" in visitor.get("/sign-in/provider").text
            assert visitor.sign_in().url == f"{server.url}{HOME}"
        finally:
            server.stop()


def test_the_settings_take_no_provider_that_others_could_read() -> None:
    for wrong in (
        {"issuer": "http://id.example.org"},
        {"issuer": "ftp://id.example.org"},
        {"issuer": "https://id.example.org", "role_claim": "groups"},
        {"issuer": "https://id.example.org", "scope": "email"},
        {"issuer": "https://id.example.org", "role_claim": "g", "roles": {"a": "owner"}},
    ):
        with pytest.raises(ValidationError):
            SingleSignOn.model_validate({"client_id": "x", **wrong})
