"""An address of the server that is written wrong, and a server that is not reached."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.sync.enrol import EnrolError, enrol
from kiosk.sync.reaching import server_url
from tests.support.flow_site import LOCATION

KEY = bytes(32)
INNER_WORDS = re.compile(r"HTTPConnection|urllib3|Max retries|Errno|Error\b|object at|\n")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("https://lockers.example.org", "https://lockers.example.org"),
        (" HTTP://Localhost:8080/ ", "http://localhost:8080"),
        ("https://lockers.example.org/central/", "https://lockers.example.org/central"),
        ("https://köln.example", "https://xn--kln-sna.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_is_kept_in_one_spelling(text: str, right: str) -> None:
    assert server_url(text) == right


@pytest.mark.parametrize(
    "text",
    [
        *("", "notaurl", "lockers.example.org", "lockers.example.org:8080", "//x", "https:/x"),
        *("ftp://x", "file:///etc/passwd", "mailto:kim@example.org", "https://", "http:///x"),
        *("http://x:99999", "http://x:0", "http://x:abc", "http://[::1", "http://a b"),
        *("http://a..b", "http://.x", f"http://{'a' * 70}", "http://x\ny", "http://\udc80x"),
        *("https://x/?a=b", "https://x/#a", "https://kim:secret@x", "http://*"),
    ],
)
def test_a_wrong_address_is_answered_with_how_to_write_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(EnrolError, match="write it like https://"):
        enrol(tmp_path, LOCATION, KEY, text, "enrol_token")


@pytest.mark.parametrize("token", ["", "a b", "x" * 129, "täken", "\udc80", "a\n"])
def test_what_is_no_token_is_reported(tmp_path: Path, token: str) -> None:
    with pytest.raises(EnrolError, match="is no token"):
        enrol(tmp_path, LOCATION, KEY, "http://127.0.0.1:9", token)


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """The port of a program that says this to whoever connects, then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_all() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    if not connection.recv(65536):
                        return
                    connection.sendall(answer)

        thread = threading.Thread(target=answer_all)
        thread.start()
        port = server.getsockname()[1]
        try:
            yield port
        finally:
            socket.create_connection(("127.0.0.1", port)).close()
            thread.join()


def refusal(data: Path, url: str) -> str:
    with pytest.raises(EnrolError) as refused:
        enrol(data, LOCATION, KEY, url, "enrol_token")
    assert str(refused.value).startswith(f"{url}: ")
    assert not INNER_WORDS.search(str(refused.value))
    return str(refused.value)


def test_a_server_that_is_not_reached_is_reported_in_plain_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "nobody listens there" in refusal(tmp_path, f"http://127.0.0.1:{port}")
    assert "lockers.invalid is not known" in refusal(tmp_path, "https://lockers.invalid")


@pytest.mark.parametrize(
    ("scheme", "answer", "right"),
    [
        ("http", b"SSH-2.0-OpenSSH_9.2\r\n", "speaks no HTTP"),
        ("http", b"", "is it https://"),
        ("https", b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks no HTTPS"),
        ("http", b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "404 Not Found"),
        ("http", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "not answer as a server"),
        ("http", b"HTTP/1.1 301 Gone\r\nlocation: https://there.example\r\n\r\n", "there.example"),
    ],
)
def test_what_is_no_server_is_reported_in_plain_words(
    tmp_path: Path, scheme: str, answer: bytes, right: str
) -> None:
    with answering(answer) as port:
        assert right in refusal(tmp_path, f"{scheme}://127.0.0.1:{port}")
