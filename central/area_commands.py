"""`central area …`: the tree of areas, and which locations lie where, at the console."""

from __future__ import annotations

import click

from central.areas import tree
from central.areas.visible import EVERYWHERE
from central.console import BY, write
from central.settings import Settings
from central.sync import moving


@click.group("area")
def area_group() -> None:
    """Areas: locations lie in them, and accounts may have a role in one alone."""


@area_group.command("add")
@click.argument("area")
@click.option("--name", default="")
@click.option("--within", default=EVERYWHERE, help="The area that it lies in.")
@click.pass_obj
def add(settings: Settings, area: str, name: str, within: str) -> None:
    """Make an area."""
    write(
        settings,
        lambda connection, central: tree.add(
            connection, area, name, within, BY, central.clock.now_ms()
        ),
    )
    click.echo(f"{area}: made")


@area_group.command("list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """One line per area, each behind the one that it lies in: id, name, how many locations."""
    for row in write(settings, lambda connection, _central: tree.listed(connection)):
        click.echo(f"{'  ' * row['depth']}{row['id']}\t{row['name']}\t{row['locations']}")


@area_group.command("put")
@click.argument("location")
@click.argument("area", default=EVERYWHERE)
@click.pass_obj
def put(settings: Settings, location: str, area: str) -> None:
    """Have a location lie in an area, or in none."""
    write(
        settings,
        lambda connection, central: moving.put_location(
            connection, location, area, BY, central.clock.now_ms()
        ),
    )
    click.echo(f"{location}: in {area or 'no area'}")


@area_group.command("move")
@click.argument("area")
@click.argument("within", default=EVERYWHERE)
@click.pass_obj
def move(settings: Settings, area: str, within: str) -> None:
    """Have an area, with all within it, lie in the area WITHIN, or in none."""
    write(
        settings,
        lambda connection, central: moving.put_area(
            connection, area, within, BY, central.clock.now_ms()
        ),
    )
    click.echo(f"{area}: in {within or 'no area'}")


@area_group.command("remove")
@click.argument("area")
@click.pass_obj
def remove(settings: Settings, area: str) -> None:
    """Take an area away in which nothing is."""
    write(
        settings,
        lambda connection, central: tree.remove(connection, area, BY, central.clock.now_ms()),
    )
    click.echo(f"{area}: taken away")
