"""Many kiosks that wait at a server for what it has for them, and some that are woken.

    python -m tests.load.waiting --kiosks 10000

Each holds a connection with a waiting request, as an idle kiosk does. Then packages are announced
for some. Printed: how long after the announcement was sent each of those heard of it, how many were
answered for nothing, and what the server needs of processor and memory while all wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from central.settings import Settings
from kiosk.sync.contract import WaitAnswer
from tests.load.client import answer_of, run
from tests.load.journals import get, kiosk_of
from tests.load.load import Figures, announcement
from tests.load.servers import Servers, configured, prepare, serving
from tests.support.exposition import value

AT_ONCE = 200
"""So many connections are opened at a time."""
PATIENCE_S = 120.0
WAIT_S = 300
"""How long a request may wait: longer than a measurement."""
OTHERS = 2000
"""Connections beside those that wait; and files that either side needs for itself."""


@dataclass
class Woken:
    """What came of it."""

    took_ms: dict[int, float] = field(default_factory=dict)
    """Of each kiosk that was notified, by its number: from when its package was sent."""
    for_nothing: int = 0
    """How many were answered, and not notified."""
    resident_mb: float = 0.0
    idle_cores: float = 0.0
    """What the server uses while all wait and nothing comes."""

    def said(self) -> Figures:
        """As figures."""
        times_ms = sorted(self.took_ms.values()) or [0.0]
        return {
            "woken": len(self.took_ms),
            "for_nothing": self.for_nothing,
            "p50_ms": round(times_ms[len(times_ms) // 2], 1),
            "p99_ms": round(times_ms[int(len(times_ms) * 0.99)], 1),
            "resident_mb": self.resident_mb,
            "idle_cores": self.idle_cores,
        }


@contextmanager
def waited_at(kiosks: int) -> Iterator[Servers]:
    """A server at which so many may wait."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(kiosks + OTHERS, hard), hard))
    with TemporaryDirectory() as name:
        folder = Path(name)
        config = configured(folder, most=OTHERS, waiting=kiosks)
        config.write_text(f"wait_s = {WAIT_S}\n" + config.read_text())
        api_key = prepare(Settings(data=folder), kiosks)
        with serving(config) as (address, process):
            yield Servers([address], api_key, [process])


async def wake(servers: Servers, kiosks: int, some: Sequence[int], quiet_s: float) -> Woken:
    """Let all wait, leave them for so long; then announce a package for some, in their order."""
    [address] = servers.addresses
    woken, began_s = Woken(), dict.fromkeys(some, 0.0)
    sending = asyncio.Semaphore(AT_ONCE)
    all_woken = asyncio.Event()

    async def wait(number: int) -> None:
        kiosk = kiosk_of(number)
        async with sending:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(get(f"/v1/locations/{kiosk.name}/wait?cursor=0", kiosk.token))
            await writer.drain()
        try:
            status, body, _ = await answer_of(reader)
        finally:
            writer.close()
        if status == 200 and WaitAnswer.model_validate_json(body).is_due and began_s.get(number):
            woken.took_ms[number] = (time.perf_counter() - began_s[number]) * 1000
        else:
            woken.for_nothing += 1
        if len(woken.took_ms) == len(some):
            all_woken.set()

    tasks = [asyncio.create_task(wait(number)) for number in range(kiosks)]
    try:
        await _until_all_wait(servers, kiosks, tasks)
        cpu_s = servers.server_cpu_s()
        await asyncio.sleep(quiet_s)
        woken.idle_cores = round((servers.server_cpu_s() - cpu_s) / max(quiet_s, 0.001), 3)
        woken.resident_mb = _resident_mb(servers.processes[0])
        for number in some:
            began_s[number] = time.perf_counter()
            call = announcement(number, kiosks, servers.api_key)
            tally = await run(servers.addresses, [[call]])
            assert tally.errors == 0, tally.first_error
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(all_woken.wait(), PATIENCE_S)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return woken


async def _until_all_wait(
    servers: Servers, kiosks: int, tasks: Sequence[asyncio.Task[None]]
) -> None:
    """Until the server says that so many wait, or one was refused."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        reader, writer = await asyncio.open_connection(*servers.addresses[0])
        writer.write(get("/metrics", ""))
        _, body, _ = await answer_of(reader)
        writer.close()
        waiting = value(body.decode(), "locker_kiosks_waiting")
        if waiting >= kiosks:
            return
        ended = [task for task in tasks if task.done()]
        assert not ended, ended[0]
        assert time.monotonic() < deadline_s, f"{waiting} wait"
        await asyncio.sleep(0.1)


def _resident_mb(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e6, 1)


@click.command()
@click.option("--kiosks", default=10_000, show_default=True)
@click.option("--woken", default=200, show_default=True)
@click.option("--quiet-s", default=10.0, show_default=True, help="So long nothing comes.")
def main(kiosks: int, woken: int, quiet_s: float) -> None:
    """Measure a server at which many kiosks wait."""
    some = range(0, kiosks, max(1, kiosks // woken))
    with waited_at(kiosks) as servers:
        figures = asyncio.run(wake(servers, kiosks, some, quiet_s)).said()
    click.echo(json.dumps({"kiosks": kiosks, "machine_load": os.getloadavg()[0], **figures}))


if __name__ == "__main__":
    main()
