"""Whom a package was for before: neither their other codes nor their links reach it any more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from central import privacy, schema
from central.links import PURPOSE
from kiosk.model.pickup_code import make_code
from kiosk.store import codes, packages
from kiosk.store import commands as kiosk_commands
from kiosk.store.codes import CodePolicy, Granted
from kiosk.sync.receiving import receive
from tests.support.central_server import (
    EVA,
    LOCATION,
    LOCATION_KEY,
    Journal,
    Mailbox,
    Server,
    announce,
    text_of,
    wait_until,
)
from tests.support.operators import obey, sync

TOM = {"name": "Tom", "email": "tom@example.org", "user_id": "tom"}
POLICY = CodePolicy(LOCATION_KEY, len(LOCATION.slots))


@pytest.fixture
def server(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    made = Server(tmp_path / "central", smtp_port=mailbox[0], is_public=True)
    made.start()
    yield made
    made.stop()


def opened_by(kiosk: Journal, package: str) -> set[str]:
    """The packages that the code of this one opens at the machine."""
    found = kiosk.do(packages.package, package)
    code = make_code(LOCATION_KEY, package, found.locator, found.code_counter)
    answer = kiosk.do(codes.check_code, POLICY, code)
    assert isinstance(answer, Granted), answer
    return {answer.package, *(other.package for other in answer.others)}


def two_packages(server: Server, kiosk: Journal, key: dict[str, str], **second: Any) -> list[str]:
    """Two packages lie there, announced for Eva unless the second is for somebody else."""
    for barcode, more in (("ONE", {}), ("TWO", second)):
        assert announce(server, key, barcode, **more).status_code == 201
    obey(kiosk)
    lying = [kiosk.put_in(barcode) for barcode in ("ONE", "TWO")]
    sync(kiosk)
    return lying


def contact(server: Server, key: dict[str, str], package: str, person: dict[str, str]) -> None:
    url = f"{server.url}/v1/packages/{package}/recipient"
    answer = requests.put(url, json=person, headers=key, timeout=20)
    assert answer.status_code == 200, answer.text


def test_ones_packages_open_with_one_code(server: Server, kiosk: Journal) -> None:
    one, two = two_packages(server, kiosk, server.add_key())
    assert opened_by(kiosk, one) == opened_by(kiosk, two) == {one, two}


@pytest.mark.parametrize("person", [TOM, {**TOM, "user_id": ""}, {**TOM, "user_id": "eva"}])
def test_the_first_persons_other_code_does_not_open_it(
    server: Server, kiosk: Journal, person: dict[str, str]
) -> None:
    key = server.add_key()
    one, two = two_packages(server, kiosk, key)
    contact(server, key, two, person)
    obey(kiosk)
    assert opened_by(kiosk, one) == {one}
    assert opened_by(kiosk, two) == {two}
    contact(server, key, two, EVA)
    obey(kiosk)
    assert opened_by(kiosk, one) == {one, two}


def test_what_was_changed_before_the_kiosk_heard_of_it_is_never_the_first_persons(
    server: Server, kiosk: Journal
) -> None:
    """Announced and changed while the kiosk is offline: its first command names Tom already."""
    key = server.add_key()
    announce(server, key, "ONE")
    second = announce(server, key, "TWO").json()["id"]
    contact(server, key, second, {**TOM, "phone": "+49 171 0000002"})
    commands = [receive(each) for each in sync(kiosk).commands]
    assert [each.type for each in commands] == ["announce", "announce", "contact"]
    for each in commands:
        kiosk.do(kiosk_commands.apply, each, "UTC")
        recipient = kiosk.do(packages.recipient_of, second) if each.n > 1 else None
        assert recipient is None or recipient.name == "Tom"
    one, two = (kiosk.put_in(barcode) for barcode in ("ONE", "TWO"))
    assert opened_by(kiosk, one) == {one}
    assert opened_by(kiosk, two) == {two}


def test_commands_that_come_again_bring_nobody_back(server: Server, kiosk: Journal) -> None:
    key = server.add_key()
    announce(server, key, "ONE")
    announce(server, key, "TWO")
    first = sync(kiosk).commands
    for each in first:
        kiosk.do(kiosk_commands.apply, receive(each), "UTC")
    one, two = (kiosk.put_in(barcode) for barcode in ("ONE", "TWO"))
    sync(kiosk)
    contact(server, key, two, TOM)
    obey(kiosk)
    for each in first:  # as they were, recorded on the wire
        assert kiosk.do(kiosk_commands.apply, receive(each), "UTC") is False
    kiosk.do(lambda writer: kiosk_commands.want_people(writer, are_wanted=True))
    again = requests.post(
        f"{server.url}/v1/locations/{LOCATION.id}/sync",
        json={
            "epoch": kiosk.head().epoch,
            "head": kiosk.head().model_dump(),
            "cursor": kiosk.do(kiosk_commands.cursor),
            "wants_people": True,
        },
        headers={"authorization": f"Bearer {kiosk.token}"},
        timeout=20,
    ).json()["commands"]
    assert [each["type"] for each in again] == ["announce", "announce", "contact"]
    for each in again:
        kiosk.do(kiosk_commands.apply, receive(each), "UTC")
        assert opened_by(kiosk, one) == {one}
        assert opened_by(kiosk, two) == {two}


@pytest.mark.parametrize(
    "guest",
    [
        {**EVA, "email": "guest@example.org"},
        {**EVA, "phone": "+49 171 0000009"},
        {**EVA, "email": "", "phone": "+49 171 0000009"},
        {**EVA, "email": "", "phone": ""},
    ],
)
def test_one_user_id_for_many_guests_opens_only_ones_own(
    server: Server, kiosk: Journal, guest: dict[str, str]
) -> None:
    one, two = two_packages(server, kiosk, server.add_key(), recipient=guest)
    assert opened_by(kiosk, one) == {one}
    assert opened_by(kiosk, two) == {two}


def test_guests_without_a_contact_have_nothing_in_common(server: Server, kiosk: Journal) -> None:
    key, nobody = server.add_key(), {"name": "Guest", "user_id": "guests"}
    announce(server, key, "ONE", recipient=nobody)
    announce(server, key, "TWO", recipient=nobody)
    obey(kiosk)
    one, two = (kiosk.put_in(barcode) for barcode in ("ONE", "TWO"))
    assert opened_by(kiosk, one) == {one}
    assert opened_by(kiosk, two) == {two}


def test_the_same_person_at_another_sender_is_another(server: Server, kiosk: Journal) -> None:
    announce(server, server.add_key(), "ONE")
    announce(server, server.add_key(), "TWO")
    obey(kiosk)
    one, two = (kiosk.put_in(barcode) for barcode in ("ONE", "TWO"))
    assert opened_by(kiosk, one) == {one}
    assert opened_by(kiosk, two) == {two}


# --- links ---------------------------------------------------------------------------------------


def links_in(box: Mailbox, count: int) -> list[str]:
    found = [re.findall(r"http://\S+/mine/\S+", text_of(mail)) for mail in box.wait_for(count)]
    return [link for links in found for link in links]


def is_dead(server: Server, link: str) -> bool:
    """Whether nothing behind a link answers, changes anything, or tells of the package."""
    before = len(server.rows(schema.command)), len(server.rows(schema.notification))
    answers = [requests.get(link, timeout=20)]
    answers += [requests.post(f"{link}/{what}", timeout=20) for what in ("extend", "code")]
    after = len(server.rows(schema.command)), len(server.rows(schema.notification))
    alive = {answer.status_code for answer in answers} != {404}
    assert alive or not any(word in each.text for each in answers for word in ("TWO", "Market"))
    return not alive and before == after


def is_over(server: Server, link: str) -> bool:
    """Whether a link shows that its package is over, and nothing that would open anything: no code,
    no form that does something with it."""
    before = len(server.rows(schema.command)), len(server.rows(schema.notification))
    page = requests.get(link, timeout=20)
    tries = [requests.post(f"{link}/{what}", timeout=20) for what in ("extend", "code", "delegate")]
    after = len(server.rows(schema.command)), len(server.rows(schema.notification))
    shown = page.text
    is_harmless = 'svg class="qr"' not in shown and "/extend" not in shown
    is_refused = {answer.status_code for answer in tries} == {404}
    return page.status_code == 200 and is_harmless and is_refused and before == after


@pytest.mark.parametrize("end", ["contact", "cancel", "recalled", "pickup", "erase"])
def test_a_link_ends_with_its_package(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox], end: str
) -> None:
    key = server.add_key()
    one, two = two_packages(server, kiosk, key, recipient=TOM)
    links = links_in(mailbox[1], 2)
    of = {row.id: row.recipient for row in server.rows(schema.package)}
    serializer = server.central.secrets.serializer(PURPOSE)
    by_package = {serializer.loads(link.rpartition("/")[2])[0]: link for link in links}
    neighbours, link = by_package[one], by_package[two]
    assert requests.get(link, timeout=20).status_code == 200
    if end == "contact":
        contact(server, key, two, {**TOM, "email": "other@example.org"})
    elif end in ("cancel", "recalled"):
        url = f"{server.url}/v1/packages/{two}/cancel"
        assert requests.post(url, json={}, headers=key, timeout=20).ok
        if end == "recalled":
            obey(kiosk)
    else:
        kiosk.take_out(two)
        sync(kiosk)
        if end == "erase":
            server.write(privacy.erase, server.central, "test", TOM["email"])
    # Its own person still reads what became of it; nobody else, and nobody who was forgotten.
    assert is_dead(server, link) if end in ("contact", "erase") else is_over(server, link)
    assert requests.get(neighbours, timeout=20).status_code == 200
    assert requests.post(f"{neighbours}/extend", timeout=20).status_code == 200
    if end == "contact":
        obey(kiosk)
        [new] = set(links_in(mailbox[1], 3)) - set(links)
        assert requests.get(new, timeout=20).status_code == 200
        assert of[two] not in {row.recipient for row in server.rows(schema.package)}


def test_a_link_of_an_earlier_version_is_for_whom_the_package_was_then(
    server: Server, kiosk: Journal
) -> None:
    key = server.add_key()
    _, two = two_packages(server, kiosk, key)
    token = server.central.secrets.serializer(PURPOSE).dumps(two)
    link, table = f"{server.url}/mine/{token}", schema.recipient
    server.write(lambda c: c.execute(table.update().values(created_ms=1)))
    assert requests.get(link, timeout=20).status_code == 200
    contact(server, key, two, TOM)
    wait_until(lambda: is_dead(server, link))
