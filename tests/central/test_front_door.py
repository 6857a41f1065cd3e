"""Who comes to a server without knowing more than its address."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from fastapi.routing import APIRoute
from pydantic import ValidationError
from requests.adapters import HTTPAdapter

from central.app import ROUTERS
from central.auth import Role
from central.operators.accounts import add_user
from central.settings import Settings
from tests.support.central_server import Server
from tests.support.operators import PASSWORD, Browser
from tests.support.passwords import as_costly_as_the_product
from tests.support.server_process import ROOT, ServerProcess


def paths_of_gets() -> list[str]:
    """Every path that answers a GET, with something in each of its places."""
    routes = [each for router in ROUTERS for each in router.routes if isinstance(each, APIRoute)]
    paths = {re.sub(r"{[^}]*}", "x", each.path) for each in routes if "GET" in (each.methods or ())}
    return sorted(paths | {"/", "/openapi.json", "/operators/static/pages.css"})


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    server = Server(tmp_path_factory.mktemp("head") / "central")
    server.start()
    yield Browser(server, Role.ADMIN)
    server.stop()


@pytest.mark.parametrize("path", paths_of_gets())
def test_head_answers_as_get_without_a_body(admin: Browser, path: str) -> None:
    url = admin.server.url + path
    key = admin.server.add_key() if path.startswith("/v1/") else {}
    got = admin.http.get(url, headers=key, timeout=20, allow_redirects=False)
    head = admin.http.head(url, headers=key, timeout=20)
    assert got.status_code < 500
    assert (head.status_code, head.content) == (got.status_code, b"")
    # Of what is sent as it is read from the database nobody knows the length beforehand.
    is_streamed = got.headers.get("transfer-encoding") == "chunked"
    assert is_streamed or head.headers["content-length"].isdigit()
    assert head.headers.get("content-type") == got.headers.get("content-type")


def test_the_address_alone_leads_to_the_pages(server: Server) -> None:
    assert requests.get(server.url, timeout=20).url == f"{server.url}/operators/sign-in"


def try_to_sign_in(server: Server, email: str) -> str:
    form = {"email": email, "password": "wrong"}
    return requests.post(f"{server.url}/operators/sign-in", data=form, timeout=20).url


def test_operators_behind_one_address_do_not_share_their_tries(server: Server) -> None:
    while "problem=wrong" in try_to_sign_in(server, "one@example.org"):
        pass
    assert "problem=slow" in try_to_sign_in(server, "ONE@example.org")
    assert "problem=wrong" in try_to_sign_in(server, "two@example.org")


@pytest.fixture
def _costly_passwords() -> Iterator[None]:
    with as_costly_as_the_product():
        yield


@pytest.mark.usefixtures("_costly_passwords")
def test_the_owner_gets_in_while_somebody_else_hammers_the_account(server: Server) -> None:
    owner = Browser(server, Role.ADMIN)
    url, proxied = f"{server.url}/operators/sign-in", {"x-forwarded-for": "203.0.113.66"}
    form = {"email": "admin@example.org", "password": "wrong"}

    def hammer(_try: int) -> str:
        return requests.post(url, data=form, headers=proxied, timeout=20).url

    with ThreadPoolExecutor(4) as many:
        assert any("problem=slow" in answer for answer in many.map(hammer, range(20)))
        still = many.map(hammer, range(20))
        owner.http.headers["x-forwarded-for"] = "203.0.113.7"
        assert owner.sign_in(PASSWORD).url == f"{server.url}/operators"
        assert all("problem=" in answer for answer in still)


@pytest.mark.usefixtures("_costly_passwords")
def test_a_whole_shift_behind_one_proxy_signs_in_at_once(server: Server) -> None:
    for n in range(20):
        email = f"kim{n}@example.org"
        server.write(add_user, server.central, "test", email, "Kim", Role.VIEWER, PASSWORD)
    together = threading.Barrier(20)

    def sign_in(n: int) -> str:
        form = {"email": f"kim{n}@example.org", "password": PASSWORD}
        together.wait()
        with requests.Session() as http:
            return http.post(f"{server.url}/operators/sign-in", data=form, timeout=60).url

    with ThreadPoolExecutor(20) as all_of_them:
        assert set(all_of_them.map(sign_in, range(20))) == {f"{server.url}/operators"}


@pytest.mark.parametrize("proxy", ["proxy.example.org", "10.0.0.0/99", "*", "10.0.0.1/8"])
def test_a_trusted_proxy_is_an_address_or_a_network(proxy: str) -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings(trusted_proxies=(proxy,))


CLIENT = "203.0.113.7"


def ask_through(peer: str, server: ServerProcess) -> tuple[str, str]:
    """As whom a server takes a request of a proxy at `peer`: its scheme and its address."""
    headers = {"x-forwarded-for": CLIENT, "x-forwarded-proto": "https", "host": "example.org"}
    with requests.Session() as http:
        http.mount("http://", From(peer))
        http.headers.update(headers)
        redirect = http.get(f"{server.url}/operators/", timeout=20, allow_redirects=False)
        form = {"email": "kim@example.org", "password": "wrong"}
        http.post(f"{server.url}/operators/sign-in", data=form, timeout=20, allow_redirects=False)
    [(address,)] = server.rows("SELECT address FROM audit WHERE action = 'sign-in.refused'")
    asker = server.opened(address, "audit.address")
    return urlsplit(redirect.headers["location"]).scheme, asker


class From(HTTPAdapter):
    """Comes from one of this machine's own addresses."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *sizes: Any, **more: Any) -> None:
        super().init_poolmanager(*sizes, source_address=(self._address, 0), **more)


@pytest.mark.parametrize(
    ("setting", "peer", "is_believed"),
    [
        ("", "127.0.0.1", True),
        ("", "127.0.0.2", False),
        ("trusted_proxies = []", "127.0.0.1", False),
        ('trusted_proxies = ["10.1.0.0/16"]', "127.0.0.1", False),
        ('trusted_proxies = ["10.1.0.0/16", "127.0.0.2"]', "127.0.0.2", True),
        ('trusted_proxies = ["127.0.0.0/28"]', "127.0.0.9", True),
        ('trusted_proxies = ["127.0.0.0/28"]', "127.0.0.16", False),
    ],
)
def test_the_trusted_proxies_alone_say_who_asks(
    tmp_path: Path, setting: str, peer: str, is_believed: bool
) -> None:
    config = tmp_path / "central.toml"
    config.write_text(setting, encoding="utf-8")
    server = ServerProcess(tmp_path / "central", config)
    server.start()
    try:
        seen = ask_through(peer, server)
    finally:
        server.stop()
    assert seen == (("https", CLIENT) if is_believed else ("http", peer))


@pytest.mark.parametrize(
    "setting", ["", "sync_s = 7\ndatabase_url = 'sqlite:///{folder}/other.db'"]
)
def test_who_starts_a_server_reads_where_it_is_and_how_to_sign_in(
    tmp_path: Path, setting: str
) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    config = folder / "central.toml"
    config.write_text(setting.replace("{folder}", str(tmp_path)), encoding="utf-8")
    server = ServerProcess(folder / "central", config if setting else None)
    server.start()
    try:
        said = server.log.read_text(encoding="utf-8")
        assert f"{server.url}/operators" in said
        [line] = re.findall(r"python (-m central .*)EMAIL", said)
        words = [*shlex.split(line), "kim@example.org", "--role", "admin", "--password", PASSWORD]
        made = subprocess.run([sys.executable, *words], cwd=ROOT, check=False, capture_output=True)
        assert made.returncode == 0, made.stderr
        form = {"email": "kim@example.org", "password": PASSWORD}
        signed_in = requests.post(f"{server.url}/operators/sign-in", data=form, timeout=20)
        assert signed_in.url == f"{server.url}/operators/account/app", "admins need two factors"
        server.stop()
        server.log.unlink()
        server.start()
        assert "user add" not in server.log.read_text(encoding="utf-8")
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("options", "right"),
    [
        (["--port", "{used}"], "port {used} on 127.0.0.1: another program listens there"),
        (["--host", "localhost", "--port", "{used}"], "another program listens there"),
        (["--port", "99999"], "0<=x<=65535"),
        (["--port", "-1"], "0<=x<=65535"),
        (["--host", "203.0.113.7", "--port", "0"], "is no address of this machine"),
        (["--host", "no.host.invalid", "--port", "0"], "there is no such address"),
    ],
)
def test_where_it_cannot_listen_nothing_is_made_and_one_sentence_says_why(
    tmp_path: Path, options: list[str], right: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        used = str(other.getsockname()[1])
        words = [each.replace("{used}", used) for each in options]
        command = [sys.executable, "-m", "central", "--data", str(tmp_path / "new"), "serve"]
        ran = subprocess.run(
            [*command, *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert ran.returncode == 2
    assert right.replace("{used}", used) in ran.stderr
    assert "The server is at" not in ran.stdout
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("data", ["file", "file/data"])
@pytest.mark.parametrize("words", [["serve", "--port", "0"], ["init"], ["location", "list"]])
def test_a_file_for_the_data_folder_is_named(tmp_path: Path, words: list[str], data: str) -> None:
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "central", "--data", str(tmp_path / data), *words]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "file is no folder" in ran.stderr


def test_a_folder_that_cannot_be_made_is_one_plain_sentence() -> None:
    command = [sys.executable, "-m", "central", "--data", "/proc/none", "init"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    [line] = ran.stderr.splitlines()
    assert line.startswith("/proc/none: ")
