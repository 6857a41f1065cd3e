"""Server processes under load, on SQLite or on a PostgreSQL of their own, and what they cost."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy import Connection, create_engine, insert

from central import schema
from central.auth import Scope
from central.building import build
from central.database.migrating import migrate
from central.operators.accounts import add_key
from central.settings import Settings
from central.sync.room import note_room
from central.tokens import token_hash
from tests.load.delay import delayed
from tests.load.journals import kiosk_of
from tests.support.postgresql import Cluster

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
KEY_RATE = 10_000_000
"""Requests a minute of the announcing key: the load is what is measured, not its ceiling."""
CONFIG = """
data = "{folder}"
database_url = "{database_url}"
[limits]
events_by_location = 1000000000
events_kb_by_location = 1000000000
commands_by_location_and_sender = 1000000000
open_announcements_per_door = 1000
open_announcements_min = 1000000000
open_announcements_by_sender = 1000000000
[connections]
"""
CONNECTIONS = {"by_address": 100_000, "most": 100_000}


@dataclass(frozen=True)
class Servers:
    """Servers that run and know so many locations."""

    addresses: list[tuple[str, int]]
    api_key: str
    processes: list[int]
    """Their ids; none where they were started by somebody else."""
    postmaster: int | None = None

    def server_cpu_s(self) -> float:
        """Seconds of processor that the servers have used."""
        return sum(_cpu_s(each) for each in self.processes)

    def database_cpu_s(self) -> float:
        """The same of PostgreSQL, with all its processes; 0 on SQLite, which is in the server."""
        if self.postmaster is None:
            return 0.0
        children = Path(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read_text()
        alive_s = sum(_cpu_s(int(each)) for each in children.split())
        return alive_s + _cpu_s(self.postmaster, with_ended=True)


@contextmanager
def running(locations: int, database: str, servers: int, delay_ms: float) -> Iterator[Servers]:
    """Servers of our own, for a while. `database`: `sqlite` or `postgresql`."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database_url, postmaster = "", None
        if database == "postgresql":
            cluster = Cluster(fsync="on", synchronous_commit="on", full_page_writes="on")
            stack.callback(cluster.stop)
            database_url = migrated(cluster.new_database(is_empty=True))
            postmaster = int((cluster.data / "postmaster.pid").read_text().split()[0])
            if delay_ms:
                database_url = stack.enter_context(_delayed(database_url, delay_ms))
        config = configured(folder, database_url)
        api_key = prepare(Settings(data=folder, database_url=database_url), locations)
        addresses, processes = [], []
        for _ in range(servers):
            address, process = stack.enter_context(serving(config))
            processes.append(process)
            addresses.append(address)
        yield Servers(addresses, api_key, processes, postmaster)


def configured(folder: Path, database_url: str = "", **connections: int) -> Path:
    """The settings of a server in this folder, whose limits the load does not reach."""
    config = folder / "central.toml"
    most = "".join(f"{name} = {most}\n" for name, most in {**CONNECTIONS, **connections}.items())
    config.write_text(CONFIG.format(folder=folder, database_url=database_url) + most)
    return config


def prepare(settings: Settings, locations: int) -> str:
    """Make so many locations known, in a city each, with room; the key that may announce there."""

    def add(connection: Connection) -> str:
        rows = [
            {
                "id": kiosk.name,
                "token_hash": token_hash(kiosk.token),
                "layout_hash": "",
                "latitude": 40 + number % 100 / 10,
                "longitude": number // 100 / 10,
                "free": 1000,
            }
            for number, kiosk in enumerate(map(kiosk_of, range(locations)))
        ]
        connection.execute(insert(schema.location), rows)
        sizes = [{"location": row["id"], "size": "S", "free": 1000, "total": 1000} for row in rows]
        connection.execute(insert(schema.location_size), sizes)
        for row in rows:
            note_room(connection, str(row["id"]))
        return add_key(
            connection, central, "load", "load", [Scope.ANNOUNCE, Scope.LOCATIONS], KEY_RATE
        )

    central = build(settings)
    try:
        return central.database.submit(add).result()
    finally:
        central.database.close()


def migrated(database_url: str) -> str:
    """The same database with this version's tables."""
    engine = create_engine(database_url)
    migrate(engine)
    engine.dispose()
    return database_url


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serving(
    config: Path, module: str = "central", **environment: str
) -> Iterator[tuple[tuple[str, int], int]]:
    """A server process with these settings, that answers: its address, and its id."""
    port = free_port()
    command = [sys.executable, "-m", module, "--config", str(config), "serve"]
    log = config.with_name(f"server-{port}.log")
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if server.poll() is not None or time.monotonic() > deadline_s:
                raise click.ClickException(f"the server did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield ("127.0.0.1", port), server.pid
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _delayed(database_url: str, delay_ms: float) -> Iterator[str]:
    """The database behind a line whose round trip takes so long."""
    start, _, folder = database_url.partition("@/")
    name, _, path = folder.partition("?host=")
    with delayed(f"{path}/.s.PGSQL.5432", delay_ms) as port:
        yield f"{start}@127.0.0.1:{port}/{name}"


def _cpu_s(pid: int, *, with_ended: bool = False) -> float:
    """Seconds of processor of a process, and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    ticks = int(fields[11]) + int(fields[12])
    if with_ended:
        ticks += int(fields[13]) + int(fields[14])
    return ticks / os.sysconf("SC_CLK_TCK")
