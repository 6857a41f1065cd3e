"""`kiosk …`: the command line."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path

import click

from config import DEMO_SITE, ConfigError, check_site, load_site
from kiosk import app, demo, text_demo
from kiosk.adapters import LocationKeyError, hash_pin
from kiosk.store.errors import StoreError

EXIT_MISTAKE = 2
"""The exit code for what a person has to put right: a wrong file, a missing right."""


class Geometry(click.ParamType[tuple[int, int, int, int]]):
    """A window's place: WIDTHxHEIGHT+LEFT+TOP."""

    name = "WxH+X+Y"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int, int]:
        found = re.fullmatch(r"(\d+)x(\d+)\+(\d+)\+(\d+)", value)
        if found is None:
            self.fail(f"{value!r} is no window's place; right is 540x960+0+0", param, ctx)
        width, height, left, top = (int(number) for number in found.groups())
        return width, height, left, top


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEMO_SITE,
    show_default="the demo site",
    help="The site file.",
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data/kiosk"),
    show_default=True,
    help="The folder with the database and the key.",
)


@click.group()
@click.version_option(package_name="parcel-kiosk")
def main() -> None:
    """The parcel kiosk: the software a parcel locker runs on."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger("kivy").setLevel(logging.WARNING)


@main.command()
@config_option
@data_option
@click.option("--geometry", type=Geometry(), help="An ordinary window instead of the whole panel.")
def run(config: Path, data: Path, geometry: tuple[int, int, int, int] | None) -> None:
    """Run the kiosk in its window."""
    sys.exit(app.run_window(load_site(config), data, geometry))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check a site FILE: every mistake at once, with what would be right."""
    mistakes = check_site(file)
    for mistake in mistakes:
        click.echo(str(mistake), err=True)
    if mistakes:
        sys.exit(EXIT_MISTAKE)
    click.echo(f"{file}: no mistakes")


@main.command()
@config_option
@data_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def announce(config: Path, data: Path, file: Path) -> None:
    """Expect the packages in FILE (CSV: barcode,size,name,phone); the kiosk must not run."""
    announcements = app.read_announcements(file)
    new = app.announce(load_site(config), data, announcements)
    click.echo(f"{new} of {len(announcements)} packages are newly expected")


@main.command()
@click.password_option("--secret", help="The PIN's digits after the staff number.")
def pin(secret: str) -> None:
    """Print the hash of a PIN's secret digits, for [[staff]] in the site file."""
    if not (secret.isascii() and secret.isdigit() and 4 <= len(secret) <= 8):
        raise click.UsageError("the secret digits of a PIN are 4 to 8 digits")
    click.echo(hash_pin(secret))


@main.command("demo")
@click.option("--window", is_flag=True, help="In windows, to play with, instead of as text.")
@click.option("--fresh", is_flag=True, help="Start the demo over.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data/demo"),
    show_default=True,
    help="The demo's data folder.",
)
def demo_command(window: bool, fresh: bool, data: Path) -> None:
    """Play the main job against a simulated locker bank."""
    sys.exit(demo.run_window_demo(fresh, data) if window else text_demo.run_text_demo())


def entry() -> None:
    """Run the command line; what a person has to put right is one message and exit 2."""
    try:
        main()
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_MISTAKE)
    except (app.CannotRunError, demo.DemoError, StoreError, LocationKeyError) as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_MISTAKE)


if __name__ == "__main__":
    entry()
