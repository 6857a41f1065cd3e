"""The load on a server that has lived for months, with its housekeeping and without it.

    python -m tests.load.lived --locations 1000 --days 30 --per-s 100 --seconds 130
    python -m tests.load.lived --on postgresql

The database is filled (`tests.load.fill`), with more than is kept: housekeeping has rows to delete
in every round. Then kiosks sync at their pace at a server without housekeeping, and at one with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from sqlalchemy import Connection, func, select, update

from central import schema
from central.adapters import SystemClock
from central.building import build
from central.settings import load
from tests.load.fill import Past, fill
from tests.load.house import HOUSE
from tests.load.journals import Kiosk
from tests.load.load import Figures, measure, syncs_of
from tests.load.servers import Servers, configured, migrated, serving
from tests.support.postgresql import Cluster

KEPT = """
[retention]
messages_days = 7
commands_days = 7
"""
"""So that there is something to delete in a month."""
EVENTS = 2


@dataclass(frozen=True, slots=True)
class Lived:
    """A database that has lived, and its kiosks."""

    config: Path
    kiosks: list[Kiosk]

    def syncs(self, house: str, per_s: float, seconds: float) -> Figures:
        """What comes of so many syncs at a server that keeps house like this (`tests.load.house`):
        their times from the moment that each was due."""
        lines = syncs_of(self.kiosks, int(per_s * seconds), EVENTS)
        with serving(self.config, "tests.load.house", **{HOUSE: house}) as (address, process):
            servers = Servers([address], "", [process])
            return measure(servers, lines, pace_per_s=per_s, seconds=seconds)

    def old_rows(self) -> int:
        """How many messages and commands there are: those that are old go."""

        def count(connection: Connection) -> int:
            tables = (schema.notification, schema.command)
            return sum(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in tables
            )

        central = build(load(self.config))
        try:
            return central.database.read(count)
        finally:
            central.database.close()


@contextmanager
def lived(
    database: str, locations: int, days: int, event_days: int, folder: Path | None = None
) -> Iterator[Lived]:
    """A server's database of so many locations that have been at work for so many days."""
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(TemporaryDirectory()))
        url = ""
        if database == "postgresql":
            cluster = Cluster(fsync="on", synchronous_commit="on", full_page_writes="on")
            stack.callback(cluster.stop)
            url = migrated(cluster.new_database(is_empty=True))
        config = configured(place, url)
        with config.open("a") as settings:
            settings.write(KEPT)
        central = build(load(config))
        central.database.close()
        fill(central.settings.url, Past(locations, days, days, event_days, SystemClock().now_ms()))
        # Their journals begin again, as after an enrolment: the load writes its own.
        central = build(load(config))
        central.database.submit(_let_begin).result()
        central.database.close()
        yield Lived(config, [Kiosk(f"L{n}", f"L{n}") for n in range(locations)])


def _let_begin(connection: Connection) -> None:
    connection.execute(update(schema.location).values(may_begin=True))


@click.command()
@click.option("--on", "database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite")
@click.option("--locations", default=1000, show_default=True)
@click.option("--days", default=30, show_default=True)
@click.option("--event-days", default=10, show_default=True, help="Of so many events are kept.")
@click.option("--per-s", default=100.0, show_default=True, help="Syncs in a second.")
@click.option("--seconds", default=130.0, show_default=True, help="Two rounds of housekeeping.")
def main(
    database: str, locations: int, days: int, event_days: int, per_s: float, seconds: float
) -> None:
    """Measure with housekeeping and without it."""
    with lived(database, locations, days, event_days) as past:
        for what, house in (("without", "never"), ("with", "60")):
            figures = past.syncs(house, per_s, seconds)
            shown = {"housekeeping": what, "machine_load": os.getloadavg()[0], **figures}
            click.echo(json.dumps(shown))


if __name__ == "__main__":
    main()
