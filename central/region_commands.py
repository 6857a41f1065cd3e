"""`central region …`: what a region counts, and what headquarters puts together of all of them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TextIO

import click
from pydantic import ValidationError
from sqlalchemy import Connection, create_engine, select

from central.adapters import SystemClock
from central.building import build
from central.errors import CannotServeError
from central.feed.readers import moment
from central.regions import merging
from central.regions.tables import directory_age
from central.settings import Settings

_INTO = click.option(
    "--into", "url", required=True, help="Headquarters' database, as SQLAlchemy's URL."
)
_FILES = click.argument(
    "files",
    nargs=-1,
    required=True,
    # A line in another encoding is one that cannot be read, and no reason to stop.
    type=click.File(encoding="utf-8", errors="surrogateescape"),
)
_UNTIL = click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Days before this one (UTC); none: those that are over.",
)


@click.group("region")
def region_group() -> None:
    """Several regions: who they are, and what happened in all of them."""


@region_group.command("list")
@click.pass_obj
def region_list(settings: Settings) -> None:
    """This region and the others, and when each last said which locations it has."""
    central = build(settings, may_be_beside=True, may_be_new=False)
    try:
        with central.database.reading() as connection:
            rows = connection.execute(select(directory_age))
            ages = {row.region: row.as_of_ms for row in rows}
    finally:
        central.database.close()
    click.echo(f"{settings.region or '(no name)'}\t{settings.base_url}\tthis one")
    for name, region in settings.regions.items():
        said = f"heard of {moment(ages[name])}" if name in ages else "never heard of"
        click.echo(f"{name}\t{region.url}\t{said}")


@region_group.command("counts")
@_UNTIL
@click.pass_obj
def region_counts(settings: Settings, until: datetime | None) -> None:
    """Print what this region has, by location and day: for `central region compare`."""
    if not settings.region:
        raise CannotServeError("this server has no name among regions: region in the settings")
    central = build(settings, may_be_beside=True, may_be_new=False)
    try:
        until_ms = _until_ms(until, central.clock.now_ms())
        with central.database.reading() as connection:
            for each in merging.of_region(connection, settings.region, until_ms):
                click.echo(each.model_dump_json())
    finally:
        central.database.close()


@region_group.command("merge")
@_INTO
@_FILES
def region_merge(url: str, files: tuple[TextIO, ...]) -> None:
    """Put the documents of FILES (`-`: what comes in) into headquarters' database, each once."""
    engine = create_engine(url, hide_parameters=True)
    merging.headquarters.create_all(engine)
    is_all_right = True
    for file in files:
        with engine.begin() as connection:
            outcome = merging.merge(connection, file)
        click.echo(
            f"{file.name}: {outcome.new} new, {outcome.known} known,"
            f" {outcome.unreadable} unreadable, {len(outcome.contradicted)} contradicted"
        )
        for name in outcome.contradicted:
            click.echo(f"{name}: something else was there already, and stays", err=True)
        is_all_right &= not outcome.contradicted and not outcome.unreadable
    if not is_all_right:
        sys.exit(1)


@region_group.command("compare")
@_INTO
@_UNTIL
@_FILES
def region_compare(url: str, until: datetime | None, files: tuple[TextIO, ...]) -> None:
    """Hold headquarters' database against the counts of regions; exit 1 if something differs."""
    engine = create_engine(url, hide_parameters=True)
    theirs = [each for file in files for each in _counts(file)]
    until_ms = _until_ms(until, _now_ms())
    with engine.connect() as connection:
        differences = _compared(connection, theirs, until_ms)
    for each in differences:
        click.echo(each)
    click.echo(f"{len(theirs)} counts held against: {len(differences)} differences")
    if differences:
        sys.exit(1)


def _compared(connection: Connection, theirs: list[merging.Count], until_ms: int) -> list[str]:
    regions = sorted({each.region for each in theirs})
    here = [each for name in regions for each in merging.of_merged(connection, name, until_ms)]
    return merging.compare(theirs, here)


def _counts(file: TextIO) -> list[merging.Count]:
    try:
        return [merging.Count.model_validate_json(line) for line in file if line.strip()]
    except ValidationError as error:
        raise CannotServeError(
            f"{file.name}: this is not what central region counts prints"
        ) from error


def _until_ms(until: datetime | None, now_ms: int) -> int:
    if until is None:
        return merging.today_ms(now_ms)
    return int(until.replace(tzinfo=UTC).timestamp() * 1000)


def _now_ms() -> int:
    return SystemClock().now_ms()
