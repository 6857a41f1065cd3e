"""The wire between the demo's kiosk and its server: whole, cut, whole again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from kiosk.demo.network import Wire
from kiosk.demo.processes import free_port

SLOW = threading.Event()


class Hello(BaseHTTPRequestHandler):
    """Answers at once, or on /slow when it is asked to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/slow":
            SLOW.wait(20)
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def wire() -> Iterator[tuple[Wire, str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = free_port(range(18_480, 18_600))
    made = Wire(port, server.server_port)
    made.join()
    yield made, f"http://127.0.0.1:{port}"
    SLOW.set()
    made.cut()
    server.shutdown()
    server.server_close()
    SLOW.clear()


def test_it_carries_requests_until_it_is_cut_and_again_when_it_is_joined(
    wire: tuple[Wire, str],
) -> None:
    made, url = wire
    with requests.Session() as session:
        assert session.get(url, timeout=20).text == "hello"
        made.cut()
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=20)
        made.join()
        made.join()
        assert session.get(url, timeout=20).text == "hello"


def test_what_is_on_its_way_does_not_come_through_when_it_is_cut(wire: tuple[Wire, str]) -> None:
    made, url = wire
    ended: list[str] = []

    def ask() -> None:
        try:
            ended.append(requests.get(f"{url}/slow", timeout=20).text)
        except requests.ConnectionError:
            ended.append("cut")

    asking = threading.Thread(target=ask)
    asking.start()
    while not made._open:
        asking.join(0.01)
    made.cut()
    asking.join(20)
    assert ended == ["cut"]
