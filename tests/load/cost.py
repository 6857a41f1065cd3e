"""What one sync costs inside the server: its statements, and its processor time.

    python -m tests.load.cost
    python -m tests.load.cost --on postgresql --events 100 --profile

The operation runs as the server runs it, on the database's own writer, and without HTTP. Statements
are counted; processor time is that of the writer's thread, so that it holds on a machine that does
something else as well. `--profile` adds where the time goes, `--statements` what was asked.
"""

from __future__ import annotations

import cProfile
import pstats
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from sqlalchemy import Connection, event

from central.app import build
from central.context import Central
from central.settings import Settings, load
from central.sync import service
from kiosk.sync.bodies import text_of
from kiosk.sync.contract import SyncRequest, read_message
from tests.load.journals import Kiosk, kiosk_of
from tests.load.servers import configured, migrated, prepare
from tests.support.postgresql import Cluster

KINDS_OF_SYNC = {"idle": 0, "two_events": 2, "hundred_events": 100}
WARM_UP = 20
"""The first ones build statements and open connections."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one sync, the middle of many."""

    statements: float
    cpu_ms: float
    asked: Counter[str]
    """Each statement and how often it was asked, in one sync."""

    def said(self) -> dict[str, float]:
        """As figures."""
        return {"statements": self.statements, "cpu_ms": self.cpu_ms}


@contextmanager
def server(database: str, locations: int) -> Iterator[Central]:
    """The inside of a server that knows so many locations. `database`: `sqlite`, `postgresql`."""
    with ExitStack() as stack:
        folder, url = Path(stack.enter_context(TemporaryDirectory())), ""
        if database == "postgresql":
            cluster = Cluster()
            stack.callback(cluster.stop)
            url = migrated(cluster.new_database(is_empty=True))
        config = configured(folder, url)
        prepare(Settings(data=folder, database_url=url), locations)
        central = build(load(config))
        stack.callback(central.database.close)
        yield central


def measure(
    central: Central,
    kiosks: Sequence[Kiosk],
    syncs: int,
    events: int,
    profile: cProfile.Profile | None = None,
) -> Cost:
    """So many syncs, one after the other, by these kiosks in turn."""
    asked: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        asked.append(statement)

    engine = central.database.engine
    took_ms: list[float] = []
    counts: list[int] = []
    event.listen(engine, "before_cursor_execute", note)
    try:
        for turn in range(WARM_UP + syncs):
            kiosk = kiosks[turn % len(kiosks)]
            message = read_message(SyncRequest, text_of(kiosk.request(events), "gzip"))
            is_warm = turn >= WARM_UP
            asked.clear()
            work = _timed(central, kiosk, message, profile if is_warm else None)
            took = central.database.at(kiosk.name, may_repeat=True).submit(work).result()
            if is_warm:
                took_ms.append(took)
                counts.append(len(asked))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return Cost(statistics.median(counts), round(statistics.median(took_ms), 3), Counter(asked))


def _timed(
    central: Central, kiosk: Kiosk, message: SyncRequest, profile: cProfile.Profile | None
) -> Callable[[Connection], float]:
    def work(connection: Connection) -> float:
        began_s = time.thread_time()
        if profile is not None:
            profile.enable()
        answer = service.sync(connection, central, kiosk.name, kiosk.token, message)
        if profile is not None:
            profile.disable()
        assert answer.acked.seq == kiosk.seq
        return (time.thread_time() - began_s) * 1000

    return work


@click.command()
@click.option("--on", "database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite")
@click.option("--locations", default=100, show_default=True)
@click.option("--syncs", default=300, show_default=True)
@click.option("--events", type=int, help="New events in each; else none, two and a hundred.")
@click.option("--profile", "is_profiled", is_flag=True, help="Where the time goes.")
@click.option("--statements", "is_shown", is_flag=True, help="What was asked, in one sync.")
def main(
    database: str,
    locations: int,
    syncs: int,
    events: int | None,
    is_profiled: bool,
    is_shown: bool,
) -> None:
    """What one sync costs inside the server."""
    wanted: dict[str, Any] = KINDS_OF_SYNC if events is None else {f"{events}_events": events}
    with server(database, locations) as central:
        kiosks = [kiosk_of(number) for number in range(locations)]
        for name, count in wanted.items():
            profile = cProfile.Profile() if is_profiled else None
            cost = measure(central, kiosks, syncs, count, profile)
            click.echo(f"{database} {name}: {cost.said()}")
            for statement, times in cost.asked.items() if is_shown else ():
                click.echo(f"  {times} × {' '.join(statement.split())[:200]}")
            if profile is not None:
                pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
