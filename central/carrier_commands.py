"""`central carrier …`: the carriers of this network at the console."""

from __future__ import annotations

import click

from central import carrier_changes as changes
from central.carriers import carriers
from central.console import BY, write
from central.settings import Settings


@click.group("carrier")
def carrier_group() -> None:
    """Carriers: each has its keys, couriers and packages, and sees no other's."""


@carrier_group.command("add")
@click.argument("carrier")
@click.option("--name", required=True, help="As people read it.")
@click.option("--countries", default="", help="Where it works, with commas, as DE,FR.")
@click.option("--colour", default="", help="Of its messages, as #c40d1e.")
@click.pass_obj
def add(settings: Settings, carrier: str, name: str, countries: str, colour: str) -> None:
    """Make a carrier with this id, such as gls."""
    write(
        settings,
        lambda connection, central: changes.add(
            connection, central, BY, carrier, name, countries.split(","), colour
        ),
    )
    click.echo(f"{carrier}: {name}")


@carrier_group.command("list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """One line per carrier: id, name, countries, whether it works."""
    for row in write(settings, lambda connection, _central: carriers.rows(connection)):
        state = "works" if row["disabled_ms"] is None else "disabled"
        click.echo("\t".join([row["id"], row["name"], ",".join(row["countries"]), state]))


@carrier_group.command("change")
@click.argument("carrier")
@click.option("--name", required=True, help="As people read it.")
@click.option("--countries", default="", help="Where it works, with commas, as DE,FR.")
@click.option("--colour", default="", help="Of its messages, as #c40d1e.")
@click.pass_obj
def change(settings: Settings, carrier: str, name: str, countries: str, colour: str) -> None:
    """Give a carrier another name, other countries, another colour."""
    write(
        settings,
        lambda connection, central: changes.change(
            connection, central, BY, carrier, name, countries.split(","), colour
        ),
    )
    click.echo(f"{carrier}: {name}")


@carrier_group.command("disable")
@click.argument("carrier")
@click.pass_obj
def disable(settings: Settings, carrier: str) -> None:
    """Refuse a carrier's keys, and have its couriers let in nowhere."""
    write(settings, lambda connection, central: changes.disable(connection, central, BY, carrier))
    click.echo(f"{carrier}: disabled")


@carrier_group.command("enable")
@click.argument("carrier")
@click.pass_obj
def enable(settings: Settings, carrier: str) -> None:
    """Let a disabled carrier work again."""
    write(settings, lambda connection, central: changes.enable(connection, central, BY, carrier))
    click.echo(f"{carrier}: works")


@carrier_group.command("places")
@click.argument("carrier")
@click.argument("locations", default="")
@click.option("--areas", default="", help="And in these areas, with all within them; with commas.")
@click.pass_obj
def places_command(settings: Settings, carrier: str, locations: str, areas: str) -> None:
    """Let a carrier work at LOCATIONS alone: ids with commas, or * for all."""
    write(
        settings,
        lambda connection, central: changes.set_places(
            connection, central, BY, carrier, locations, areas
        ),
    )
    click.echo(f"{carrier}: {', '.join(each for each in (locations, areas) if each)}")


@carrier_group.command("share")
@click.argument("carrier")
@click.argument("location")
@click.argument("size")
@click.option("--least", default=0, help="So many doors are kept for it.")
@click.option("--most", type=int, help="So many it has at most; any number unless given.")
@click.pass_obj
def share_command(
    settings: Settings, carrier: str, location: str, size: str, least: int, most: int | None
) -> None:
    """Say which share of a LOCATION's doors of one SIZE a carrier has; without an option, none."""
    write(
        settings,
        lambda connection, central: changes.set_share(
            connection, central, BY, carrier, location, size, least, most
        ),
    )
    click.echo(f"{carrier}: {location} {size} {least} to {'any' if most is None else most}")
