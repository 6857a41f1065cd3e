"""The processes of the demo: started together, ended together, whatever ends the demo."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from kiosk.child_processes import ends_with, is_free, last_lines

START_PATIENCE_S = 15.0
END_PATIENCE_S = 5.0


class DemoError(Exception):
    """The demo cannot run; the message says why and what to do."""


class Processes:
    """What was started: all of it ends with this, and with this process even if that is killed.

    Each child leads a process group of its own, so that its children end with it, and so that
    Ctrl-C reaches only this process, which then ends the rest in order.
    """

    def __init__(self, data: Path, scratch: Path) -> None:
        self.environment = dict(os.environ)
        self._logs = data / "logs"
        self._logs.mkdir(exist_ok=True, mode=0o700)
        self._running: list[subprocess.Popen[bytes]] = []
        self._names: dict[int, str] = {}
        self.scratch = scratch
        """For sockets: short, and readable by nobody else."""

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # nothing interrupts the end
        for process in reversed(self._running.copy()):
            self.stop(process)

    def start(
        self, name: str, command: Sequence[str], *, pass_fds: Sequence[int] = ()
    ) -> subprocess.Popen[bytes]:
        """Start a program; what it says goes to `logs/NAME.log`."""
        with self.log_of(name).open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
                preexec_fn=ends_with(os.getpid()),
                pass_fds=pass_fds,
            )
        self._running.append(process)
        self._names[process.pid] = name
        return process

    def log_of(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Ask a process and its children to end; after a while, end them."""
        self._running.remove(process)
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(END_PATIENCE_S)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        process.wait(END_PATIENCE_S)
        if process.stdin is not None:
            process.stdin.close()

    def wait_until(self, process: subprocess.Popen[bytes], is_so: Callable[[], bool]) -> None:
        """Wait until something is so, while `process`, which is to bring it about, lives."""
        for _ in range(int(START_PATIENCE_S / 0.05)):
            if is_so():
                return
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        name = self._names[process.pid]
        raise DemoError(f"{name} did not start.\n{last_lines(self.log_of(name))}")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process and its children as a power cut does."""
        self._running.remove(process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(END_PATIENCE_S)
        if process.stdin is not None:
            process.stdin.close()

    def wait_for_one_of(self, watched: Callable[[], Sequence[subprocess.Popen[bytes]]]) -> int:
        """Wait until one process of those that are to run now has ended, and say so if it
        failed."""
        while True:
            for process in watched():
                try:
                    code = process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
                if code == 0:
                    return 0
                name = self._names[process.pid]
                print(f"{name} ended with {code}.\n{last_lines(self.log_of(name))}")
                return 1


def module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def free_port(ports: range) -> int:
    for port in ports:
        if is_free(port):
            return port
    raise DemoError(f"All ports from {ports[0]} to {ports[-1]} are taken; free one of them.")
