"""Rules and dashboards, held against Prometheus itself, Grafana's own types and a real server.

A Prometheus scrapes a server with kiosks, packages and messages; every panel's query has to find
something there, and what is wrong at that server has to raise its alert.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from central import schema
from central.adapters import SystemClock
from central.carriers.visible import Visible
from central.monitoring import dashboards
from central.settings import Limits, Webhooks
from central.webhooks import endpoints
from kiosk.model.carriers import OPERATOR
from kiosk.store import intents, packages
from kiosk.store.intents import IntentPurpose, IntentState
from tests.support.central_server import Journal, Server, announce, mail_server, wait_until

MONITORING = Path(dashboards.__file__).parent
ROOT = Path(__file__).parents[2]
ALERTS = re.findall(r"- alert: (\w+)", (MONITORING / "rules.yml").read_text(encoding="utf-8"))
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="Prometheus is not installed: .ci/install test",
)


# --- files -------------------------------------------------------------------------------------


@needs_prometheus
@pytest.mark.parametrize(
    "words",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "rules.yml"),
        ("test", "rules", "rules_test.yml"),
    ],
)
def test_promtool_finds_nothing_wrong(words: tuple[str, ...]) -> None:
    ran = subprocess.run(
        ["promtool", *words], cwd=MONITORING, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_alert_is_tested_and_says_what_to_do() -> None:
    tests = (MONITORING / "rules_test.yml").read_text(encoding="utf-8")
    guide = (ROOT / "docs" / "watch-a-server.md").read_text(encoding="utf-8")
    assert len(ALERTS) == len(set(ALERTS)) > 20
    for alert in ALERTS:
        raised = rf"alertname: {alert}(, exp_alerts: \[\{{|\n +exp_alerts:\n)"
        assert re.search(raised, tests), f"{alert} is raised in no test"
        assert f"| `{alert}` |" in guide, f"{alert} is not in docs/watch-a-server.md"


@pytest.mark.parametrize("board", dashboards.DASHBOARDS, ids=lambda board: board["uid"])
def test_a_dashboard_is_what_grafana_knows(board: dict[str, Any]) -> None:
    file = MONITORING / f"{board['uid']}.json"
    assert file.read_text(encoding="utf-8") == dashboards.text_of(board), (
        "python -m central.monitoring.dashboards writes it"
    )
    raw = json.loads(file.read_text(encoding="utf-8"))
    known = json.loads(JSONEncoder().encode(Dashboard.from_json(raw)))
    assert unknown(raw, known) == []


def test_what_grafana_does_not_know_is_found() -> None:
    raw = json.loads(dashboards.text_of(dashboards.SERVER))
    raw["refreshes"] = raw["panels"][0]["titel"] = "x"
    raw["panels"][1]["gridPos"]["width"] = 1
    known = json.loads(JSONEncoder().encode(Dashboard.from_json(raw)))
    assert unknown(raw, known) == [
        "panels.0.titel",
        "panels.1.gridPos.width",
        "refreshes",
    ]


def unknown(raw: Any, known: Any, where: str = "") -> list[str]:
    """The places in a dashboard that its types have dropped."""
    if isinstance(raw, list):
        pairs = zip(raw, known, strict=True)
        return [each for n, (a, b) in enumerate(pairs) for each in unknown(a, b, f"{where}{n}.")]
    if not isinstance(raw, dict) or known is None:
        return []
    found = []
    for name, value in sorted(raw.items()):
        if name not in known:
            found.append(f"{where}{name}")
        else:
            found += unknown(value, known[name], f"{where}{name}.")
    return found


# --- a real Prometheus -------------------------------------------------------------------------


@dataclass
class Prometheus:
    """A Prometheus that runs."""

    url: str

    def query(self, expression: str) -> list[Any]:
        """What an expression finds now."""
        answer = requests.get(
            f"{self.url}/api/v1/query", params={"query": expression}, timeout=20
        ).json()
        assert answer["status"] == "success", (expression, answer)
        result: list[Any] = answer["data"]["result"]
        return result

    def firing(self) -> set[str]:
        """The alerts that are raised now."""
        alerts = requests.get(f"{self.url}/api/v1/alerts", timeout=20).json()["data"]["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[Prometheus]:
    """A Prometheus with our rules that scrapes one server, in seconds what is minutes else."""
    rules = (MONITORING / "rules.yml").read_text(encoding="utf-8")
    rules = re.sub(r"for: \d+[smh]", "for: 1s", rules)
    rules = re.sub(r"\[(\d+)[mh]\]", "[10s]", rules)
    (folder / "rules.yml").write_text(rules, encoding="utf-8")
    config = (MONITORING / "prometheus.yml").read_text(encoding="utf-8")
    config = re.sub(r"(scrape|evaluation)_interval: \d+s", r"\1_interval: 1s", config)
    config = config.replace('"127.0.0.1:8080"', f'"{target}"')
    (folder / "prometheus.yml").write_text(config, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [f"--config.file={folder / 'prometheus.yml'}", f"--web.listen-address={address}"]
    words += [f"--storage.tsdb.path={folder / 'tsdb'}", "--log.level=error"]
    running = subprocess.Popen(["prometheus", *words])
    try:
        found = Prometheus(f"http://{address}")
        wait_until(lambda: is_ready(found.url))
        yield found
    finally:
        running.terminate()
        running.wait(20)


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


WRONG: dict[str, dict[str, float]] = {
    "LocationFull": {"taken": 10},
    "KioskSilent": {},
    "ManyKiosksSilent": {},
    "BoardAway": {"boards_away": 2},
    "DoorOpen": {"doors_open": 1},
    "KioskHot": {"temperature_c": 95.0},
    "KioskUnwell": {"is_well": False},
    "NoMains": {"is_on_mains": False},
    "JournalWaits": {"queue": 5000},
}
"""What is wrong at a location of its own, by the alert that it raises."""
RAISED = {*WRONG, "OpeningsFail", "LocationOpeningsFail", "EventsQuarantined", "BackupOld"}
OF_THE_MACHINE = {
    *("ServerDown", "DiskFull", "ServerSlow", "WritesSlow", "MessagesLate", "OutboxLate"),
    *("NoKeeper", "TransactionsTriedAgain"),
}
"""What a busy machine may raise by itself, with nothing wrong at the server."""
OF_THE_WINDOW = {"WebhooksStand", "WebhooksFail"}
"""Half an hour is ten seconds here, and a receiver that failed rests for longer."""
NOT_RAISED = set(ALERTS) - RAISED - OF_THE_MACHINE - OF_THE_WINDOW


def add_what_is_wrong(connection: Any, now_ms: int) -> None:
    """A silent location for each thing that may be wrong with one."""
    for name, values in WRONG.items():
        size = {"location": name, "size": "S", "total": 10, "taken": values.get("taken", 0)}
        row = {"id": name, "token_hash": name, "last_sync_ms": now_ms - 1_000_000}
        row |= {column: value for column, value in values.items() if column != "taken"}
        connection.execute(schema.location.insert().values(**row))
        connection.execute(schema.location_size.insert().values(**size))


def go_on(server: Server, kiosk: Journal, sender: dict[str, str], barcode: str) -> None:
    """A package comes, its recipient is notified, its door jams, it goes; one event is forged."""
    before = kiosk.head().seq
    package = str(announce(server, sender, barcode).json()["id"])
    kiosk.announce(barcode, package)
    kiosk.put_in(barcode)
    # Sent at once, so that its recipient is notified while it lies there.
    assert kiosk.send(kiosk.events(before)).ok
    slot, intent = kiosk.do(packages.package, package).slot, kiosk.new_id()
    kiosk.do(intents.intend, intent, slot, IntentPurpose.PICKUP, "customer", package)
    kiosk.do(intents.door_outcome, intent, IntentState.FAILED, "jammed")
    kiosk.take_out(package)
    events = kiosk.events(before)
    assert kiosk.send(events).ok
    assert kiosk.send([events[0].model_copy(update={"hash": "ab" * 32})]).ok
    server.metrics()


UNLIMITED = Limits(
    emails_by_address=1_000_000,
    emails_by_address_and_sender=1_000_000,
    messages_by_location=1_000_000,
    messages_by_location_and_sender=1_000_000,
)


@needs_prometheus
def test_each_panel_finds_something_and_what_is_wrong_raises_its_alert(tmp_path: Path) -> None:
    queries = [
        target["expr"].replace("$region", ".*")
        for board in dashboards.DASHBOARDS
        for each in board["panels"]
        for target in each["targets"]
    ]
    with mail_server() as (port, _box):
        # Messages are to go out for as long as is watched, whatever one person may get in an hour.
        rules = Webhooks(addresses=("127.0.0.1",))
        server = Server(tmp_path / "central", smtp_port=port, limits=UNLIMITED)
        server.others = {"webhooks": rules}
        server.clock.wall_ms = SystemClock().now_ms()
        server.start()
        # Nobody listens there.
        whose = Visible(OPERATOR, None)
        server.write(endpoints.add, server.central, "test", whose, "http://127.0.0.1:1/")
        kiosk = Journal(tmp_path / "kiosk.db")
        assert kiosk.enrol(server, server.add_location()).ok
        assert kiosk.send(kiosk.events()).ok
        server.write(add_what_is_wrong, server.clock.wall_ms)
        sender, barcodes = server.add_key(), (f"B{number}" for number in range(1000))
        with prometheus(tmp_path, f"127.0.0.1:{server.port}") as watching:
            empty, missing = list[str](), set[str]()

            def is_all_there() -> bool:
                go_on(server, kiosk, sender, next(barcodes))
                empty[:] = [each for each in queries if not watching.query(each)]
                # Of PostgreSQL's cluster nothing is known here but that it can be asked for.
                empty[:] = [each for each in empty if "patroni" not in each]
                missing.clear()
                missing.update(RAISED - watching.firing())
                return not empty and not missing

            try:
                wait_until(is_all_there, 200)
            except AssertionError:
                pytest.fail(f"nothing is found by {empty}; not raised: {missing}")
            assert watching.firing() & NOT_RAISED == set()
            server.stop()
            wait_until(lambda: "ServerDown" in watching.firing(), 60)
        kiosk.store.close()
