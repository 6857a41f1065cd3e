"""How many locations servers carry: many kiosks' bytes against real server processes.

    python -m tests.load --locations 1000 --every 10 --seconds 60
    python -m tests.load --fast --events 0 --on postgresql --servers 2 --delay-ms 1.1
    python -m tests.load --compare --json
    python -m tests.load --url http://10.0.0.5:8080 --database-url postgresql+psycopg://…/load

Each location sends its journal as a kiosk does, with hashes that follow. The servers are processes
of their own on loopback, with SQLite or a PostgreSQL in temporary folders; their processor time is
read from the kernel. With `--url` they run already: give the URL of their database too, where
locations for the load are written (use one that is for nothing else).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import click

from central.settings import Settings
from kiosk.sync.contract import SyncAnswer
from tests.load.client import Call, Tally, run
from tests.load.journals import Kiosk, kiosk_of, post
from tests.load.servers import Servers, prepare, running

Figures = dict[str, float | str | None]
LINES = 64
"""So many connections at most."""
ANNOUNCERS = 8
CALLS_PER_S_MAX = 3000
"""More calls than any server answers in a second are not made beforehand."""
EVENTS_PER_S_MAX = 25_000
SETUPS = {
    "sqlite": ("sqlite", 1),
    "postgresql": ("postgresql", 1),
    "postgresql_two": ("postgresql", 2),
}
"""What `--compare` compares: the database, and how many servers."""


def sync_lines(locations: int, calls: int, events: int) -> list[list[Call]]:
    """So many syncs, made beforehand, each location always over the same connection."""
    return syncs_of([kiosk_of(number) for number in range(locations)], calls, events)


def syncs_of(kiosks: Sequence[Kiosk], calls: int, events: int) -> list[list[Call]]:
    """The next syncs of these kiosks."""
    lines: list[list[Call]] = [[] for _ in range(min(LINES, len(kiosks)))]
    for turn in range(calls):
        number = turn % len(kiosks)
        kiosk = kiosks[number]
        request = kiosk.call(events)
        is_right = partial(_is_acknowledged, kiosk.seq) if events else _is_answered
        call = Call(request, is_right, events)
        lines[number % len(lines)].append(call)
    return lines


def _is_acknowledged(seq: int, status: int, body: bytes) -> bool:
    """Whether a sync was answered with all that it sent acknowledged."""
    return status == 200 and SyncAnswer.model_validate_json(body).acked.seq == seq


def _is_answered(status: int, _body: bytes) -> bool:
    return status == 200


def _is_created(status: int, _body: bytes) -> bool:
    return status == 201


def announced(turn: int, location: str) -> dict[str, Any]:
    """What is said of one of many packages."""
    return {
        "barcode": f"LOAD{turn:09}",
        "location": location,
        "size": "S",
        "recipient": {"name": "Eva", "email": f"eva{turn}@example.org"},
    }


def announcement(turn: int, locations: int, api_key: str) -> Call:
    """One of many announcements, over all locations."""
    body = announced(turn, kiosk_of(turn % locations).name)
    request = post("/v1/packages", api_key, json.dumps(body).encode())
    return Call(request, _is_created)


def announce_lines(locations: int, calls: int, api_key: str) -> list[list[Call]]:
    """So many announcements, by callers side by side, over all locations."""
    lines: list[list[Call]] = [[] for _ in range(ANNOUNCERS)]
    for turn in range(calls):
        lines[turn % ANNOUNCERS].append(announcement(turn, locations, api_key))
    return lines


def measure(
    servers: Servers, lines: Sequence[Sequence[Call]], *, pace_per_s: float | None, seconds: float
) -> Figures:
    """Send all of it; what came of it and what it cost."""
    server_s, database_s = servers.server_cpu_s(), servers.database_cpu_s()
    tally = asyncio.run(run(servers.addresses, lines, pace_per_s, seconds))
    server_s = servers.server_cpu_s() - server_s
    database_s = servers.database_cpu_s() - database_s
    figures = figures_of(tally)
    if servers.processes:
        done = max(1, len(tally.took_ms))
        figures |= {
            "server_cpu_ms": round(server_s * 1000 / done, 2),
            "database_cpu_ms": round(database_s * 1000 / done, 2),
            "cores": round((server_s + database_s) / tally.elapsed_s, 2),
        }
        if tally.events:
            busy_s = max(server_s + database_s, 0.01)
            figures["events_per_core_s"] = round(tally.events / busy_s)
    return figures


def figures_of(tally: Tally) -> Figures:
    """What came of the calls, as figures."""
    times_ms = sorted(tally.took_ms) or [0.0]
    figures: Figures = {
        "answered": len(tally.took_ms),
        "per_s": round(len(tally.took_ms) / tally.elapsed_s, 1),
        "events_per_s": round(tally.events / tally.elapsed_s, 1),
        "p50_ms": round(times_ms[len(times_ms) // 2], 1),
        "p99_ms": round(times_ms[int(len(times_ms) * 0.99)], 1),
        "errors": tally.errors,
        "unanswered": tally.unanswered,
        "answered_least": min(tally.answered_by_line, default=0),
    }
    if tally.errors:
        figures["first_error"] = tally.first_error
    return figures


def paced(locations: int, every_s: float, seconds: float, events: int) -> Figures:
    """One server on SQLite, and locations that sync at their pace."""
    with running(locations, "sqlite", 1, 0.0) as servers:
        lines = sync_lines(locations, int(seconds * locations / every_s), events)
        return measure(servers, lines, pace_per_s=locations / every_s, seconds=seconds)


def fast(servers: Servers, locations: int, seconds: float, events: int) -> Figures:
    """Syncs as fast as they are answered."""
    calls = int(seconds * min(CALLS_PER_S_MAX, EVENTS_PER_S_MAX / max(events, 1)))
    lines = sync_lines(locations, calls, events)
    return measure(servers, lines, pace_per_s=None, seconds=seconds)


def announcements(servers: Servers, locations: int, seconds: float) -> Figures:
    """Announcements by eight callers, as fast as they are answered."""
    lines = announce_lines(locations, int(seconds * CALLS_PER_S_MAX / 2), servers.api_key)
    return measure(servers, lines, pace_per_s=None, seconds=seconds)


def compare(locations: int, seconds: float, delay_ms: float) -> dict[str, dict[str, Figures]]:
    """Each database, one server and two: idle syncs, with two events, in batches, announcing."""
    answer = {}
    for name, (database, count) in SETUPS.items():
        figures = {}
        # Each on a database of its own: what one leaves behind is not the next one's.
        for what, events in (("idle", 0), ("two_events", 2), ("hundred_events", 100)):
            with running(locations, database, count, delay_ms) as servers:
                figures[what] = fast(servers, locations, seconds, events)
        with running(locations, database, count, delay_ms) as servers:
            figures["announcements"] = announcements(servers, locations, seconds)
        answer[name] = figures
    return answer


@contextlib.contextmanager
def _elsewhere(urls: Sequence[str], database_url: str, locations: int) -> Iterator[Servers]:
    """Servers that somebody else started."""
    if not database_url:
        raise click.UsageError("--url needs --database-url, where the locations are made known")
    addresses = []
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise click.UsageError(f"--url {url}: http://host:port is right")
        addresses.append((parts.hostname, parts.port or 80))
    with TemporaryDirectory() as folder:
        data = Settings(data=Path(folder), database_url=database_url)
        yield Servers(addresses, prepare(data, locations), [])


@click.command()
@click.option("--locations", default=1000, show_default=True)
@click.option("--every", default=10.0, show_default=True, help="Seconds between a kiosk's syncs.")
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--events", default=2, show_default=True, help="New events in each sync.")
@click.option("--fast", "is_fast", is_flag=True, help="As fast as it goes, in place of --every.")
@click.option("--announce", is_flag=True, help="Announcements in place of syncs; implies --fast.")
@click.option("--on", "database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite")
@click.option("--servers", "count", default=1, show_default=True, help="On PostgreSQL.")
@click.option("--delay-ms", default=0.0, help="Of a round trip to PostgreSQL.")
@click.option("--url", "urls", multiple=True, help="A server that runs already; more than one may.")
@click.option("--database-url", default="", help="Theirs.")
@click.option("--compare", "is_all", is_flag=True, help="SQLite, PostgreSQL, two servers.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def main(
    locations: int,
    every: float,
    seconds: float,
    events: int,
    is_fast: bool,
    announce: bool,
    database: str,
    count: int,
    delay_ms: float,
    urls: tuple[str, ...],
    database_url: str,
    is_all: bool,
    as_json: bool,
) -> None:
    """Measure servers under the load of many locations."""
    if is_all:
        _say({"machine_load": os.getloadavg()[0], **compare(locations, seconds, delay_ms)}, as_json)
        return
    with contextlib.ExitStack() as stack:
        if urls:
            servers = stack.enter_context(_elsewhere(urls, database_url, locations))
        else:
            servers = stack.enter_context(running(locations, database, count, delay_ms))
        if announce:
            figures = announcements(servers, locations, seconds)
        elif is_fast:
            figures = fast(servers, locations, seconds, events)
        else:
            calls = int(seconds * locations / every)
            lines = sync_lines(locations, calls, events)
            figures = measure(servers, lines, pace_per_s=locations / every, seconds=seconds)
    _say({"locations": locations, "machine_load": os.getloadavg()[0], **figures}, as_json)


def _say(figures: dict[str, object], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        click.echo(f"{name:24} {value}")
