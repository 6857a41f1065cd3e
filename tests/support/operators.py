"""An operator at the central server's pages, and a kiosk that does what is asked for there."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

import pyotp
import requests

from central.auth import Role
from central.operators import accounts
from central.pages.paths import HOME
from kiosk.store import commands as kiosk_commands
from kiosk.sync.contract import SyncAnswer
from kiosk.sync.receiving import receive
from tests.support.central_server import Journal, Server, announce
from tests.support.passkeys import SoftKey

PASSWORD = "correct horse battery"


@dataclass
class Browser:
    """A session of one operator, without a window."""

    server: Server
    role: Role | None = None
    area: str = ""
    """Where they have it; empty: everywhere."""
    http: requests.Session = field(default_factory=requests.Session)
    form_token: str = ""

    def __post_init__(self) -> None:
        if self.role is not None:
            self.server.write(
                accounts.add_user,
                self.server.central,
                "test",
                self.email,
                str(self.role).capitalize(),
                self.role,
                PASSWORD,
                self.area,
            )
            assert self.sign_in(PASSWORD).ok
            self.form_token = re.findall(r'name="form_token" value="([^"]+)"', self.get("").text)[0]

    @property
    def email(self) -> str:
        return f"{self.role}{'-' if self.area else ''}{self.area}@example.org"

    def sign_in(self, password: str) -> requests.Response:
        form = {"email": self.email, "password": password}
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


def come_and_gone(server: Server, kiosk: Journal) -> str:
    """A package that was announced, came and was picked up; its id."""
    package = str(announce(server, server.add_key(), "A").json()["id"])
    obey(kiosk)
    kiosk.put_in("A")
    kiosk.take_out(package)
    sync(kiosk)
    return package


@dataclass
class Visitor:
    """A browser of somebody who is not signed in yet, from an address of their own."""

    server: Server
    email: str = ""
    address: str = "198.51.100.1"
    password: str = PASSWORD
    secret: str = ""
    """What the app of the account has in common with the server."""
    http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.http.headers["x-forwarded-for"] = self.address

    def elsewhere(self, address: str = "203.0.113.66") -> Visitor:
        """Another browser with all that this one knows, but for its cookies."""
        return replace(self, address=address, http=requests.Session())

    def copied(self) -> Visitor:
        """Whoever has copied this browser's cookies."""
        thief = self.elsewhere()
        thief.http.cookies.update(self.http.cookies)
        return thief

    def get(self, path: str = "", **headers: str) -> requests.Response:
        url = f"{self.server.url}{HOME}{path}"
        return self.http.get(url, headers=headers, timeout=20)

    def post(self, path: str, at: str = "", **form: object) -> requests.Response:
        """Send a form with the token that stands on the page `at`."""
        return self.send(path, self.get(at).text, **form)

    def sign_in(self, password: str = "", email: str = "", **headers: str) -> requests.Response:
        form = {"email": email or self.email, "password": password or self.password}
        url = f"{self.server.url}{HOME}/sign-in"
        return self.http.post(url, data=form, headers=headers, timeout=20)

    def is_in(self) -> bool:
        return self.get().url == f"{self.server.url}{HOME}"

    def code(self, ahead_s: int = 0) -> str:
        """What the app shows, by the server's clock, or by one that goes fast."""
        return pyotp.TOTP(self.secret).at(self.server.clock.wall_ms // 1000 + ahead_s)

    def next_code(self) -> str:
        """The code of the next half minute."""
        self.server.clock.wall_ms += 30_000
        return self.code()

    def set_app_up(self) -> list[str]:
        """Set an app up, as a person does; the recovery codes that are shown."""
        shown = self.get("/account/app").text
        [found] = re.findall(r"type this key in: <code>([A-Z2-7 ]+)</code>", shown)
        self.secret = found.replace(" ", "")
        said = self.post("/account/app", at="/account/app", code=self.next_code())
        assert said.ok, said.text
        return re.findall(r"<code>([A-Z2-9]{4}(?:-[A-Z2-9]{4}){3})</code>", said.text)

    def add_passkey(self, key: SoftKey, origin: str = "") -> requests.Response:
        """Make a passkey, as a browser does."""
        page = self.get("/account/passkey").text
        answer = key.create(options_on(page), origin or self.server.url)
        return self.send("/account/passkey", page, answer=answer)

    def give_passkey(self, key: SoftKey, origin: str = "") -> requests.Response:
        """Give the passkey to the page that asks for it."""
        page = self.get("/sign-in/factor").text
        return self.send(
            "/sign-in/passkey", page, answer=key.get(options_on(page), origin or self.server.url)
        )

    def send(self, path: str, page: str, **form: object) -> requests.Response:
        """Send a form of a page that was read before."""
        token = FORM_TOKEN.search(page)
        sent = {"form_token": token[1] if token else "", **form}
        return self.http.post(f"{self.server.url}{HOME}{path}", data=sent, timeout=20)

    def give_code(self, code: str = "") -> requests.Response:
        """Give the app's code to the page that asks for it."""
        return self.post("/sign-in/factor", at="/sign-in/factor", code=code or self.next_code())


def options_on(page: str) -> dict[str, Any]:
    """What a page hands to the browser for a passkey."""
    [found] = re.findall(r'data-options="([^"]+)"', page)
    options: dict[str, Any] = json.loads(html.unescape(found))
    return options


FORM_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


def account(
    server: Server, name: str, role: Role = Role.OPERATOR, address: str = "198.51.100.1"
) -> Visitor:
    """The browser of somebody who has an account."""
    email = f"{name}@example.org"
    server.write(accounts.add_user, server.central, "test", email, name, role, PASSWORD)
    return Visitor(server, email, address)
