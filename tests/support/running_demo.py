"""A demo as `make run` starts it: on a machine without a display, or on a given one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PATIENCE_S = 60.0


class Demo:
    """A demo that runs, and what it said."""

    def __init__(self, data: Path, scratch: Path, display: str = "") -> None:
        environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
        if display:
            environment["DISPLAY"] = display
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kiosk", "demo", "--window", "--data", str(data)],
            cwd=CHECKOUT,
            env={**environment, "TMPDIR": str(scratch)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = self._read_until("Data" if display else "Remotely")

    def _read_until(self, last: str) -> str:
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if line.startswith(last):
                return said
        raise AssertionError(f"the demo ended early:\n{said}")

    def children(self) -> list[int]:
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(number) for number in Path(children).read_text().split()]

    @property
    def address(self) -> str:
        """What a person is asked to open in a browser."""
        address = re.search(r"Open +(http://\S+)", self.said)
        assert address is not None, self.said
        return address[1]

    @property
    def code(self) -> str:
        """The digits of the code that a person is asked to try."""
        code = re.search(r"A code +(\d[\d ]*\d)\n", self.said)
        assert code is not None, self.said
        return code[1].replace(" ", "")

    def opened(self) -> list[str]:
        """The slots whose doors the steel has seen open, in their order."""
        said = (self.data / "logs" / "simulator.log").read_text().splitlines()
        events = [json.loads(line) for line in said if line.startswith("{") and line.endswith("}")]
        return [event["slot"] for event in events if event["event"] == "opened"]

    def page(self) -> str:
        with urllib.request.urlopen(self.address, timeout=10) as answer:
            return str(answer.read().decode())

    def stop(self) -> None:
        """End it as a service manager does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
