"""A whole cluster on this machine: brought up step by step, watched, ended in order."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from central.auth import Role, Scope
from central.cluster import database, rendering, states
from central.cluster import plan as plans
from central.cluster.commands import ROOT, central_command, migrate
from central.cluster.folder import Folder
from central.cluster.plan import ACCOUNT, DatabaseNode, Plan, ServerNode
from central.cluster.processes import Processes, Program, pause
from central.cluster.programs import database_user, find
from central.console import BY, write
from central.context import Central
from central.operators import accounts
from central.settings import load
from kiosk.model.invariants import present
from kiosk.private_files import private_folder, write_private

RULES = Path(__file__).parents[1] / "monitoring"
UP_WITHIN_S = 120.0
"""How long a part may take to come up, on a machine that has other things to do."""
LOOK_S = 0.2
KEY_RATE = 6000
"""Requests a minute of the demo's key."""


class LocalCluster:
    """What was brought up, until the `with` block ends."""

    def __init__(self, folder: Folder, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.programs = find()
        self.processes = Processes(folder.logs, folder.running, say)
        self._user = database_user(folder.path)
        self._plan: Plan | None = None

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def plan(self) -> Plan:
        """What it is made of, once it is coming up."""
        return present(self._plan, "a cluster is asked for its plan before it has one")

    def up(self, first_port: int) -> None:
        """Bring all of it up, with what an earlier one left. Raises `CannotServeError`."""
        self._prepare(first_port)
        self._start_databases()
        self._prepare_server()
        self._start_servers()
        self._start_watching()
        self._keep(is_made=True)

    def watch(self) -> None:
        """Start again what dies, until a signal ends it."""
        while True:
            self.processes.look()
            pause(LOOK_S)

    # --- the steps -------------------------------------------------------------------------

    def _prepare(self, first_port: int) -> None:
        folder = self.folder
        folder.end_left_behind()
        if folder.plan.exists() and not plans.load(folder.plan).is_made:
            folder.empty()  # it was killed before there was anything to lose
        # Another user's processes pass through it; what they may not read, they cannot list either.
        folder.path.chmod(0o700 if self._user.ids is None else 0o711)
        for each in (folder.logs, folder.servers, folder.messages):
            private_folder(each)
        self._user.own(folder.databases, folder.watching)
        self._plan = (
            plans.load(folder.plan) if folder.plan.exists() else plans.on_this_machine(first_port)
        )
        plans.require_free(self.plan)
        self._keep()

    def _start_databases(self) -> None:
        etcds = [self._start_etcd(node) for node in self.plan.databases]
        self.processes.wait_until(lambda: states.is_etcd_up(self.plan), UP_WITHIN_S, *etcds)
        database.require_passwords(self.plan)
        patronis = [self._start_patroni(node) for node in self.plan.databases]
        self.processes.wait_until(lambda: states.is_whole(self.plan), UP_WITHIN_S, *patronis)
        database.make(self.plan)

    def _start_etcd(self, node: DatabaseNode) -> str:
        folder, name = self.folder.databases / node.name, f"etcd-{node.name}"
        self._user.own(folder)
        settings = folder / "etcd.yml"
        self._write(settings, rendering.etcd(self.plan, node, folder / "etcd"))
        self._start_as_user(name, self.programs.etcd, "--config-file", settings)
        return name

    def _start_patroni(self, node: DatabaseNode) -> str:
        data, name = self.folder.data(node.name), f"patroni-{node.name}"
        database.remove_half_made(data)
        settings = data.with_name("patroni.yml")
        text = rendering.patroni(self.plan, node, data, self.programs.postgresql)
        self._write(settings, text)
        self._start_as_user(name, sys.executable, "-m", "patroni", settings)
        return name

    def _prepare_server(self) -> None:
        for node in self.plan.servers:
            self._write_settings(node)
        first = self.folder.settings(self.plan.servers[0].name)
        migrate(first)
        if not self.plan.is_made:
            self._keep(key=write(load(first), self._make_account))

    def _make_account(self, connection: Connection, central: Central) -> str:
        """Who may sign in at the pages; the key of a sender of packages."""
        password = self.plan.secrets.account
        accounts.add_user(connection, central, BY, ACCOUNT, "", Role.ADMIN, password)
        return accounts.add_key(connection, central, BY, "The demo", list(Scope), KEY_RATE)

    def _start_servers(self) -> None:
        for node in self.plan.servers:
            command = central_command(self.folder.settings(node.name), "serve")
            self.processes.start(Program(node.name, command, ROOT))
        names = [node.name for node in self.plan.servers]
        self.processes.wait_until(
            lambda: all(map(states.is_ready, self.plan.servers)), UP_WITHIN_S, *names
        )

    def _start_watching(self) -> None:
        folder, programs = self.folder.watching, self.programs
        if programs.haproxy is not None:
            settings = folder / "haproxy.cfg"
            self._write(settings, rendering.haproxy(self.plan))
            self._start_as_user("haproxy", programs.haproxy, "-db", "-f", settings)
            health = f"{self.plan.balancer_url}/healthz"
            self.processes.wait_until(lambda: states.answers(health), UP_WITHIN_S, "haproxy")
        if programs.prometheus is not None:
            settings = folder / "prometheus.yml"
            rules = sorted(RULES.glob("*rules.yml")) if RULES.is_dir() else []
            self._write(settings, rendering.prometheus(self.plan, rules))
            options = (
                f"--config.file={settings}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{self.plan.prometheus_port}",
            )
            self._start_as_user("prometheus", programs.prometheus, *options)

    # --- their parts -----------------------------------------------------------------------

    def _keep(self, **changes: object) -> None:
        self._plan = self.plan.model_copy(update=changes)
        self.plan.save(self.folder.plan)

    def _write(self, file: Path, text: str) -> None:
        write_private(file, text)
        self._user.give(file)

    def _write_settings(self, node: ServerNode) -> None:
        folder, is_balanced = self.folder, self.programs.haproxy is not None
        url = self.plan.balancer_url if is_balanced else self.plan.server_urls[0]
        data = folder.servers / node.name
        text = rendering.central(self.plan, node, data, folder.servers, url)
        write_private(folder.settings(node.name), text + rendering.demo(folder.messages))

    def _start_as_user(self, name: str, *command: str | Path) -> None:
        whole = (*self._user.prefix, *map(str, command))
        self.processes.start(Program(name, whole, Path("/"), {"HOME": "/"}))

    def _end(self) -> None:
        """What asks ends before what is asked."""
        names = self.processes.names
        balancers = [each for each in names if each in ("haproxy", "prometheus")]
        databases = [each for each in names if each.startswith("patroni-")]
        etcds = [each for each in names if each.startswith("etcd-")]
        others = [each for each in names if each not in (*balancers, *databases, *etcds)]
        for some in (balancers, others, databases, etcds):
            self.processes.end(some)
        self.folder.end_left_behind()
