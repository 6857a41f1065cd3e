"""A server with something of everything, and the address of every page that it shows: the
operators', the person's, the sign-in, the API's, the privacy notice, and its messages as files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from selenium.webdriver import Chrome

from central import schema
from central.areas import tree
from central.auth import Role
from central.carriers.visible import Visible
from central.pages.paths import HOME
from central.pages.session import COOKIE
from central.webhooks import endpoints
from central.webhooks.tables import webhook_endpoint
from kiosk.model.carriers import OPERATOR
from tests.support.central_server import LOCATION, Journal, Server, announce, mail_server, text_of
from tests.support.operators import Browser, obey, sync
from tests.support.page_rules import ASKS_FOR

BARCODE = "JD014600006281234567"
NO_PAGE = (
    "GET /places",
    "GET /session",
    "GET /locations/{name}/live",
    "GET /files/{name}",
    "GET /reports.csv",
    "GET /static/{name}",
    "GET /sign-in",
    "GET /sign-in/factor",
    "GET /sign-in/provider",
    "GET /sign-in/provider/callback",
    "GET /link/{token}",
)
"""Parts of pages, files, and steps of signing in; who is not signed in is shown the latter."""
FURTHER = ("/search?q=a", "/reports?days=30", "/packages?q=nothing-like-this")
LANGUAGES = ("en", "de", "ar")


@dataclass(frozen=True)
class Pages:
    """Addresses by a name for people; `cookie` is an administrator's session."""

    server: Server
    cookie: str
    signed_in: dict[str, str]
    public: dict[str, str]
    messages: dict[str, str]

    @property
    def all(self) -> dict[str, str]:
        """Every page there is."""
        return {**self.public, **self.messages, **self.signed_in}

    def sign_in(self, window: Chrome) -> None:
        """Give the browser the administrator's session."""
        window.get(f"{self.server.url}{HOME}/sign-in")
        window.add_cookie({"name": COOKIE, "value": self.cookie, "path": "/"})


@contextmanager
def pages(folder: Path) -> Iterator[Pages]:
    """Start a server, let things happen there, and say where its pages are."""
    with mail_server() as (port, mailbox):
        server = Server(folder / "central", smtp_port=port, is_public=True)
        server.start()
        kiosk = Journal(folder / "kiosk.db")
        try:
            assert kiosk.enrol(server, server.add_location(latitude=52.5, longitude=13.4)).ok
            key = server.add_key()
            for number, language in enumerate(LANGUAGES):
                person = {"name": "Eva", "email": f"eva-{language}@example.org"}
                barcode = BARCODE if not number else f"{BARCODE}{number}"
                announce(server, key, barcode, recipient={**person, "language": language})
                obey(kiosk)
                kiosk.put_in(barcode)
            sync(kiosk)
            mails = mailbox.wait_for(len(LANGUAGES))
            found = [re.search(r"http://\S+/mine/\S+", text_of(mail)) for mail in mails]
            links = [each[0] for each in found if each is not None]
            assert links, "no mail had the address of its page"
            admin = Browser(server, Role.ADMIN)
            yield Pages(
                server=server,
                cookie=str(admin.http.cookies[COOKIE]),
                signed_in=_signed_in(server, kiosk, admin),
                public=_public(server, links),
                messages=dict(_files(folder, mails)),
            )
        finally:
            kiosk.store.close()
            server.stop()


def _signed_in(server: Server, kiosk: Journal, admin: Browser) -> dict[str, str]:
    """The operators' pages by their routes, each with something on it."""
    server.write(tree.add, "north", "North", "", "test", 1)
    server.add_carrier("red")
    server.write(
        endpoints.add, server.central, "test", Visible(OPERATOR, None), "https://shop.example.org/"
    )
    forged = kiosk.events()[3].model_copy(update={"body": '{"actor":"nobody"}', "hash": "ab" * 32})
    kiosk.send([forged, *kiosk.events(kiosk.head().seq - 1)])
    rollout = _begun_rollout(server, admin)
    names = {
        "/locations/": LOCATION.id,
        "/packages/": server.rows(schema.package)[0].id,
        "/notifications/": server.rows(schema.notification)[0].id,
        "/rollouts/": rollout,
        "/webhooks/": server.rows(webhook_endpoint)[0].id,
    }
    routes = [each.removeprefix("GET ") for each in ASKS_FOR if each.startswith("GET ")]
    found = {}
    for route in (*routes, *FURTHER):
        if f"GET {route}" in NO_PAGE:
            continue
        path = route.replace("{label}", LOCATION.slots[0].label).replace("{carrier}", "red")
        for start, name in names.items():
            if path.startswith(f"{start}{{name}}"):
                path = path.replace("{name}", str(name))
        path += "?do=end" if path.endswith("/sure") else ""
        path += f"?release=1.4.0&canaries={LOCATION.id}" if path.endswith("/plan") else ""
        assert "{" not in path, f"{route}: say what stands in its gaps"
        found[f"operators{route}"] = f"{server.url}{HOME}{path}"
    return found


def _begun_rollout(server: Server, admin: Browser) -> str:
    status = '{"release": {"running": "1.3.0", "python": "cp311", "machine": "x86_64"}}'
    change = schema.location.update().values(status=status, version="1.3.0", release_state="good")
    server.write(lambda c: c.execute(change))
    file = {"version": "1.4.0", "python": "cp311", "machine": "x86_64", "sha256": "0a" * 32}
    server.write(lambda c: c.execute(schema.release.insert().values(**file)))
    admin.post("/rollouts", release="1.4.0", canaries=LOCATION.id)
    [rollout] = server.rows(schema.rollout)
    return str(rollout.id)


def _public(server: Server, links: list[str]) -> dict[str, str]:
    found = {
        "sign-in": f"{server.url}{HOME}/sign-in",
        "api": f"{server.url}/docs/api",
        "privacy": f"{server.url}/privacy",
        "privacy-ar": f"{server.url}/privacy?language=ar",
    }
    for language, link in zip(LANGUAGES, links, strict=False):
        found[f"person-{language}"] = link
        found[f"no-reminders-{language}"] = f"{link}/no-reminders"
    return found


def _files(folder: Path, mails: list[Message]) -> Iterator[tuple[str, str]]:
    for number, mail in enumerate(mails):
        for part in mail.walk():
            content = part.get_payload(decode=True)
            if part.get_content_type() == "text/html" and isinstance(content, bytes):
                file = folder / f"message-{number}.html"
                file.write_bytes(content)
                yield f"message-{number}", file.as_uri()
