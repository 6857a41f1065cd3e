"""What one sync, and one announcement, costs inside the server: statements and processor time.

    python -m tests.load.cost
    python -m tests.load.cost --on postgresql --events 100 --profile

The operation runs as the server runs it, on the database's own writer, and without HTTP. Statements
are counted; processor time is that of the writer's thread, so that it holds on a machine that does
something else as well. `--profile` adds where the time goes, `--statements` what was asked.
"""

from __future__ import annotations

import cProfile
import itertools
import pstats
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from sqlalchemy import Connection, event, select

from central import schema
from central.building import build
from central.context import Central
from central.packages import once
from central.packages import service as packages
from central.packages.requests import Announcement
from central.settings import Settings, load
from central.sync import service
from kiosk.sync.bodies import text_of
from kiosk.sync.contract import SyncRequest, read_message
from tests.load.journals import Kiosk, kiosk_of
from tests.load.load import announced
from tests.load.servers import configured, migrated, prepare
from tests.support.postgresql import Cluster

KINDS_OF_SYNC = {"idle": 0, "two_events": 2, "hundred_events": 100}
WARM_UP = 20
"""The first ones build statements and open connections."""
COUNTED = 11
"""Of so many the statements are counted."""
Work = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one of them, the middle of many."""

    statements: float
    cpu_ms: float
    asked: Counter[str]
    """Each statement and how often it was asked, in the last one."""

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
    works: Iterator[tuple[str, Work]],
    times: int,
    profile: cProfile.Profile | None = None,
) -> Cost:
    """So many works, one after the other: each with its location."""
    took_ms = [_took_ms(central, *next(works), None) for _ in range(WARM_UP)]
    took_ms = [_took_ms(central, *next(works), profile) for _ in range(times)]
    asked: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        asked.append(statement)

    # Apart from what is timed: whoever listens costs each statement a third of what it takes.
    engine = central.database.engine
    counts: list[int] = []
    event.listen(engine, "before_cursor_execute", note)
    try:
        for _ in range(COUNTED):
            asked.clear()
            _took_ms(central, *next(works), None)
            counts.append(len(asked))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return Cost(statistics.median(counts), round(statistics.median(took_ms), 3), Counter(asked))


def _took_ms(
    central: Central, location: str, work: Work, profile: cProfile.Profile | None
) -> float:
    def timed(connection: Connection) -> float:
        began_s = time.thread_time()
        if profile is not None:
            profile.enable()
        work(connection)
        if profile is not None:
            profile.disable()
        return (time.thread_time() - began_s) * 1000

    return central.database.at(location, may_repeat=True).submit(timed).result()


def syncs(central: Central, kiosks: Sequence[Kiosk], events: int) -> Iterator[tuple[str, Work]]:
    """Syncs with so many new events, by these kiosks in turn."""
    for turn in itertools.count():
        kiosk = kiosks[turn % len(kiosks)]
        message = read_message(SyncRequest, text_of(kiosk.request(events), "gzip"))
        yield kiosk.name, partial(_sync, central, kiosk, message)


def _sync(central: Central, kiosk: Kiosk, message: SyncRequest, connection: Connection) -> None:
    answer = service.sync(connection, central, kiosk.name, kiosk.token, message)
    assert answer.acked.seq == kiosk.seq


def announcements(central: Central, kiosks: Sequence[Kiosk]) -> Iterator[tuple[str, Work]]:
    """Packages announced with a contact and a key, to these kiosks' locations in turn."""
    with central.database.reading() as connection:
        by = connection.execute(select(schema.api_key.c.id)).scalar_one()
    for turn in itertools.count():
        of_one = announced(turn, kiosks[turn % len(kiosks)].name)
        wanted = Announcement.model_validate(of_one)
        yield wanted.location, partial(_announce, central, by, f"key {turn}", wanted)


def _announce(
    central: Central, by: str, key: str, wanted: Announcement, connection: Connection
) -> None:
    work = partial(packages.announce, by=by, announcement=wanted)
    status, _ = once.kept(connection, central, by, key, wanted.asked(), 201, work)
    assert status == 201


@click.command()
@click.option("--on", "database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite")
@click.option("--locations", default=100, show_default=True)
@click.option("--times", default=300, show_default=True)
@click.option("--events", type=int, help="New events in each; else none, two and a hundred.")
@click.option("--profile", "is_profiled", is_flag=True, help="Where the time goes.")
@click.option("--statements", "is_shown", is_flag=True, help="What was asked, in one sync.")
def main(
    database: str,
    locations: int,
    times: int,
    events: int | None,
    is_profiled: bool,
    is_shown: bool,
) -> None:
    """What one sync, and one announcement, costs inside the server."""
    wanted = KINDS_OF_SYNC if events is None else {f"{events}_events": events}
    with server(database, locations) as central:
        kiosks = [kiosk_of(number) for number in range(locations)]
        works = {name: syncs(central, kiosks, count) for name, count in wanted.items()}
        if events is None:
            works["announcement"] = announcements(central, kiosks)
        for name, of_kind in works.items():
            profile = cProfile.Profile() if is_profiled else None
            cost = measure(central, of_kind, times, profile)
            click.echo(f"{database} {name}: {cost.said()}")
            for statement, number in cost.asked.items() if is_shown else ():
                click.echo(f"  {number} × {' '.join(statement.split())[:200]}")
            if profile is not None:
                pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
