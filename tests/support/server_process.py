"""A central server as a process of its own, that can be killed, and its commands beside it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from central import tokens
from tests.support import postgresql

PATIENCE_S = 60.0
ROOT = Path(__file__).parents[2]


def environment_at(root: Path) -> dict[str, str]:
    """In which a program of this tree runs, whichever is installed."""
    return {**os.environ, "PYTHONPATH": str(root)}


class ServerProcess:
    """`python -m central serve` on a data folder and a port that stay the same."""

    def __init__(self, folder: Path, config: Path | None = None, root: Path = ROOT) -> None:
        """`root` is the tree of the release that runs."""
        self.folder, self.config, self.root = folder, config, root
        self.database_url = postgresql.url_of(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What it said since it was first started."""
        return self.folder.parent / "central.log"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [*self._command(), "serve", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.root, env=environment_at(self.root), stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def run(self, *words: str) -> str:
        """One of its commands; what it said."""
        command = [*self._command(), *words]
        done = subprocess.run(
            command,
            cwd=self.root,
            env=environment_at(self.root),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add_location(self, name: str) -> str:
        """The one-time token of a new location."""
        return self._token("add", name)

    def roll(self, name: str) -> str:
        """A new one for a location that is known."""
        return self._token("roll", name)

    def _token(self, verb: str, name: str) -> str:
        [token] = re.findall(r"enrol_[\w-]+", self.run("location", verb, name))
        return str(token)

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "central", *postgresql.words_of(self.folder, self.config)]

    def opened(self, sealed: str, context: str) -> str:
        """What lies sealed in a column of its database."""
        return tokens.load(self.folder / tokens.KEY_FILE, may_be_new=False).sealing.open(
            sealed, context
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What its database says, read beside it."""
        url = self.database_url or f"sqlite:///{self.folder / 'central.db'}"
        engine = create_engine(url)
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.exec_driver_sql(sql)]
        finally:
            engine.dispose()
