"""The central server's own commands, as the cluster runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from central.errors import CannotServeError

ROOT = Path(__file__).parents[2]
"""Where the program is run from."""


def central_command(settings: Path, *words: str) -> tuple[str, ...]:
    """A command of the server, with these settings."""
    return (sys.executable, "-m", "central", "--config", str(settings), *words)


def migrate(settings: Path) -> None:
    """Bring the tables up to this version's. Raises `CannotServeError`."""
    command = central_command(settings, "migrate")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotServeError(f"the tables were not migrated: {done.stderr.strip()}")
