"""Mails at a steady rate to a mail server far away, and a worker that is killed meanwhile.

    python -m tests.load.mails --rate 120 --seconds 30 --delay-ms 100 --workers 3 --kill
    python -m tests.load.mails --on sqlite --rate 10 --seconds 3

Packages lie in lockers, and one message after the other becomes due. Printed: how many reached the
mail server, within which time from when each was due, how many did not, and how many twice.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from aiosmtpd.controller import Controller
from sqlalchemy import Connection, insert

from central import schema
from central.building import build
from central.context import Central
from central.settings import Settings
from tests.load.delay import delayed
from tests.load.servers import configured, free_port, migrated, serving
from tests.support.postgresql import Cluster

LOCATIONS = 20
"""So many locations the packages lie at: what goes out for one of them has its ceiling."""
SOON_S = 30.0
"""Within which a message is to go out."""
PATIENCE_S = 120.0
ID = re.compile(rb"^Message-ID: <([^@>]+)", re.MULTILINE | re.IGNORECASE)
SMTP = """
[smtp]
host = "127.0.0.1"
port = {port}
sender = "lockers@example.org"
security = "none"
connections = {connections}
"""


@dataclass(frozen=True, slots=True)
class Way:
    """What sends them, and over which line."""

    database: str = "postgresql"
    workers: int = 3
    connections: int = 64
    """Of each worker, to the mail server."""
    delay_ms: float = 100.0
    """Of a round trip to the mail server."""


@dataclass
class Arrived:
    """When each mail came to the mail server, by its id, as often as it came."""

    at_s: dict[str, list[float]] = field(default_factory=dict)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        found = ID.search(envelope.content)
        assert found is not None
        self.at_s.setdefault(found[1].decode(), []).append(time.monotonic())
        return "250 OK"


@dataclass(frozen=True, slots=True)
class Mails:
    """What came of them."""

    due_s: dict[str, float]
    """When each was due."""
    arrived: Arrived

    @property
    def lost(self) -> list[str]:
        """Those that never arrived."""
        return [each for each in self.due_s if each not in self.arrived.at_s]

    @property
    def again(self) -> int:
        """How many arrived that had arrived before."""
        return sum(len(times) - 1 for times in self.arrived.at_s.values())

    def share_soon(self, soon_s: float = SOON_S) -> float:
        """Which share arrived in time."""
        times = self._took_s()
        return sum(took_s <= soon_s for took_s in times) / max(1, len(self.due_s))

    def figures(self) -> dict[str, float]:
        """As figures."""
        times = self._took_s() or [0.0]
        parts = {"p50_s": 0.5, "p99_s": 0.99, "p999_s": 0.999}
        return {
            "mails": len(self.due_s),
            "arrived": len(times),
            "lost": len(self.lost),
            "again": self.again,
            **{name: round(times[int(len(times) * at)], 2) for name, at in parts.items()},
            "longest_s": round(times[-1], 2),
            "share_within_30_s": round(self.share_soon(), 5),
        }

    def _took_s(self) -> list[float]:
        known = self.arrived.at_s.items()
        return sorted(times[0] - self.due_s[each] for each, times in known if each in self.due_s)


def mails(way: Way, rate: float, seconds: float, *, kills: bool, waits: bool = True) -> Mails:
    """Send them; `kills`: the first worker, in the middle; `waits` for all that are to come."""
    count = int(rate * seconds)
    with _running(way, count) as (central, workers, arrived):
        sent = Mails({}, arrived)
        began_s, killed = time.monotonic(), False
        for number in range(count):
            time.sleep(max(0.0, began_s + number / rate - time.monotonic()))
            if kills and not killed and number >= count / 2:
                os.kill(workers[0], signal.SIGKILL)
                killed = True
            notification, at_s = str(uuid.uuid4()), time.monotonic()
            central.database.submit(_make_due, central, notification, number).result()
            sent.due_s[notification] = at_s
        until_s = time.monotonic() + PATIENCE_S
        while waits and sent.lost and time.monotonic() < until_s:
            time.sleep(0.1)
    return sent


def _make_due(connection: Connection, central: Central, notification: str, number: int) -> None:
    now_ms = central.clock.now_ms()
    values = {
        "id": notification,
        "kind": "stored",
        "package": f"p{number}",
        "location": f"L{number % LOCATIONS}",
        "recipient": f"r{number}",
        "channel": "email",
        "created_ms": now_ms,
        "due_ms": now_ms,
    }
    connection.execute(insert(schema.notification).values(**values))


def _prepare(connection: Connection, central: Central, count: int) -> None:
    key = central.secrets.seal(bytes(32))
    locations = [{"id": f"L{n}", "name": "Market", "key_sealed": key} for n in range(LOCATIONS)]
    connection.execute(insert(schema.location), locations)
    people = [
        {"id": f"r{n}", "name": f"Eva {n}", "email": f"eva{n}@example.org"} for n in range(count)
    ]
    held_ms = central.clock.now_ms() + 86_400_000
    packages = [
        {
            "id": f"p{n}",
            "location": f"L{n % LOCATIONS}",
            "barcode": f"B{n}",
            "status": "STORED",
            "slot": "1",
            "recipient": f"r{n}",
            "locator": "123",
            "code_counter": 1,
            "hold_until_ms": held_ms,
        }
        for n in range(count)
    ]
    connection.execute(insert(schema.recipient), people)
    connection.execute(insert(schema.package), packages)


@contextmanager
def _running(way: Way, count: int) -> Iterator[tuple[Central, list[int], Arrived]]:
    """The parts beside the workers, the workers' processes, and what arrives."""
    with ExitStack() as stack:
        folder, arrived = Path(stack.enter_context(TemporaryDirectory())), Arrived()
        sink = Controller(arrived, hostname="127.0.0.1", port=free_port())
        sink.start()
        stack.callback(sink.stop)
        url = ""
        if way.database == "postgresql":
            cluster = Cluster(fsync="on", synchronous_commit="on", full_page_writes="on")
            stack.callback(cluster.stop)
            url = migrated(cluster.new_database(is_empty=True))
        port = stack.enter_context(delayed(f"127.0.0.1:{sink.port}", way.delay_ms))
        config = configured(folder, url)
        config.write_text(config.read_text() + SMTP.format(port=port, connections=way.connections))
        settings = Settings(data=folder, database_url=url)
        first = build(settings)
        first.database.submit(_prepare, first, count).result()
        first.database.close()
        workers = [stack.enter_context(serving(config))[1] for _ in range(way.workers)]
        central = build(settings, may_be_beside=True)
        stack.callback(central.database.close)
        yield central, workers, arrived


@click.command()
@click.option("--rate", default=120.0, show_default=True, help="Mails a second.")
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--delay-ms", default=100.0, show_default=True, help="Of a round trip to the server.")
@click.option("--connections", default=64, show_default=True, help="To it, of each worker.")
@click.option("--workers", default=3, show_default=True, help="On PostgreSQL.")
@click.option("--on", "database", type=click.Choice(["sqlite", "postgresql"]), default="postgresql")
@click.option("--kill", is_flag=True, help="Kill a worker in the middle.")
def main(
    rate: float,
    seconds: float,
    delay_ms: float,
    connections: int,
    workers: int,
    database: str,
    kill: bool,
) -> None:
    """Measure how soon mails go out."""
    way = Way(database, workers if database == "postgresql" else 1, connections, delay_ms)
    sent = mails(way, rate, seconds, kills=kill)
    click.echo(json.dumps({"machine_load": os.getloadavg()[0], **sent.figures()}))


if __name__ == "__main__":
    main()
