"""Addresses where they come in, and where they go out: in headers and in URLs."""

from __future__ import annotations

from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from centre import Journal, Mailbox, Server, announce
from operators import obey, sync

from central import addresses
from central.errors import CannotServeError
from central.notify.messages import _address
from central.settings import Notifications, Settings, load

REFUSED = (
    "a,b@example.org",
    "a@example.org,b@example.org",
    "a@example.org b@example.org",
    "a@example.org\r\nBcc: eve@example.org",
    "a@example.org\n",
    "Kim <kim@example.org>",
    "kim@",
    "kim@exam ple.org",
    "kim@-example.org",
    "kim..k@example.org",
)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_one_address_is_refused_where_it_comes_in(server: Server, text: str) -> None:
    answer = announce(server, server.add_key(), "A", recipient={"name": "Kim", "email": text})
    assert answer.status_code == 422
    assert "recipient.email" in answer.text


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("eva@Müller.example.org", "eva@xn--mller-kva.example.org"),
        (" Eva@EXAMPLE.org ", "Eva@example.org"),
        ("kim&bcc=eve@example.org", "kim&bcc=eve@example.org"),
    ],
)
def test_an_address_has_one_spelling(written: str, kept: str) -> None:
    assert addresses.address(written) == kept
    assert kept in addresses.spellings(written)


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Paketstation Köln <lockers@example.org>", "Paketstation Köln"),
        ('"Lockers, Ltd." <lockers@example.org>', "Lockers, Ltd."),
        ("Lockers (north) <lockers@example.org>", "Lockers (north)"),
        (f"{'صندوق الطرود ' * 6}<lockers@example.org>", ("صندوق الطرود " * 6).strip()),
        ("lockers@example.org", ""),
    ],
)
def test_a_senders_name_is_encoded_and_its_address_stands_apart(
    tmp_path: Path, mailbox: tuple[int, Mailbox], sender: str, name: str
) -> None:
    server = Server(tmp_path / "central", smtp_port=mailbox[0], sender=sender)
    server.start()
    kiosk = Journal(tmp_path / "kiosk.db")
    try:
        assert kiosk.enrol(server, server.add_location()).ok
        announce(server, server.add_key(), "A")
        obey(kiosk)
        kiosk.put_in("A")
        sync(kiosk)
        [mail] = mailbox[1].wait_for(1)
    finally:
        kiosk.store.close()
        server.stop()
    raw = str(mail["From"])
    assert raw.isascii()
    shown, address = parseaddr(raw)
    assert address == "lockers@example.org"
    assert str(make_header(decode_header(shown.replace("\n", "")))) == name


@pytest.mark.parametrize(
    "sender", ["Köln", "a,b@example.org", "K\\r\\nBcc: x <a@example.org>", "K <a@b.org> <c@d e>"]
)
def test_a_sender_that_is_none_is_told_at_the_start(tmp_path: Path, sender: str) -> None:
    path = tmp_path / "central.toml"
    path.write_text(f'[smtp]\nhost = "mail"\nsender = "{sender}"\n', encoding="utf-8")
    with pytest.raises(CannotServeError, match=r"smtp\.sender"):
        load(path)


@pytest.mark.parametrize("email", ["kim&bcc=eve@example.org", "kim?x#y/z=+@example.org"])
def test_an_address_in_a_url_stays_one_part_of_it(email: str) -> None:
    url = "mailto://u:p@example.org/?to={email}&phone={phone}"
    settings = Settings(notifications=Notifications(person_url=url))
    person = SimpleNamespace(email=email, phone="+491710000001")
    made = _address("apprise", person, SimpleNamespace(settings=settings))  # type: ignore[arg-type]
    assert parse_qs(urlsplit(made).query) == {"to": [email], "phone": [person.phone]}


def test_an_address_that_would_be_decoded_twice_goes_another_way() -> None:
    settings = Settings(notifications=Notifications(person_url="mailto://h/?to={email}"))
    person = SimpleNamespace(email="kim%2Ceve@example.org", phone="")
    parts = SimpleNamespace(settings=settings)
    assert _address("apprise", person, parts) == ""  # type: ignore[arg-type]
