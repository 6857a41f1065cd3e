"""What a cluster is made of: its machines or, on one machine, its ports; its secrets."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from central.errors import CannotServeError
from kiosk.child_processes import is_free
from kiosk.model.urls import host as in_url
from kiosk.private_files import write_private

LOOPBACK = "127.0.0.1"
FIRST_PORT = 8700
PORTS = 100
"""So many from the first one on are looked at for those that are free."""
DATABASES, SERVERS = 3, 2
ACCOUNT = "demo@example.org"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _secret() -> str:
    return secrets.token_hex(16)


class Secrets(_Part):
    """Made at random for each cluster."""

    superuser: str = Field(default_factory=_secret)
    replication: str = Field(default_factory=_secret)
    rewind: str = Field(default_factory=_secret)
    central: str = Field(default_factory=_secret)
    """Of the database's user `central`, as whom the servers come."""
    patroni: str = Field(default_factory=_secret)
    """For what changes something at Patroni's own address."""
    etcd_root: str = Field(default_factory=_secret)
    etcd: str = Field(default_factory=_secret)
    etcd_token: str = Field(default_factory=_secret)
    account: str = Field(default_factory=_secret)
    """The password of who signs in at the pages of a cluster on one machine."""


class DatabaseNode(_Part):
    """A PostgreSQL under Patroni, and an etcd beside it."""

    name: str
    address: str = LOOPBACK
    port: int = 5432
    patroni_port: int = 8008
    etcd_port: int = 2379
    etcd_peer_port: int = 2380


class ServerNode(_Part):
    """A process of the central server."""

    name: str
    address: str = LOOPBACK
    port: int = 8080
    roles: tuple[Literal["api", "worker", "keeper"], ...] = ("api", "worker", "keeper")


class Plan(_Part):
    """All of a cluster."""

    databases: tuple[DatabaseNode, ...]
    servers: tuple[ServerNode, ...]
    balancer_address: str = LOOPBACK
    balancer_port: int = 8080
    """Of HAProxy, where it is installed."""
    prometheus_port: int = 9090
    public_url: str = ""
    """How the cluster is reached from outside; empty: at the balancer."""
    secrets: Secrets = Secrets()
    key: str = ""
    """The demo's key for announcing packages, on one machine."""
    is_made: bool = False
    """Whether the first start came to its end, so that there is something to lose."""

    @property
    def server_urls(self) -> tuple[str, ...]:
        """Where each server answers."""
        api = (each for each in self.servers if "api" in each.roles)
        return tuple(f"http://{in_url(each.address)}:{each.port}" for each in api)

    @property
    def balancer_url(self) -> str:
        """Where HAProxy answers."""
        return self.public_url or f"http://{in_url(self.balancer_address)}:{self.balancer_port}"

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus answers, on one machine."""
        return f"http://{LOOPBACK}:{self.prometheus_port}"

    @property
    def etcd_urls(self) -> tuple[str, ...]:
        """Where each etcd answers."""
        return tuple(f"http://{in_url(each.address)}:{each.etcd_port}" for each in self.databases)

    @property
    def database_url(self) -> str:
        """SQLAlchemy's URL of whichever PostgreSQL is the primary."""
        hosts = "&".join(f"host={in_url(each.address)}:{each.port}" for each in self.databases)
        who = f"central:{self.secrets.central}"
        asked = "target_session_attrs=read-write&connect_timeout=2"
        return f"postgresql+psycopg://{who}@/central?{hosts}&{asked}"

    def save(self, file: Path) -> None:
        """Keep it where nobody else reads it."""
        write_private(file, self.model_dump_json(indent=2))


def on_this_machine(first_port: int) -> Plan:
    """A plan on ports of loopback that are free. Raises `CannotServeError` if too few are."""
    free = _free_ports(first_port)
    try:
        balancer, prometheus = next(free), next(free)
        servers = tuple(
            ServerNode(name=f"server{n}", port=next(free)) for n in range(1, SERVERS + 1)
        )
        databases = tuple(
            DatabaseNode(
                name=f"db{n}",
                port=next(free),
                patroni_port=next(free),
                etcd_port=next(free),
                etcd_peer_port=next(free),
            )
            for n in range(1, DATABASES + 1)
        )
    except StopIteration as error:
        raise CannotServeError(
            f"too few ports of 127.0.0.1 are free from {first_port} on: end what listens there,"
            " or name another first one with --port"
        ) from error
    return Plan(
        databases=databases,
        servers=servers,
        balancer_port=balancer,
        prometheus_port=prometheus,
    )


def load(file: Path) -> Plan:
    """The plan that was kept. Raises `CannotServeError`."""
    try:
        return Plan.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CannotServeError(
            f"{file.parent}: no cluster was made there; make cluster makes one"
        ) from error
    except (OSError, ValidationError, json.JSONDecodeError) as error:
        raise CannotServeError(
            f"{file}: this is no cluster's file: {error}; start over with --fresh"
        ) from error


def require_free(plan: Plan) -> None:
    """Refuse to start where another program has one of its ports. Raises `CannotServeError`."""
    ports = [plan.balancer_port, plan.prometheus_port, *(each.port for each in plan.servers)]
    for node in plan.databases:
        ports += [node.port, node.patroni_port, node.etcd_port, node.etcd_peer_port]
    taken = [str(port) for port in ports if not is_free(port)]
    if taken:
        raise CannotServeError(
            f"other programs listen on the cluster's ports ({', '.join(taken)} of 127.0.0.1): end"
            " them, or start over on others with --fresh --port"
        )


def _free_ports(first: int) -> Iterator[int]:
    yield from (port for port in range(first, min(first + PORTS, 65536)) if is_free(port))
