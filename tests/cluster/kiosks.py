"""Many kiosks at a cluster's servers, each with a journal that grows.

They are simulated: real journals with hashes that follow, sent to one of their addresses after the
other with the kiosk's own time-outs and back-off. What each was promised to be kept is held against
the database at the end.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urlsplit

import psycopg
from pydantic import ValidationError

from central.tokens import token_hash
from kiosk.sync.client import BACK_OFF_MAX_S, BACK_OFF_S, JITTER
from kiosk.sync.contract import SyncAnswer
from kiosk.sync.servers import TIMEOUT_S
from tests.load.journals import EPOCH, Kiosk

GIVEN_UP = 8
"""So many failures one after the other end a kiosk that is to end."""
Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class Sync:
    """What came of one sync, by whichever address."""

    began_s: float
    ended_s: float
    problem: str
    """Why nobody answered it as it should; empty: one did."""


@dataclass
class SimulatedKiosk:
    """One location."""

    name: str
    urls: tuple[str, ...]
    journal: Kiosk = field(init=False)
    acknowledged: int = 0
    """Up to here the server said that it has it."""
    waiting: bytes | None = None
    """What it sends until somebody has it."""

    def __post_init__(self) -> None:
        self.journal = Kiosk(self.name)

    async def sync(self) -> str:
        """One sync, at the next address where one does not answer; the problem, or nothing."""
        if self.waiting is None:
            self.waiting = self.journal.request(2)
        problem = ""
        for _ in self.urls:
            problem = await self._ask(self.urls[0], self.waiting)
            if not problem:
                self.acknowledged, self.waiting = self.journal.seq, None
                return ""
            self.urls = (*self.urls[1:], self.urls[0])
        return problem

    async def _ask(self, url: str, body: bytes) -> str:
        parts = urlsplit(url)
        head = (
            f"POST /v1/locations/{self.name}/sync HTTP/1.1\r\nhost: {parts.netloc}\r\n"
            f"authorization: Bearer kiosk_{self.name}\r\ncontent-encoding: gzip\r\n"
            f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(TIMEOUT_S[0]):
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            async with asyncio.timeout(TIMEOUT_S[1]):
                writer.write(head.encode() + body)
                said = await reader.read()
            writer.close()
        except TimeoutError:
            return "time-out"
        except OSError as error:
            return type(error).__name__
        return self._problem_of(said)

    def _problem_of(self, said: bytes) -> str:
        head, _, text = said.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            return f"{head[9:12].decode() or 'hung up'} {text[:200].decode(errors='replace')}"
        try:
            answer = SyncAnswer.model_validate_json(text)
        except ValidationError:
            return "half an answer"
        if answer.acked.epoch != EPOCH or answer.acked.seq != self.journal.seq:
            return f"{answer.acked.seq} of {self.journal.seq} acknowledged"
        return "parked" if answer.parked else ""


class Kiosks:
    """All of them, in a thread of their own while the `with` block lasts."""

    def __init__(self, town: str, urls: Sequence[tuple[str, ...]], every_s: float) -> None:
        """One for each list of addresses; `town` is how their names begin."""
        self.all = [SimulatedKiosk(f"{town}-{n}", each) for n, each in enumerate(urls)]
        self.syncs: list[Sync] = []
        self._every_s, self._rng = every_s, random.Random(1)
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def make_known(self, connection: Connection) -> None:
        """Have the servers know each of them, as if it had enrolled."""
        rows = [(each.name, token_hash(f"kiosk_{each.name}")) for each in self.all]
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO location (id, token_hash, layout_hash) VALUES (%s, %s, '')", rows
            )

    def __enter__(self) -> Kiosks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending.set()
        self._thread.join()

    @property
    def failed(self) -> Counter[str]:
        """The syncs that no address answered as it should, by their problems."""
        return Counter(each.problem for each in self.syncs if each.problem)

    @property
    def longest_gap_s(self) -> float:
        """The longest time in which no sync came to its end."""
        ends = sorted(each.ended_s for each in self.syncs if not each.problem)
        return max((after - before for before, after in pairwise(ends)), default=0.0)

    def all_came_since(self, began_s: float) -> bool:
        """Whether so many syncs as there are kiosks began since then and came to a good end."""
        good = sum(each.began_s > began_s and not each.problem for each in list(self.syncs))
        return good >= len(self.all)

    async def _run(self) -> None:
        await asyncio.gather(*(self._live(each) for each in self.all))

    async def _live(self, kiosk: SimulatedKiosk) -> None:
        """As the kiosk's own thread does, until the end; what waits is sent to its end."""
        failures = 0
        await self._pause(self._rng.uniform(0, self._every_s))
        while not self._is_ending.is_set() or (kiosk.waiting is not None and failures < GIVEN_UP):
            began_s = time.monotonic()
            problem = await kiosk.sync()
            self.syncs.append(Sync(began_s, time.monotonic(), problem))
            failures = failures + 1 if problem else 0
            wait_s = self._every_s
            if failures:
                wait_s = min(BACK_OFF_MAX_S, BACK_OFF_S * 2.0 ** (failures - 1))
            await self._pause(wait_s * self._rng.uniform(*JITTER))

    async def _pause(self, wait_s: float) -> None:
        until_s = time.monotonic() + wait_s
        while not self._is_ending.is_set() and time.monotonic() < until_s:
            await asyncio.sleep(min(0.2, max(0.0, until_s - time.monotonic())))


def lost(connection: Connection, promised: Mapping[str, int]) -> dict[str, int]:
    """How many events of each location the database lacks that were acknowledged."""
    rows = connection.execute(
        "SELECT location, seq FROM event WHERE epoch = %s ORDER BY location, seq", (EPOCH,)
    ).fetchall()
    held: dict[str, set[int]] = {}
    for location, seq in rows:
        held.setdefault(str(location), set()).add(int(str(seq)))
    missing = {
        name: len(set(range(1, seq + 1)) - held.get(name, set())) for name, seq in promised.items()
    }
    return {name: count for name, count in missing.items() if count}


def wait_until(is_so: Callable[[], bool], patience_s: float, what: str) -> None:
    """Wait for something that must come."""
    until_s = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < until_s, f"{what}: not within {patience_s:g} s"
        time.sleep(0.1)
