"""A cluster whose databases and servers each have a machine of their own, as network namespaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from central.cluster.folder import Folder
from central.cluster.local import LocalCluster
from central.cluster.plan import DATABASES, SERVERS, DatabaseNode, Plan, ServerNode
from central.cluster.processes import Processes, Program
from central.console import write
from central.settings import load
from tests.support.machines import ROUTER, Machines

NAMES = (
    *(f"db{number}" for number in range(1, DATABASES + 1)),
    *(f"server{number}" for number in range(1, SERVERS + 1)),
)
IN_HBA = "  pg_hba:\n"
ROUTER_COMES = (
    f"    - 'host all postgres {ROUTER}/32 scram-sha-256'\n"
    f"    - 'host central central {ROUTER}/32 scram-sha-256'\n"
)
"""The tests look at the databases from the router."""


class _Spread(Processes):
    """Starts each program on its machine: `etcd-db1` and `patroni-db1` on `db1`."""

    def __init__(self, folder: Folder, say: Callable[[str], None], machines: Machines) -> None:
        super().__init__(folder.logs, folder.running, say)
        self._machines = machines

    def start(self, program: Program) -> None:
        prefix = self._machines.prefix(program.name.rpartition("-")[2])
        super().start(replace(program, command=(*prefix, *program.command)))


class SpreadCluster(LocalCluster):
    """The same steps as on one machine."""

    def __init__(self, folder: Folder, say: Callable[[str], None], machines: Machines) -> None:
        super().__init__(folder, say)
        self.programs = replace(self.programs, haproxy=None, prometheus=None)
        self.processes = _Spread(folder, say, machines)

    def _prepare_server(self) -> None:
        super()._prepare_server()
        # Its plan was made elsewhere, so nothing was made in it yet: here the servers' key is.
        write(load(self.folder.settings(self.plan.servers[0].name)), self._make_account)

    def _write(self, file: Path, text: str) -> None:
        super()._write(file, text.replace(IN_HBA, IN_HBA + ROUTER_COMES))

    def _write_settings(self, node: ServerNode) -> None:
        super()._write_settings(node)
        settings = self.folder.settings(node.name)
        # These lines are nobody else's.
        settings.write_text("allow_plain_http = true\n" + settings.read_text())


@contextmanager
def spread_cluster(folder: Path, say: Callable[[str], None]) -> Iterator[tuple[Plan, Machines]]:
    """One that is up, in this process's network namespace and some of its own."""
    made = Folder(folder)
    with Machines(NAMES) as machines, made.alone(), SpreadCluster(made, say, machines) as cluster:
        plan = Plan(
            databases=tuple(
                DatabaseNode(name=name, address=machines.address(name))
                for name in NAMES[:DATABASES]
            ),
            servers=tuple(
                ServerNode(name=name, address=machines.address(name)) for name in NAMES[DATABASES:]
            ),
            balancer_port=8081,
            is_made=True,
        )
        plan.save(made.plan)
        cluster.up(first_port=0)
        yield cluster.plan, machines
