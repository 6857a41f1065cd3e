"""The trees of releases that run side by side: the last one, this one, and one yet to come."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.present import present
from tests.support.server_process import PATIENCE_S, ROOT, environment_at

LAST: Final = Path(__file__).parent / "last-release.toml"
UNPACKED: Final = ROOT / "build" / "compat"
SCHEMA: Final = Path("kiosk") / "store" / "schema.py"
LINKED: Final = ("assets", "central", "config", "drivers", "tests", "pyproject.toml")


class SideFailedError(AssertionError):
    """A side could not do what it was asked."""


class Release:
    """A tree that runs, with one process that plays its kiosks."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root
        self._process: subprocess.Popen[str] | None = None

    def kiosk(self, data: Path, *steps: str) -> dict[str, Any]:
        """Have this release's kiosk do something; what is there afterwards. Raises
        `SideFailedError` with what it said."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.compat.side"],
                cwd=self.root,
                env=environment_at(self.root),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            RUNNING.append(self)
        asked, answered = present(self._process.stdin), present(self._process.stdout)
        asked.write(json.dumps([str(data), *steps]) + "\n")
        asked.flush()
        state: dict[str, Any] = json.loads(answered.readline() or '{"failed": "it ended"}')
        if "failed" in state:
            raise SideFailedError(f"{self.name} {' '.join(steps)}: {state['failed']}")
        assert state["wrong"] in ("", []), f"{self.name}: {state['wrong']}"
        assert state["is_replay"], f"{self.name}: the tables are not the replay of the journal"
        return state

    def end(self) -> None:
        """End its process, if there is one."""
        if self._process is not None:
            present(self._process.stdin).close()
            self._process.wait(PATIENCE_S)
            present(self._process.stdout).close()
            self._process = None


RUNNING: Final[list[Release]] = []
"""Those whose process runs."""


def end_all() -> None:
    """End what the tests of a module have started."""
    while RUNNING:
        RUNNING.pop().end()


THIS: Final = Release("this", ROOT)


def last_release() -> Release:
    """The last one, from the commit that a file names: a clone may lack tags. Skips the test where
    the commit is not there; that fails where it must be: in a whole clone of a CI."""
    return release_named_in(LAST)


def release_named_in(file: Path) -> Release:
    """The release whose commit a file names."""
    named = tomllib.loads(file.read_text(encoding="utf-8"))
    commit, version = named["commit"], named["version"]
    tree = UNPACKED / commit
    if not tree.exists():
        _unpack(commit, version, tree)
    return Release(f"last ({version})", tree)


def _unpack(commit: str, version: str, tree: Path) -> None:
    if not _says("cat-file", "-e", f"{commit}^{{commit}}"):
        why = f"the release {version} ({commit[:12]}) is not in this clone's history"
        if is_whole_clone() and os.environ.get("CI"):
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


def is_whole_clone() -> bool:
    """Whether every commit is here."""
    return _said("rev-parse", "--is-shallow-repository") == "false"


def _says(*words: str) -> bool:
    return _git(*words).returncode == 0


def _said(*words: str) -> str:
    return _git(*words).stdout.strip()


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("git") is None:
        return subprocess.CompletedProcess(words, 1, "", "there is no git")
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
