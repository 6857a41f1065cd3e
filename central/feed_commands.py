"""`central feed …` and `central stream`."""

from __future__ import annotations

import logging
import signal
from datetime import UTC, datetime

import click
from sqlalchemy import Connection

from central.building import build
from central.console import BY, write
from central.context import Central
from central.feed import readers
from central.feed.readers import COUNTED_MAX
from central.feed.stream import Stream, begin_everywhere
from central.feed.targets import publisher_of, target_of
from central.settings import Settings
from kiosk.model.masking import log_to_stderr

_FROM = click.option(
    "--from",
    "since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    help="Also what is in the journal since then (UTC); for a reader that only begins.",
)


def _ms(since: datetime | None) -> int | None:
    return None if since is None else int(since.replace(tzinfo=UTC).timestamp() * 1000)


@click.group("feed")
def feed_group() -> None:
    """Who reads what happens, for a data warehouse or another system."""


@feed_group.command("add")
@click.argument("name")
@_FROM
@click.pass_obj
def feed_add(settings: Settings, name: str, since: datetime | None) -> None:
    """Keep what happens from now on for the reader NAME, until it is read."""

    central = build(settings, may_be_beside=True, may_be_new=False)
    try:
        now_ms = central.clock.now_ms()
        central.database.submit(readers.add, name, BY, now_ms, _ms(since)).result()
        count = begin_everywhere(central, name)
    finally:
        central.database.close()
    click.echo(f"{name}: begun, with {count} events of the journal")


@feed_group.command("remove")
@click.argument("name")
@click.pass_obj
def feed_remove(settings: Settings, name: str) -> None:
    """Keep nothing more for the reader NAME, and delete what waits for it."""

    def remove(connection: Connection, central: Central) -> None:
        readers.remove(connection, name, BY, central.clock.now_ms())

    write(settings, remove)
    click.echo(f"{name}: removed")


@feed_group.command("list")
@click.pass_obj
def feed_list(settings: Settings) -> None:
    """One line per reader: what waits, since when, published, dropped."""
    for each in write(settings, lambda connection, _central: readers.states(connection)):
        more = " or more" if each.waiting == COUNTED_MAX else ""
        since = "" if each.oldest_ms is None else f" since {readers.moment(each.oldest_ms)}"
        state = "" if each.stopped_ms is None else f"\tSTOPPED {readers.moment(each.stopped_ms)}"
        click.echo(
            f"{each.name}\t{each.waiting}{more} waiting{since}\t{each.published} published"
            f"\t{each.dropped} dropped{state}"
        )


@click.command("stream")
@click.argument("target", default="")
@click.option("--reader", default="stream", show_default=True)
@_FROM
@click.pass_obj
def stream_command(settings: Settings, target: str, reader: str, since: datetime | None) -> None:
    """Publish what happens to TARGET: kafka://HOST:PORT/TOPIC, nats://HOST:PORT/SUBJECT or
    file:///PATH; none is feed.target of the settings."""
    log_to_stderr("%(asctime)s %(name)s %(message)s", logging.INFO)
    where = target_of(settings, target)
    publisher = publisher_of(where)
    central = build(settings, may_be_beside=True, may_be_new=False)
    try:
        central.database.step_aside()
        now_ms = central.clock.now_ms()
        central.database.submit(readers.begin, reader, BY, now_ms, _ms(since)).result()
        stream = Stream(central, reader, where, publisher)
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: stream.end())
        stream.run()
    finally:
        publisher.close()
        central.database.close()
