"""An operator at the central server's pages, and a kiosk that does what is asked for there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import requests

from central import accounts
from central.auth import Role
from central.pages.session import HOME
from kiosk.store import commands as kiosk_commands
from kiosk.sync.contract import SyncAnswer
from kiosk.sync.receiving import receive
from tests.support.central_server import Journal, Server

PASSWORD = "correct horse battery"


@dataclass
class Browser:
    """A session of one operator, without a window."""

    server: Server
    role: Role | None = None
    http: requests.Session = field(default_factory=requests.Session)
    form_token: str = ""

    def __post_init__(self) -> None:
        if self.role is not None:
            self.server.write(
                accounts.add_user,
                self.server.central,
                "test",
                f"{self.role}@example.org",
                str(self.role).capitalize(),
                self.role,
                PASSWORD,
            )
            assert self.sign_in(PASSWORD).ok
            self.form_token = re.findall(r'name="form_token" value="([^"]+)"', self.get("").text)[0]

    def sign_in(self, password: str) -> requests.Response:
        form = {"email": f"{self.role}@example.org", "password": password}
        return self.http.post(f"{self.server.url}{HOME}/sign-in", data=form, timeout=20)

    def get(self, path: str) -> requests.Response:
        return self.http.get(f"{self.server.url}{HOME}{path}", timeout=20)

    def post(self, path: str, **form: object) -> requests.Response:
        form = {"form_token": self.form_token, **form}
        return self.http.post(f"{self.server.url}{HOME}{path}", data=form, timeout=20)


def sync(kiosk: Journal, after: int = 0) -> SyncAnswer:
    answer = kiosk.send(kiosk.events(after), cursor=kiosk.do(kiosk_commands.cursor))
    assert answer.ok, answer.text
    return SyncAnswer.model_validate_json(answer.content)


def obey(kiosk: Journal) -> list[str]:
    """Sync, carry the commands out as a kiosk does, and answer; their types."""
    commands = [receive(each) for each in sync(kiosk).commands]
    for each in commands:
        kiosk.do(kiosk_commands.apply, each, "UTC")
    sync(kiosk)
    return [each.type for each in commands]
