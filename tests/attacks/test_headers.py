"""What every answer says to browsers, what a page can be made to say, and who sees the figures."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from central.auth import Role
from central.errors import CannotServeError
from central.settings import load
from tests.support.central_server import Server
from tests.support.operators import Browser
from tests.support.server_process import ServerProcess

POLICY = ("default-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, str]]:
    """A server that people reach by https, and where its figures are."""
    folder = tmp_path_factory.mktemp("https")
    config, port = folder / "central.toml", free_port()
    config.write_text(
        f'public_url = "https://lockers.example.org"\nwatched_at = "127.0.0.1:{port}"\n'
    )
    made = ServerProcess(folder / "central", config)
    made.start()
    yield made, f"http://127.0.0.1:{port}"
    made.kill()


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 20) as line:
        line.sendall(request)
        said = b""
        while part := line.recv(65536):
            said += part
        return said


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /",
        "GET /operators",
        "GET /operators/sign-in",
        "GET /operators/static/pages.css",
        "GET /operators/static/nothing",
        "GET /openapi.json",
        "GET /healthz",
        "GET /metrics",
        "GET /nothing",
        "GET /mine/guessed",
        "GET /v1/packages/x",
        "POST /v1/packages",
        "PUT /healthz",
        "POST /v1/locations/x/sync",
        "BREW /",
        "GET no address",
        "HEAD /operators/sign-in",
    ],
)
def test_every_answer_has_the_headers(server: tuple[ServerProcess, str], request_line: str) -> None:
    asked = (
        f"{request_line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
    )
    head = raw(server[0].port, asked.encode()).partition(b"\r\n\r\n")[0].decode().lower()
    assert head.count("content-security-policy: ") == 1, head
    for part in POLICY:
        assert part in head
    assert "x-content-type-options: nosniff" in head
    assert "referrer-policy: same-origin" in head
    assert "strict-transport-security: max-age=" in head


def test_a_failure_has_the_headers_too(tmp_path: Path) -> None:
    """And no HSTS where people reach the server without TLS."""
    made = Server(tmp_path / "central")
    made.start()
    try:
        made.write(lambda c: c.exec_driver_sql("DROP TABLE user_account"))
        form = {"email": "kim@example.org", "password": "wrong"}
        answer = requests.post(f"{made.url}/operators/sign-in", data=form, timeout=20)
        assert answer.status_code >= 500
        assert "base-uri 'none'" in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers
    finally:
        made.stop()


def test_the_figures_are_at_their_own_address_alone(server: tuple[ServerProcess, str]) -> None:
    main, watched = server[0].url, server[1]
    for path in ("/metrics", "/readyz", "/healthz"):
        assert requests.get(f"{watched}{path}", timeout=20).status_code == 200
    for path in ("/metrics", "/readyz"):
        assert requests.get(f"{main}{path}", timeout=20).status_code == 404
    for path in ("/operators/sign-in", "/v1/packages/x", "/openapi.json", "/"):
        assert requests.get(f"{watched}{path}", timeout=20).status_code == 404
    assert requests.get(f"{main}/healthz", timeout=20).status_code == 200


@pytest.mark.parametrize("place", ["8080", "127.0.0.1:x", "http://127.0.0.1:1", "a:1/b", ":", "a"])
def test_an_address_for_the_figures_that_is_none_is_named(tmp_path: Path, place: str) -> None:
    config = tmp_path / "central.toml"
    config.write_text(f'watched_at = "{place}"\n')
    with pytest.raises(CannotServeError, match="watched_at"):
        load(config)


# --- what a page says -----------------------------------------------------------------------------

FOREIGN = "Call 0900 666 and say your PIN"


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Server(tmp_path_factory.mktemp("said") / "central")
    made.start()
    yield Browser(made, Role.ADMIN)
    made.stop()


def test_a_link_makes_no_page_say_something(operator: Browser) -> None:
    asked = urllib.parse.urlencode(dict.fromkeys(("done", "problem", "said", "answer"), FOREIGN))
    for path in ("", "/sign-in", "/keys", "/staff", "/packages", "/locations/x", "/notifications"):
        assert FOREIGN not in operator.get(f"{path}?{asked}").text


def test_a_page_says_what_was_done_to_whom_did_it_alone(operator: Browser) -> None:
    operator.server.add_key()
    [key] = re.findall(r"keys/([^/]+)/revoke", operator.get("/keys").text)
    answer = operator.post(f"/keys/{key}/revoke")
    assert "The key opens nothing any more." in answer.text
    other = Browser(operator.server, Role.VIEWER)
    assert "opens nothing" not in other.http.get(answer.url, timeout=20).text
    assert "not_found" not in answer.text
    refused = operator.post(f"/keys/{key}x/revoke")
    assert f"{key}x" in refused.text


# --- whether it is ready --------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    done = subprocess.run(
        [mount or "false", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], check=False
    )
    if done.returncode:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_is_not_ready_and_one_with_room_is_again(small_disk: Path) -> None:
    config = small_disk / "central.toml"
    config.write_text("disk_free_min_mb = 0\n")
    made = ServerProcess(small_disk / "central", config)
    made.start()
    try:
        url = f"{made.url}/readyz"
        assert requests.get(url, timeout=20).status_code == 200
        waste = small_disk / "waste"
        with waste.open("wb", 0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        status = 200
        while status == 200:  # an answer holds for a second, the log has some room left
            answer = requests.get(url, timeout=20)
            status = answer.status_code
        assert status == 503
        assert "cannot write" in answer.json()["message"]
        assert requests.get(f"{made.url}/healthz", timeout=20).status_code == 200
        waste.unlink()
        while status == 503:
            status = requests.get(url, timeout=20).status_code
        assert status == 200
    finally:
        made.kill()


def test_a_disk_that_is_nearly_full_is_not_ready(tmp_path: Path) -> None:
    config = tmp_path / "central.toml"
    config.write_text("disk_free_min_mb = 9_999_999\n")
    made = ServerProcess(tmp_path / "central", config)
    made.start()
    try:
        answer = requests.get(f"{made.url}/readyz", timeout=20)
        assert answer.status_code == 503
        assert "disk_free_min_mb" in answer.json()["message"]
    finally:
        made.kill()
