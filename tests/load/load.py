"""How many locations one server serves: many kiosks' bytes against a real server process.

    python -m tests.load --locations 1000 --every 10 --seconds 60 --json

Each location sends its journal as a kiosk does, with hashes that follow. The server is a process of
its own on loopback, with SQLite in a temporary folder; its processor time is read from the kernel.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import click
import httpx
from sqlalchemy import Connection, insert

from central import schema
from central.app import build
from central.settings import Settings
from central.tokens import token_hash
from kiosk.model.clock import Instant
from kiosk.model.events import GENESIS, canonical_json, chain_hash
from kiosk.sync.contract import Place, SyncAnswer, SyncRequest, WireEvent

ROOT = Path(__file__).parents[2]
EPOCH = "load"


@dataclass
class Kiosk:
    """One location's journal, as it grows."""

    name: str
    seq: int = 0
    head: bytes = GENESIS

    def request(self, count: int) -> bytes:
        """The bytes of the next sync, with so many new events."""
        events = [self._event() for _ in range(count)]
        place = Place(epoch=EPOCH, seq=self.seq, hash=self.head.hex())
        message = SyncRequest(epoch=EPOCH, events=tuple(events), head=place)
        return gzip.compress(message.model_dump_json(exclude_none=True).encode(), 5)

    def _event(self) -> WireEvent:
        """A package comes and goes, in turns: what a busy kiosk's journal is made of."""
        self.seq += 1
        at = Instant(time.time_ns() // 1_000_000, self.seq, "boot", True)
        turn, is_pickup = divmod(self.seq, 2)
        package = f"{self.name}-{turn}"
        row = {
            "id": package,
            "barcode": package,
            "status": "RETRIEVED" if is_pickup else "STORED",
            "slot": None if is_pickup else "1",
            "locator": "123",
            "code_counter": 1,
            "announced_ms": at.wall_ms,
            "stored_ms": at.wall_ms,
            "hold_until_ms": at.wall_ms + 86_400_000,
        }
        slot = {"label": "1", "size": "S", "status": "EMPTY" if is_pickup else "OCCUPIED"}
        body = canonical_json({"actor": "11", "rows": [["slot", slot], ["package", row]]})
        kind = "PACKAGE_RETRIEVED" if is_pickup else "PACKAGE_STORED"
        self.head = chain_hash(self.head, EPOCH, self.seq, kind, body, at)
        return WireEvent(
            epoch=EPOCH,
            seq=self.seq,
            kind=kind,
            body=body,
            wall_ms=at.wall_ms,
            monotonic_ms=at.monotonic_ms,
            boot_id=at.boot_id,
            is_trusted=True,
            hash=self.head.hex(),
        )


@dataclass
class Tally:
    """What came of the syncs."""

    took_ms: list[float] = field(default_factory=list)
    events: int = 0
    errors: int = 0


def _prepare(folder: Path, locations: int) -> None:
    """A database that knows all these locations."""

    def add(connection: Connection) -> None:
        rows = [
            {"id": f"L{number}", "token_hash": token_hash(f"kiosk_{number}"), "layout_hash": ""}
            for number in range(locations)
        ]
        connection.execute(insert(schema.location), rows)

    central = build(Settings(data=folder))
    central.database.submit(add).result()
    central.database.close()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sync:
    """One sync, ready to be sent."""

    number: int
    name: str
    seq: int
    body: bytes


def _syncs(locations: int, every_s: float, seconds: float, count: int) -> list[Sync]:
    """All that will be sent, made beforehand: the kiosks' own work is not the server's."""
    kiosks = [Kiosk(f"L{number}") for number in range(locations)]
    syncs = []
    for turn in range(int(seconds * locations / every_s)):
        kiosk = kiosks[turn % locations]
        body = kiosk.request(count)
        syncs.append(Sync(turn % locations, kiosk.name, kiosk.seq, body))
    return syncs


async def _one(
    client: httpx.AsyncClient,
    sync: Sync,
    before: asyncio.Task[None] | None,
    count: int,
    tally: Tally,
) -> None:
    if before is not None:
        # A kiosk waits for the answer before it sends again.
        await asyncio.wait([before])
    headers = {"authorization": f"Bearer kiosk_{sync.number}", "content-encoding": "gzip"}
    began_s = time.perf_counter()
    try:
        answer = await client.post(
            f"/v1/locations/{sync.name}/sync", content=sync.body, headers=headers
        )
        took_ms = (time.perf_counter() - began_s) * 1000
        acked = SyncAnswer.model_validate_json(answer.content).acked.seq
        if acked != sync.seq:
            raise ValueError(f"{acked} was acknowledged, {sync.seq} was sent")
    except (httpx.HTTPError, ValueError):
        tally.errors += 1
        return
    tally.took_ms.append(took_ms)
    tally.events += count


async def _load(url: str, syncs: list[Sync], pace_per_s: float, count: int) -> tuple[Tally, float]:
    tally, limits = Tally(), httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as client:
        began_s = time.perf_counter()
        last: dict[int, asyncio.Task[None]] = {}
        for place, sync in enumerate(syncs):
            # Evenly spread: each sync is due at its own moment, however late the last one was.
            early_s = place / pace_per_s - (time.perf_counter() - began_s)
            if early_s > 0:
                await asyncio.sleep(early_s)
            before = last.get(sync.number)
            last[sync.number] = asyncio.create_task(_one(client, sync, before, count, tally))
        if last:
            await asyncio.wait(last.values())
        return tally, time.perf_counter() - began_s


def _wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise click.ClickException("the server did not start")


def measure(locations: int, every_s: float, seconds: float, count: int) -> dict[str, float]:
    """Run the load; the figures."""
    with tempfile.TemporaryDirectory() as folder:
        _prepare(Path(folder), locations)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        syncs = _syncs(locations, every_s, seconds, count)
        command = [sys.executable, "-m", "central", "--data", folder, "serve", "--port", str(port)]
        server = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(port)
            before_s = _cpu_s(server.pid)
            tally, took_s = asyncio.run(
                _load(f"http://127.0.0.1:{port}", syncs, locations / every_s, count)
            )
            cpu_s = _cpu_s(server.pid) - before_s
        finally:
            server.terminate()
            server.wait()
    times_ms = sorted(tally.took_ms) or [0.0]
    done = max(1, len(tally.took_ms))
    return {
        "locations": locations,
        "every_s": every_s,
        "syncs_per_s": round(len(tally.took_ms) / took_s, 1),
        "events_per_s": round(tally.events / took_s, 1),
        "p50_ms": round(times_ms[len(times_ms) // 2], 1),
        "p99_ms": round(times_ms[int(len(times_ms) * 0.99)], 1),
        "errors": tally.errors,
        "server_cpu_ms_per_sync": round(cpu_s * 1000 / done, 2),
        "server_cores": round(cpu_s / took_s, 2),
    }


@click.command()
@click.option("--locations", default=1000, show_default=True)
@click.option("--every", default=10.0, show_default=True, help="Seconds between a kiosk's syncs.")
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--events", default=2, show_default=True, help="New events in each sync.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def main(locations: int, every: float, seconds: float, events: int, as_json: bool) -> None:
    """Measure one server under the load of many locations."""
    figures = measure(locations, every, seconds, events)
    if as_json:
        click.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        click.echo(f"{name:24} {value}")
