"""The demo's central server: a process of its own on loopback, at which the demo kiosk is enrolled.

It expects the demo's packages as a shop would announce them, and its messages go to the phones in
the simulator's window.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from config import DEMO_SITE, Site
from kiosk.demo.network import Wire
from kiosk.demo.processes import Processes, free_port, is_free, module
from kiosk.model.urls import path

PORTS = range(8480, 8500)
NEAR_PORTS = range(8500, 8520)
"""The kiosk's end of the network."""
ASK_AGAIN_S = 0.5
TIMEOUT_S = 10
ACCOUNT, PASSWORD = "demo@example.org", "demo-demo-demo"


class DemoServerError(Exception):
    """The server cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class DemoServer:
    """A central server that runs."""

    url: str
    key: str
    location: str
    is_new: bool
    """Whether this is its first start."""
    network: Wire
    """Between the kiosk and it."""

    @property
    def account(self) -> str:
        """Who may sign in at its pages."""
        return f"{ACCOUNT} {PASSWORD} (no second factor in the demo)"

    @classmethod
    def start(cls, site: Site, data: Path, processes: Processes) -> DemoServer:
        """Make it at the first start, start it, and enrol the kiosk if it is not.

        Raises `DemoServerError`, or `DemoError` when it does not come up.
        """
        if site.messages is None:
            raise DemoServerError("this site has no folder for messages")
        kept = data / "demo-centre.json"
        known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else _make(site, data)
        if "near_url" not in known:
            raise DemoServerError("an older version made this demo; make run FRESH=1 starts over")
        port, near_port = (urlsplit(known[url]).port or 0 for url in ("url", "near_url"))
        for each in (port, near_port):
            if not is_free(each):
                raise DemoServerError(f"port {each} is taken by something else")
        server = processes.start("server", [*_central(data), "serve"])
        processes.wait_until(server, lambda: not is_free(port))
        network = Wire(near_port, port)
        network.join()
        is_new = "token" in known
        if is_new:
            enrol = [*module("kiosk"), "enrol", "--config", str(DEMO_SITE), "--data", str(data)]
            _run([*enrol, known["near_url"], known.pop("token")])
        descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(known, file)
        return cls(known["url"], known["key"], site.location.id, is_new, network)

    def announce(self, packages: Path) -> None:
        """Announce the demo's packages as soon as the kiosk has reported itself; those that lie
        there already are joined. Returns at once; it ends with this process."""
        threading.Thread(target=self._announce, args=(packages,), daemon=True).start()

    def _announce(self, packages: Path) -> None:
        with packages.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        headers = {"authorization": f"Bearer {self.key}"}
        pause = threading.Event()
        room = f"{self.url}{path('v1', 'locations', self.location)}"
        with requests.Session() as session:
            session.headers.update(headers)
            while not _has_reported(session, room):
                pause.wait(ASK_AGAIN_S)
            for row in rows:
                person = {"name": row["name"], "phone": row["phone"], "channels": ["sms"]}
                announcement = {
                    "barcode": row["barcode"],
                    "location": self.location,
                    "recipient": person,
                }
                # One that is announced already, at an earlier start, is refused: that is right.
                session.post(
                    f"{self.url}/v1/packages",
                    json=announcement | ({"size": row["size"]} if row["size"] else {}),
                    timeout=TIMEOUT_S,
                )


def _has_reported(session: requests.Session, room: str) -> bool:
    """Whether the kiosk has reported its doors, and of the packages behind some of them."""
    try:
        answer = session.get(room, timeout=TIMEOUT_S)
    except requests.RequestException:
        return False
    return answer.ok and any(each["free"] < each["total"] for each in answer.json()["sizes"])


def _central(data: Path) -> list[str]:
    return [*module("central"), "--config", str(data / "demo-centre.toml")]


def _make(site: Site, data: Path) -> dict[str, str]:
    """Its settings, the location, a key for announcing, an account to look at its pages."""
    port, near_port = free_port(PORTS), free_port(NEAR_PORTS)
    assert site.messages is not None
    (data / "demo-centre.toml").write_text(
        f"""data = {json.dumps(str((data / "centre").absolute()))}
port = {port}
sync_s = 2
[sign_in]
second_factor = "nobody"
[sms]
folder = {json.dumps(str((data / site.messages.folder).absolute()))}
[notifications]
channels = ["sms"]
undo_wait_s = 5
quiet_from_h = 0
quiet_until_h = 0
""",
        encoding="utf-8",
    )
    central = _central(data)
    place = site.location
    where = []
    if place.latitude is not None and place.longitude is not None:
        where = ["--latitude", str(place.latitude), "--longitude", str(place.longitude)]
    named = ["--name", place.name, "--address", place.address]
    _run([*central, "init"])
    said = _run([*central, "location", "add", place.id, *named, *where])
    token = re.search(r"kiosk enrol \S+ (\S+)", said)
    if token is None:
        raise DemoServerError(f"it gave no enrolment token: {said}")
    key = _run([*central, "key", "add", "The demo"]).split()[-1]
    _run([*central, "user", "add", ACCOUNT, "--role", "admin", "--password", PASSWORD])
    host = "http://127.0.0.1"
    return {
        "url": f"{host}:{port}",
        "near_url": f"{host}:{near_port}",
        "key": key,
        "token": token[1],
    }


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path.cwd())
    if done.returncode != 0:
        raise DemoServerError((done.stderr or done.stdout).strip().splitlines()[-1])
    return done.stdout
