"""Connections that are only held, and answers that only drip; who asks beside them is answered."""

from __future__ import annotations

import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import requests
from sqlalchemy import Connection, insert

from central import schema
from central.building import build
from central.settings import Settings
from central.tokens import token_hash
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import Status
from kiosk.sync.deadline import BoundedSession
from tests.support.central_server import LOCATION, Journal, wait_until
from tests.support.server_process import ServerProcess

CONFIG = """
[connections]
most = 60
by_address = 20
head_within_s = {head}
form_within_s = 1
answer_within_s = 1
bodies_by_sender = 8
waiting = 75
"""
KIOSKS = 80
LOOPBACK = "127.0.0.1"
STRANGER = "127.0.0.2"
"""No trusted proxy."""


def started(folder: Path, head_within_s: float) -> ServerProcess:
    config = folder / "central.toml"
    config.write_text(CONFIG.format(head=head_within_s), encoding="utf-8")
    central = build(Settings(data=folder / "central"))
    central.database.submit(add_kiosks).result()
    central.database.close()
    made = ServerProcess(folder / "central", config)
    made.start()
    return made


def add_kiosks(connection: Connection) -> None:
    rows = [
        {"id": f"L{number}", "token_hash": token_hash(f"kiosk_{number}")}
        for number in range(KIOSKS)
    ]
    connection.execute(insert(schema.location), rows)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that lets nobody go for being slow while a test runs."""
    made = started(tmp_path_factory.mktemp("patient"), 600)
    yield made
    made.kill()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that waits a second."""
    made = started(tmp_path_factory.mktemp("strict"), 1)
    yield made
    made.kill()


def line_from(server: ServerProcess, address: str) -> socket.socket:
    return socket.create_connection((LOOPBACK, server.port), 30, source_address=(address, 0))


def is_answered(server: ServerProcess) -> None:
    """An honest person, on a connection of their own."""
    assert requests.get(f"{server.url}/healthz", timeout=20).json() == {"status": "ok"}


def count_of(server: ServerProcess, setting: str) -> float:
    said = requests.get(f"{server.url}/metrics", timeout=20).text
    found = re.search(rf'locker_limit_reached_total{{limit="connections.{setting}"}} (\S+)', said)
    return float(found[1]) if found else 0


@pytest.mark.parametrize(
    ("address", "setting"), [(LOOPBACK, "most"), (STRANGER, "by_address")], ids=["proxy", "person"]
)
@pytest.mark.parametrize("said", [b"", b"GET /", b"\r\n\r\n"], ids=["nothing", "some", "lines"])
def test_idle_connections_make_room_for_who_asks(
    patient: ServerProcess, address: str, setting: str, said: bytes
) -> None:
    before = count_of(patient, setting)
    with ExitStack() as held:
        for _ in range(200):
            line = held.enter_context(line_from(patient, address))
            with suppress(OSError):
                line.sendall(said)
        is_answered(patient)
        assert count_of(patient, setting) >= before + 100
    assert f"connections.{setting}" in patient.log.read_text(encoding="utf-8")


def test_who_holds_requests_open_keeps_out_nobody_else(patient: ServerProcess) -> None:
    """Requests under way are not ended: those of one address are refused, others are answered."""
    head = b"POST /operators/sign-in HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n"
    with ExitStack() as held:
        lines = [held.enter_context(line_from(patient, STRANGER)) for _ in range(40)]
        for line in lines:
            with suppress(OSError):
                line.sendall(head + b"\r\n")
        is_answered(patient)
        form = {"email": "kim@example.org", "password": "wrong"}
        url = f"{patient.url}/operators/sign-in"
        assert "problem=wrong" in requests.post(url, data=form, timeout=20).url


def wait_on(line: socket.socket, number: int, token: str) -> None:
    """Ask as a kiosk that waits."""
    head = f"GET /v1/locations/L{number}/wait HTTP/1.1\r\nhost: x\r\n"
    line.sendall(f"{head}authorization: Bearer {token}\r\n\r\n".encode())


def count_of_waiting(server: ServerProcess) -> int:
    said = requests.get(f"{server.url}/metrics", timeout=20).text
    return int(float(re.findall(r"(?m)^locker_kiosks_waiting (\S+)$", said)[0]))


def is_waited_by(server: ServerProcess, count: int) -> bool:
    return count_of_waiting(server) == count


def test_kiosks_that_wait_take_nobodys_place_and_keep_theirs(patient: ServerProcess) -> None:
    """More of them than there may be connections, in all and of one address."""
    with ExitStack() as held:
        lines = []
        for number in range(70):
            address = STRANGER if number < 30 else LOOPBACK
            lines.append(held.enter_context(line_from(patient, address)))
            wait_on(lines[-1], number, f"kiosk_{number}")
            wait_until(partial(is_waited_by, patient, number + 1))
        for _ in range(100):
            idle = held.enter_context(line_from(patient, LOOPBACK))
            with suppress(OSError):
                idle.sendall(b"GET /")
        is_answered(patient)
        assert count_of_waiting(patient) == 70
        for line in lines:
            line.close()
        wait_until(partial(is_waited_by, patient, 0))


def test_kiosks_that_hang_up_before_they_wait_are_not_counted(patient: ServerProcess) -> None:
    """While it is looked up what is there for them."""
    for _ in range(8):
        for number in range(10):
            with line_from(patient, LOOPBACK) as line:
                wait_on(line, number, f"kiosk_{number}")
        wait_until(partial(is_waited_by, patient, 0))


def test_a_stranger_holds_no_request_and_ends_nobodys(patient: ServerProcess) -> None:
    with line_from(patient, LOOPBACK) as kiosk:
        wait_on(kiosk, 1, "kiosk_1")
        wait_until(partial(is_waited_by, patient, 1))
        for token in ("kiosk_2", "made_up"):
            for _ in range(30):
                with line_from(patient, STRANGER) as line:
                    wait_on(line, 1, token)
                    assert line.recv(4096).startswith(b"HTTP/1.1 401 ")
        assert count_of_waiting(patient) == 1


def test_too_many_kiosks_that_wait_are_asked_to_come_instead(patient: ServerProcess) -> None:
    with ExitStack() as held:
        answers = []
        for number in range(KIOSKS):
            line = held.enter_context(line_from(patient, LOOPBACK))
            wait_on(line, number, f"kiosk_{number}")
            if number < 75:
                wait_until(partial(is_waited_by, patient, number + 1))
            else:
                answers.append(line.recv(4096)[:12])
        assert answers == [b"HTTP/1.1 503"] * 5
    assert count_of(patient, "waiting") >= 5


def answer_on(line: socket.socket) -> bytes:
    """All that comes until the other side hangs up."""
    said = b""
    with suppress(ConnectionResetError):
        while part := line.recv(4096):
            said += part
    return said


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: "])
def test_a_head_that_drips_is_ended(strict: ServerProcess, said: bytes) -> None:
    with line_from(strict, STRANGER) as line:
        line.sendall(said)
        dripping = threading.Thread(target=drip, args=(line,), daemon=True)
        if said:
            dripping.start()
        assert answer_on(line).startswith(b"HTTP/1.1 408 ")
    assert count_of(strict, "head_within_s") >= 1


def drip(line: socket.socket) -> None:
    with suppress(OSError):
        while True:
            line.sendall(b"x")
            time.sleep(0.05)


def test_a_second_head_that_drips_is_ended(strict: ServerProcess) -> None:
    """After an answer, too: empty lines are no request."""
    with line_from(strict, STRANGER) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 200 ")

        def lines() -> None:
            with suppress(OSError):
                while True:
                    line.sendall(b"\r\n")
                    time.sleep(0.05)

        threading.Thread(target=lines, daemon=True).start()
        assert b"408" in answer_on(line)


@pytest.mark.parametrize("path", ["/operators/sign-in", "/v1/receipts/x", "/nothing"])
def test_a_body_that_drips_is_answered_408(strict: ServerProcess, path: str) -> None:
    with line_from(strict, STRANGER) as line:
        line.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 999\r\n\r\n".encode())
        threading.Thread(target=drip, args=(line,), daemon=True).start()
        assert answer_on(line).startswith(b"HTTP/1.1 408 ")
    assert count_of(strict, "form_within_s") >= 1


def test_a_head_without_end_is_refused(strict: ServerProcess) -> None:
    with line_from(strict, STRANGER) as line:
        with suppress(OSError):
            line.sendall(b"GET / HTTP/1.1\r\n")
            for number in range(100_000):
                line.sendall(b"x-%d: " % number + b"y" * 1000 + b"\r\n")
        assert answer_on(line)[:12] in (b"HTTP/1.1 431", b"")
    is_answered(strict)


def test_who_does_not_read_the_answers_is_let_go(strict: ServerProcess) -> None:
    before = count_of(strict, "answer_within_s")
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        line.settimeout(30)
        line.bind((STRANGER, 0))
        line.connect((LOOPBACK, strict.port))
        ask = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
        line.setblocking(False)
        while count_of(strict, "answer_within_s") == before:
            with suppress(BlockingIOError, ConnectionError):  # it may be gone before it is counted
                line.send(ask * 10)
            time.sleep(0.05)
    is_answered(strict)


# --- what a kiosk waits for -----------------------------------------------------------------------


@contextmanager
def dripping(head: bytes, drop: bytes) -> Iterator[str]:
    """A server that sends this, and then a drop now and then for ever."""
    is_over = threading.Event()
    with socket.create_server((LOOPBACK, 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while not is_over.is_set():
                    line, _ = listener.accept()
                    threading.Thread(target=drop_on, args=(line,), daemon=True).start()

        def drop_on(line: socket.socket) -> None:
            with line, suppress(OSError):
                line.recv(65536)
                line.sendall(head)
                while not is_over.wait(0.02):
                    line.sendall(drop)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        is_over.set()


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nx: ", b"x"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"0"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status", "header", "length", "until the end", "chunks", "a chunk's size", "continue"],
)
def test_an_answer_that_drips_does_not_hold_a_kiosk(
    tmp_path: Path, head: bytes, drop: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = BoundedSession.exchange
    monkeypatch.setattr(BoundedSession, "exchange", lambda session: exchange(session, 0.5))
    journal = Journal(tmp_path / "kiosk.db")
    try:
        with dripping(head, drop) as url:
            identity = Identity(url, LOCATION.id, "token", "00" * 32)
            client = SyncClient(journal.store, LOCATION, identity, Status, random.Random(1))
            for _ in range(2):
                with pytest.raises(requests.Timeout, match="whole exchange"):
                    client.sync_once()
    finally:
        journal.store.close()
