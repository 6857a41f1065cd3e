"""Bodies made to cost memory and time: who asks is known before a byte of one is read."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from kiosk.sync.bodies import PARTS_MAX, TEXT_MAX_BYTES, how_many_fit
from kiosk.sync.enrol import EnrolError, enrol
from tests.support.central_server import LOCATION, LOCATION_KEY
from tests.support.server_process import ServerProcess

MB = 1024 * 1024
IDLE_PLUS_MB = 150
ANSWER_COSTS_MB = 32
KEY = "00" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    made = ServerProcess(tmp_path_factory.mktemp("server"))
    made.start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def token(server: ServerProcess) -> str:
    """The token of a kiosk that is enrolled."""
    body = {"token": server.add_location("berlin"), "location": "berlin", "key": KEY}
    answer = requests.post(f"{server.url}/v1/enrol", json=body, timeout=20)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def peak_mb(server: ServerProcess) -> float:
    """The most memory the server has had since `forget_peak`."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def forget_peak(server: ServerProcess) -> float:
    assert server.process is not None
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
    return peak_mb(server)


@contextmanager
def unharmed(server: ServerProcess, token: str) -> Iterator[None]:
    """Around an attack: the server's memory stays bounded, and the honest kiosk is answered."""
    idle_mb = forget_peak(server)
    yield
    assert peak_mb(server) < idle_mb + IDLE_PLUS_MB
    assert sync(server, token, b'{"epoch": ""}').status_code == 200


def sync(
    server: ServerProcess, token: str, body: bytes, encoding: str = "identity"
) -> requests.Response:
    headers = {"authorization": f"Bearer {token}", "content-encoding": encoding}
    return requests.post(
        f"{server.url}/v1/locations/berlin/sync", data=body, headers=headers, timeout=60
    )


def packed(text: bytes) -> bytes:
    return gzip.compress(text, 9)


BOMBS = {
    "zeros": packed(bytes(500 * MB)),
    "empty lists": packed(b'{"epoch":"","events":[' + b"[]," * (3 * MB) + b"[]]}"),
    "in one event": packed(b'{"epoch":"","events":[{"x":[' + b"[]," * MB + b"[]]}]}"),
    "in a field nobody knows": packed(b'{"epoch":"","x":[' + b"{}," * MB + b"{}]}"),
    "deep": packed(b'{"epoch":"","events":' + b"[" * MB + b"]" * MB + b"}"),
    "in itself": packed(packed(packed(bytes(100 * MB)))),
    "digits": packed(b'{"epoch":"","cursor":' + b"9" * (3 * MB) + b"}"),
    "names": packed(
        b'{"epoch":"",' + b",".join(b'"%d":0' % each for each in range(250_000)) + b"}"
    ),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("is_known", [True, False])
def test_a_packed_body_costs_no_memory(
    server: ServerProcess, token: str, name: str, is_known: bool
) -> None:
    with unharmed(server, token):
        answer = sync(server, token if is_known else "guessed", BOMBS[name], "gzip")
        assert answer.status_code in ((200, 400, 413, 422) if is_known else (401,))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/locations/berlin/sync", 401),
        ("/v1/locations/nowhere/sync", 401),
        ("/v1/enrol", 401),
        ("/v1/packages", 401),
        ("/v1/packages/x/cancel", 401),
        ("/v1/nothing", 401),
        ("/v1/receipts/x", 413),
        ("/operators/sign-in", 413),
        ("/nothing", 413),
    ],
)
@pytest.mark.parametrize("is_length_given", [True, False], ids=["length given", "in chunks"])
def test_a_long_body_is_refused_before_it_has_come(
    server: ServerProcess, token: str, path: str, status: int, is_length_given: bool
) -> None:
    """500 MB are promised; the answer is there long before."""
    with unharmed(server, token):
        assert promised(server, path, is_length_given) == (413 if is_length_given else status)


def promised(server: ServerProcess, path: str, is_length_given: bool) -> int:
    """The status of the answer to a body that is promised, and sent until the answer comes."""
    place = urlsplit(server.url)
    assert place.hostname and place.port
    with socket.create_connection((place.hostname, place.port), 60) as line:
        length = f"content-length: {500 * MB}" if is_length_given else "transfer-encoding: chunked"
        line.sendall(
            f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer guessed\r\n"
            f"content-type: application/json\r\n{length}\r\n\r\n".encode()
        )
        part = bytes(64 * 1024)
        line.setblocking(False)
        answer, sent = b"", 0
        while b"\r\n" not in answer and sent < 500 * MB:
            with suppress(BlockingIOError):
                answer += line.recv(4096)
            try:
                chunk = part if is_length_given else b"10000\r\n" + part + b"\r\n"
                sent += line.send(chunk)
            except (BlockingIOError, OSError):
                time.sleep(0.01)
        assert sent < 16 * MB
        return int(answer.split()[1])


def test_what_an_honest_kiosk_may_send_is_taken(server: ServerProcess, token: str) -> None:
    doors = {f"door {number}": "CLOSED" for number in range(2000)}
    status = {"doors": doors, "boards": [{"name": "b", "is_reachable": True}] * 200}
    body = json.dumps({"epoch": "", "status": status}).encode()
    assert sync(server, token, body).status_code == 200
    assert sync(server, token, packed(body), "gzip").status_code == 200


def test_a_message_takes_as_many_events_as_fit_and_at_least_one() -> None:
    assert how_many_fit([]) == 0
    assert how_many_fit(["x" * 10] * 500) == 500
    assert how_many_fit(["x" * 262_144] * 500) == 4
    assert how_many_fit([",".join("x" * 100_000)] * 3) == 1
    assert how_many_fit(["x" * (2 * MB)] * 2) == 1
    assert TEXT_MAX_BYTES > 2 * MB and PARTS_MAX > 200_000


@contextmanager
def hostile(body: bytes, encoding: str = "identity") -> Iterator[str]:
    """A server that answers everything with this."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("content-encoding", encoding)
            self.end_headers()
            try:
                for _ in range(64):
                    self.wfile.write(body)
            except OSError:
                pass

        def log_message(self, format: str, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(bytes(8 * MB), "identity"), (packed(bytes(100 * MB)), "gzip"), (b"{" * MB, "identity")],
    ids=["endless", "packed", "open"],
)
def test_a_kiosk_reads_no_more_of_an_answer_than_may_come(
    tmp_path: Path, body: bytes, encoding: str
) -> None:
    with hostile(body, encoding) as url:
        tracemalloc.start()
        try:
            with pytest.raises(EnrolError):
                enrol(tmp_path, LOCATION, LOCATION_KEY, url, "enrol_x")
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak_bytes < ANSWER_COSTS_MB * MB
