"""A cluster on this machine as who tries one starts it, and its commands beside it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from central.cluster import plan as plans
from central.cluster.folder import Folder
from central.cluster.plan import Plan

ROOT = Path(__file__).parents[2]
UP_WITHIN_S = 240.0
END_WITHIN_S = 60.0
COMMAND = (sys.executable, "-m", "central.cluster")


class ClusterProcess:
    """`python -m central.cluster up` on a folder, with ports of its own."""

    def __init__(self, path: Path) -> None:
        self.folder = Folder(path)
        self.said = path.with_name(f"{path.name}.said")
        # Below those that this machine gives to whoever asks for any: a part that died comes back.
        self._port = random.SystemRandom().randrange(10_000, 30_000)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ClusterProcess:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.run("down")

    @property
    def plan(self) -> Plan:
        return plans.load(self.folder.plan)

    def start(self, *words: str) -> None:
        """Begin to bring it up."""
        command = [*COMMAND, "--folder", str(self.folder.path), "up", *words]
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [*command, "--port", str(self._port)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def up(self, *words: str) -> None:
        """Bring it up and wait until it says so."""
        self.start(*words)
        assert self.process is not None
        until_s = time.monotonic() + UP_WITHIN_S
        while "Stop " not in self.said.read_text():
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < until_s, self.said.read_text()
            time.sleep(0.1)

    def interrupt(self) -> str:
        """Ctrl-C; what it said in all."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGINT)
        self.process.wait(END_WITHIN_S)
        return self.said.read_text()

    def kill(self) -> None:
        """As a power cut does; what it started is not killed with it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(END_WITHIN_S)

    def run(self, *words: str) -> str:
        """A command beside it; what it said."""
        command = [*COMMAND, "--folder", str(self.folder.path), *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout
