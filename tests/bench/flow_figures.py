"""What a flow costs the disk, how a kiosk with a long past starts, whether memory stays flat."""

from __future__ import annotations

import gc
import random
import resource
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk.flows.events import Pressed, Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import Receipt, ScanPackage
from kiosk.flows.views.customer import First, Thanks
from kiosk.model.clock import Instant
from kiosk.model.events import GENESIS, EventKind, canonical_json, chain_hash
from kiosk.store.answers import Answer
from kiosk.store.store import Store
from tests.bench.figures import Figures
from tests.support.flow_site import LOCATION_KEY, LoopClock, Running, World, running
from tests.support.virtual_loop import run_virtually
from tests.support.visits import sign_in, store

EVENTS = 1_000_000


class CountingStore(Store):
    """Counts the transactions that wrote something: each is one durable commit when it is alone."""

    commits: list[str]

    def submit(self, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Answer[Any]:
        before = self._writer.head.seq
        future = super().submit(operation, *args, **kwargs)
        if self._writer.head.seq != before:
            self.__dict__.setdefault("commits", []).append(operation.__name__)
        return future

    def written_since(self, mark: int) -> list[str]:
        commits: list[str] = self.__dict__.get("commits", [])
        return commits[mark:]


def flow_transactions(folder: Path) -> Figures:
    """How many durable commits a deposit and a pickup take.

    Three each: the intent, which must be durable before the pulse; what the door did, so that a
    power cut a moment later leaves no doubt whether it opened; and how it ended.
    """
    figures: Figures = {}
    path = folder / "flows"
    path.mkdir()

    async def story() -> None:
        async with running(World(path), CountingStore) as kiosk:
            await kiosk.player.until(First)
            await sign_in(kiosk)
            await kiosk.player.until(ScanPackage)
            figures["deposit"] = await _commits(kiosk, lambda: store(kiosk, "ONE"), announced=1)
            kiosk.player.do(Pressed(Choice.DONE))
            await kiosk.player.until(Receipt)
            kiosk.player.do(Pressed(Choice.DONE))
            await kiosk.player.until(First)
            code = await kiosk.code_of("ONE")

            async def fetch() -> None:
                kiosk.player.do(Scanned(f"PK1:demo:{code}"))
                await kiosk.player.until(Thanks)

            figures["pickup"] = await _commits(kiosk, fetch, announced=0)

    run_virtually(story())
    return {"flow_transactions": figures}


async def _commits(kiosk: Running, act: Callable[[], Any], announced: int) -> int:
    counting = kiosk.kiosk.store
    assert isinstance(counting, CountingStore)
    mark = len(counting.written_since(0))
    await act()
    return len(counting.written_since(mark)) - announced


def long_past(folder: Path, events: int = EVENTS) -> Figures:
    """How long the store takes to open with a journal of so many events."""
    path = folder / "past.db"
    Store(path, LoopClock(), random.Random(1), threaded=False).close()
    _write_events(path, events)
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        past = Store(path, LoopClock(), random.Random(1), threaded=False)
        past.use_key(LOCATION_KEY)
        seconds.append(time.perf_counter() - began)
        past.close()
    size_mb = path.stat().st_size / 1e6
    return {
        "open_with_long_journal": {
            "events": events,
            "size_mb": round(size_mb, 1),
            "open_s": round(sorted(seconds)[1], 3),
        }
    }


def _write_events(path: Path, count: int) -> None:
    """A sound chain of events, written at once."""
    connection = sqlite3.connect(path, isolation_level=None)
    [epoch] = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    body = canonical_json({"board": "left", "reachable": True, "reason": "x" * 160})
    kind, previous = EventKind.BOARD_CHANGED, GENESIS
    connection.execute("BEGIN")
    for seq in range(1, count + 1):
        at = Instant(1_794_000_000_000 + seq, seq, "bench", True)
        previous = chain_hash(previous, epoch, seq, kind, body, at)
        connection.execute(
            "INSERT INTO journal (seq, epoch, kind, body, wall_ms, monotonic_ms, boot_id,"
            " is_trusted, hash) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)",
            (seq, epoch, kind.value, body, at.wall_ms, at.monotonic_ms, at.boot_id, previous),
        )
    connection.execute("COMMIT")
    connection.close()


def memory(folder: Path, rounds: int = 400) -> Figures:
    """How much the process grows over so many deposits and pickups, after the first quarter."""
    path = folder / "memory"
    path.mkdir()
    grown: dict[str, float] = {}

    async def story() -> None:
        async with running(World(path)) as kiosk:
            await kiosk.player.until(First)
            for turn in range(rounds):
                await _round(kiosk, f"B{turn}")
                if turn == rounds // 4:
                    gc.collect()
                    grown["from"] = resident_mb()
            gc.collect()
            grown["to"] = resident_mb()

    run_virtually(story())
    return {
        "memory_growth": {"rounds": rounds, "mb": round(grown["to"] - grown["from"], 2)},
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


async def _round(kiosk: Running, barcode: str) -> None:
    await sign_in(kiosk)
    await store(kiosk, barcode)
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(Receipt)
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(First)
    kiosk.player.do(Scanned(f"PK1:demo:{await kiosk.code_of(barcode)}"))
    await kiosk.player.until(Thanks)
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(First)


def resident_mb() -> float:
    """What the process holds in memory now."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0
