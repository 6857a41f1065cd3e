"""SMS through a gateway that speaks as Twilio does, when it is well and when it is not."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import deque
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import requests

from central import schema
from central.notify.short_links import LENGTH
from central.settings import Notifications, Sms
from tests.support.central_server import Journal, Mailbox, Server, announce, wait_until
from tests.support.operators import obey, sync

PERSON = {"name": "Eva", "phone": "+491713920001", "channels": ["sms"], "language": "de"}
DETAILS = ("path", "authorization", "idempotency-key")


class Gateway:
    """Takes messages over HTTP; answers as it is asked to, else that it took one (201)."""

    def __init__(self) -> None:
        self.answers: deque[int] = deque()
        self.asked: list[dict[str, str]] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["content-length"])).decode()
                asked = {name: values[0] for name, values in parse_qs(form).items()}
                asked |= {"path": self.path}
                asked |= {name: self.headers[name] for name in DETAILS[1:]}
                status = gateway.answers.popleft() if gateway.answers else 201
                gateway.asked.append(asked | {"status": str(status)})
                body = json.dumps({"code": 21211, "message": "Invalid 'To' Phone Number"}).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.stop()


@pytest.fixture
def server(tmp_path: Path, gateway: Gateway, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    sms = Sms(url=gateway.url, account="AC1", token="secret", sender="+4930100")
    rules = Notifications(undo_wait_s=0, quiet_from_h=0, quiet_until_h=0)
    made = Server(tmp_path / "central", sms=sms, rules=rules, is_public=True, smtp_port=mailbox[0])
    made.start()
    yield made
    made.stop()


def put_in(server: Server, kiosk: Journal, **more: object) -> None:
    announce(server, server.add_key(), "A", recipient=PERSON | more)
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)


def state(server: Server) -> str:
    """What became of the message that says that the package is there."""
    [row] = [row for row in server.rows(schema.notification) if row.kind == "stored"]
    return str(row.status)


def test_a_code_comes_by_sms_as_the_gateway_wants_it(
    server: Server, kiosk: Journal, gateway: Gateway
) -> None:
    put_in(server, kiosk)
    wait_until(lambda: bool(gateway.asked))
    asked = gateway.asked[0]
    assert asked["path"] == "/2010-04-01/Accounts/AC1/Messages.json"
    assert (asked["To"], asked["From"]) == ("+491713920001", "+4930100")
    assert "Ihr Paket ist da" in asked["Body"]
    assert "\n" not in asked["Body"].strip()
    assert base64.b64decode(asked["authorization"].split()[1]) == b"AC1:secret"


def test_an_sms_leads_to_the_persons_page_by_a_short_link(
    server: Server, kiosk: Journal, gateway: Gateway
) -> None:
    put_in(server, kiosk)
    wait_until(lambda: bool(gateway.asked))
    [link] = re.findall(r"http\S+/m/\S+", gateway.asked[0]["Body"])
    assert len(link) == len(f"{server.url}/m/") + LENGTH
    assert "Länger?" in gateway.asked[0]["Body"]
    page = requests.get(link, timeout=20)
    assert page.url.startswith(f"{server.url}/mine/")
    assert "Einen Tag länger" in page.text
    assert requests.get(f"{link}x", timeout=20).status_code == 404
    assert requests.get(f"{server.url}/m/aaaaaaaaaa", timeout=20).status_code == 404
    [kept] = server.rows(schema.short_link)
    assert link.rpartition("/")[2] not in str(kept), "who reads the database cannot follow it"


@pytest.mark.parametrize("status", [429, 503])
def test_a_gateway_in_trouble_is_asked_again_later_under_the_same_key(
    server: Server, kiosk: Journal, gateway: Gateway, status: int
) -> None:
    gateway.answers.extend([status, status])
    put_in(server, kiosk)

    def was_asked(times: int) -> bool:
        return len(gateway.asked) == times

    for tries in (1, 2):
        wait_until(partial(was_asked, tries))
        wait_until(lambda: state(server) == "queued")
        server.clock.wall_ms += 600_000
    wait_until(lambda: state(server) == "sent")
    assert [asked["status"] for asked in gateway.asked] == [str(status), str(status), "201"]
    assert len({asked["idempotency-key"] for asked in gateway.asked}) == 1


def test_a_number_that_is_none_is_a_dead_letter_and_is_not_tried_again(
    server: Server, kiosk: Journal, gateway: Gateway
) -> None:
    gateway.answers.append(400)
    put_in(server, kiosk)
    dead = server.dead_message()
    assert "Invalid 'To'" in dead.error
    server.clock.wall_ms += 600_000
    kiosk.put_in("another that nobody hears of")
    sync(kiosk)
    assert len(gateway.asked) == 1


def test_while_the_gateway_is_away_messages_wait_and_none_is_lost(
    server: Server, kiosk: Journal, gateway: Gateway
) -> None:
    gateway.stop()
    put_in(server, kiosk)
    wait_until(lambda: any(row.error for row in server.rows(schema.notification)))
    again = ThreadingHTTPServer(
        gateway.server.server_address[:2], gateway.server.RequestHandlerClass
    )
    threading.Thread(target=again.serve_forever, daemon=True).start()
    try:
        server.clock.wall_ms += 600_000
        wait_until(lambda: state(server) == "sent")
    finally:
        again.shutdown()
        again.server_close()
    assert len(gateway.asked) == 1


# --- what became of them -------------------------------------------------------------------------


def say(gateway: Gateway, status: str, code: str = "") -> int:
    """The gateway says what became of the first message."""
    wait_until(lambda: bool(gateway.asked))
    form = {"MessageStatus": status, "ErrorCode": code}
    return requests.post(gateway.asked[0]["StatusCallback"], data=form, timeout=20).status_code


def test_what_the_gateway_says_was_delivered_is_seen(
    server: Server, kiosk: Journal, gateway: Gateway
) -> None:
    put_in(server, kiosk)
    for status in ("queued", "sent", "delivered", "undelivered"):
        assert say(gateway, status) == 204
    wait_until(lambda: state(server) == "sent")
    [row] = [row for row in server.rows(schema.notification) if row.kind == "stored"]
    assert row.delivered_ms == server.clock.wall_ms
    text = server.metrics()
    assert "locker_notifications_confirmed_ratio 1.0" in text


def test_a_message_that_was_not_delivered_comes_another_way(
    server: Server, kiosk: Journal, gateway: Gateway, mailbox: tuple[int, Mailbox]
) -> None:
    put_in(server, kiosk, channels=["sms", "email"], email="eva@example.org")
    assert say(gateway, "undelivered", "30003") == 204
    assert "undelivered 30003" in server.dead_message().error
    [mail] = mailbox[1].wait_for(1)
    assert mail["To"] == "eva@example.org"
    assert len(gateway.asked) == 1


def test_nobody_else_says_what_became_of_a_message(
    server: Server, kiosk: Journal, gateway: Gateway
) -> None:
    put_in(server, kiosk)
    wait_until(lambda: state(server) == "sent")
    url = gateway.asked[0]["StatusCallback"]
    for wrong in (
        url[:-1],
        f"{server.url}/v1/receipts/made-up",
        url.replace("receipts/", "receipts/x"),
    ):
        form = {"MessageStatus": "failed"}
        assert requests.post(wrong, data=form, timeout=20).status_code == 404
    assert state(server) == "sent"
