"""A simulated run: `python -m tests.sim --steps N --seed S --json` prints its counts."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from pathlib import Path

import click

from tests.sim.rules import BrokenInvariantError
from tests.sim.simulation import Run


def scratch_parent() -> str | None:
    """A file system in memory, where there is one: what is played here is no power cut."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() else None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--steps", default=20_000, show_default=True, help="How many things happen.")
@click.option("--seed", default=1, show_default=True, help="What decides all of them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def main(steps: int, seed: int, as_json: bool) -> None:
    """Play people and faults at a kiosk; exit 1 when something that must hold does not."""
    for name in ("drivers", "asyncio"):
        # What boards and killed tasks have to say is no news here.
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    with tempfile.TemporaryDirectory(prefix="kiosk-sim-", dir=scratch_parent()) as name:
        run = Run(seed, Path(name))
        try:
            run.play(steps)
        except BaseException as error:
            click.echo("\n".join(run.trace.last), err=True)
            click.echo(f"seed {seed}, step {run.steps}: {type(error).__name__}: {error}", err=True)
            if not isinstance(error, BrokenInvariantError):
                raise
            sys.exit(1)
    counts = run.counts()
    if as_json:
        click.echo(json.dumps(counts, sort_keys=True))
        return
    for key, value in counts.items():
        click.echo(f"{key:12} {value}")


if __name__ == "__main__":
    main()
