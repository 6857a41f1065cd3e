"""The trees of releases that run side by side: the last one, this one, and one yet to come."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.server_process import ROOT, environment_at

LAST: Final = Path(__file__).parent / "last-release.toml"
UNPACKED: Final = ROOT / "build" / "compat"
SCHEMA: Final = Path("kiosk") / "store" / "schema.py"
LINKED: Final = ("assets", "central", "config", "drivers", "tests", "pyproject.toml")


class SideFailedError(AssertionError):
    """A side could not do what it was asked."""


@dataclass(frozen=True)
class Release:
    """A tree that runs."""

    name: str
    root: Path

    def kiosk(self, data: Path, *steps: str) -> dict[str, Any]:
        """Have this release's kiosk do something; what is there afterwards. Raises
        `SideFailedError` with what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.compat.side", str(data), *steps],
            cwd=self.root,
            env=environment_at(self.root),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SideFailedError(f"{self.name} {' '.join(steps)}: {done.stderr}")
        state: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert state["wrong"] in ("", []), f"{self.name}: {state['wrong']}"
        assert state["is_replay"], f"{self.name}: the tables are not the replay of the journal"
        return state


THIS: Final = Release("this", ROOT)


def last_release() -> Release:
    """The last one, from the commit that a file names: a clone may lack tags. Skips the test where
    the commit is not there; that fails where it must be: in a whole clone of a CI."""
    named = tomllib.loads(LAST.read_text(encoding="utf-8"))
    commit, version = named["commit"], named["version"]
    if not commit:
        pytest.skip(f"{LAST.name} names no release yet")
    tree = UNPACKED / commit
    if not tree.exists():
        _unpack(commit, version, tree)
    return Release(f"last ({version})", tree)


def _unpack(commit: str, version: str, tree: Path) -> None:
    if not _says("cat-file", "-e", f"{commit}^{{commit}}"):
        is_whole = _said("rev-parse", "--is-shallow-repository") == "false"
        why = f"{version} ({commit[:12]}), which {LAST.name} names, is not in this clone's history"
        if is_whole and os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(f"{why}; fetch it: git fetch --unshallow")
    draft = tree.with_name(f"{tree.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(draft)], input=archive.stdout, check=True)
    try:
        draft.rename(tree)
    except OSError:  # another process was faster
        shutil.rmtree(draft)


def _says(*words: str) -> bool:
    return _git(*words).returncode == 0


def _said(*words: str) -> str:
    return _git(*words).stdout.strip()


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)


def release_to_come(root: Path, name: str, statements: Sequence[str], oldest: str = "") -> Release:
    """This release with one migration more; `oldest`: the first that may still write."""
    root.mkdir()
    for each in LINKED:
        (root / each).symlink_to(ROOT / each)
    shutil.copytree(ROOT / "kiosk", root / "kiosk")
    text = (ROOT / SCHEMA).read_text(encoding="utf-8")
    if oldest:
        line = next(line for line in text.splitlines() if line.startswith("OLDEST_WRITER: Final"))
        text = text.replace(line, f'OLDEST_WRITER: Final = OldestWriter("{oldest}", "9.9.0")')
    text += f"""

@migrations()
def m900_{name}(db: Database) -> None:
    for statement in {list(statements)!r}:
        db.conn.execute(statement)
"""
    (root / SCHEMA).write_text(text, encoding="utf-8")
    return Release(name, root)
