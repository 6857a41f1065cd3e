"""What the installer's commands share: options, exit codes, the port, and how a row is printed."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from drivers.serial_port import SerialPortOpener
from drivers.tools.workbench import HeldPort

EXIT_PROBLEM: Final = 1
EXIT_MISTAKE: Final = 2
EXIT_INTERRUPTED: Final = 130

CLOCK: Final = time.monotonic
WAIT: Final = time.sleep

Option = Callable[[Callable[..., None]], Callable[..., None]]


def port_option(what: str) -> Option:
    """`--port`, the same for every command."""
    return click.option(
        "--port",
        required=True,
        help=f"The port of {what}: /dev/…, socket://HOST:PORT, or sim://FAMILY.",
    )


json_option: Final = click.option("--json", "as_json", is_flag=True, help="One object a line.")


def site_options(command: Callable[..., None]) -> Callable[..., None]:
    """What names a site, the same for every command."""
    for option in (
        click.option(
            "--data",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path("data/kiosk"),
            show_default=True,
            help="The kiosk's data folder, in which relative ports lie.",
        ),
        click.option(
            "--config",
            "config_path",
            required=True,
            type=click.Path(path_type=Path, dir_okay=False),
            help="The site file.",
        ),
    ):
        command = option(command)
    return command


@contextlib.contextmanager
def held_port(port: str) -> Iterator[HeldPort]:
    """The port, opened at most once, and given back at the end."""
    held = HeldPort(SerialPortOpener(port))
    try:
        yield held
    finally:
        held.release()


def milliseconds(seconds: float) -> int:
    """As it stands in the JSON forms."""
    return round(seconds * 1000)


def print_json(row: Mapping[str, object]) -> None:
    """One object on a line of its own, at once."""
    click.echo(json.dumps(row))
    sys.stdout.flush()
