"""The site file of a location: kept by operators, judged as the kiosk does, given to its kiosk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from central import schema
from central.auth import Role
from central.errors import RequestError
from central.locations import site_files
from central.sync import enrolment
from config import DEMO_SITE
from kiosk.model.invitation import Unreached
from kiosk.sync.enrol import EnrolError, fetch_site
from tests.support.central_server import Server
from tests.support.operators import Browser

TEXT = DEMO_SITE.read_text(encoding="utf-8").partition("[[staff]]")[0]
QUESTION = "0" * 32


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "central")
    made.start()
    yield made
    made.stop()


def keep(server: Server, text: str = TEXT, location: str = "demo") -> None:
    server.write(lambda c: site_files.keep(c, location, text, "test", server.clock.wall_ms))


def token_of(server: Server, location: str = "demo") -> str:
    """As the page and the command print it: with what pins the server's keys."""
    token = server.add_location(location)
    return str(server.write(lambda c: enrolment.printed(c, server.central, token)))


def test_a_kiosk_is_given_its_own_site_file_by_its_token(server: Server) -> None:
    token = token_of(server)
    keep(server)
    found = fetch_site(server.url, token, QUESTION)
    assert (found.location, found.text) == ("demo", TEXT)
    # The token is good for the enrolment afterwards: nothing was used up.
    assert fetch_site(server.url, token, QUESTION) == found


def test_whoever_asks_without_a_good_token_is_given_nothing(server: Server) -> None:
    token_of(server)
    keep(server)
    url = f"{server.url}/v1/enrol/site?question={QUESTION}"
    assert requests.get(url, timeout=20).status_code == 401
    headers = {"authorization": "Bearer enrol_made_up"}
    assert requests.get(url, headers=headers, timeout=20).status_code == 401


def test_a_location_without_one_is_said_to_have_none(server: Server) -> None:
    with pytest.raises(EnrolError, match="no site file is kept for") as refused:
        fetch_site(server.url, token_of(server), QUESTION)
    assert refused.value.why is Unreached.NO_SITE_FILE


def test_a_site_file_that_another_server_signed_is_not_taken(
    server: Server, tmp_path: Path
) -> None:
    """Whoever sits in between may answer, and has not the keys that the token names."""
    other = Server(tmp_path / "other")
    other.start()
    try:
        token = token_of(server)
        bare, _, _ = token.partition(".")
        known = server.rows(schema.location)[0]
        other.add_location("demo")
        other.write(
            lambda c: c.execute(
                schema.location.update().values(
                    enrol_token_hash=known.enrol_token_hash, enrol_until_ms=known.enrol_until_ms
                )
            )
        )
        keep(other)
        assert fetch_site(other.url, bare, QUESTION).text == TEXT  # who names no keys is fooled
        with pytest.raises(EnrolError) as refused:
            fetch_site(other.url, token, QUESTION)
        assert refused.value.why is Unreached.OTHER_SERVER
    finally:
        other.stop()


def test_a_text_that_was_changed_on_its_way_is_not_taken(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(server)
    keep(server)
    whole = site_files.answer

    def changed(*args: object) -> object:
        said = whole(*args)  # type: ignore[arg-type]
        return said.model_copy(update={"text": said.text.replace("Lindenplatz", "Elsewhere")})

    monkeypatch.setattr(site_files, "answer", changed)
    with pytest.raises(EnrolError, match="not signed by this server") as refused:
        fetch_site(server.url, token, QUESTION)
    assert refused.value.why is Unreached.SITE_FILE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "location"),
        ("location = 3", "location"),
        ("[location]\nid = ", "is not TOML"),
        (TEXT.replace('id = "demo"', 'id = "other"'), "the id of the location"),
        (TEXT.replace("lockboard-8a", "cu99", 1), "boards[0].family"),
        (DEMO_SITE.read_text(encoding="utf-8"), "no [[staff]]"),
        (TEXT + "#" * 500_001, "500000 characters at most"),
    ],
)
def test_what_is_wrong_in_a_site_file_is_named_and_the_one_before_stays(
    server: Server, text: str, said: str
) -> None:
    server.add_location("demo")
    keep(server)
    with pytest.raises(RequestError) as refused:
        keep(server, text)
    assert said in str(refused.value)
    [row] = server.rows(schema.site_file)
    assert row.content == TEXT


def test_an_operator_keeps_one_on_the_page_and_sees_each_mistake(server: Server) -> None:
    server.add_location("demo")
    browser = Browser(server, Role.ADMIN)
    wrong = TEXT.replace("lockboard-8a", "cu99")
    answer = browser.post("/locations/demo/site-file", content=wrong)
    assert answer.status_code == 422
    assert answer.text.count("is not a board family of this version") == 2
    assert "cu99" in answer.text  # what was typed is still there
    assert server.rows(schema.site_file) == []
    answer = browser.post("/locations/demo/site-file", content=TEXT.replace("\n", "\r\n"))
    assert answer.status_code == 200, answer.text
    [row] = server.rows(schema.site_file)
    assert row.content == TEXT
