"""Whose trouble a refusal is, and what becomes of the messages meanwhile."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from central import schema
from central.auth import Role
from central.notify.message import Message
from central.notify.messages import compose
from central.notify.outbox import Kind
from central.notify.refusals import Whose, of_gateway, of_mail
from central.notify.senders import ChannelError, EmailNotifier, SendError
from central.notify.worker import ATTEMPTS_MAX
from central.settings import Notifications, Smtp
from tests.support.central_server import Journal, Mailbox, Server, announce, wait_until
from tests.support.operators import Browser, obey, sync

PERSON = {"name": "Eva", "email": "eva@example.org"}


@pytest.mark.parametrize(
    ("code", "text", "whose"),
    [
        (421, "4.7.0 try again later", Whose.CHANNEL),
        (450, "4.2.0 <eva@example.org>: Recipient address rejected: Greylisted", Whose.CHANNEL),
        (451, "4.7.1 Greylisting in action", Whose.CHANNEL),
        (450, "mailbox unavailable", Whose.CHANNEL),
        (452, "4.2.2 over quota", Whose.MAILBOX_NOW),
        (450, "4.1.2 domain not found", Whose.MAILBOX_NOW),
        (550, "5.4.5 Daily user sending limit exceeded", Whose.CHANNEL),
        (550, "5.7.1 sender refused", Whose.CHANNEL),
        (554, "5.7.26 unauthenticated mail", Whose.CHANNEL),
        (553, "5.1.8 sender's domain does not exist", Whose.CHANNEL),
        (530, "5.7.0 authentication required", Whose.CHANNEL),
        (535, "5.7.8 bad credentials", Whose.CHANNEL),
        (550, "relay not permitted", Whose.CHANNEL),
        (554, "transaction failed", Whose.CHANNEL),
        (550, "5.1.1 no such user", Whose.MAILBOX),
        (550, "5.1.10 recipient not found", Whose.MAILBOX),
        (550, "5.2.1 mailbox disabled", Whose.MAILBOX),
        (552, "5.2.2 mailbox full", Whose.MAILBOX),
        (550, "5.4.1 recipient address rejected", Whose.MAILBOX),
        (550, "5.0.0 user unknown", Whose.MAILBOX),
        (550, "no such mailbox", Whose.MAILBOX),
        (553, "mailbox name not allowed", Whose.MAILBOX),
        (452, "4.2.2 The recipient's mailbox is full", Whose.MAILBOX_NOW),
        (452, "mailbox full", Whose.MAILBOX_NOW),
        (450, "4.2.1 The user is receiving mail at a rate that is too high", Whose.MAILBOX_NOW),
        (421, "4.2.1 closing transmission channel", Whose.CHANNEL),
        (421, "4.7.0 Our system has detected an unusual rate of mail", Whose.CHANNEL),
        (451, "4.7.500 Server busy. Please try again later", Whose.CHANNEL),
        (451, "Greylisted, please come back in five minutes", Whose.CHANNEL),
        (451, "4.3.0 Temporary lookup failure", Whose.CHANNEL),
        (451, "4.4.3 DNS query failed", Whose.CHANNEL),
        (452, "4.3.1 Insufficient system storage", Whose.CHANNEL),
        (452, "4.5.3 Too many recipients", Whose.CHANNEL),
        (450, "4.1.8 Sender address rejected: Domain not found", Whose.CHANNEL),
        (550, "5.7.26 This mail does not pass DMARC", Whose.CHANNEL),
        (550, "5.7.27 the sender's domain has a null MX", Whose.CHANNEL),
        (554, "5.7.1 Service unavailable; client host [192.0.2.1] is on a list", Whose.CHANNEL),
        (550, "5.7.1 Relaying denied", Whose.CHANNEL),
        (550, "5.7.509 Access denied, sending domain does not pass DMARC", Whose.CHANNEL),
        (550, "5.1.0 Sender rejected", Whose.CHANNEL),
        (550, "5.7.0 Local Policy Violation", Whose.CHANNEL),
        (554, "Message refused", Whose.CHANNEL),
        (554, "", Whose.CHANNEL),
        (554, "192.0.2.5 found on a blocklist: 5.2.2.1", Whose.CHANNEL),
        (554, "delivery error: This user doesn't have an account", Whose.MAILBOX),
        (554, "Invalid recipient", Whose.MAILBOX),
        (550, "5.1.0 Address rejected", Whose.MAILBOX),
        (550, "5.1.10 Recipient address has a null MX", Whose.MAILBOX),
        (556, "5.1.10 Recipient address has a null MX", Whose.MAILBOX),
        (552, "5.2.2 The email account is over quota", Whose.MAILBOX),
        (554, "5.4.14 Hop count exceeded - possible mail loop", Whose.MAILBOX),
        (554, "5.4.6 Too many hops", Whose.MAILBOX),
        (550, "5.4.4 Host or domain name not found", Whose.MAILBOX),
        (550, "5.7.133 Sender not authenticated for group", Whose.MAILBOX),
        (550, "5.1.1 no such account\n5.1.1 see our help pages, or try again", Whose.MAILBOX),
    ],
)
def test_what_is_said_of_a_recipient(code: int, text: str, whose: Whose) -> None:
    assert of_mail(code, text, at_recipient=True) is whose
    assert of_mail(code, text, at_recipient=False) is Whose.CHANNEL


def test_what_is_said_of_the_mail_itself() -> None:
    def said(code: int, text: str) -> Whose:
        return of_mail(code, text, at_recipient=False, at_data=True)

    assert said(550, "5.1.1 no such user") is Whose.MAILBOX
    assert said(552, "5.3.4 message too big") is Whose.MAILBOX
    assert said(552, "5.2.2 mailbox full") is said(554, "no such user") is Whose.MAILBOX
    assert said(552, "5.7.0 blocked for its content") is said(554, "5.7.1 spam") is Whose.CHANNEL
    assert said(550, "5.7.1 policy") is said(554, "no") is said(451, "later") is Whose.CHANNEL


@pytest.mark.parametrize("status", [302, 401, 403, 404, 429, 500, 503])
def test_a_gateway_that_does_not_let_us_in_is_the_channels_trouble(status: int) -> None:
    assert of_gateway(status, "<html>") is Whose.CHANNEL


def test_a_gateway_names_the_number_or_the_sender() -> None:
    assert of_gateway(400, json.dumps({"code": 21211})) is Whose.MAILBOX
    assert of_gateway(400, "no such number") is of_gateway(400, "[]") is Whose.MAILBOX
    assert of_gateway(400, json.dumps({"code": 21606})) is Whose.CHANNEL


# --- with a real mail server ---------------------------------------------------------------------


class Moody(Mailbox):
    """A mail server that refuses everybody while it has something to say."""

    def __init__(self) -> None:
        super().__init__()
        self.says = ""
        self.at_sender = ""

    async def handle_MAIL(
        self, _server: Any, _session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.at_sender:
            return self.at_sender
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.says:
            return self.says
        return await super().handle_RCPT(server, session, envelope, address, options)


@pytest.fixture
def moody() -> Iterator[tuple[Controller, Moody]]:
    box = Moody()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield controller, box
    if not controller.loop.is_closed():
        controller.stop()


@pytest.fixture
def site(tmp_path: Path, moody: tuple[Controller, Moody]) -> Iterator[tuple[Server, Journal]]:
    rules = Notifications(undo_wait_s=0, operator_urls=("json://127.0.0.1:9/",))
    server = Server(tmp_path / "central", smtp_port=moody[0].port, rules=rules)
    server.start()
    kiosk = Journal(tmp_path / "kiosk.db")
    assert kiosk.enrol(server, server.add_location()).ok
    yield server, kiosk
    kiosk.store.close()
    server.stop()


# --- servers that do not even answer -------------------------------------------------------------


class Hanging(Mailbox):
    """Ends the connection once it has the mail, and says nothing of it."""

    async def handle_DATA(self, server: Any, _session: Any, _envelope: Any) -> str:
        server.transport.abort()
        return "250 OK"


def error_of(smtp: Smtp) -> SendError:
    """What becomes of a mail."""

    async def send() -> None:
        way = EmailNotifier(smtp)
        try:
            message = Message("id", Kind.STORED, "email", PERSON["email"], "Hello", "Hello")
            await way.send(message)
        finally:
            await way.close()

    with pytest.raises(SendError) as caught:
        asyncio.run(send())
    return caught.value


def smtp_at(host: str, port: int, security: Literal["tls", "none"] = "none") -> Smtp:
    return Smtp(host=host, port=port, sender="lockers@example.org", security=security)


@contextmanager
def serving(box: Mailbox) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def test_a_connection_that_ends_after_the_mail_is_the_channels_trouble() -> None:
    with serving(Hanging()) as port:
        assert isinstance(error_of(smtp_at("127.0.0.1", port)), ChannelError)


@pytest.mark.parametrize("host", ["mail.invalid", "mail..example.org", "x" * 64 + ".example.org"])
def test_a_host_that_is_not_found_is_the_channels_trouble(host: str) -> None:
    assert isinstance(error_of(smtp_at(host, 25)), ChannelError)


def test_a_certificate_that_is_not_right_is_the_channels_trouble(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "elsewhere.example.org")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(9999))
    both = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(both)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    # The start of aiosmtpd's controller asks the server in plain words, so this one is bare.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=shake_hands, args=(listener, tls), daemon=True).start()
        error = error_of(smtp_at("127.0.0.1", listener.getsockname()[1], "tls"))
    assert isinstance(error, ChannelError)
    assert "certificate" in str(error).lower()


def shake_hands(listener: socket.socket, tls: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    with suppress(OSError), tls.wrap_socket(connection, server_side=True):
        pass


# --- what becomes of the messages ----------------------------------------------------------------


def put_in(server: Server, kiosk: Journal, barcode: str) -> None:
    announce(server, server.add_key(), barcode, recipient=PERSON)
    obey(kiosk)
    kiosk.put_in(barcode)
    sync(kiosk)


def rows(server: Server, kind: str) -> list[Any]:
    return [row for row in server.rows(schema.notification) if row.kind == kind]


def pass_time(server: Server, minutes: int) -> None:
    """Minutes by the server's clock, with a try whenever one is due."""
    end_ms = server.clock.wall_ms + minutes * 60_000
    while server.clock.wall_ms < end_ms:
        server.clock.wall_ms += 30_000
        wait_until(
            lambda: all(
                row.status == "sent" or row.due_ms > server.clock.wall_ms
                for row in rows(server, "stored")
            )
        )


def stays_and_comes(server: Server, box: Moody, mend: Any) -> None:
    pass_time(server, 13)
    [row] = rows(server, "stored")
    assert (row.status, row.attempts) == ("queued", 0)
    assert row.error
    assert len(rows(server, "channel_down")) == 1
    mend()
    server.clock.wall_ms += 600_000
    assert len(box.wait_for(1)) == 1
    wait_until(lambda: len(rows(server, "channel_back")) == 1)
    assert len(rows(server, "channel_down")) == 1


@pytest.mark.parametrize(
    ("at_sender", "says"),
    [
        ("", "550 5.4.5 Daily user sending limit exceeded"),
        ("", "550 5.7.1 sender refused"),
        ("", "450 4.2.0 greylisted"),
        ("550 5.1.8 who are you", ""),
        ("530 5.7.0 log in first", ""),
    ],
)
def test_a_server_that_refuses_us_costs_no_message_a_try(
    site: tuple[Server, Journal], moody: tuple[Controller, Moody], at_sender: str, says: str
) -> None:
    server, kiosk = site
    box = moody[1]
    box.at_sender, box.says = at_sender, says
    put_in(server, kiosk, "A")

    def mend() -> None:
        box.at_sender = box.says = ""

    stays_and_comes(server, box, mend)


def test_a_server_that_is_down_for_a_while_costs_no_message_a_try(
    site: tuple[Server, Journal], moody: tuple[Controller, Moody]
) -> None:
    server, kiosk = site
    controller, box = moody
    controller.stop()
    put_in(server, kiosk, "A")
    again = Controller(box, hostname="127.0.0.1", port=controller.port)
    stays_and_comes(server, box, again.start)
    again.stop()


def test_operators_are_notified_once_however_often_the_server_is_started(
    site: tuple[Server, Journal], moody: tuple[Controller, Moody]
) -> None:
    server, kiosk = site
    box = moody[1]
    box.says = "550 5.7.1 sender refused"
    put_in(server, kiosk, "A")
    pass_time(server, 13)
    server.stop()
    server.start()
    pass_time(server, 60)
    assert len(rows(server, "channel_down")) == 1
    server.stop()
    box.says = ""
    server.clock.wall_ms += 600_000
    server.start()
    wait_until(lambda: len(rows(server, "channel_back")) == 1)
    assert "email goes out again" in rows(server, "channel_back")[0].facts


def test_what_operators_hear_of_the_server_has_no_location(
    site: tuple[Server, Journal], moody: tuple[Controller, Moody]
) -> None:
    server, kiosk = site
    moody[1].says = "550 5.7.1 sender refused"
    put_in(server, kiosk, "A")
    pass_time(server, 13)
    [row] = rows(server, "channel_down")
    message = server.central.database.read(lambda c: compose(c, server.central, row))
    assert isinstance(message, Message)
    assert (
        message.text == message.subject == "Server: email does not go out: 550 5.7.1 sender refused"
    )
    viewer = Browser(server, Role.VIEWER)
    assert "channel down" in viewer.get("/notifications").text.lower()
    assert viewer.get("").ok


# --- ways that do not say whose trouble it is ----------------------------------------------------


class Deaf:
    """An Apprise service that takes nothing until it is asked to."""

    def __init__(self) -> None:
        self.status, self.asked = 503, 0
        deaf = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                deaf.asked += 1
                self.send_response(deaf.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    made = Deaf()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def apprise_site(
    tmp_path: Path, deaf: Deaf, mailbox: tuple[int, Mailbox]
) -> Iterator[tuple[Server, Journal]]:
    url = f"json://127.0.0.1:{deaf.server.server_port}/{{email}}"
    rules = Notifications(undo_wait_s=0, quiet_from_h=0, quiet_until_h=0, person_url=url)
    server = Server(tmp_path / "central", smtp_port=mailbox[0], rules=rules)
    server.start()
    kiosk = Journal(tmp_path / "kiosk.db")
    assert kiosk.enrol(server, server.add_location()).ok
    yield server, kiosk
    kiosk.store.close()
    server.stop()


def put_in_for(server: Server, kiosk: Journal, *channels: str) -> None:
    announce(server, server.add_key(), "A", recipient=PERSON | {"channels": list(channels)})
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)


def test_who_cannot_be_reached_by_apprise_is_notified_the_next_way(
    apprise_site: tuple[Server, Journal], deaf: Deaf, mailbox: tuple[int, Mailbox]
) -> None:
    server, kiosk = apprise_site
    put_in_for(server, kiosk, "apprise", "email")

    def was_tried(times: int) -> bool:
        return any(row.attempts == times for row in rows(server, "stored"))

    for tries in range(1, ATTEMPTS_MAX + 1):
        wait_until(partial(was_tried, tries))
        server.clock.wall_ms += 600_000
    assert len(mailbox[1].wait_for(1)) == 1
    assert deaf.asked == ATTEMPTS_MAX
    assert rows(server, "channel_down") == []


def test_the_only_way_to_a_person_is_kept_to(
    apprise_site: tuple[Server, Journal], deaf: Deaf
) -> None:
    server, kiosk = apprise_site
    put_in_for(server, kiosk, "apprise")

    def was_asked(times: int) -> bool:
        return deaf.asked == times

    for asked in range(1, ATTEMPTS_MAX + 3):
        wait_until(partial(was_asked, asked))
        wait_until(lambda: rows(server, "stored")[0].status == "queued")
        server.clock.wall_ms += 600_000
    deaf.status = 200
    server.clock.wall_ms += 600_000
    wait_until(lambda: rows(server, "stored")[0].status == "sent")
