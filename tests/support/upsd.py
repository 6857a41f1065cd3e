"""The real `upsd` of Network UPS Tools with its driver for supplies that are none, for one test.

What the supply says stands in a file; `say` writes another one. All of it lies in one folder and
runs as whoever runs the test.
"""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
from pathlib import Path

PROGRAMS = {"driver": "/lib/nut/dummy-ups", "upsd": "/lib/nut/upsd"}
IS_THERE = all(Path(each).exists() for each in PROGRAMS.values())
WHY_NOT = "there is no upsd here with its dummy-ups driver (Debian: nut-server)"
NAME = "test"


class Upsd:
    """A supply that says what a test has it say, from the start on that there are mains."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._times = 1_700_000_000
        folder.mkdir(mode=0o700)
        said = f"[{NAME}]\n  driver = dummy-ups\n  port = {self._said}\n  mode = dummy-once\n"
        (folder / "ups.conf").write_text(f"pollinterval = 1\n{said}")
        (folder / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {self.port}\nMAXAGE 5\n")
        (folder / "upsd.users").write_text("")
        self.say("OL", charge=100)

    @property
    def name(self) -> str:
        """As a site file has it."""
        return f"{NAME}@127.0.0.1:{self.port}"

    @property
    def _said(self) -> Path:
        return self.folder / "said.dev"

    def say(self, status: str, **battery: float) -> None:
        """What the supply says from now on."""
        variables = {"ups.status": status}
        variables |= {f"battery.{name}": str(value) for name, value in battery.items()}
        draft = self._said.with_suffix(".part")
        draft.write_text("".join(f"{name}: {value}\n" for name, value in variables.items()))
        # The driver reads it again when its time is another one, in seconds.
        self._times += 1
        os.utime(draft, (self._times, self._times))
        draft.replace(self._said)

    def start(self, *names: str) -> None:
        """Begin some of the programs, or all of them."""
        for name in names or PROGRAMS:
            self._begin(name)

    def _begin(self, name: str) -> None:
        who = pwd.getpwuid(os.geteuid()).pw_name
        of_driver = ["-a", NAME] if name == "driver" else []
        paths = dict.fromkeys(("NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH"), str(self.folder))
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [PROGRAMS[name], "-D", "-u", who, *of_driver],
                env={**os.environ, **paths},
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def stop(self, *names: str) -> None:
        """End some of the programs, or all of them."""
        for name in names or tuple(self._running):
            running = self._running.pop(name, None)
            if running is not None:
                running.terminate()
                try:
                    running.wait(10)
                except subprocess.TimeoutExpired:
                    running.kill()
                    running.wait(10)
