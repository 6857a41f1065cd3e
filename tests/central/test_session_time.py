"""Who is signed out by time is warned before it, and loses nothing that they typed."""

from __future__ import annotations

import html
import re

import pytest
import requests

from central.auth import Role
from central.pages.paths import HOME
from central.pages.session import COOKIE
from kiosk.model.clock import HOUR_MS
from tests.support.central_server import LOCATION, Server
from tests.support.operators import PASSWORD, Browser

IDLE_S = 2 * 3600


def hidden(page: str, name: str) -> str:
    return html.unescape(re.findall(rf'name="{name}" value="([^"]*)"', page)[0])


def sent_late(server: Server, browser: Browser, **form: object) -> requests.Response:
    """A form that comes after its session has ended."""
    server.clock.wall_ms += 3 * HOUR_MS
    return browser.post(f"/locations/{LOCATION.id}/describe", **form)


@pytest.fixture
def place(server: Server) -> str:
    server.add_location()
    return f"/locations/{LOCATION.id}"


def test_a_page_says_when_its_session_ends_and_a_use_puts_it_off(server: Server) -> None:
    viewer = Browser(server, Role.VIEWER)
    server.clock.wall_ms += HOUR_MS
    address = f"{server.url}{HOME}/session"
    by_itself = viewer.http.get(address, headers={"HX-Request": "true"}, timeout=20)
    assert by_itself.json()["ends_s"] == IDLE_S - 3600, "a page that asks by itself is no use"
    assert by_itself.json()["form_token"] == viewer.form_token
    assert viewer.http.get(address, timeout=20).json()["ends_s"] == IDLE_S
    assert f'data-session-s="{IDLE_S}"' in viewer.get("").text
    server.clock.wall_ms += 3 * HOUR_MS
    assert viewer.http.get(address, timeout=20).url.endswith("/sign-in")


def test_no_page_but_an_operators_counts_a_session(server: Server) -> None:
    answer = requests.get(f"{server.url}{HOME}/sign-in", timeout=20)
    assert "data-session" not in answer.text
    assert requests.get(f"{server.url}{HOME}/session", timeout=20).url.endswith("/sign-in")


def test_what_was_typed_is_sent_after_signing_in_again(server: Server, place: str) -> None:
    browser = Browser(server, Role.ADMIN)
    typed = {"directions": "Behind <b>the</b> bakery,\nleft \u202edoor", "photo_url": ""}
    late = sent_late(server, browser, **typed)
    assert late.status_code == 403
    assert "You were signed out" in late.text
    assert "Behind &lt;b&gt;the&lt;/b&gt; bakery" in late.text
    kept = hidden(late.text, "kept")
    assert "bakery" not in kept
    assert "not signed in yet" in browser.post("/again", kept=kept).text
    assert browser.sign_in(PASSWORD).ok
    asked = browser.post("/again", kept=kept)
    assert asked.ok
    assert "Send what you typed?" in asked.text
    assert f'action="{HOME}{place}/describe"' in asked.text
    fields = dict(re.findall(r'<textarea name="(\w+)" hidden>\n(.*?)</textarea>', asked.text, re.S))
    assert html.unescape(fields["directions"]).startswith("Behind <b>the</b> bakery,\nleft ")
    assert hidden(asked.text, "form_token") != browser.form_token


def test_what_somebody_else_typed_is_not_shown(server: Server, place: str) -> None:
    browser, other = Browser(server, Role.ADMIN), Browser(server, Role.OPERATOR)
    kept = hidden(sent_late(server, browser, directions="for my eyes").text, "kept")
    assert other.sign_in(PASSWORD).ok
    answer = other.post("/again", kept=kept)
    assert answer.status_code == 403
    assert "for my eyes" not in answer.text


@pytest.mark.parametrize("wrong", ["", "gAAAAA", "x" * 1000])
def test_what_this_server_did_not_seal_is_refused(server: Server, wrong: str) -> None:
    answer = Browser(server, Role.VIEWER).post("/again", kept=wrong)
    assert answer.status_code == 422


def test_nothing_is_kept_of_a_forged_form_or_of_a_password(server: Server, place: str) -> None:
    browser = Browser(server, Role.ADMIN)
    forged = sent_late(server, browser, form_token="made up", directions="x")
    assert forged.url.endswith("/sign-in"), "another site's form is not kept"
    browser.sign_in(PASSWORD)
    server.clock.wall_ms += 3 * HOUR_MS
    form = {"form_token": browser.form_token, "current": PASSWORD, "password": "a", "again": "a"}
    answer = browser.post("/account/password", **form)
    assert "kept" not in answer.text
    browser.http.cookies.set(COOKIE, "nobody's")
    assert browser.post(f"{place}/describe", directions="x").url.endswith("/sign-in")
