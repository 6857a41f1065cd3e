"""Addresses where they come in, and where they go out: in headers and in URLs."""

from __future__ import annotations

from collections.abc import Iterator
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import apprise
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central import addresses
from central.auth import Role
from central.errors import CannotServeError
from central.settings import Notifications, load
from tests.support.central_server import Journal, Mailbox, Server, announce, mail_server
from tests.support.operators import Browser, obey, sync

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
    "k" * 65 + "@example.org",
    "é" * 33 + "@example.org",
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
def test_a_sender_that_is_none_is_reported_at_the_start(tmp_path: Path, sender: str) -> None:
    path = tmp_path / "central.toml"
    path.write_text(f'[smtp]\nhost = "mail"\nsender = "{sender}"\n', encoding="utf-8")
    with pytest.raises(CannotServeError, match=r"smtp\.sender"):
        load(path)


# --- in Apprise's URLs ---------------------------------------------------------------------------

URLS = (
    "mailto://127.0.0.1:{port}?from=lockers@example.org&to={email}",
    "mailto://127.0.0.1:{port}/{email}?from=lockers@example.org",
)
DOUBTFUL = (
    "kim&bcc=eve@example.org",
    "kim%40evil@example.org",
    "kim%2Ceve@example.org",
    "kim?to=eve@example.org",
    "kim=eve@example.org",
    "kim/eve@example.org",
    "o'kim@example.org",
    "kim#x@example.org",
    "kim{phone}@example.org",
    "käthe@example.org",
)


@pytest.fixture
def service() -> Iterator[tuple[int, Mailbox]]:
    """A second mail server, which only Apprise sends to."""
    with mail_server() as found:
        yield found


@pytest.fixture
def apprise_site(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    mailbox: tuple[int, Mailbox],
    service: tuple[int, Mailbox],
) -> Iterator[tuple[Server, Journal]]:
    url = request.param.replace("{port}", str(service[0]))
    rules = Notifications(undo_wait_s=0, quiet_from_h=0, quiet_until_h=0, person_url=url)
    server = Server(tmp_path / "central", smtp_port=mailbox[0], rules=rules)
    server.start()
    kiosk = Journal(tmp_path / "kiosk.db")
    assert kiosk.enrol(server, server.add_location()).ok
    yield server, kiosk
    kiosk.store.close()
    server.stop()


def put_in(server: Server, kiosk: Journal, number: int, **person: Any) -> None:
    recipient = {"name": "Kim", **person}
    assert announce(server, server.add_key(), f"A{number}", recipient=recipient).ok
    obey(kiosk)
    kiosk.put_in(f"A{number}")
    sync(kiosk)


@pytest.mark.parametrize(
    ("apprise_site", "doubtful"),
    [(URLS[0], DOUBTFUL[:5]), (URLS[1], DOUBTFUL[5:])],
    indirect=["apprise_site"],
)
def test_an_address_in_a_url_reaches_nobody_else(
    apprise_site: tuple[Server, Journal],
    doubtful: tuple[str, ...],
    mailbox: tuple[int, Mailbox],
    service: tuple[int, Mailbox],
) -> None:
    server, kiosk = apprise_site
    put_in(server, kiosk, 0, email="kim+lockers@example.org", channels=["apprise", "email"])
    service[1].wait_for(1)
    for number, email in enumerate(doubtful, 1):
        put_in(server, kiosk, number, email=email, channels=["apprise", "email"])
    mailbox[1].wait_for(len(doubtful))
    assert service[1].recipients == ["kim+lockers@example.org"]
    assert sorted(mailbox[1].recipients) == sorted(doubtful)


@pytest.mark.parametrize("apprise_site", URLS[:1], indirect=True)
def test_operators_see_whom_no_way_reaches(
    apprise_site: tuple[Server, Journal], service: tuple[int, Mailbox]
) -> None:
    server, kiosk = apprise_site
    put_in(server, kiosk, 1, email=DOUBTFUL[0], channels=["apprise"])
    assert "might be read as somebody else's" in server.dead_message().error
    assert "might be read as" in Browser(server, Role.VIEWER).get("/notifications?status=dead").text
    # Who has no e-mail address has no such way: the service would send the mail to itself.
    put_in(server, kiosk, 2, phone="+491710000001", channels=["apprise", "email"])
    put_in(server, kiosk, 3, email="kim@example.org", channels=["apprise"])
    service[1].wait_for(1)
    assert service[1].recipients == ["kim@example.org"]


@given(
    local=st.text(st.sampled_from("abk09.!#$%&'*+-/=?^_`{|}~,;@: ö"), min_size=1, max_size=12),
    url=st.sampled_from((*URLS, "mailto://u:p@127.0.0.1:{port}/?from=a@example.org&to={email}")),
)
def test_what_is_put_into_a_url_is_read_as_nobody_else(local: str, url: str) -> None:
    try:
        email = addresses.address(f"{local}@example.org")
        filled = addresses.in_url(url.replace("{port}", "25"), email, "")
    except ValueError:
        return
    # It takes no `kim++x@…` at all; that is a refusal, and nobody else's mail.
    made: Any = apprise.Apprise.instantiate(filled)
    assert {target for _, target in made.targets} <= {email}
