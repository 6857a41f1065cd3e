"""The link in a message: a person looks after their own package, and nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from central import privacy, schema
from central.pages.recipient_page import CODES_A_DAY
from kiosk.store import commands as kiosk_commands
from kiosk.store import packages
from kiosk.sync.receiving import receive
from tests.support.central_server import LOCATION, Journal, Mailbox, Server, announce, text_of
from tests.support.operators import obey, sync

PERSON = {"name": "Eva", "email": "eva@example.org", "user_id": "eva", "language": "de"}


@pytest.fixture
def server(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    made = Server(tmp_path / "central", smtp_port=mailbox[0], is_public=True)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def link(server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]) -> str:
    """The link in the mail that says that the package is there."""
    announce(server, server.add_key(), "A", recipient=PERSON)
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    text = text_of(mailbox[1].wait_for(1)[0])
    [found] = re.findall(r"http://\S+/mine/\S+", text)
    return str(found)


def test_the_page_is_in_the_persons_language_and_says_until_when(link: str) -> None:
    answer = requests.get(link, timeout=20)
    assert answer.status_code == 200
    assert "Einen Tag länger" in answer.text
    shown = html.unescape(answer.text)
    assert re.search(r"Es liegt dort bis \W*Mittwoch, 6\. Januar", shown)


def test_the_package_is_kept_longer_until_it_may_not_be(
    link: str, kiosk: Journal, server: Server
) -> None:
    package = server.rows(schema.package)[0].id
    before_ms = kiosk.do(packages.package, package).hold_until_ms
    assert "bleibt einen Tag länger" in requests.post(f"{link}/extend", timeout=20).text
    obey(kiosk)
    assert kiosk.do(packages.package, package).hold_until_ms > before_ms
    for _ in range(7):
        answer = requests.post(f"{link}/extend", timeout=20)
        obey(kiosk)
    assert "kann nicht länger bleiben" in answer.text


def test_the_new_day_is_shown_at_once_and_stays_when_the_locker_has_heard(
    link: str, kiosk: Journal, server: Server
) -> None:
    zone = LOCATION.time_zone
    server.write(lambda c: c.execute(schema.location.update().values(time_zone=zone)))
    assert "Donnerstag, 7. Januar" not in requests.get(link, timeout=20).text
    shown = requests.post(f"{link}/extend", timeout=20).text
    assert re.search(r"Es liegt dort bis \W*Donnerstag, 7\. Januar", shown)
    assert "sobald die Station davon weiß" in shown
    for each in sync(kiosk).commands:
        kiosk.do(kiosk_commands.apply, receive(each), zone)
    sync(kiosk)
    shown = requests.get(link, timeout=20).text
    assert re.search(r"Es liegt dort bis \W*Donnerstag, 7\. Januar", shown)
    assert "sobald die Station davon weiß" not in shown


def test_the_page_has_the_code_the_picture_the_way_and_the_number(
    link: str, server: Server, mailbox: tuple[int, Mailbox]
) -> None:
    code = re.findall(r"\d{3} \d{3} \d{3}", text_of(mailbox[1].wait_for(1)[0]))[0]
    place = {"latitude": 52.5, "longitude": 13.4, "help_phone": "+49 30 1234567"}
    server.write(lambda c: c.execute(schema.location.update().values(**place)))
    listing = {"directions": "Behind <the> bakery", "opening_hours": "Mo-Fr 08:00-20:00"}
    of_it = schema.location_listing.insert().values(location=LOCATION.id, **listing)
    server.write(lambda c: c.execute(of_it))
    page = requests.get(link, timeout=20).text
    assert code in page
    assert 'svg class="qr" role="img" aria-label="QR-Code' in page
    assert "Behind &lt;the&gt; bakery" in page
    assert re.search(r"Mo–Fr 08:00\W+20:00", page)
    assert 'href="tel:+49301234567"' in page
    assert 'href="geo:52.5,13.4?q=52.5%2C13.4"' in page
    assert "openstreetmap.org/directions?to=52.5%2C13.4" in page
    loaded = re.findall(r'(?:src|srcset|<link[^>]*href)="([^"]*)"', page)
    assert loaded
    assert not [each for each in loaded if "//" in each], "nothing comes from elsewhere"


@pytest.mark.parametrize("end", ["fetched", "taken back", "over"])
def test_the_page_says_how_it_ended_and_has_no_code_then(
    link: str, server: Server, kiosk: Journal, end: str
) -> None:
    package = server.rows(schema.package)[0].id
    place = {"help_phone": "+49 30 1234567"}
    server.write(lambda c: c.execute(schema.location.update().values(**place)))
    if end == "fetched":
        kiosk.take_out(package)
        sync(kiosk)
        said = ["Abgeholt", "rufen Sie uns bitte an: +49 30 1234567"]
    else:
        status = "COLLECTED" if end == "taken back" else "EXPIRED"
        server.write(lambda c: c.execute(schema.package.update().values(status=status)))
        said = ["Geht zurück"] if end == "taken back" else ["Frist vorbei", "Einen Tag länger"]
    page = requests.get(link, timeout=20)
    assert page.status_code == 200
    for each in said:
        assert each in page.text
    assert "svg class=" not in page.text.replace('svg class="band"', "")
    assert ("/extend" in page.text) is (end == "over")


def test_a_disputed_package_shows_no_code(link: str, server: Server) -> None:
    server.write(lambda c: c.execute(schema.package.update().values(disputed_ms=1)))
    assert 'svg class="qr"' not in requests.get(link, timeout=20).text


def test_a_new_code_comes_by_mail_and_not_too_often(
    link: str, mailbox: tuple[int, Mailbox]
) -> None:
    old = re.findall(r"\d{3} \d{3} \d{3}", text_of(mailbox[1].wait_for(1)[0]))[-1]
    assert "unterwegs" in requests.post(f"{link}/code", timeout=20).text
    mail = text_of(mailbox[1].wait_for(2)[1])
    assert old not in mail
    assert re.search(r"\d{3} \d{3} \d{3}", mail)
    for _ in range(CODES_A_DAY):
        answer = requests.post(f"{link}/code", timeout=20)
    assert "nicht so oft" in answer.text


def test_a_link_that_was_changed_or_is_old_shows_nothing(link: str, server: Server) -> None:
    token = link.rpartition("/")[2]
    for wrong in (token[:-1], f"x{token}", "made-up", token.upper()):
        for path in ("", "/extend", "/code"):
            url = f"{server.url}/mine/{wrong}{path}"
            ask = requests.post if path else requests.get
            answer = ask(url, timeout=20)
            assert answer.status_code == 404
            assert "Einen Tag" not in answer.text


def test_the_link_of_a_person_who_was_forgotten_shows_nothing(
    link: str, kiosk: Journal, server: Server
) -> None:
    kiosk.take_out(server.rows(schema.package)[0].id)
    sync(kiosk)
    server.write(privacy.erase, server.central, "test", PERSON["email"])
    for ask, path in ((requests.get, ""), (requests.post, "/extend"), (requests.post, "/code")):
        answer = ask(f"{link}{path}", timeout=20)
        assert answer.status_code == 404
        assert "Es liegt" not in answer.text
