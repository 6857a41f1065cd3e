"""Measures the kiosk: `python -m tests.bench` prints a table and writes `build/bench.json`."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from tests.bench import (
    badge_figures,
    central_figures,
    driver_figures,
    feed_figures,
    flow_figures,
    list_figures,
    store_figures,
    webhook_figures,
    window_figures,
)
from tests.bench.desk import DeskError
from tests.bench.figures import Figures

BUILD = Path(__file__).parents[2] / "build"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="A few samples of each, to see that it works.")
@click.option("--no-window", is_flag=True, help="Only what needs no screen.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=BUILD / "bench.json",
    show_default="build/bench.json",
    help="Where the figures are written as JSON.",
)
def main(quick: bool, no_window: bool, output: Path) -> None:
    """Measure what the kiosk costs. Nothing is judged here."""
    output = output.resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    figures: Figures = {"machine": machine() | {"quick": quick}}
    # On the disk of the output, not under /tmp, which may be memory.
    with tempfile.TemporaryDirectory(prefix="bench-", dir=output.parent) as name:
        folder = Path(name)
        effort = store_figures.QUICK if quick else store_figures.THOROUGH
        click.echo("Measuring the store …", err=True)
        figures |= store_figures.reservations(folder, effort)
        figures |= store_figures.concurrent(folder, effort)
        figures |= badge_figures.checks(folder, 600 if quick else 100_000)
        click.echo("Measuring the drivers …", err=True)
        figures |= driver_figures.frames(0.05 if quick else 1)
        figures |= driver_figures.polling(folder, 1 if quick else driver_figures.ROUNDS)
        figures |= driver_figures.unlocking(folder, 3 if quick else 60)
        figures |= driver_figures.idling(folder, 1 if quick else 20)
        click.echo("Measuring the flows …", err=True)
        figures |= flow_figures.flow_transactions(folder)
        figures |= flow_figures.long_past(folder, 20_000 if quick else flow_figures.EVENTS)
        figures |= flow_figures.memory(folder, 40 if quick else 400)
        click.echo("Measuring the central server …", err=True)
        figures |= central_figures.syncs(2 if quick else 20)
        figures |= central_figures.notifications(folder, 20 if quick else 600)
        figures |= central_figures.nearest_free(
            folder, 1000 if quick else 100_000, 20 if quick else 1000
        )
        figures |= list_figures.lists(folder, 2000 if quick else 1_000_000, 20 if quick else 1000)
        figures |= list_figures.bulk(folder, 1 if quick else 5)
        figures |= feed_figures.streams(folder, 500 if quick else 20_000)
        figures |= webhook_figures.webhooks(folder, 50 if quick else 1000)
        if not no_window:
            click.echo("Measuring the window …", err=True)
            desk_effort = window_figures.QUICK if quick else window_figures.THOROUGH
            try:
                figures |= window_figures.measure(folder, desk_effort)
            except DeskError as error:
                raise click.ClickException(str(error)) from error
    output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    click.echo(table(figures))


def machine() -> Figures:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        # What else ran: much above 0 at the start, and the figures say little.
        "load_before": round(os.getloadavg()[0], 1),
        "processor": processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
    return platform.machine()


def table(figures: Figures) -> str:
    """Every figure on a line."""
    about = figures["machine"]
    head = f"{about['cores']} cores, {about['processor']}, Python {about['python']}"
    head += f", load before {about['load_before']}"
    if about["quick"]:
        head += "; quick: too few samples to compare"
    rows = [(name, text) for name, text in _rows(figures) if name]
    width = max(len(name) for name, _ in rows)
    return "\n".join([head, *(f"{name:<{width}}  {text}" for name, text in rows)])


def _rows(figures: Figures) -> Iterator[tuple[str, str]]:
    for name, value in figures.items():
        if name == "machine":
            continue
        if not isinstance(value, dict):
            yield name, _plainly(value)
        elif any(isinstance(part, dict) for part in value.values()):
            yield from ((f"{name} {key}", _line(part)) for key, part in value.items())
        else:
            yield name, _line(value)


def _line(value: Figures) -> str:
    return "  ".join(f"{key} {_plainly(part):>8}" for key, part in value.items())


def _plainly(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    main()
