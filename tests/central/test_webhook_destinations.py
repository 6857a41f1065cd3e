"""Where webhooks may go: never inside, whatever a URL, a name server or a redirect says."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from central.errors import RequestError
from central.webhooks.connecting import (
    Answer,
    Connections,
    NotAllowedError,
    NotReachedError,
    Resolver,
    retry_after_ms,
    tls_of,
)
from central.webhooks.destinations import Address, Named, allowed, is_public, require_url
from tests.attacks.test_plain_http import Authority

NOBODY = Named()
INSIDE = Named.of(["127.0.0.1"])


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.8.9.1", "169.254.169.254"),
        *("172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1"),
        *("198.18.0.1", "198.51.100.1", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
        *("255.255.255.255", "168.63.129.16", "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8"),
        *("::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:db8::1"),
        *("2001:20::1", "2002:7f00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
        *("fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "2606:4700::5efe:10.0.0.1"),
        *("2606:4700::200:5efe:a00:1", "2606:4700::1%lo"),
    ],
)
def test_an_address_that_is_special_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))
    assert allowed([ip_address(address)], NOBODY, is_tls=True) == []


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "172.32.0.1", "192.167.1.1", "2606:4700::1", "2a00:1450::1"]
)
def test_an_ordinary_one_is(address: str) -> None:
    assert allowed([ip_address(address)], NOBODY, is_tls=True) == [ip_address(address)]
    assert allowed([ip_address(address)], INSIDE, is_tls=False) == []  # http: the named alone


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/", "ftp://example.org/", "https:///x", "example.org", "https://"),
        *("https://kim:secret@example.org/", "https://kim@example.org/", "https://example.org/#x"),
        *(
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://10.0.0.1/",
        ),
        *("https://example.org\\@127.0.0.1/", "https://exam ple.org/", "https://example.org:0/"),
        *("https://example.org:99999/", "https://exämple.org/", "https://[fe80::1%25lo]/"),
        *("https://example.org/\r\nx: y", "https://" + "a" * 1001, "https://[::1", ""),
    ],
)
def test_a_url_that_is_wrong_is_refused_and_says_what_is_right(url: str) -> None:
    with pytest.raises(RequestError) as refused:
        require_url(url, NOBODY)
    assert refused.value.status == 422
    assert "secret" not in refused.value.message
    assert refused.value.message.startswith("url ")


def test_http_goes_to_a_named_address_alone() -> None:
    assert require_url("http://127.0.0.1:8080/x", INSIDE)
    with pytest.raises(RequestError):
        require_url("http://127.0.0.2/x", INSIDE)


# --- at the moment of connecting -----------------------------------------------------------------


class Receiver:
    """A server on every address of this machine, which notes at which it was reached."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.reached = reached = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                reached.append(self.connection.getsockname()[0])
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    found = Receiver(tls)
    try:
        yield found
    finally:
        found.close()


class Liar:
    """A name server that says something else each time it is asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked += 1
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        return [ip_address(each) for each in answer]


def posted(url: str, resolve: Any, named: Named, count: int = 1, ca: Path | None = None) -> Any:
    """What comes of so many webhooks, each over a connection of its own."""

    async def run() -> list[Answer | Exception]:
        found = list[Answer | Exception]()
        for _ in range(count):
            connections = Connections(url, named, resolve, tls_of(ca), most=2)
            try:
                found.append(await connections.post(b"{}", {"webhook-id": "1"}, 10))
            except (NotAllowedError, NotReachedError) as error:
                found.append(error)
            await connections.close()
        return found

    return asyncio.run(run())


def test_a_name_that_stands_for_another_address_later_is_not_followed_there() -> None:
    liar = Liar(["127.0.0.1"], ["127.0.0.2"], ["::ffff:127.0.0.1"])
    with receiving() as receiver:
        url = f"http://moving.example:{receiver.port}/"
        first, second, third = posted(url, liar, INSIDE, 3)
        assert first.status == 204
        assert isinstance(second, NotAllowedError) and isinstance(third, NotAllowedError)
        assert receiver.reached == ["127.0.0.1"]
    assert liar.asked == 3  # once for each connection: the address checked is the one connected to


def test_of_several_addresses_only_those_that_are_allowed_are_tried() -> None:
    with receiving() as receiver:
        url = f"http://mixed.example:{receiver.port}/"
        [answer] = posted(url, Liar(["127.0.0.2", "10.0.0.1", "127.0.0.1"]), INSIDE)
        assert answer.status == 204
        assert receiver.reached == ["127.0.0.1"]


def test_a_name_of_this_machine_is_refused_though_the_system_knows_it() -> None:
    with receiving() as receiver:
        resolver = Resolver()
        url = f"https://localhost:{receiver.port}/"
        [error] = posted(url, resolver, NOBODY)
        resolver.close()
        assert isinstance(error, NotAllowedError)
        assert receiver.reached == []


def test_a_name_without_an_address_is_tried_again() -> None:
    resolver = Resolver()
    found = posted("https://nobody.invalid/", resolver, NOBODY)
    resolver.close()
    assert isinstance(found[0], NotReachedError)


def test_the_certificate_is_held_against_the_host_and_not_the_address(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("receiver"))  # of the address 127.0.0.1
    with receiving(context) as receiver:
        right, wrong = (
            f"https://{host}:{receiver.port}/" for host in ("127.0.0.1", "named.example")
        )
        [answer] = posted(right, Liar(), INSIDE, ca=authority.file)
        assert answer.status == 204
        [error] = posted(wrong, Liar(["127.0.0.1"]), INSIDE, ca=authority.file)
        assert isinstance(error, NotReachedError) and "certificate" in str(error)
        [error] = posted(right, Liar(), INSIDE)
        assert isinstance(error, NotReachedError)  # of an authority that nobody trusts
        assert receiver.reached == ["127.0.0.1"]


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with receiving() as receiver:
        [answer] = posted(f"http://direct.example:{receiver.port}/", Liar(["127.0.0.1"]), INSIDE)
        assert answer.status == 204


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("120", 120_000),
        ("0", 0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 120_000),
        *((text, None) for text in ("", "soon", "-5", "1.5", "Thu, 99 Jan 1970 00:02:00 GMT")),
    ],
)
def test_when_a_receiver_asks_to_be_tried_again(text: str, at_ms: int | None) -> None:
    assert retry_after_ms(text, 0) == at_ms
