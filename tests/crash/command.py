"""The command line of the power-cut search."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import click

from tests.crash.power import controls_caught, explore, record_all, scratch


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--images", type=click.IntRange(1), default=5000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def main(images: int, seed: int, as_json: bool) -> None:
    """Cut the power at every write of every story and start the kiosk on what is left."""
    # A start after a cut says in the log what it found; here that is expected.
    logging.disable(logging.CRITICAL)
    with scratch() as name:
        folder = Path(name).resolve()
        tally = explore(record_all(folder), images, seed, folder)
        caught = controls_caught(folder, seed)
    result = {
        "points": tally.points,
        "images": tally.images,
        "bad": len({(each.recording, each.point, each.kind) for each in tally.bad}),
        "controls_caught": len(caught),
    }
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo("\n".join(f"{key:16} {value}" for key, value in result.items()))
    for each in tally.bad[:20]:
        click.echo(f"{each.recording} at {each.point}, {each.kind}: {each.what}", err=True)
    sys.exit(1 if tally.bad or len(caught) < 3 else 0)
