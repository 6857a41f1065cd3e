"""Somebody listens on the line, or stands in it: no token and no location key goes over it in plain
text, to a server that is another, or behind a redirect."""

from __future__ import annotations

import asyncio
import datetime
import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from central import plain_http, schema
from central.errors import CannotServeError
from central.listening import bound
from central.settings import Notifications, Settings, Sms, Smtp
from central.sync import enrolment
from config import DEMO_SITE, load_site
from kiosk import app
from kiosk.flows.views.shared import View
from kiosk.model.urls import is_open_to_readers
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import Status
from kiosk.sync.enrol import IDENTITY_FILE, EnrolError, enrol, identity_in, keep
from kiosk.sync.journal_import import RecallError
from kiosk.sync.servers import Servers
from kiosk.sync.transport import BY_TLS, PlainLineError, Transport
from tests.support.central_server import LOCATION, LOCATION_KEY, Journal, Server
from tests.support.server_process import ServerProcess

PLAIN = [
    "http://lockers.example.org",
    "HTTP://lockers.example.org",
    "http://192.0.2.7:8080",
    "http://localhost.example.org",
    "http://127.0.0.1.example.org",
    "http://127.example.org",
    "http://2130706433.example",
    "http://0.0.0.0:8080",
    "http://[2001:db8::7]:8080",
    "http://[::ffff:192.0.2.7]",
    "http://example.org/127.0.0.1",
]


@pytest.mark.parametrize("url", PLAIN)
def test_no_token_and_no_key_goes_to_another_machine_in_plain_text(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent(*_: object, **__: object) -> None:
        raise AssertionError("something was sent")

    monkeypatch.setattr("requests.sessions.Session.send", sent)
    assert is_open_to_readers(url)
    with pytest.raises(EnrolError, match="allow_plain_http"):
        enrol(tmp_path, LOCATION, LOCATION_KEY, url, "enrol_x")
    journal = Journal(tmp_path / "kiosk.db")
    identity = Identity(url, LOCATION.id, "token", "00" * 32)
    client = SyncClient(journal.store, LOCATION, identity, Status, random.Random(1))
    with pytest.raises(PlainLineError, match="allow_plain_http"):
        client.sync_once()
    journal.store.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://lockers.example.org\\@localhost",
        "http://lockers.example.org\\@127.0.0.1/",
        "http://lockers.example.org\\.localhost",
        "http://localhost@lockers.example.org",
        "http://lockers.example.org#@localhost",
        "http://lockers.example.org?@localhost",
        "http://lockers.example.org\t@localhost",
    ],
)
def test_no_address_that_programs_read_in_two_ways_is_taken_for_this_machine(
    tmp_path: Path, url: str
) -> None:
    assert is_open_to_readers(url)
    with pytest.raises(PlainLineError, match="allow_plain_http"):
        BY_TLS.session(url)
    with pytest.raises(EnrolError):
        enrol(tmp_path, LOCATION, LOCATION_KEY, url, "enrol_x")


@pytest.mark.parametrize(
    "url",
    ["https://lockers.example.org", "http://127.0.0.1:1", "http://[::1]:1", "http://LOCALHOST"],
)
def test_what_is_on_no_wire_or_by_tls_is_let_through(url: str) -> None:
    assert not is_open_to_readers(url)
    BY_TLS.require_safe(url)


def test_only_the_named_setting_allows_it() -> None:
    Transport(allow_plain_http=True).require_safe(PLAIN[0])
    assert not load_site(DEMO_SITE).server.allow_plain_http


def test_a_kiosk_that_enrolled_by_http_does_not_start_and_says_what_to_set(tmp_path: Path) -> None:
    """Of a version that let it; the site file may allow it, by its name."""
    app.make_kiosk(load_site(DEMO_SITE), tmp_path)
    keep(tmp_path, Identity("http://192.0.2.7:8080", "demo", "token", "00" * 32))
    with pytest.raises(RecallError, match="allow_plain_http"):
        app.restore(tmp_path, backup_of(tmp_path))
    assert "allow_plain_http" in started(tmp_path)


def backup_of(data: Path) -> Path:
    target = data / "copy.db"
    target.write_bytes((data / "kiosk.db").read_bytes())
    return target


def started(data: Path) -> str:
    """Why a kiosk on this folder does not start."""

    class Nobody:
        def show(self, view: View) -> None: ...

    async def start() -> None:
        async with app.open_kiosk(load_site(DEMO_SITE), data, Nobody()):
            pass

    try:
        asyncio.run(start())
    except EnrolError as error:
        return str(error)
    return ""


# --- the location's key -------------------------------------------------------------------------


Answers = dict[str, tuple[int, dict[str, str], bytes]]


class Ear(BaseHTTPRequestHandler):
    """Hears everything, and answers as it is asked to."""

    heard: list[str]
    answers: Answers

    def _take(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length).decode(errors="replace")
        self.heard.append(f"{self.command} {self.path} {self.headers} {body}")
        status, headers, answer = self.answers.get(self.command, (404, {}, b"{}"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _take

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def listening(answers: Answers) -> Iterator[tuple[str, list[str]]]:
    heard: list[str] = []
    handler = type("Handler", (Ear,), {"heard": heard, "answers": answers})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        server.server_close()


def printed(server: Server) -> str:
    """The token of a new location, as the server prints it."""
    token = server.add_location()
    return str(server.write(enrolment.printed, server.central, token))


def test_the_location_key_is_wrapped_to_the_server_and_nobody_else_reads_it(
    tmp_path: Path, server: Server
) -> None:
    token = printed(server)
    seen: list[bytes] = []
    send = requests.sessions.Session.send

    def watch(self: requests.Session, request: requests.PreparedRequest, **more: object) -> object:
        body = request.body or b""
        seen.append(body.encode() if isinstance(body, str) else body)
        return send(self, request, **more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("requests.sessions.Session.send", watch)
        identity = enrol(tmp_path, LOCATION, LOCATION_KEY, server.url, token)
    assert seen and not any(LOCATION_KEY.hex().encode() in each for each in seen)
    assert identity.signs_commands
    (row,) = server.rows(schema.location)
    assert server.central.secrets.open(row.key_sealed) == LOCATION_KEY
    assert server.alarms() == []


def test_who_stands_in_between_with_keys_of_his_own_gets_nothing(
    tmp_path: Path, server: Server
) -> None:
    token = printed(server)
    keys = json.dumps({"public_key": "11" * 32, "wrapping_key": "22" * 32}).encode()
    with (
        listening({"GET": (200, {}, keys)}) as (url, heard),
        pytest.raises(EnrolError, match="not the keys that the token names"),
    ):
        enrol(tmp_path, LOCATION, LOCATION_KEY, url, token)
    assert [line.split()[0] for line in heard] == ["GET"]
    assert identity_in(tmp_path) is None
    # The honest server is enrolled at with the same token.
    enrol(tmp_path, LOCATION, LOCATION_KEY, server.url, token)


@pytest.mark.parametrize("target", ["http://192.0.2.7/v1/enrol", "/elsewhere"])
def test_no_redirect_is_followed_with_a_token(tmp_path: Path, target: str) -> None:
    moved = (307, {"location": target}, b"")
    with listening({"GET": moved, "POST": moved}) as (url, heard):
        with pytest.raises(EnrolError, match="elsewhere"):
            enrol(tmp_path, LOCATION, LOCATION_KEY, url, "enrol_x")
        journal = Journal(tmp_path / "kiosk.db")
        identity = Identity(url, LOCATION.id, "token", "00" * 32)
        client = SyncClient(journal.store, LOCATION, identity, Status, random.Random(1))
        with pytest.raises(requests.HTTPError):
            client.sync_once()
        journal.store.close()
    assert len(heard) == 2
    assert not any("/elsewhere" in line.split()[1] for line in heard)


def test_an_older_server_gets_the_key_only_where_somebody_says_so(tmp_path: Path) -> None:
    answer = {"location": LOCATION.id, "token": "t", "public_key": "33" * 32, "now_ms": 1}
    older: Answers = {"GET": (405, {}, b"{}"), "POST": (200, {}, json.dumps(answer).encode())}
    with listening(older) as (url, heard):
        with pytest.raises(EnrolError, match="older than"):
            enrol(tmp_path, LOCATION, LOCATION_KEY, url, "enrol_x")
        assert not any(LOCATION_KEY.hex() in line for line in heard)
        identity = enrol(tmp_path, LOCATION, LOCATION_KEY, url, "enrol_x", at_older_server=True)
    assert not identity.signs_commands
    with pytest.raises(EnrolError, match="https alone"):
        allowed = Transport(allow_plain_http=True)
        enrol(tmp_path, LOCATION, LOCATION_KEY, PLAIN[2], "x", allowed, at_older_server=True)


def test_an_older_kiosk_enrols_unless_the_server_says_no(server: Server, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "kiosk.db")
    token = server.add_location()
    strict = replace_settings(server, allow_older_kiosks=False)
    refused = journal.enrol(server, token)
    assert (refused.status_code, refused.json()["error"]) == (422, "older_kiosk")
    object.__setattr__(server.central, "settings", strict)
    assert journal.enrol(server, token).ok
    journal.store.close()


def replace_settings(server: Server, **values: object) -> Settings:
    """Change the running server's settings; what they were before."""
    before = server.central.settings
    object.__setattr__(server.central, "settings", before.model_copy(update=values))
    return before


# --- the server ---------------------------------------------------------------------------------

HTTPS = "https://lockers.example.org"


def refusal(**values: object) -> str:
    settings = Settings.model_validate(values)
    sockets = bound(settings.host, 0)
    settings = settings.model_copy(update={"port": sockets[0].getsockname()[1]})
    try:
        plain_http.require_none(settings, sockets)
    except CannotServeError as error:
        return str(error)
    finally:
        for each in sockets:
            each.close()
    return ""


SMTP = Smtp(host="mail.example.org", sender="a@example.org", user="u", password="p")


@pytest.mark.parametrize(
    "values",
    [
        {"host": "0.0.0.0"},
        {"host": "::"},
        {"host": "0.0.0.0", "public_url": "http://lockers.example.org"},
        {"host": "127.0.0.1", "public_url": "http://lockers.example.org"},
        {"host": "0.0.0.0", "public_url": "http://127.0.0.1.example.org"},
        {"sms": Sms(url="http://gateway.example.org", token="t")},
        {"smtp": SMTP.model_copy(update={"security": "none"})},
        {"notifications": Notifications(operator_urls=("json://example.org/hook",))},
        {"notifications": Notifications(person_url="ntfy://u:p@example.org/{phone}")},
    ],
)
def test_a_server_does_not_serve_or_send_tokens_in_plain_text(values: dict[str, object]) -> None:
    assert "allow_plain_http" in refusal(**values)
    assert refusal(allow_plain_http=True, **values) == ""


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"host": "localhost"},
        {"host": "0.0.0.0", "public_url": HTTPS},
        {"host": "0.0.0.0", "tls_certificate": "server.pem"},
        {"public_url": "http://127.0.0.1:8080"},
        {"sms": Sms(url="http://127.0.0.1:9000", token="t")},
        {"sms": Sms(url="https://gateway.example.org", token="t"), "smtp": SMTP},
        {"smtp": Smtp(host="127.0.0.1", sender="a@example.org", security="none", password="p")},
        {"smtp": Smtp(host="mail.example.org", sender="a@example.org", security="none")},
        {"notifications": Notifications(operator_urls=("jsons://example.org/hook",))},
        {"notifications": Notifications(operator_urls=("json://localhost/hook",))},
    ],
)
def test_a_server_by_tls_or_on_its_own_machine_serves(values: dict[str, object]) -> None:
    assert refusal(**values) == ""


def test_the_command_refuses_in_a_sentence(tmp_path: Path) -> None:
    words = ["--data", str(tmp_path), "serve", "--host", "0.0.0.0", "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "central", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "allow_plain_http" in done.stderr


# --- certificates -------------------------------------------------------------------------------


class Authority:
    """Issues certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(self._name, self._key, is_ca=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_ca: bool
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        loopback = x509.IPAddress(ip_address("127.0.0.1"))
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def issue(self, name: str) -> Path:
        """A file with a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        file = self.folder / f"{name}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        certificate = self._signed(subject, key, is_ca=False)
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        return file


def test_a_kiosk_proves_itself_by_a_certificate_to_a_server_that_asks_for_one(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path / "authority", "authority")
    stranger = Authority(tmp_path / "stranger", "stranger")
    settings = tmp_path / "central.toml"
    settings.write_text(
        f"data = {json.dumps(str(tmp_path / 'central'))}\n"
        f"tls_certificate = {json.dumps(str(authority.issue('server')))}\n"
        f"tls_client_ca = {json.dumps(str(authority.file))}\n"
    )
    (tmp_path / "journal").mkdir()
    server = ServerProcess(tmp_path / "central", settings)
    server.run("init")
    said = server.run("location", "add", LOCATION.id)
    server.start()
    try:
        url = server.url.replace("http://", "https://")
        token = said.split("kiosk enrol ")[1].split()[1]
        right = Transport(client_certificate=authority.issue("kiosk"), ca=authority.file)
        wrong = Transport(client_certificate=stranger.issue("kiosk"), ca=authority.file)
        for line in (Transport(ca=authority.file), wrong, replace(right, ca=None)):
            with pytest.raises(EnrolError):
                enrol(tmp_path, LOCATION, LOCATION_KEY, url, token, line)
        identity = enrol(tmp_path, LOCATION, LOCATION_KEY, url, token, right)
        journal = Journal(tmp_path / "journal" / "kiosk.db")
        servers = Servers((url,), right)
        client = SyncClient(
            journal.store, LOCATION, identity, Status, random.Random(1), servers=servers
        )
        while client.sync_once() == 0:
            pass
        assert client.state.is_reached
        journal.store.close()
    finally:
        server.kill()
    assert (tmp_path / IDENTITY_FILE).exists()
