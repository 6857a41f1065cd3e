"""`find`: which boards are on a line."""

from __future__ import annotations

import sys
from typing import Any

import click

from drivers.boards import FAMILIES
from drivers.tools.discovery import search
from drivers.tools.terminal import (
    CLOCK,
    EXIT_PROBLEM,
    held_port,
    json_option,
    milliseconds,
    port_option,
    print_json,
)


class Addresses(click.ParamType[range]):
    """`FIRST-LAST`, or one address."""

    name = "FIRST-LAST"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> range:
        first, _, last = str(value).partition("-")
        last = last or first
        if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
            self.fail(f"{value!r} are no addresses; write 1-31, or one address", param, ctx)
        if int(last) < int(first):
            self.fail(f"{value!r} begins after its end; write it the other way round", param, ctx)
        return range(int(first), int(last) + 1)


@click.command()
@port_option("the lock boards")
@click.option(
    "--family",
    "families",
    multiple=True,
    type=click.Choice(tuple(FAMILIES)),
    help="Look for this family only; may be given again for another.",
)
@click.option(
    "--addresses",
    type=Addresses(),
    help="Which addresses; else the first 32 of each family.",
)
@json_option
def find(port: str, families: tuple[str, ...], addresses: range | None, as_json: bool) -> None:
    """Look for boards: every family, every address. Only reads; never an unlock."""
    wanted = families or tuple(FAMILIES)
    count = 0
    with held_port(port) as held:
        for found in search(
            held,
            CLOCK,
            wanted,
            addresses,
            lambda family: click.echo(f"Looking for {family} …", err=True),
        ):
            count += 1
            if as_json:
                print_json(
                    {
                        "port": port,
                        "family": found.family,
                        "board": found.board.address,
                        "channels": found.board.channels,
                        "elapsed_ms": milliseconds(found.elapsed_s),
                    }
                )
            else:
                click.echo(
                    f"{found.family}, board {found.board.address}, "
                    f"at most {found.board.channels} locks"
                )
    if count == 0:
        click.echo(
            "drivers: nothing answered: check the boards' power, exchange the wires A and B, and "
            "compare the speed that is set on the boards with their family's",
            err=True,
        )
        sys.exit(EXIT_PROBLEM)
