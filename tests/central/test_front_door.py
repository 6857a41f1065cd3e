"""Who comes to a server without knowing more than its address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from centre import Server
from click.testing import CliRunner
from pydantic import ValidationError

from central.__main__ import _tell_where, cli
from central.accounts import add_user
from central.auth import Role
from central.settings import Settings


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json", "/"])
def test_head_answers_as_get_without_a_body(server: Server, path: str) -> None:
    got = requests.get(server.url + path, timeout=20, allow_redirects=False)
    head = requests.head(server.url + path, timeout=20)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-length"].isdigit()


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


@pytest.mark.parametrize("proxy", ["proxy.example.org", "10.0.0.0/99", "*", "10.0.0.1/8"])
def test_a_trusted_proxy_is_an_address_or_a_network(proxy: str) -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings(trusted_proxies=(proxy,))


def test_the_trusted_proxies_alone_say_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr("uvicorn.run", lambda _app, **more: given.update(more))
    path = tmp_path / "central.toml"
    path.write_text('trusted_proxies = ["10.1.0.0/16"]\n', encoding="utf-8")
    arguments = ["--config", str(path), "--data", str(tmp_path / "data"), "serve"]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    assert given["forwarded_allow_ips"] == ["10.1.0.0/16"]


def test_who_starts_a_server_is_told_where_it_is_and_how_to_sign_in(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    central = server.central
    _tell_where(central.settings, central)
    said = capsys.readouterr().out
    assert f"{central.settings.base_url}/operators" in said
    assert "user add EMAIL --role admin" in said
    central.database.submit(
        add_user, central, "test", "a@example.org", "A", Role.ADMIN, "long enough"
    ).result()
    _tell_where(central.settings, central)
    assert "user add" not in capsys.readouterr().out
