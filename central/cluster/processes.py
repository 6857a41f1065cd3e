"""The processes of a cluster on one machine: started, started again when they die, ended together.

What runs is written down, with when each began, so that another command finds it, and so that what
a killed cluster left behind is ended, and never another program that got the same number.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from central.adapters import monotonic_s
from central.errors import CannotServeError
from kiosk.child_processes import ends_with, last_lines

AGAIN_AFTER_S = 2.0
"""As systemd does with RestartSec=2."""
END_WITHIN_S = 20.0
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Program:
    """One process of the cluster, and how it is started."""

    name: str
    command: tuple[str, ...]
    folder: Path
    """Where it runs."""
    environment: dict[str, str] = field(default_factory=dict)


class Processes:
    """What was started, by its name."""

    def __init__(self, logs: Path, kept: Path, say: Callable[[str], None]) -> None:
        """`logs`: the folder of what they say; `kept`: the file that says what runs."""
        self._logs, self._kept, self._say = logs, kept, say
        self._programs: dict[str, Program] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._again_at_s: dict[str, float] = {}

    def start(self, program: Program) -> None:
        """Start a program, and again whenever it ends."""
        self._programs[program.name] = program
        self._run(program)

    def _run(self, program: Program) -> None:
        with self.log_of(program.name).open("ab") as log:
            process = subprocess.Popen(
                program.command,
                cwd=program.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **program.environment},
                start_new_session=True,  # Ctrl-C is for who started the cluster
                preexec_fn=ends_with(os.getpid()),
            )
        self._running[program.name] = process
        self._write_down()

    def look(self) -> None:
        """Start again what has ended."""
        now_s = monotonic_s()
        for name, process in list(self._running.items()):
            code = process.poll()
            if code is None:
                continue
            if name not in self._again_at_s:
                self._again_at_s[name] = now_s + AGAIN_AFTER_S
                self._say(f"{name} ended ({_in_words(code)}); it is started again")
            elif now_s >= self._again_at_s[name]:
                del self._again_at_s[name]
                self._run(self._programs[name])

    def require_running(self, names: Iterable[str]) -> None:
        """Refuse to wait for one that has ended. Raises `CannotServeError` with its last words."""
        for name in names:
            if self._running[name].poll() is not None:
                raise CannotServeError(f"{name} did not start.\n{last_lines(self.log_of(name))}")

    def wait_until(self, is_so: Callable[[], bool], patience_s: float, *names: str) -> None:
        """Wait until something is so, for which these programs must run."""
        until_s = monotonic_s() + patience_s
        while not is_so():
            self.require_running(names)
            if monotonic_s() > until_s:
                said = "\n".join(last_lines(self.log_of(name)) for name in names)
                raise CannotServeError(
                    f"{', '.join(names)} did not come up within {patience_s:g} s.\n{said}"
                )
            pause(LOOK_S)

    def end(self, names: Sequence[str], within_s: float = END_WITHIN_S) -> None:
        """Have some of them end, all at once, and wait for it; who does not is killed."""
        ending = [self._running.pop(name) for name in names if name in self._running]
        for process in ending:
            _signal(process.pid, signal.SIGTERM)
        until_s = monotonic_s() + within_s
        for process in ending:
            try:
                process.wait(max(0.1, until_s - monotonic_s()))
            except subprocess.TimeoutExpired:
                _signal(process.pid, signal.SIGKILL)
                process.wait()
        self._write_down()

    @property
    def names(self) -> list[str]:
        """What runs or is about to run again."""
        return list(self._running)

    def log_of(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _write_down(self) -> None:
        running = {name: process.pid for name, process in self._running.items()}
        write_running(self._kept, running)


def pause(seconds: float) -> None:
    """Wait; a signal's handler may end it."""
    threading.Event().wait(seconds)


def write_running(kept: Path, running: dict[str, int]) -> None:
    """Write down which process each name is, and when it began."""
    known = {"": os.getpid(), **running}
    entries = {name: (pid, began) for name, pid in known.items() if (began := _began_s(pid))}
    beside = kept.with_suffix(".new")
    beside.write_text(json.dumps(entries), encoding="utf-8")
    beside.replace(kept)


def running(kept: Path) -> dict[str, psutil.Process]:
    """What runs of what was written down; the cluster itself is called ""."""
    try:
        entries = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    found = {}
    for name, (pid, began_s) in entries.items():
        if _began_s(pid) == began_s:
            found[name] = psutil.Process(pid)
    return found


def end_all(left: Sequence[psutil.Process], within_s: float = END_WITHIN_S) -> None:
    """End processes of a cluster that did not end itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        _, left = psutil.wait_procs(left, within_s)
        if not left:
            return


def kill_with_children(process: psutil.Process) -> None:
    """End a process and all that it started as a power cut does."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [process, *process.children(recursive=True)]
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()


def _began_s(pid: int) -> float:
    """When a process began; 0 if it is none any more."""
    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return 0.0


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _in_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"signal {signal.Signals(-code).name}"
