"""A cluster's folder on this machine: what lies where, whose it is, what a killed one left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from central.cluster.processes import end_all, running
from central.errors import CannotServeError

LOCK = "lock"


class Folder:
    """Where everything of a cluster on this machine lies."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.plan = self.path / "cluster.json"
        self.running = self.path / "running.json"
        self.logs = self.path / "logs"
        self.databases = self.path / "databases"
        self.servers = self.path / "servers"
        self.watching = self.path / "watching"
        """What HAProxy and Prometheus have."""
        self.messages = self.path / "messages"
        """Where the servers write text messages, in the place of a gateway."""

    def settings(self, server: str) -> Path:
        """The settings of a server."""
        return self.servers / f"{server}.toml"

    def data(self, database: str) -> Path:
        """The data of a PostgreSQL."""
        return self.databases / database / "postgresql"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Have it for this process alone. Raises `CannotServeError`."""
        if self.path.exists() and not self.path.is_dir():
            raise CannotServeError(f"{self.path} is no folder; name the right one with --folder")
        if self.path.exists() and any(self.path.iterdir()) and not (self.path / LOCK).exists():
            raise CannotServeError(
                f"{self.path} holds files that are no cluster's; name an empty or new folder with"
                " --folder"
            )
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise CannotServeError(
                f"a cluster runs in {self.path} already; to end it: python -m central.cluster down"
            ) from None
        finally:
            os.close(lock)

    def is_in_use(self) -> bool:
        """Whether a cluster runs here."""
        if not (self.path / LOCK).exists():
            return False
        lock = os.open(self.path / LOCK, os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def end_left_behind(self) -> None:
        """End what a cluster that was killed left running, the database's own processes last."""
        left = [process for name, process in running(self.running).items() if name]
        end_all(left)
        end_all(list(self._postgres()))

    def postgres(self, database: str) -> psutil.Process | None:
        """The process of a PostgreSQL; None where none runs."""
        data = self.data(database)
        try:
            number = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(number)
            is_it = str(data) in process.cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return process if is_it else None

    def _postgres(self) -> Iterator[psutil.Process]:
        for folder in sorted(self.databases.glob("*")):
            process = self.postgres(folder.name)
            if process is not None:
                yield process

    def empty(self) -> None:
        """Remove all but the lock."""
        for path in self.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
