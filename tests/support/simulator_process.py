"""The simulator as a process, for tests: started on a config, sent commands, its events awaited."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

PATIENCE_S = 120.0


class SimulatorProcess:
    """`python -m drivers.simulator`, ready when the constructor returns. A context manager."""

    def __init__(self, config: Path, data: Path, *arguments: str, seed: int = 1) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "drivers.simulator", "--script", "-"),
                *("--config", str(config), "--data", str(data), "--seed", str(seed), *arguments),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.ready = self.wait_for("ready")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def tell(self, command: str) -> None:
        """Give it a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def wait_for(self, event: str, **expected: Any) -> dict[str, Any]:
        """The next event of this kind with these values; others before it are passed over."""
        while True:
            found = self._events.get(timeout=PATIENCE_S)
            assert found is not None, f"the simulator ended before {event!r}"
            if found["event"] == event and expected.items() <= found.items():
                return found

    def stop(self) -> int:
        """End it as a closed stdin does; its exit code."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)
