"""Packages through the API: announced, delivered, told by e-mail, fetched; the nearest place."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import requests
from centre import LOCATION_KEY, Journal, Mailbox, Server, announce, text_of

from central import schema
from central.packages.nearest import distance_km, nearest
from kiosk.model.pickup_code import make_code
from kiosk.store import codes, packages
from kiosk.sync.contract import SyncAnswer


def sync(kiosk: Journal, after: int = 0) -> SyncAnswer:
    answer = kiosk.send(kiosk.events(after))
    assert answer.ok, answer.text
    return SyncAnswer.model_validate_json(answer.content)


def test_from_the_announcement_to_the_mail_that_says_it_was_fetched(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    headers = server.add_key()
    package = announce(server, headers, "A").json()["id"]
    commands = sync(kiosk).commands
    assert [(each.type, each.body["package"]) for each in commands] == [("announce", package)]
    kiosk.announce("A", package)
    assert kiosk.put_in("A") == package
    sync(kiosk)
    mail = mailbox[1].wait_for(1)[0]
    stored = kiosk.do(packages.package, package)
    code = make_code(LOCATION_KEY, package, stored.locator, stored.code_counter)
    assert re.sub(r"\s", "", text_of(mail)).find(code) > 0
    assert mail["To"] == "eva@example.org"
    assert any(part.get_content_type() == "image/png" for part in mail.walk())
    kiosk.take_out(package)
    sync(kiosk)
    mails = mailbox[1].wait_for(2)
    assert [each["Subject"] for each in mails] == [
        "Your package is here",
        "Your package was picked up",
    ]
    url = f"{server.url}/v1/packages/{package}"
    assert requests.get(url, headers=headers, timeout=20).json()["status"] == "RETRIEVED"
    told = requests.get(f"{url}/history", headers=headers, timeout=20).json()
    assert [each["kind"] for each in told][-1] == "PACKAGE_RETRIEVED"
    for path in server.folder.glob("central.db*"):
        assert code.encode() not in path.read_bytes(), "a code was kept"


def test_a_package_that_came_first_is_joined_by_its_announcement(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    package = kiosk.put_in("A")
    sync(kiosk)
    assert announce(server, server.add_key(), "A").json()["id"] == package
    assert mailbox[1].wait_for(1)[0]["Subject"] == "Your package is here"


def test_the_same_key_announces_once(server: Server, kiosk: Journal) -> None:
    headers = {**server.add_key(), "Idempotency-Key": "order 7"}
    first, again = announce(server, headers, "A"), announce(server, headers, "A")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert announce(server, headers, "B").status_code == 409
    assert len(server.rows(schema.package)) == 1


def test_a_wrong_field_is_named(server: Server, kiosk: Journal) -> None:
    answer = announce(server, server.add_key(), "A", colour="red")
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["field"] == "colour"


def test_a_new_code_is_for_the_owner_and_retires_the_old_one(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    headers = server.add_key()
    package = announce(server, headers, "A").json()["id"]
    kiosk.announce("A", package)
    kiosk.put_in("A")
    sync(kiosk)
    mailbox[1].wait_for(1)
    url = f"{server.url}/v1/packages/{package}/code"
    thief = requests.post(url, json={"user_id": "mallory"}, headers=headers, timeout=20)
    assert thief.status_code == 404
    assert requests.post(url, json={"user_id": "eva"}, headers=headers, timeout=20).ok
    stored = kiosk.do(packages.package, package)
    code = make_code(LOCATION_KEY, package, stored.locator, stored.code_counter + 1)
    mail = mailbox[1].wait_for(2)[1]
    assert code in re.sub(r"\s", "", text_of(mail))


def test_another_sender_sees_nothing(server: Server, kiosk: Journal) -> None:
    package = announce(server, server.add_key(), "A").json()["id"]
    url = f"{server.url}/v1/packages/{package}"
    assert requests.get(url, headers=server.add_key(), timeout=20).status_code == 404


def test_a_mailbox_that_does_not_exist_is_a_dead_letter(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    person = {"name": "No", "email": "nobody@example.org"}
    package = announce(server, server.add_key(), "A", recipient=person).json()["id"]
    kiosk.announce("A", package)
    kiosk.put_in("A")
    sync(kiosk)
    assert "550" in server.dead_message().error


@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_is_the_nearest(tmp_path: Path, server: Server, seed: int) -> None:
    chance = random.Random(seed)
    places = {}
    for number in range(120):
        name = f"L{number}"
        latitude = chance.choice((chance.uniform(-90, 90), 89.9, -89.9, chance.uniform(-5, 5)))
        longitude = chance.choice((chance.uniform(-180, 180), 179.95, -179.95))
        free = chance.choice((0, 2, 3))
        server.add_location(name, latitude=latitude, longitude=longitude, free=free)
        server.write(
            lambda c, name=name, free=free: c.execute(
                schema.location_size.insert().values(location=name, size="S", free=free, total=3)
            )
        )
        if free:
            places[name] = (latitude, longitude)
    for _ in range(40):
        latitude, longitude = chance.uniform(-90, 90), chance.uniform(-180, 180)
        wanted = sorted(
            places, key=lambda name: (distance_km(latitude, longitude, *places[name]), name)
        )[:5]
        found = server.central.database.read(nearest, latitude, longitude, "S", 5)
        assert [place["id"] for place in found] == wanted


def test_who_has_no_code_at_the_kiosk_gets_it_sent_again(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    package = announce(server, server.add_key(), "A").json()["id"]
    kiosk.announce("A", package, "+49 171 1")
    kiosk.put_in("A")
    sync(kiosk)
    mailbox[1].wait_for(1)
    policy = codes.CodePolicy(LOCATION_KEY, 24)
    kiosk.do(codes.ask_again, policy, "A", "0000")
    number = kiosk.do(codes.ask_again, policy, "A", "1711")
    sync(kiosk)
    first, again = mailbox[1].wait_for(2)
    assert isinstance(number, int)
    assert again["To"] == first["To"]
    stored = kiosk.do(packages.package, package)
    code = make_code(LOCATION_KEY, package, stored.locator, stored.code_counter)
    assert code in re.sub(r"\s", "", text_of(again))
