"""`central directory …`: the directory of a house, from a CSV file, at the console."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import click
from sqlalchemy import Connection, select

from central import schema
from central.console import BY, write
from central.context import Central
from central.residents import directory
from central.residents.directory import Plan
from central.residents.reading import COLUMNS, Households, read_directory
from central.settings import Settings
from kiosk.model.cells import safe_cell

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
SHOWN_MAX = 20


@click.group("directory")
def directory_group() -> None:
    """Who lives in a house, so that couriers find them at its kiosk."""


@directory_group.command("import")
@click.argument("location")
@_FILE
@click.option("--yes", is_flag=True, help="Take it without asking.")
@click.pass_obj
def import_command(settings: Settings, location: str, file: Path, yes: bool) -> None:
    """Show what a CSV file (flat,name,phone,email,language) would change, and take it whole in the
    place of the directory that is there."""

    def look(connection: Connection, _central: Central) -> tuple[Households, Plan]:
        table = schema.location
        query = select(table.c.country).where(table.c.id == location)
        country = connection.execute(query).scalar()
        wanted = read_directory(file.read_bytes(), str(file), country or None)
        return wanted, directory.plan(connection, location, wanted)

    wanted, plan = write(settings, look)
    for line in plan_lines(plan):
        click.echo(line)
    if plan.is_empty:
        return
    if not yes:
        click.confirm("Take it?", abort=True)
    write(
        settings,
        lambda connection, central: directory.replace(
            connection, central, BY, location, wanted, plan.version
        ),
    )
    click.echo("Taken; the kiosk is informed.")


def plan_lines(plan: Plan) -> list[str]:
    """A plan in words."""
    said = []
    for name, labels in (("new", plan.new), ("changed", plan.changed), ("removed", plan.gone)):
        shown = ", ".join(labels[:SHOWN_MAX])
        more = f" and {len(labels) - SHOWN_MAX} more" if len(labels) > SHOWN_MAX else ""
        said.append(f"{len(labels)} {name}{': ' if labels else ''}{shown}{more}")
    return [*said, f"{plan.same} as before"]


@directory_group.command("export")
@click.argument("location")
@click.pass_obj
def export_command(settings: Settings, location: str) -> None:
    """Print a directory as the CSV file that would bring it again."""
    rows = write(settings, lambda connection, _central: directory.listed(connection, location))
    written = csv.writer(sys.stdout)
    written.writerow(COLUMNS)
    for _, entry in rows:
        cells = (entry.flat, entry.name, entry.phone, entry.email, entry.language)
        written.writerow([safe_cell(cell) for cell in cells])


@directory_group.command("empty")
@click.argument("location")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.pass_obj
def empty_command(settings: Settings, location: str, yes: bool) -> None:
    """Forget the whole directory of a location; its kiosk does, too."""
    if not yes:
        click.confirm(f"Forget everybody in the directory of {location}?", abort=True)
    count = write(
        settings,
        lambda connection, central: directory.empty(connection, central, BY, location),
    )
    click.echo(f"{count} households are forgotten")
