"""A delegate fetches a package with a code of their own: that one, once, while they may."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import requests

from central import privacy, schema
from central.packages.delegates import NAMED_A_DAY
from kiosk.model.clock import DAY_MS
from kiosk.model.package import PackageStatus
from kiosk.store import codes, departures, intents, packages
from kiosk.store.codes import CodeAnswer, CodePolicy, Granted, NotKnown, Story
from kiosk.store.errors import RefusedError
from kiosk.store.intents import IntentPurpose
from tests.support.central_server import (
    LOCATION_KEY,
    Journal,
    Mailbox,
    Server,
    announce,
    text_of,
)
from tests.support.operators import obey, sync

PERSON = {"name": "Eva", "email": "eva@example.org", "user_id": "eva", "language": "en"}
POLICY = CodePolicy(LOCATION_KEY, 24)


@pytest.fixture
def server(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    made = Server(tmp_path / "central", smtp_port=mailbox[0], is_public=True)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def key(server: Server) -> dict[str, str]:
    return server.add_key()


@pytest.fixture
def link(server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox], key: dict[str, str]) -> str:
    """The link in the mail that says that the package is there; another of hers lies beside it."""
    for barcode in ("A", "B"):
        announce(server, key, barcode, recipient=PERSON)
        obey(kiosk)
        kiosk.put_in(barcode)
        sync(kiosk)
        mailbox[1].wait_for(1 if barcode == "A" else 2)
    [mail] = [text_of(mail) for mail in mailbox[1].mails if "package A" in text_of(mail)]
    [found] = re.findall(r"http://\S+/mine/\S+", mail)
    return str(found)


def package_a(server: Server) -> str:
    [row] = [row for row in server.rows(schema.package) if row.barcode == "A"]
    return str(row.id)


def name(link: str, who: str = "Anna", days: int = 2) -> str:
    form = {"name": who, "days": str(days)}
    return requests.post(f"{link}/delegate", data=form, timeout=20).text


def code_of(mailbox: tuple[int, Mailbox], count: int) -> str:
    """The delegate's code, of the newest mail."""
    mail = text_of(mailbox[1].wait_for(count)[count - 1])
    return str(re.findall(r"\d{3} \d{3} \d{3}", mail)[-1]).replace(" ", "")


def check(kiosk: Journal, code: str) -> CodeAnswer:
    answer: CodeAnswer = kiosk.store.submit(codes.check_code, POLICY, code).result()
    return answer


def fetch(kiosk: Journal, granted: Granted) -> None:
    intent = kiosk.new_id()
    purpose = IntentPurpose.PICKUP
    kiosk.do(
        intents.intend,
        *(intent, granted.slot, purpose, "customer", granted.package, granted.delegate),
    )
    kiosk.do(departures.retrieve, granted.package, intent)


def granted(answer: CodeAnswer) -> Granted:
    assert isinstance(answer, Granted)
    return answer


def test_a_delegate_fetches_that_package_once_and_its_owner_hears_who(
    server: Server, kiosk: Journal, link: str, mailbox: tuple[int, Mailbox]
) -> None:
    assert "as soon as the locker has heard" in name(link)
    assert len(mailbox[1].mails) == 2
    obey(kiosk)
    code = code_of(mailbox, 3)
    assert "You were sent the code" in requests.get(link, timeout=20).text
    # From here on the kiosk needs nobody: the code is known there.
    found = granted(check(kiosk, code))
    assert found.others == ()
    fetch(kiosk, found)
    assert check(kiosk, code) == Story(PackageStatus.RETRIEVED, kiosk.clock.wall_ms)
    sync(kiosk)
    assert "Anna picked up your package A" in text_of(mailbox[1].wait_for(4)[3])
    assert "Anna picked it up" in requests.get(link, timeout=20).text
    [event] = [each for each in kiosk.events() if each.kind == "PACKAGE_RETRIEVED"]
    assert server.rows(schema.delegate)[0].id in event.body
    assert "Anna" not in event.body


def test_the_owner_s_code_stays_good_and_opens_all_of_hers(
    server: Server, kiosk: Journal, link: str, mailbox: tuple[int, Mailbox]
) -> None:
    [own] = [
        re.findall(r"\d{3} \d{3} \d{3}", text_of(mail))[-1].replace(" ", "")
        for mail in mailbox[1].mails
        if "package A" in text_of(mail)
    ]
    name(link)
    obey(kiosk)
    code_of(mailbox, 3)
    found = granted(check(kiosk, own))
    assert found.delegate is None
    assert len(found.others) == 1


def test_it_is_taken_back_and_said_honestly_while_the_kiosk_has_not_heard(
    server: Server, kiosk: Journal, link: str, mailbox: tuple[int, Mailbox]
) -> None:
    name(link)
    obey(kiosk)
    code = code_of(mailbox, 3)
    said = requests.post(f"{link}/delegate/end", timeout=20).text
    assert "Until then the code still opens it" in said
    assert isinstance(check(kiosk, code), Granted)
    obey(kiosk)
    assert isinstance(check(kiosk, code), NotKnown)
    assert "may not fetch it any more." in requests.get(link, timeout=20).text


def test_a_code_that_was_checked_does_not_outlive_its_end(
    server: Server, kiosk: Journal, link: str, mailbox: tuple[int, Mailbox]
) -> None:
    name(link)
    obey(kiosk)
    found = granted(check(kiosk, code_of(mailbox, 3)))
    requests.post(f"{link}/delegate/end", timeout=20)
    obey(kiosk)
    with pytest.raises(RefusedError):
        fetch(kiosk, found)


@pytest.mark.parametrize("how", ["time", "new code", "another", "recall", "contact"])
def test_it_ends_with(
    how: str,
    server: Server,
    kiosk: Journal,
    link: str,
    mailbox: tuple[int, Mailbox],
    key: dict[str, str],
) -> None:
    name(link, days=1)
    obey(kiosk)
    code = code_of(mailbox, 3)
    url = f"{server.url}/v1/packages/{package_a(server)}"
    if how == "time":
        kiosk.clock.wall_ms += 2 * DAY_MS
    elif how == "new code":
        requests.post(f"{link}/code", timeout=20)
    elif how == "another":
        name(link, "Ben")
    elif how == "recall":
        requests.post(f"{url}/cancel", json={}, headers=key, timeout=20)
    else:
        other = {"email": "other@example.org"}
        assert requests.put(f"{url}/recipient", json=other, headers=key, timeout=20).ok
    obey(kiosk)
    assert not isinstance(check(kiosk, code), Granted)
    if how == "another":
        assert isinstance(check(kiosk, code_of(mailbox, 4)), Granted)


def test_a_name_is_asked_for_and_not_too_often(link: str, server: Server) -> None:
    for who, days in (("", 1), ("x" * 41, 1), ("Anna", 30), ("Anna", -1)):
        name(link, who, days)
    assert server.rows(schema.delegate) == []
    for _ in range(NAMED_A_DAY):
        name(link)
    assert "Not so often" in name(link)
    assert len(server.rows(schema.delegate)) == NAMED_A_DAY


def test_the_name_is_sealed_and_forgotten_with_its_person(
    server: Server, kiosk: Journal, link: str, tmp_path: Path
) -> None:
    name(link, "Zebulon")
    obey(kiosk)
    exported = server.central.database.read(privacy.export, PERSON["email"])
    assert exported["delegates"][0]["name"] == "Zebulon"
    raw = server.central.database.read(
        lambda c: c.exec_driver_sql("SELECT name FROM delegate").scalar_one()
    )
    assert "Zebulon" not in raw
    person = schema.recipient
    server.write(privacy.forget, person.c.id.is_not(None), server.clock.wall_ms)
    assert server.rows(schema.delegate)[0].name == ""


def test_a_wrong_code_is_counted_as_any(
    server: Server, kiosk: Journal, link: str, mailbox: tuple[int, Mailbox]
) -> None:
    """Guessing at a package that has a delegate is slowed no less."""
    name(link)
    obey(kiosk)
    code = code_of(mailbox, 3)
    rng, tried = Random(1), 0
    while tried < 200:
        guess = code[:3] + f"{rng.randrange(10**6):06d}"
        answer = check(kiosk, guess)
        assert not isinstance(answer, Granted)
        if not isinstance(answer, NotKnown):
            break
        tried += 1
    assert tried < 20
    assert kiosk.do(packages.package, package_a(server)).status is PackageStatus.STORED
