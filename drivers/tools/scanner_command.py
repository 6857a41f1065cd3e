"""`scan`: what a barcode scanner reads."""

from __future__ import annotations

import contextlib
import queue

import click

from drivers.scanner import DEFAULT_BAUD, Scanner, ScannerRead
from drivers.tools.terminal import CLOCK, held_port, json_option, port_option, print_json


@click.command()
@port_option("the scanner")
@click.option("--baud", type=click.IntRange(min=300), default=DEFAULT_BAUD, show_default=True)
@click.option("--count", type=click.IntRange(min=1), help="End after so many reads.")
@json_option
def scan(port: str, baud: int, count: int | None, as_json: bool) -> None:
    """Print what a scanner reads, with its kind and check, until Ctrl-C."""
    news: queue.Queue[ScannerRead | str] = queue.Queue()
    with held_port(port) as held:
        held.open(baud)
        click.echo(f"Hold a label before the scanner on {port}. Ctrl-C ends.", err=True)
        scanner = Scanner(
            held,
            news.put,
            CLOCK,
            baud=baud,
            on_reachable=lambda reachable, reason: None if reachable else news.put(reason),
        )
        scanner.start()
        try:
            with contextlib.suppress(KeyboardInterrupt):
                print_reads(port, news, count, as_json)
        finally:
            scanner.stop()


def print_reads(
    port: str, news: queue.Queue[ScannerRead | str], count: int | None, as_json: bool
) -> None:
    """What the scanner reads, until there were so many; its outages in between."""
    reads = 0
    while count is None or reads < count:
        item = news.get()
        if isinstance(item, str):
            click.echo(f"drivers: {item}", err=True)
        else:
            reads += 1
            print_read(port, item, as_json)


def print_read(port: str, read: ScannerRead, as_json: bool) -> None:
    """One read, as a line."""
    if as_json:
        row = {"port": port, "text": read.text, "aim_id": read.aim_id, "refused": read.refused}
        print_json({**row, "kind": read.kind, "check": read.check})
    elif read.refused:
        click.echo(f"refused: it {read.refused}")
    else:
        shown = read.text.replace("\x1d", "<GS>")
        symbology = f" {read.aim_id}" if read.aim_id else ""
        click.echo(f"{shown}  ({read.kind}, check {read.check}{symbology})")
        if read.warning:
            click.echo(f"  {read.warning}")
