"""Who says STOP gets no more SMS, whichever package it were about; codes go another way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from central import schema
from central.notify.incoming import take_files
from central.notify.stops import Said, said
from central.settings import Notifications, Sms
from central.webhooks.events import happened_in
from kiosk.model.clock import DAY_MS
from tests.central.test_feed import begin, read
from tests.central.test_lists import get, listed
from tests.central.test_sms import PERSON, Gateway, gateway, put_in, state
from tests.support.central_server import (
    Journal,
    Mailbox,
    Server,
    announce,
    text_of,
    wait_until,
)
from tests.support.operators import obey, sync

__all__ = ["gateway"]
SECRET = "a-secret-of-the-gateway"
EMAIL = "eva@example.org"


@pytest.fixture
def server(tmp_path: Path, gateway: Gateway, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    sms = Sms(
        url=gateway.url,
        account="AC1",
        token="secret",
        sender="+4930100",
        incoming_secret=SECRET,
        incoming_folder=tmp_path / "incoming",
    )
    rules = Notifications(
        undo_wait_s=0,
        quiet_from_h=0,
        quiet_until_h=0,
        remind_after_days=(1,),
        operator_urls=("json://127.0.0.1:9/",),
    )
    made = Server(tmp_path / "central", sms=sms, rules=rules, is_public=True, smtp_port=mailbox[0])
    made.start()
    yield made
    made.stop()


def send(server: Server, text: str, secret: str = SECRET) -> int:
    """Somebody answers an SMS, and the gateway hands it on."""
    form = {"From": PERSON["phone"], "To": "+4930100", "Body": text}
    url = f"{server.url}/v1/sms/{secret}"
    return requests.post(url, data=form, timeout=20).status_code


def bodies(gateway: Gateway) -> list[str]:
    return [asked["Body"] for asked in gateway.asked]


@pytest.mark.parametrize(
    "text",
    ["STOP", "Stopp.", "  stop  ", "ARRÊT", "arret", "Stop SMS please", "Baja", "توقف", "قف"],
)
def test_it_is_said_in_many_ways(text: str) -> None:
    assert said(text) is Said.STOP


@pytest.mark.parametrize(
    "text", ["", "Please stop by at noon", "End of the road", "123", "🛑", "ok"]
)
def test_what_people_write_else_is_no_stop(text: str) -> None:
    assert said(text) is None


def test_a_stop_is_confirmed_once_and_then_nothing_comes(
    server: Server, kiosk: Journal, gateway: Gateway
) -> None:
    put_in(server, kiosk)
    wait_until(lambda: state(server) == "sent")
    for _ in range(3):
        assert send(server, "STOP") == 204
    wait_until(lambda: len(gateway.asked) == 2)
    assert "keine SMS mehr" in bodies(gateway)[1]
    server.pass_time(3 * DAY_MS)
    sync(kiosk)
    reminders = [row for row in server.rows(schema.notification) if row.kind == "reminder"]
    wait_until(lambda: all(row.status == "dead" for row in _rows(server, "reminder")))
    assert reminders
    assert len(gateway.asked) == 2


def test_start_takes_it_back(server: Server, kiosk: Journal, gateway: Gateway) -> None:
    put_in(server, kiosk)
    wait_until(lambda: state(server) == "sent")
    send(server, "stop")
    send(server, "start")
    wait_until(lambda: len(gateway.asked) == 3)
    assert "wieder SMS" in bodies(gateway)[2]
    announce(server, server.add_key(), "B", recipient=PERSON)
    obey(kiosk)
    kiosk.put_in("B")
    sync(kiosk)
    wait_until(lambda: len(gateway.asked) == 4)


def test_the_next_code_goes_by_mail_or_operators_hear_that_it_cannot(
    server: Server, kiosk: Journal, gateway: Gateway, mailbox: tuple[int, Mailbox]
) -> None:
    put_in(server, kiosk)
    wait_until(lambda: state(server) == "sent")
    send(server, "STOP")
    wait_until(lambda: len(gateway.asked) == 2)
    key = server.add_key()
    announce(server, key, "B", recipient=PERSON | {"email": EMAIL, "channels": ["sms", "email"]})
    announce(server, key, "C", recipient=PERSON)
    obey(kiosk)
    kiosk.put_in("B")
    kiosk.put_in("C")
    sync(kiosk)
    [mail] = mailbox[1].wait_for(1)
    assert "B" in text_of(mail)
    unreachable = [row for row in server.rows(schema.notification) if row.kind == "unreachable"]
    assert len(unreachable) == 1
    assert "package C" in str(unreachable[0])
    assert len(gateway.asked) == 2


def test_a_stop_while_the_message_waits_sends_it_another_way(
    server: Server, kiosk: Journal, gateway: Gateway, mailbox: tuple[int, Mailbox]
) -> None:
    gateway.answers.append(503)
    put_in(server, kiosk, email=EMAIL, channels=["sms", "email"])
    wait_until(lambda: state(server) == "queued" and len(gateway.asked) == 1)
    send(server, "STOP")
    server.clock.wall_ms += 600_000
    [mail] = mailbox[1].wait_for(1)
    assert "Ihr Paket ist da" in str(mail["Subject"])


def test_nothing_of_the_number_is_kept_and_nobody_else_may_say_it(
    server: Server, kiosk: Journal, gateway: Gateway
) -> None:
    put_in(server, kiosk)
    assert send(server, "STOP", secret="x" * 20) == 404
    assert server.rows(schema.message_stop) == []
    send(server, "STOP")
    [row] = server.rows(schema.message_stop)
    assert "171392" not in str(row)


def test_a_daemon_leaves_what_was_sent_in_its_folder(
    server: Server, kiosk: Journal, gateway: Gateway, tmp_path: Path
) -> None:
    put_in(server, kiosk)
    wait_until(lambda: state(server) == "sent")
    folder = tmp_path / "incoming"
    folder.mkdir(exist_ok=True)
    number = str(PERSON["phone"]).removeprefix("+")
    (folder / "GSM1.abc").write_text(f"From: {number}\nAlphabet: ISO\n\nStop\n", encoding="utf-8")
    (folder / "half.part").write_text("From: 49", encoding="utf-8")
    asyncio.run(take_files(server.central, folder))
    wait_until(lambda: len(server.rows(schema.message_stop)) == 1)
    assert [path.name for path in folder.iterdir()] == ["half.part"]


def test_mail_programs_stop_reminders_and_no_code(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    put_in(server, kiosk, email=EMAIL, channels=["email"])
    [code] = mailbox[1].wait_for(1)
    assert code["List-Unsubscribe"] is None
    server.pass_time(DAY_MS)
    sync(kiosk)
    reminder = mailbox[1].wait_for(2)[1]
    [url] = re.findall("<(.+)>", str(reminder["List-Unsubscribe"]))
    assert reminder["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    asked = requests.post(
        url, data={"List-Unsubscribe": "One-Click"}, timeout=20, allow_redirects=False
    )
    assert asked.status_code == 200
    announce(
        server, server.add_key(), "B", recipient=PERSON | {"email": EMAIL, "channels": ["email"]}
    )
    obey(kiosk)
    kiosk.put_in("B")
    sync(kiosk)
    mailbox[1].wait_for(3)
    server.pass_time(2 * DAY_MS)
    sync(kiosk)
    wait_until(lambda: any(row.status == "dropped" for row in _rows(server, "reminder")))
    assert "no reminders" in " ".join(row.reason for row in _rows(server, "reminder"))


def _rows(server: Server, kind: str) -> list[Any]:
    return [row for row in server.rows(schema.notification) if row.kind == kind]


def test_the_notice_is_in_the_mail_and_in_each_language(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    put_in(server, kiosk, email=EMAIL, channels=["email"])
    text = text_of(mailbox[1].wait_for(1)[0])
    assert f"{server.url}/privacy?language=de" in text
    for language, word in (("en", "erased"), ("de", "gelöscht"), ("ar", "تُمحى"), ("xx", "erased")):
        page = requests.get(f"{server.url}/privacy", params={"language": language}, timeout=20)
        assert page.status_code == 200
        assert word in page.text


def test_the_packages_carrier_sees_and_hears_of_it_and_nobody_else(
    server: Server, kiosk: Journal, gateway: Gateway
) -> None:
    begin(server)
    put_in(server, kiosk)
    wait_until(lambda: state(server) == "sent")
    send(server, "STOP")
    keys = {}
    for carrier in ("red", "blue"):
        server.add_carrier(carrier)
        keys[carrier] = server.add_key(carrier=carrier)
    other = PERSON | {"phone": "+49 171 0000009"}
    package = announce(server, keys["red"], "C", recipient=PERSON).json()
    announce(server, keys["red"], "D", recipient=other)
    announce(server, keys["blue"], "E", recipient=other)
    obey(kiosk)
    kiosk.put_in("C", "red")
    sync(kiosk)

    def stopped(carrier: str) -> dict[str, bool]:
        found = listed(server, keys[carrier], "packages")
        return {each["barcode"]: each["sms_stopped"] for each in found}

    assert package["sms_stopped"] is True
    assert stopped("red") == {"C": True, "D": False}
    assert stopped("blue") == {"E": False}
    alone = get(server, keys["red"], f"packages/{package['id']}").json()
    assert alone["sms_stopped"] is True
    happened = [each for each in happened_in(read(server)) if each.type == "package.unreachable"]
    assert [(each.package, dict(each.details)) for each in happened] == [
        (package["id"], {"why": "sms_stopped"})
    ]
    send(server, "START")
    assert stopped("red") == {"C": False, "D": False}
