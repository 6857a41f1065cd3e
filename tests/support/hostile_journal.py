"""A journal that says what no kiosk writes, and the pages and routes that must stand it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests

from central import schema
from central.auth import Role
from kiosk.model.clock import Instant
from kiosk.model.events import GENESIS, chain_hash
from tests.support.central_server import LOCATION, NOW_MS, Server
from tests.support.operators import Browser

PAGES = (
    "",
    f"/locations/{LOCATION.id}",
    f"/locations/{LOCATION.id}/live",
    "/packages",
    "/packages?q=a",
    "/unjoined",
    "/notifications",
    "/quarantine",
    "/staff",
    "/keys",
    "/accounts",
    "/audit",
    "/reports",
    "/reports.csv",
)
API = (
    "/v1/packages?location=" + LOCATION.id,
    f"/v1/locations/{LOCATION.id}",
    "/v1/locations/nearest?latitude=52&longitude=13",
    "/metrics",
    "/healthz",
    "/readyz",
)


@dataclass
class HostileJournal:
    """A journal that says whatever a test wants it to say, with a chain that is right."""

    server: Server
    token: str
    key: dict[str, str]
    location: str = LOCATION.id
    epoch: str = "hostile"
    seq: int = 0
    hash: bytes = GENESIS
    browser: Browser = field(init=False)

    def __post_init__(self) -> None:
        self.browser = Browser(self.server, Role.ADMIN)

    def line(self, kind: Any, body: str, **fields: Any) -> dict[str, Any]:
        """The next event as it goes over the wire."""
        said: dict[str, Any] = {
            "wall_ms": NOW_MS,
            "monotonic_ms": 1,
            "boot_id": "boot",
            "is_trusted": True,
        }
        said |= fields
        try:
            at = Instant(**said)
            digest = chain_hash(self.hash, self.epoch, self.seq + 1, kind, body, at)
        except (AttributeError, TypeError, ValueError, OverflowError):
            digest = bytes(32)  # what cannot be hashed has no right hash
        self.seq, self.hash = self.seq + 1, digest
        place = {"epoch": self.epoch, "seq": self.seq, "hash": digest.hex()}
        return {**place, "kind": kind, "body": body, **said}

    def sound(self) -> dict[str, Any]:
        return self.line("KIOSK_STARTED", '{"actor":"kiosk"}')

    def send(self, lines: Sequence[dict[str, Any]]) -> requests.Response:
        message = {
            "epoch": self.epoch,
            "events": list(lines),
            "head": {"epoch": self.epoch, "seq": self.seq, "hash": self.hash.hex()},
        }
        return requests.post(
            f"{self.server.url}/v1/locations/{self.location}/sync",
            data=json.dumps(message),
            headers={"authorization": f"Bearer {self.token}"},
            timeout=20,
        )

    def take(self, lines: Sequence[dict[str, Any]]) -> list[int]:
        """Send them with a sound one behind; the numbers of those that lie in quarantine then."""
        last = self.sound()
        answer = self.send([*lines, last])
        assert answer.status_code == 200, answer.text
        assert answer.json()["acked"]["seq"] == last["seq"]
        table = schema.event
        held = self.server.central.database.read(
            lambda c: c.execute(
                table.select().where(table.c.location == self.location, table.c.seq == last["seq"])
            ).all()
        )
        assert [row.hash for row in held] == [last["hash"]]
        return sorted(each["seq"] for each in answer.json()["parked"])

    def require_pages(self) -> None:
        packages = [row.id for row in self.server.rows(schema.package)][:20]
        for page in (*PAGES, *(f"/packages/{quote(id_, safe='')}" for id_ in packages)):
            shown = self.browser.get(page)
            assert shown.status_code == 200, (page, shown.text[-2000:])
        for path in API:
            shown = requests.get(self.server.url + path, headers=self.key, timeout=20)
            assert shown.status_code < 500, (path, shown.text)
