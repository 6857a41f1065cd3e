"""Packages through the API: announced, delivered, sent by e-mail, fetched; the nearest place."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from pathlib import Path

import pytest
import requests
from sqlalchemy import Connection

from central import schema
from central.globe import distance_km
from central.packages.nearest import nearest
from central.packages.sizes import Asker
from central.sync.room import note_room
from kiosk.model.commands import WireCommand
from kiosk.model.pickup_code import make_code
from kiosk.store import codes, packages
from kiosk.sync.client import layout_of
from kiosk.sync.contract import SyncAnswer, SyncRequest
from tests.support.central_server import LOCATION_KEY, Journal, Mailbox, Server, announce, text_of
from tests.support.operators import obey
from tests.support.postgresql import written_by


def sync(kiosk: Journal, after: int = 0) -> SyncAnswer:
    answer = kiosk.send(kiosk.events(after))
    assert answer.ok, answer.text
    return SyncAnswer.model_validate_json(answer.content)


def sent(kiosk: Journal) -> list[WireCommand]:
    return [WireCommand.model_validate(each) for each in sync(kiosk).commands]


def test_from_the_announcement_to_the_mail_that_says_it_was_fetched(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    headers = server.add_key()
    package = announce(server, headers, "A").json()["id"]
    commands = sent(kiosk)
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
    history = requests.get(f"{url}/history", headers=headers, timeout=20).json()
    assert [each["kind"] for each in history][-1] == "PACKAGE_RETRIEVED"
    for written in written_by(server.folder):
        assert code.encode() not in written, "a code was kept"


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
    rng = random.Random(seed)
    places = {}
    for number in range(120):
        name = f"L{number}"
        latitude = rng.choice((rng.uniform(-90, 90), 89.9, -89.9, rng.uniform(-5, 5)))
        longitude = rng.choice((rng.uniform(-180, 180), 179.95, -179.95))
        free = rng.choice((0, 2, 3))
        server.add_location(name, latitude=latitude, longitude=longitude, free=free)
        server.write(
            lambda c, name=name, free=free: c.execute(
                schema.location_size.insert().values(location=name, size="S", free=free, total=3)
            )
        )
        server.write(note_room, name)
        if free:
            places[name] = (latitude, longitude)
    for _ in range(40):
        latitude, longitude = rng.uniform(-90, 90), rng.uniform(-180, 180)
        wanted = sorted(
            places, key=lambda name: (distance_km(latitude, longitude, *places[name]), name)
        )[:5]
        found = server.central.database.read(nearest, latitude, longitude, "S", 5)
        assert [place["id"] for place in found] == wanted


@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_has_room_in_the_eyes_of_who_asks(server: Server, seed: int) -> None:
    """Whoever asks, one place after the other is looked at, and what is announced there counted."""
    rng = random.Random(seed)
    places = {}
    for number in range(40):
        name, place = f"L{number}", (rng.uniform(-60, 60), rng.uniform(-170, 170))
        server.add_location(name, latitude=place[0], longitude=place[1])
        sizes = {size: (free := rng.randrange(4), free + rng.randrange(3)) for size in "SM"}
        sent = [(rng.choice(("S", "M", None)), rng.choice("abc")) for _ in range(rng.randrange(6))]
        server.write(_fill, name, sizes, sent)
        places[name] = (place, sizes, sent)
    for asker in (None, Asker("a", 0.5), Asker("b", 0.3), Asker("nobody", 1.0)):
        for size in ("S", "M", None):
            here = (rng.uniform(-60, 60), rng.uniform(-170, 170))
            away = {name: distance_km(*here, *place) for name, (place, _, _) in places.items()}
            right = [
                (name, free)
                for name in sorted(places, key=lambda name: (away[name], name))
                if (free := _free(*places[name][1:], size, asker)) > 0
            ][:7]
            found = server.central.database.read(nearest, *here, size, 7, asker)
            assert [(place["id"], place["free"]) for place in found] == right


def _fill(
    connection: Connection,
    name: str,
    sizes: dict[str, tuple[int, int]],
    sent: list[tuple[str | None, str]],
) -> None:
    """A location's doors, free and in all, and what is announced there: of which size, by whom."""
    rows = [
        {"location": name, "size": size, "free": free, "total": total}
        for size, (free, total) in sizes.items()
    ]
    connection.execute(schema.location_size.insert(), rows)
    free = sum(free for free, _ in sizes.values())
    table = schema.location
    connection.execute(table.update().where(table.c.id == name).values(free=free))
    for number, (size, sender) in enumerate(sent):
        values: dict[str, object] = {"id": f"{name}-{number}", "barcode": f"{name}-{number}"}
        values |= {
            "sender": sender,
            "location": name,
            "size": size,
            "status": "PENDING",
            "is_announced": True,
        }
        connection.execute(schema.package.insert().values(**values))
    note_room(connection, name)


def _free(
    sizes: dict[str, tuple[int, int]],
    sent: list[tuple[str | None, str]],
    size: str | None,
    asker: Asker | None,
) -> int:
    """How many doors are free there for who asks."""
    free = sum(each for name, (each, _) in sizes.items() if size in (None, name))
    total = sum(each for name, (_, each) in sizes.items() if size in (None, name))
    senders: Counter[str | None] = Counter(
        sender for each, sender in sent if size is None or each in (size, None)
    )
    if free - senders.total() > 0 or asker is None or free == 0:
        return free - senders.total()
    return free - asker.taken(senders, total)


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


def test_with_another_contact_the_wrong_one_hears_no_more_and_holds_no_code(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    headers = server.add_key()
    wrong = {"name": "Eve", "email": "eve@example.org", "user_id": "eva"}
    package = announce(server, headers, "A", recipient=wrong).json()["id"]
    kiosk.announce("A", package)
    kiosk.put_in("A")
    sync(kiosk)
    mailbox[1].wait_for(1)
    stored = kiosk.do(packages.package, package)
    old = make_code(LOCATION_KEY, package, stored.locator, stored.code_counter)
    url = f"{server.url}/v1/packages/{package}/recipient"
    right = {"name": "Eva", "email": "eva@example.org"}
    assert requests.put(url, json=right, headers=headers, timeout=20).ok
    mail = mailbox[1].wait_for(2)[1]
    assert mail["To"] == "eva@example.org"
    new = make_code(LOCATION_KEY, package, stored.locator, stored.code_counter + 1)
    assert new in re.sub(r"\s", "", text_of(mail))
    obey(kiosk)
    policy = codes.CodePolicy(LOCATION_KEY, 24)
    assert isinstance(kiosk.do(codes.check_code, policy, old), codes.NotKnown)
    assert isinstance(kiosk.do(codes.check_code, policy, new), codes.Granted)
    server.pass_time(6 * 86_400_000)
    mails = mailbox[1].wait_for(4)
    time.sleep(1)  # were there one more for Eve, it would go out now
    assert [each["To"] for each in mails] == ["eve@example.org", *["eva@example.org"] * 3]


# --- sizes ---------------------------------------------------------------------------------------


@pytest.fixture
def measured(kiosk: Journal) -> Journal:
    """A kiosk whose server knows its sizes: S, M and L."""
    message = SyncRequest(
        epoch=kiosk.head().epoch,
        events=tuple(kiosk.events()),
        head=kiosk.head(),
        layout=layout_of(kiosk.location),
    )
    answer = requests.post(
        f"{kiosk.url}/v1/locations/{kiosk.location.id}/sync",
        data=message.model_dump_json(),
        headers={"authorization": f"Bearer {kiosk.token}"},
        timeout=20,
    )
    assert answer.ok
    return kiosk


def edges(*edges_mm: int) -> dict[str, int]:
    return dict(zip(("width_mm", "height_mm", "depth_mm"), edges_mm, strict=True))


def test_a_measured_package_gets_the_smallest_door_that_takes_it(
    server: Server, measured: Journal
) -> None:
    headers, [small, middle, large] = server.add_key(), measured.location.sizes[:3]

    def sized(barcode: str, **more: object) -> object:
        answer = announce(server, headers, barcode, size=None, **more)
        return answer.json().get("size") if answer.ok else answer.json()["error"]

    lying = (small.depth_mm, small.width_mm, small.height_mm)
    assert sized("A", dimensions=edges(*lying)) == small.name
    upright = (middle.height_mm, middle.width_mm, middle.depth_mm)
    assert sized("B", dimensions=edges(*upright), weight_kg=0.1) == middle.name
    heavy = middle.max_weight_kg + 1
    assert sized("C", dimensions=edges(10, 10, 10), weight_kg=heavy) == large.name
    assert sized("D", dimensions=edges(3000, 10, 10)) == "too_large"
    assert sized("E", weight_kg=1000) == "too_large"
    assert sized("F") is None
    both = announce(server, headers, "G", dimensions=edges(1, 1, 1))
    assert both.json()["message"] == "size and dimensions: one of the two"
    assert "S, M, L" in announce(server, headers, "H", size="XXL").json()["message"]
    too_heavy = announce(server, headers, "I", weight_kg=small.max_weight_kg + 0.5)
    assert f"{small.max_weight_kg:g} kg" in too_heavy.json()["message"]
    commands = sent(measured)
    assert [each.body["size"] for each in commands] == [
        row.size for row in sorted(server.rows(schema.package), key=lambda row: row.barcode)
    ]


def test_of_a_location_that_has_not_reported_its_sizes_the_size_is_asked(
    server: Server, kiosk: Journal
) -> None:
    sync(kiosk)  # its slots are known since, their sizes are not
    answer = announce(server, server.add_key(), "A", size=None, dimensions=edges(1, 1, 1))
    assert (answer.status_code, answer.json()["error"]) == (409, "not_ready")
    assert server.rows(schema.package) == []


def test_a_full_location_offers_its_neighbours_and_what_is_announced_takes_room(
    server: Server, measured: Journal
) -> None:
    here, headers = measured.location.id, server.add_key()
    table = schema.location
    server.write(lambda c: c.execute(table.update().values(latitude=52.5, longitude=13.4)))
    server.add_location("next-door", latitude=52.51, longitude=13.4, free=3)
    large = measured.location.sizes[-1].name
    room = [slot for slot in measured.location.slots if slot.size == large]
    server.write(
        lambda c: c.execute(
            schema.location_size.insert().values(
                location="next-door", size=large, free=3, total=3, **edges(900, 900, 900)
            )
        )
    )
    server.write(note_room, "next-door")
    for left in range(len(room), 0, -1):
        answer = announce(server, headers, f"P{left}", size=large).json()
        assert (answer["doors_left"], answer["neighbours"]) == (left, [])
    answer = announce(server, headers, "one too many", size=large).json()
    assert answer["doors_left"] == 0
    assert [place["id"] for place in answer["neighbours"]] == ["next-door"]
    url = f"{server.url}/v1/locations/{here}"
    shown = requests.get(url, headers=headers, timeout=20).json()
    assert {size["size"]: size["free"] for size in shown["sizes"]}[large] == 0
    near = {"location": "nearest", "latitude": 52.5, "longitude": 13.4}
    assert announce(server, headers, "near", size=large, **near).json()["location"] == "next-door"
    wide = {**near, "dimensions": edges(880, 880, 880), "weight_kg": 0.5}
    refused = announce(server, headers, "wide", size=None, **wide)
    assert refused.json()["error"] == "full"
    server.write(
        lambda c: c.execute(
            schema.location_size.update()
            .where(schema.location_size.c.location == "next-door")
            .values(max_weight_kg=5)
        )
    )
    assert announce(server, headers, "wide", size=None, **wide).json()["location"] == "next-door"


@pytest.mark.parametrize(
    "phone", ["0171 0000001", "+12015550123 ext. 12", "Eva", "+49171\r\nTo: 1"]
)
def test_what_is_no_number_is_refused_with_its_field(
    server: Server, kiosk: Journal, phone: str
) -> None:
    refused = announce(server, server.add_key(), "A", recipient={"phone": phone})
    assert refused.status_code == 422
    assert [each["field"] for each in refused.json()["problems"]] == ["recipient.phone"]


def test_the_api_says_what_each_field_means(server: Server) -> None:
    described = requests.get(f"{server.url}/openapi.json", timeout=20).json()
    forms = described["components"]["schemas"]
    said = {
        f"{name}.{field}": "description" in value or "$ref" in value
        for name in ("Announcement", "Person", "Measured", "Recall", "Longer", "Owner")
        for field, value in forms[name]["properties"].items()
    }
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            if "packages" in route.get("tags", ()):
                for parameter in route.get("parameters", ()):
                    said[f"{method} {path} {parameter['name']}"] = "description" in parameter
    assert [name for name, is_said in said.items() if not is_said] == []
