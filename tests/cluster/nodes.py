"""A machine of a cluster on this one: its PostgreSQL, its Patroni and its etcd, harmed together."""

from __future__ import annotations

import contextlib

import psutil

from central.cluster.folder import Folder
from central.cluster.processes import running


class Node:
    """A database's machine, as far as there is one."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self.name = folder, name

    def freeze(self) -> None:
        """It stands still, all of it: whoever asks it something waits."""
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw(self) -> None:
        """It goes on, and knows of nothing that happened meanwhile."""
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def kill(self) -> None:
        """It is gone; what was killed is started again as on a machine that comes back."""
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _processes(self) -> list[psutil.Process]:
        """Those that start others before what they start."""
        names = (f"patroni-{self.name}", f"etcd-{self.name}")
        runs = running(self._folder.running)
        found = [runs[name] for name in names if name in runs]
        database = self._folder.postgres(self.name)
        family = [*found, *([database] if database is not None else [])]
        for each in family[:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                family += each.children(recursive=True)
        return list(dict.fromkeys(family))
