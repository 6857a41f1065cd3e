"""The demo's central server: a process of its own on loopback, at which the demo kiosk is enrolled.

It expects the demo's packages as a shop would announce them, and its messages go to the phones in
the simulator's window.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from central.cluster import plan as plans
from central.cluster import rendering
from central.errors import CannotServeError
from config import DEMO_SITE, Site
from kiosk.child_processes import is_free
from kiosk.demo.network import Wire
from kiosk.demo.processes import Processes, free_port, module
from kiosk.model.invariants import present
from kiosk.model.urls import path
from kiosk.private_files import write_private

PORTS = range(8480, 8500)
NEAR_PORTS = range(8500, 8520)
"""The kiosk's end of the network."""
ASK_AGAIN_S = 0.5
TIMEOUT_S = 10
CARRIER, CARRIER_NAME = "swift", "Swift Parcels"
"""The demo's second carrier, whose couriers come with badges and are on no list."""
PSEUDONYM = "c-7"
PARCEL = {"barcode": "SWIFT-2026-0042", "size": "S", "name": "Ada Brandt", "phone": "+491713920042"}
"""What its courier brings."""
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
    phones: Path
    """The folder of the messages to phones."""
    password: str = PASSWORD
    carrier_key: str = ""
    """The second carrier's API key; empty where there is none."""

    def badge(self) -> str:
        """A new badge of the second carrier's courier, good for a week; "" where there is none."""
        if not self.carrier_key:
            return ""
        try:
            answer = requests.post(
                f"{self.url}/v1/couriers/badges",
                json={"pseudonym": PSEUDONYM},
                headers={"authorization": f"Bearer {self.carrier_key}"},
                timeout=TIMEOUT_S,
            )
        except requests.RequestException as error:
            raise DemoServerError(f"it gives no badge: {error}") from error
        if answer.status_code != 201:
            raise DemoServerError(f"it gives no badge: {answer.text}")
        return str(answer.json()["text"])

    @property
    def account(self) -> str:
        """Who may sign in at its pages."""
        return f"{ACCOUNT} {self.password} (no second factor in the demo)"

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
        is_new = _enrol_once(data, kept, known)
        phones = data / site.messages.folder
        named = (known["url"], known["key"], site.location.id, is_new, network, phones)
        return cls(*named, carrier_key=known.get("carrier_key", ""))

    @classmethod
    def join(cls, site: Site, data: Path, folder: Path) -> DemoServer:
        """The cluster that runs in a folder; the kiosk is enrolled there if it is not.

        Raises `DemoServerError`.
        """
        if not (folder / "cluster.json").exists():
            raise DemoServerError(_no_cluster(folder))
        try:
            plan = plans.load(folder / "cluster.json")
        except CannotServeError as error:
            raise DemoServerError(str(error)) from error
        if not plan.is_made or (is_free(plan.servers[0].port) and is_free(plan.servers[1].port)):
            raise DemoServerError(_no_cluster(folder))
        port = plan.servers[0].port if is_free(plan.balancer_port) else plan.balancer_port
        kept = data / "demo-centre.json"
        if kept.exists():
            known = json.loads(kept.read_text(encoding="utf-8"))
        else:
            central = [*module("central"), "--config", str(_settings_of(folder, plan))]
            near_url = f"http://127.0.0.1:{free_port(NEAR_PORTS)}"
            known = {"near_url": near_url, "key": plan.key, "token": _locate(site, central)}
        if known["key"] != plan.key:
            raise DemoServerError(
                f"this demo was at another cluster than {folder} is now;"
                " make run CLUSTER=1 FRESH=1 starts over"
            )
        near_port = urlsplit(known["near_url"]).port or 0
        if not is_free(near_port):
            raise DemoServerError(f"port {near_port} is taken by something else")
        network = Wire(near_port, port)
        network.join()
        is_new = _enrol_once(data, kept, known)
        url, password = f"http://127.0.0.1:{port}", plan.secrets.account
        place = site.location.id
        return cls(url, plan.key, place, is_new, network, folder / "messages", password)

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
            for row, key in (*((row, self.key) for row in rows), *self._of_second_carrier()):
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
                    headers={"authorization": f"Bearer {key}"},
                    timeout=TIMEOUT_S,
                )

    def _of_second_carrier(self) -> list[tuple[dict[str, str], str]]:
        return [(PARCEL, self.carrier_key)] if self.carrier_key else []


def _has_reported(session: requests.Session, room: str) -> bool:
    """Whether the kiosk has reported its doors, and of the packages behind some of them."""
    try:
        answer = session.get(room, timeout=TIMEOUT_S)
    except requests.RequestException:
        return False
    return answer.ok and any(each["free"] < each["total"] for each in answer.json()["sizes"])


def _no_cluster(folder: Path) -> str:
    return f"no cluster runs in {folder}; make cluster, in another terminal, brings one up"


def _settings_of(folder: Path, plan: plans.Plan) -> Path:
    return folder.absolute() / "servers" / f"{plan.servers[0].name}.toml"


def _enrol_once(data: Path, kept: Path, known: dict[str, str]) -> bool:
    """Enrol the kiosk with the token among what is known, if there is one, and keep the rest;
    whether there was one."""
    is_new = "token" in known
    if is_new:
        enrol = [*module("kiosk"), "enrol", "--config", str(DEMO_SITE), "--data", str(data)]
        _run([*enrol, known["near_url"], known.pop("token")])
    write_private(kept, json.dumps(known))
    return is_new


def _locate(site: Site, central: list[str]) -> str:
    """Make the demo's location known to a server; the token for its kiosk."""
    place = site.location
    where = []
    if place.latitude is not None and place.longitude is not None:
        where = ["--latitude", str(place.latitude), "--longitude", str(place.longitude)]
    named = ["--name", place.name, "--address", place.address]
    listed = _run([*central, "location", "list"]).splitlines()
    is_known = any(line.split("\t")[0] == place.id for line in listed)
    words = ["roll", place.id] if is_known else ["add", place.id, *named, *where]
    said = _run([*central, "location", *words])
    token = re.search(r"kiosk enrol \S+ (\S+)", said)
    if token is None:
        raise DemoServerError(f"it gave no enrolment token: {said}")
    return token[1]


def _central(data: Path) -> list[str]:
    return [*module("central"), "--config", str(data / "demo-centre.toml")]


def _make(site: Site, data: Path) -> dict[str, str]:
    """Its settings, the location, a key for announcing, a second carrier with a key of its own and
    one for badges, an account to look at its pages."""
    port, near_port = free_port(PORTS), free_port(NEAR_PORTS)
    messages = present(site.messages, "the demo's site file says where messages go")
    (data / "demo-centre.toml").write_text(
        f"data = {json.dumps(str((data / 'centre').absolute()))}\nport = {port}\n"
        + rendering.demo((data / messages.folder).absolute()),
        encoding="utf-8",
    )
    central = _central(data)
    _run([*central, "init"])
    token = _locate(site, central)
    key = _run([*central, "key", "add", "The demo"]).split()[-1]
    _run([*central, "carrier", "add", CARRIER, "--name", CARRIER_NAME])
    _run([*central, "badge", "key", CARRIER])
    scopes = ("packages:announce", "packages:read", "locations:read", "couriers:badges")
    named = [part for scope in scopes for part in ("--scope", scope)]
    made = _run([*central, "key", "add", CARRIER_NAME, "--carrier", CARRIER, *named])
    carrier_key = made.split()[-1]
    _run([*central, "user", "add", ACCOUNT, "--role", "admin", "--password", PASSWORD])
    host = "http://127.0.0.1"
    return {
        "url": f"{host}:{port}",
        "near_url": f"{host}:{near_port}",
        "key": key,
        "carrier_key": carrier_key,
        "token": token,
    }


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path.cwd())
    if done.returncode != 0:
        raise DemoServerError((done.stderr or done.stdout).strip().splitlines()[-1])
    return done.stdout
